"""Everything that one table of people tells about survival: curves, medians, tests, Cox, restricted means, competing events."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from liverboard.errors import BadInput
from liverboard.synthesis.competing import CumulativeIncidence, aalen_johansen, fine_gray
from liverboard.synthesis.cox import CoxFit, Ties, cox
from liverboard.synthesis.design import Design
from liverboard.synthesis.hazards import check_proportional_hazards, concordance
from liverboard.synthesis.kaplan_meier import SurvivalCurve, kaplan_meier
from liverboard.synthesis.logrank import logrank
from liverboard.synthesis.observations import Bools, Observations, by_group
from liverboard.synthesis.rmst import common_tau, rmst, rmst_difference

_MOST_GROUPS = 50
Document = dict[str, object]


@dataclass(frozen=True, slots=True)
class SurvivalData:
    """People with what to compare. `covariates` (rows) may be used in the models only where `complete` holds; `cluster` labels people whose errors belong together."""

    observations: Observations
    group: npt.NDArray[Any] | None = None
    group_name: str = "group"
    covariates: Mapping[str, npt.NDArray[Any]] | None = None
    complete: Bools | None = None
    cluster: npt.NDArray[Any] | None = None


@dataclass(frozen=True, slots=True)
class Wishes:
    """What is asked for beyond the defaults: `at` times of the curve, `tau` of the restricted mean."""

    at: Sequence[float] = ()
    tau: float | None = None
    ties: Ties = "efron"


@dataclass(frozen=True, slots=True)
class SurvivalReport:
    """Curves by group, and the document of the command. Where event code 2 occurs the curves are of freedom from any event; the tests and models are of event 1."""

    curves: Mapping[str, SurvivalCurve]
    incidence: Mapping[str, CumulativeIncidence]
    document: Document

    def as_json(self) -> Document:
        return self.document


def survival_report(data: SurvivalData, wishes: Wishes | None = None) -> SurvivalReport:
    """All of it. What cannot be estimated carries `not_estimable` with the reason instead of numbers. Raises BadInput: too many groups; see `observe`."""
    wishes = wishes or Wishes()
    o = data.observations
    labels = np.full(o.n, "all") if data.group is None else data.group
    names, member, _ = by_group(o, labels)
    if len(names) > _MOST_GROUPS:
        raise BadInput(
            f"{data.group_name} has {len(names)} groups",
            hint="Name a number as a covariate; a group has few categories.",
        )
    competing = bool((o.event > 1).any())
    free = Observations(o.time, (o.event > 0).astype(np.int64), o.entry, o.weights)
    first = o.cause(1)
    rows = {name: member == code for code, name in enumerate(names)}
    curves = {name: kaplan_meier(free.where(mask)) for name, mask in rows.items()}
    warnings = _warnings(o, curves, competing)
    incidence: dict[str, CumulativeIncidence] = {}
    if competing and o.entry is None:
        plain = Observations(o.time, o.event, None, o.weights)
        incidence = {name: aalen_johansen(plain.where(mask)) for name, mask in rows.items()}
    document: Document = {
        "n": o.n,
        "events": int(np.sum(o.event == 1)),
        **({"competing_events": int(np.sum(o.event > 1))} if competing else {}),
        "groups": {
            name: _group(curve, o.where(rows[name]), incidence.get(name), wishes) for name, curve in curves.items()
        },
        "logrank": None if len(names) < 2 else _or_reason(lambda: logrank(first, labels).as_json()),
        "peto_peto": None if len(names) < 2 else _or_reason(lambda: logrank(first, labels, kind="peto-peto").as_json()),
        "rmst": _or_reason(lambda: _rmst(curves, wishes.tau)),
        **_models(data, names, competing, wishes),
        "warnings": warnings,
    }
    return SurvivalReport(curves, incidence, document)


def _warnings(o: Observations, curves: Mapping[str, SurvivalCurve], competing: bool) -> list[str]:
    found: list[str] = []
    if competing:
        found.append(
            "Competing events (code 2): the curves and medians are of freedom from any event; the share with event 1 is the cumulative incidence; tests and Cox are of event 1, with the others censored."
        )
        if not (o.event == 0).any():
            found.append(
                "No row is censored (0). If 1 means censored and 2 the event, as some programs write, recode to 0 and 1."
            )
    if o.entry is not None:
        found += [
            f"Group {name}: the curve falls to 0 at time {curve.time[np.argmax(curve.survival <= 0)]:g} while people still enter; it says nothing later."
            for name, curve in curves.items()
            if curve.survival[-1] <= 0 and curve.time[np.argmax(curve.survival <= 0)] < curve.time[-1]
        ]
    found += [
        f"Group {name} is one person: no interval there means anything."
        for name, curve in curves.items()
        if curve.n == 1
    ]
    if int(np.sum(o.event == 1)) == 0:
        found.append("No event happened.")
    return found


def _group(curve: SurvivalCurve, o: Observations, incidence: CumulativeIncidence | None, wishes: Wishes) -> Document:
    shape = curve.as_json() | {"events": int(np.sum(o.event == 1))}
    if (o.event > 1).any() or incidence is not None:
        shape["competing_events"] = int(np.sum(o.event > 1))
    places = [int(np.searchsorted(curve.time, t, side="right")) - 1 for t in wishes.at]
    if wishes.at:
        shape["survival_at"] = [
            {
                "time": t,
                "survival": 1.0 if k < 0 else float(curve.survival[k]),
                "ci": [1.0, 1.0] if k < 0 else [float(curve.lower[k]), float(curve.upper[k])],
                "known": t <= float(curve.time[-1]),
            }
            for t, k in zip(wishes.at, places, strict=True)
        ]
    if incidence is not None:
        ends = wishes.at or (float(curve.time[-1]),)
        shape["cumulative_incidence"] = [
            {
                "time": t,
                "incidence": float(incidence.at([t])[0, 0]),
                "ci": [0.0, 0.0] if k < 0 else [float(incidence.lower[0, k]), float(incidence.upper[0, k])],
            }
            for t, k in ((t, int(np.searchsorted(incidence.time, t, side="right")) - 1) for t in ends)
        ]
    return shape


def _rmst(curves: Mapping[str, SurvivalCurve], tau: float | None) -> Document:
    limit = common_tau(list(curves.values())) if tau is None else tau
    reference, *others = curves
    return {
        "tau": limit,
        "groups": {name: rmst(curve, limit).as_json() for name, curve in curves.items()},
        "differences": {
            f"{name} minus {reference}": rmst_difference(curves[name], curves[reference], limit).as_json()
            for name in others
        },
    }


def _models(data: SurvivalData, names: tuple[str, ...], competing: bool, wishes: Wishes) -> Document:
    columns: dict[str, npt.NDArray[Any]] = {}
    if data.group is not None and len(names) > 1:
        columns[data.group_name] = np.asarray(data.group).astype(str)
    columns |= dict(data.covariates or {})
    if not columns:
        return {"cox": None}
    keep = np.ones(data.observations.n, dtype=bool) if data.complete is None else data.complete
    o = data.observations.where(keep)
    cluster = None if data.cluster is None else data.cluster[keep]

    def design() -> Design:
        if not keep.any():
            raise BadInput("no row has all covariates", hint="Name fewer covariates.")
        return Design.of({name: values[keep] for name, values in columns.items()})

    found: Document = {
        "cox": _or_reason(lambda: _cox(o.cause(1), cox(o.cause(1), design(), ties=wishes.ties, cluster=cluster)))
    }
    if competing:
        found["fine_gray"] = _or_reason(lambda: fine_gray(o, design(), ties=wishes.ties, cluster=cluster).as_json())
    return found


def _cox(o: Observations, fitted: CoxFit) -> Document:
    shape = fitted.as_json()
    shape["proportional_hazards"] = check_proportional_hazards(o, fitted).as_json()
    if o.entry is None and o.weights is None:
        shape["concordance"] = concordance(o, fitted.linear_predictor()).value
    return shape


def _or_reason(work: Callable[[], Document]) -> Document:
    try:
        return work()
    except BadInput as reason:
        return {"not_estimable": reason.message, "hint": reason.hint}
