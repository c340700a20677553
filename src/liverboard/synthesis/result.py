"""What a synthesis gives back: the pooled value with its interval, heterogeneity, studies and warnings."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal

Interval = tuple[float, float]

#: What `estimate` means. Log measures are reported on the log scale, with `estimate_exp` beside.
Scale = Literal[
    "proportion", "rate", "log_hazard_ratio", "log_odds_ratio", "log_risk_ratio", "mean_difference", "as_given"
]
LOG_SCALES: frozenset[str] = frozenset({"log_hazard_ratio", "log_odds_ratio", "log_risk_ratio"})


def finite(value: float | None) -> float | None:
    """The number, or None where it is not one: a document carries null, never NaN or infinity."""
    return None if value is None or not math.isfinite(value) else float(value)


def pair(interval: Interval | None) -> list[float | None] | None:
    """The interval as a document writes it; an open end is null."""
    return None if interval is None else [finite(interval[0]), finite(interval[1])]


def exp_pair(interval: Interval | None) -> list[float | None] | None:
    """The interval of a log measure, back on the ratio scale."""
    return None if interval is None else [finite(exp(interval[0])), finite(exp(interval[1]))]


def exp(value: float) -> float:
    """e to the value; infinite where it is too large for a number."""
    return math.exp(value) if value < 709 else math.inf


@dataclass(frozen=True, slots=True)
class StudyEffect:
    """One study: its own estimate and interval on the scale of the pool, and its share of the weight (0..1)."""

    label: str
    estimate: float
    ci: Interval
    weight: float

    def as_json(self, *, log: bool = False) -> dict[str, object]:
        ratio = {"estimate_exp": finite(exp(self.estimate)), "ci_exp": exp_pair(self.ci)} if log else {}
        return {
            "label": self.label,
            "estimate": finite(self.estimate),
            "ci": pair(self.ci),
            "weight": finite(self.weight),
            **ratio,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Pooled:
    """A pooled estimate.

    `estimate`, `ci`, `prediction_interval` and the studies are on `scale`; `mu`, `se`, `tau2` and `tau2_ci` on `model_scale` (logit, log or natural), where
    the model works. `n` is the number of patients, None where the table does not tell it. `i2_percent` runs from 0 to 100. None means not estimable or not
    shown; a warning then says why.
    """

    k: int
    n: int | None
    estimate: float | None = None
    ci: Interval | None = None
    prediction_interval: Interval | None = None
    tau2: float | None = None
    tau2_ci: Interval | None = None
    i2_percent: float | None = None
    h2: float | None = None
    q: float | None = None
    q_p: float | None = None
    method: str
    ci_method: str
    scale: Scale
    model_scale: str
    mu: float | None = None
    se: float | None = None
    studies: tuple[StudyEffect, ...]
    warnings: tuple[str, ...] = ()
    level: float = 0.95
    more: dict[str, float | int | str | None] = field(default_factory=dict[str, "float | int | str | None"])

    def as_json(self) -> dict[str, object]:
        """The keys of the command line. Floats that are not numbers become null."""
        log = self.scale in LOG_SCALES
        document: dict[str, object] = {
            "k": self.k,
            "n": self.n,
            "estimate": finite(self.estimate),
            "ci": pair(self.ci),
            "prediction_interval": pair(self.prediction_interval),
            "tau2": finite(self.tau2),
            "tau2_ci": pair(self.tau2_ci),
            "i2": finite(self.i2_percent),
            "h2": finite(self.h2),
            "q": finite(self.q),
            "q_p": finite(self.q_p),
            "method": self.method,
            "ci_method": self.ci_method,
            "level": self.level,
            "scale": self.scale,
            "model_scale": self.model_scale,
            "mu": finite(self.mu),
            "se": finite(self.se),
        }
        if log:
            document["estimate_exp"] = None if self.estimate is None else finite(exp(self.estimate))
            document["ci_exp"] = exp_pair(self.ci)
            document["prediction_interval_exp"] = exp_pair(self.prediction_interval)
        document |= {key: finite(value) if isinstance(value, float) else value for key, value in self.more.items()}
        document["studies"] = [study.as_json(log=log) for study in self.studies]
        document["warnings"] = list(self.warnings)
        return document
