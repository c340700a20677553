"""`liverboard sirt workup`: what the scout tells, as figures and as a `scout` event of the case."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast, get_args

import typer

from liverboard.cli.parameters import Json

if TYPE_CHECKING:
    from liverboard.board.sirt_workup import Planar, WorkupReport

_SOURCE = "Masks, SEG, RTSTRUCT or .seg.nrrd, on any grid; F#name,name for some."


def workup(
    spect: Annotated[
        str | None, typer.Option(metavar="F", help="The scout's SPECT: DICOM, NIfTI or NRRD, in counts.")
    ] = None,
    liver: Annotated[str | None, typer.Option(metavar="F", help=f"The liver with its tumours. {_SOURCE}")] = None,
    lungs: Annotated[str | None, typer.Option(metavar="F", help="Both lungs.")] = None,
    tumours: Annotated[list[str] | None, typer.Option(metavar="F", help="Each structure is a tumour.")] = None,
    territory: Annotated[
        list[str] | None, typer.Option(metavar="F", help="A perfused part of the liver. Default: the whole liver.")
    ] = None,
    expected: Annotated[
        list[str] | None, typer.Option(metavar="F", help="Where uptake is expected, such as the kidneys.")
    ] = None,
    ct: Annotated[
        str | None, typer.Option("--ct", metavar="F", help="The CT, for the mass of --lungs by density.")
    ] = None,
    lung_counts: Annotated[
        str | None, typer.Option(metavar="ANT,POST", help="Planar counts of the lungs, anterior and posterior.")
    ] = None,
    liver_counts: Annotated[str | None, typer.Option(metavar="ANT,POST", help="Planar counts of the liver.")] = None,
    lung_scatter: Annotated[str | None, typer.Option(metavar="ANT,POST", help="In the scatter window.")] = None,
    liver_scatter: Annotated[str | None, typer.Option(metavar="ANT,POST", help="In the scatter window.")] = None,
    windows: Annotated[
        str | None, typer.Option(metavar="MAIN,SCATTER", help="Widths in keV: corrects scatter, such as 28,14.")
    ] = None,
    deposition: Annotated[
        str | None,
        typer.Option(metavar="none|correctable|uncorrectable", help="Outside the liver, as the physician judges it."),
    ] = None,
    clip_negative: Annotated[
        bool, typer.Option("--clip-negative", help="Set negative voxels of the scout to 0; the result says how many.")
    ] = False,
    same_space: Annotated[
        bool, typer.Option("--same-space", help="All files lie in one space though their frames of reference differ.")
    ] = False,
    date: Annotated[str | None, typer.Option(metavar="DAY", help="Of the scout, for the event.")] = None,
    into: Annotated[
        Path | None, typer.Option(metavar="CASE", help="Add the scout event to this case file; needs --date.")
    ] = None,
    json: Json = False,
) -> None:
    """Lung shunt, tumour-to-normal ratio, compartments, deposition outside the liver, lung mass; and the scout event for the case."""
    from liverboard.board.sirt_workup import Deposition, WorkupRequest, work_up
    from liverboard.cli.show import progress, show_json

    if deposition is not None and deposition not in get_args(Deposition):
        raise typer.BadParameter(f"--deposition '{deposition}': {', '.join(get_args(Deposition))}")
    day = None if date is None else _day(date)
    if into is not None and day is None:
        raise typer.BadParameter("--into needs --date, the day of the scout")
    request = WorkupRequest(
        planar=_planar(lung_counts, liver_counts, lung_scatter, liver_scatter, windows),
        spect=spect,
        liver=liver,
        lungs=lungs,
        tumours=tuple(tumours or ()),
        territories=tuple(territory or ()),
        expected=tuple(expected or ()),
        ct=ct,
        deposition=cast("Deposition | None", deposition),
        date=day,
        clip_negative=clip_negative,
        same_space=same_space,
    )
    with progress("Work-up") as step:
        report = work_up(request, step)
    if into is not None:
        from liverboard.board.append import append_event

        into = append_event(into, report.event)
    if json:
        show_json(report.model_dump(mode="json"))
    else:
        _show(report, into)


def _show(report: WorkupReport, into: Path | None) -> None:
    from rich.markup import escape

    from liverboard.cli.show import out_console
    from liverboard.clinical.case_append import event_yaml

    out = out_console()
    for shunt in report.lung_shunts:
        out.print(f"lung shunt      [bold]{100 * shunt.fraction:.2f} %[/bold], {shunt.method} ({shunt.source})")
    if report.tumour_to_normal_ratio is not None:
        out.print(f"tumour : normal [bold]{report.tumour_to_normal_ratio:.2f}[/bold], all tumours together")
    for part in () if report.scout is None else report.scout.compartments:
        out.print(
            f"  {escape(part.name)}: {part.volume_ml:.1f} mL, {100 * part.fraction:.1f} % of the counts, {part.to_normal:.2f} times normal liver",
            soft_wrap=True,
        )
    for spot in report.extrahepatic or ():
        x, y, z = spot.centroid_lps_mm
        out.print(
            f"outside         {spot.volume_ml:.1f} mL at {x:.0f}, {y:.0f}, {z:.0f} mm (LPS), {100 * spot.share:.2g} % of all counts,"
            f" peak {spot.peak_to_liver:.1f} times the liver's mean",
            soft_wrap=True,
        )
    if report.lung_mass is not None:
        mass = report.lung_mass
        out.print(
            f"lung mass       [bold]{mass.mass_kg:.3f} kg[/bold], {mass.volume_ml:.0f} mL of {mass.density_g_ml:.3f} g/mL ({mass.source})"
        )
    for warning in report.warnings:
        out.print(f"note     {escape(warning)}", soft_wrap=True)
    if into is not None:
        out.print(f"added the scout event to {escape(into.name)}")
        return
    out.print("the event for the case file" + ("" if "date" in report.event else ", to which its date is to be added:"))
    typer.echo(event_yaml(report.event), nl=False)


def _planar(
    lungs: str | None, liver: str | None, lung_scatter: str | None, liver_scatter: str | None, windows: str | None
) -> Planar | None:
    from liverboard.board.sirt_workup import Planar
    from liverboard.sirt.workup import PlanarRegion, Windows

    if lungs is None and liver is None:
        if lung_scatter or liver_scatter or windows:
            raise typer.BadParameter("scatter and windows belong to --lung-counts and --liver-counts")
        return None
    if lungs is None or liver is None:
        raise typer.BadParameter("--lung-counts and --liver-counts go together")

    def region(name: str, counts: str, scatter: str | None) -> PlanarRegion:
        below = (None, None) if scatter is None else _pair(f"--{name}-scatter", scatter)
        return PlanarRegion(*_pair(f"--{name}-counts", counts), *below)

    widths = None if windows is None else Windows(*_pair("--windows", windows))
    return Planar(region("lung", lungs, lung_scatter), region("liver", liver, liver_scatter), widths)


def _pair(option: str, text: str) -> tuple[float, float]:
    try:
        first, second = (float(part) for part in text.split(","))
    except ValueError:
        raise typer.BadParameter(f"{option} '{text}': two numbers with a comma between, such as 12000,9500") from None
    return first, second


def _day(text: str) -> dt.date:
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"--date '{text}': a day such as 2024-06-10") from None
