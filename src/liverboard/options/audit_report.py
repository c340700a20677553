"""What is said of a cohort: how often each option fits, how decisions relate to the rules, what is missing, what a threshold would move. One object, with a JSON form."""

from __future__ import annotations

from liverboard.clinical.events import Option
from liverboard.clinical.extent import Frozen
from liverboard.options.verdict import Verdict
from liverboard.rules.rule import Effect
from liverboard.synthesis.disclosure import Count

Verdicts = dict[Verdict, Count]


class OptionCounts(Frozen):
    """Cases by the verdict of one option."""

    option: Option
    verdicts: Verdicts


class ChosenCounts(Frozen):
    """Cases in which a board chose this option, by the verdict that the rules give for it."""

    option: Option
    cases: Count
    verdicts: Verdicts


class Against(Frozen):
    """A rule that stood against an option that was chosen: a contraindication that holds, a requirement that is not met, or a caution."""

    rule: str
    option: Option
    effect: Effect
    because: str
    cases: Count


class Concordance(Frozen):
    """What boards chose beside what the rules say. `cases`: with a choice that is one of the options."""

    cases: Count
    verdicts: Verdicts
    options: tuple[ChosenCounts, ...]
    against: tuple[Against, ...]


class MissingFact(Frozen):
    """A fact that is unknown where a rule that could decide hangs on it and the option cannot be told. `cases`: with any such option; `options`: one by one."""

    fact: str
    label: str
    who: str
    cases: Count
    options: dict[Option, Count]


class Change(Frozen):
    """Cases of one option that go from one verdict to another."""

    option: Option
    was: Verdict
    becomes: Verdict
    cases: Count


class Move(Frozen):
    """One threshold of one rule at another value. `cases`: in which the verdict of any option changes."""

    rule: str
    effect: Effect
    options: tuple[Option, ...]
    fact: str
    label: str
    unit: str | None
    comparison: str
    value: float
    moved_to: float
    asked: bool = False
    cases: Count
    changes: tuple[Change, ...]


class Thresholds(Frozen):
    """Each threshold moved alone. `cases`: how many cases were looked at, evenly spaced over the cohort; moves that were asked for look at all."""

    cases: Count
    moves: tuple[Move, ...]


class AuditReport(Frozen):
    """A cohort weighed by the rules. `source`: name of what was read. `min_cell` and `export`: counts below it are hidden in what is marked for export."""

    source: str | None = None
    knowledge_version: str
    policy: str | None = None
    export: bool = False
    min_cell: int
    cases: Count
    rules: int
    options: tuple[OptionCounts, ...]
    concordance: Concordance | None
    missing: tuple[MissingFact, ...]
    thresholds: Thresholds
    notes: tuple[str, ...] = ()
