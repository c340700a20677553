"""Networks whose answer is known without a network, invariances, and what is refused."""

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from liverboard.errors import BadInput
from liverboard.synthesis.network import Network, Tau2Method, fit_network
from liverboard.synthesis.network_rows import Arm, Contrast, Study, studies_from_arms, studies_from_contrasts


def fitted(rows: list[Contrast], tau2: Tau2Method = "reml") -> Network:
    studies, said = studies_from_contrasts(rows)
    return fit_network(studies, tau2=tau2, warnings=said)


def random_rows(seed: int, treatments: int = 5, studies: int = 12, spread: float = 0.3) -> list[Contrast]:
    """Studies of two to four arms with own arm variances, over a connected network."""
    rng = np.random.default_rng(seed)
    names = [f"T{i}" for i in range(treatments)]
    truth = rng.normal(size=treatments)
    rows: list[Contrast] = []
    for s in range(studies):
        arms = (
            [s, s + 1]
            if s < treatments - 1
            else list(rng.choice(treatments, rng.integers(2, min(4, treatments) + 1), replace=False))
        )
        variance = rng.uniform(0.02, 0.5, len(arms))
        level = truth[arms] + rng.normal(size=len(arms)) * np.sqrt(variance + spread**2 / 2)
        rows += [
            Contrast(
                f"s{s}",
                names[arms[i]],
                names[arms[j]],
                float(level[i] - level[j]),
                math.sqrt(variance[i] + variance[j]),
            )
            for i in range(len(arms))
            for j in range(i + 1, len(arms))
        ]
    return rows


def block_gls(studies: list[Study], treatments: tuple[str, ...], tau2: float) -> tuple[np.ndarray, np.ndarray, float]:
    """The same model written the other way: contrasts against the first arm, one covariance block a study."""
    x: list[np.ndarray] = []
    y: list[float] = []
    size = sum(len(s.arms) - 1 for s in studies)
    v, at = np.zeros((size, size)), 0
    for s in studies:
        p = len(s.arms)
        for j in range(1, p):
            row = np.zeros(len(treatments))
            row[treatments.index(s.arms[j])], row[treatments.index(s.arms[0])] = 1, -1
            x.append(row)
            y.append(float(s.effects[j] - s.effects[0]))
            for k in range(1, p):
                shared = (s.variances[0, j] + s.variances[0, k] - s.variances[j, k]) / 2
                v[at + j - 1, at + k - 1] = shared + tau2 * (1.0 if j == k else 0.5)
        at += p - 1
    design, weight = np.array(x)[:, 1:], np.linalg.inv(v)
    cov = np.linalg.inv(design.T @ weight @ design)
    beta = cov @ design.T @ weight @ np.array(y)
    residual = np.array(y) - design @ beta
    return np.concatenate([[0.0], beta]), cov, float(residual @ weight @ residual)


def test_two_treatments_are_a_pairwise_meta_analysis() -> None:
    y, v = np.array([0.1, 0.8, -0.3, 0.5]), np.array([0.04, 0.09, 0.02, 0.16])
    w = 1 / v
    q = float(np.sum(w * (y - np.sum(w * y) / np.sum(w)) ** 2))
    tau2 = (q - 3) / (np.sum(w) - np.sum(w**2) / np.sum(w))
    found = fitted([Contrast(f"s{i}", "a", "b", float(y[i]), math.sqrt(v[i])) for i in range(4)], "dl")
    random = 1 / (v + tau2)
    assert found.tau2 == pytest.approx(tau2, rel=1e-12)
    assert found.versus("a", "b").estimate == pytest.approx(np.sum(random * y) / np.sum(random), rel=1e-12)
    assert found.versus("a", "b").se == pytest.approx(np.sum(random) ** -0.5, rel=1e-12)
    assert found.q.q == pytest.approx(q, rel=1e-12)
    assert found.comparisons[0].indirect is None
    assert found.comparisons[0].share == pytest.approx(1)


def test_reml_of_equal_variances_is_the_sample_variance_less_the_sampling_one() -> None:
    y = [1.0, 2.0, 4.0, 7.0]
    found = fitted([Contrast(f"s{i}", "a", "b", y[i], 0.5) for i in range(4)])
    assert found.tau2 == pytest.approx(np.var(y, ddof=1) - 0.25, rel=1e-9)


def test_consistent_loop() -> None:
    rows = [Contrast("1", "a", "b", 1.0, 0.3), Contrast("2", "b", "c", 2.0, 0.3), Contrast("3", "a", "c", 3.0, 0.3)]
    found = fitted(rows)
    assert found.q.q == pytest.approx(0, abs=1e-20)
    assert found.tau2 == 0
    assert found.versus("a", "c").estimate == pytest.approx(3)
    assert found.versus("a", "c").se == pytest.approx(0.3 * math.sqrt(2 / 3))  # v and 2v in parallel
    split = next(c for c in found.comparisons if (c.treat1, c.treat2) == ("a", "c"))
    assert split.indirect is not None and split.difference is not None
    assert split.indirect.estimate == pytest.approx(3)
    assert split.indirect.se == pytest.approx(0.3 * math.sqrt(2))
    assert split.difference.p == pytest.approx(1)


