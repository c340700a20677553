"""A centre's policy: rules added, tightened or switched off, each with a reason and a name. Nothing that it does is silent."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from math import prod
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BeforeValidator, ConfigDict, ValidationError

from liverboard.clinical.derive import Value
from liverboard.clinical.extent import Frozen
from liverboard.errors import BadInput, Problem
from liverboard.knowledge import yaml_with_lines
from liverboard.options.catalogue import load_catalogue, vocabulary
from liverboard.rules.expression import Expression, comparisons, decide, facts_in, representatives
from liverboard.rules.load import case_faults, check_rule, line_of
from liverboard.rules.parse import ExpressionError, parse
from liverboard.rules.rule import LOCAL, Compiled, Name, Override, Rule, Sentence, Words

_MAX_BYTES = 2_000_000
_MOST_COMPARED = 100_000  # sets of facts under which a tightened rule is held against the old one
_STRICTER_WHEN_WIDER = {"contraindication", "caution", "outside_studied"}


class Change(Frozen):
    """One line of a policy. `when`: the predicate of a new rule, or the tightened one of a packaged rule. `add` takes the other fields of a rule too."""

    model_config = ConfigDict(extra="allow")

    id: Name
    action: Annotated[
        Literal["add", "tighten", "off"], BeforeValidator(lambda word: "off" if word is False else word)
    ]  # YAML reads a bare off as false
    reason: Sentence
    when: Words | None = None


class Policy(Frozen):
    """A policy file. `jurisdiction`: which product labels apply (without one every label does; what no label of it was seen to say, on an option's use or its risks, the labels of elsewhere go on to say)."""

    centre: Sentence
    approved_by: Sentence
    date: dt.date
    jurisdiction: Words | None = None
    rules: Annotated[tuple[Change, ...], BeforeValidator(lambda listed: () if listed is None else listed)] = ()


@dataclass(frozen=True, slots=True)
class Ruleset:
    """The rules that apply, packaged ones under the policy's hand; `policy` None: as packaged."""

    rules: tuple[Compiled, ...]
    policy: Policy | None = None

    @property
    def overridden(self) -> tuple[Compiled, ...]:
        return tuple(each for each in self.rules if each.override is not None)


def packaged() -> Ruleset:
    """The packaged rules, as they are."""
    return Ruleset(load_catalogue().rules)


def read_policy(path: Path | None) -> Ruleset:
    """The packaged rules under the policy in a YAML file; as packaged without one.

    Raises BadInput with every problem and its line: no such file, a field that is missing or wrong, an id that is no rule, a change that would loosen a rule
    under the name of tightening, an added rule that does not load or whose cases do not come out.
    """
    if path is None:
        return packaged()
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise BadInput("too large for a policy", where=path.name, hint="Expected a YAML file of a few pages.")
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(
            f"the policy cannot be read ({type(error).__name__})",
            where=path.name,
            hint="Check the path; expected YAML in UTF-8.",
        ) from None
    return policy_of(text, path.name)


def policy_of(text: str, where: str) -> Ruleset:
    """The same from the text of a policy."""
    problems: list[Problem] = []
    try:
        content, lines = yaml_with_lines(text)
    except yaml.YAMLError as error:
        mark: Any = getattr(error, "problem_mark", None)
        raise BadInput(
            "the policy is not YAML",
            where=where,
            problems=[Problem(str(getattr(error, "problem", error)), line=mark.line + 1 if mark else None)],
        ) from None
    try:
        policy = Policy.model_validate(content)
    except ValidationError as error:
        problems = [
            Problem(
                fault["msg"].removeprefix("Value error, "),
                line=line_of(lines, fault["loc"]),
                field=".".join(map(str, fault["loc"])) or None,
            )
            for fault in error.errors(include_url=False)
        ]
        raise BadInput(
            "the policy is not as expected",
            where=where,
            hint="Expected centre, approved_by, date, jurisdiction and rules.",
            problems=problems,
        ) from None
    rules = {each.rule.id: each for each in load_catalogue().rules}
    for place, change in enumerate(policy.rules):
        line = lines.get(("rules", place))
        faults = list(_applied(change, rules, policy))
        problems += [Problem(f"{change.id}: {fault}", line=line) for fault in faults]
    labelled = {name for each in rules.values() for name in each.rule.jurisdiction}
    if policy.jurisdiction is not None and policy.jurisdiction not in labelled:
        known = ", ".join(sorted(labelled))
        problems.append(
            Problem(
                f"no label of '{policy.jurisdiction}' was seen; leave it out, or choose {known}",
                line=lines.get(("jurisdiction",)),
            )
        )
    if problems:
        raise BadInput("the policy cannot be applied", where=where, problems=problems)
    seen = {
        side for each in rules.values() if policy.jurisdiction in each.rule.jurisdiction for side in _sides(each.rule)
    }
    return Ruleset(tuple(_in_jurisdiction(each, policy, seen) for each in rules.values()), policy)


def _applied(change: Change, rules: dict[str, Compiled], policy: Policy) -> Iterator[str]:
    """Carry out one change in `rules`; yields what is wrong with it."""
    override = Override(change.action, policy.centre, policy.approved_by, policy.date, change.reason)
    if change.action == "add":
        yield from _added(change, rules, override)
        return
    each = rules.get(change.id)
    if change.model_extra:
        yield f"{', '.join(change.model_extra)}: only a rule that is added has such fields"
    elif each is None:
        yield "there is no packaged rule of this id; `liverboard options CASE --json` lists the ids"
    elif each.override is not None:
        yield "the policy changes this rule twice"
    elif change.action == "off":
        rules[change.id] = each.under(override)
    elif change.when is None:
        yield "tightening needs `when`, the stricter predicate"
    else:
        yield from _tightened(change.when, each, rules, override)


def _added(change: Change, rules: dict[str, Compiled], override: Override) -> Iterator[str]:
    if change.id in rules:
        yield "a rule of this id exists; choose another id, or tighten it"
        return
    own: dict[str, Any] = {
        "because": change.reason,
        "says": change.reason,
        "sources": [{"key": LOCAL, "at": f"{override.centre}, {override.approved_by}", "verification": "A"}],
        "source_class": LOCAL,
        "reviewed": override.date,
    }
    compiled, faults = check_rule(
        {**own, **(change.model_extra or {}), "id": change.id, "when": change.when}, vocabulary()
    )
    yield from (": ".join((".".join(map(str, place)), fault)) if place else fault for place, fault in faults)
    if compiled is None:
        return
    wrong = [fault.removeprefix(f"{change.id}: ") for fault in case_faults(compiled)]
    yield from wrong
    if not wrong:
        rules[change.id] = compiled.under(override)


def _tightened(when: str, each: Compiled, rules: dict[str, Compiled], override: Override) -> Iterator[str]:
    try:
        stricter = parse(when, vocabulary().of(each.rule.scope))
    except ExpressionError as error:
        yield from error.faults
        return
    wider = each.rule.effect in _STRICTER_WHEN_WIDER
    choices = _choices(each.expression, stricter, each.rule)
    if prod(len(values) for values in choices.values()) > _MOST_COMPARED:
        yield "it reads too many facts to show that it is stricter; leave the rule as it is and add your own beside it"
        return
    witness = _loosened(each.expression, stricter, choices, wider=wider)
    if witness is not None:
        shown = ", ".join(f"{name} = {'unknown' if value is None else value}" for name, value in witness.items())
        yield f"this loosens the rule (for {shown} it would no longer hold back); to loosen a rule switch it off with a reason and add your own"
        return
    tightened = replace(override, packaged_when=each.when)
    rules[each.rule.id] = replace(
        each, override=tightened, expression=stricter, tightened=when, packaged=each.expression
    )


def _choices(old: Expression, new: Expression, rule: Rule) -> dict[str, tuple[Value | None, ...]]:
    """For each fact that either predicate reads: one value of each kind that they tell apart, and unknown."""
    facts = vocabulary().of(rule.scope)
    reading = [*comparisons(old), *comparisons(new)]
    names = dict.fromkeys((*facts_in(old), *facts_in(new)))
    return {name: (*representatives(facts[name], [one for one in reading if one.fact == name]), None) for name in names}


def _loosened(
    old: Expression, new: Expression, choices: Mapping[str, Sequence[Value | None]], *, wider: bool
) -> dict[str, Value | None] | None:
    """Facts under which the new predicate holds back less than the old one; None when there are none."""
    for values in product(*choices.values()):
        given = dict(zip(choices, values, strict=True))
        before, after = decide(old, given), decide(new, given)
        if (before and not after) if wider else (after and not before):
            return given
    return None


def _sides(rule: Rule) -> set[tuple[str, bool]]:
    """What of a label a rule holds, by option: what it is for (False) or what it warns of (True). One can be seen without the other."""
    return {(option, rule.effect not in {"indication", "outside_studied"}) for option in rule.option}


def _in_jurisdiction(each: Compiled, policy: Policy, seen: set[tuple[str, bool]]) -> Compiled:
    """Sets a label of elsewhere aside, but where that part of no label of the centre's own jurisdiction was `seen`: there the labels seen are all that is known."""
    if (
        policy.jurisdiction is None
        or not each.rule.jurisdiction
        or policy.jurisdiction in each.rule.jurisdiction
        or each.override is not None
        or not seen.issuperset(_sides(each.rule))
    ):
        return each
    reason = f"a label of {', '.join(each.rule.jurisdiction)}; this centre works under {policy.jurisdiction}"
    return each.under(Override("jurisdiction", policy.centre, policy.approved_by, policy.date, reason))
