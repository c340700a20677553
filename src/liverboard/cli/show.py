"""What the terminal shows: progress on stderr, results on stdout, in plain words and tables."""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from liverboard.cli.failure import json_text

if TYPE_CHECKING:
    from liverboard.board.dossier import Dossier
    from liverboard.board.follow import Followed
    from liverboard.clinical.extent import Lesion, LiverExtent
    from liverboard.clinical.facts import Facts
    from liverboard.clinical.remnant import Remnant

Step = Callable[[str], None]


def out_console() -> Console:
    """Stdout; 200 columns where it is no terminal."""
    return Console(highlight=False, width=None if sys.stdout.isatty() else 200)


@contextmanager
def progress(title: str) -> Generator[Step]:
    """A spinner with the present step on stderr; silent when stderr is not a terminal."""
    console = Console(stderr=True, highlight=False)
    if not console.is_terminal:
        yield lambda text: None
        return
    with console.status(title) as status:
        yield lambda text: status.update(f"{title}: {escape(text)}")


def show_json(document: Mapping[str, object]) -> None:
    """One JSON document on stdout."""
    sys.stdout.write(json_text(document) + "\n")


def show_dossier(dossier: Dossier, paths: Mapping[str, Path]) -> None:
    """Where the files lie, and the three lines that matter: the patient, the disease, what is missing."""
    from liverboard.board.summary import disease_line, missing_line

    out = out_console()
    if dossier.synthetic:
        out.print(f"SYNTHETIC: {escape(dossier.synthetic_note)}")
    out.print(f"[bold]{escape(dossier.case)}[/bold], as of {dossier.as_of}")
    out.print(f"  patient   {escape(' · '.join(dossier.patient.lines))}")
    out.print(f"  disease   {escape(disease_line(dossier))}")
    out.print(f"  missing   {escape(missing_line(dossier))}")
    for warning in (*dossier.warnings, *dossier.extent.warnings, *dossier.conflicts):
        out.print(f"  note      {escape(warning)}")
    for path in paths.values():
        out.print(f"  wrote     {escape(str(path))}")


def show_facts(facts: Facts) -> None:
    """A table of the known facts by group, then the unknown ones."""
    from liverboard.clinical.dictionary import load_dictionary

    out = out_console()
    table = Table(title=f"Facts as of {facts.as_of}", title_justify="left", box=None, header_style="bold")
    for name, justify in (
        ("fact", "left"),
        ("value", "right"),
        ("unit", "left"),
        ("date", "left"),
        ("age", "right"),
        ("source event", "left"),
        ("", "left"),
    ):
        table.add_column(name, justify=justify, no_wrap=name in {"fact", "date", "source event"})  # pyright: ignore[reportArgumentType]
    group = ""
    for name, definition in load_dictionary().items():
        fact = facts.facts[name]
        if fact.value is None:
            continue
        if definition.group != group:
            group = definition.group
            table.add_section()
            table.add_row(f"[bold]{escape(group)}[/bold]")
        value = (
            {True: "yes", False: "no"}[fact.value]
            if isinstance(fact.value, bool)
            else f"{fact.value:g}"
            if isinstance(fact.value, float)
            else str(fact.value)
        )
        marks = ", ".join(word for word, on in (("questioned", fact.questioned), ("stale", fact.stale)) if on)
        age = "" if fact.age_days is None else f"{fact.age_days} d"
        table.add_row(
            name, escape(value), escape(fact.unit or ""), str(fact.date or ""), age, escape(fact.event or ""), marks
        )
    out.print(table)
    questioned = [f"{name}: {fact.note}" for name, fact in facts.facts.items() if fact.questioned]
    for line in (*questioned, *facts.conflicts):
        out.print(f"note: {escape(line)}")
    unknown = [name for name in facts.unknown if not facts.facts[name].questioned]
    out.print(f"unknown ({len(unknown)}): {', '.join(unknown)}", soft_wrap=True)


def show_extent(extent: LiverExtent, remnant: Remnant | None = None) -> None:
    """Totals, then a table of the lesions, the pattern with its reasons, the remnant, and warnings."""
    out = out_console()

    def figure(value: float | None, unit: str, digits: int = 0) -> str:
        return "not known" if value is None else f"{value:.{digits}f} {unit}"

    out.print(
        f"{extent.lesion_count if extent.lesion_count is not None else 'unknown number of'} lesion{'' if extent.lesion_count == 1 else 's'}, tumour {figure(extent.tumour_volume_ml, 'mL', 1)}, "
        f"liver {figure(extent.liver_volume_ml, 'mL')}, burden {figure(extent.burden_percent, '%', 1)}"
    )
    if extent.lesions:
        out.print(_lesion_table(extent))
    pattern = extent.pattern
    certainty = "" if pattern.value is None else " (certain)" if pattern.certain else " (not certain)"
    out.print(f"pattern: {pattern.value or 'not told'}{certainty}")
    for line in pattern.trace:
        out.print(f"  {escape(line)}", soft_wrap=True)
    for line in pattern.sensitive_to:
        out.print(f"  changes with {escape(line)}", soft_wrap=True)
    if extent.segments:
        volumes = ", ".join(f"{part.segment}: {part.volume_ml:.0f} mL" for part in extent.segments)
        out.print(f"segments from {escape(extent.segments_from or 'a map')}: {volumes}", soft_wrap=True)
    for plane in extent.planes:
        point, normal = (
            ", ".join(f"{v:.{n}f}" for v in each) for each, n in ((plane.point_lps_mm, 1), (plane.normal, 2))
        )
        by = " (set by hand)" if plane.set_by_hand else ""
        out.print(
            f"  {plane.name} plane{by}: {escape(plane.separates)}, through ({point}) mm LPS, normal ({normal})",
            soft_wrap=True,
        )
    if extent.viable_rule:
        out.print(f"viable: {escape(extent.viable_rule)}", soft_wrap=True)
    if remnant is not None:
        out.print(
            f"remnant after {escape(remnant.resection)} (segments {', '.join(map(str, remnant.removed))} removed): {remnant.remnant_ml:.0f} mL without tumour, "
            f"{remnant.remnant_percent:.0f} % of the liver without tumour; {remnant.tumour_left_ml:.1f} mL of tumour stays"
        )
    for warning in extent.warnings:
        out.print(f"note: {escape(warning)}", soft_wrap=True)


