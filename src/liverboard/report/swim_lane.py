"""The course of a case as a swim lane: tumour load, markers and symptoms above; the answer of each follow-up; a lane a treatment; adverse events."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from liverboard.board.dossier import Dossier, Mark, Timeline
from liverboard.board.response_values import FollowUp
from liverboard.clinical.response import Criterion
from liverboard.report.palette import PRINT, Palette
from liverboard.report.timeline import Lanes
from liverboard.report.words import Say, as_is, day, number
from liverboard.response.disagreement import NAMES

MAX_PROCEDURE_LANES = 6
_SHOWN: tuple[Criterion, ...] = ("recist11", "mrecist")
_MILESTONES = frozenset({"diagnosis", "board", "assessment", "status"})
_COLOUR = {"CR": "teal", "PR": "teal", "PD": "red", "NE": "violet"}


class _Swim(Lanes):
    def guides(self, marks: Sequence[Mark], top: float) -> None:
        """A thin line through the figures at each procedure, so that one sees what followed it."""
        for x in sorted({round(self.x(mark.date), 1) for mark in marks}):
            self.out.append(
                f'<path d="M{x:.1f} {top:.1f}V{self.y:.1f}" style="stroke:{self.colour("mark")};stroke-width:0.8;stroke-dasharray:1 3"/>'
            )

    def answers(self, name: Criterion, follow_ups: Sequence[FollowUp]) -> None:
        """What one criterion says at each follow-up; a word that would lie on the one before is left to the table."""
        y = self.y + 16
        self.out.append(self.text(0, y + 4, self.say(NAMES[name]), fill="ink", bold=True))
        self.out.append(
            f'<path d="M{self.left} {y}H{self.right}" style="stroke:{self.colour("line")};stroke-width:1"/>'
        )
        free = -1e9
        for each in follow_ups:
            seen, x = each.seen[name], self.x(each.date)
            changed = "" if seen.change_percent is None else f", {number(seen.change_percent, '%')} % against baseline"
            told = x - 14 >= free
            body = (
                self.text(
                    x,
                    y + 5,
                    seen.category,
                    fill=_COLOUR.get(seen.category, "ink"),
                    anchor="middle",
                    bold=True,
                    halo=True,
                )
                if told
                else f'<circle cx="{x:.1f}" cy="{y}" r="2.5" style="fill:{self.colour("mark")}"/>'
            )
            free = x + 14 if told else free
            self.out.append(self.linked("", f"{day(each.date)}: {NAMES[name]} {seen.category}{changed}", body))
        self.y += 26

    def procedures(self, marks: Sequence[Mark]) -> None:
        """A lane for each procedure, the first given first."""
        names = list(dict.fromkeys(mark.label for mark in sorted(marks, key=lambda mark: mark.date)))
        for name in names[:MAX_PROCEDURE_LANES]:
            told = [mark.model_copy(update={"label": _words(mark)}) for mark in marks if mark.label == name]
            self.marks(name, told, any(mark.label for mark in told))
        rest = [mark for mark in marks if mark.label in names[MAX_PROCEDURE_LANES:]]
        if rest:
            self.marks("Other", rest, True)


def _words(mark: Mark) -> str:
    return mark.detail.replace("session ", "no ").replace("segments ", "S ") if mark.detail else ""


def _graded(mark: Mark) -> Mark:
    """The grade before the term: a label that is cut keeps it."""
    term, found, grade = mark.label.rpartition(", grade ")
    return mark.model_copy(update={"label": f"{grade}: {term}"}) if found and mark.kind == "adverse_event" else mark


def swim_lane_svg(
    dossier: Dossier,
    palette: Palette = PRINT,
    *,
    width: int = 960,
    prefix: str = "lane",
    links: frozenset[str] = frozenset(),
    say: Say = as_is,
) -> str:
    """The swim lane as SVG, laid out for `width` px; empty where the case has no treatment and nothing followed. `links`, `say`: as for the timeline."""
    timeline = dossier.timeline
    if timeline is None or not has_course(timeline):
        return ""
    found = () if dossier.response is None else dossier.response.follow_ups
    drawing = _Swim(timeline, dossier.as_of, palette, width, links, say)
    procedures = [mark for mark in timeline.marks if mark.kind == "procedure"]
    top = drawing.y
    for series in timeline.series:
        drawing.series(series)
    drawing.guides(procedures, top)
    for name in _SHOWN:
        if found:
            drawing.answers(name, found)
    drawing.courses()
    drawing.procedures(procedures)
    for title, kinds in (
        ("Planned", {"plan"}),
        ("Adverse events", {"adverse_event"}),
        ("Milestones", _MILESTONES),
        ("Imaging", {"imaging", "scout"}),
    ):
        marks = [_graded(mark) for mark in timeline.marks if mark.kind in kinds]
        if marks:
            drawing.marks(title, marks, True)
    drawing.axis()
    return drawing.svg(swim_lane_finding(timeline, dossier.as_of), prefix)


def has_course(timeline: Timeline) -> bool:
    """Whether there is anything to follow: a treatment, or a figure on two days."""
    return bool(
        timeline.courses
        or any(mark.kind == "procedure" for mark in timeline.marks)
        or any(len(series.points) > 1 for series in timeline.series)
    )


def swim_lane_finding(timeline: Timeline, as_of: dt.date) -> str:
    """How much was done and seen, in a sentence."""
    done = sum(mark.kind == "procedure" for mark in timeline.marks)
    harm = sum(mark.kind == "adverse_event" for mark in timeline.marks)
    images = sum(mark.kind == "imaging" for mark in timeline.marks)
    parts = [
        f"{len(timeline.courses)} drug treatment{'s' if len(timeline.courses) != 1 else ''}"
        if timeline.courses
        else "",
        f"{done} procedure{'s' if done != 1 else ''}" if done else "",
        f"{images} imaging{'s' if images != 1 else ''}" if images else "",
        f"{harm} adverse event{'s' if harm != 1 else ''}" if harm else "",
    ]
    return f"{', '.join(part for part in parts if part)} up to {day(as_of)}"
