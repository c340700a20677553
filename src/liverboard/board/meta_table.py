"""Meta-analysis of a table that a person brings: which columns make which effects, which model pools them, what is shown beside."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from liverboard.board.meta_beside import Basis, Beside, Family, beside
from liverboard.board.tables import Table
from liverboard.errors import BadInput
from liverboard.synthesis.effects import (
    Effects,
    given_effects,
    hazard_ratio_from_p,
    hazard_ratios,
    log_rates,
    logit_proportions,
    mean_differences,
    observed_minus_expected,
    two_by_two,
)
from liverboard.synthesis.intervals import CiMethod, FloatArray, wilson
from liverboard.synthesis.likelihoods import Binomial, Poisson
from liverboard.synthesis.odds_ratios import informative, pool_odds_ratios
from liverboard.synthesis.pool import pool_effects
from liverboard.synthesis.proportions import pool_proportions
from liverboard.synthesis.random_effects import tau2_method
from liverboard.synthesis.rates import pool_rates
from liverboard.synthesis.regression import (
    Design,
    Regression,
    Subgroups,
    level_design,
    numeric_design,
    regress_counts,
    regress_effects,
    subgroup_pools,
)
from liverboard.synthesis.result import Interval, Pooled, Scale, pair

MEASURES = ("proportion", "rate", "loghr", "logor", "logrr", "md", "generic")
_EXACT = {"proportion", "rate", "logor"}
_SCALE: dict[str, Scale] = {
    "loghr": "log_hazard_ratio",
    "logor": "log_odds_ratio",
    "logrr": "log_risk_ratio",
    "generic": "as_given",
}
_LOGRANK_P = ("p", "events1", "events2", "favours1")
_COLUMNS: dict[str, tuple[tuple[str, ...], ...]] = {
    "proportion": (("events", "n"),),
    "rate": (("events", "time"),),
    "loghr": (("estimate", "se"), ("hr", "ci_low", "ci_high"), ("o_minus_e", "v"), _LOGRANK_P),
    "logor": (("events1", "n1", "events2", "n2"), ("estimate", "se")),
    "logrr": (("events1", "n1", "events2", "n2"), ("estimate", "se")),
    "md": (("n1", "mean1", "sd1", "n2", "mean2", "sd2"),),
    "generic": (("estimate", "se"),),
}
_COUNTS = {"favours1", "events", "events1", "events2", "n", "n1", "n2"}


@dataclass(frozen=True, slots=True)
class MetaRequest:
    """What is asked of a table. Without `method`: the exact model for proportions and rates, REML for the rest; without `ci`: t for the exact model, else
    Hartung-Knapp. `permutations` are those of the test of the moderator."""

    measure: str
    method: str | None = None
    ci: CiMethod | None = None
    moderator: str | None = None
    level: float = 0.95
    permutations: int = 1000


@dataclass(frozen=True, slots=True)
class MetaResult:
    """The pool, its moderator, what the studies allow beside it, and for proportions Wilson's interval of each study (k)."""

    pooled: Pooled
    measure: str
    regression: Regression | None = None
    subgroups: Subgroups | None = None
    beside: Beside = field(default_factory=Beside)
    wilson: tuple[Interval, ...] = ()

    def as_json(self) -> dict[str, object]:
        document = {"measure": self.measure, **self.pooled.as_json()}
        if self.wilson:
            document["studies"] = [
                {**study.as_json(), "ci_wilson": pair(ci)}
                for study, ci in zip(self.pooled.studies, self.wilson, strict=True)
            ]
        document |= self.beside.as_json(self.pooled.scale)
        for key, part in (("regression", self.regression), ("subgroups", self.subgroups)):
            if part is not None:
                document[key] = part.as_json()
        return document


@dataclass(frozen=True, slots=True)
class _Data:
    """The columns of the table that were read, and the effects that they make."""

    labels: tuple[str, ...]
    kind: tuple[str, ...]
    values: tuple[FloatArray, ...]
    n: FloatArray | None

    def take(self, rows: NDArray[np.intp]) -> _Data:
        return _Data(
            tuple(self.labels[int(i)] for i in rows),
            self.kind,
            tuple(v[rows] for v in self.values),
            None if self.n is None else self.n[rows],
        )


