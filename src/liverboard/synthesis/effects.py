"""Effects of studies with their variances, from what tables and papers give; typing errors are caught on the way.

Shapes: (k,) for every column. Log measures are natural logarithms. Source: synthesis_methods_note, sections 1.1, 2 and 3.1; tierney_2007.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from liverboard.errors import BadInput, Problem
from liverboard.synthesis.intervals import FloatArray, clopper_pearson, normal_quantile, poisson_exact
from liverboard.synthesis.result import Interval, Scale

ASYMMETRY = 0.1
"""An estimate further than this many standard errors from the middle of its interval is flagged."""


@dataclass(frozen=True, slots=True)
class Effects:
    """Effects y with variances v on the model's scale, a study each. `n` holds patients, where known.

    `shown` holds each study's own estimate and interval on `scale`, where a better one than y +- z sqrt(v) is known (exact intervals of counts).
    """

    labels: tuple[str, ...]
    y: FloatArray
    v: FloatArray
    scale: Scale
    model_scale: str
    n: FloatArray | None = None
    shown: tuple[tuple[float, Interval], ...] | None = None
    warnings: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, rows: ArrayLike) -> Effects:
        """Some of the studies, in the order given."""
        at = [int(i) for i in np.atleast_1d(np.asarray(rows, dtype=int))]
        return replace(
            self,
            labels=tuple(self.labels[i] for i in at),
            y=self.y[at],
            v=self.v[at],
            n=None if self.n is None else self.n[at],
            shown=None if self.shown is None else tuple(self.shown[i] for i in at),
        )


def columns(labels: Sequence[str], **given: ArrayLike) -> dict[str, FloatArray]:
    """The columns as arrays of floats, (k,). Raises BadInput where lengths differ, nothing is there, or a value is not finite."""
    if not labels:
        raise BadInput("there is no study to pool", hint="give at least one row")
    arrays = {name: np.asarray(values, dtype=float) for name, values in given.items()}
    for name, array in arrays.items():
        if array.shape != (len(labels),):
            raise BadInput(f"'{name}' has {array.size} values for {len(labels)} studies")
    refuse(
        labels,
        {f"{name} is not a finite number": ~np.isfinite(array) for name, array in arrays.items()},
    )
    return arrays


def rows_where(truth: np.ndarray) -> list[int]:
    return [int(i) for i in np.flatnonzero(truth)]


def refuse(labels: Sequence[str], faults: dict[str, np.ndarray], hint: str = "") -> None:
    """Raise BadInput naming every study in which a fault holds; faults map words to (k,) truth."""
    problems = [
        Problem(f"study '{labels[i]}': {words}") for words, where in faults.items() for i in rows_where(where)[:20]
    ]
    if problems:
        raise BadInput("the studies cannot be pooled as given", problems=problems, hint=hint)


def check_events(labels: Sequence[str], events: FloatArray, n: FloatArray) -> None:
    refuse(
        labels,
        {
            "a number of events is below zero": events < 0,
            "a number of events is not whole": events != np.floor(events),
            "a number of patients is not whole": n != np.floor(n),
            "there are no patients": n <= 0,
            "there are more events than patients": events > np.maximum(n, 0),
            "the counts are too large to be patients": n > 1e12,
        },
        hint="check the row against the paper",
    )


def logit_proportions(labels: Sequence[str], events: ArrayLike, n: ArrayLike, level: float = 0.95) -> Effects:
    """Logits with variance 1/x + 1/(n-x); half an event is added both ways in studies with none or all."""
    c = columns(labels, events=events, n=n)
    x, size = c["events"], c["n"]
    check_events(labels, x, size)
    shown = shown_counts(x / size, *clopper_pearson(x, size, level))
    half = np.where((x == 0) | (x == size), 0.5, 0.0)
    a, b = x + half, size - x + half
    return Effects(tuple(labels), np.log(a / b), 1 / a + 1 / b, "proportion", "logit", size, shown)


def log_rates(labels: Sequence[str], events: ArrayLike, time: ArrayLike, level: float = 0.95) -> Effects:
    """Log rates with variance 1/x; half an event is added in studies with none."""
    c = columns(labels, events=events, time=time)
    x, t = c["events"], c["time"]
    check_rates(labels, x, t)
    shown = shown_counts(x / t, *poisson_exact(x, t, level))
    more = np.where(x == 0, 0.5, x)
    return Effects(tuple(labels), np.log(more / t), 1 / more, "rate", "log", None, shown)


def check_rates(labels: Sequence[str], events: FloatArray, time: FloatArray) -> None:
    refuse(
        labels,
        {
            "a number of events is below zero": events < 0,
            "a number of events is not whole": events != np.floor(events),
            "the follow-up time is not above zero": time <= 0,
            "the counts are too large to be events": events > 1e12,
        },
        hint="check the row against the paper",
    )


def shown_counts(estimate: FloatArray, low: FloatArray, high: FloatArray) -> tuple[tuple[float, Interval], ...]:
    return tuple((float(e), (float(a), float(b))) for e, a, b in zip(estimate, low, high, strict=True))


def two_by_two(
    labels: Sequence[str], events1: ArrayLike, n1: ArrayLike, events2: ArrayLike, n2: ArrayLike, *, ratio: str = "odds"
) -> Effects:
    """Log odds ratios (`ratio="odds"`) or log risk ratios (`"risk"`) of arm 1 against arm 2.

    Half an event is added to every cell of studies with an empty cell. Studies without any event, or with nothing but events, in both arms say nothing
    on a ratio: they are left out and named in the warnings.
    """
    c = columns(labels, events1=events1, n1=n1, events2=events2, n2=n2)
    a, m1, b, m2 = c["events1"], c["n1"], c["events2"], c["n2"]
    check_events(labels, a, m1)
    check_events(labels, b, m2)
    silent = (a + b == 0) | (a + b == m1 + m2)
    warnings: tuple[str, ...] = ()
    if silent.any():
        names = ", ".join(labels[i] for i in rows_where(silent))
        if silent.all():
            raise BadInput(
                "no study has both events and patients without one: a ratio cannot be estimated",
                hint="pool the proportion of each arm instead",
            )
        warnings = (f"Left out, since no event or only events in both arms say nothing on a ratio: {names}.",)
    empty = np.where((a == 0) | (b == 0) | (a == m1) | (b == m2), 0.5, 0.0)
    if np.any((empty > 0) & ~silent):
        warnings += (
            "Half an event was added to every cell of studies with an empty cell; the exact model needs none.",
        )
    a, b, m1, m2 = a + empty, b + empty, m1 + 2 * empty, m2 + 2 * empty
    if ratio == "odds":
        y, v = np.log(a / (m1 - a)) - np.log(b / (m2 - b)), 1 / a + 1 / (m1 - a) + 1 / b + 1 / (m2 - b)
    else:
        y, v = np.log(a / m1) - np.log(b / m2), (m1 - a) / (a * m1) + (m2 - b) / (b * m2)
    whole = Effects(
        tuple(labels),
        y,
        v,
        "log_odds_ratio" if ratio == "odds" else "log_risk_ratio",
        "log",
        c["n1"] + c["n2"],
        warnings=warnings,
    )
    return whole.take(np.flatnonzero(~silent))


def mean_differences(
    labels: Sequence[str], arm1: tuple[ArrayLike, ArrayLike, ArrayLike], arm2: tuple[ArrayLike, ArrayLike, ArrayLike]
) -> Effects:
    """Mean of arm 1 less mean of arm 2, each arm (n, mean, SD); variance SD1^2/n1 + SD2^2/n2."""
    c = columns(labels, n1=arm1[0], mean1=arm1[1], sd1=arm1[2], n2=arm2[0], mean2=arm2[1], sd2=arm2[2])
    refuse(
        labels,
        {
            "an arm has fewer than two patients": (c["n1"] < 2) | (c["n2"] < 2),
            "a number of patients is not whole": (c["n1"] % 1 != 0) | (c["n2"] % 1 != 0),
            "a standard deviation is not above zero": (c["sd1"] <= 0) | (c["sd2"] <= 0),
        },
        hint="a standard error is not a standard deviation: SD = SE x sqrt(n)",
    )
    v = c["sd1"] ** 2 / c["n1"] + c["sd2"] ** 2 / c["n2"]
    return Effects(tuple(labels), c["mean1"] - c["mean2"], v, "mean_difference", "natural", c["n1"] + c["n2"])


def given_effects(labels: Sequence[str], estimate: ArrayLike, se: ArrayLike, scale: Scale = "as_given") -> Effects:
    """Effects with their standard errors, as they are."""
    c = columns(labels, estimate=estimate, se=se)
    v = c["se"] ** 2
    refuse(
        labels,
        {
            "the standard error is not above zero": c["se"] <= 0,
            "the standard error is out of any sensible range": (c["se"] > 0) & ((c["se"] < 1e-100) | (c["se"] > 1e100)),
            "the estimate is out of any sensible range": np.abs(c["estimate"]) > 1e100,
        },
        hint="a study without standard error cannot be weighed",
    )
    return Effects(tuple(labels), c["estimate"], v, scale, "log" if scale.startswith("log_") else "natural")


def hazard_ratios(
    labels: Sequence[str], hr: ArrayLike, low: ArrayLike, high: ArrayLike, level: float = 0.95
) -> Effects:
    """Log hazard ratios from the ratio and its interval: SE = (ln U - ln L) / (2 z).

    An estimate that lies more than a tenth of a standard error off the middle of its interval (on the log scale) is flagged: rounding, or a typing error.
    Raises BadInput where an interval does not hold its estimate.
    """
    c = columns(labels, hr=hr, ci_low=low, ci_high=high)
    point, bottom, top = c["hr"], c["ci_low"], c["ci_high"]
    refuse(
        labels,
        {
            "a hazard ratio or limit is not above zero": (point <= 0) | (bottom <= 0) | (top <= 0),
            "the lower limit is not below the upper one": bottom >= top,
            "the hazard ratio lies outside its interval": (bottom < top) & ((point < bottom) | (point > top)),
        },
        hint="give hazard ratios, not their logarithms; for those use the columns estimate and se",
    )
    y, middle = np.log(point), 0.5 * (np.log(bottom) + np.log(top))
    se = (np.log(top) - np.log(bottom)) / (2 * normal_quantile(1 - (1 - level) / 2))
    shown = shown_counts(y, np.log(bottom), np.log(top))
    warnings = tuple(
        f"{labels[i]}: the hazard ratio {point[i]:g} is {abs(y[i] - middle[i]) / se[i]:.1f} standard errors off the middle of its interval "
        f"{bottom[i]:g} to {top[i]:g}: rounding, or a typing error."
        for i in rows_where(np.abs(y - middle) > ASYMMETRY * se)
    )
    return Effects(tuple(labels), y, se**2, "log_hazard_ratio", "log", None, shown, warnings)


def observed_minus_expected(labels: Sequence[str], o_minus_e: ArrayLike, v: ArrayLike) -> Effects:
    """Log hazard ratios by the log-rank method: y = (O - E) / V with variance 1 / V."""
    c = columns(labels, o_minus_e=o_minus_e, v=v)
    refuse(labels, {"the variance V of O - E is not above zero": c["v"] <= 0}, hint="V is the log-rank variance")
    return Effects(tuple(labels), c["o_minus_e"] / c["v"], 1 / c["v"], "log_hazard_ratio", "log")


def hazard_ratio_from_p(
    labels: Sequence[str], p: ArrayLike, events1: ArrayLike, events2: ArrayLike, favours1: ArrayLike
) -> Effects:
    """Log hazard ratios from a two-sided log-rank p and the events of each arm (randomised 1:1): V = O1 O2 / (O1 + O2), y = -+ z / sqrt(V).

    `favours1` says whether arm 1 had the longer survival (y below zero).
    """
    c = columns(labels, p=p, events1=events1, events2=events2, favours1=favours1)
    refuse(
        labels,
        {
            "a p-value is not between 0 and 1": (c["p"] <= 0) | (c["p"] > 1),
            "an arm has no event": (c["events1"] <= 0) | (c["events2"] <= 0),
            "favours1 is neither 1 (arm 1 lived longer) nor 0": ~np.isin(c["favours1"], (0, 1)),
        },
        hint="a p printed as '< 0.001' is not a number: look for the interval instead",
    )
    v = c["events1"] * c["events2"] / (c["events1"] + c["events2"])
    z = np.array([normal_quantile(1 - value / 2) if value > 1e-15 else -normal_quantile(value / 2) for value in c["p"]])
    sign = np.where(c["favours1"] > 0, -1.0, 1.0)
    return Effects(tuple(labels), sign * z / np.sqrt(v), 1 / v, "log_hazard_ratio", "log")
