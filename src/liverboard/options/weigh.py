"""`weigh`: the facts of one patient through every rule, to a verdict for each option with its reasons in order of weight."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from liverboard.clinical.derive import Value, say
from liverboard.clinical.dictionary import FactDefinition, all_definitions, load_dictionary, load_lesion_dictionary
from liverboard.clinical.events import Case, Option
from liverboard.clinical.facts import Facts, facts_of
from liverboard.clinical.lesion_facts import LesionFacts, lesion_facts_of
from liverboard.knowledge import knowledge_version, load_references
from liverboard.options.catalogue import Catalogue, Statement, load_catalogue
from liverboard.options.history import given_before
from liverboard.options.missing import Question, smallest_missing
from liverboard.options.policy import Ruleset
from liverboard.options.report import (
    ContextNote,
    Deviation,
    DisagreementNote,
    EquipoiseNote,
    LesionState,
    OptionsReport,
    OptionVerdict,
    OverrideNote,
    PositionNote,
    Reason,
    Source,
)
from liverboard.options.verdict import VERDICTS, Verdict, rules_of, verdicts
from liverboard.rules.evaluate import CASE, evaluate, facts_frame
from liverboard.rules.expression import (
    And,
    Comparison,
    Expression,
    Not,
    Or,
    Truth,
    decide,
    facts_in,
    residual,
    unsettled_facts,
)
from liverboard.rules.load import LESIONS
from liverboard.rules.rule import LOCAL, OPTIONS, Cited, Compiled, Override, Rule, State

Values = Mapping[str, Value | None]
_DECIDING = ("contraindication", "requirement", "indication")
_LESION_MARK = "@"  # joins a lesion fact and the number of its lesion
_ALIKE = 2  # lesions of one kind that are looked at: with `any` and `all`, two show all that many can do


@dataclass(frozen=True, slots=True)
class _Patient:
    """What rules see. `lesions` None: no list of lesions is known."""

    values: Values
    lesions: tuple[LesionFacts, ...] | None
    stale: frozenset[str]


def weigh_case(
    case: Case, as_of: dt.date, ruleset: Ruleset, known_at: dt.date | dt.datetime | None = None
) -> OptionsReport:
    """Every option of a case as of a day. Raises KnowledgeBaseError when the packaged content is damaged."""
    report = weigh(facts_of(case, as_of, known_at), lesion_facts_of(case, as_of, known_at), ruleset)
    given = given_before(case, as_of, known_at)
    told = tuple(each.model_copy(update={"given_before": given.get(each.option, ())}) for each in report.options)
    return report.model_copy(update={"options": told})


def weigh(facts: Facts, lesions: Sequence[LesionFacts], ruleset: Ruleset) -> OptionsReport:
    """Every option for one patient, in the order of the page. `lesions`: of the imaging that the facts speak of."""
    count = facts.value("lesion_count")
    patient = _Patient(
        {name: facts.value(name) for name in facts.facts},
        tuple(lesions) if lesions or count == 0 else None,
        frozenset(name for name, fact in facts.facts.items() if fact.stale and fact.value is not None),
    )
    rules, catalogue = ruleset.rules, load_catalogue()
    cases = facts_frame([patient.values], load_dictionary())
    truths = evaluate(rules, cases, _lesion_frame(patient))
    states: dict[str, Truth] = truths.row(0, named=True)
    found: dict[str, Any] = verdicts(rules, truths).row(0, named=True)
    shown = {each.id: each for each in catalogue.disagreements if _holds(each, catalogue, patient)}
    options = [
        _option(option, found[option], rules, states, patient, [d.id for d in shown.values() if option in d.options])
        for option in OPTIONS
    ]
    policy = ruleset.policy
    return OptionsReport(
        as_of=facts.as_of,
        knowledge_version=knowledge_version(),
        policy=None if policy is None else f"{policy.centre}, approved by {policy.approved_by}, {policy.date}",
        jurisdiction=None if policy is None else policy.jurisdiction,
        options=tuple(sorted(options, key=lambda each: VERDICTS.index(each.verdict))),
        equipoise=_equipoise(catalogue, patient, found),
        disagreements=tuple(
            DisagreementNote(
                id=each.id,
                topic=each.topic,
                place=each.place,
                positions=tuple(PositionNote(says=p.says, sources=_sources(p.sources)) for p in each.positions),
                handling=each.handling,
            )
            for each in shown.values()
        ),
        context=tuple(
            ContextNote(id=each.id, says=each.says, sources=_sources(each.sources))
            for each in catalogue.context
            if _holds(each, catalogue, patient)
        ),
        deviations=tuple(
            Deviation(rule=each.rule.id, options=each.rule.option, effect=each.rule.effect, says=each.rule.because, override=_note(each.override))
            for each in ruleset.overridden
            if each.override is not None
        ),
    )  # fmt: skip


def _lesion_frame(patient: _Patient) -> Any:
    if not patient.lesions:
        return None
    import polars as pl

    frame = facts_frame([lesion.values for lesion in patient.lesions], load_lesion_dictionary())
    return frame.with_columns(pl.lit(0, pl.UInt32).alias(CASE))


def _holds(statement: Statement, catalogue: Catalogue, patient: _Patient) -> bool:
    return statement.when is None or decide(catalogue.conditions[statement.id], patient.values) is not False


def _equipoise(catalogue: Catalogue, patient: _Patient, found: Mapping[str, Any]) -> tuple[EquipoiseNote, ...]:
    notes: list[EquipoiseNote] = []
    for each in catalogue.equipoise:
        first: tuple[Option, ...] = tuple(o for o in each.options if found[o] in {"fits", "caution"})
        second: tuple[Option, ...] = tuple(o for o in each.beside if found[o] in {"fits", "caution"})
        open_together = bool(first and second) if each.beside else len(first) > 1
        if open_together and _holds(each, catalogue, patient):
            sources = _sources(each.sources)
            notes.append(EquipoiseNote(id=each.id, options=(*first, *second), says=each.says, sources=sources))
    return tuple(notes)


def _option(
    option: Any,
    verdict: Verdict,
    rules: Sequence[Compiled],
    states: Mapping[str, Truth],
    patient: _Patient,
    disagreements: list[str],
) -> OptionVerdict:
    mine = rules_of(option, rules, active=False)
    told = [(each, states[each.rule.id]) for each in mine]
    indicated = _indicated(told)
    reasons = [
        _reason(each, truth, _decides(each, truth, verdict, indicated), patient)
        for each, truth in sorted(told, key=lambda pair: _weight(*pair, verdict))
        if _speaks(each, truth)
    ]
    unknown = [each for each, truth in told if truth is None and each.active]
    late = [each for each in unknown if each.rule.effect == "caution" or each.rule.ask is not None]
    return OptionVerdict(
        option=option,
        verdict=verdict,
        reasons=tuple(reasons),
        missing=_missing(told, patient) if verdict == "cannot_tell" else (),
        to_check=tuple(dict.fromkeys(name for each in late for name in _needs(each, patient))),
        stale=_stale(reasons, told, verdict, patient),
        disagreements=tuple(disagreements),
    )  # fmt: skip


def _stale(
    reasons: Iterable[Reason], told: Iterable[tuple[Compiled, Truth]], verdict: Verdict, patient: _Patient
) -> tuple[str, ...]:
    """Old facts that the verdict rests on. An open option rests on what would have closed it too, and one that fits on what would have cautioned."""
    silent = {"fits": {"contraindication", "requirement", "caution"}, "caution": {"contraindication", "requirement"}}
    behind = [
        each
        for each, truth in told
        if each.active and truth is not None and each.rule.effect in silent.get(verdict, set())
    ]
    names = [name for reason in reasons if reason.decides for name in reason.stale]
    names += [name for each in behind for name in facts_in(each.expression) if name in patient.stale]
    return tuple(dict.fromkeys(names))


def _speaks(each: Compiled, truth: Truth) -> bool:
    """A false rule is a reason only where its absence is: an indication that does not hold, a requirement that is not met."""
    return truth is not False or each.rule.effect in {"indication", "requirement"}


def _indicated(told: Iterable[tuple[Compiled, Truth]]) -> bool:
    """Whether one indication holds; then the unknown ones add nothing."""
    return any(truth is True and each.active and each.rule.effect == "indication" for each, truth in told)


def _decides(each: Compiled, truth: Truth, verdict: Verdict, indicated: bool) -> bool:
    rule = each.rule
    if not each.active:
        return False
    blocks = (rule.effect, truth) in {("contraindication", True), ("requirement", False)}
    match verdict:
        case "excluded":
            return blocks
        case "cannot_tell":
            return truth is None and _may_decide(each) and not (indicated and rule.effect == "indication")
        case "not_indicated":
            return rule.effect == "indication"
        case "caution":
            return truth is True and rule.effect in {"caution", "indication"}
        case "fits":
            return truth is True and rule.effect == "indication"


_WEIGHT: tuple[tuple[str, Truth], ...] = (
    ("contraindication", True), ("requirement", False), ("contraindication", None), ("requirement", None), ("indication", True),
    ("indication", None), ("caution", True), ("indication", False), ("caution", None), ("requirement", True), ("outside_studied", True),
    ("outside_studied", None),
)  # fmt: skip


def _weight(each: Compiled, truth: Truth, verdict: Verdict) -> tuple[bool, int]:
    """Overridden rules last; where cautions make the verdict, they come before the indication."""
    place = _WEIGHT.index((each.rule.effect, truth)) if (each.rule.effect, truth) in _WEIGHT else len(_WEIGHT)
    first = verdict == "caution" and (each.rule.effect, truth) == ("caution", True)
    return not each.active, -1 if first else place + (5 if each.rule.ask and truth is None else 0)


def _reason(each: Compiled, truth: Truth, decides: bool, patient: _Patient) -> Reason:
    names = facts_in(each.expression)
    lesions = _lesion_states(each, patient) if each.rule.scope == "lesion" else ()
    if _beyond_source(each, truth, patient):
        each = replace(each, rule=_own_rule(each))
    rule = each.rule
    of_case = {name: patient.values[name] for name in names if name in patient.values}
    return Reason(
        rule=rule.id,
        effect=rule.effect,
        state=_state(truth),
        decides=decides,
        when=each.when,
        facts=of_case,
        says=_sentence(each, truth, lesions, patient),
        because=rule.because,
        needs=_needs(each, patient) if truth is None else (),
        stale=tuple(name for name in of_case if name in patient.stale),
        lesions=lesions,
        sources=_sources(rule.sources),
        source_class=rule.source_class,
        jurisdiction=rule.jurisdiction,
        edition=rule.edition,
        ask=rule.ask,
        override=_note(each.override),
    )


def _beyond_source(each: Compiled, truth: Truth, patient: _Patient) -> bool:
    """Whether a tightened rule decides where the packaged one, which is all that its source says, would not."""
    if each.packaged is None or truth is not _speaking(each.rule.effect):
        return False
    if each.rule.scope == "case":
        return decide(each.packaged, patient.values) is not truth
    found = [
        (
            decide(each.packaged, {**patient.values, **one.values}),
            decide(each.expression, {**patient.values, **one.values}),
        )
        for one in patient.lesions or ()
    ]
    return any(after is truth and before is not truth for before, after in found)


def _own_rule(each: Compiled) -> Rule:
    """The same rule as the centre's own, with its values: the packaged sentence says what the source does, which is not this."""
    override = each.override
    assert override is not None  # noqa: S101  (only a policy tightens)
    labels = all_definitions()
    values = ", ".join(f"{labels[name].label} {{{name}}}" for name in facts_in(each.expression))
    cited = Cited(key=LOCAL, at=f"{override.centre}, {override.approved_by}", verification="A")
    own = {
        "says": f"This centre's line is stricter than the source: {values}.",
        "sources": (cited,),
        "source_class": LOCAL,
        "jurisdiction": (),
        "edition": None,
    }
    return each.rule.model_copy(update=own)


