"""`liverboard evidence meta` as a user runs it, and the same through the service: keys, scales, every measure, every bad table."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.evidence_oracles import column, oracle, rows

from liverboard.board.meta_table import MEASURES, MetaRequest, meta_of
from liverboard.board.tables import parse_table
from liverboard.errors import BadInput

KEYS = {
    "k", "n", "estimate", "ci", "prediction_interval", "tau2", "tau2_ci", "i2", "q", "method", "ci_method", "scale", "studies", "warnings",
}  # fmt: skip


def table_01(arm: str = "control") -> str:
    events, n = ("ci", "n2i") if arm == "control" else ("ai", "n1i")
    lines = [f"{r['author']},{r[events]},{r[n]},{r['year']}" for r in rows("01")]
    return "\n".join(["label,events,n,year", *lines]) + "\n"


def meta(text: str, measure: str, **how: Any) -> dict[str, Any]:
    document = meta_of(parse_table(text, "t.csv"), MetaRequest(measure, **how)).as_json()
    return json.loads(json.dumps(document, allow_nan=False))


def run(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "liverboard", "evidence", "meta", *words],
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
        timeout=120,
    )


def test_the_command_prints_one_json_document_with_the_agreed_keys(tmp_path: Path) -> None:
    file = tmp_path / "t.csv"
    file.write_text(table_01(), encoding="utf-8")
    done = run(str(file), "--measure", "proportion", "--moderator", "year", "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found.keys() >= KEYS
    r = oracle("01")["expected"]["control_arm"]["glmm_nAGQ7_t"]
    assert [found["estimate"], *found["ci"]] == pytest.approx([r["prop"], r["prop_lb"], r["prop_ub"]], abs=1e-4)
    assert found["studies"][0].keys() >= {"label", "estimate", "ci", "weight"}
    # metafor 3.8-1, rma.glmm with the year as moderator and test = "t"
    year = found["regression"]["coefficients"][1]
    assert [year["estimate"], year["se"], year["p"]] == pytest.approx([-0.13247231, 0.07610208, 0.10092525], abs=1e-4)
    assert found["regression"]["tau2"] == pytest.approx(0.7023231, abs=1e-4)


def test_the_command_in_words(tmp_path: Path) -> None:
    file = tmp_path / "t.csv"
    file.write_text(table_01(), encoding="utf-8")
    done = run(str(file), "--measure", "proportion")
    assert done.returncode == 0
    assert "pooled: 2.9 %" in done.stdout and "1.7 % to 5.0 %" in done.stdout


@pytest.mark.parametrize(
    ("words", "code"),
    [(("none.csv", "--measure", "proportion"), 10), (("none.csv", "--measure", "size"), 2), (("none.csv",), 2)],
)
def test_exit_codes(words: tuple[str, ...], code: int) -> None:
    done = run(*words)
    assert done.returncode == code
    assert "Traceback" not in done.stderr and done.stdout == ""


@pytest.mark.parametrize(("method", "key"), [("reml", "REML_HK"), ("dl", None), ("pm", None), ("fixed", None)])
def test_proportions_by_inverse_variance_say_that_they_are_a_sensitivity_analysis(method: str, key: str | None) -> None:
    found = meta(table_01(), "proportion", method=method)
    assert any("Sensitivity analysis" in w for w in found["warnings"])
    if key:
        r = oracle("01")["expected"]["control_arm"]["logit_IV"][key]
        assert [found["mu"], found["se"], found["tau2"]] == pytest.approx([r["mu"], r["se"], r["tau2"]], abs=1e-4)
        assert found["ci_method"] == "hk"


def test_hazard_ratios_in_three_ways_agree() -> None:
    y, se = np.array([-0.3, 0.1, -0.5, 0.0]), np.array([0.2, 0.15, 0.3, 0.25])
    ratio = ["label,hr,ci_low,ci_high"] + [
        f"s{i},{np.exp(a):.12f},{np.exp(a - 1.959963984540054 * s):.12f},{np.exp(a + 1.959963984540054 * s):.12f}"
        for i, (a, s) in enumerate(zip(y, se, strict=True))
    ]
    plain = ["label,estimate,se"] + [f"s{i},{a},{s}" for i, (a, s) in enumerate(zip(y, se, strict=True))]
    logrank = ["label,o_minus_e,v"] + [
        f"s{i},{a / s**2},{1 / s**2}" for i, (a, s) in enumerate(zip(y, se, strict=True))
    ]
    found = [meta("\n".join(lines), "loghr") for lines in (ratio, plain, logrank)]
    for other in found[1:]:
        assert [other["estimate"], *other["ci"]] == pytest.approx([found[0]["estimate"], *found[0]["ci"]], abs=1e-8)
    assert found[0]["estimate_exp"] == pytest.approx(np.exp(found[0]["estimate"]))
    assert found[0]["scale"] == "log_hazard_ratio"


def test_hazard_ratios_out_of_a_log_rank_p() -> None:
    """V = 40 x 55 / 95 and z of a two-sided 0.03 is 2.170090: ln HR -+ z / sqrt(V)."""
    found = meta("label,p,events1,events2,favours1\nA,0.03,40,55,1\nB,0.03,40,55,0\n", "loghr")
    size = 2.170090 / np.sqrt(40 * 55 / 95)
    assert [study["estimate"] for study in found["studies"]] == pytest.approx([-size, size], abs=1e-6)
    with pytest.raises(BadInput, match="cannot be pooled") as caught:
        meta("label,p,events1,events2,favours1\nA,0.03,40,55,2\n", "loghr")
    assert "favours1" in str(caught.value)


def test_a_typing_error_in_an_interval_is_caught() -> None:
    found = meta("label,hr,ci_low,ci_high\nA,0.68,0.52,0.89\nB,0.96,0.73,12.4\n", "loghr")
    assert any(w.startswith("B:") and "typing error" in w for w in found["warnings"])
    assert not any(w.startswith("A:") for w in found["warnings"])
    with pytest.raises(BadInput, match="outside its interval"):
        meta("label,hr,ci_low,ci_high\nA,1.68,0.52,0.89\n", "loghr")


def test_odds_ratios_exact_and_by_inverse_variance() -> None:
    lines = [f"{r['author']},{r['ai']},{r['n1i']},{r['ci']},{r['n2i']}" for r in rows("01")]
    text = "\n".join(["label,events1,n1,events2,n2", *lines])
    expected = oracle("01")["expected"]
    for method, r in (("glmm", expected["OR_glmm_CM_EL"]), ("reml", expected["OR_NN_REML_drop00"])):
        found = meta(text, "logor", method=method, ci="z")
        assert [found["mu"], found["se"], found["tau2"]] == pytest.approx([r["mu"], r["se"], r["tau2"]], abs=1e-4)
        assert any("Yucel" in w for w in found["warnings"])


def test_risk_ratios_and_levels() -> None:
    lines = [
        f"{r['trial']},{r['tpos']},{int(r['tpos']) + int(r['tneg'])},{r['cpos']},{int(r['cpos']) + int(r['cneg'])},{r['alloc']}"
        for r in rows("03")
    ]
    found = meta("\n".join(["label,events1,n1,events2,n2,alloc", *lines]), "logrr", ci="z", moderator="alloc")
    expected = oracle("03")["expected"]
    assert [found["estimate"], found["se"]] == pytest.approx([expected["REML"]["mu"], expected["REML"]["se"]], abs=1e-4)
    assert set(found["subgroups"]["groups"]) == {"alternate", "random", "systematic"}
    assert found["subgroups"]["q_between"] == pytest.approx(expected["metareg_alloc"]["QM"], abs=1e-3)
    leave = expected["leave1out"]["mu"]
    assert [x["estimate"] for x in found["leave_one_out"]] == pytest.approx(leave, abs=1e-4)
    assert found["asymmetry"]["p"] == pytest.approx(expected["egger_lm"]["pval"], abs=1e-6)


def test_asymmetry_is_explored_and_named_so() -> None:
    """metafor 3.8-1, trimfill of the REML model of oracle 03, gives one study on the right and -0.657083."""
    text = "label,events1,n1,events2,n2,year\n" + "".join(
        f"{r['trial']},{r['tpos']},{int(r['tpos']) + int(r['tneg'])},{r['cpos']},{int(r['cpos']) + int(r['cneg'])},{r['year']}\n"
        for r in rows("03")
    )
    found = meta(text, "logrr")
    assert (found["trim_and_fill"]["missing"], found["trim_and_fill"]["side"]) == (1, "right")
    assert found["trim_and_fill"]["estimate"] == pytest.approx(-0.657083, abs=1e-5)
    assert "Exploration only" in found["trim_and_fill"]["words"]
    moved = oracle("03")["expected"]["influence"]
    assert [x["rstudent"] for x in found["leave_one_out"]] == pytest.approx(moved["rstudent"], abs=1e-4)
    assert [x["cooks_distance"] for x in found["leave_one_out"]] == pytest.approx(moved["cooks"], abs=1e-4)
    steps = found["cumulative"]
    assert [x["year"] for x in steps] == sorted(x["year"] for x in steps)
    assert steps[-1]["estimate"] == pytest.approx(found["estimate"]) and steps[-1]["ci"] == pytest.approx(found["ci"])
    assert (steps[0]["ci"], "trim_and_fill" in meta(table_01(), "proportion")) == (None, False)


def test_the_exact_pool_study_by_study_is_the_exact_pool_of_those_studies() -> None:
    """Oracle 01 in the order of its years; what the first studies give alone is what their own table gives."""
    found, ordered = meta(table_01(), "proportion"), sorted(rows("01"), key=lambda r: int(r["year"]))
    assert found["cumulative"][-1]["ci"] == pytest.approx(found["ci"], abs=1e-6)
    first = "label,events,n\n" + "".join(f"{r['author']},{r['ci']},{r['n2i']}\n" for r in ordered[:7])
    alone = meta(first, "proportion")
    assert found["cumulative"][6]["estimate"] == pytest.approx(alone["estimate"], abs=1e-6)
    assert found["cumulative"][6]["ci"] == pytest.approx(alone["ci"], abs=1e-6)


def test_other_ways_to_pool_shares_stand_beside_with_the_reason_against_them() -> None:
    logits, tukey = meta(table_01(), "proportion")["sensitivity"]
    same = meta(table_01(), "proportion", method="reml")
    assert ([logits["estimate"], *logits["ci"]]) == pytest.approx([same["estimate"], *same["ci"]])
    assert "leans towards 50 %" in logits["says"] and "never a headline" in tukey["says"]
    assert "sensitivity" not in same
    # Newcombe 1998, Stat Med 17:857, table I: the score interval of 81/263, 15/148, 0/20, 1/29
    text = "label,events,n\na,81,263\nb,15,148\nc,0,20\nd,1,29\n"
    spans = [study["ci_wilson"] for study in meta(text, "proportion")["studies"]]
    wanted = [0.2553, 0.3662, 0.0624, 0.1605, 0.0, 0.1611, 0.0061, 0.1718]
    assert [end for span in spans for end in span] == pytest.approx(wanted, abs=6e-5)


def test_the_page_and_the_terminal_say_the_same(tmp_path: Path) -> None:
    table, page = tmp_path / "t.csv", tmp_path / "p.html"
    table.write_text(table_01(), encoding="utf-8")
    done = run(str(table), "--measure", "proportion", "-o", str(page))
    assert "for sensitivity only, Freeman-Tukey" in done.stdout
    text = page.read_text(encoding="utf-8")
    assert "For sensitivity only" in text and "The pool as the studies came" in text


def test_a_warning_on_the_interval_speaks_of_ratios() -> None:
    """Two log hazard ratios of 0.1 and 0.3: the interval shown and the one in the warning are on one scale."""
    found = meta("label,estimate,se\na,0.1,0.1\nb,0.3,0.2\n", "loghr")
    (said,) = [word for word in found["warnings"] if "Hartung-Knapp" in word]
    assert "0.3692 to 3.584, as a ratio" in said


def test_mean_differences() -> None:
    text = "label,n1,mean1,sd1,n2,mean2,sd2\nA,20,5,2,25,4,2.5\nB,30,6,1.5,28,4.5,2\n"
    found = meta(text, "md")
    y = np.array([1.0, 1.5])
    v = np.array([4 / 20 + 6.25 / 25, 2.25 / 30 + 4 / 28])
    assert [s["estimate"] for s in found["studies"]] == pytest.approx(y.tolist())
    assert found["estimate"] == pytest.approx(float((y / v).sum() / (1 / v).sum()))
    assert found["n"] == 103
    assert found["prediction_interval"] is None


def test_a_moderator_that_is_partly_unknown_leaves_those_studies_out_by_name() -> None:
    text = "label,events,n,year\nA,3,10,2001\nB,5,20,\nC,6,30,2005\nD,2,9,2010\n"
    found = meta(text, "proportion", moderator="year")
    assert any("B" in w and "year" in w for w in found["warnings"])
    assert found["regression"]["k"] == 3 and found["k"] == 4


@pytest.mark.parametrize(
    ("events", "n", "estimate"), [([0, 0, 0], [10, 20, 30], 0.0), ([10, 20], [10, 20], 1.0), ([3], [10], 0.3)]
)
def test_degenerate_proportions_have_an_exact_interval_and_words(
    events: list[int], n: list[int], estimate: float
) -> None:
    text = "label,events,n\n" + "\n".join(f"s{i},{a},{b}" for i, (a, b) in enumerate(zip(events, n, strict=True)))
    found = meta(text, "proportion")
    assert found["estimate"] == estimate
    assert found["ci_method"] == "exact" and found["tau2"] is None and found["warnings"]
    if estimate == 0:
        assert found["ci"] == pytest.approx([0, 1 - 0.025 ** (1 / 60)])
        assert any("rule of three" in w for w in found["warnings"])


def test_few_studies_carry_a_banner() -> None:
    for k in (2, 3, 4, 5):
        text = "label,events,n\n" + "\n".join(f"s{i},{3 + i},{20 + i}" for i in range(k))
        found = meta(text, "proportion")
        assert any("Too few studies" in w for w in found["warnings"]) == (k < 5)
        assert (found["prediction_interval"] is None) == (k < 3)


BAD = [
    ("label,events,n\n", "proportion", "no rows"),
    ("label,events\nA,1\n", "proportion", "columns of --measure proportion"),
    ("label,events,n\nA,12,10\n", "proportion", "more events than patients"),
    ("label,events,n\nA,-1,10\n", "proportion", "below 0"),
    ("label,events,n\nA,1,0\n", "proportion", "no patients"),
    ("label,events,n\nA,35%,10\n", "proportion", "not a number"),
    ("label,events,n\nA,1.5,10\n", "proportion", "not a whole number"),
    ("label,events,n\nA,1,1e13\n", "proportion", "too large"),
    ("label,events,time\nA,1,0\n", "rate", "not above zero"),
    ("label,estimate,se\nA,1,0\n", "generic", "standard error is not above zero"),
    ("label,estimate,se\nA,1,-1\n", "generic", "standard error is not above zero"),
    ("label,estimate,se\nA,x,1\n", "generic", "not a number"),
    ("label,estimate,se\nA,1e308,1\n", "generic", "sensible range"),
    ("label,hr,ci_low,ci_high\nA,-1,0.5,2\n", "loghr", "not above zero"),
    ("label,o_minus_e,v\nA,1,0\n", "loghr", "variance V"),
    ("label,n1,mean1,sd1,n2,mean2,sd2\nA,20,5,0,25,4,2\n", "md", "standard deviation"),
    ("label,events1,n1,events2,n2\nA,0,10,0,10\n", "logor", "a ratio cannot be estimated"),
]


@pytest.mark.parametrize(("text", "measure", "says"), BAD)
def test_a_bad_table_is_refused_with_its_place(text: str, measure: str, says: str) -> None:
    with pytest.raises(BadInput) as caught:
        meta(text, measure)
    assert says in str(caught.value)
    assert "t.csv" in str(caught.value)


@pytest.mark.parametrize(
    ("measure", "how", "says"),
    [
        ("generic", {"method": "glmm"}, "for counts"),
        ("logrr", {"method": "glmm"}, "for counts"),
        ("proportion", {"ci": "hk"}, "inverse-variance"),
        ("proportion", {"moderator": "arm"}, "no column 'arm'"),
        ("proportion", {"moderator": "same"}, "one level|the same in all"),
    ],
)
def test_what_does_not_fit_together_is_refused(measure: str, how: dict[str, Any], says: str) -> None:
    texts = {
        "proportion": "label,events,n,same\nA,1,10,x\nB,2,10,x\nC,3,12,x\n",
        "generic": "label,estimate,se\nA,1,1\n",
        "logrr": "label,events1,n1,events2,n2\nA,1,10,2,10\n",
    }
    with pytest.raises(BadInput, match=says):
        meta(texts[measure], measure, **how)


def test_two_rows_of_one_label_are_named() -> None:
    found = meta("label,events,n\nA,1,10\nA,2,10\n", "proportion")
    assert any("'A' stands in more than one row" in w for w in found["warnings"])


def test_every_measure_is_offered_at_the_command_line() -> None:
    from typing import get_args

    from liverboard.cli.meta import Ci, Measure, Method
    from liverboard.synthesis.random_effects import METHODS

    assert get_args(Measure) == MEASURES
    assert set(get_args(Method)) <= {"glmm", *METHODS}
    assert set(get_args(Ci)) == {"t", "z", "hk", "hk_adhoc"}


def test_the_numbers_do_not_depend_on_the_column_order_or_extra_columns() -> None:
    shuffled = "\n".join(
        ",".join((c[2], "x", c[1], c[0])) for c in (line.split(",") for line in table_01().splitlines())
    ).replace(",x,", ",note,", 1)
    assert meta(shuffled, "proportion")["mu"] == meta(table_01(), "proportion")["mu"]
    assert len(column(rows("01"), "ci")) == 18