def meta_of(table: Table, request: MetaRequest) -> MetaResult:
    """Pool a table. Raises BadInput with the file, line and column, or the study, and what to do."""
    try:
        return _meta_of(table, request)
    except BadInput as error:
        if not error.where:
            error.where = table.name
        raise


def _meta_of(table: Table, request: MetaRequest) -> MetaResult:
    if len(table) == 0:
        raise BadInput("the table has a header and no rows", hint="give one row a study")
    data = _read(table, request.measure)
    method = request.method or ("glmm" if request.measure in {"proportion", "rate"} else "reml")
    if method == "glmm" and (request.measure not in _EXACT or (request.measure == "logor" and len(data.kind) != 4)):
        raise BadInput(
            f"the exact model (glmm) is for counts: proportion, rate, or logor with events and patients; not for {request.measure} with {', '.join(data.kind)}",
            hint="use --method reml",
        )
    request = replace(request, method=method)
    if method == "glmm" and request.ci in {"hk", "hk_adhoc"}:
        raise BadInput(
            "the Hartung-Knapp interval belongs to inverse-variance models",
            hint="use --ci t with the exact model, or --method reml",
        )
    pooled = _pool(data, request)
    repeated = sorted({label for label in data.labels if data.labels.count(label) > 1})
    notes = [f"The label '{label}' stands in more than one row: a patient must count once." for label in repeated]
    if notes:
        pooled = replace(pooled, warnings=(*pooled.warnings, *notes))
    regression, subgroups, more = _moderated(table, data, request)
    if more:
        pooled = replace(pooled, warnings=(*pooled.warnings, *more))
    own: tuple[Interval, ...] = ()
    if request.measure == "proportion":
        low, high = wilson(data.values[0], data.values[1], request.level)
        own = tuple((float(a), float(b)) for a, b in zip(low, high, strict=True))
    return MetaResult(pooled, request.measure, regression, subgroups, beside(_basis(table, data, request), pooled), own)


def _basis(table: Table, data: _Data, request: MetaRequest) -> Basis:
    effects = _effects(data, request)
    year: FloatArray | None = None
    if table.has("year") and bool(table.known("year").all()):
        try:
            year = table.numbers("year")[np.isin(data.labels, effects.labels)]
        except BadInput:  # words, not years: there is no order
            year = None
    exact = request.method == "glmm" and request.measure in {"proportion", "rate"}
    method = tau2_method("reml" if request.method is None or request.method == "glmm" else request.method)
    return Basis(
        effects,
        method,
        request.ci or ("t" if request.method == "glmm" else "hk"),
        request.level,
        _family(request) if exact else None,
        (data.values[0], data.values[1]) if exact else None,
        year if year is not None and len(year) == len(effects) else None,
    )


def _read(table: Table, measure: str) -> _Data:
    sets = _COLUMNS[measure]
    there = [names for names in sets if table.has(*names)]
    if not there:
        wanted = "; or ".join(", ".join(names) for names in sets)
        raise BadInput(
            f"the columns of --measure {measure} are not there: {wanted}",
            hint=f"the columns are: {', '.join(table.columns)}",
        )
    kind = next((names for names in there if all(bool(table.known(name).all()) for name in names)), there[0])
    values = tuple(table.numbers(name, whole=name in _COUNTS, least=0 if name in _COUNTS else None) for name in kind)
    labels = tuple(
        label or f"line {line}"
        for label, line in zip(
            table.text("label") if table.has("label") else ("",) * len(table), table.lines, strict=True
        )
    )
    n = table.numbers("n", least=0, blank=True) if "n" not in kind and table.has("n") else None
    return _Data(labels, kind, values, None if n is None or np.isnan(n).any() else n)


