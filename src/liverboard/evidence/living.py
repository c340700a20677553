"""A study file and what it does to a catalogue: read with every fault and its line, checked, merged; nothing of the packaged data is overwritten."""

from __future__ import annotations

import datetime as dt
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal, cast

import yaml
from pydantic import Field, ValidationError

from liverboard.clinical.extent import Frozen
from liverboard.errors import BadInput, Problem
from liverboard.evidence.catalogue import Arm, Catalogue, Contrast, Outcome, blank
from liverboard.evidence.certainty import Judgement, Judgements
from liverboard.evidence.checks import run_checks
from liverboard.evidence.dictionary import TECHNIQUE_WORDS, define
from liverboard.evidence.finding import Finding
from liverboard.knowledge import yaml_with_lines

_MAX_BYTES = 2_000_000
_NEVER_ACCEPTED = frozenset({"counts"})  # more events than patients: nothing can be pooled
Person = Annotated[str, Field(min_length=1)]


class StudyFile(Frozen):
    """One study as a person extracted it. `accepted`: checks whose finding is known and kept, each with the reason."""

    study: Annotated[str, Field(pattern=r"^[a-z][a-z0-9]*$")]
    extracted_by: Annotated[tuple[Person, ...], Field(min_length=1)]
    date: dt.date
    bibliography: Mapping[str, Any] = {}
    arms: tuple[Mapping[str, Any], ...] = ()
    comparisons: tuple[Mapping[str, Any], ...] = ()
    replaces: bool = False
    retracted: str = ""
    harm_signal: str = ""
    accepted: Mapping[str, Person] = {}


class Study(Frozen):
    """A study file, read: its arms, outcomes and contrasts as the catalogue has them."""

    file: StudyFile
    arms: tuple[Arm, ...]
    outcomes: tuple[Outcome, ...]
    contrasts: tuple[Contrast, ...]
    kind: Literal["new", "replacement", "retraction"]

    @property
    def techniques(self) -> frozenset[str]:
        return frozenset(arm.technique for arm in self.arms)


def read_text(path: Path, what: str) -> str:
    """A text file of a person. Raises BadInput, naming the file only."""
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise BadInput(f"too large for {what}", where=path.name, hint="Expected a text file of a few pages.")
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(
            f"{what} cannot be read ({type(error).__name__})",
            where=path.name,
            hint="Check the path; expected a text file in UTF-8.",
        ) from None


def study_of_text(text: str, where: str) -> Study:
    """The study of a YAML text. Raises BadInput with every fault and its line."""
    try:
        content, lines = yaml_with_lines(text)
    except yaml.YAMLError as error:
        raise BadInput(
            f"not readable as YAML: {' '.join(str(error).split())}", where=where, hint="Check indentation and quotes."
        ) from None
    if not isinstance(content, dict):
        raise BadInput("expected a study: keys study, extracted_by, date, bibliography, arms", where=where, hint=_HINT)
    try:
        file = StudyFile.model_validate(content)
    except ValidationError as error:
        raise BadInput(
            "the study cannot be read", where=where, problems=_problems(error, lines, ()), hint=_HINT
        ) from None
    problems: list[Problem] = []
    arms: list[Arm] = []
    outcomes: list[Outcome] = []
    contrasts: list[Contrast] = []
    for number, entry in enumerate(file.arms):
        arm, rows = _arm(file, entry, ("arms", number), lines, problems)
        arms += arm
        outcomes += rows
    for number, entry in enumerate(file.comparisons):
        row = {"study_id": file.study, "extracted_from": file.bibliography.get("extracted_from"), **entry}
        contrasts += _row(Contrast, row, ("comparisons", number), lines, problems)
    if not file.arms and not file.retracted:
        problems.append(Problem("a study needs at least one arm", line=lines.get(("study",)), field="arms"))
    ids = [arm.study_id for arm in arms]
    problems += [
        Problem(f"arm '{name}' is given twice", field="arms") for name in sorted({i for i in ids if ids.count(i) > 1})
    ]
    if problems:
        raise BadInput("the study cannot be read", where=where, problems=problems, hint=_HINT)
    kind = "retraction" if file.retracted else "replacement" if file.replaces else "new"
    return Study(file=file, arms=tuple(arms), outcomes=tuple(outcomes), contrasts=tuple(contrasts), kind=kind)


_HINT = "See docs/reference/study-format.md for the form of a study file."


