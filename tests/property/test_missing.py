"""`missing` is a smallest set of facts that settles an option whatever their values: held against brute force over every set and every value."""

from __future__ import annotations

from itertools import combinations, product
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from liverboard.clinical.dictionary import FactDefinition
from liverboard.options.missing import Question, smallest_missing
from liverboard.rules.expression import And, Comparison, Expression, Not, Or, decide

# Three facts of few values, so that every value can be tried: what the search may not do, the test does.
DOMAINS: dict[str, list[Any]] = {
    "sick": [False, True],
    "stage": ["low", "mid", "high"],
    "count": [0, 1, 2, 3],
    "old": [False, True],
}


def _definition(name: str, kind: str, **more: Any) -> FactDefinition:
    words = {"label": name, "group": "test", "definition": name, "who_supplies": "nobody", "asks_for": name}
    return FactDefinition(name=name, type=kind, derivation="made up", **words, **more)  # pyright: ignore[reportArgumentType]


DEFINITIONS = {
    "sick": _definition("sick", "boolean"),
    "old": _definition("old", "boolean"),
    "stage": _definition("stage", "enum", values=("low", "mid", "high")),
    "count": _definition("count", "integer", plausible=(0, 3)),
}
_atoms = st.one_of(
    st.sampled_from([Comparison("sick", "=", (True,)), Comparison("old", "=", (True,))]),
    st.sampled_from(["low", "mid", "high"]).map(lambda word: Comparison("stage", "=", (word,))),
    st.tuples(st.sampled_from(["<", "<=", ">", ">=", "=", "<>"]), st.integers(0, 3)).map(
        lambda pair: Comparison("count", pair[0], (pair[1],))
    ),
)
_expressions = st.recursive(
    _atoms,
    lambda inner: st.one_of(
        inner.map(Not),
        st.lists(inner, min_size=2, max_size=3).map(lambda parts: And(tuple(parts))),
        st.lists(inner, min_size=2, max_size=3).map(lambda parts: Or(tuple(parts))),
    ),
    max_leaves=4,
)


def _status(question: Question, values: dict[str, Any]) -> str | None:
    """Excluded, open or not indicated; None when an unknown rule could still move it. Written out on its own, from the design's table."""
    blocks = [decide(block, values) for block in question.blocks]
    indications = [True] if question.indicated else [decide(one, values) for one in question.indications]
    if True in blocks:
        return "excluded"
    if None in blocks:
        return None
    if True in indications:
        return "open"
    return None if None in indications else "not indicated"


def _settles(question: Question, names: tuple[str, ...]) -> bool:
    return all(
        _status(question, dict(zip(names, values, strict=True))) is not None
        for values in product(*(DOMAINS[name] for name in names))
    )


@settings(max_examples=400, deadline=None)
@given(st.lists(_expressions, max_size=3), st.lists(_expressions, max_size=3), st.booleans())
def test_against_brute_force(blocks: list[Expression], indications: list[Expression], indicated: bool) -> None:
    question = Question(tuple(blocks), () if indicated else tuple(indications), indicated, DEFINITIONS)
    found = smallest_missing(question)
    assert _settles(question, found)
    smaller = [
        names for size in range(len(found)) for names in combinations(DOMAINS, size) if _settles(question, names)
    ]
    assert not smaller, f"{smaller[0]} is enough"


def test_most_decisive_first() -> None:
    # Any value of `sick` but one leaves the stage open; two of three stages exclude at once.
    block = Or(
        (And((Comparison("sick", "=", (True,)), Comparison("count", ">", (2,)))), Comparison("stage", "<>", ("low",)))
    )
    assert smallest_missing(Question((block,), (), True, DEFINITIONS))[0] == "stage"


def test_either_of_two_is_enough_and_one_is_asked() -> None:
    contradictions = And(
        (
            Comparison("sick", "=", (True,)),
            Not(Comparison("sick", "=", (True,))),
            Comparison("old", "=", (True,)),
            Not(Comparison("old", "=", (True,))),
        )
    )
    assert len(smallest_missing(Question((contradictions,), (), True, DEFINITIONS))) == 1


def test_settled_needs_nothing() -> None:
    assert smallest_missing(Question((), (), True, DEFINITIONS)) == ()
    assert smallest_missing(Question((), (), False, DEFINITIONS)) == ()
