"""What a change would do: facts before and after, verdicts that move, and what is missing no more or from now on."""

from __future__ import annotations

from liverboard.clinical.derive import Fact
from liverboard.clinical.dictionary import load_dictionary
from liverboard.clinical.extent import Frozen
from liverboard.options.report import OptionVerdict
from liverboard.options.verdict import Verdict
from liverboard.options.words import OPTION_WORDS, SIGNS, VERDICT_WORDS
from liverboard.report.words import fact_words
from liverboard.web.images import Unread
from liverboard.web.prepared import Weighed


class FactMove(Frozen):
    """A fact whose value changes. `questioned`: the new value is implausible, and unknown to the rules until someone confirms it."""

    fact: str
    label: str
    before: str
    after: str
    questioned: bool = False
    note: str = ""


class Stand(Frozen):
    """Where an option stands: its verdict in words, with its sign."""

    verdict: Verdict
    sign: str
    word: str


class VerdictMove(Frozen):
    """An option whose verdict moves, and the reasons that decide it afterwards."""

    option: str
    name: str
    before: Stand
    after: Stand
    because: tuple[str, ...] = ()


class Effect(Frozen):
    """`renewed`: facts that keep their value and get a newer date. `settled`, `opened`: what is missing no more, and from now on. `unread`: the scans that both do without, or one of them."""

    facts: tuple[FactMove, ...] = ()
    renewed: tuple[str, ...] = ()
    verdicts: tuple[VerdictMove, ...] = ()
    settled: tuple[str, ...] = ()
    opened: tuple[str, ...] = ()
    conflicts: tuple[str, ...] = ()
    unread: Unread | None = None

    @property
    def nothing(self) -> bool:
        return not (self.facts or self.renewed or self.verdicts)


def effect(before: Weighed, after: Weighed) -> Effect:
    """What differs between a case as it is and as it would be, on one day."""
    labels = {name: each.label for name, each in load_dictionary().items()}
    facts: list[FactMove] = []
    renewed: list[str] = []
    for name, new in after.facts.facts.items():
        old = before.facts.facts[name]
        if (old.value, old.questioned) != (new.value, new.questioned):
            facts.append(
                FactMove(
                    fact=name,
                    label=labels[name],
                    before=_words(old),
                    after=_words(new),
                    questioned=new.questioned,
                    note=new.note or "",
                )
            )
        elif new.value is not None and old.date != new.date:
            renewed.append(labels[name])
    old_verdicts = {each.option: each for each in before.options.options}
    moved = [
        VerdictMove(
            option=new.option,
            name=OPTION_WORDS[new.option],
            before=_stand(old_verdicts[new.option]),
            after=_stand(new),
            because=tuple(reason.says for reason in new.reasons if reason.decides)[:3],
        )
        for new in after.options.options
        if old_verdicts[new.option].verdict != new.verdict
    ]
    missed, missing = (
        {each.fact: each.label for each in before.missing},
        {each.fact: each.label for each in after.missing},
    )
    return Effect(
        facts=tuple(facts),
        renewed=tuple(renewed),
        verdicts=tuple(moved),
        settled=tuple(label for name, label in missed.items() if name not in missing),
        opened=tuple(label for name, label in missing.items() if name not in missed),
        conflicts=tuple(each for each in after.facts.conflicts if each not in before.facts.conflicts),
        unread=before.unread or after.unread,
    )


def _words(fact: Fact) -> str:
    return fact_words(fact.value, fact.unit)


def _stand(option: OptionVerdict) -> Stand:
    return Stand(verdict=option.verdict, sign=SIGNS[option.verdict], word=VERDICT_WORDS[option.verdict])
