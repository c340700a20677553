"""`liverboard pacs`: list, fetch and send by DICOMweb. Credentials come from the environment, so that they stay out of the shell's history."""

from __future__ import annotations

import datetime as dt
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from liverboard.volume.dicomweb import Pacs

pacs_app = typer.Typer(no_args_is_help=True, help="Studies from a PACS and results back to it (DICOMweb).")
Url = Annotated[
    str | None,
    typer.Option("--url", metavar="URL", help="DICOMweb root of the PACS. Default: LIVERBOARD_PACS_URL."),
]
Json = Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")]


@pacs_app.command("list", epilog="Example: liverboard pacs list --patient-id 0815 --modality CT")
def list_(
    url: Url = None,
    patient_id: Annotated[
        str | None,
        typer.Option("--patient-id", metavar="ID", help="The patient's ID in the PACS; it is not shown again."),
    ] = None,
    modality: Annotated[str | None, typer.Option("--modality", metavar="M", help="CT, MR, PT, NM ...")] = None,
    since: Annotated[str | None, typer.Option("--since", metavar="DAY", help="Not older than this day.")] = None,
    json: Json = False,
) -> None:
    """Studies in the PACS with their series, newest first; no patient names are shown."""
    from dataclasses import asdict

    from liverboard.cli.show import progress, show_json
    from liverboard.volume.dicomweb import list_studies

    with progress("Asking the PACS"):
        found = list_studies(
            open_pacs(url), patient_id=patient_id, modality=modality, since=None if since is None else _day(since)
        )
    if json:
        show_json({"studies": [{**asdict(s), "date": None if s.date is None else s.date.isoformat()} for s in found]})
        return
    for study in found:
        typer.echo(f"{study.date or 'no date'}  {study.uid}  {study.description}")
        for series in study.series:
            typer.echo(
                f"    {series.modality:<4} {series.instances or '?':>5} objects  {series.description}  {series.uid}"
            )
    if not found:
        typer.echo("no study fits")


@pacs_app.command(epilog="Example: liverboard pacs fetch 1.2.840.113619.2.55 -o study")
def fetch(
    study: Annotated[str, typer.Argument(metavar="STUDY", help="Study Instance UID, as listed.")],
    out: Annotated[Path, typer.Option("-o", "--out", metavar="DIR", help="Folder for the DICOM files.")],
    url: Url = None,
    series: Annotated[str | None, typer.Option("--series", metavar="UID", help="Only this series.")] = None,
    json: Json = False,
) -> None:
    """A study from the PACS as DICOM files, a folder a series."""
    from liverboard.cli.show import progress, show_json
    from liverboard.volume.dicomweb import fetch_study

    with progress("Fetching") as step:
        files = fetch_study(open_pacs(url), study, out, series_uid=series, step=step)
    folders = sorted({str(file.parent) for file in files})
    if json:
        show_json({"files": len(files), "folders": folders})
    else:
        typer.echo(f"{len(files)} objects in {len(folders)} series:")
        for folder in folders:
            typer.echo(f"  {folder}")


@pacs_app.command(epilog="Example: liverboard pacs send extent/segmentation.dcm extent/report.dcm")
def send(
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE...", help="DICOM objects, such as a SEG and its report.")
    ],
    url: Url = None,
    json: Json = False,
) -> None:
    """Send DICOM objects to the PACS."""
    from liverboard.cli.show import progress, show_json
    from liverboard.volume.dicomweb import send_files

    with progress("Sending") as step:
        count = send_files(open_pacs(url), files, step=step)
    if json:
        show_json({"sent": count})
    else:
        typer.echo(f"{count} objects stored in the PACS")


def open_pacs(url: str | None) -> Pacs:
    """The PACS that is meant, with the credentials of the environment."""
    from liverboard.errors import MissingData
    from liverboard.volume.dicomweb import Pacs

    address = url or os.environ.get("LIVERBOARD_PACS_URL")
    if not address:
        raise MissingData("no PACS is named", hint="Give --url or set LIVERBOARD_PACS_URL to its DICOMweb root.")
    return Pacs(
        address,
        user=os.environ.get("LIVERBOARD_PACS_USER"),
        password=os.environ.get("LIVERBOARD_PACS_PASSWORD"),
        token=os.environ.get("LIVERBOARD_PACS_TOKEN"),
    )


def _day(text: str) -> dt.date:
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"'{text}' is not a day such as 2024-05-15") from None
