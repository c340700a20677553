"""`liverboard dvh`: dose-volume metrics of any dose and any structures."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from liverboard.cli.parameters import Json

if TYPE_CHECKING:
    from liverboard.board.doses import DoseReport


def dvh(
    dose: Annotated[
        str,
        typer.Option(
            "--dose",
            metavar="F",
            help="The dose: DICOM RTDOSE (file or folder, F#2 for one of several), NIfTI or NRRD.",
        ),
    ],
    structures: Annotated[
        str,
        typer.Option(
            "--structures",
            metavar="F",
            help="DICOM SEG or RTSTRUCT, .seg.nrrd, masks as NIfTI or NRRD, closed surfaces (.vtp, .vtm, .stl); F#name,name for parts.",
        ),
    ],
    dose_unit: Annotated[
        str | None,
        typer.Option("--dose-unit", metavar="Gy|cGy|mGy", help="Unit of a NIfTI or NRRD dose. Default: Gy, and said."),
    ] = None,
    surface_space: Annotated[
        str | None,
        typer.Option(
            "--surface-space",
            metavar="RAS|LPS",
            help="Coordinates of a surface file. Default: what it says, else RAS, and said.",
        ),
    ] = None,
    same_space: Annotated[
        bool,
        typer.Option(
            "--same-space", help="Dose and structures lie in one space though their frames of reference differ."
        ),
    ] = False,
    alpha: Annotated[
        float | None,
        typer.Option("--alpha", metavar="PER_GY", help="Radiosensitivity in 1/Gy: adds the equivalent uniform dose."),
    ] = None,
    dose_error: Annotated[
        str | None,
        typer.Option(
            "--dose-error", metavar="SHARE", help="Of the dose, 1 SD, such as 5%: adds intervals, of the outline too."
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("-o", "--out", metavar="DIR", help="Folder for dvh.html, dvh.svg and dvh.json.")
    ] = None,
    json: Json = False,
) -> None:
    """Dose-volume metrics of each structure: volume, mean, least and greatest dose, D95, D70, D50, D2, homogeneity."""
    from liverboard.board.doses import DoseFiles, measure_doses
    from liverboard.cli.show import progress, show_json

    if alpha is not None and not 0 < alpha < 100:
        raise typer.BadParameter(f"--alpha {alpha:g}: give a radiosensitivity above 0 per Gy, such as 0.1")
    files = DoseFiles(dose, structures, _unit(dose_unit), _space(surface_space), same_space)
    with progress("Dose and structures"):
        report = measure_doses(files, alpha, _share(dose_error))
    document = report.as_json()
    if out is not None:
        from liverboard.report.dose_files import write_dvh

        document = write_dvh(out, report)
    if json:
        show_json(document)
    else:
        _show(report)
        if out is not None:
            typer.echo(f"wrote {out}")


def _share(text: str | None) -> float | None:
    from liverboard.units import UnitError, parse_quantity

    if text is None:
        return None
    try:
        found = parse_quantity(text, "fraction")
    except UnitError as error:
        raise typer.BadParameter(f"--dose-error '{text}': {error}") from None
    if not 0 <= found <= 1:
        raise typer.BadParameter(f"--dose-error '{text}': give 0 % to 100 %")
    return found


def _unit(text: str | None) -> Literal["Gy", "cGy", "mGy"] | None:
    match (text or "").lower():
        case "":
            return None
        case "gy":
            return "Gy"
        case "cgy":
            return "cGy"
        case "mgy":
            return "mGy"
        case _:
            raise typer.BadParameter(f"--dose-unit '{text}': Gy, cGy or mGy")


def _space(text: str | None) -> Literal["RAS", "LPS"] | None:
    match (text or "").upper():
        case "":
            return None
        case "RAS":
            return "RAS"
        case "LPS":
            return "LPS"
        case _:
            raise typer.BadParameter(f"--surface-space '{text}': RAS or LPS")


def _show(report: DoseReport) -> None:
    from rich.markup import escape
    from rich.table import Table

    from liverboard.cli.show import out_console

    out = out_console()
    table = Table(box=None, header_style="bold", padding=(0, 1, 0, 0))
    eud = () if report.alpha_per_gy is None else ("EUD Gy",)
    sure = {curve.name: curve for curve in report.curves if curve.mean_low_gy is not None}
    heads = ("structure", "mL", "mean Gy", *(("95 %",) if sure else ()), "min", "max", "D95", "D70", "D50", "D2", *eud)
    for head in heads:
        name = head == "structure"
        table.add_column(head, justify="left" if name else "right", no_wrap=not name)
    for name, each in report.structures.items():
        curve = sure.get(name)
        ends = (f"{curve.mean_low_gy:.2f}-{curve.mean_high_gy:.2f}" if curve else "-",) if sure else ()
        doses = [each.min_gy, each.max_gy, *(each.dose_to(x) for x in (95, 70, 50, 2))]
        if report.alpha_per_gy is not None:
            doses.append(each.equivalent_uniform_dose(report.alpha_per_gy))
        volume = f"{each.volume_ml:.0f}" if each.volume_ml >= 100 else f"{each.volume_ml:.3g}"
        mean = "-" if each.mean_gy is None else f"{each.mean_gy:.2f}"
        table.add_row(escape(name), volume, mean, *ends, *("-" if dose is None else f"{dose:.2f}" for dose in doses))
    out.print(table)
    for warning in report.warnings:
        out.print(f"note: {escape(warning)}", soft_wrap=True)
