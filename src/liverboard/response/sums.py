"""Judging by a sum over the targets: baseline, smallest sum so far, and the day. What a criterion adds up, and how it decides, it says itself."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from liverboard.clinical.response import Criterion, Judgement, LesionAt, Scope, TargetResponse, TimePoint
from liverboard.response.course import (
    OUTSIDE,
    Course,
    Gone,
    covers_patient,
    is_gone,
)
from liverboard.response.overall import non_target_response, overall_response
from liverboard.response.targets import Targets, choose_targets
from liverboard.response.thresholds import SumRule, percent_of, sum_rule

Size = Callable[[LesionAt, LesionAt], float | None]


@dataclass(frozen=True, slots=True)
class Total:
    """The sum on one day. `value` None: not every target could be measured; `part` is the sum of those that could. `gone`: every target has disappeared."""

    date: dt.date
    value: float | None
    part: float
    lacking: tuple[str, ...]
    gone: bool
    pieces: tuple[LesionAt, ...]


@dataclass(frozen=True, slots=True)
class Reading:
    """What a decision sees. `before`: the totals of earlier days from the baseline on. `smallest`: the least complete sum among them. `origins`: targets at baseline."""

    rule: SumRule
    origins: tuple[LesionAt, ...]
    before: tuple[Total, ...]
    smallest: float
    now: Total
    needed: str

    @property
    def baseline(self) -> float:
        return self.before[0].value or 0.0


Decision = tuple[TargetResponse, tuple[str, ...]]
Decide = Callable[[Reading], Decision]


@dataclass(frozen=True, slots=True)
class Measure:
    """What a criterion adds up: `size` of a lesion, given its origin at baseline; when a lesion is `gone`; how it decides; what is `needed`, in words.

    `spares_treated`: lesions treated before the baseline are no targets until they have progressed.
    """

    criterion: Criterion
    size: Size
    needed: str
    gone: Gone = is_gone
    decide: Decide | None = None
    spares_treated: bool = False


def judge(course: Course, measure: Measure, scope: Scope) -> tuple[Judgement, ...]:
    """A judgement for each follow-up of the course, in its order. With `scope` patient, a day on which nothing is said of the rest of the body is judged for the liver."""
    if scope == "liver" or all(covers_patient(course, point) for point in course.points):
        return _judge(course, measure, scope)
    whole, liver = _judge(course, measure, "patient"), _judge(course, measure, "liver")
    return tuple(
        all_of if covers_patient(course, point) else part.model_copy(
            update={"basis": (*part.basis, "the liver only: nothing is said of disease outside it")}
        )
        for point, all_of, part in zip(course.points, whole, liver, strict=True)
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Setting:
    """What stays the same over the days of a course."""

    course: Course
    measure: Measure
    targets: Targets
    scope: Scope


def _judge(course: Course, measure: Measure, scope: Scope) -> tuple[Judgement, ...]:
    setting = _Setting(course, measure, targets_of(course, measure, scope), scope)
    origins = tuple(each for each in course.baseline.lesions if each.id in set(setting.targets.chosen))
    before = [_total(course.baseline, [(each, [each]) for each in origins], measure)]
    had_complete = False
    progressed: dt.date | None = None
    found: list[Judgement] = []
    for number, point in enumerate(course.points):
        now = _total(point, [(each, course.became[number][each.id]) for each in origins], measure)
        smallest = min((each.value for each in before if each.value is not None), default=0.0)
        reading = Reading(sum_rule(measure.criterion), origins, tuple(before), smallest, now, measure.needed)
        judgement = _of_day(setting, number, reading, had_complete)
        if judgement.category == "PD":
            progressed = progressed or judgement.since or judgement.date
        elif progressed is not None:
            after = (
                f"progression counts from {progressed}: the best response ends there, this day is judged all the same"
            )
            judgement = judgement.model_copy(update={"basis": (*judgement.basis, after)})
        found.append(judgement)
        had_complete = had_complete or judgement.category == "CR"
        before.append(now)
    return tuple(found)


def targets_of(course: Course, measure: Measure, scope: Scope) -> Targets:
    """The targets of a scope: of the liver alone, those in it are chosen anew."""
    baseline = course.baseline
    if scope == "liver":
        baseline = _liver(baseline)
    return choose_targets(baseline, course.earlier, spare_treated=measure.spares_treated)


def _liver(point: TimePoint) -> TimePoint:
    return replace(point, lesions=tuple(each for each in point.lesions if each.in_liver))


def _total(point: TimePoint, became: Sequence[tuple[LesionAt, Sequence[LesionAt]]], measure: Measure) -> Total:
    """Each target once: the parts of one that split are added, a lesion into which several merged counts once. `became`: target at baseline, what it is now."""
    counted: dict[str, LesionAt] = {}
    lacking: list[str] = []
    part = 0.0
    for origin, pieces in became:
        if not pieces:
            lacking.append(origin.id)
        for piece in pieces:
            if piece.id in counted:
                continue
            counted[piece.id] = piece
            size = measure.size(piece, origin)
            if size is None:
                lacking.append(piece.id)
            else:
                part += size
    gone = not lacking and all(measure.gone(piece) for piece in counted.values())
    return Total(
        point.date, None if lacking else part, part, tuple(dict.fromkeys(lacking)), gone, tuple(counted.values())
    )


def by_sum(reading: Reading) -> Decision:
    """The common decision: gone, beyond the rise over the smallest sum, beyond the fall below the baseline, or neither."""
    rule, now = reading.rule, reading.now
    if reading.before[0].value is None:
        return "NE", (f"no {reading.needed} at baseline of {', '.join(reading.before[0].lacking)}",)
    if reading.baseline == 0:
        return "NE", (f"no {reading.needed} at baseline to compare with",)
    if now.value is None:
        if rule.rises(now.part, reading.smallest):
            return "PD", (f"{rule.amount(now.part)} even without {', '.join(now.lacking)}: {_rise(reading, now.part)}",)
        return "NE", (f"no {reading.needed} of {', '.join(now.lacking)}",)
    if now.gone:
        return "CR", ("every target has disappeared",)
    says = f"sum of {_targets(reading)} {rule.amount(reading.baseline)} at baseline, {rule.amount(now.value)} now"
    if rule.rises(now.value, reading.smallest):
        return "PD", (f"{says}: {_rise(reading, now.value)}",)
    if rule.falls(now.value, reading.baseline):
        return "PR", (
            f"{says}: {rule.percent(change(now.value, reading.baseline))}, response from -{rule.fall_percent:g} %",
        )
    neither = f"{says}: {rule.percent(change(now.value, reading.baseline))}, neither response nor progression"
    grown = now.value - reading.smallest
    if reading.smallest and rule.least_rise and 100 * grown / reading.smallest >= rule.rise_percent - 1e-9:
        neither += f": {rule.percent(change(now.value, reading.smallest))} over the smallest sum ({rule.amount(reading.smallest)}) is less than {rule.least_rise:g} {rule.unit}"  # fmt: skip
    return "SD", (neither,)


def _of_day(setting: _Setting, number: int, reading: Reading, had_complete: bool) -> Judgement:
    course, measure, targets, scope = setting.course, setting.measure, setting.targets, setting.scope
    point, now, rule = course.points[number], reading.now, reading.rule
    new = course.news(scope)[number]
    others = course.others(number, scope, targets.chosen, measure.gone)
    rest = non_target_response(others.values())
    wait = course.waits[number]
    early = wait is not None and wait[2] < wait[0].not_before_days
    says: list[str] = []
    target: TargetResponse | None = None
    if reading.origins:
        if early and wait is not None:
            target = "NE"
            says.append(
                f"{_days(wait[2])} after {wait[1].what}: sizes are not judged before {wait[0].not_before_days} days ({wait[0].source})"
            )
        else:
            target, reasons = (measure.decide or by_sum)(reading)
            says += reasons
            worse = [each.id for each in now.pieces if each.state == "progressing" and _is_zone(course, each)]
            if worse and target != "PD":
                target = "PD"
                says.insert(0, f"{', '.join(worse)}, ablated since the baseline, is said to progress")
            back = [each.id for each in now.pieces if measure.gone(each) is False and each.state != "not_evaluable"]
            if had_complete and target != "PD" and back:
                target = "PD"
                says.insert(
                    0,
                    f"{', '.join(back)} is there again after a complete response; if it had never gone, the complete response was a partial one",
                )
    else:
        says.append("no lesion is measurable; the answer rests on the others")
    if rest == "non-CR/non-PD" and had_complete and _named(others, "present"):
        rest = "PD"
        says.insert(0, f"{', '.join(_named(others, 'present'))} is there again after a complete response")
    elif rest == "PD":
        says.insert(0, f"unequivocal progression of {', '.join(_named(others, 'progressing'))}")
    if new.found:
        says[:0] = new.says
    else:
        says += new.says
    says += _remarks(setting, number, reading, _named(others, "unknown"))
    if wait is not None and wait[0].not_before_days <= wait[2] < wait[0].expected_days:
        says.append(f"{_days(wait[2])} after {wait[1].what}: trials look at {wait[0].expected_days} days ({wait[0].expected_source})")  # fmt: skip
    base = reading.before[0].value
    known = now.value if reading.origins else None
    millimetres = rule.unit == "mm"
    return Judgement(
        criterion=measure.criterion,
        date=point.date,
        category=overall_response(target, rest, new.found),
        scope=scope,
        target=target,
        non_target=rest,
        new_lesion=new.found,
        sum_mm=known if millimetres else None,
        total=known,
        unit=rule.unit,
        baseline_total=base if reading.origins else None,
        nadir_total=reading.smallest if base is not None and reading.origins else None,
        change_percent=None if known is None or not base else round(change(known, base), 6),
        nadir_change_percent=None if known is None or not base or not reading.smallest else round(change(known, reading.smallest), 6),
        targets=targets.chosen,
        since=new.since,
        early=early,
        basis=tuple(says),
    )  # fmt: skip


def _remarks(setting: _Setting, number: int, reading: Reading, unknown: Sequence[str]) -> list[str]:
    course, targets = setting.course, setting.targets
    point = course.points[number]
    found = list(targets.notes)
    if targets.treated:
        flagged = f"{', '.join(targets.treated)} had local treatment before the baseline without progression since"
        found.append(
            f"{flagged}: not measurable by RECIST 1.1" + ("; the reader chose it" if targets.by_reader else "")
        )
    found += _grown_others(setting, number)
    listed = [name for name in unknown if name != OUTSIDE]
    if listed:
        found.append(f"not said what became of {', '.join(listed)}")
    if course.baseline.modality and point.modality and course.baseline.modality != point.modality:
        found.append(f"baseline on {course.baseline.modality}, this day on {point.modality}: sizes compare less well")
    zones = [each.id for each in reading.now.pieces if _is_zone(course, each)]
    if zones:
        found.append(f"{', '.join(zones)} was ablated since the baseline: its size is that of the zone and is not judged, only what enhances in it")  # fmt: skip
    said = [each.id for each in reading.now.pieces if each.state == "progressing" and not _is_zone(course, each)]
    if said:
        found.append(f"{', '.join(said)} is said to progress: of a target the size decides, the word of the reader only of other lesions")  # fmt: skip
    merged = [each.id for each in reading.now.pieces if len(each.roots) > 1]
    if merged:
        found.append(f"{', '.join(merged)} became of several lesions and counts once, with its longest diameter")
    return found


def _is_zone(course: Course, lesion: LesionAt) -> bool:
    """Whether what is seen is the zone of an ablation since the baseline."""
    return lesion.ablated_on is not None and lesion.ablated_on >= course.baseline.date and not is_gone(lesion)


def _grown_others(setting: _Setting, number: int) -> list[str]:
    """Lesions that are no targets and grew as much as would make targets progress: only a reader's word makes that progression."""
    if not setting.course.grown[number]:
        return []
    rule, chosen = sum_rule("recist11"), set(setting.targets.chosen)
    grown = [
        f"{lesion.id} from {rule.amount(before)} to {rule.amount(size)}"
        for name, lesion, before, size in setting.course.grown[number]
        if name not in chosen and (setting.scope == "patient" or lesion.in_liver)
    ]
    if not grown:
        return []
    return [f"no target, grown since the baseline: {', '.join(grown)}; progression if the reader calls it unequivocal (state: progressing)"]  # fmt: skip


def _named(states: Mapping[str, str], state: str) -> list[str]:
    return [name for name, held in states.items() if held == state]


def change(now: float, then: float) -> float:
    """Percent."""
    return percent_of(now - then, then) or 0.0


def _rise(reading: Reading, now: float) -> str:
    rule = reading.rule
    relative = rule.percent(change(now, reading.smallest)) if reading.smallest else "from 0"
    limit = f"from +{rule.rise_percent:g} %" if rule.rise_reached else f"beyond +{rule.rise_percent:g} %"
    also = f" and {rule.least_rise:g} {rule.unit}" if rule.least_rise else ""
    return f"{relative} over the smallest sum ({rule.amount(reading.smallest)}), progression {limit}{also}"


def _days(number: int) -> str:
    return f"{number} day" if number == 1 else f"{number} days"


def _targets(reading: Reading) -> str:
    return "1 target" if len(reading.origins) == 1 else f"{len(reading.origins)} targets"
