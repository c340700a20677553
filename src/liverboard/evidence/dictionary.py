"""What outcomes and pools are called: outcomes with their direction and threshold, options with the techniques behind them, the editorial's claims."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import Annotated, Literal

from pydantic import Field

from liverboard.clinical.extent import Frozen
from liverboard.errors import BadInput, KnowledgeBaseError
from liverboard.evidence.catalogue import Catalogue, load_catalogue, read_yaml
from liverboard.knowledge import load_references

Kind = Literal["proportion", "survival", "median", "mean"]
Counts = Literal["benefit", "harm", "course"]
Words = Annotated[str, Field(min_length=1)]
_NAMED = re.compile(r"(?P<course>[a-z_]+?)_(?:(?P<years>\d+)y|(?P<kind>median|mean)_(?:months|days))")


class OutcomeDefinition(Frozen):
    """`says` ends the sentence "about 60 of 100 treated patients ...". `kind`: proportions are pooled; survival percentages, medians and means are listed."""

    label: Words
    counts: Counts
    says: str = ""
    threshold_percent: float | None = None
    at_risk: tuple[str, ...] = ()
    kind: Kind = "proportion"


class CertaintyRules(Frozen):
    half_width_percent: float
    asymmetry_from_studies: int
    few_studies: int
    basis: Words


class Outcomes(Frozen):
    outcomes: Mapping[str, OutcomeDefinition]
    courses: Mapping[str, str]
    certainty: CertaintyRules


class Reading(Frozen):
    """Techniques that are read together, under the name that says so."""

    name: Words
    techniques: Annotated[tuple[str, ...], Field(min_length=1)]


class OptionReading(Reading):
    """What stands behind an option; `sensitivity`: names of groups or techniques shown beside it."""

    sensitivity: tuple[str, ...] = ()
    outcomes: tuple[str, ...]


class OptionPools(Frozen):
    groups: Mapping[str, Reading]
    options: Mapping[str, OptionReading]


class Beside(Frozen):
    outcome: str
    read: Annotated[tuple[str, ...], Field(min_length=1)]


class Claim(Frozen):
    """A claim of the editorial and the pools to put beside it."""

    id: Words
    says: Words
    source: Words
    verification: Literal["A", "B", "U"]
    options: tuple[str, ...]
    pools: tuple[Beside, ...]
    range_percent: Mapping[str, tuple[float, float]] = {}
    least_months: Mapping[str, float] = {}
    contrasts: tuple[str, ...] = ()


class _Claims(Frozen):
    claims: tuple[Claim, ...]


@cache
def load_outcomes() -> Outcomes:
    return read_yaml("outcomes.yaml", Outcomes)


@cache
def load_option_pools() -> OptionPools:
    """Raises KnowledgeBaseError where a name is no outcome, group or technique."""
    pools = read_yaml("option_pools.yaml", OptionPools)
    known = {*pools.groups, *load_catalogue().techniques, *TECHNIQUE_WORDS}
    wrong = [
        *(t for reading in (*pools.groups.values(), *pools.options.values()) for t in reading.techniques if t not in TECHNIQUE_WORDS),
        *(name for option in pools.options.values() for name in option.sensitivity if name not in known),
    ]  # fmt: skip
    for option in pools.options.values():
        for outcome in option.outcomes:
            define(outcome)
    if wrong:
        raise KnowledgeBaseError(f"names that are no technique or group: {', '.join(wrong)}", where="option_pools.yaml")
    return pools


@cache
def load_claims() -> tuple[Claim, ...]:
    """Raises KnowledgeBaseError where a claim names a source that is not in the references."""
    claims = read_yaml("claims.yaml", _Claims).claims
    unknown = sorted({claim.source for claim in claims} - set(load_references()))
    if unknown:
        raise KnowledgeBaseError(f"not in references.yaml: {', '.join(unknown)}", where="claims.yaml")
    return claims


TECHNIQUE_WORDS: Mapping[str, str] = {
    "resection": "liver resection",
    "resection_plus_ablation": "resection with ablation",
    "rfa": "radiofrequency ablation",
    "mwa": "microwave ablation",
    "laser": "laser ablation",
    "cryo": "cryoablation",
    "ablation_nos": "ablation, type not stated",
    "tae": "bland embolisation",
    "ctace": "conventional chemoembolisation",
    "debtace": "DEB-TACE",
    "tace_nos": "chemoembolisation, type not stated",
    "tae_tace_mixed": "bland and chemoembolisation mixed",
    "iat_nos": "treatment through the artery, type not stated",
    "hai": "hepatic artery infusion",
    "hai_plus_tace": "hepatic artery infusion with chemoembolisation",
    "sirt_resin": "SIRT, resin",
    "sirt_glass": "SIRT, glass",
    "sirt_ho166": "SIRT, Ho-166",
    "sirt_nos": "SIRT, microsphere not stated",
    "sirt_mixed": "SIRT, microspheres mixed",
    "sirt_plus_captem": "SIRT with capecitabine and temozolomide",
    "multimodal_locoregional": "several locoregional treatments",
    "nonsurgical_control": "control without surgery",
    "systemic_only": "systemic treatment only",
}


def define(outcome: str) -> OutcomeDefinition:
    """The definition of an outcome; survival, medians and means are read from their name. Raises BadInput for a name that says nothing."""
    book = load_outcomes()
    if outcome in book.outcomes:
        return book.outcomes[outcome]
    if outcome in book.courses:
        return OutcomeDefinition(label=book.courses[outcome], counts="course", kind="survival")
    named = _NAMED.fullmatch(outcome)
    if named is None or named["course"] not in book.courses:
        raise BadInput(
            f"'{outcome}' is not an outcome of the catalogue",
            where="outcome",
            hint=f"Outcomes: {', '.join(book.outcomes)}; or a course such as os_median_months, os_5y, hepatic_pfs_median_months.",
        )
    course = book.courses[named["course"]]
    if named["years"]:
        years = "1 year" if named["years"] == "1" else f"{named['years']} years"
        return OutcomeDefinition(label=f"{course} at {years}", counts="course", kind="survival")
    return OutcomeDefinition(
        label=f"{named['kind']} {course}", counts="course", kind="median" if named["kind"] == "median" else "mean"
    )


def reading(name: str, catalogue: Catalogue | None = None) -> Reading:
    """What a name reads: an option as `option_pools.yaml` says, a group, or one technique. Raises BadInput.

    An option goes before a technique of the same name: `ctace` is read with the series that do not state the type, and says so in its name.
    """
    pools = load_option_pools()
    if name in pools.options:
        return pools.options[name]
    return reading_alone(name, catalogue)


def reading_alone(name: str, catalogue: Catalogue | None = None) -> Reading:
    """The same for a group or for the technique alone, also where an option has its name. Raises BadInput."""
    pools = load_option_pools()
    if name in pools.groups:
        return pools.groups[name]
    known = sorted({*TECHNIQUE_WORDS, *(catalogue or load_catalogue()).techniques})
    if name not in known:
        raise BadInput(
            f"'{name}' is not a technique of the catalogue",
            where="technique",
            hint=f"Techniques: {', '.join(known)}; options: {', '.join(pools.options)}; groups: {', '.join(pools.groups)}.",
        )
    alone = name in pools.options and pools.options[name].techniques != (name,)
    return Reading(name=TECHNIQUE_WORDS.get(name, name) + (" alone" if alone else ""), techniques=(name,))
