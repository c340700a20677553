"""What a page shows of the options, in words: a line each for page one, a card each for the page in full, and the sources by number."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from liverboard.board.dossier import Dossier, FactEntry
from liverboard.clinical.derive import Value
from liverboard.clinical.dictionary import all_definitions
from liverboard.options.report import DisagreementNote, OptionsReport, OptionVerdict, OverrideNote, Reason
from liverboard.options.verdict import Verdict
from liverboard.options.words import (
    CLASS_WORDS,
    EFFECT_WORDS,
    SIRT,
    VERDICT_WORDS,
    option_words,
    short_words,
    state_words,
)
from liverboard.report.cited import Cited, SourceMark
from liverboard.report.expected_view import Expected, ExpectedCell, absent_of, cells_of, expected_view
from liverboard.report.words import age, clean, counted, day, fact_words, plain
from liverboard.rules.rule import CLASSES

SHOWN_FIRST = 6  # reasons of a card that stand open on the screen
NEEDS_FIRST = 3  # what a line of a full page one names
OLD_FIRST = 2
_CARD = "hangs on what is not known: see its card"
STANDS: frozenset[Verdict] = frozenset({"fits", "caution"})
OFF = frozenset({"off", "jurisdiction"})
_OWN = "add"
_ACTIONS = {"add": "added", "tighten": "tightened", "off": "switched off", "jurisdiction": "set aside"}
_TAGGED = frozenset({"expert_list", "expert_list_secondhand", "unverified", "local_policy"})
_CLASS_ORDER = tuple(CLASSES)
_SIGNS = {
    ("contraindication", "true"): "excluded",
    ("requirement", "false"): "excluded",
    ("requirement", "true"): "fits",
    ("indication", "true"): "fits",
    ("indication", "false"): "not_indicated",
    ("caution", "true"): "caution",
    ("outside_studied", "true"): "outside",
}
_LESION_STATES = {"true": "holds", "false": "does not hold", "unknown": "not known"}


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a sentence. `typed`: a centre's own words, a name or a condition."""

    text: str
    typed: bool = False


@dataclass(frozen=True, slots=True)
class NamedOption:
    name: str
    anchor: str


@dataclass(frozen=True, slots=True)
class OptionLine:
    """One line of page one. `brief`: its first sentence, or the first things that it needs, for a page that is full. `cells`: what is expected of each option of it.

    `typed`: `says` is the centre's own.
    """

    verdict: Verdict
    word: str
    options: tuple[NamedOption, ...]
    says: str
    brief: str
    more: str
    stale: str
    given: str
    off: str
    cells: tuple[ExpectedCell, ...]
    typed: bool


@dataclass(frozen=True, slots=True)
class ReasonView:
    """One rule on a card. `typed`: its sentence is the centre's own. `override`: what a policy did to it; `override_pieces`: the same, piece by piece."""

    sign: str
    state: str
    says: str
    hangs_on: str
    stale: str
    by: str
    tags: tuple[Piece, ...]
    sources: tuple[SourceMark, ...]
    rule: str
    when: str
    facts: tuple[tuple[str, str], ...]
    lesions: tuple[str, ...]
    override: str
    override_pieces: tuple[Piece, ...]
    off: bool
    open: bool
    number: int
    again: bool
    typed: bool


@dataclass(frozen=True, slots=True)
class Difference:
    """Sources that differ. `options`: where it bites, in words."""

    id: str
    topic: str
    place: str
    options: str
    positions: tuple[tuple[str, tuple[SourceMark, ...]], ...]
    handling: str


@dataclass(frozen=True, slots=True)
class OptionCard:
    anchor: str
    name: str
    verdict: Verdict
    word: str
    notes: tuple[tuple[str, str], ...]
    reasons: tuple[ReasonView, ...]
    more: tuple[ReasonView, ...]
    more_words: str
    differences: tuple[Difference, ...]
    expected: Expected | None


