"""The commands. Imports beyond typer are late, so that `liverboard --help` answers at once."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Annotated, Optional

import typer

from liverboard import __version__

app = typer.Typer(
    name="liverboard",
    help="From liver images and clinical facts to a tumour-board dossier. It supports decisions; it never makes them. Research use.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _day(text: str | None) -> dt.date | None:
    if text is None:
        return None
    try:
        if len(text) != 10:
            raise ValueError
        return dt.date.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"'{text}' is not an ISO day such as 2024-05-15") from None


def _today() -> dt.date:
    return dt.datetime.now().astimezone().date()


CasePath = Annotated[
    Path | None, typer.Argument(metavar="CASE", help="A case file (YAML or JSON), or a folder that holds case.yaml.")
]
Sample = Annotated[
    str | None, typer.Option("--sample", metavar="NAME", help="Use a bundled sample instead: real-y90, typed-in.")
]
AsOf = Annotated[
    str | None,
    typer.Option("--as-of", metavar="DATE", help="What was true by this day. Default: the case's own, else today."),
]
Json = Annotated[bool, typer.Option("--json", help="One JSON document on stdout, nothing else there.")]


def _version(value: bool) -> None:
    if value:
        from liverboard.knowledge import knowledge_version

        typer.echo(f"liverboard {__version__}, knowledge {knowledge_version()}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Software and knowledge version.")
    ] = False,
) -> None:
    """Liverboard's commands."""


@app.command(epilog="Example: liverboard board case.yaml -o dossier")
def board(
    case: CasePath = None,
    sample: Sample = None,
    out: Annotated[
        Path | None,
        typer.Option("-o", "--out", metavar="DIR", help="Folder for the dossier. Default: dossier-<case>."),
    ] = None,
    as_of: AsOf = None,
    json: Json = False,
) -> None:
    """The main job: dossier.json, dossier.html and dossier.pdf of one case."""
    from liverboard.board.load import open_case
    from liverboard.board.prepare import prepare_dossier
    from liverboard.cli.show import progress, show_dossier

    opened = open_case(case, sample=sample)
    with progress("Preparing the dossier") as step:
        dossier = prepare_dossier(
            opened.case,
            folder=opened.folder,
            as_of=_day(as_of) or opened.case.as_of or _today(),
            inputs=opened.inputs,
            step=step,
        )
        if not json or out is not None:
            from liverboard.report.write import write_dossier

            step("writing the dossier")
            paths = write_dossier(dossier, out or Path(f"dossier-{dossier.case}"))
        else:
            paths = {}
    if json:
        typer.echo(dossier.model_dump_json(indent=2))
    else:
        show_dossier(dossier, paths)


@app.command(epilog="Example: liverboard facts case.yaml --as-of 2024-05-15 --json")
def facts(case: CasePath = None, sample: Sample = None, as_of: AsOf = None, json: Json = False) -> None:
    """What was known of a case by a day: each fact with value, unit, date and source event; the unknown ones listed."""
    from liverboard.board.load import open_case
    from liverboard.board.prepare import prepare_facts
    from liverboard.cli.show import progress, show_facts, show_json

    opened = open_case(case, sample=sample)
    with progress("Reading the facts") as step:
        known = prepare_facts(
            opened.case, folder=opened.folder, as_of=_day(as_of) or opened.case.as_of or _today(), step=step
        )
    if json:
        show_json(known.as_json())
    else:
        show_facts(known)


@app.command(epilog='Example: liverboard extent --liver seg.nrrd#Liver --lesions "seg.nrrd#Tumor 1,Tumor 2" --json')
def extent(
    liver: Annotated[
        str | None,
        typer.Option("--liver", metavar="F", help="Liver mask: NIfTI, NRRD or .seg.nrrd; F#name or F#5 for a part."),
    ] = None,
    lesions: Annotated[
        str | None, typer.Option("--lesions", metavar="F", help="Lesion masks, each label or segment one lesion.")
    ] = None,
    segments: Annotated[
        str | None, typer.Option("--segments", metavar="F", help="Couinaud segments (from a later release on).")
    ] = None,
    vessels: Annotated[
        str | None, typer.Option("--vessels", metavar="F", help="Vessels (from a later release on).")
    ] = None,
    image: Annotated[
        str | None,
        typer.Option(
            "--image", metavar="F", help="The image behind the masks; in this release only checked to be readable."
        ),
    ] = None,
    out: Annotated[Optional[Path], typer.Option("-o", "--out", metavar="DIR", help="Folder for extent.json.")] = None,  # noqa: UP045
    json: Json = False,
) -> None:
    """Lesion count, volumes, diameters and burden from liver and lesion masks."""
    from liverboard.board.measure import measure_files
    from liverboard.cli.show import progress, show_extent, show_json
    from liverboard.report.write import write_files

    with progress("Measuring") as step:
        measured = measure_files(
            liver=liver, lesions=lesions, segments=segments, vessels=vessels, image=image, step=step
        )
    document = measured.model_dump(mode="json")
    if out is not None:
        import json as json_module

        write_files({out / "extent.json": (json_module.dumps(document, indent=2) + "\n").encode()})
    if json:
        show_json(document)
    else:
        show_extent(measured)


@app.command(epilog="Example: liverboard doctor")
def doctor(json: Json = False) -> None:
    """What is installed, what is missing, where data lie."""
    from liverboard.cli.doctor import examine
    from liverboard.cli.show import show_doctor, show_json

    report = examine()
    if json:
        show_json(report)
    else:
        show_doctor(report)
    if not report["ok"]:
        raise typer.Exit(12)
