"""`liverboard registry study` and `send`: a study comes in de-identified, its results go back to the patient in the PACS."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer

from liverboard.cli.pacs import Url
from liverboard.cli.parameters import Json
from liverboard.cli.registry import Data, open_store
from liverboard.cli.registry_exchange import registry_app

__all__ = ["registry_app"]


@registry_app.command(epilog="Example: liverboard registry study NELM-0001 export-of-the-pacs.zip")
def study(
    case: Annotated[str, typer.Argument(metavar="CASE", help="The pseudonym of the case.")],
    source: Annotated[
        Path, typer.Argument(metavar="SOURCE", help="A folder, zip or tar of DICOM, NIfTI or NRRD, or one file.")
    ],
    data: Data = None,
    centre: Annotated[
        str | None, typer.Option("--centre", metavar="NAME", help="Whose case. Default: the centre of the data folder.")
    ] = None,
    pixels_seen: Annotated[
        bool,
        typer.Option(
            "--pixels-seen",
            help="You looked at the pictures: nothing in them names the patient. Asked for with ultrasound, screen captures, angiography.",
        ),
    ] = False,
    json: Json = False,
) -> None:
    """Take a study of a case. DICOM is de-identified on arrival; what is burned into pixels is for you to look at."""
    from liverboard.cli.show import progress, show_json
    from liverboard.registry.cases import CaseKey
    from liverboard.registry.permissions import CONSOLE
    from liverboard.registry.studies import Taking, receive

    with progress("Receiving") as step, closing(open_store(data)) as store:
        key, how = CaseKey(centre or store.folder.centre, case), Taking(pixels_seen=pixels_seen)
        received = receive(store, CONSOLE, key, source, how=how, step=step)
    named = [str(place) for place in received.named if not place.replaced]
    if json:
        show_json(
            {
                "study": received.id,
                "path": received.path.name,
                "files": received.files,
                "warnings": list(received.warnings),
                "structures": list(received.words),
                "left_aside": dict(received.left_aside),
                "named": named,
            }
        )
        return
    typer.echo(f"study {received.id}: {received.files} files in {received.path.name}, de-identified")
    for reason, count in received.left_aside:
        typer.echo(f"  {count} left aside: {reason}")
    if received.words:
        typer.echo(f"  structures kept by name, look for names of people: {', '.join(received.words)}")
    for warning in received.warnings:
        typer.echo(f"  {warning}")
    for place in named:
        typer.echo(f"  typed before, what this study calls the patient: {place}. Correct it; the trail keeps it")


@registry_app.command(
    epilog="Example: liverboard registry send 12 segmentation.dcm report.dcm --url https://pacs/dicom-web"
)
def send(
    number: Annotated[int, typer.Argument(metavar="STUDY", help="The number that `registry study` gave.")],
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="DICOM results made on that study.")],
    url: Url = None,
    data: Data = None,
    json: Json = False,
) -> None:
    """Send results to the PACS under the patient and study that they belong to. Nothing that identifies stays on this machine."""
    import tempfile

    from liverboard.cli.pacs import open_pacs
    from liverboard.cli.show import progress, show_json
    from liverboard.registry.permissions import CONSOLE
    from liverboard.registry.studies import for_source
    from liverboard.volume.dicomweb import send_files

    pacs = open_pacs(url)
    with progress("Sending") as step, closing(open_store(data)) as store, tempfile.TemporaryDirectory() as made:
        joined = for_source(store, CONSOLE, number, tuple(files), Path(made) / "joined")
        count = send_files(pacs, joined, step=step)
    if json:
        show_json({"sent": count})
    else:
        typer.echo(f"{count} objects stored in the PACS")
