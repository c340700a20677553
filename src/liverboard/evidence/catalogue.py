"""The studies as data: arms, outcomes, contrasts and published pools, typed, with the page that each row comes from."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import cache, cached_property
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field, RootModel, ValidationError

from liverboard.clinical.extent import Frozen
from liverboard.errors import KnowledgeBaseError, Problem
from liverboard.knowledge import load_yaml, packaged_text, reasons

FOLDER = "evidence"
Unit = Literal["patient", "procedure", "session", "treatment cycle", "lesion", "unclear"]
Population = Literal["nelm", "mixed_nelm_hcc", "mixed_liver_tumours"]
SourceType = Literal[
    "primary_abstract", "abstract_quoted", "secondary_table", "secondary_text", "conference_abstract", "protocol",
    "full_text", "registry",
]  # fmt: skip
R = TypeVar("R", bound=BaseModel)


def _finite(value: Decimal | None) -> Decimal | None:
    if value is not None and not value.is_finite():
        raise ValueError("not a finite number")
    return value


Count = Annotated[int, Field(ge=0)]
Figure = Annotated[Decimal | None, AfterValidator(_finite)]
"""A figure with the digits as printed: 62.0 says more than 62."""
Text = Annotated[str, BeforeValidator(lambda value: "" if value is None else str(value))]


class Arm(Frozen):
    """A study arm, or the whole cohort of a study. Counts of primaries only where printed.

    `overlap_group`: arms that probably share patients. `unverified`: bibliographic fields that no page showed. `retracted`: why the arm no longer counts.
    """

    study_id: Annotated[str, Field(pattern=r"^[a-z][a-z0-9]*-[a-z0-9]+$")]
    arm_role: Literal["arm", "whole_cohort"] = "arm"
    first_author: Text = ""
    year: int | None = None
    country: Text = ""
    design: Text = "NR"
    technique: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
    device_or_regimen: Text = ""
    population: Population = "nelm"
    n_patients: Count | None = None
    n_procedures: Count | None = None
    primary_pancreas_n: Count | None = None
    primary_small_bowel_n: Count | None = None
    primary_other_n: Count | None = None
    primary_unknown_n: Count | None = None
    primary_site_text: Text = ""
    grade_mix: Text = ""
    burden: Text = ""
    median_follow_up_months: Figure = None
    follow_up_stat: Text = ""
    doi: Text = ""
    pmid: Text = ""
    pmcid: Text = ""
    citation: Text = ""
    extracted_from: Annotated[str, Field(min_length=1)]
    source_type: SourceType = "primary_abstract"
    overlap_group: Text = ""
    include_in_pooling: bool = True
    outcomes_seen: bool = True
    notes: Text = ""
    unverified: tuple[str, ...] = ()
    retracted: Text = ""

    @property
    def study(self) -> str:
        """The part of the id that the arms of a study share."""
        return study_of(self.study_id)

    @property
    def author(self) -> str:
        return self.first_author.replace("(UNVERIFIED)", "").strip() or self.study

    @property
    def short(self) -> str:
        """Author and year, marked where a field of them was not seen; for a picture."""
        year = "" if not self.first_author else f" {self.year or ''}"
        return f"{self.author}{year}".strip() + (" [unverified]" if self.unverified else "")

    @property
    def label(self) -> str:
        """Author and year; what no page showed is said in brackets."""
        year = "" if not self.first_author and self.year else f" {self.year or 'year not known'}"
        doubt = f" [{', '.join(field.replace('_', ' ') for field in self.unverified)} unverified]"
        return f"{self.author}{year}{doubt if self.unverified else ''}"


class Outcome(Frozen):
    """One outcome of one arm. `events` and `n` are strict counts; `value` is the printed figure in `unit`."""

    study_id: str
    outcome: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
    criteria: Text = "NR"
    events: Count | None = None
    n: Count | None = None
    value: Figure = None
    unit: Literal["%", "months", "days"] = "%"
    ci_low: Figure = None
    ci_high: Figure = None
    timepoint: Text = ""
    subgroup: Text = ""
    unit_of_analysis: Unit = "patient"
    n_basis: Literal["stated", "implied", "arm_n_assumed", "not_stated", "arm_n"] = "stated"
    derived: Literal["no", "exact"] = "no"
    extracted_from: Annotated[str, Field(min_length=1)]
    notes: Text = ""

    @property
    def decimals(self) -> int:
        """Digits after the point of the printed value."""
        exponent = 0 if self.value is None else self.value.as_tuple().exponent
        return max(0, -exponent) if isinstance(exponent, int) else 0

    @property
    def time_origin(self) -> str:
        """From when a time counts, where the page says so ("from first embolisation")."""
        return self.timepoint if self.timepoint.startswith("from ") else ""

    @property
    def printed(self) -> str:
        """What the page has, in one phrase."""
        parts = [f"{self.events}/{self.n}" if self.events is not None and self.n is not None else ""]
        if self.value is not None:
            parts.append(f"{self.value} {self.unit}" + (f" of {self.n}" if self.events is None and self.n else ""))
        if self.ci_low is not None or self.ci_high is not None:
            parts.append(f"({_or(self.ci_low)} to {_or(self.ci_high)})")
        return " ".join(part for part in parts if part)


class Contrast(Frozen):
    """One printed comparison of two arms."""

    study_id: str
    arm_a: str
    arm_b: str
    outcome: str
    effect_measure: Text = ""
    estimate: Figure = None
    ci_low: Figure = None
    ci_high: Figure = None
    p_value: Text = ""
    adjusted: bool = False
    method: Text = ""
    extracted_from: Annotated[str, Field(min_length=1)]
    notes: Text = ""


class PublishedPool(Frozen):
    """One pooled or summary estimate of a published review. `estimate` is text: some pages print what is no number."""

    meta_id: str
    first_author: Text = ""
    year: int | None = None
    technique: str
    comparison: Text = ""
    outcome: str
    k_studies: Count | None = None
    n: Count | None = None
    n_unit: Text = ""
    estimate: Text = ""
    ci_low: Figure = None
    ci_high: Figure = None
    unit: Text = ""
    effect_measure: Text = ""
    i2: Text = ""
    model: Text = ""
    doi: Text = ""
    pmid: Text = ""
    extracted_from: Annotated[str, Field(min_length=1)]
    notes: Text = ""
    unverified: tuple[str, ...] = ()

    @property
    def figure(self) -> Decimal | None:
        try:
            return Decimal(self.estimate)
        except ArithmeticError:
            return None

    @property
    def label(self) -> str:
        author = self.first_author.replace("(UNVERIFIED)", "").strip() or self.meta_id
        doubt = f" [{', '.join(field.replace('_', ' ') for field in self.unverified)} unverified]"
        return f"{author} {self.year or ''}".strip() + (doubt if self.unverified else "")


class Categories(Frozen):
    """Percentages of response categories as a page prints them together: they must all fit one denominator."""

    study_id: str
    percentages: str


class Departure(Frozen):
    """Where the tables depart from the page: the row, what the page prints, what was kept and why."""

    id: str
    table: Literal["studies", "outcomes", "comparisons", "published", "categories"]
    match: Mapping[str, str] = {}
    printed: Mapping[str, str] = {}
    row: Mapping[str, str] = {}
    kept: str


class _Departures(RootModel[tuple[Departure, ...]]):
    pass


class Unverified(Frozen):
    """Which bibliographic fields no page showed, by study or review; and the overlap groups that nobody checked."""

    class Fields(Frozen):
        fields: tuple[str, ...]
        why: str

    studies: Mapping[str, Fields]
    overlap_groups: tuple[str, ...] = ()


@dataclass(frozen=True)
class Catalogue:
    """One state of the catalogue. `second`: rows that another page prints about a row of the tables (only in `as_printed`)."""

    arms: Mapping[str, Arm]
    outcomes: tuple[Outcome, ...]
    contrasts: tuple[Contrast, ...]
    published: tuple[PublishedPool, ...]
    categories: tuple[Categories, ...] = ()
    second: tuple[Arm, ...] = ()

    @cached_property
    def hash(self) -> str:
        """SHA-256 of every row, whatever the order of the files."""
        rows = [*self.arms.values(), *self.outcomes, *self.contrasts, *self.published]
        return digest(rows)

    def __hash__(self) -> int:
        return hash(self.hash)

    def arm(self, outcome: Outcome) -> Arm:
        return self.arms[outcome.study_id]

    @property
    def techniques(self) -> tuple[str, ...]:
        return tuple(sorted({arm.technique for arm in self.arms.values()}))

    def of(self, techniques: Iterable[str], outcome: str) -> tuple[Outcome, ...]:
        """The rows of some techniques and one outcome, in the order of the tables."""
        wanted = frozenset(techniques)
        return tuple(
            row for row in self.outcomes if row.outcome == outcome and self.arms[row.study_id].technique in wanted
        )


def study_of(study_id: str) -> str:
    return study_id.partition("-")[0]


def digest(rows: Iterable[BaseModel]) -> str:
    lines = sorted(json.dumps(row.model_dump(mode="json"), sort_keys=True, ensure_ascii=True) for row in rows)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _or(value: object) -> str:
    return "not reached" if value is None else str(value)


@cache
def load_catalogue() -> Catalogue:
    """The packaged catalogue. Raises KnowledgeBaseError with the line of every row that does not read or does not join."""
    unverified = load_unverified()

    def marked(row: dict[str, Any]) -> dict[str, Any]:
        found = unverified.studies.get(study_of(row.get("study_id") or row.get("meta_id", "")))
        return row | {"unverified": found.fields if found else ()}

    arms = _rows("studies.csv", Arm, marked)
    outcomes = _rows("outcomes.csv", Outcome)
    contrasts = _rows("comparisons.csv", Contrast)
    published = _rows("published_pooled.csv", PublishedPool, marked)
    return join(Catalogue({arm.study_id: arm for arm in arms}, outcomes, contrasts, published), len(arms))


def join(catalogue: Catalogue, arms: int) -> Catalogue:
    """The same, once every outcome has its arm and no id is given twice. Raises KnowledgeBaseError."""
    problems = [
        Problem(f"outcome {row.outcome} of '{row.study_id}' has no arm")
        for row in catalogue.outcomes
        if row.study_id not in catalogue.arms
    ]
    if len(catalogue.arms) != arms:
        problems.append(Problem("a study_id is given twice", field="study_id"))
    if problems:
        raise KnowledgeBaseError("the catalogue does not join", where=FOLDER, problems=problems)
    return catalogue


@cache
def load_unverified() -> Unverified:
    return read_yaml("unverified.yaml", Unverified)


@cache
def load_departures() -> tuple[Departure, ...]:
    return read_yaml("as_printed.yaml", _Departures).root


def as_printed(catalogue: Catalogue, departures: Iterable[Departure]) -> Catalogue:
    """The catalogue with what the pages print laid over it. Raises KnowledgeBaseError where a departure finds no row."""
    for each in departures:
        catalogue = _laid(catalogue, each)
    return catalogue


def _laid(catalogue: Catalogue, each: Departure) -> Catalogue:
    try:
        if each.row:
            match each.table:
                case "studies":
                    return replace(catalogue, second=(*catalogue.second, Arm.model_validate(blank(each.row))))
                case "outcomes" if each.row["study_id"] not in catalogue.arms:
                    raise KnowledgeBaseError(f"{each.id}: no such arm", where=f"{FOLDER}/as_printed.yaml")
                case "outcomes":
                    return replace(catalogue, outcomes=(*catalogue.outcomes, Outcome.model_validate(blank(each.row))))
                case "comparisons":
                    return replace(
                        catalogue, contrasts=(*catalogue.contrasts, Contrast.model_validate(blank(each.row)))
                    )
                case "published":
                    return replace(
                        catalogue, published=(*catalogue.published, PublishedPool.model_validate(blank(each.row)))
                    )
                case "categories":
                    return replace(catalogue, categories=(*catalogue.categories, Categories.model_validate(each.row)))
        if each.table == "outcomes":
            return replace(catalogue, outcomes=_over(catalogue.outcomes, each))
        return replace(catalogue, published=_over(catalogue.published, each))
    except ValidationError as error:
        raise KnowledgeBaseError(f"{each.id}: {reasons(error)}", where=f"{FOLDER}/as_printed.yaml") from None


def _over(rows: tuple[R, ...], each: Departure) -> tuple[R, ...]:
    hit = [row for row in rows if all(str(getattr(row, key)) == value for key, value in each.match.items())]
    if len(hit) != 1:
        raise KnowledgeBaseError(f"{each.id}: {len(hit)} rows fit, expected one", where=f"{FOLDER}/as_printed.yaml")
    (found,) = hit
    laid = type(found).model_validate(found.model_dump() | dict(each.printed))
    return tuple(laid if row is found else row for row in rows)


def blank(row: Mapping[str, Any]) -> dict[str, Any]:
    """The columns that say something: an empty cell is not known, and takes the default."""
    return {key: value for key, value in row.items() if value is not None and value != ""}


def _rows(name: str, model: type[R], also: Callable[[dict[str, Any]], dict[str, Any]] = dict) -> tuple[R, ...]:
    found: list[R] = []
    problems: list[Problem] = []
    reader = csv.DictReader(io.StringIO(packaged_text(f"{FOLDER}/{name}"), newline=""), strict=True)
    for row in reader:
        cells = blank(row)
        try:
            found.append(model.model_validate(also(cells)))
        except ValidationError as error:
            problems.append(Problem(reasons(error), line=reader.line_num))
    if problems:
        raise KnowledgeBaseError("rows that cannot be read", where=f"{FOLDER}/{name}", problems=problems)
    return tuple(found)


def read_yaml(name: str, shape: type[R]) -> R:
    """A packaged YAML file of the catalogue as a model. Raises KnowledgeBaseError."""
    try:
        return shape.model_validate(load_yaml(f"{FOLDER}/{name}"))
    except ValidationError as error:
        raise KnowledgeBaseError(reasons(error), where=f"{FOLDER}/{name}") from None
