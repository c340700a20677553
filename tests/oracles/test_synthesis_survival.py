"""Oracle 09: lung (Loprinzi 1994) and mgus2, against R survival 3.5.3 and survRM2 1.0.4.

`09_mgus2.csv` holds numbers of the data set mgus2 that ships with R survival (LGPL >= 2; data are facts): months to plasma-cell malignancy (1) or death (2).
"""

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from liverboard.synthesis.competing import aalen_johansen, fine_gray
from liverboard.synthesis.cox import Ties, cox
from liverboard.synthesis.hazards import check_proportional_hazards, concordance
from liverboard.synthesis.kaplan_meier import kaplan_meier
from liverboard.synthesis.logrank import logrank
from liverboard.synthesis.observations import Observations, observe
from liverboard.synthesis.rmst import rmst, rmst_difference

DATA = Path(__file__).parent / "data" / "evidence"
ORACLE = json.loads((DATA / "09_lung_survival_basics.json").read_text(encoding="utf-8"))
EXPECTED = ORACLE["expected"]
CLOSED, COX = ORACLE["tolerance"]["closed_form"], ORACLE["tolerance"]["cox"]


def columns(name: str) -> dict[str, Any]:
    with (DATA / name).open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return {key: [row[key] for row in rows] for key in rows[0]}


LUNG = columns("09_lung_survival_basics.csv")
SEX = np.array(LUNG["sex"])


def lung() -> Observations:
    return observe(np.array(LUNG["time"], float), np.array(LUNG["status"], int) - 1)


def lung_model() -> tuple[Observations, dict[str, Any]]:
    known = np.array([cell not in {"", "NA"} for cell in LUNG["ph.ecog"]])
    return lung().where(known), {
        name: np.array([float(x) for x, k in zip(LUNG[name], known, strict=True) if k])
        for name in ("age", "sex", "ph.ecog")
    }


def mgus2() -> tuple[Observations, dict[str, Any]]:
    c = columns("09_mgus2.csv")
    return observe(np.array(c["time"], float), np.array(c["event"], int), causes=2), {
        name: np.array(c[name], float) for name in ("age", "sex_male")
    }


def test_kaplan_meier_with_log_log_limits() -> None:
    curve, expected = kaplan_meier(lung()), EXPECTED["km_loglog"]
    at = np.searchsorted(curve.time, expected["time"], side="right") - 1
    for name, values in (("S", curve.survival), ("se", curve.se), ("lb", curve.lower), ("ub", curve.upper)):
        assert values[at] == pytest.approx(expected[name], abs=CLOSED), name
    following = np.searchsorted(curve.time, expected["time"], side="left")
    assert curve.at_risk[following].tolist() == expected["n_risk"]


@pytest.mark.parametrize("transform", ["log-log", "log"])
def test_median_with_brookmeyer_crowley_limits(transform: Any) -> None:
    curve, expected = kaplan_meier(lung(), transform=transform), EXPECTED[f"median_{transform.replace('-', '')}"]
    assert curve.quantile() == (expected["median"], (expected["0.95LCL"], expected["0.95UCL"]))
    assert (curve.n, curve.n_events) == (228, 165)


def test_medians_by_sex() -> None:
    expected = EXPECTED["by_sex"]
    for at, sex in enumerate("12"):
        curve = kaplan_meier(lung().where(sex == SEX))
        assert curve.quantile() == (expected["median"][at], (expected["lb"][at], expected["ub"][at]))
        assert curve.n_events == expected["events"][at]


def test_log_rank_and_peto_peto() -> None:
    test, expected = logrank(lung(), SEX), EXPECTED["logrank"]
    assert test.chi2 == pytest.approx(expected["chisq"], abs=CLOSED)
    assert test.observed[1] - test.expected[1] == pytest.approx(expected["OmE"], abs=CLOSED)
    assert test.variance[1, 1] == pytest.approx(expected["V"], abs=CLOSED)
    assert logrank(lung(), SEX, kind="peto-peto").chi2 == pytest.approx(EXPECTED["peto_peto"], abs=CLOSED)