@dataclass(frozen=True, slots=True)
class Note:
    """A statement with its sources, and the options that it speaks of."""

    options: str
    says: str
    sources: tuple[SourceMark, ...]


@dataclass(frozen=True, slots=True)
class DeviationView:
    """`typed`: `says` is the centre's own. `why_pieces`: `why` piece by piece."""

    rule: str
    options: str
    what: str
    says: str
    why: str
    why_pieces: tuple[Piece, ...]
    typed: bool


@dataclass(frozen=True, slots=True)
class OptionsView:
    """`basis_pieces`: `basis` piece by piece. `absent`: options that stand and that the study catalogue does not hold. `elsewhere`: sources that differ on something else than an option. `aside`: rules of labels that do not apply in the centre's jurisdiction."""

    basis: str
    basis_pieces: tuple[Piece, ...]
    lines: tuple[OptionLine, ...]
    absent: str
    cards: tuple[OptionCard, ...]
    equipoise: tuple[Note, ...]
    context: tuple[Note, ...]
    differences: tuple[Difference, ...]
    elsewhere: tuple[Difference, ...]
    deviations: tuple[DeviationView, ...]
    aside: tuple[DeviationView, ...]


def option_anchor(option: str) -> str:
    return f"option-{option}"


def options_view(dossier: Dossier, cited: Cited | None = None) -> OptionsView:
    """`cited`: the numbering of the page that this is a part of."""
    report, cited = dossier.options, cited or Cited()
    notes = {each.id: each for each in report.disagreements}
    bites = {name: [o.option for o in report.options if name in o.disagreements] for name in notes}
    found: dict[str, Difference] = {}
    cards: list[OptionCard] = []
    told: dict[str, int] = {}
    for each in report.options:
        reasons = tuple(_reason(reason, dossier.facts, cited, told) for reason in each.reasons)
        for name in each.disagreements:
            if name in notes and name not in found:
                found[name] = _difference(notes[name], bites[name], cited)
        differ = tuple(found[n] for n in each.disagreements if n in found)
        expected = expected_view(dossier.evidence, each.option)
        cards.append(_card(each, reasons, differ, dossier.facts, expected))
    equipoise = tuple(
        Note(clean(short_words(note.options)), clean(note.says), cited.marks(note.sources)) for note in report.equipoise
    )
    elsewhere = tuple(_difference(note, (), cited) for name, note in notes.items() if name not in found)
    context = tuple(Note("", clean(note.says), cited.marks(note.sources)) for note in report.context)
    deviations = [
        DeviationView(
            _name(each.rule),
            clean(short_words(each.options)),
            f"{EFFECT_WORDS[each.effect]}, {_ACTIONS[each.override.action] if each.override.action in _ACTIONS else clean(each.override.action)}",
            "" if each.says == each.override.reason else clean(each.says),
            _joined(why := _override(each.override)),
            why,
            each.override.action == _OWN,
        )
        for each in sorted(report.deviations, key=lambda each: each.override.action == "jurisdiction")
    ]
    aside = sum(each.override.action == "jurisdiction" for each in report.deviations)
    return OptionsView(
        basis=_joined(basis := _basis(report)),
        basis_pieces=basis,
        lines=_lines(dossier),
        absent=absent_of(dossier.evidence, [each.option for each in report.options if each.verdict in STANDS]),
        cards=tuple(cards),
        equipoise=equipoise,
        context=context,
        differences=tuple(found.values()),
        elsewhere=elsewhere,
        deviations=tuple(deviations[: len(deviations) - aside]),
        aside=tuple(deviations[len(deviations) - aside :]),
    )


def _basis(report: OptionsReport) -> tuple[Piece, ...]:
    said = [Piece("Weighed by rules, not decided; ")]
    if report.policy:
        centre, approved, rest = clean(report.policy).rpartition(", approved by ")
        said += [Piece("policy of "), Piece(centre, typed=True), Piece(approved), Piece(rest, typed=True), Piece("; ")]
    if report.jurisdiction:
        labels = [Piece("labels of "), Piece(clean(report.jurisdiction), typed=True)]
        return (*said, *labels, Piece(" where one was seen, else every label."))
    return (*said, Piece("every label applies."))


