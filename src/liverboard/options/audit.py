"""`audit`: the rules over a whole cohort. Verdicts of every case, how decisions relate to them, which facts are missing most often."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from liverboard.clinical.dictionary import all_definitions
from liverboard.knowledge import knowledge_version
from liverboard.options.audit_report import (
    Against,
    AuditReport,
    ChosenCounts,
    Concordance,
    MissingFact,
    OptionCounts,
    Thresholds,
    Verdicts,
)
from liverboard.options.policy import Ruleset
from liverboard.options.thresholds import AskedMove, threshold_moves
from liverboard.options.verdict import VERDICTS, rules_of, verdicts
from liverboard.rules.evaluate import CASE, evaluate
from liverboard.rules.expression import And, Comparison, Expression, Not, Or, facts_in, to_polars
from liverboard.rules.rule import OPTIONS, Compiled
from liverboard.synthesis.disclosure import MIN_CELL

if TYPE_CHECKING:
    import polars as pl

CHUNK = 250_000  # cases weighed at a time: bounds the memory
MOST_MOVED = 20_000  # cases on which thresholds are moved
_STANDS_AGAINST = ("contraindication", "requirement", "caution")

Step = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Cohort:
    """Cases as rules see them.

    `facts`: a row a case, a typed column a fact, null where unknown. `lesions`: a row a lesion with its case's row number in `CASE`, or None. `cases`: the
    pseudonyms. `chosen`: the option that a board chose, null where none is known; None where no choices were given. `notes`: what was found while reading.
    """

    facts: pl.DataFrame
    lesions: pl.DataFrame | None
    cases: pl.Series
    chosen: pl.Series | None = None
    notes: tuple[str, ...] = ()

    def rows(self, start: int, length: int) -> tuple[pl.DataFrame, pl.DataFrame | None]:
        """The facts and lesions of some cases in a row."""
        import polars as pl

        if self.lesions is None:
            return self.facts.slice(start, length), None
        within = self.lesions.filter(pl.col(CASE).is_between(start, start + length - 1))
        return self.facts.slice(start, length), within.with_columns(pl.col(CASE) - start)

    def spread(self, most: int) -> tuple[pl.DataFrame, pl.DataFrame | None]:
        """At most `most` cases, evenly spaced."""
        import polars as pl

        height = self.facts.height
        if height <= most:
            return self.facts, self.lesions
        taken = pl.DataFrame({CASE: [place * height // most for place in range(most)]})
        facts = self.facts[taken[CASE]]
        if self.lesions is None:
            return facts, None
        number = self.lesions.schema[CASE]
        renumbered = taken.with_row_index("new").with_columns(pl.col(CASE).cast(number), pl.col("new").cast(number))
        kept = self.lesions.join(renumbered, on=CASE, how="inner", maintain_order="left")
        return facts, kept.drop(CASE).rename({"new": CASE})


@dataclass(frozen=True, slots=True)
class Audit:
    """The report, and for the centre alone the verdict of every option for every case."""

    report: AuditReport
    verdicts: pl.DataFrame


def _quiet(_: str) -> None: ...


def audit(cohort: Cohort, ruleset: Ruleset, asked: Sequence[AskedMove] = (), step: Step = _quiet) -> Audit:
    """Weigh every option for every case of a cohort."""
    import polars as pl

    rules, height = ruleset.rules, cohort.facts.height
    found: list[pl.DataFrame] = []
    against: Counter[tuple[str, str]] = Counter()
    missing: Counter[tuple[str, str | None]] = Counter()
    for start in range(0, height, CHUNK):
        step(f"weighing {min(start + CHUNK, height):,} of {height:,} cases")
        facts, lesions = cohort.rows(start, CHUNK)
        truths = evaluate(rules, facts, lesions)
        verdict = verdicts(rules, truths)
        found.append(verdict)
        missing.update(_missing(rules, facts, lesions, truths, verdict))
        if cohort.chosen is not None:
            against.update(_against(rules, truths, cohort.chosen.slice(start, CHUNK)))
    weighed = pl.concat(found) if found else pl.DataFrame(schema=dict.fromkeys(OPTIONS, pl.Enum(VERDICTS)))
    step("moving thresholds")
    sample, sample_lesions = cohort.spread(MOST_MOVED)
    moves = threshold_moves(rules, sample, sample_lesions)
    if asked:
        moves = (*threshold_moves(rules, cohort.facts, cohort.lesions, asked), *moves)
    policy = ruleset.policy
    report = AuditReport(
        knowledge_version=knowledge_version(),
        policy=None if policy is None else f"{policy.centre}, approved by {policy.approved_by}, {policy.date}",
        min_cell=MIN_CELL,
        cases=height,
        rules=len(rules),
        options=tuple(OptionCounts(option=o, verdicts=_counts(weighed[o])) for o in _options()),
        concordance=None if cohort.chosen is None else _concordance(rules, weighed, cohort.chosen, against),
        missing=_ranked(missing),
        thresholds=Thresholds(cases=sample.height, moves=moves),
        notes=cohort.notes,
    )
    return Audit(report, _by_case(cohort, weighed))


def _options() -> tuple[Any, ...]:
    return OPTIONS


def _by_case(cohort: Cohort, weighed: pl.DataFrame) -> pl.DataFrame:
    own = [cohort.cases.alias("case"), *([] if cohort.chosen is None else [cohort.chosen.alias("chosen")])]
    return weighed.select(own + weighed.get_columns())


def _counts(column: pl.Series) -> Verdicts:
    told = dict(column.value_counts().iter_rows())
    return {verdict: told.get(verdict, 0) for verdict in VERDICTS}


def _concordance(
    rules: Sequence[Compiled], weighed: pl.DataFrame, chosen: pl.Series, against: Counter[tuple[str, str]]
) -> Concordance:
    by_option = [
        (option, _counts(weighed[option].filter((chosen == option).fill_null(False)))) for option in _options()
    ]
    total: dict[Any, Any] = {verdict: sum(int(counts[verdict]) for _, counts in by_option) for verdict in VERDICTS}  # pyright: ignore[reportArgumentType]
    named = {each.rule.id: each.rule for each in rules}
    return Concordance(
        cases=sum(total.values()),
        verdicts=total,
        options=tuple(
            ChosenCounts(option=option, cases=sum(int(count) for count in counts.values()), verdicts=counts)  # pyright: ignore[reportArgumentType]
            for option, counts in by_option
        ),
        against=tuple(
            Against(rule=rule, option=option, effect=named[rule].effect, because=named[rule].because, cases=cases)  # pyright: ignore[reportArgumentType]
            for (rule, option), cases in sorted(
                against.items(), key=lambda entry: (named[entry[0][0]].effect == "caution", -entry[1], entry[0])
            )
            if cases
        ),
    )


def _against(rules: Sequence[Compiled], truths: pl.DataFrame, chosen: pl.Series) -> dict[tuple[str, str], int]:
    """How often each rule stood against the option that was chosen, by (rule, option)."""
    import polars as pl

    found: dict[tuple[str, str], int] = {}
    for option in OPTIONS:
        rows = truths.filter((chosen == option).fill_null(False))
        mine = [each.rule for each in rules_of(option, rules) if each.rule.effect in _STANDS_AGAINST]
        if rows.height and mine:
            stood = [
                (~pl.col(rule.id) if rule.effect == "requirement" else pl.col(rule.id)).sum().alias(rule.id)
                for rule in mine
            ]
            found |= {(rule, option): count for rule, count in rows.select(stood).row(0, named=True).items()}
    return found


def _missing(
    rules: Sequence[Compiled],
    facts: pl.DataFrame,
    lesions: pl.DataFrame | None,
    truths: pl.DataFrame,
    verdict: pl.DataFrame,
) -> dict[tuple[str, str | None], int]:
    """In how many cases an option that cannot be told hangs on an unknown fact, by (fact, option); option None: any option of the case."""
    import polars as pl

    deciding = [each for each in rules if each.active and each.rule.ask is None and each.rule.effect in {"contraindication", "requirement", "indication"}]  # fmt: skip
    needs = _needs(deciding, facts, lesions, truths)
    hangs: list[pl.Expr] = []
    for option in OPTIONS:
        mine = rules_of(option, deciding)
        indications = [pl.col(each.rule.id).fill_null(False) for each in mine if each.rule.effect == "indication"]
        unknown = pl.col(_verdict_column(option)) == "cannot_tell"
        open_to_indication = unknown & ~pl.any_horizontal(pl.lit(False), *indications)
        by_fact: dict[str, list[pl.Expr]] = {}
        for each in mine:
            asked = open_to_indication if each.rule.effect == "indication" else unknown
            for fact in facts_in(each.expression):
                by_fact.setdefault(fact, []).append(asked & pl.col(_need_column(each, fact)))
        hangs += [pl.any_horizontal(found).alias(f"{fact}|{option}") for fact, found in by_fact.items()]
    frame = truths.hstack(needs).hstack(verdict.rename(_verdict_column))
    cells = frame.lazy().select(hangs).collect()
    names = {name: tuple(name.split("|")) for name in cells.columns}
    found: dict[tuple[str, str | None], int] = {
        (fact, option): int(cells[name].sum()) for name, (fact, option) in names.items()
    }
    for fact in dict.fromkeys(fact for fact, _ in names.values()):
        every = [pl.col(name) for name, (other, _) in names.items() if other == fact]
        found[fact, None] = int(cells.select(pl.any_horizontal(every).sum()).item())
    return found


def _verdict_column(option: str) -> str:
    return f"verdict {option}"


def _need_column(each: Compiled, fact: str) -> str:
    return f"{each.rule.id} needs {fact}"


def _needs(
    rules: Sequence[Compiled], facts: pl.DataFrame, lesions: pl.DataFrame | None, truths: pl.DataFrame
) -> pl.DataFrame:
    """For each rule and each of its facts whether the rule is unknown and hangs on that fact, in any lesion where the rule is one of lesions."""
    import polars as pl

    def wanted(which: Iterable[Compiled]) -> list[pl.Expr]:
        return [
            _left_open(each.expression, fact).alias(_need_column(each, fact))
            for each in which
            for fact in facts_in(each.expression)
        ]

    def with_all(frame: pl.DataFrame) -> pl.DataFrame:
        lacking = {fact for each in rules for fact in facts_in(each.expression)} - set(frame.columns)
        return frame.with_columns([pl.lit(None).alias(name) for name in sorted(lacking)])

    needs = with_all(facts).lazy().select(wanted(rules)).collect()
    of_lesion = [each for each in rules if each.rule.scope == "lesion"]
    if lesions is not None and of_lesion:
        numbered = facts.with_row_index(CASE).with_columns(pl.col(CASE).cast(lesions.schema[CASE]))
        rows = with_all(lesions.join(numbered, on=CASE, how="left", maintain_order="left"))
        listed = rows.select(CASE, *wanted(of_lesion)).group_by(CASE).agg(pl.all().any())
        joined = numbered.select(CASE).join(listed, on=CASE, how="left", maintain_order="left").drop(CASE)
        needs = needs.with_columns(
            [pl.coalesce(joined[name], needs[name]).alias(name) for name in joined.columns]  # no lesion listed: as if unknown
        )  # fmt: skip
    return needs.select(
        [
            (pl.col(_need_column(each, fact)) & truths[each.rule.id].is_null()).alias(_need_column(each, fact))
            for each in rules
            for fact in facts_in(each.expression)
        ]
    )


def _left_open(expression: Expression, fact: str) -> pl.Expr:
    """Whether an expression is unknown and what is left of it reads `fact`: the unknown leaves of that fact under parts that are all unknown."""
    import polars as pl

    def leaves(part: Expression) -> Iterator[pl.Expr]:
        match part:
            case Comparison(name):
                if name == fact:
                    yield pl.col(fact).is_null()
            case Not(inner):
                yield from leaves(inner)
            case And(parts) | Or(parts):
                unknown = to_polars(part).is_null()
                yield from (unknown & leaf for each in parts for leaf in leaves(each))

    return pl.any_horizontal(list(leaves(expression)))


def _ranked(missing: Counter[tuple[str, str | None]]) -> tuple[MissingFact, ...]:
    definitions = all_definitions()
    return tuple(
        MissingFact(
            fact=fact,
            label=definitions[fact].label,
            who=definitions[fact].who_supplies,
            cases=cases,
            options={o: missing[fact, o] for o in _options() if missing[fact, o]},
        )
        for (fact, option), cases in sorted(missing.items(), key=lambda entry: (-entry[1], entry[0][0]))
        if option is None and cases
    )
