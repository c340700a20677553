"""Oracles 01 and 02: single-arm proportions and sparse odds ratios, against metafor and lme4, and the published tables."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests.evidence_oracles import CLOSED_FORM, ITERATIVE, PUBLISHED, column, oracle, rows

from liverboard.errors import BadInput
from liverboard.synthesis.diagnostics import egger, egger_mixed, leave_one_out, peters
from liverboard.synthesis.effects import Effects, logit_proportions, two_by_two
from liverboard.synthesis.intervals import clopper_pearson, logit, wilson
from liverboard.synthesis.odds_ratios import informative, pool_odds_ratios
from liverboard.synthesis.pool import pool_effects
from liverboard.synthesis.proportions import fit_proportions, pool_proportions
from liverboard.synthesis.result import Pooled
from liverboard.synthesis.transformed import arcsine, freeman_tukey

Arm = tuple[list[str], np.ndarray, np.ndarray, dict[str, Any]]


def _arm(name: str) -> Arm:
    if name == "02":
        table = rows("02")
        return [r["study"] for r in table], column(table, "xi"), column(table, "ni"), oracle("02")["expected"]
    table = rows("01")
    x, n = {"control_arm": ("ci", "n2i"), "treated_arm": ("ai", "n1i")}[name]
    return [r["study"] for r in table], column(table, x), column(table, n), oracle("01")["expected"][name]


@pytest.fixture(params=["control_arm", "treated_arm", "02"])
def arm(request: pytest.FixtureRequest) -> Arm:
    return _arm(request.param)


@pytest.mark.parametrize(("nodes", "key"), [(7, "glmm_nAGQ7"), (25, "glmm_nAGQ25")])
def test_oracle_01_02_exact_model(arm: Arm, nodes: int, key: str) -> None:
    labels, x, n, expected = arm
    pooled = pool_proportions(labels, x, n, ci="z", nodes=nodes)
    _same_exact(pooled, expected[key])


# mu, se, tau2 of lme4 1.1-31 (bobyqa) with tolPwrss = 1e-13. At its default, 1e-7, the weights of the last step lag behind the mode: without quadrature
# this moves the standard error of oracle 02 by 0.003, and that is what the oracle holds.
_TIGHT_LAPLACE = {
    "treated_arm": (-4.8155788407, 0.3553192733, 0.8191707463),
    "02": (1.3751873600, 0.2862430382, 0.5738030722),
}


@pytest.mark.parametrize("name", ["control_arm", "treated_arm", "02"])
def test_oracle_01_02_laplace(name: str) -> None:
    labels, x, n, expected = _arm(name)
    r = expected["glmm_laplace"]
    pooled = pool_proportions(labels, x, n, ci="z", nodes=1)
    if name == "control_arm":
        _same_exact(pooled, r)
        return
    ours, loose = np.array([pooled.mu, pooled.se, pooled.tau2], dtype=float), np.array([r["mu"], r["se"], r["tau2"]])
    assert ours == pytest.approx(_TIGHT_LAPLACE[name], abs=1e-6)
    assert np.all(np.abs(ours - loose) <= np.abs(np.array(_TIGHT_LAPLACE[name]) - loose) + 1e-6)


def test_oracle_01_02_exact_model_t_is_the_default(arm: Arm) -> None:
    labels, x, n, expected = arm
    pooled = pool_proportions(labels, x, n)
    assert (pooled.method, pooled.ci_method) == ("glmm", "t")
    _same_exact(pooled, expected["glmm_nAGQ7_t"])


def _same_exact(pooled: Pooled, r: dict[str, float]) -> None:
    assert pooled.ci and pooled.prediction_interval
    assert pooled.k == r["k"]
    assert (pooled.mu, pooled.se, pooled.tau2) == pytest.approx((r["mu"], r["se"], r["tau2"]), abs=ITERATIVE)
    assert pooled.estimate == pytest.approx(r["prop"], abs=ITERATIVE)
    assert pooled.ci == pytest.approx((r["prop_lb"], r["prop_ub"]), abs=ITERATIVE)
    assert logit(pooled.ci) == pytest.approx([r["ci_lb"], r["ci_ub"]], abs=ITERATIVE)
    assert logit(pooled.prediction_interval) == pytest.approx([r["pi_lb_logit"], r["pi_ub_logit"]], abs=ITERATIVE)
    # I2 is a percentage, moved by tau2
    assert pooled.i2_percent == pytest.approx(r["I2"], abs=100 * ITERATIVE)
    assert pooled.q == pytest.approx(r["QE_LRT"], abs=ITERATIVE)
    assert pooled.more["q_wald"] == pytest.approx(r["QE_Wld"], abs=ITERATIVE)


def test_oracle_01_published_tables_of_stijnen() -> None:
    for name, key in (("control_arm", "control"), ("treated_arm", "treated")):
        labels, x, n, _ = _arm(name)
        published = oracle("01")["published"]
        exact, normal = published[f"{key}_GLMM"], published[f"{key}_NN"]
        ours = pool_proportions(labels, x, n, ci="z")
        assert (ours.mu, ours.se, ours.tau2) == pytest.approx((exact["mu"], exact["se"], exact["tau2"]), abs=PUBLISHED)
        assert (ours.estimate, *(ours.ci or ())) == pytest.approx((exact["p"], exact["lb"], exact["ub"]), abs=PUBLISHED)
        ours = pool_effects(logit_proportions(labels, x, n), "reml", "z")
        assert (ours.mu, ours.se, ours.tau2) == pytest.approx(
            (normal["mu"], normal["se"], normal["tau2"]), abs=PUBLISHED
        )
        assert (ours.estimate, *(ours.ci or ())) == pytest.approx(
            (normal["p"], normal["lb"], normal["ub"]), abs=PUBLISHED
        )


def test_oracle_02_mean_and_median_proportion_differ() -> None:
    labels, x, n, _ = _arm("02")
    pooled = pool_proportions(labels, x, n)
    # 0.798 and 0.774 are printed in the methods note
    assert pooled.estimate == pytest.approx(0.798, abs=5e-4)
    assert pooled.more["mean_estimate"] == pytest.approx(0.774, abs=5e-4)


def test_oracle_01_02_study_effects_and_intervals(arm: Arm) -> None:
    labels, x, n, expected = arm
    effects = logit_proportions(labels, x, n)
    assert effects.y == pytest.approx(expected["study_effects"]["yi"], abs=CLOSED_FORM)
    assert effects.v == pytest.approx(expected["study_effects"]["vi"], abs=CLOSED_FORM)
    for interval, key in ((clopper_pearson(x, n), "clopper_pearson"), (wilson(x, n), "wilson")):
        assert interval[0] == pytest.approx(expected[key]["lb"], abs=CLOSED_FORM)
        assert interval[1] == pytest.approx(expected[key]["ub"], abs=CLOSED_FORM)


@pytest.mark.parametrize("key", ["EE", "DL", "PM", "REML", "REML_HK"])
def test_oracle_01_02_logit_inverse_variance(arm: Arm, key: str) -> None:
    labels, x, n, expected = arm
    method = {"EE": "fixed", "REML_HK": "reml"}.get(key, key.lower())
    pooled = pool_proportions(labels, x, n, method=method, ci="hk" if key.endswith("HK") else "z")
    assert any("sensitivity" in w.lower() for w in pooled.warnings)
    _same_inverse_variance(pooled, expected["logit_IV"][key], CLOSED_FORM if key in {"EE", "DL"} else ITERATIVE)


def _same_inverse_variance(pooled: Pooled, r: dict[str, Any], tolerance: float, *, back: bool = True) -> None:
    assert pooled.ci
    assert (pooled.mu, pooled.se, pooled.tau2) == pytest.approx((r["mu"], r["se"], r["tau2"]), abs=tolerance)
    ends = logit(pooled.ci) if back else np.array(pooled.ci)
    assert ends == pytest.approx([r["ci_lb"], r["ci_ub"]], abs=tolerance)
    assert (pooled.q, pooled.q_p) == pytest.approx((r["Q"], r["Qp"]), abs=CLOSED_FORM)
    assert pooled.i2_percent == pytest.approx(r["I2"], abs=100 * tolerance)
    assert pooled.h2 == pytest.approx(r["H2"], abs=10 * tolerance)
    if r["pi_lb"] is None:
        assert pooled.prediction_interval is None
    else:
        limits = pooled.prediction_interval or (0, 0)
        assert (logit(limits) if back else np.array(limits)) == pytest.approx([r["pi_lb"], r["pi_ub"]], abs=tolerance)
    if "tau2_qp_lb" in r:
        assert pooled.tau2_ci == pytest.approx((r["tau2_qp_lb"], r["tau2_qp_ub"]), abs=ITERATIVE)


def test_oracle_01_02_transforms(arm: Arm) -> None:
    labels, x, n, expected = arm
    for pooled, r in (
        (freeman_tukey(labels, x, n, ci="z"), expected["freeman_tukey"]["REML"]),
        (arcsine(labels, x, n, ci="z"), expected["arcsine"]["REML"]),
    ):
        assert (pooled.mu, pooled.se, pooled.tau2) == pytest.approx((r["mu"], r["se"], r["tau2"]), abs=ITERATIVE)
        assert pooled.q == pytest.approx(r["Q"], abs=CLOSED_FORM)
        assert any("never a headline" in w for w in pooled.warnings)
    r = expected["freeman_tukey"]["backtransf_harmonic"]
    pooled = freeman_tukey(labels, x, n, ci="z")
    assert (pooled.estimate, *(pooled.ci or ())) == pytest.approx((r["p"], r["lb"], r["ub"]), abs=ITERATIVE)
    r = expected["arcsine"]
    pooled = arcsine(labels, x, n, ci="z")
    assert (pooled.estimate, *(pooled.ci or ())) == pytest.approx((r["p"], r["lb"], r["ub"]), abs=ITERATIVE)


def test_freeman_tukey_is_refused_as_a_headline_and_misleads_where_sizes_differ() -> None:
    x, n = [3, 2, 20, 30, 1000], [10, 20, 150, 800, 200000]
    labels = list("abcde")
    with pytest.raises(BadInput, match="Freeman-Tukey"):
        pool_proportions(labels, x, n, method="freeman_tukey")
    pooled = {
        mean: freeman_tukey(labels, x, n, "fixed", "z", mean=mean).estimate  # pyright: ignore[reportArgumentType]
        for mean in ("harmonic", "geometric", "arithmetic")
    }
    # printed in the methods note: 0, 0.38 % and 0.51 %
    assert pooled["harmonic"] == 0
    assert pooled["geometric"] == pytest.approx(0.0038, abs=5e-5)
    assert pooled["arithmetic"] == pytest.approx(0.0051, abs=5e-5)


def test_oracle_01_02_leave_one_out(arm: Arm) -> None:
    labels, x, n, expected = arm
    r, effects = expected["leave_one_out_REML"], logit_proportions(labels, x, n)
    fit = leave_one_out(effects)
    assert fit.beta[:, 0] == pytest.approx(r["mu"], abs=ITERATIVE)
    assert fit.se[:, 0] == pytest.approx(r["se"], abs=ITERATIVE)
    assert fit.tau2 == pytest.approx(r["tau2"], abs=ITERATIVE)
    assert fit.q == pytest.approx(r["Q"], abs=CLOSED_FORM)
    assert fit.i2_percent == pytest.approx(r["I2"], abs=100 * ITERATIVE)


def test_oracle_01_02_asymmetry(arm: Arm) -> None:
    labels, x, n, expected = arm
    effects = logit_proportions(labels, x, n)
    for test, key in ((egger(effects), "egger_lm"), (peters(effects), "regression_on_inverse_n_lm")):
        r = expected[key]
        assert (test.statistic, test.df, test.p) == pytest.approx((r["stat"], r["df"], r["p"]), abs=CLOSED_FORM)
    r = expected["egger_rma_REML"]
    test = egger_mixed(effects)
    assert (test.statistic, test.p) == pytest.approx((r["stat"], r["p"]), abs=ITERATIVE)


def _tables() -> Any:
    table = rows("01")
    columns = [column(table, c) for c in ("ai", "n1i", "ci", "n2i")]
    return informative([r["study"] for r in table], *columns)


def test_oracle_01_odds_ratio_conditional() -> None:
    r = oracle("01")["expected"]["OR_glmm_CM_EL"]
    pooled = pool_odds_ratios(_tables(), ci="z")
    assert (pooled.mu, pooled.se, pooled.tau2) == pytest.approx((r["mu"], r["se"], r["tau2"]), abs=ITERATIVE)
    printed = oracle("01")["published"]["OR_CM_EL"]
    assert (pooled.mu, pooled.se, np.sqrt(pooled.tau2 or 0)) == pytest.approx(
        (printed["mu"], printed["se"], printed["tau"]), abs=PUBLISHED
    )


def test_oracle_01_odds_ratio_unconditional() -> None:
    """The oracle's own fit stopped short: lme4 1.1-31 warns "failed to converge with max|grad| = 0.0089" there. With its optimiser bobyqa on the same data
    it gives the second triple, at a higher likelihood, which is what we are held to; the oracle is met to the distance between the two."""
    r = oracle("01")["expected"]["OR_glmm_UM_FS"]
    bobyqa = (-1.23649332, 0.28033762, 0.31951285)
    pooled = pool_odds_ratios(_tables(), model="unconditional", ci="z")
    ours = (pooled.mu, pooled.se, pooled.tau2)
    assert ours == pytest.approx(bobyqa, abs=1e-6)
    stopped_short = np.abs(np.array(bobyqa) - (r["mu"], r["se"], r["tau2"]))
    assert np.all(np.abs(np.array(ours, dtype=float) - (r["mu"], r["se"], r["tau2"])) < stopped_short + 1e-5)


def test_oracle_01_odds_ratio_inverse_variance() -> None:
    table = rows("01")
    columns = [column(table, c) for c in ("ai", "n1i", "ci", "n2i")]
    effects = two_by_two([r["study"] for r in table], *columns)
    assert any("Left out" in w and "15" in w for w in effects.warnings)
    _same_inverse_variance(
        pool_effects(effects, "reml", "z"), oracle("01")["expected"]["OR_NN_REML_drop00"], ITERATIVE, back=False
    )


def test_a_single_fit_is_a_batch_of_one() -> None:
    _, x, n, _ = _arm("control_arm")
    rng = np.random.default_rng(3)
    draws = rng.integers(0, len(x), (20, len(x)))
    batch = fit_proportions(x[draws], n[draws])
    for i, draw in enumerate(draws):
        one = fit_proportions(x[draw], n[draw])
        assert one.beta[0, 0] == pytest.approx(batch.beta[i, 0], abs=1e-7)
        assert one.tau[0] == pytest.approx(batch.tau[i], abs=1e-6)
        assert one.se[0, 0] == pytest.approx(batch.se[i, 0], abs=1e-6)


def test_effects_take_keeps_what_belongs_together() -> None:
    effects = Effects(
        ("a", "b"), np.array([1.0, 2.0]), np.array([3.0, 4.0]), "as_given", "natural", np.array([5.0, 6.0])
    )
    assert effects.take([1]).labels == ("b",)
    assert effects.take([1]).v[0] == 4