def _joined(pieces: Iterable[Piece]) -> str:
    return "".join(piece.text for piece in pieces)


def _lines(dossier: Dossier) -> tuple[OptionLine, ...]:
    """Options whose line would be the same share it; so all those that are not indicated do. What is expected of an option that stands is beside its reason."""
    asked = [each.fact for each in dossier.missing]
    groups: dict[OptionLine, list[OptionVerdict]] = {}
    for each in dossier.options.options:
        groups.setdefault(_line(each, dossier.facts, asked), []).append(each)
    lines: list[OptionLine] = []
    for line, group in groups.items():
        names = [each.option for each in group]
        cells = cells_of(dossier.evidence, names) if line.verdict in STANDS else ()
        lines.append(replace(line, options=tuple(_named(names)), given=_given(group), cells=cells))
    return tuple(lines)


def _given(group: Sequence[OptionVerdict]) -> str:
    """Which of the options of a line were given before."""
    given = [each.option for each in group if each.given_before]
    if not given:
        return ""
    return "given before" if len(given) == len(group) else f"given before: {short_words(given)}"


def _line(each: OptionVerdict, facts: Mapping[str, FactEntry], asked: Sequence[str]) -> OptionLine:
    says, more, typed = _why(each, asked)
    return OptionLine(
        verdict=each.verdict,
        word=VERDICT_WORDS[each.verdict],
        options=(),
        says=says,
        brief=_first_needs(each, asked) if each.verdict == "cannot_tell" else _first_sentence(says),
        more=more,
        stale=_old_in_short(each.stale, facts) if each.verdict in STANDS else "",
        given="",
        off=_silenced(each),
        cells=(),
        typed=typed,
    )


def _named(options: Sequence[str]) -> Iterator[NamedOption]:
    """Each option with its card; the three kinds of SIRT together are one name."""
    kinds = [option for option in options if option in SIRT]
    together = len(kinds) == len(SIRT)
    for option in options:
        if together and option in SIRT:
            if option == kinds[0]:
                yield NamedOption(short_words(kinds), option_anchor(option))
        else:
            yield NamedOption(short_words([option]), option_anchor(option))


def _why(each: OptionVerdict, asked: Sequence[str]) -> tuple[str, str, bool]:
    """What decides in one sentence, how much more there is of it, and whether the sentence is the centre's own."""
    if each.verdict == "cannot_tell":
        return f"needs: {clean(_needs(_in_order(each, asked)))}" if each.missing else _CARD, "", False
    if each.verdict == "not_indicated":
        return "", "", False
    wanted = {"fits": ("indication",), "caution": ("caution",), "excluded": ("contraindication", "requirement")}
    reasons = [reason for reason in each.reasons if reason.decides and reason.effect in wanted[each.verdict]]
    if not reasons:
        return "", "", False
    first = reasons[0] if each.verdict == "caution" else min(reasons, key=_strength)
    rest = len(reasons) - 1
    words = {"fits": ("indication", "indications"), "caution": ("caution", "cautions"), "excluded": ("reason", "reasons")}  # fmt: skip
    one, many = words[each.verdict]
    more_words = f"(and {rest} more {one if rest == 1 else many})" if rest and each.verdict != "fits" else ""
    return clean(first.says), more_words, _typed(first)


def _typed(reason: Reason) -> bool:
    return reason.override is not None and reason.override.action == _OWN


def _in_order(each: OptionVerdict, asked: Sequence[str]) -> list[str]:
    """What an option needs, in the order in which the board is asked for it."""
    return sorted(each.missing, key=lambda name: asked.index(name) if name in asked else len(asked))


