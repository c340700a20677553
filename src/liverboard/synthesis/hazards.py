"""Is a hazard ratio one number? The score test of coefficients that change with time, and how well a model ranks people (concordance)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from liverboard.errors import BadInput
from liverboard.synthesis.cox import CoxFit, sorted_model
from liverboard.synthesis.intervals import chi2_upper
from liverboard.synthesis.kaplan_meier import kaplan_meier
from liverboard.synthesis.observations import Floats, Ints, Observations
from liverboard.synthesis.result import finite
from liverboard.synthesis.risk_sets import risk_sets

Clock = Literal["km", "rank", "identity", "log"]


@dataclass(frozen=True, slots=True)
class HazardTest:
    """chi2 of one covariate, or of all together."""

    chi2: float
    df: int

    @property
    def p(self) -> float:
        return float(chi2_upper(self.chi2, self.df))

    def as_json(self) -> dict[str, object]:
        return {"chi2": finite(self.chi2), "df": self.df, "p": finite(self.p)}


@dataclass(frozen=True, slots=True)
class ProportionalHazards:
    """A small p says that the hazard ratio changes over time; a large one does not prove that it is constant."""

    terms: Mapping[str, HazardTest]
    overall: HazardTest
    clock: Clock

    def as_json(self) -> dict[str, object]:
        return {
            "clock": self.clock,
            "terms": {name: test.as_json() for name, test in self.terms.items()},
            "global": self.overall.as_json(),
        }


def check_proportional_hazards(
    observations: Observations, fitted: CoxFit, *, clock: Clock = "km"
) -> ProportionalHazards:
    """Score test of x g(t) added to the model, at the fitted coefficients; g is 1 - Kaplan-Meier just before t (`km`), the rank of t, t, or ln t.

    `observations` are those of the fit. Source: survival_methods_note. Raises BadInput: a log clock with an event at time 0.
    """
    model, scale = sorted_model(risk_sets(observations), observations, fitted.design, fitted.ties)
    state = model.state(fitted.estimates * scale)
    rows = model.rows
    when = model.risk.times.time[rows.at]
    g = _clock(clock, when, observations)
    weight = model.weight[rows.person]
    g = g - np.average(g, weights=weight)
    score = model.x[:, rows.person] @ (g * weight) - state.mean @ (g * rows.weight)
    across, within = model.information(state, g), model.information(state, g**2)
    p = len(score)
    joint = np.block([[state.information, across], [across.T, within]])

    def test(chosen: Ints) -> HazardTest:
        kept = np.concatenate((np.arange(p), p + chosen))
        u = np.concatenate((np.zeros(p), score[chosen]))
        with np.errstate(all="ignore"):
            chi2 = float(u @ np.linalg.lstsq(joint[np.ix_(kept, kept)], u, rcond=1e-12)[0])
        return HazardTest(max(chi2, 0.0), len(chosen))

    names = np.array(fitted.design.terms)
    terms = {name: test(np.flatnonzero(names == name)) for name in dict.fromkeys(fitted.design.terms)}
    return ProportionalHazards(terms, test(np.arange(p)), clock)


def _clock(clock: Clock, when: Floats, observations: Observations) -> Floats:
    if clock == "km":
        pooled = Observations(observations.time, observations.event, observations.entry, observations.weights)
        curve = kaplan_meier(pooled, robust=False)
        before = np.concatenate(([1.0], curve.survival))
        return 1 - before[np.searchsorted(curve.time, when, side="left")]
    if clock == "rank":
        return np.unique(when, return_inverse=True)[1].astype(np.float64)
    if clock == "log":
        if (when <= 0).any():
            raise BadInput("an event at time 0 has no logarithm", hint="Choose the clock km, rank or identity.")
        return np.log(when)
    return when


@dataclass(frozen=True, slots=True)
class Concordance:
    """Of all pairs in which it is known who had the event first, the share in which that person had the higher risk; a tied risk counts one half."""

    concordant: int
    discordant: int
    tied: int

    @property
    def value(self) -> float | None:
        pairs = self.concordant + self.discordant + self.tied
        return (self.concordant + self.tied / 2) / pairs if pairs else None


def concordance(observations: Observations, risk: Floats) -> Concordance:
    """Harrell's concordance of a risk (higher: sooner) with time to event, within strata; pairs of events at one time are left out. O(n log n).

    Raises BadInput: left truncation or weights, for which pairs are not defined here.
    """
    if observations.entry is not None or observations.weights is not None:
        raise BadInput("concordance takes no entry times and no weights", hint="Give time and event only.")
    if observations.strata is None:
        return _concordance(observations.time, observations.event == 1, risk)
    parts = [
        _concordance(observations.time[rows], observations.event[rows] == 1, risk[rows])
        for rows in (observations.strata == code for code in np.unique(observations.strata))
    ]
    return Concordance(*(sum(getattr(part, name) for part in parts) for name in ("concordant", "discordant", "tied")))


def _concordance(time: Floats, event: np.typing.NDArray[np.bool_], risk: Floats) -> Concordance:
    order = np.lexsort((~event, time))  # who is censored at a time outlives those with the event at it
    time, event = time[order], event[order]
    rank = np.unique(np.round(risk, 12), return_inverse=True)[1].astype(np.int64)[order]
    person = np.flatnonzero(event)
    # those who outlive a person: everyone after the last event at the same time
    keys = np.searchsorted(time[person], time[person], side="right") - 1
    later = person[keys] + 1
    less, same = _count_from(rank, later, rank[person])
    pairs = len(rank) - later
    return Concordance(int(less.sum()), int((pairs - less - same).sum()), int(same.sum()))


def _count_from(values: Ints, start: Ints, than: Ints) -> tuple[Ints, Ints]:
    """For each query: how many of values[start:] are less than `than`, and how many equal. A wavelet matrix: one stable split of the values for each bit."""
    low, high = start.copy(), np.full(len(start), len(values), dtype=np.int64)
    less = np.zeros(len(start), dtype=np.int64)
    for bit in range(int(values.max(initial=0)).bit_length() - 1, -1, -1):
        zero = (values >> bit) & 1 == 0
        zeros = np.concatenate(([0], np.cumsum(zero)))
        a, b = zeros[low], zeros[high]
        up = (than >> bit) & 1 == 1
        less += np.where(up, b - a, 0)
        low, high = np.where(up, zeros[-1] + low - a, a), np.where(up, zeros[-1] + high - b, b)
        values = np.concatenate((values[zero], values[~zero]))
    return less, high - low