def _speaking(effect: str) -> bool:
    """The truth at which a rule decides: a requirement when it is not met."""
    return effect != "requirement"


def _state(truth: Truth) -> State:
    return "unknown" if truth is None else "true" if truth else "false"


def _lesion_states(each: Compiled, patient: _Patient) -> tuple[LesionState, ...]:
    """Lesions for which the rule holds or is unknown; the others as well where the rule asks for all."""
    found: list[LesionState] = []
    for lesion in patient.lesions or ():
        truth = decide(each.expression, {**patient.values, **lesion.values})
        if truth is False and each.rule.lesions == "any":
            continue
        facts = {name: lesion.values[name] for name in facts_in(each.expression) if name in lesion.values}
        found.append(LesionState(id=lesion.lesion, state=_state(truth), facts=facts))
    return tuple(found)


def _needs(each: Compiled, patient: _Patient) -> tuple[str, ...]:
    """The unknown facts that the rule hangs on, in any lesion."""
    if each.rule.scope == "case":
        return unsettled_facts(each.expression, patient.values)
    known = [lesion.values for lesion in patient.lesions or ()] or [{}]
    return tuple(
        dict.fromkeys(
            name for lesion in known for name in unsettled_facts(each.expression, {**patient.values, **lesion})
        )
    )


