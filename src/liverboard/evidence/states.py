"""States of a centre's catalogue: each with a hash, a date and its pools, so that any two can be laid beside each other; and what an added study triggers.

A state is a JSON document that is never changed. Triggers and their thresholds: certainty_methods_note, elliott_2017_living; they are a design choice, not a standard.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, ValidationError

from liverboard.clinical.extent import Frozen
from liverboard.errors import BadInput
from liverboard.evidence.catalogue import Catalogue, load_catalogue, read_yaml
from liverboard.evidence.certainty import Judgement, load_judgements
from liverboard.evidence.dictionary import define, load_option_pools
from liverboard.evidence.finding import Finding
from liverboard.evidence.living import (
    Study,
    judgements_of_text,
    new_findings,
    read_text,
    refuse_errors,
    study_of_text,
    with_study,
)
from liverboard.evidence.pools import Pool, ask, pool_of
from liverboard.evidence.words import counted
from liverboard.knowledge import knowledge_version, reasons

STUDIES, STATES, JUDGEMENTS = "studies", "states", "judgements.yaml"
_HALF_YEAR_DAYS = 183
Step = Callable[[str], None]


class Entry(Frozen):
    """A pool as a state keeps it."""

    k: int
    studies: int
    n: int
    estimate: float | None
    ci: tuple[float, float] | None
    prediction_interval: tuple[float, float] | None
    mu: float | None
    se: float | None
    rate: str
    comparison: str
    wording: str
    evidence: str


class State(Frozen):
    """One state: the study files over the packaged catalogue, and every pool. `hash` covers the rows and the judgements."""

    number: Annotated[int, Field(ge=0)]
    hash: str
    date: dt.date
    previous: str | None
    knowledge: str
    packaged: str
    files: tuple[str, ...]
    because: str
    searched: dt.date | None
    pools: Mapping[str, Entry]

    @property
    def name(self) -> str:
        return f"{self.number:04d}-{self.hash[:12]}.json"


class Dated(Frozen):
    date: dt.date
    searched: dt.date | None
    note: str


class Trigger(Frozen):
    """Why an update is due: letter and words of the methods note."""

    letter: Literal["a", "b", "c", "d", "e", "f", "g"]
    says: str


class Change(Frozen):
    """One pool before and after. Either is None where there was no such pool."""

    pool: str
    before: Entry | None
    after: Entry | None

    @property
    def says(self) -> str:
        name, _, outcome = self.pool.partition("/")
        head = f"{name.partition(':')[2]}, {define(outcome).label}"
        if self.before is None or self.after is None:
            entry = self.after or self.before
            return f"{head}: {'new' if self.after else 'gone'}: {entry.wording if entry else ''}"
        return f"{head}: {_short(self.before)} -> {_short(self.after)}"


class Difference(Frozen):
    """Two states laid beside each other. `cards`: options whose card reads otherwise."""

    before: str
    after: str
    changes: tuple[Change, ...]
    cards: tuple[str, ...]
    files_added: tuple[str, ...] = ()
    files_gone: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CentreCatalogue:
    """What a centre works with: the packaged catalogue under its own studies and judgements, and its states in order."""

    catalogue: Catalogue
    judgements: tuple[Judgement, ...]
    states: tuple[State, ...] = ()
    files: Mapping[str, str] = field(default_factory=dict[str, str])

    @property
    def own(self) -> int:
        return len(self.files)

    @property
    def hash(self) -> str:
        return state_hash(self.catalogue, self.judgements)


def state_hash(catalogue: Catalogue, judgements: Sequence[Judgement]) -> str:
    lines = sorted(each.model_dump_json() for each in judgements)
    return hashlib.sha256("\n".join([catalogue.hash, *lines]).encode()).hexdigest()


@cache
def packaged_date() -> Dated:
    return read_yaml("state.yaml", Dated)


def open_centre(folder: Path | None) -> CentreCatalogue:
    """The centre's catalogue in a folder; the packaged one without a folder, or where the folder is not there. Raises BadInput."""
    catalogue, judgements = load_catalogue(), load_judgements()
    if folder is None or not folder.is_dir():
        return CentreCatalogue(catalogue, judgements)
    if (folder / JUDGEMENTS).is_file():
        judgements = (*judgements, *judgements_of_text(read_text(folder / JUDGEMENTS, "the judgements"), JUDGEMENTS))
    states = read_states(folder)
    files: dict[str, str] = {}
    for name in states[-1].files if states else ():
        text = read_text(folder / STUDIES / name, "a study of the catalogue")
        if _file_name(text, name.partition(".")[0]) != name:
            raise BadInput(
                "a study file of the catalogue was changed after it was added",
                where=name,
                hint="Restore it, and add the correction as a new file with `replaces: true`.",
            )
        catalogue = with_study(catalogue, study_of_text(text, name), name)
        files[name] = text
    return CentreCatalogue(catalogue, judgements, states, files)


