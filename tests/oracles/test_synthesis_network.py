"""Oracle 08: glucose-lowering agents (Senn 2013), 26 trials with one of three arms, against netmeta 3.6-2."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from liverboard.synthesis.network import Comparison, Network, fit_network
from liverboard.synthesis.network_rows import Contrast, studies_from_contrasts

DATA = Path(__file__).parent / "data" / "evidence"
ORACLE = json.loads((DATA / "08_senn2013_network.json").read_text(encoding="utf-8"))
EXPECTED = ORACLE["expected"]
CLOSED = 1e-8  # closed-form quantities
REML = ORACLE["tolerance"]["REML"]


def rows() -> list[Contrast]:
    with (DATA / "08_senn2013_network.csv").open(encoding="utf-8") as file:
        return [
            Contrast(
                row["studlab"],
                row["treat1"],
                row["treat2"],
                float(row["TE"]),
                float(row["seTE"]),
                n1=float(row["n1"]),
                n2=float(row["n2"]),
            )
            for row in csv.DictReader(file)
        ]


@pytest.fixture(scope="module")
def dl() -> Network:
    return fit_network(studies_from_contrasts(rows())[0], tau2="dl")


@pytest.fixture(scope="module")
def reml() -> Network:
    return fit_network(studies_from_contrasts(rows())[0], tau2="reml")


def test_network_is_read_whole(dl: Network) -> None:
    assert list(dl.treatments) == EXPECTED["treatments"]
    assert (dl.k, len(dl.designs)) == (EXPECTED["k"], EXPECTED["n_designs"])
    assert dl.multi_arm == (("acarbose", "metformin", "placebo"),)
    assert dl.warnings[-1].startswith("Designs disagree")


def test_heterogeneity(dl: Network, reml: Network) -> None:
    assert dl.tau2 == pytest.approx(EXPECTED["tau2_DL"], abs=CLOSED)
    assert reml.tau2 == pytest.approx(EXPECTED["tau2_REML"], abs=REML)
    assert dl.i2_percent == pytest.approx(100 * EXPECTED["I2"], abs=CLOSED)


def test_q_by_design(dl: Network) -> None:
    for part, expected in zip((dl.q, dl.q_within, dl.q_between), EXPECTED["Q_by_design"], strict=True):
        assert part.q == pytest.approx(expected["Q"], abs=CLOSED)
        assert part.df == expected["df"]
        assert part.p == pytest.approx(expected["pval"], rel=1e-8)
    assert dl.q_within.q == pytest.approx(EXPECTED["Q_heterogeneity"], abs=CLOSED)
    assert dl.q_between.q == pytest.approx(EXPECTED["Q_inconsistency"], abs=CLOSED)


def test_effects(dl: Network, reml: Network) -> None:
    place = dl.treatments.index("placebo")
    for effects, se, name, tolerance in (
        (dl.common_effects, dl.common_se, "common_vs_ref", CLOSED),
        (dl.effects, dl.se, "random_DL_vs_ref", CLOSED),
        (reml.effects, reml.se, "random_REML_vs_ref", REML),
    ):
        np.testing.assert_allclose(effects[:, place], EXPECTED[name]["TE"], atol=tolerance)
        np.testing.assert_allclose(se[:, place], EXPECTED[name]["se"], atol=tolerance)


def test_league(dl: Network) -> None:
    np.testing.assert_allclose(dl.effects, EXPECTED["league_TE_random"], atol=CLOSED)
    np.testing.assert_allclose(dl.se, EXPECTED["league_se_random"], atol=CLOSED)
    league = dl.as_json()["league"]
    assert league["metformin"]["placebo"]["estimate"] == pytest.approx(-1.126760362788, abs=CLOSED)  # type: ignore[index]


def test_p_scores(dl: Network) -> None:
    assert dl.p_scores == pytest.approx(EXPECTED["pscore_random"], abs=CLOSED)


def test_node_split(dl: Network) -> None:
    """Direct, indirect and their difference of each compared pair; pairs with one path only have none."""
    found: dict[str, Comparison] = {f"{c.treat1}:{c.treat2}": c for c in dl.comparisons}
    compared = 0
    for split, direct, indirect in zip(
        EXPECTED["node_split_random"], EXPECTED["direct_random"], EXPECTED["indirect_random"], strict=True
    ):
        pair = split["comparison"]
        if direct["TE"] is None:
            assert pair not in found
            continue
        own = found[pair]
        assert own.direct.estimate == pytest.approx(direct["TE"], abs=CLOSED)
        assert own.direct.se == pytest.approx(direct["seTE"], abs=CLOSED)
        if split["TE"] is None:
            assert own.indirect is None and own.difference is None
            continue
        compared += 1
        assert own.indirect is not None and own.difference is not None
        assert own.indirect.estimate == pytest.approx(indirect["TE"], abs=CLOSED)
        assert own.indirect.se == pytest.approx(indirect["seTE"], abs=CLOSED)
        assert own.difference.estimate == pytest.approx(split["TE"], abs=CLOSED)
        assert own.difference.p == pytest.approx(split["p"], abs=CLOSED)
    assert compared == sum(split["TE"] is not None for split in EXPECTED["node_split_random"]) == 11