def _effects(data: _Data, request: MetaRequest) -> Effects:
    """The effects by inverse variance, which the other methods, the tests and the regressions use."""
    labels, v, level = data.labels, data.values, request.level
    match request.measure, data.kind[0]:
        case "proportion", _:
            effects = logit_proportions(labels, v[0], v[1], level)
        case "rate", _:
            effects = log_rates(labels, v[0], v[1], level)
        case "logor" | "logrr", "events1":
            ratio = "odds" if request.measure == "logor" else "risk"
            effects = two_by_two(labels, v[0], v[1], v[2], v[3], ratio=ratio)
        case "md", _:
            effects = mean_differences(labels, (v[0], v[1], v[2]), (v[3], v[4], v[5]))
        case "loghr", "hr":
            effects = hazard_ratios(labels, v[0], v[1], v[2], level)
        case "loghr", "o_minus_e":
            effects = observed_minus_expected(labels, v[0], v[1])
        case "loghr", "p":
            effects = hazard_ratio_from_p(labels, v[0], v[1], v[2], v[3])
        case measure, _:
            effects = given_effects(labels, v[0], v[1], _SCALE[measure])
    return effects if effects.n is not None or data.n is None else replace(effects, n=data.n)


def _pool(data: _Data, request: MetaRequest) -> Pooled:
    labels, v = data.labels, data.values
    method = request.method or "reml"
    if request.measure == "proportion":
        return pool_proportions(labels, v[0], v[1], method=method, ci=request.ci, level=request.level)
    if request.measure == "rate":
        return pool_rates(labels, v[0], v[1], method=method, ci=request.ci, level=request.level)
    if method == "glmm":
        return pool_odds_ratios(informative(labels, *v), ci=request.ci or "t", level=request.level)
    return pool_effects(
        _effects(data, request), tau2_method(request.method or "reml"), request.ci or "hk", request.level
    )


def _moderated(
    table: Table, data: _Data, request: MetaRequest
) -> tuple[Regression | None, Subgroups | None, tuple[str, ...]]:
    if request.moderator is None:
        return None, None, ()
    known = table.known(request.moderator)
    rows = np.flatnonzero(known).astype(np.intp)
    left = [data.labels[int(i)] for i in np.flatnonzero(~known)]
    notes = (f"Without '{request.moderator}', and so not in its analysis: {', '.join(left)}.",) if left else ()
    if len(rows) < 2:
        raise BadInput(f"the moderator '{request.moderator}' is known for {len(rows)} studies", hint="it needs more")
    part, cells = data.take(rows), [table.text(request.moderator)[int(i)] for i in rows]
    try:
        numbers = table.numbers(request.moderator, blank=True)[rows]
    except BadInput:
        return *_by_level(part, cells, request), notes
    return _regress(part, numeric_design(**{request.moderator: numbers}), request), None, notes


def _by_level(data: _Data, cells: list[str], request: MetaRequest) -> tuple[Regression | None, Subgroups]:
    name = request.moderator or ""
    design = level_design(name, cells)
    regression = _regress(data, design, request) if len(cells) > design.matrix.shape[1] else None
    pools = subgroup_pools(name, cells, lambda rows: _pool(data.take(rows), request), regression)
    return regression, pools


def _regress(data: _Data, design: Design, request: MetaRequest) -> Regression:
    how = {"permutations": request.permutations}
    if request.method == "glmm" and request.measure in {"proportion", "rate"}:
        x, size = data.values
        family = _family(request)
        return regress_counts(lambda o: family(x[o], size[o]), design, request.ci or "t", request.level, **how)
    effects = _effects(data, request)
    if len(effects) < len(data.labels):  # tables that say nothing on a ratio
        kept = np.flatnonzero(np.isin(data.labels, effects.labels))
        design = replace(design, matrix=design.matrix[kept])
    ci = request.ci or "hk"
    return regress_effects(effects, design, tau2_method(request.method or "reml"), ci, request.level, **how)


def _family(request: MetaRequest) -> Family:
    return Binomial.of if request.measure == "proportion" else Poisson.of