def _first_needs(each: OptionVerdict, asked: Sequence[str]) -> str:
    order = _in_order(each, asked)
    if not order:
        return _CARD
    if len(order) <= NEEDS_FIRST + 1:  # one more to name takes no more room than to count it
        return f"needs: {clean(_needs(order))}"
    return f"needs: {clean(_needs(order[:NEEDS_FIRST]))}; and {len(order) - NEEDS_FIRST} more"


def _strength(reason: Reason) -> tuple[int, str]:
    """The class of the source first, then how its best source was verified (A before B before U)."""
    place = _CLASS_ORDER.index(reason.source_class) if reason.source_class in _CLASS_ORDER else len(_CLASS_ORDER)
    return place, min((source.verification for source in reason.sources), default="U")


def _needs(names: Iterable[str]) -> str:
    """Facts by who can supply them, in the order of the facts."""
    by_who: dict[str, list[str]] = {}
    for name in names:
        definition = all_definitions().get(name)
        who = definition.who_supplies if definition else ""
        by_who.setdefault(who, []).append(_label(name))
    return "; ".join(f"{', '.join(labels)} ({who})" if who else ", ".join(labels) for who, labels in by_who.items())


def _silenced(each: OptionVerdict) -> str:
    """Rules that speak against the option here and that a policy switched off."""
    against = {("contraindication", "true"), ("requirement", "false"), ("caution", "true")}
    off = [r for r in each.reasons if r.override and r.override.action == "off" and (r.effect, r.state) in against]
    return f"{counted(len(off), 'rule')} against it switched off by this centre" if off else ""


def _first_sentence(text: str) -> str:
    first = re.split(r"(?<=[^.\s]{2})\. (?=[A-Z])", text, maxsplit=1)
    return first[0] + (" …" if len(first) > 1 else "")


def _card(
    each: OptionVerdict,
    reasons: Sequence[ReasonView],
    differences: tuple[Difference, ...],
    facts: Mapping[str, FactEntry],
    expected: Expected | None,
) -> OptionCard:
    decide = [view for view, reason in zip(reasons, each.reasons, strict=True) if reason.decides or view.open]
    shown = decide[:SHOWN_FIRST]
    switched_off = [view for view in decide[SHOWN_FIRST:] if view.off]
    first = (*shown, *switched_off)
    more = (*(v for v in decide if v not in first), *(v for v in reasons if v not in decide))
    still = len(decide) - len(first)
    words = counted(len(more), "more reason") if first else counted(len(more), "reason")
    notes = [
        ("needs", clean(_needs(each.missing))),
        ("given before", clean("; ".join(each.given_before))),
        ("old facts used", _old(each.stale, facts)),
        ("to check", clean(_needs(each.to_check)) if each.verdict in STANDS else ""),
    ]
    return OptionCard(
        anchor=option_anchor(each.option),
        name=option_words(each.option),
        verdict=each.verdict,
        word=VERDICT_WORDS[each.verdict],
        notes=tuple((label, says) for label, says in notes if says),
        reasons=first,
        more=more,
        more_words=(f"and {words}" if first else words) + (f", {still} that decide" if still > 1 else ", one that decides" if still else ""),
        differences=differences,
        expected=expected,
    )  # fmt: skip


def _reason(reason: Reason, facts: Mapping[str, FactEntry], cited: Cited, told: dict[str, int]) -> ReasonView:
    again = reason.rule in told
    number = told.setdefault(reason.rule, len(told) + 1)
    off = reason.override is not None and reason.override.action in OFF
    override = _override(reason.override) if reason.override else ()
    return ReasonView(
        sign=_SIGNS.get((reason.effect, reason.state), "cannot_tell"),
        state=f"{EFFECT_WORDS[reason.effect]}, {state_words(reason)}",
        says=clean(reason.says),
        hangs_on=clean(_needs(reason.needs)),
        stale=_old(reason.stale, facts),
        by=_by(reason),
        tags=tuple(_tags(reason)),
        sources=cited.marks(reason.sources),
        rule=_name(reason.rule),
        when=clean(reason.when),
        facts=tuple((_label(name), _value(name, value)) for name, value in reason.facts.items()),
        lesions=_lesions(reason),
        override=_joined(override),
        override_pieces=override,
        off=off,
        open=reason.override is not None and reason.override.action != "jurisdiction",
        number=number,
        again=again,
        typed=_typed(reason),
    )