def test_star_adds_variances() -> None:
    found = fitted([Contrast("1", "a", "p", -1.0, 0.3), Contrast("2", "b", "p", -0.4, 0.4)])
    assert found.versus("a", "b").estimate == pytest.approx(-0.6)
    assert found.versus("a", "b").se == pytest.approx(0.5)
    assert found.versus("b", "a").estimate == pytest.approx(0.6)
    assert found.q.df == 0
    assert found.tau2_ci is None
    assert "tau2 is set to 0" in found.warnings[0]


def test_one_study_of_three_arms_is_given_back() -> None:
    arms = [Arm("s", "a", 10, 40), Arm("s", "b", 20, 50), Arm("s", "c", 5, 30)]
    found = fit_network(studies_from_arms(arms)[0], scale="log_odds_ratio")
    ab = found.versus("a", "b")
    assert ab.estimate == pytest.approx(math.log(10 / 30) - math.log(20 / 30))
    assert ab.se == pytest.approx(math.sqrt(1 / 10 + 1 / 30 + 1 / 20 + 1 / 30))
    cell = found.as_json()["league"]["a"]["b"]  # type: ignore[index]
    assert cell["estimate_exp"] == pytest.approx((10 / 30) / (20 / 30))
    assert found.patients == {"a": 40, "b": 50, "c": 30}


def test_p_scores_of_a_pair_are_the_one_sided_p() -> None:
    found = fitted([Contrast("1", "a", "b", -1.0, 0.5)])
    assert found.p_scores["a"] == pytest.approx(0.9772498680518208)
    assert found.p_scores["b"] == pytest.approx(1 - 0.9772498680518208)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("tau2", ["dl", "reml"])
def test_equals_blocks_of_covariance(seed: int, tau2: Tau2Method) -> None:
    studies, _ = studies_from_contrasts(random_rows(seed))
    found = fit_network(studies, tau2=tau2)
    theta, cov, _ = block_gls(studies, found.treatments, found.tau2)
    np.testing.assert_allclose(found.effects[:, 0], theta, atol=1e-9)
    np.testing.assert_allclose(found.se[1:, 0], np.sqrt(np.diag(cov)), rtol=1e-9)
    assert found.q.q == pytest.approx(block_gls(studies, found.treatments, 0.0)[2], rel=1e-9)
    low, high = found.tau2_ci or (0.0, 0.0)
    assert low <= found.tau2 <= high
    if found.tau2 > 0 and tau2 == "reml":  # no tau2 beside it is likelier

        def likelihood(t: float) -> float:
            _, c, q = block_gls(studies, found.treatments, t)
            blocks = 0.0
            for s in studies:
                shared = (s.variances[0, 1:, None] + s.variances[0, None, 1:] - s.variances[1:, 1:]) / 2
                blocks += np.linalg.slogdet(shared + t * (np.eye(len(shared)) + 1) / 2)[1]
            return -0.5 * (blocks - np.linalg.slogdet(c)[1] + q)

        best = likelihood(found.tau2)
        assert all(best >= likelihood(found.tau2 * f) for f in (0.5, 0.9, 0.99, 1.01, 1.1, 2))


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.randoms(use_true_random=False), st.floats(0.01, 100))
def test_order_direction_and_unit_do_not_matter(seed: int, rng: object, factor: float) -> None:
    rows = random_rows(seed)
    turned = [
        Contrast(r.study, r.treat2, r.treat1, -r.effect * factor, r.se * factor)
        if rng.random() < 0.5  # type: ignore[attr-defined]
        else Contrast(r.study, r.treat1, r.treat2, r.effect * factor, r.se * factor)
        for r in rows
    ]
    rng.shuffle(turned)  # type: ignore[attr-defined]
    one, two = fitted(rows, "dl"), fitted(turned, "dl")
    np.testing.assert_allclose(two.effects, one.effects * factor, atol=1e-8 * factor)
    np.testing.assert_allclose(two.se, one.se * factor, rtol=1e-7, atol=1e-12)
    assert two.tau2 == pytest.approx(one.tau2 * factor**2, rel=1e-6, abs=1e-10 * factor**2)
    assert two.q.q == pytest.approx(one.q.q, rel=1e-7)
    assert two.q_within.q + two.q_between.q == pytest.approx(two.q.q, rel=1e-9)
    assert two.p_scores == pytest.approx(one.p_scores, abs=1e-6)
    assert sum(two.p_scores.values()) == pytest.approx(len(two.treatments) / 2)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000))