@pytest.mark.parametrize("ties", ["efron", "breslow"])
def test_cox(ties: Ties) -> None:
    observations, covariates = lung_model()
    fit, expected = cox(observations, covariates, ties=ties), EXPECTED[f"cox_{ties}"]
    assert fit.estimates == pytest.approx(expected["b"], abs=COX)
    assert [c.se for c in fit.coefficients] == pytest.approx(expected["se"], abs=COX)
    assert [fit.log_likelihood_null, fit.log_likelihood] == pytest.approx(expected["loglik"], abs=COX)
    assert (fit.score_chi2, fit.wald_chi2) == pytest.approx((expected["score"], expected["wald"]), abs=COX)
    assert concordance(observations, fit.linear_predictor()).value == pytest.approx(expected["concordance"], abs=CLOSED)


def test_proportional_hazards() -> None:
    observations, covariates = lung_model()
    test, expected = check_proportional_hazards(observations, cox(observations, covariates)), EXPECTED["cox_zph"]
    found = [*test.terms.values(), test.overall]
    assert [*test.terms, "GLOBAL"] == expected["term"]
    assert [t.chi2 for t in found] == pytest.approx(expected["chisq"], abs=COX)
    assert [t.p for t in found] == pytest.approx(expected["p"], abs=COX)


def test_restricted_mean() -> None:
    female, male = (kaplan_meier(lung().where(sex == SEX)) for sex in "21")
    expected = EXPECTED["rmst_tau600"]
    for curve, name in ((female, "female"), (male, "male")):
        mean = rmst(curve, 600)
        assert (mean.estimate, mean.se, *mean.ci) == pytest.approx(expected[name], abs=CLOSED)
    difference = rmst_difference(female, male, 600)
    assert (difference.estimate, *difference.ci, difference.p) == pytest.approx(expected["difference"], abs=CLOSED)


def test_cumulative_incidence() -> None:
    expected = EXPECTED["aalen_johansen_mgus2"]
    found = aalen_johansen(mgus2()[0])
    assert pytest.approx(np.array(expected["pstate"])[:, 1:], abs=CLOSED) == found.at(expected["time"]).T


def test_fine_gray() -> None:
    """The oracle's errors take every piece of follow-up as another person; so does our Cox core on the pieces. Ours count a person once, as R with cluster(id)."""
    observations, covariates = mgus2()
    expected = EXPECTED["fine_gray_mgus2"]
    fit = fine_gray(observations, covariates)
    assert fit.estimates == pytest.approx(expected["b"], abs=COX)
    assert [c.se for c in fit.coefficients] == pytest.approx([0.00570293163538, 0.18563469477098], abs=COX)
    pieces, rows = in_pieces(observations)
    split = cox(pieces, {name: values[rows] for name, values in covariates.items()}, robust=True)
    assert split.estimates == pytest.approx(expected["b"], abs=COX)
    assert [c.se for c in split.coefficients] == pytest.approx(expected["robust_se"], abs=COX)
    joined = cox(pieces, {name: values[rows] for name, values in covariates.items()}, cluster=rows)
    assert joined.covariance == pytest.approx(fit.covariance, rel=1e-6)


def in_pieces(o: Observations) -> tuple[Observations, Any]:
    """Fine and Gray's weights as rows: who had a competing event stays at risk, piece by piece, with a falling weight."""
    lost = np.unique(o.time[o.event == 0])
    share = np.cumprod(
        [
            1 - np.sum((o.time == t) & (o.event == 0)) / np.sum((o.time > t) | ((o.time == t) & (o.event == 0)))
            for t in lost
        ]
    )
    last = float(o.time[o.event == 1].max())
    parts: list[tuple[int, float, float, int, float]] = []
    for i in range(o.n):
        t, event = float(o.time[i]), int(o.event[i])
        ends = [*lost[(lost >= t) & (lost < last)].tolist(), last] if event == 2 else []
        start = max(t, ends.pop(0)) if ends else t  # up to the first censoring the weight stays 1: one piece
        parts.append((i, -1.0, start, int(event == 1), 1.0))
        then = float(share[np.searchsorted(lost, t, side="left") - 1]) if (lost < t).any() else 1.0
        for end in ends:
            now = float(share[np.searchsorted(lost, start, side="right") - 1])
            if end > start and now > 0:
                parts.append((i, start, end, 0, now / then))
            start = max(start, end)
    rows, entry, stop, event, weight = (np.array(column) for column in zip(*parts, strict=True))
    return observe(stop, event, entry=entry, weights=weight), rows
