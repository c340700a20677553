"""`liverboard sirt kernel` and `liverboard sirt dose`: voxel S values, and absorbed dose from an activity map."""

from __future__ import annotations

import datetime as dt
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from liverboard.cli.parameters import Json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from liverboard.board.sirt_dose import DoseReport, DoseRequest
    from liverboard.sirt.dose_band import Recovery
    from liverboard.sirt.limits import Scenario

_NUCLIDES = {"resin": "Y-90", "glass": "Y-90", "ho166": "Ho-166", "y-90": "Y-90", "ho-166": "Ho-166"}
_PRODUCTS = {name: name for name in ("resin", "glass", "ho166")}
Nuclide = Annotated[str, typer.Option(metavar="Y-90|Ho-166", help="Or the product: resin, glass, ho166.")]


def kernel(
    voxel: Annotated[
        str, typer.Option(metavar="MM", help="Edge of the voxels, such as '3.59 mm', or three: '2.3 x 2.3 x 2.8 mm'.")
    ],
    density: Annotated[
        str | None, typer.Option(metavar="G/ML", help="Of the tissue. Default 1.04, that of the published tables.")
    ] = None,
    nuclide: Nuclide = "Y-90",
    json: Json = False,
) -> None:
    """Voxel S values in mGy/(MBq s) in soft tissue, for voxels of any size."""
    from liverboard.cli.show import show_json
    from liverboard.sirt.kernel import radial_kernel, voxel_kernel

    edges = [_quantity(part, "mm", "--voxel") for part in _edges(voxel)]
    found = voxel_kernel(radial_kernel(_nuclide(nuclide)), edges * 3 if len(edges) == 1 else edges, _density(density))
    if json:
        show_json(found.as_json())
        return
    edge = " x ".join(f"{each:g}" for each in found.spacing_mm)
    typer.echo(f"{found.radial.nuclide}, voxels of {edge} mm, {found.density_g_ml:g} g/mL; mGy/(MBq s)")
    for i, j, k in ((0, 0, 0), (0, 0, 1), (0, 1, 0), (1, 0, 0), (0, 1, 1), (1, 1, 1), (0, 0, 2)):
        typer.echo(f"  S{i}{j}{k}  {found.s(i, j, k):.4g}")
    typer.echo(f"  sum   {found.sum:.4g}, which is {found.deposited_mev:.4f} MeV a decay")
    typer.echo(f"kernel: {found.radial.label}")
    for warning in found.warnings:
        typer.echo(f"note: {warning}")