def _sentence(each: Compiled, truth: Truth, lesions: Sequence[LesionState], patient: _Patient) -> str:
    """The rule's own sentence where it decides; elsewhere the rule in general."""
    rule = each.rule
    if truth is not _speaking(rule.effect):
        return rule.because
    definitions = all_definitions()
    holds = [lesion for lesion in lesions if lesion.state == "true"]

    def shown(name: str) -> str:
        if name == LESIONS:
            return ", ".join(lesion.id for lesion in holds)
        if name in patient.values:
            return say_value(definitions[name], patient.values[name])
        return ", ".join(f"{say_value(definitions[name], lesion.facts.get(name))} ({lesion.id})" for lesion in holds)

    return rule.says.format_map({name: shown(name) for name in rule.placeholders()})


def say_value(definition: FactDefinition, value: Value | None) -> str:
    """A value as a sentence carries it: three significant digits and its unit; a fraction reads as a percentage."""
    if value is None:
        return "not known"
    if isinstance(value, bool | str):
        return say(value).replace("_", " ")
    if definition.unit == "fraction":
        return f"{100 * value:.3g} %"
    unit = (
        (definition.unit or "")
        .replace("umol", "µmol")
        .replace("10^9", "10⁹")
        .replace("x ULN", "× ULN")
        .replace("mm2", "mm²")
    )
    text = f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}"
    return f"{text} {unit}s" if unit in {"day", "month", "year"} and value != 1 else f"{text} {unit}".rstrip()