def _arm(
    file: StudyFile,
    entry: Mapping[str, Any],
    path: tuple[Hashable, ...],
    lines: Mapping[tuple[Hashable, ...], int],
    problems: list[Problem],
) -> tuple[list[Arm], list[Outcome]]:
    columns = {key: value for key, value in entry.items() if key not in {"name", "outcomes"}}
    name = str(entry.get("name", ""))
    source = {"extracted_from": file.bibliography.get("extracted_from")}
    row = {**file.bibliography, **columns, "study_id": f"{file.study}-{name}"}
    arms = _row(Arm, row, path, lines, problems)
    technique = str(entry.get("technique", ""))
    if arms and technique not in TECHNIQUE_WORDS:
        problems.append(
            Problem(
                "not a technique",
                line=lines.get((*path, "technique")),
                field="technique",
                read=technique,
                allowed=", ".join(TECHNIQUE_WORDS),
            )
        )
    rows: list[Outcome] = []
    given: Any = entry.get("outcomes") or []
    if not isinstance(given, list):
        problems.append(Problem("expected a list", line=lines.get((*path, "outcomes")), field="outcomes"))
        return arms, rows
    for number, outcome in enumerate(cast("list[Any]", given)):
        here = (*path, "outcomes", number)
        if not isinstance(outcome, dict):
            problems.append(Problem("an outcome is a list of keys and values", line=lines.get(here), field="outcomes"))
            continue
        found = _row(Outcome, {"study_id": f"{file.study}-{name}", **source, **outcome}, here, lines, problems)
        for each in found:
            try:
                define(each.outcome)
            except BadInput as error:
                problems.append(
                    Problem(error.message, line=lines.get((*here, "outcome")), field="outcome", hint=error.hint)
                )
        rows += found
    return arms, rows


def _row(
    model: Any,
    row: Mapping[str, Any],
    path: tuple[Hashable, ...],
    lines: Mapping[tuple[Hashable, ...], int],
    problems: list[Problem],
) -> list[Any]:
    unknown = sorted(set(row) - set(model.model_fields), key=str)
    problems += [
        Problem(
            f"'{key}' is no column here",
            line=lines.get((*path, key)),
            field=str(key),
            allowed=", ".join(model.model_fields),
        )
        for key in unknown
    ]
    if unknown:
        return []
    try:
        return [model.model_validate(blank(row))]
    except ValidationError as error:
        problems += _problems(error, lines, path)
        return []


def _problems(
    error: ValidationError, lines: Mapping[tuple[Hashable, ...], int], path: tuple[Hashable, ...]
) -> list[Problem]:
    found: list[Problem] = []
    for fault in error.errors(include_url=False):
        place = (*path, *fault["loc"])
        line = next((lines[place[:end]] for end in range(len(place), 0, -1) if place[:end] in lines), None)
        read = fault.get("input")
        shown = repr(read)[:60] if isinstance(read, str | int | float) else None
        found.append(
            Problem(str(fault["msg"]), line=line, field=".".join(str(step) for step in fault["loc"]), read=shown)
        )
    return found


def with_study(catalogue: Catalogue, study: Study, where: str = "study") -> Catalogue:
    """The catalogue with a study added, replaced or retracted. Raises BadInput where the id is taken, or not there to be replaced."""
    name = study.file.study
    present = [arm for arm in catalogue.arms.values() if arm.study == name]
    if study.kind == "new" and present:
        raise BadInput(
            f"the catalogue already has a study '{name}'",
            where=where,
            hint="Give it another id, or say `replaces: true` to correct it.",
        )
    if study.kind != "new" and not present:
        raise BadInput(
            f"the catalogue has no study '{name}'",
            where=where,
            hint="Check the id; `liverboard evidence list` shows them.",
        )
    if study.kind == "retraction":
        marked = {
            key: arm.model_copy(update={"retracted": study.file.retracted}) if arm.study == name else arm
            for key, arm in catalogue.arms.items()
        }
        return replace(catalogue, arms=marked)
    kept = {key: arm for key, arm in catalogue.arms.items() if arm.study != name}
    return replace(
        catalogue,
        arms=kept | {arm.study_id: arm for arm in study.arms},
        outcomes=(*(row for row in catalogue.outcomes if row.study_id in kept), *study.outcomes),
        contrasts=(
            *(row for row in catalogue.contrasts if row.study_id != name or not study.contrasts),
            *study.contrasts,
        ),
    )


def new_findings(before: Catalogue, after: Catalogue) -> tuple[Finding, ...]:
    """What the checks find in the catalogue with the study and did not find without it."""
    known = {(each.check, each.where, each.says) for each in run_checks(before, pages=False)}
    return tuple(each for each in run_checks(after, pages=False) if (each.check, each.where, each.says) not in known)


def refuse_errors(found: Iterable[Finding], study: Study, where: str) -> None:
    """Raises BadInput for findings that cannot all be right, unless the file accepts the check with a reason."""
    accepted = set(study.file.accepted) - _NEVER_ACCEPTED
    errors = [each for each in found if each.weight == "error" and each.check not in accepted]
    if errors:
        raise BadInput(
            "figures of the study contradict each other",
            where=where,
            problems=[Problem(f"{each.where}: {each.says}", field=each.check) for each in errors],
            hint="Correct the file; where the page itself is wrong, keep it under `accepted: {check: reason}`.",
        )


def judgements_of_text(text: str, where: str) -> tuple[Judgement, ...]:
    """A centre's GRADE judgements (YAML). Raises BadInput with every fault and its line."""
    try:
        content, lines = yaml_with_lines(text)
    except yaml.YAMLError as error:
        raise BadInput(f"not readable as YAML: {' '.join(str(error).split())}", where=where) from None
    try:
        return Judgements.model_validate(content or {}).judgements
    except ValidationError as error:
        raise BadInput("the judgements cannot be read", where=where, problems=_problems(error, lines, ())) from None