def read_states(folder: Path) -> tuple[State, ...]:
    """The states in a folder in order. Raises BadInput for a document that is none."""
    found: list[State] = []
    for path in sorted((folder / STATES).glob("*.json")) if (folder / STATES).is_dir() else ():
        try:
            found.append(State.model_validate_json(read_text(path, "a state of the catalogue")))
        except ValidationError as error:
            raise BadInput(f"not a state of the catalogue: {reasons(error)}", where=path.name) from None
    return tuple(sorted(found, key=lambda state: state.number))


def _file_name(text: str, study: str) -> str:
    return f"{study}.{hashlib.sha256(text.encode()).hexdigest()[:12]}.yaml"


def snapshot(
    centre: CentreCatalogue,
    *,
    date: dt.date,
    because: str,
    step: Step = lambda text: None,
    previous: State | None = None,
) -> State:
    """The state of a catalogue with every pool: of each technique alone, and of each option on the outcomes of its card."""
    pools: dict[str, Entry] = {}
    for key, name, outcome, alone in _questions(centre.catalogue):
        step(f"{name}, {outcome}")
        pools[key] = _entry(
            pool_of(
                centre.catalogue,
                ask(name, outcome, centre.catalogue, alone=alone),
                centre.judgements,
                sensitivity=False,
            )
        )
    return State(
        number=0 if previous is None else previous.number + 1,
        hash=centre.hash,
        date=date,
        previous=None if previous is None else previous.hash,
        knowledge=knowledge_version(),
        packaged=load_catalogue().hash,
        files=tuple(centre.files),
        because=because,
        searched=packaged_date().searched if previous is None else previous.searched,
        pools=pools,
    )


def _questions(catalogue: Catalogue) -> list[tuple[str, str, str, bool]]:
    with_data = sorted({(catalogue.arm(row).technique, row.outcome) for row in catalogue.outcomes})
    cards = [(option, outcome) for option, reads in load_option_pools().options.items() for outcome in reads.outcomes]
    return [
        *((f"technique:{name}/{outcome}", name, outcome, True) for name, outcome in with_data),
        *((f"option:{name}/{outcome}", name, outcome, False) for name, outcome in cards),
    ]


def _entry(pool: Pool) -> Entry:
    return Entry(
        k=pool.k,
        studies=pool.study_count,
        n=pool.n,
        estimate=pool.estimate,
        ci=pool.ci,
        prediction_interval=pool.prediction_interval,
        mu=pool.mu,
        se=pool.se,
        rate=pool.certainty.rate.words,
        comparison=pool.certainty.comparison.words,
        wording=pool.wording,
        evidence=pool.evidence_hash,
    )


def _short(entry: Entry) -> str:
    size = counted(entry.studies, "study")
    if entry.estimate is None or entry.ci is None:
        return f"no pooled value ({size})"
    low, high = entry.ci
    scale, unit = (100, " %") if high <= 1 else (1, " months")
    interval = f"{scale * entry.estimate:.1f}{unit} ({scale * low:.1f} to {scale * high:.1f})"
    return f"{interval}, {size}, {counted(entry.n, 'patient')}, certainty of the rate {_level(entry)[0]}"