def _sources(cited: Iterable[Cited]) -> tuple[Source, ...]:
    references = load_references()
    return tuple(
        Source(key=each.key, at=each.at, citation=references[each.key].citation, verification=each.verification)
        for each in cited
    )


def _note(override: Override | None) -> Any:
    if override is None:
        return None
    return OverrideNote(
        action=override.action,
        centre=override.centre,
        approved_by=override.approved_by,
        date=override.date,
        reason=override.reason,
        packaged_when=override.packaged_when,
    )


def _missing(told: Sequence[tuple[Compiled, Truth]], patient: _Patient) -> tuple[str, ...]:
    """The smallest set of facts for one option. A lesion rule is written out lesion by lesion."""
    asked = [each for each, truth in told if truth is None and _may_decide(each)]
    of_lesion = load_lesion_dictionary()
    by_lesion = _by_kind([each for each in asked if each.rule.scope == "lesion"], patient)
    definitions: dict[str, FactDefinition] = dict(load_dictionary())
    for number in range(max((len(parts) for parts in by_lesion.values()), default=0)):
        definitions |= {f"{name}{_LESION_MARK}{number}": definition for name, definition in of_lesion.items()}
    blocks: list[Expression] = []
    indications: list[Expression] = []
    for each in asked:
        if each.rule.scope == "case":
            left = residual(each.expression, patient.values)
        else:
            parts = tuple(
                _named(part, number, of_lesion)
                for number, part in enumerate(by_lesion[each.rule.id])
                if not isinstance(part, bool)
            )
            left = parts[0] if len(parts) == 1 else Or(parts) if each.rule.lesions == "any" else And(parts)
        assert not isinstance(left, bool)  # noqa: S101  (its rule is unknown)
        if each.rule.effect == "indication":
            indications.append(left)
        else:
            blocks.append(Not(left) if each.rule.effect == "requirement" else left)
    indicated = _indicated(told)
    question = Question(tuple(blocks), () if indicated else tuple(indications), indicated, definitions)
    return smallest_missing(question, lambda name: name.partition(_LESION_MARK)[0])


def _may_decide(each: Compiled) -> bool:
    return each.active and each.rule.effect in _DECIDING and each.rule.ask is None


def _by_kind(rules: Sequence[Compiled], patient: _Patient) -> dict[str, list[Expression | bool]]:
    """By rule id: what is left of each rule for each kind of lesion. Lesions of which the same is left to know stand for one another, but for two of each."""
    kinds: dict[tuple[Expression | bool, ...], int] = {}
    known: list[Values] = [{}] if patient.lesions is None else [each.values for each in patient.lesions]
    for lesion in known:
        left = tuple(residual(each.expression, {**patient.values, **lesion}) for each in rules)
        kinds[left] = min(kinds.get(left, 0) + 1, _ALIKE)
    copies = [left for left, count in kinds.items() for _ in range(count)]
    return {each.rule.id: [left[place] for left in copies] for place, each in enumerate(rules)}


def _named(expression: Expression, number: int, of_lesion: Mapping[str, FactDefinition]) -> Expression:
    """The expression for one lesion: its lesion facts carry the lesion's number."""
    match expression:
        case Comparison(fact, sign, constants):
            return Comparison(f"{fact}{_LESION_MARK}{number}", sign, constants) if fact in of_lesion else expression
        case Not(part):
            return Not(_named(part, number, of_lesion))
        case And(parts):
            return And(tuple(_named(part, number, of_lesion) for part in parts))
        case Or(parts):
            return Or(tuple(_named(part, number, of_lesion) for part in parts))
