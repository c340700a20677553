"""What the SIRT page of a dossier shows, in words and figures: strings only, for HTML and PDF alike."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from liverboard.board.dossier import Dossier
from liverboard.board.sirt_values import SirtDelivered, SirtDose, SirtLimitLine, SirtPlanned, SirtSection
from liverboard.report.cited import Cited, SourceMark
from liverboard.report.dose_plot import DoseLine, DosePlot, dvh_finding, dvh_svg
from liverboard.report.palette import Palette
from liverboard.report.verify_plot import dose_ends, verify_finding, verify_svg, verify_table
from liverboard.report.words import NOT_KNOWN, THIN, Say, as_is, clean, day, number, quantity
from liverboard.sirt.verify import MeanDose

PRODUCTS = {
    "sirt_resin": "Y-90 resin microspheres",
    "sirt_glass": "Y-90 glass microspheres",
    "sirt_ho166": "Ho-166 microspheres",
}
_MODELS = {
    "bsa": "body surface area",
    "mbsa": "modified body surface area",
    "empirical": "empirical table",
    "mird": "one compartment",
    "partition": "partition",
    "multi": "partition, each tumour on its own",
    "several": "each injection its own",
    "voxel": "voxel dose",
}
_TARGETS = {"tumour": "to the tumours", "normal_liver": "to the normal liver", "perfused": "to the perfused liver"}
_METHODS = {"kernel": "by the voxel kernel", "local": "by local deposition"}
_KEPT = {True: ("fits", "kept"), False: ("caution", "not kept"), None: ("cannot_tell", NOT_KNOWN)}


@dataclass(frozen=True, slots=True)
class SirtFigure:
    label: str
    value: str
    known: bool
    event: str | None = None


@dataclass(frozen=True, slots=True)
class SirtLimitRow:
    """`sign`, `state`: kept or not. `of`: the plan, or the image after treatment."""

    sign: str
    state: str
    says: str
    binding: bool
    sources: tuple[SourceMark, ...]
    borrowed: str
    of: str


@dataclass(frozen=True, slots=True)
class SirtTable:
    caption: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""


@dataclass(frozen=True, slots=True)
class SirtView:
    """`finding`: the answer first. `verify`, `dvh`: titles of the pictures, empty where there is none."""

    finding: str
    figures: tuple[SirtFigure, ...]
    limits: tuple[SirtLimitRow, ...]
    binding: str
    planned: SirtTable | None
    delivered: SirtTable | None
    verify: str
    verify_table: SirtTable | None
    not_compared: tuple[tuple[str, str], ...]
    dvh: str
    isodoses: str
    lacking: tuple[str, ...]
    notes: tuple[str, ...]


def sirt_view(dossier: Dossier, cited: Cited) -> SirtView | None:
    section = dossier.sirt
    if section is None:
        return None
    planned, delivered, verification = section.planned, section.delivered, section.verification
    limits = [_limit(line, "plan", cited) for line in planned.limits] if planned else []
    limits += [_limit(line, "after treatment", cited) for line in delivered.limits] if delivered else []
    plot = dvh_plot(section)
    return SirtView(
        finding=_finding(section),
        figures=tuple(_figures(section)),
        limits=tuple(limits),
        binding=clean(planned.binding) if planned else "",
        planned=_dose_table("Planned mean doses", planned.doses) if planned else None,
        delivered=_delivered_table(delivered) if delivered else None,
        verify=verify_finding(verification) if verification and verification.compared else "",
        verify_table=SirtTable("Planned and delivered mean dose", *_rows(verify_table(verification)))
        if verification and verification.compared
        else None,
        not_compared=tuple((clean(n.name), clean(n.why)) for n in verification.not_compared) if verification else (),
        dvh="" if plot is None else dvh_finding(plot),
        isodoses=f"Isodose lines {_METHODS.get(delivered.method, '')} over the image after treatment"
        if delivered
        else "",
        lacking=tuple(clean(text) for text in section.lacking),
        notes=tuple(clean(text) for text in _notes(section)),
    )


def dvh_plot(section: SirtSection) -> DosePlot | None:
    """The dose-volume picture of the delivered dose, the limits of the non-tumour liver as lines; the structures with most volume first."""
    delivered = section.delivered
    if delivered is None or not delivered.curves:
        return None
    limits = sorted({line.limit_gy for line in delivered.limits if line.limit_gy is not None})
    return DosePlot(
        f"Absorbed dose {_METHODS.get(delivered.method, delivered.method)}",
        tuple(sorted(delivered.curves, key=lambda curve: -curve.volume_ml)),
        tuple(DoseLine(value, f"limit {number(value)}{THIN}Gy") for value in limits),
    )


def sirt_pictures(dossier: Dossier, palette: Palette, say: Say = as_is) -> dict[str, Callable[[int, str], str]]:
    """The pictures that there are, by name (`verify`, `dvh`), each drawn for a width and a prefix."""
    section = dossier.sirt
    if section is None:
        return {}
    pictures: dict[str, Callable[[int, str], str]] = {}
    verification, plot = section.verification, dvh_plot(section)
    if verification is not None and verification.compared:
        pictures["verify"] = lambda width, prefix: verify_svg(
            verification, palette, width=width, prefix=prefix, say=say
        )
    if plot is not None:
        pictures["dvh"] = lambda width, prefix: dvh_svg(plot, palette, width=width, prefix=prefix, say=say)
    return pictures


def _finding(section: SirtSection) -> str:
    name = PRODUCTS.get(section.technique, section.technique)
    verification = section.verification
    if section.given is None:
        when = f" of {day(section.planned.date)}" if section.planned else ""
        return f"{name}: plan{when}, not carried out"
    done = f"{name}, given on {day(section.given.date)}"
    groups = {each.kind: each for each in verification.compared} if verification else {}
    told = [
        f"{words} {number(each.delivered.mean_gy)}{THIN}Gy where {number(each.predicted.mean_gy)} were planned"
        for kind, words in (("tumour", "tumours"), ("normal_liver", "non-tumour liver"))
        if (each := groups.get(kind)) is not None  # pyright: ignore[reportArgumentType]
    ]
    return f"{done}: {', '.join(told)}" if told else done


def _figures(section: SirtSection) -> list[SirtFigure]:
    planned, given, delivered = section.planned, section.given, section.delivered
    rows: list[SirtFigure] = []

    def row(label: str, value: str | None, event: str | None) -> None:
        rows.append(SirtFigure(label, clean(value or NOT_KNOWN), value is not None and NOT_KNOWN not in value, event))

    if planned is not None:
        target = f", for {quantity(planned.target_dose_gy, 'Gy')} {_TARGETS.get(planned.target or '', '')}".rstrip()
        row(
            "planned activity",
            None
            if planned.activity_gbq is None
            else quantity(planned.activity_gbq, "GBq") + (target if planned.target_dose_gy else ""),
            planned.event,
        )
        model = _MODELS.get(planned.model or "", planned.model or NOT_KNOWN)
        convention = f" ({planned.convention.replace('_', ' ')})" if planned.convention else ""
        row("model", model + convention, planned.event)
        row(
            "lung shunt",
            None if planned.lung_shunt_fraction is None else quantity(planned.lung_shunt_fraction, "fraction"),
            planned.event,
        )
        mass = (
            f", lungs of {quantity(planned.lung_mass_kg, 'kg')} {planned.lung_mass_method or ''}".rstrip().replace(
                "_", " "
            )
            if planned.lung_mass_kg
            else ""
        )
        row(
            "planned lung dose",
            None if planned.lung_dose_gy is None else quantity(planned.lung_dose_gy, "Gy") + mass,
            planned.event,
        )
        if planned.tumour_to_normal_ratio is not None:
            row("tumour-to-normal ratio", number(planned.tumour_to_normal_ratio), planned.event)
        volumes = [
            f"{quantity(value, 'mL')} {words}"
            for value, words in ((planned.perfused_volume_ml, "perfused"), (planned.target_volume_ml, "of it tumour"))
            if value is not None
        ]
        row("volumes", ", ".join(volumes) or None, planned.event)
    if given is not None:
        residual = (
            f", residual {quantity(given.residual_fraction, 'fraction')}" if given.residual_fraction is not None else ""
        )
        row(
            "injected activity",
            None if given.injected_activity_gbq is None else quantity(given.injected_activity_gbq, "GBq") + residual,
            given.event,
        )
        if given.stasis is not None:
            row("stasis", given.stasis.replace("_", " "), given.event)
    if delivered is not None:
        row(
            "image after treatment",
            f"{delivered.modality.replace('PET_Y90', 'Y-90 PET')}, {day(delivered.date)}, {_METHODS.get(delivered.method, delivered.method)}",
            delivered.event,
        )
    return rows


def _limit(line: SirtLimitLine, of: str, cited: Cited) -> SirtLimitRow:
    sign, state = _KEPT[line.kept]
    if line.probability is not None and line.kept and line.probability < 0.9:
        sign, state = (
            "caution",
            "kept, not surely",
        )  # a convention of this project: under 90 % a kept limit is pointed out
    return SirtLimitRow(
        sign,
        state,
        clean(line.says),
        line.binding,
        () if line.source is None else cited.marks([line.source]),
        clean(line.borrowed).removeprefix("borrowed: "),
        of,
    )


def _dose_table(caption: str, doses: Sequence[SirtDose]) -> SirtTable | None:
    if not doses:
        return None
    rows = tuple((clean(d.name), _mean(d), _bed(d)) for d in doses)
    return SirtTable(caption, ("Compartment", "Mean dose (Gy)", "BED (Gy)"), rows, _NOTE)


_NOTE = "In brackets: 95 % interval of the dose; for BED the band that contested parameters leave."


def _delivered_table(delivered: SirtDelivered) -> SirtTable:
    rows = tuple(
        (clean(d.name), NOT_KNOWN if d.volume_ml is None else number(d.volume_ml, "mL"), _mean(d), _bed(d))
        for d in delivered.doses
    )
    return SirtTable("Delivered mean doses", ("Structure", "Volume (mL)", "Mean dose (Gy)", "BED (Gy)"), rows, _NOTE)


def _mean(dose: SirtDose) -> str:
    return dose_ends(MeanDose(mean_gy=dose.mean_gy, low_gy=dose.low_gy, high_gy=dose.high_gy))


def _bed(dose: SirtDose) -> str:
    if dose.bed_gy is None or dose.bed_low_gy is None or dose.bed_high_gy is None:
        return "–"
    return f"{number(dose.bed_gy)} ({number(dose.bed_low_gy)}–{number(dose.bed_high_gy)})"


def _rows(table: tuple[tuple[str, ...], list[tuple[str, ...]]]) -> tuple[tuple[str, ...], tuple[tuple[str, ...], ...]]:
    head, rows = table
    return head, tuple(rows)


def _notes(section: SirtSection) -> list[str]:
    planned: SirtPlanned | None = section.planned
    said: list[str] = []
    if section.verification is not None:
        said += section.verification.warnings
        said += [f"{each.name}: {each.note}" for each in section.verification.compared if each.note]
    if section.delivered is not None:
        said += [*section.delivered.warnings, *section.delivered.assumptions]
    if planned is not None:
        said += [f"plan: {text}" for text in planned.assumptions]
    return list(dict.fromkeys(said))
