"""What must be known before an option can be told: a smallest set of unknown facts that settles it, whatever their values turn out to be."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from liverboard.clinical.derive import Value
from liverboard.clinical.dictionary import FactDefinition
from liverboard.rules.expression import Expression, any_of, comparisons, decide, facts_in, representatives

Values = dict[str, Value | None]
_MOST_STEPS = 20_000  # of one search; beyond it a fact counts as needed, which can only ask for one too many


@dataclass(frozen=True, slots=True)
class Question:
    """What is left to know of the rules of one option: `residual` expressions over unknown facts, each of them unknown.

    `blocks` exclude when true (contraindications; requirements negated). `indicated`: an indication holds already, and `indications` is empty then.
    `definitions` knows every name.
    """

    blocks: tuple[Expression, ...]
    indications: tuple[Expression, ...]
    indicated: bool
    definitions: Mapping[str, FactDefinition]

    def settled(self, values: Mapping[str, Value | None]) -> bool:
        """Whether the option is excluded, open or not indicated for sure, and no unknown rule can move it."""
        blocked = any_of(decide(block, values) for block in self.blocks)
        if blocked is not False:
            return blocked is True
        return self.indicated or any_of(decide(one, values) for one in self.indications) is not None


def smallest_missing(question: Question, same: Callable[[str], str] = str) -> tuple[str, ...]:
    """The names of a smallest set of unknown facts that settles the question whatever their values, most decisive first; () when it is settled.

    `same` gives several variables one name (a fact of several lesions); they are then known together.
    """
    return _Search(question, same).answer()


@dataclass(frozen=True, slots=True)
class _Part:
    """Rules that share unknown facts with one another and none with the rest."""

    blocks: tuple[Expression, ...]
    indications: tuple[Expression, ...]
    names: tuple[str, ...]


class _Search:
    """A fact is necessary when some values of all the others leave the option unsettled; what is necessary nearly always suffices. Where it does not, the
    smallest addition that does is found by trying."""

    def __init__(self, question: Question, same: Callable[[str], str]) -> None:
        self.question = question
        self.same = same
        rules = (*question.blocks, *question.indications)
        self.reads = [(rule, frozenset(facts_in(rule))) for rule in rules]
        self.names = tuple(dict.fromkeys(name for rule in rules for name in facts_in(rule)))
        reading = [one for rule in rules for one in comparisons(rule)]
        self.choices = {
            name: representatives(question.definitions[name], [one for one in reading if one.fact == name])
            for name in self.names
        }
        self.parts = tuple(self._parts())
        self.steps = 0

    def answer(self) -> tuple[str, ...]:
        if self.question.settled({}):
            return ()
        shown = tuple(dict.fromkeys(self.same(name) for name in self.names))
        needed = {self.same(name) for name in self.names if self._found(lambda name=name: self._necessary(name))}
        rest = [name for name in shown if name not in needed]
        for count in range(len(rest) + 1):
            for more in combinations(rest, count):
                chosen = needed | set(more)
                if len(chosen) == len(shown) or not self._found(lambda chosen=chosen: self._stays_open(chosen)):
                    return tuple(sorted(chosen, key=lambda name: (*self._decisiveness(name), shown.index(name))))
        return shown

    def _found(self, search: Callable[[], bool]) -> bool:
        """The answer of a search; True where it takes too many steps."""
        self.steps = 0
        try:
            return search()
        except _TooLongError:
            return True

    def _parts(self) -> Iterator[_Part]:
        left = list(self.reads)
        while left:
            rule, reads = left.pop()
            group, grown = [rule], set(reads)
            while touching := [pair for pair in left if pair[1] & grown]:
                left = [pair for pair in left if not pair[1] & grown]
                group += [other for other, _ in touching]
                grown = grown.union(*(names for _, names in touching))
            yield _Part(
                tuple(rule for rule in self.question.blocks if rule in group),
                tuple(rule for rule in self.question.indications if rule in group),
                tuple(name for name in self.names if name in grown),
            )

    def _necessary(self, name: str) -> bool:
        mine = next(part for part in self.parts if name in part.names)
        for rules, avoid_too in ((mine.blocks, False), (mine.indications, True)):
            for rule in rules:
                own = facts_in(rule)
                if name not in own or not all(
                    self._avoidable(part, avoid_too) for part in self.parts if part is not mine
                ):
                    continue
                names = sorted((other for other in mine.names if other != name), key=lambda other: other not in own)
                if self._reach(names, rule, (*mine.blocks, *mine.indications) if avoid_too else mine.blocks):
                    return True
        return False

    def _avoidable(self, part: _Part, avoid_too: bool) -> bool:
        """Whether values exist under which nothing in this part excludes, nor (where asked) indicates."""
        return self._reach(part.names, None, (*part.blocks, *part.indications) if avoid_too else part.blocks)

    def _reach(self, names: Sequence[str], unknown: Expression | None, avoided: Sequence[Expression]) -> bool:
        """Whether values of `names` exist that keep `unknown` unknown and make none of `avoided` true."""

        def dead_end(values: Values) -> bool:
            return (unknown is not None and decide(unknown, values) is not None) or any(
                decide(rule, values) is True for rule in avoided
            )

        return self._search(names, dead_end)

    def _stays_open(self, chosen: set[str]) -> bool:
        """Whether some values of the chosen facts leave the option unsettled while the others stay unknown."""
        return self._search([name for name in self.names if self.same(name) in chosen], self.question.settled)

    def _search(self, names: Sequence[str], dead_end: Callable[[Values], bool]) -> bool:
        """Whether values can be given to all of `names`, one after the other, without a dead end."""

        def go_on(values: Values, place: int) -> bool:
            self.steps += 1
            if self.steps > _MOST_STEPS:
                raise _TooLongError
            if dead_end(values):
                return False
            if place == len(names):
                return True
            return any(go_on({**values, names[place]: value}, place + 1) for value in self.choices[names[place]])

        return go_on({}, 0)

    def _decisiveness(self, shown: str) -> tuple[float, int]:
        """Ranks first the fact of which the largest share of values settles the option alone, then the one that most rules read."""
        names = [name for name in self.names if self.same(name) == shown]
        alone = [self.question.settled({name: value}) for name in names for value in self.choices[name]]
        return -sum(alone) / len(alone), -sum(any(name in reads for name in names) for _, reads in self.reads)


class _TooLongError(Exception):
    """A search that would take too long."""
