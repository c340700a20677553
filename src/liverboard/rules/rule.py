"""One rule: an effect on options, a predicate, the sentence for the clinician, the source, and cases that show what it does."""

from __future__ import annotations

import datetime as dt
import re
import string
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Annotated, Any, Final, Literal, get_args

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints, model_validator

from liverboard.clinical.derive import Value
from liverboard.clinical.events import Option
from liverboard.clinical.extent import Frozen
from liverboard.clinical.quantity import Day
from liverboard.rules.expression import Expression

_TURNING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")  # they turn the direction of the text


def _plain(sentence: str) -> str:
    if not any(letter.isalpha() for letter in sentence):
        raise ValueError("expected words, for a person to read")
    if any(unicodedata.category(letter) in {"Cc", "Cs"} or letter in _TURNING for letter in sentence if letter != "\n"):
        raise ValueError("holds a control character, which could hide or turn what is shown")
    markup = re.search(r"<[a-zA-Z/!?][^>]*>?", sentence)
    if markup:
        raise ValueError(f"plain text is shown as it stands; '{markup[0][:40]}' is markup")
    return sentence


Effect = Literal["indication", "contraindication", "caution", "requirement", "outside_studied"]
Scope = Literal["case", "lesion"]
RollUp = Literal["any", "all"]
State = Literal["true", "false", "unknown"]
Words = Annotated[str, StringConstraints(min_length=1, max_length=1000, strip_whitespace=True)]
Sentence = Annotated[Words, AfterValidator(_plain)]
Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$", max_length=80)]

OPTIONS: tuple[str, ...] = get_args(Option)
EFFECTS: tuple[Effect, ...] = get_args(Effect)

LOCAL: Final = (
    "local_policy"  # a centre's own rule: it answers for it by name, so neither a source nor cases are asked of it
)

# What each class of source may do at most; the table of docs/reference/rule-language.md.
CLASSES: dict[str, frozenset[str]] = {
    name: frozenset((*effects.split(), "outside_studied"))
    for name, effects in {
        "label_contraindication": "contraindication caution",
        "label_warning": "caution",
        "label_indication": "indication",
        "guideline": "contraindication requirement indication caution",
        "selection_criteria": "requirement indication caution",
        "expert_list": "contraindication caution",
        "expert_list_secondhand": "caution",
        "trial_eligibility": "",
        "data": "indication caution",
        "opinion": "indication caution",
        "unverified": "",
        LOCAL: "contraindication requirement indication caution",
    }.items()
}
SourceClass = Literal[
    "label_contraindication", "label_warning", "label_indication", "guideline", "selection_criteria", "expert_list",
    "expert_list_secondhand", "trial_eligibility", "data", "opinion", "unverified", "local_policy",
]  # fmt: skip


def _listed(written: Any) -> Any:
    return (written,) if isinstance(written, str) else written


class Cited(Frozen):
    """Where a statement comes from: key of `references.yaml`, place in it, and how that statement was verified (A seen there, B as quoted elsewhere, U not seen)."""

    key: Name
    at: Words | None = None
    verification: Literal["A", "B", "U"]


class RuleCase(Frozen):
    """Facts (the rest unknown) and what the rule says to them."""

    facts: dict[str, Value] = Field(default_factory=dict[str, Value])
    is_: Annotated[State, BeforeValidator(lambda value: str(value).lower() if isinstance(value, bool) else value)] = (
        Field(alias="is")
    )


class Rule(Frozen):
    """A rule as it stands in its file. `option`: one or several. `says` may show facts in braces; `because` is the rule in general, without a patient's values."""

    id: Name
    option: Annotated[tuple[Option, ...], BeforeValidator(_listed), Field(min_length=1)]
    scope: Scope = "case"
    lesions: RollUp = "any"
    effect: Effect
    when: Words
    says: Sentence
    because: Sentence
    sources: Annotated[tuple[Cited, ...], Field(min_length=1)]
    source_class: SourceClass
    jurisdiction: Annotated[tuple[Words, ...], BeforeValidator(_listed)] = ()
    edition: Words | None = None
    supersedes: Name | None = None
    ask: Literal["before_procedure"] | None = None
    rows: tuple[Words, ...] = ()
    reviewed: Day
    cases: tuple[RuleCase, ...] = ()

    @model_validator(mode="after")
    def _bounded(self) -> Rule:
        faults = list(self._faults())
        if faults:
            raise ValueError("; ".join(faults))
        return self

    def _faults(self) -> Iterator[str]:
        if self.effect not in CLASSES[self.source_class]:
            allowed = ", ".join(effect for effect in EFFECTS if effect in CLASSES[self.source_class])
            yield f"a source of class {self.source_class} allows at most: {allowed}; not {self.effect}"
        unverified = [source.key for source in self.sources if source.verification == "U"]
        if unverified and self.effect != "outside_studied":
            yield f"an unverified source ({', '.join(unverified)}) cannot stand behind a {self.effect}"
        if (
            self.source_class == "expert_list"
            and self.effect == "contraindication"
            and any(source.verification != "A" for source in self.sources)
        ):
            yield "an expert list contraindicates only when it was seen at its source (A)"
        if self.ask and self.effect != "contraindication":
            yield "`ask: before_procedure` belongs to contraindications only"
        if self.lesions == "all" and self.scope == "case":
            yield "`lesions: all` belongs to the scope `lesion`"
        missing = [state for state in get_args(State) if state not in {case.is_ for case in self.cases}]
        if missing and self.source_class != LOCAL:
            yield f"no case that is {', '.join(missing)}; give at least one each that fires, stays silent and is unknown"

    def placeholders(self) -> tuple[str, ...]:
        """The names in braces in `says`. Raises ValueError when the braces do not match or hold more than a name."""
        found = [part for part in string.Formatter().parse(self.says) if part[1] is not None]
        if any(form or conversion for _, _, form, conversion in found):
            raise ValueError("braces hold the name of a fact and nothing else")
        return tuple(name for _, name, _, _ in found if name is not None)


@dataclass(frozen=True, slots=True)
class Override:
    """What a centre's policy did to a rule, by whom, when and why. `packaged_when`: the predicate before it was tightened."""

    action: Literal["add", "tighten", "off", "jurisdiction"]
    centre: str
    approved_by: str
    date: dt.date
    reason: str
    packaged_when: str | None = None


@dataclass(frozen=True, slots=True)
class Compiled:
    """A rule with its predicate read. `active` False: a policy switched it off; it is still evaluated and shown, and decides nothing.

    `tightened`: a centre's stricter predicate; then `packaged` is the one that its source stands behind.
    """

    rule: Rule
    expression: Expression
    override: Override | None = None
    tightened: str | None = None
    packaged: Expression | None = None

    @property
    def when(self) -> str:
        """The predicate as it is written, on one line."""
        return " ".join((self.tightened or self.rule.when).split())

    @property
    def active(self) -> bool:
        return self.override is None or self.override.action not in {"off", "jurisdiction"}

    def under(self, override: Override) -> Compiled:
        return replace(self, override=override)