def test_direct_and_indirect_pool_to_the_network(seed: int) -> None:
    found = fitted(random_rows(seed), "dl")
    for c in found.comparisons:
        assert 0 < c.share <= 1
        if c.indirect is not None:
            w1, w2 = c.direct.se**-2, c.indirect.se**-2
            pooled = (w1 * c.direct.estimate + w2 * c.indirect.estimate) / (w1 + w2)
            assert pooled == pytest.approx(found.versus(c.treat1, c.treat2).estimate, abs=1e-6)


def test_unequal_sizes_stay_exact() -> None:
    """Standard errors nine orders of magnitude apart."""
    found = fitted(
        [Contrast("1", "a", "b", 1.0, 1e-6), Contrast("2", "b", "c", 2.0, 1e3), Contrast("3", "a", "d", 5, 1)]
    )
    assert found.versus("a", "b").se == pytest.approx(1e-6, rel=1e-6)
    assert found.versus("a", "c").se == pytest.approx(1e3, rel=1e-9)


def test_json_is_finite_and_whole() -> None:
    document = fitted(random_rows(3)).as_json()
    json.dumps(document, allow_nan=False)
    assert {"treatments", "tau2", "q_total", "league", "p_scores"} <= document.keys()


def refused(rows: list[Contrast]) -> str:
    with pytest.raises(BadInput) as error:
        fitted(rows)
    return str(error.value)


def test_parts_are_named() -> None:
    said = refused([Contrast("1", "a", "b", 1, 1), Contrast("2", "c", "d", 1, 1), Contrast("3", "d", "e", 1, 1)])
    assert "2 parts" in said and "part 1: c, d, e" in said and "part 2: a, b" in said


def test_missing_pair_is_named() -> None:
    said = refused([Contrast("s", "a", "b", 1, 1), Contrast("s", "b", "c", 1, 1)])
    assert "study 's'" in said and "missing: a against c" in said


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (Contrast("s", "a", "b", 1, 0, line=7), "line 7"),
        (Contrast("s", "a", "b", 1, -1), "standard error"),
        (Contrast("s", "a", "b", 1, math.inf), "standard error"),
        (Contrast("s", "a", "b", 1, 1e-200), "standard error"),
        (Contrast("s", "a", "b", math.nan, 1), "not a finite number"),
        (Contrast("s", "a", "a", 1, 1), "compared with itself"),
    ],
)
def test_row_is_refused(row: Contrast, words: str) -> None:
    assert words in refused([row])


def test_pair_twice_is_refused() -> None:
    assert "more than once" in refused([Contrast("s", "a", "b", 1, 1), Contrast("s", "b", "a", -1, 1)])


def test_effects_that_do_not_add_up() -> None:
    def triangle(ac: float) -> list[Contrast]:
        return [Contrast("s", "a", "b", 1, 0.1), Contrast("s", "b", "c", 1, 0.1), Contrast("s", "a", "c", ac, 0.1)]

    assert "do not add up, by 4" in refused(triangle(-2))
    assert fitted(triangle(2.0)).warnings == (fitted(triangle(2.0)).warnings[-1],)
    assert "do not add up, by 0.01" in fitted(triangle(2.01)).warnings[0]


def test_standard_errors_that_cannot_be() -> None:
    rows = [Contrast("s", "a", "b", 1, 0.1), Contrast("s", "b", "c", 1, 0.1), Contrast("s", "a", "c", 2, 0.5)]
    assert "cannot belong to one study of 3 arms" in refused(rows)
    rows[2] = Contrast("s", "a", "c", 2, 0.16)
    assert "variance below 0 for b" in fitted(rows).warnings[0]


def test_arms_without_a_contrast_are_said() -> None:
    arms = [
        Arm("1", "a", 0, 20),
        Arm("1", "b", 3, 20),
        Arm("2", "a", 0, 20),
        Arm("2", "b", 0, 20),
        Arm("3", "c", 4, 20),
        Arm("4", "a", 20, 20),
        Arm("4", "b", 20, 20),
    ]
    studies, said = studies_from_arms(arms)
    assert [s.label for s in studies] == ["1"]
    assert studies[0].effects[1] - studies[0].effects[0] == pytest.approx(math.log(3.5 / 17.5) - math.log(0.5 / 20.5))
    text = "\n".join(said)
    assert "one arm only: 3" in text and "0.5 is added" in text and "nobody" in text and "everybody" in text
    assert "compares c" in text


@pytest.mark.parametrize(
    "arm", [Arm("1", "a", 5, 4), Arm("1", "a", -1, 4), Arm("1", "a", 0, 0), Arm("1", "a", math.nan, 4)]
)
def test_counts_that_cannot_be(arm: Arm) -> None:
    with pytest.raises(BadInput, match="counts cannot be used"):
        studies_from_arms([arm, Arm("1", "b", 1, 4)])


def test_arm_twice_is_refused() -> None:
    with pytest.raises(BadInput, match="2 times"):
        studies_from_arms([Arm("1", "a", 1, 4), Arm("1", "a", 1, 4), Arm("1", "b", 1, 4)])


def test_no_study_is_refused() -> None:
    with pytest.raises(BadInput, match="no study"):
        fit_network([])
