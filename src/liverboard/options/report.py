"""What is said of a patient's options: the values that the dossier, the command line and the web page show. One object, with a JSON schema."""

from __future__ import annotations

import datetime as dt

from pydantic import Field

from liverboard.clinical.derive import Value
from liverboard.clinical.events import Option
from liverboard.clinical.extent import Frozen
from liverboard.options.verdict import Verdict
from liverboard.rules.rule import Effect, State


class Source(Frozen):
    """A source as it is shown: key, place in it, what it is, and how the statement was verified (A, B or U)."""

    key: str
    at: str | None = None
    citation: str
    verification: str


class LesionState(Frozen):
    """What a lesion rule says of one lesion."""

    id: str
    state: State
    facts: dict[str, Value | None]


class OverrideNote(Frozen):
    """What the centre's policy did to a rule, by whom, when and why."""

    action: str
    centre: str
    approved_by: str
    date: dt.date
    reason: str
    packaged_when: str | None = None


class Reason(Frozen):
    """One rule and what it says of this patient. `needs`: unknown facts that it hangs on. `stale`: facts used that are old. `decides`: it made the verdict."""

    rule: str
    effect: Effect
    state: State
    decides: bool = False
    when: str
    facts: dict[str, Value | None]
    says: str
    because: str
    needs: tuple[str, ...] = ()
    stale: tuple[str, ...] = ()
    lesions: tuple[LesionState, ...] = ()
    sources: tuple[Source, ...]
    source_class: str
    jurisdiction: tuple[str, ...] = ()
    edition: str | None = None
    ask: str | None = None
    override: OverrideNote | None = None


class PositionNote(Frozen):
    says: str
    sources: tuple[Source, ...]


class DisagreementNote(Frozen):
    """Sources that differ, side by side, and what liverboard does with it."""

    id: str
    topic: str
    place: str
    positions: tuple[PositionNote, ...]
    handling: str


class OptionVerdict(Frozen):
    """One option. `missing`: facts that would settle it, most decisive first. `to_check`: unknown facts behind cautions and what is looked for before a procedure."""

    option: Option
    verdict: Verdict
    reasons: tuple[Reason, ...]
    missing: tuple[str, ...] = ()
    to_check: tuple[str, ...] = ()
    stale: tuple[str, ...] = ()
    given_before: tuple[str, ...] = Field(
        default=(), description="courses and procedures of this option so far, in words"
    )
    disagreements: tuple[str, ...] = Field(default=(), description="ids of `disagreements`")


class ContextNote(Frozen):
    id: str
    says: str
    sources: tuple[Source, ...]


class EquipoiseNote(Frozen):
    """Options that are open together and that no comparison ranks."""

    id: str
    options: tuple[Option, ...]
    says: str
    sources: tuple[Source, ...]


class Deviation(Frozen):
    """Where the centre's policy departs from the packaged rules."""

    rule: str
    options: tuple[Option, ...]
    effect: Effect
    says: str
    override: OverrideNote


class OptionsReport(Frozen):
    """Every option weighed for one patient on one day, in the order fits, caution, cannot tell, not indicated, excluded."""

    as_of: dt.date | None = None
    knowledge_version: str | None = None
    policy: str | None = Field(default=None, description="centre, approval and date of the policy that was applied")
    jurisdiction: str | None = None
    options: tuple[OptionVerdict, ...] = ()
    equipoise: tuple[EquipoiseNote, ...] = ()
    disagreements: tuple[DisagreementNote, ...] = ()
    context: tuple[ContextNote, ...] = ()
    deviations: tuple[Deviation, ...] = ()