def _lesion_table(extent: LiverExtent) -> Table:
    """A row a lesion; a column only where something was measured for it."""
    columns: list[tuple[str, Callable[[Lesion], object]]] = [
        ("volume mL", lambda x: x.volume_ml),
        ("longest axial mm", lambda x: x.longest_axial_mm),
        ("short axial mm", lambda x: x.short_axial_mm),
        ("longest 3-D mm", lambda x: x.longest_3d_mm),
        (
            "segments",
            lambda x: " ".join(
                f"{p.segment} ({100 * p.share:.0f} %)" if p.share < 0.995 else f"{p.segment}" for p in x.segments
            ),
        ),
        ("capsule mm", lambda x: x.capsule_distance_mm),
        ("vessel mm", lambda x: x.vessel_distance_mm),
        ("nearest vessel", lambda x: x.nearest_vessel),
        ("duct mm", lambda x: x.bile_duct_distance_mm),
        ("viable mL", lambda x: x.viable_volume_ml),
        (
            "centroid LPS mm",
            lambda x: None if x.centroid_lps_mm is None else " ".join(f"{c:.1f}" for c in x.centroid_lps_mm),
        ),
    ]
    phases = dict.fromkeys(value.phase for lesion in extent.lesions for value in lesion.phases)
    columns[-1:-1] = [
        (f"{phase} mean", lambda x, p=phase: next((v.mean for v in x.phases if v.phase == p), None)) for phase in phases
    ]
    table = Table(box=None, header_style="bold")
    table.add_column("lesion")
    shown = [
        (name, value) for name, value in columns if any(value(lesion) not in {None, ""} for lesion in extent.lesions)
    ]
    for name, _ in shown:
        table.add_column(name, justify="left" if name in {"segments", "nearest vessel"} else "right")
    for lesion in extent.lesions:
        values = [value(lesion) for _, value in shown]
        cells = ["" if v is None else _figure(v) if isinstance(v, float) else escape(str(v)) for v in values]
        table.add_row(escape(lesion.id) + (" (machine)" if lesion.machine else ""), *cells)
    return table


def _figure(value: float) -> str:
    """One decimal; two digits where that would read 0."""
    return f"{value:.1f}" if value == 0 or abs(value) >= 0.1 else f"{value:.2g}"


def show_follow(found: Followed) -> None:
    """A row a link, what needs a look first."""
    from liverboard.imaging.growth import in_words

    out = out_console()
    table = Table(box=None, header_style="bold")
    for name in ("baseline", "became", "relation", "sure"):
        table.add_column(name)
    table.add_column("volume")
    table.add_column("why")
    for link in found.tracking.links:
        sure = (
            "a person said so"
            if link.confidence is None
            else ">99 %"
            if link.confidence > 0.99
            else f"{100 * link.confidence:.0f} %"
        )
        grew = "" if link.growth is None else in_words(link.growth)
        table.add_row(
            escape(", ".join(link.baseline)),
            escape(", ".join(link.followup)),
            link.relation,
            sure,
            escape(grew),
            escape(link.reason),
        )
    out.print(table)
    quality = found.tracking.registration
    out.print(
        f"livers laid on each other ({quality.method}): Dice {quality.dice_after:.2f} (before {quality.dice_before:.2f}), "
        f"surfaces {quality.surface_after_mm:.1f} mm apart; a lesion's place is known to {quality.lesion_error_mm:.1f} mm"
    )
    for warning in found.tracking.warnings:
        out.print(f"note: {escape(warning)}", soft_wrap=True)


def show_doctor(report: Mapping[str, object]) -> None:
    """One line an item."""
    out = out_console()
    for key, value in report.items():
        if isinstance(value, dict):
            text = ", ".join(f"{name} {state}" for name, state in value.items())  # pyright: ignore[reportUnknownVariableType]
        elif isinstance(value, list):
            text = ", ".join(str(item) for item in value) or "none"  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
        else:
            text = {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)
        out.print(f"{key.replace('_', ' '):<14} {escape(text)}", soft_wrap=True)