def dose(
    activity_map: Annotated[
        str, typer.Option(metavar="F", help="PET or SPECT after treatment: DICOM folder, NIfTI or NRRD.")
    ],
    structures: Annotated[
        str, typer.Option(metavar="F", help="Masks, SEG, RTSTRUCT or .seg.nrrd; F#name,name for some of them.")
    ],
    total_activity: Annotated[
        str | None, typer.Option(metavar="GBQ", help="Activity at injection that the sum of the map is scaled to.")
    ] = None,
    method: Annotated[
        str, typer.Option(metavar="kernel|local", help="Whose metrics come first; both are computed.")
    ] = "kernel",
    nuclide: Nuclide = "Y-90",
    unit: Annotated[
        str | None, typer.Option(metavar="U", help="Of the values, where the file is silent: Bq/mL or counts.")
    ] = None,
    hours_after_injection: Annotated[
        str | None, typer.Option(metavar="TIME", help="When it was scanned, such as '18 h'.")
    ] = None,
    injection: Annotated[
        str | None,
        typer.Option(
            metavar="MOMENT", help="With its time zone, such as 2024-06-12T10:00+02:00; with --scan, --measured."
        ),
    ] = None,
    scan: Annotated[str | None, typer.Option(metavar="MOMENT", help="Of the scan, with its time zone.")] = None,
    measured: Annotated[
        str | None, typer.Option(metavar="MOMENT", help="When --total-activity was measured: decays to --injection.")
    ] = None,
    lung_shunt: Annotated[str, typer.Option(metavar="SHARE", help="Taken off the total activity.")] = "0%",
    residual: Annotated[str, typer.Option(metavar="SHARE", help="Taken off the total activity.")] = "0%",
    constant: Annotated[
        str | None, typer.Option(metavar="GY*KG/GBQ", help="Dose constant. Default 49.67 (Y-90), 15.53 (Ho-166).")
    ] = None,
    density: Annotated[str | None, typer.Option(metavar="G/ML", help="Of the tissue. Default 1.04.")] = None,
    density_image: Annotated[
        str | None,
        typer.Option(metavar="F", help="A CT: outside soft tissue the voxel's own mass counts. Default: off."),
    ] = None,
    recovery: Annotated[
        str | None,
        typer.Option(
            metavar="ML,POWER",
            help="Phantom curve of recovery: volume of 50 % and power, such as '2.1 mL,1.2'; then, if known, the SD of each and their correlation: '2.1 mL,1.2,8%,5%,-0.6'.",
        ),
    ] = None,
    calibration_error: Annotated[
        str | None, typer.Option(metavar="SHARE", help="Of the scanner, 1 SD, such as 7%.")
    ] = None,
    error: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=SHARE",
            help="A standard deviation: total_activity, lung_shunt, residual; such as total_activity=5%.",
        ),
    ] = None,
    scenario: Annotated[
        str | None,
        typer.Option(
            metavar="segmentectomy|lobectomy|unilobar|bilobar",
            help="With --nuclide resin, glass or ho166: limits of the non-tumour liver.",
        ),
    ] = None,
    condition: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="What limits depend on, such as compromised_liver.")
    ] = None,
    normal_liver: Annotated[
        str | None, typer.Option(metavar="NAME", help="The structure that is non-tumour liver. Default: by its name.")
    ] = None,
    tumour: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="A structure that is tumour. Default: by their names.")
    ] = None,
    same_space: Annotated[
        bool,
        typer.Option(
            "--same-space", help="Map and structures lie in one space though their frames of reference differ."
        ),
    ] = False,
    clip_negative: Annotated[
        bool, typer.Option("--clip-negative", help="Set negative values of the map to 0; the result says how many.")
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option(
            "-o", "--out", metavar="DIR", help="Folder for dose.html, dvh.svg, dose.json, NIfTI, RTDOSE and key images."
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Absorbed dose of a treatment from its PET or SPECT: by kernel and by local deposition, with metrics of every structure."""
    from liverboard.board.sirt_dose import DoseRequest, dose_files
    from liverboard.cli.show import progress, show_json
    from liverboard.sirt.activity_map import Stated
    from liverboard.sirt.measured import Treated
    from liverboard.sirt.voxel_dose import DoseModel, Method

    if method not in {"kernel", "local"}:
        raise typer.BadParameter(f"--method '{method}': kernel or local")
    total_gbq, hours = _at_injection(
        _nuclide(nuclide),
        None if total_activity is None else _quantity(total_activity, "GBq", "--total-activity"),
        None if hours_after_injection is None else _quantity(hours_after_injection, "h", "--hours-after-injection"),
        {"injection": injection, "scan": scan, "measured": measured},
    )
    request: DoseRequest = DoseRequest(
        activity_map=activity_map,
        structures=structures,
        stated=Stated(
            total_gbq=total_gbq,
            lung_shunt=_quantity(lung_shunt, "fraction", "--lung-shunt"),
            residual=_quantity(residual, "fraction", "--residual"),
            hours_after_injection=hours,
            unit=_unit(unit),
            clip_negative=clip_negative,
        ),
        model=DoseModel(
            _nuclide(nuclide),
            None if constant is None else _quantity(constant, "1", "--constant"),
            _density(density),
        ),
        method=cast("Method", method),
        density_image=density_image,
        recovery=_recovery(recovery),
        calibration_sd=None
        if calibration_error is None
        else _quantity(calibration_error, "fraction", "--calibration-error"),
        same_space=same_space,
        treated=Treated(
            cast("Any", _PRODUCTS.get(nuclide.strip().lower())),
            _scenario(scenario),
            tuple(condition or ()),
            normal_liver,
            tuple(tumour or ()),
        ),
        errors=dict(_error(text) for text in error or ()),
    )
    with progress("Dose") as step:
        found = dose_files(request, step)
        document = found.report.model_dump(mode="json")
        if out is not None:
            from liverboard.report.dose_files import write_dose

            document = write_dose(out, found, when=dt.datetime.now(), step=step)  # noqa: DTZ005  (the clock on the wall, as DICOM writes it)
    if json:
        show_json(document)
    else:
        _show(found.report)
        if out is not None:
            typer.echo(f"wrote {out}")


def _show(report: DoseReport) -> None:
    from rich.markup import escape
    from rich.table import Table

    from liverboard.cli.show import out_console

    console = out_console()
    console.print(
        f"{report.nuclide}, {report.total_activity_gbq * 1000:.0f} MBq, {report.constant_gy_kg_per_gbq:g} Gy kg/GBq; metrics by "
        f"[bold]{report.method}[/bold], the mean by the other method beside them"
    )
    other = "local" if report.method == "kernel" else "kernel"
    table = Table(box=None, header_style="bold", padding=(0, 1, 0, 0))
    table.add_column("")
    recovered = any("mean_recovered_gy" in row for row in report.structures.values())
    for name in (
        "mL",
        "mean Gy",
        *(("recovered",) if recovered else ()),
        "95 %",
        f"mean {other}",
        "D95",
        "D70",
        "D50",
        "D2",
    ):
        table.add_column(name, justify="right", no_wrap=name != f"mean {other}")
    for name, row in report.structures.items():
        interval = row["interval"]
        values = [row["methods"][other]["mean_gy"], *(row[key] for key in ("d95_gy", "d70_gy", "d50_gy", "d2_gy"))]
        table.add_row(
            escape(name),
            f"{row['volume_ml']:.1f}",
            _figure(row["mean_gy"]),
            *((_figure(row.get("mean_recovered_gy")),) if recovered else ()),
            f"{interval['low_gy']:.0f}-{interval['high_gy']:.0f}" if interval else "",
            *(_figure(value) for value in values),
        )
    console.print(table)
    _show_effects(console, report)
    for check in report.limits:
        console.print(f"limit    {escape(check.says)} ({check.source}; {escape(check.borrowed)})", soft_wrap=True)
    console.print(f"kernel: {escape(report.kernel)}", soft_wrap=True)
    for text in report.assumptions:
        console.print(f"assumed  {escape(text)}", soft_wrap=True)
    for text in report.warnings:
        console.print(f"note     {escape(text)}", soft_wrap=True)


def _show_effects(console: Console, report: DoseReport) -> None:
    """BED and EQD2 of the mean, and the uniform dose of tumours; each with its band."""
    from rich.markup import escape
    from rich.table import Table

    known = {name: row for name, row in report.structures.items() if "effect" in row}
    if not known:
        return
    table = Table(box=None, header_style="bold", padding=(0, 2, 0, 0))
    table.add_column("")
    for name in ("BED Gy", "EQD2 Gy", "uniform dose Gy"):
        table.add_column(name, justify="right")
    for name, row in known.items():
        effect, uniform = row["effect"], row.get("uniform_dose")
        table.add_row(
            escape(name),
            _banded(effect["bed_gy"], effect["bed_band_gy"]),
            _banded(effect["eqd2_gy"], effect["eqd2_band_gy"]),
            _banded(uniform["eud_gy"], uniform["eud_band_gy"]) if uniform else "",
        )
    console.print(table)
    console.print("BED and EQD2 of the mean dose; brackets: the band of contested parameters", style="dim")


def _banded(value: float, band: Sequence[float]) -> str:
    return f"{value:.0f} ({band[0]:.0f}-{band[1]:.0f})"


def _figure(value: float | None) -> str:
    return "no dose" if value is None else f"{value:.1f}"


def _edges(text: str) -> list[str]:
    """`3 mm` or `2.3 x 2.3 x 2.8 mm` as texts, each with its unit."""
    parts = [part.strip() for part in re.split(r"[x×*,]", text)]
    unit = re.sub(r"^[\d.eE+-]+\s*", "", parts[-1]) or "mm"
    if len(parts) not in {1, 3}:
        raise typer.BadParameter(f"--voxel '{text}': one edge or three, such as '3.59 mm' or '2.3 x 2.3 x 2.8 mm'")
    return [part if re.search(r"[a-zµ]", part) else f"{part} {unit}" for part in parts]


def _density(text: str | None) -> float | None:
    if text is None:
        return None
    bare = re.fullmatch(r"\s*[\d.]+\s*", text)
    return _quantity(f"{text} g/mL" if bare else text, "g/mL", "--density")


def _recovery(text: str | None) -> Recovery | None:
    from liverboard.sirt.dose_band import Recovery

    if text is None:
        return None
    parts = text.split(",")
    if not 2 <= len(parts) <= 5 or len(parts) == 3:
        raise typer.BadParameter(
            f"--recovery '{text}': a volume and a power, such as '2.1 mL,1.2'; then the SD of both, such as '2.1 mL,1.2,8%,5%', then their correlation"
        )
    units = ("mL", "1", "fraction", "fraction", "1")
    return Recovery(*(_quantity(part, unit, "--recovery") for part, unit in zip(parts, units, strict=False)))


def _error(text: str) -> tuple[str, float]:
    name, _, size = (part.strip() for part in text.partition("="))
    found = _quantity(size, "fraction", f"--error {name}")
    if not 0 <= found <= 2:
        raise typer.BadParameter(f"--error '{text}': give 0 % to 200 %")
    return name, found


def _scenario(text: str | None) -> Scenario | None:
    from typing import get_args

    from liverboard.sirt.limits import Scenario

    if text is not None and text not in get_args(Scenario):
        raise typer.BadParameter(f"--scenario '{text}': {', '.join(get_args(Scenario))}")
    return cast("Scenario | None", text)


def _nuclide(text: str) -> str:
    name = _NUCLIDES.get(text.strip().lower())
    if name is None:
        raise typer.BadParameter(f"--nuclide '{text}': Y-90 or Ho-166")
    return name


def _unit(text: str | None) -> str | None:
    if text is None:
        return None
    known = {"bq/ml": "Bq/mL", "bqml": "Bq/mL", "counts": "counts"}.get(text.strip().lower())
    if known is None:
        raise typer.BadParameter(f"--unit '{text}': Bq/mL or counts")
    return known


def _at_injection(
    of: str, total_gbq: float | None, hours: float | None, written: dict[str, str | None]
) -> tuple[float | None, float | None]:
    """The total activity at injection and the hours from injection to scan, from the moments that were given."""
    from liverboard.sirt.decay import activity_at, hours_between, nuclide
    from liverboard.sirt.moments import read_moment
    from liverboard.units import UnitError

    at: dict[str, dt.datetime] = {}
    for option, text in written.items():
        try:
            at |= {} if text is None else {option: read_moment(text)}
        except UnitError as error:
            raise typer.BadParameter(f"--{option} '{text}': {error}") from None
    if at and "injection" not in at:
        raise typer.BadParameter("--scan and --measured need --injection")
    if "measured" in at:
        if total_gbq is None:
            raise typer.BadParameter("--measured needs --total-activity, the activity measured")
        total_gbq = activity_at(total_gbq, at["measured"], at["injection"], nuclide(of))
    if "scan" in at:
        if hours is not None:
            raise typer.BadParameter("give either --scan with --injection, or --hours-after-injection")
        hours = hours_between(at["injection"], at["scan"])
    return total_gbq, hours


def _quantity(text: str, unit: str, option: str) -> float:
    from liverboard.units import UnitError, parse_quantity

    try:
        return parse_quantity(text, unit)
    except UnitError as error:
        raise typer.BadParameter(f"{option} '{text}': {error}") from None
