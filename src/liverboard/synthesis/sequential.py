"""Boundaries and information size for repeated looks at accumulating trials: a sensitivity analysis, never the main one.

Only for comparative outcomes in a prospectively planned series of trials; Cochrane discourages it for the main analysis or for conclusions.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from scipy import optimize, special

from liverboard.errors import BadInput
from liverboard.synthesis.intervals import normal_quantile, normal_upper

Floats = npt.NDArray[np.float64]
Spending = Literal["obrien_fleming", "pocock"]
_optimize: Any = optimize  # scipy ships no types
_legendre: Any = special.roots_legendre

FARTHEST_Z = 12.0  # an error share below its tail (3.6e-33) is spent by no boundary
DENSE_Z = 8.5  # beyond it lies 2e-17 of a normal density: the sums stop here
CLOSEST_LOOKS = 0.001  # shares of information; the sums over the density are exact to 1e-4 in z down to here


@dataclass(frozen=True, slots=True)
class Boundaries:
    """Two-sided boundaries of |z| at the looks `times` (shares of the information, 0 to 1); infinite where no error may be spent yet."""

    times: tuple[float, ...]
    z: tuple[float, ...]
    alpha_spent: tuple[float, ...]
    spending: Spending

    @property
    def nominal_p(self) -> tuple[float, ...]:
        """Two-sided p that a single look has at its boundary."""
        return tuple(float(2 * normal_upper(z)) for z in self.z)

    def as_json(self) -> dict[str, object]:
        return {
            "spending": self.spending,
            "times": list(self.times),
            "z": [z if math.isfinite(z) else None for z in self.z],
            "alpha_spent": list(self.alpha_spent),
            "nominal_p": list(self.nominal_p),
        }


def spent(time: float, alpha: float, spending: Spending) -> float:
    """Two-sided error that may be spent by an information share. Source: lan_demets_1983.

    O'Brien-Fleming kind: 4 - 4 Phi(z(1 - alpha/4) / sqrt(t)); Pocock kind: alpha ln(1 + (e - 1) t).
    """
    if time <= 0:
        return 0.0
    if spending == "pocock":
        return alpha * math.log1p((math.e - 1) * min(time, 1.0))
    return float(4 * normal_upper(-normal_quantile(alpha / 4) / math.sqrt(min(time, 1.0))))


def boundaries(times: Sequence[float], *, alpha: float = 0.05, spending: Spending = "obrien_fleming") -> Boundaries:
    """Two-sided symmetric boundaries at the looks `times`, by recursive integration of the density of the score that has not crossed yet.

    Raises BadInput when the times do not rise within 0 to 1 or when alpha is no error. Source: lan_demets_1983.
    """
    if not 0 < alpha < 1:
        raise BadInput(f"alpha is {alpha:g}", hint="Give an error between 0 and 1, such as 0.05.")
    looks = [float(t) for t in times]
    if (
        not looks
        or any(not math.isfinite(t) or not 0 < t <= 1 for t in looks)
        or any(b - a < CLOSEST_LOOKS for a, b in pairwise(looks))
    ):
        raise BadInput(
            f"the times of the looks are {', '.join(f'{t:g}' for t in looks) or 'missing'}",
            hint=f"Give shares of the required information that rise by {CLOSEST_LOOKS:g} or more, above 0 and up to 1, such as 0.2, 0.6, 1.",
        )
    limits: list[float] = []
    allowed = [spent(t, alpha, spending) for t in looks]
    # The score B(t) = z sqrt(t) moves by normal steps. `at` are nodes of its space before the look, `mass` density times weight there.
    at, mass, before, used = np.zeros(1), np.ones(1), 0.0, 0.0
    for time, total, after in zip(looks, allowed, [*looks[1:], 2.0], strict=True):
        step, root = math.sqrt(time - before), math.sqrt(time)
        limit = _limit(_crossing(at, mass, step, root), total - used)
        limits.append(limit)
        edge = min(limit, DENSE_Z) * root
        nodes, weights = _nodes(edge, math.sqrt(after - time))
        new = edge * nodes
        density = np.exp(-(((new[:, None] - at[None, :]) / step) ** 2) / 2) @ mass / (step * math.sqrt(2 * math.pi))
        at, mass, before, used = new, density * weights * edge, time, total
    return Boundaries(tuple(looks), tuple(limits), tuple(allowed), spending)


def _nodes(edge: float, step: float) -> tuple[Floats, Floats]:
    """Gauss-Legendre nodes and weights on -1..1, dense enough for the normal step that follows."""
    nodes, weights = _legendre(max(120, math.ceil(math.pi * edge / (0.7 * step))))
    return np.asarray(nodes, dtype=np.float64), np.asarray(weights, dtype=np.float64)


def _crossing(at: Floats, mass: Floats, step: float, root: float) -> Callable[[float], float]:
    """Probability to be beyond +-z at the look, out of the part that has not crossed."""

    def probability(z: float) -> float:
        upper = normal_upper((z * root - at) / step) + normal_upper((z * root + at) / step)
        return float(upper @ mass)

    return probability


def _limit(probability: Callable[[float], float], share: float) -> float:
    if share <= probability(FARTHEST_Z):
        return math.inf
    if share >= probability(0.0):
        return 0.0

    def over(z: float) -> float:
        return math.log(max(probability(z), 1e-300) / share)

    return float(_optimize.brentq(over, 0.0, FARTHEST_Z, xtol=1e-10))


def required_information_size(
    control_risk: float, relative_reduction: float, *, alpha: float = 0.05, beta: float = 0.2, diversity: float = 0.0
) -> float:
    """Patients of both arms that a two-sided comparison of risks needs, made larger by the diversity of the trials.

    4 (z(1 - alpha/2) + z(1 - beta))^2 p (1 - p) / d^2 / (1 - D2), with p the mean and d the difference of the two risks. Raises BadInput for shares
    outside 0 to 1 and for a reduction of 0. Source: pmc2943189.
    """
    for name, value in (("the control risk", control_risk), ("alpha", alpha), ("beta", beta)):
        if not 0 < value < 1:
            raise BadInput(f"{name} is {value:g}", hint="Give a share between 0 and 1.")
    if not 0 <= diversity < 1:
        raise BadInput(f"the diversity is {diversity:g}", hint="Give a share from 0 to below 1.")
    treated = control_risk * (1 - relative_reduction)
    if not 0 <= treated <= 1 or treated == control_risk:
        raise BadInput(
            f"a relative reduction of {relative_reduction:g} of a risk of {control_risk:g} cannot be planned for",
            hint="Give a reduction that is not 0 and leaves a risk between 0 and 1.",
        )
    p = (control_risk + treated) / 2
    quantiles = -(normal_quantile(alpha / 2) + normal_quantile(beta))
    return 4 * quantiles**2 * p * (1 - p) / (control_risk - treated) ** 2 / (1 - diversity)


def diversity(se_fixed: float, se_random: float) -> float:
    """D2: share by which the random-effects variance exceeds the fixed one, 1 - (se_fixed / se_random)^2; 0 to 1.

    Raises BadInput unless 0 < se_fixed <= se_random.
    """
    if not 0 < se_fixed <= se_random < math.inf:
        raise BadInput(
            f"standard errors {se_fixed:g} (fixed) and {se_random:g} (random) give no diversity",
            hint="Both above 0, the random one not smaller.",
        )
    return 1 - (se_fixed / se_random) ** 2