def differ(before: State, after: State) -> Difference:
    """What reads otherwise in the second state."""
    changes = tuple(
        Change(pool=key, before=before.pools.get(key), after=after.pools.get(key))
        for key in sorted({*before.pools, *after.pools})
        if before.pools.get(key) != after.pools.get(key)
    )
    cards = {change.pool.partition("/")[0].partition(":")[2] for change in changes if change.pool.startswith("option:")}
    return Difference(
        before=before.hash,
        after=after.hash,
        changes=changes,
        cards=tuple(option for option in load_option_pools().options if option in cards),
        files_added=tuple(name for name in after.files if name not in before.files),
        files_gone=tuple(name for name in before.files if name not in after.files),
    )


@dataclass(frozen=True, slots=True)
class Added:
    """What adding a study does: the states before and after, their difference, what it triggers, and the files to write."""

    study: Study
    before: State
    after: State
    difference: Difference
    triggers: tuple[Trigger, ...]
    verdict: Literal["logged", "update", "major update"]
    contents: Mapping[str, bytes]
    findings: tuple[Finding, ...] = ()
    notes: tuple[str, ...] = ()


def add_study(
    centre: CentreCatalogue, text: str, where: str, *, date: dt.date, step: Step = lambda message: None
) -> Added:
    """Add the study of a text to a centre's catalogue; checked, and nothing written here. Raises BadInput as `study_of_text`, `with_study` and `refuse_errors`."""
    study = study_of_text(text, where)
    catalogue = with_study(centre.catalogue, study, where)
    findings = new_findings(centre.catalogue, catalogue)
    refuse_errors(findings, study, where)
    before = centre.states[-1] if centre.states and centre.states[-1].hash == centre.hash else None
    if before is None:
        last = centre.states[-1] if centre.states else None
        before = snapshot(
            centre,
            date=date,
            because="before the first study was added" if last is None else "judgements or software changed",
            step=step,
            previous=last,
        )
    name = _file_name(text, study.file.study)
    grown = CentreCatalogue(catalogue, centre.judgements, centre.states, {**centre.files, name: text})
    after = snapshot(grown, date=date, because=f"{study.kind}: {study.file.study}", step=step, previous=before)
    difference = differ(before, after)
    triggers = tuple(_triggers(study, centre.catalogue, difference, before, date))
    letters = {trigger.letter for trigger in triggers}
    verdict = "major update" if letters & {"c", "e", "f"} else "update" if letters else "logged"
    contents = {f"{STUDIES}/{name}": text.encode(), f"{STATES}/{after.name}": _json(after)}
    if not centre.states or centre.states[-1].hash != before.hash:
        contents = {f"{STATES}/{before.name}": _json(before), **contents}
    return Added(study, before, after, difference, triggers, verdict, contents, findings, tuple(_notes(study, before)))


def _notes(study: Study, before: State) -> list[str]:
    notes: list[str] = []
    readers = study.file.extracted_by
    if len(readers) == 1:
        notes.append(f"extracted by {readers[0]} alone; a second reader is usual before the catalogue is relied on")
    notes += [f"{check} was found and accepted: {reason}" for check, reason in study.file.accepted.items()]
    if before.searched is None:
        notes.append(
            "the day of the last search of the literature is not recorded, so whether 6 months have passed cannot be told"
        )
    return notes


def _json(state: State) -> bytes:
    return (json.dumps(state.model_dump(mode="json"), ensure_ascii=False, indent=1, sort_keys=True) + "\n").encode()


def _triggers(study: Study, old: Catalogue, difference: Difference, before: State, date: dt.date) -> list[Trigger]:
    found: list[Trigger] = []
    for change in difference.changes:
        if not change.pool.startswith("technique:") or change.before is None or change.after is None:
            continue
        found += _of_numbers(change, change.before, change.after)
    if study.file.harm_signal:
        found.append(Trigger(letter="d", says=f"harm signal, as the file says: {study.file.harm_signal}"))
    found += _first_of_its_kind(study, old)
    if study.kind == "retraction":
        found.append(Trigger(letter="f", says=f"{study.file.study} is retracted: {study.file.retracted}"))
    elif study.kind == "replacement":
        found.append(Trigger(letter="f", says=f"{study.file.study} is corrected"))
    if before.searched is not None and (date - before.searched).days > _HALF_YEAR_DAYS:
        found.append(Trigger(letter="g", says=f"the last search was on {before.searched}, more than 6 months ago"))
    return found