def _lesions(reason: Reason) -> tuple[str, ...]:
    """What the rule says of the lesions; those of which it says the same stand together."""
    alike: dict[str, list[str]] = {}
    for each in reason.lesions:
        alike.setdefault(f"{_LESION_STATES[each.state]}{_values(each.facts)}", []).append(each.id)
    return tuple(clean(f"{', '.join(ids)}: {says}") for says, ids in alike.items())


def _by(reason: Reason) -> str:
    """Who says so, and which edition; what a reader must not miss is a tag instead."""
    said = [] if reason.source_class in _TAGGED else [CLASS_WORDS.get(reason.source_class, reason.source_class)]
    return clean(", ".join((*said, *filter(None, [reason.edition]))))


def _tags(reason: Reason) -> Iterator[Piece]:
    """Codes of jurisdictions stay as they are: US is the country here, and elsewhere an ultrasound."""
    if reason.source_class in _TAGGED:
        yield Piece(CLASS_WORDS[reason.source_class])
    if reason.jurisdiction:
        yield Piece(clean(", ".join(reason.jurisdiction)), typed=True)
    if reason.ask:
        yield Piece("looked for before the procedure")
    if reason.source_class != "unverified" and any(source.verification == "U" for source in reason.sources):
        yield Piece(CLASS_WORDS["unverified"])


def _override(note: OverrideNote) -> tuple[Piece, ...]:
    what = _ACTIONS.get(note.action, clean(note.action)).capitalize()
    said = (
        Piece(f"{what} by "),
        Piece(f"{clean(note.centre)} ({clean(note.approved_by)}, ", typed=True),
        Piece(day(note.date)),
        Piece("): ", typed=True),
        Piece(clean(note.reason), typed=note.action != "jurisdiction"),
    )
    if note.packaged_when is None:
        return said
    return (*said, Piece(". As packaged: "), Piece(clean(note.packaged_when), typed=True))


def _difference(note: DisagreementNote, options: Sequence[str], cited: Cited) -> Difference:
    return Difference(
        clean(note.id),
        clean(note.topic),
        clean(note.place),
        clean(short_words(options)),
        tuple((clean(position.says), cited.marks(position.sources)) for position in note.positions),
        clean(note.handling),
    )


def _old(names: Iterable[str], facts: Mapping[str, FactEntry]) -> str:
    """Facts that are old, each with its age."""

    def one(name: str) -> str:
        since = age(facts[name].age_days) if name in facts else ""
        return f"{_label(name)}, {since}" if since else _label(name)

    return "; ".join(one(name) for name in names)


def _old_in_short(names: Sequence[str], facts: Mapping[str, FactEntry]) -> str:
    """Two old facts by name; more of them as a number with the greatest age."""
    if len(names) <= OLD_FIRST:
        return _old(names, facts)
    oldest = max((facts[name].age_days or 0 for name in names if name in facts), default=0)
    return f"{counted(len(names), 'fact')}, up to {age(oldest)}"


def _label(name: str) -> str:
    definition = all_definitions().get(name)
    return definition.label if definition else clean(plain(name))


def _value(name: str, value: Value | None) -> str:
    definition = all_definitions().get(name)
    return clean(fact_words(value, definition.unit if definition else None))


def _values(facts: Mapping[str, Value | None]) -> str:
    return f" ({', '.join(f'{_label(name)}: {_value(name, value)}' for name, value in facts.items())})" if facts else ""


def _name(rule: str) -> str:
    return clean(plain(rule))
