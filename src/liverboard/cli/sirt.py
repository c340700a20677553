"""`liverboard sirt`: radioembolisation, planned and verified."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from liverboard.cli import sirt_dose, sirt_verify, sirt_workup
from liverboard.cli.parameters import Json

if TYPE_CHECKING:
    from liverboard.sirt.plan import ActivityPlan

_VIALS_SHOWN = 4  # choices of one injection on the screen; --json has all

sirt_app = typer.Typer(
    name="sirt",
    help="Radioembolisation with Y-90 and Ho-166 microspheres: activity and dose. Research use; a physicist checks every figure.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@sirt_app.callback()
def root() -> None:
    """Radioembolisation with Y-90 and Ho-166 microspheres. Research use; a physicist checks every figure."""


@sirt_app.command(
    epilog='Example: liverboard sirt activity --product resin --model partition --target-dose "40 Gy" --target normal_liver --lung-shunt 5% --tn 5 --tumour "200 mL" --normal "1300 mL" --scenario unilobar'
)
def activity(
    product: Annotated[str, typer.Option(metavar="resin|glass|ho166", help="The microspheres.")],
    model: Annotated[
        str | None, typer.Option(metavar="bsa|mird|partition|multi", help="mird: one compartment.")
    ] = None,
    lung_shunt: Annotated[str | None, typer.Option(metavar="SHARE", help="Such as 5%.")] = None,
    given: Annotated[str | None, typer.Option("--activity", metavar="GBQ", help="To have its doses.")] = None,
    target_dose: Annotated[str | None, typer.Option(metavar="GY", help="To have the activity for it.")] = None,
    target: Annotated[str | None, typer.Option(metavar="tumour|normal_liver|perfused")] = None,
    residual: Annotated[str | None, typer.Option(metavar="SHARE", help="Left in vial and tubes. Default 0%.")] = None,
    tn: Annotated[
        list[str] | None,
        typer.Option(
            metavar="RATIO", help="Concentration in tumour to normal liver; for multi once a tumour, or once for all."
        ),
    ] = None,
    tumour: Annotated[
        list[str] | None, typer.Option(metavar="VOLUME|MASS", help="Such as '200 mL' or '208 g'; once a tumour.")
    ] = None,
    normal: Annotated[str | None, typer.Option(metavar="VOLUME|MASS", help="Perfused liver without tumour.")] = None,
    lung_mass: Annotated[str | None, typer.Option(metavar="MASS", help="Default 1 kg.")] = None,
    density: Annotated[str | None, typer.Option(metavar="G/ML", help="Of liver and tumour. Default 1.04.")] = None,
    constant: Annotated[
        str | None, typer.Option(metavar="GY*KG/GBQ", help="Dose constant. Default 49.67 (Y-90), 15.53 (Ho-166).")
    ] = None,
    height: Annotated[str | None, typer.Option(metavar="LENGTH", help="For bsa, such as '170 cm'.")] = None,
    weight: Annotated[str | None, typer.Option(metavar="MASS", help="For bsa, such as '70 kg'.")] = None,
    liver: Annotated[str | None, typer.Option(metavar="VOLUME|MASS", help="The whole liver with its tumours.")] = None,
    treated_share: Annotated[
        str | None, typer.Option(metavar="SHARE", help="For bsa: perfused share of the liver. Default 100%.")
    ] = None,
    convention: Annotated[
        str, typer.Option(metavar="concentration_ratio|kao_2013", help="How shunt and ratio are defined.")
    ] = "concentration_ratio",
    activity_ratio: Annotated[
        str | None, typer.Option(metavar="RATIO", help="A_T / A_N, for the convention kao_2013.")
    ] = None,
    scenario: Annotated[
        str | None, typer.Option(metavar="segmentectomy|lobectomy|unilobar|bilobar", help="Which limits apply.")
    ] = None,
    condition: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="What limits depend on, such as compromised_liver.")
    ] = None,
    prior_lung_dose: Annotated[str | None, typer.Option(metavar="GY", help="Of earlier treatments.")] = None,
    error: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=SHARE",
            help="A standard deviation: activity, tumour, normal, tn, lung_shunt, residual, lung_mass; such as tn=25%.",
        ),
    ] = None,
    into: Annotated[
        Path | None,
        typer.Option(metavar="CASE", help="Add the plan to this case as an event, with its doses and limits."),
    ] = None,
    date: Annotated[
        str | None, typer.Option(metavar="DATE", help="Of the event; needed with --into, such as 2024-06-12.")
    ] = None,
    segments: Annotated[
        str | None, typer.Option(metavar="S", help="With --into: segments of the territory, such as S5/8.")
    ] = None,
    lesion: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="With --into: what each --tumour is called in the case, in their order."),
    ] = None,
    injections: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="YAML: several injections, each with its shunt, residual and tumours."),
    ] = None,
    calibrated: Annotated[
        list[str] | None,
        typer.Option(metavar="MOMENT", help="Of the vial, such as 2024-06-09T12:00-04:00; several weeks for glass."),
    ] = None,
    injection: Annotated[
        list[str] | None,
        typer.Option(metavar="MOMENT", help="With its time zone; several days for glass, to choose the vial."),
    ] = None,
    vial: Annotated[
        list[str] | None, typer.Option(metavar="GBQ", help="One that is there, at calibration; once a vial.")
    ] = None,
    measured: Annotated[
        str | None, typer.Option(metavar="MOMENT", help="When --activity was measured: decays to --injection.")
    ] = None,
    half_life: Annotated[
        str | None, typer.Option(metavar="TIME", help="That of a certificate, held against the one used here.")
    ] = None,
    json: Json = False,
) -> None:
    """The activity to prepare for a dose, or the doses of an activity, with limits, BED, the vials to order and every assumption."""
    from liverboard.board.sirt_plan import plan_of
    from liverboard.cli.show import show_json
    from liverboard.sirt.request import Written

    for option, given_value in (("--model", model), ("--lung-shunt", lung_shunt)):
        if given_value is None and injections is None:
            raise typer.BadParameter(f"{option} is needed, unless a file of --injections has it")
    plan = plan_of(
        Written(
            product=product,
            model=model,
            lung_shunt=lung_shunt,
            activity=given,
            target_dose=target_dose,
            target=target,
            residual=residual,
            tn=tn or (),
            activity_ratio=activity_ratio,
            convention=convention,
            tumour=tumour or (),
            normal=normal,
            lung_mass=lung_mass,
            density=density,
            constant=constant,
            height=height,
            weight=weight,
            liver=liver,
            treated_share=treated_share,
            scenario=scenario,
            condition=condition or (),
            prior_lung_dose=prior_lung_dose,
            error=error or (),
            measured=measured,
            injection=injection or (),
            calibrated=calibrated or (),
            vial=vial or (),
            half_life=half_life,
        ),
        injections,
    )
    added = None if into is None else _into(into, plan, date, segments, lesion or (), lung_mass is not None)
    if json:
        show_json(plan.model_dump(mode="json"))
    else:
        _show(plan)
        if added is not None:
            typer.echo(f"plan added to {added}")


def _into(
    case: Path,
    plan: ActivityPlan,
    date: str | None,
    segments: str | None,
    lesions: Sequence[str],
    lung_mass_stated: bool,
) -> str:
    """Add the plan to a case; the name of its file."""
    from liverboard.board.append import append_event
    from liverboard.clinical.segment_text import segments_of_text
    from liverboard.sirt.plan_event import plan_event

    if date is None:
        raise typer.BadParameter("--into needs --date, the day of the plan, such as 2024-06-12")
    try:
        day = dt.date.fromisoformat(date)
    except ValueError:
        raise typer.BadParameter(f"--date '{date}': an ISO day such as 2024-06-12") from None
    read = segments_of_text(segments) if segments is not None else None
    if read is not None and (read.unclear or not read.segments):
        raise typer.BadParameter(f"--segments '{segments}': segments 1 to 8, such as S5/8 or 5,6,7,8")
    territory = sorted(read.segments) if read is not None else []
    event = plan_event(plan, day, lung_mass_stated=lung_mass_stated, segments=territory, lesions=lesions)
    return append_event(case, event).name


def _show(plan: ActivityPlan) -> None:
    from rich.markup import escape
    from rich.table import Table

    from liverboard.cli.show import out_console

    out = out_console()
    out.print(
        f"[bold]{plan.activity_gbq:.3f} GBq[/bold] to prepare, {plan.delivered_gbq:.3f} GBq delivered; {plan.product}, "
        f"{plan.model}{f' ({plan.convention})' if plan.convention else ''}, {plan.constant_gy_kg_per_gbq:g} Gy kg/GBq"
    )
    table = Table(box=None, header_style="bold")
    table.add_column("")
    for name in ("dose (Gy)", "95 % interval", "BED (Gy), band"):
        table.add_column(name, justify="right")
    for name, dose in plan.doses_gy.items():
        interval, effect = plan.intervals.get(name), plan.effects.get(name)
        table.add_row(
            escape(name),
            f"{dose:.1f}",
            f"{interval.low:.1f} to {interval.high:.1f}" if interval else "not stated",
            f"{effect.bed_gy:.0f} ({effect.bed_band_gy[0]:.0f} to {effect.bed_band_gy[1]:.0f})" if effect else "",
        )
    out.print(table)
    for each in plan.injections:
        when = f", at {each.injected_at:%Y-%m-%d %H:%M %z}" if each.injected_at else ""
        out.print(
            f"injection {escape(each.name)}: {each.activity_gbq:.3f} GBq ({each.model}), lung shunt {100 * each.lung_shunt:.3g} %,"
            f" residual {100 * each.residual:.3g} %{when}",
            soft_wrap=True,
        )
    _show_vials(plan)
    for check in plan.limits:
        out.print(f"limit    {escape(check.says)} ({check.source}, {check.verification})", soft_wrap=True)
    if plan.binding is not None:
        out.print(f"binding  {escape(plan.binding.says)}", soft_wrap=True)
    for warning in plan.warnings:
        out.print(f"note     {escape(warning)}", soft_wrap=True)


def _show_vials(plan: ActivityPlan) -> None:
    """The vials nearest to what is wanted for each injection; of a shared vial, what each injection takes."""
    from rich.markup import escape

    from liverboard.cli.show import out_console

    out = out_console()
    shown: dict[str, int] = {}
    for each in plan.vials:
        name = each.drawn[0].injection
        shown[name] = shown.get(name, 0) + 1
        if shown[name] > _VIALS_SHOWN:
            continue
        label = f"{each.count} x {each.vial_gbq:.3g} GBq" if each.count > 1 else f"{each.vial_gbq:.3g} GBq"
        kept = {True: "; within the limit that binds", False: "; beyond the limit that binds", None: ""}
        out.print(
            f"vial     {label} calibrated {each.calibrated_at:%Y-%m-%d %H:%M %z}: {each.activity_gbq:.3f} GBq at the injection,"
            f" {each.excess_percent:+.1f} %{kept[each.within_binding_limit]}",
            soft_wrap=True,
        )
        for draw in each.drawn:
            low, high = (f"{number / 1e6:.3g}" for number in draw.spheres)
            spheres = f"{low} million spheres" if low == high else f"{low} to {high} million spheres"
            out.print(
                f"           {escape(draw.injection)} {draw.injected_at:%Y-%m-%d %H:%M %z}: {draw.activity_gbq:.3f} GBq,"
                f" {100 * draw.vial_share:.1f} % of the vial, {spheres}",
                soft_wrap=True,
            )


sirt_app.command(epilog='Example: liverboard sirt kernel --voxel "3.59 mm" --json')(sirt_dose.kernel)
sirt_app.command(
    epilog='Example: liverboard sirt dose --activity-map pet --structures seg.nrrd --total-activity "1.4 GBq" -o dose'
)(sirt_dose.dose)
sirt_app.command(
    epilog="Example: liverboard sirt workup --spect maa.dcm --liver seg.dcm#liver --lungs seg.dcm#lungs --tumours lesions.nii.gz --ct ct --date 2024-06-10 --into case.yaml"
)(sirt_workup.workup)
sirt_app.command(epilog="Example: liverboard sirt verify --sample real-y90 -o verify")(sirt_verify.verify)