def _of_numbers(change: Change, before: Entry, after: Entry) -> list[Trigger]:
    name, _, outcome = change.pool.partition("/")
    definition = define(outcome)
    head = f"{name.partition(':')[2]}, {definition.label}"
    found: list[Trigger] = []
    threshold = None if definition.threshold_percent is None else definition.threshold_percent / 100
    if before.mu is not None and after.mu is not None and before.se and abs(after.mu - before.mu) > before.se:
        found.append(Trigger(letter="a", says=f"{head}: the pooled value moves by more than one standard error"))
    if threshold is not None:
        if (
            before.estimate is not None
            and after.estimate is not None
            and (before.estimate < threshold) != (after.estimate < threshold)
        ):
            found.append(Trigger(letter="a", says=f"{head}: the pooled value crosses {100 * threshold:g} %"))
        for kind, one, other in (
            ("confidence", before.ci, after.ci),
            ("prediction", before.prediction_interval, after.prediction_interval),
        ):
            if one and other and (one[0] < threshold < one[1]) != (other[0] < threshold < other[1]):
                found.append(
                    Trigger(
                        letter="b",
                        says=f"{head}: the {kind} interval {'now crosses' if other[0] < threshold < other[1] else 'no longer crosses'} {100 * threshold:g} %",
                    )
                )
        if (
            definition.counts == "harm"
            and after.ci
            and after.ci[0] > threshold
            and not (before.ci and before.ci[0] > threshold)
        ):
            found.append(Trigger(letter="d", says=f"{head}: the whole interval now lies above {100 * threshold:g} %"))
    if (before.rate, before.comparison) != (after.rate, after.comparison) and _level(before) != _level(after):
        found.append(
            Trigger(
                letter="c",
                says=f"{head}: certainty changes from {' / '.join(_level(before))} to {' / '.join(_level(after))} (rate / better than the alternative)",
            )
        )
    return found


def _level(entry: Entry) -> tuple[str, str]:
    """The level within the words of both statements."""
    cut = [
        re.split(r"[;,(]", words.partition(": ")[2], maxsplit=1)[0].strip() for words in (entry.rate, entry.comparison)
    ]
    return cut[0], cut[1]


def _first_of_its_kind(study: Study, old: Catalogue) -> list[Trigger]:
    found: list[Trigger] = []
    randomised = any(arm.design == "RCT" for arm in study.arms)
    had = {arm.technique for arm in old.arms.values() if arm.design == "RCT" and arm.outcomes_seen}
    if randomised and not study.techniques <= had:
        names = ", ".join(sorted(study.techniques - had))
        found.append(Trigger(letter="e", says=f"first randomised study with results of {names}"))
    known = {frozenset({contrast.arm_a, contrast.arm_b}) for contrast in old.contrasts}
    new = {frozenset({contrast.arm_a, contrast.arm_b}) for contrast in study.contrasts} - known
    found += [
        Trigger(letter="e", says=f"first comparison of {' and '.join(sorted(pair))}")
        for pair in sorted(new, key=sorted)
    ]
    return found


def find_state(
    folder: Path, wanted: str, states: Sequence[State], centre: CentreCatalogue, step: Step = lambda text: None
) -> State:
    """A state by the start of its hash, by its number, or by name: `packaged`, `current`. Raises BadInput that lists the states."""
    if wanted == "packaged":
        packaged = CentreCatalogue(load_catalogue(), load_judgements())
        return snapshot(packaged, date=packaged_date().date, because="as packaged", step=step)
    if wanted == "current" and states:
        return states[-1]
    if wanted == "current":
        return snapshot(centre, date=packaged_date().date, because="as packaged", step=step)
    hits = [state for state in states if state.hash.startswith(wanted.lower()) or str(state.number) == wanted]
    if len({state.hash for state in hits}) == 1:
        return hits[-1]
    known = ", ".join(f"{state.number} ({state.hash[:12]}, {state.date})" for state in states) or "none"
    raise BadInput(
        f"'{wanted}' names {'no' if not hits else 'more than one'} state of the catalogue",
        where=folder.name,
        hint=f"States here: {known}; also `packaged` and `current`.",
    )
