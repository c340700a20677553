"""Bringing cases into the store: case files, folders and archives of them. Everything is looked at first; then all of it comes in, or nothing."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from liverboard.clinical.case_file import read_case, write_case
from liverboard.clinical.events import Case
from liverboard.errors import BadInput, Problem, UserError
from liverboard.registry.archive import read_members
from liverboard.registry.cases import CaseFilter, CaseKey, StoredCase, add_case, append_events, read_cases
from liverboard.registry.frozen import decisions_touched
from liverboard.registry.identity import identifier_problems
from liverboard.registry.permissions import Actor
from liverboard.registry.store import ADD_CENTRE, Store, list_centres

Step = Callable[[str], None]

_ENDINGS: Final = (".yaml", ".yml", ".json")
_HEAD: Final = 4096  # characters in which a file says that it is a case
_SHOWN: Final = 200
_HEADER: Final = ("sex", "birth_year", "question", "as_of", "synthetic")


@dataclass(frozen=True, slots=True)
class Brought:
    """What an import did: cases added, cases that got further events, cases that were there with all of it. `aside`: files that are no cases."""

    added: tuple[CaseKey, ...] = ()
    extended: tuple[CaseKey, ...] = ()
    unchanged: tuple[CaseKey, ...] = ()
    aside: int = 0


@dataclass(slots=True)
class _Plan:
    """`added`: cases to add; `events`: what is new of the others, with the version that was looked at."""

    added: dict[CaseKey, Case] = field(default_factory=dict[CaseKey, Case])
    events: dict[CaseKey, tuple[int, Sequence[Mapping[str, Any]]]] = field(
        default_factory=dict[CaseKey, tuple[int, Sequence[Mapping[str, Any]]]]
    )
    unchanged: list[CaseKey] = field(default_factory=list[CaseKey])


def bring(
    store: Store,
    by: Actor,
    source: Path,
    *,
    centre: str | None = None,
    chair_agrees: bool = False,
    step: Step = lambda text: None,
) -> Brought:
    """Import the cases of a case file, folder, zip or tar. Done twice, it changes nothing: of a case that is there only events that are new come in.

    `centre`: whose cases they are; None: the centre that each file names, else that of the store. An event that is there already and says something else is
    a problem; a correction is a new event. What changes a decision that is there is a problem too, unless the `chair_agrees` and `by` may sign one. Raises BadInput with every problem of every file, NotPermitted, Conflict.
    """
    by.require("exchange_data", centre)
    found, aside, problems = _read(source, step)
    keyed = {name: CaseKey(centre or case.centre or store.folder.centre, case.case) for name, case in found.items()}
    for owner in sorted({key.centre for key in keyed.values()}):
        by.require("exchange_data", owner)
    problems += _doubled(keyed)
    centres = set(list_centres(store))
    for name, key in keyed.items():
        if key.centre not in centres:
            problems.append(
                Problem(f"{name}: the store has no centre '{key.centre[:64]}'", field="centre", hint=ADD_CENTRE)
            )
        elif found[name].centre not in {None, key.centre}:
            problems.append(
                Problem(
                    f"{name}: the file names another centre",
                    field="centre",
                    hint="Import it as that centre, or take `centre` out.",
                )
            )
    stored = _stored(store, by, keyed.values())
    plan = _Plan()
    for name, case in found.items():
        step(f"comparing {name}")
        key, there = keyed[name], stored.get(keyed[name])
        problems += _compare(plan, key, case.model_copy(update={"centre": key.centre}), there, name)
        if there is not None and not (chair_agrees and by.may("sign_off", key.centre)):
            problems += _decisions(there.case, case, name)
    if problems:
        raise _refused(source.name, problems)
    if not found:
        raise BadInput(
            "there is no case file in it",
            where=source.name,
            hint="Expected YAML or JSON in the format of docs/reference/case-format.md, as a file, in a folder, or in a zip or tar.",
        )
    if plan.added or plan.events:
        with store.transaction(by) as tx:
            for number, (key, case) in enumerate(plan.added.items(), 1):
                step(f"adding case {number:,} of {len(plan.added):,}")
                add_case(tx, key.centre, case)
            for key, (version, events) in plan.events.items():
                append_events(tx, key, events, version, keep_recorded=True)
            tx.note(
                "cases.import",
                centre=centre,
                detail={
                    "added": len(plan.added),
                    "extended": len(plan.events),
                    "unchanged": len(plan.unchanged),
                    **({"chair_agrees": True} if chair_agrees else {}),
                },
            )
    return Brought(tuple(plan.added), tuple(plan.events), tuple(plan.unchanged), aside)


def _read(source: Path, step: Step) -> tuple[dict[str, Case], int, list[Problem]]:
    """Every case by the name of its file, how many files are none, and what is wrong with those that should be."""
    found: dict[str, Case] = {}
    problems: list[Problem] = []
    aside = 0
    for name, content in read_members(source, wanted=lambda name: name.lower().endswith(_ENDINGS)):
        step(f"reading {name}")
        try:
            text = content.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            line = content[: error.start].count(b"\n") + 1
            problems.append(Problem(f"{name}: not UTF-8 text", line=line, hint="Save the file as UTF-8 text."))
            continue
        if name != source.name and not _says_it_is_a_case(name, text):
            aside += 1
            continue
        try:
            case = read_case(text, where=name, is_json=name.lower().endswith(".json"))
        except UserError as error:
            problems += [_in_file(name, problem) for problem in error.problems or (Problem(error.message),)]
            continue
        problems += [_in_file(name, problem) for problem in identifier_problems(case)]
        found[name] = case
    return found, aside, problems


def _says_it_is_a_case(name: str, text: str) -> bool:
    """Named `case`, or with the key `liverboard` or `case` near its beginning."""
    if name.rpartition("/")[2].lower().startswith("case."):
        return True
    head = text[:_HEAD]
    if name.lower().endswith(".json"):
        beginning = head.partition("[")[0]
        return '"liverboard"' in beginning or '"case"' in beginning
    return any(line.startswith(("liverboard:", "case:")) for line in head.splitlines())


def _in_file(name: str, problem: Problem) -> Problem:
    return replace(problem, message=f"{name}: {problem.message}")


def _doubled(keyed: Mapping[str, CaseKey]) -> Iterator[Problem]:
    first: dict[CaseKey, str] = {}
    for name, key in keyed.items():
        if key in first:
            yield Problem(f"{name}: the same pseudonym as {first[key]}; one file a case", field="case")
        first.setdefault(key, name)


def _stored(store: Store, by: Actor, keys: Any) -> dict[CaseKey, StoredCase]:
    """Those of the cases that are in the store already."""
    wanted = set(keys)
    found: dict[CaseKey, StoredCase] = {}
    for centre in {key.centre for key in wanted}:
        beginning = os.path.commonprefix([key.case for key in wanted if key.centre == centre])  # noqa: RUF071  (letters, not paths)
        which = CaseFilter(centre=centre, pseudonym=beginning)
        for each in read_cases(store, by, which, purpose="cases.compare"):
            if each.key in wanted:
                found[each.key] = each
    return found


def _compare(plan: _Plan, key: CaseKey, case: Case, stored: StoredCase | None, name: str) -> Iterator[Problem]:
    """What is new of a case goes into the plan; what contradicts the store is a problem."""
    if stored is None:
        plan.added[key] = case
        return
    new, old = _tree(case), _tree(stored.case)
    for word in _HEADER:
        if word in new and new[word] != old.get(word):
            yield Problem(f"{name}: '{word}' is not what the registry holds", field=word, hint="Change it in the registry, or take it out of the file.")  # fmt: skip
    there = {event["id"]: event for event in old["events"]}
    added: list[dict[str, Any]] = []
    for event in new["events"]:
        known = there.get(event["id"])
        if known is None:
            added.append(event)
        elif {**known, "recorded": None} != {**event, "recorded": None}:
            yield Problem(
                f"{name}: the event says something else than in the registry",
                event=event["id"],
                hint="Nothing is overwritten: give what is right as a new event with `corrects`.",
            )
    if added:
        plan.events[key] = (stored.version, added)
    else:
        plan.unchanged.append(key)


def _decisions(held: Case, case: Case, name: str) -> Iterator[Problem]:
    """What is new of a case and changes a decision that the registry holds."""
    there = {event.id for event in held.events}
    for event in decisions_touched(held, [event for event in case.events if event.id not in there]):
        yield Problem(
            f"{name}: the event changes a decision that the registry holds",
            event=event.id,
            hint="The chair corrects or withdraws a decision on the page of its case. Where the chair agrees to this file: --chair-agrees.",
        )


def _tree(case: Case) -> dict[str, Any]:
    tree: dict[str, Any] = json.loads(write_case(case, is_json=True))
    return {"events": [], **tree}


def _refused(where: str, problems: Sequence[Problem]) -> BadInput:
    count = len(problems)
    return BadInput(
        f"the cases cannot be imported: {count:,} problem{'s' if count > 1 else ''}"
        + (f" (the first {_SHOWN} shown)" if count > _SHOWN else ""),
        where=where,
        problems=problems[:_SHOWN],
        hint="Nothing was imported. The format is described in docs/reference/case-format.md.",
    )
