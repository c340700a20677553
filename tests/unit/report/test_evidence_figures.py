"""The evidence figures: well-formed whatever comes, honest in what they draw, whole in their tables."""

import math
import re
import sys
import xml.etree.ElementTree as ET
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parents[2]))
import evidence_samples as samples
from liverboard.report.canvas import Axis, axis_for, fit, interval_words, many, value_words, width_of
from liverboard.report.evidence_figures import (
    Survival,
    SurvivalCurve,
    forest_finding,
    forest_svg,
    forest_table,
    funnel_svg,
    funnel_table,
    network_svg,
    network_table,
    survival_svg,
    survival_table,
)
from liverboard.report.palette import PRINT, WEB
from liverboard.report.survival_plot import median_words

SVG = "{http://www.w3.org/2000/svg}"
ALL: list[tuple[Callable[..., str], Callable[[Any], Any], Any]] = [
    *((forest_svg, forest_table, f) for f in samples.FORESTS.values()),
    *((funnel_svg, funnel_table, f) for f in samples.FUNNELS.values()),
    *((network_svg, network_table, f) for f in samples.NETWORKS.values()),
    *((survival_svg, survival_table, f) for f in samples.SURVIVALS.values()),
]


@pytest.mark.parametrize("palette", [WEB, PRINT])
@pytest.mark.parametrize("width", [360, 960])
@pytest.mark.parametrize(("draw", "table", "figure"), ALL)
def test_well_formed_named_and_within_its_frame(
    draw: Callable[..., str], table: Callable[[Any], Any], figure: Any, width: int, palette: Any
) -> None:
    text = draw(figure, palette, width=width, prefix="p")
    root = ET.fromstring(text)  # noqa: S314  (our own text)
    assert root.find(f"{SVG}title").text and root.find(f"{SVG}desc").text  # type: ignore[union-attr]
    assert root.get("aria-labelledby") == "p-title" and root.get("aria-describedby") == "p-desc"
    assert not re.search(r"[ \"MLHVh(](nan|inf|-inf)\b", re.sub(r"<title.*?</title>|<desc.*?</desc>|>[^<]*<", "", text))
    assert "<script" not in text
    _, _, wide, tall = (float(v) for v in root.get("viewBox", "").split())
    for element in root.iter():
        for name, limit in (("x", wide), ("cx", wide), ("y", tall), ("cy", tall)):
            value = element.get(name)
            assert value is None or -1 <= float(value) <= limit + 1
    head, rows = table(figure)
    assert all(len(row) == len(head) for row in rows)


@pytest.mark.parametrize("k", [1, 4, 5])
def test_no_diamond_without_the_banner_below_five_studies(k: int) -> None:
    text = forest_svg(samples.shares(k, samples.ForestPool("Pooled", k, 0.3, (0.2, 0.4))))
    assert ("Too few studies: only" in text) == (k < 5)
    assert ("too few studies" in forest_finding(samples.shares(k))) == (k < 5)


def test_nothing_pooled_draws_no_diamond_and_says_why() -> None:
    text = forest_svg(samples.FORESTS["one"])
    assert "One study only." in text and "not pooled" in forest_finding(samples.FORESTS["one"])
    assert PRINT("accent") not in text


def test_an_interval_beyond_the_axis_ends_in_an_arrow() -> None:
    assert "l7 -4v8z" in forest_svg(samples.FORESTS["infinite"])
    assert "l-7 -4v8z" in forest_svg(samples.FORESTS["infinite"])
    assert "-4v8z" not in forest_svg(samples.FORESTS["usual"])


def test_square_area_follows_the_weight() -> None:
    studies = (samples.study("a", 5, 10, 0.8), samples.study("b", 5, 10, 0.2))
    forest = samples.Forest("x", "percent", "", (samples.ForestGroup("", studies),), None)
    sides = [float(s) for s in re.findall(r"h([\d.]+)v\1h-\1z", forest_svg(forest))]
    assert sides[0] / sides[1] == pytest.approx(2, rel=0.02)


def test_table_twin_holds_every_study_and_the_prediction() -> None:
    _, rows = forest_table(samples.FORESTS["usual"])
    assert len(rows) == 8 + 2
    assert rows[-1][0] == "Pooled: expected in a new study" and rows[-1][4] == "12 to 60"


def test_people_at_risk_are_those_just_before_the_time() -> None:
    rows = {row[1]: row for row in survival_table(Survival("OS", "years", (samples.CURVE,), until=20))[1]}
    assert rows["0"][4] == "5" and rows["4.0"][4] == "4" and rows["20.0"][4] == "1"
    assert rows["12.0"][2] == "30" and rows["12.0"][3] == "1.0 to 70"
    assert rows["0"][2] == "100"


def test_a_curve_that_was_cut_says_so_instead_of_nobody_and_never() -> None:
    cut = replace(samples.CURVE, least=5, median=None)
    plot = Survival("OS", "months", (cut,), until=30)
    assert [row[2:] for row in survival_table(plot)[1]][-1] == ("too few followed", "", "<5")
    assert median_words(cut, "months") == "median not reached before the curve ends"
    assert median_words(replace(cut, median=11.0), "") == "median 11.0 (2.0 to beyond the curve)"
    assert median_words(replace(samples.CURVE, median=None), "months") == "median not reached"
    assert survival_table(replace(plot, curves=(samples.CURVE,)))[1][-1][4] == "0"


def test_a_million_people_draw_as_a_small_picture() -> None:
    n = 200_000
    times = tuple(i / 1000 for i in range(1, n + 1))
    curve = SurvivalCurve(
        "a",
        n,
        n,
        times,
        tuple(1 - i / n for i in range(1, n + 1)),
        censored=times,
        risk_times=times,
        at_risk=tuple(range(n, 0, -1)),
    )
    assert len(survival_svg(Survival("OS", "months", (curve,)))) < 120_000


def test_words_of_numbers() -> None:
    assert interval_words(0.52, 0.33, 0.7, "percent") == "52 (33–70)"
    assert interval_words(-0.7145, -1.067, -0.362, "number") == "−0.71 (−1.07 to −0.36)"
    assert interval_words(2.0, 0.0, math.inf, "ratio") == "2.00 (0–∞)"
    assert interval_words(1.2, math.nan, math.nan, "ratio") == "1.20 (no interval)"
    assert interval_words(None, 0, 1, "ratio") == "not estimable"
    assert value_words(1e-6, "percent") == "1e−4"
    assert value_words(0.0, "percent") == "0"
    assert many(1_000_000) == "1\u202f000\u202f000"


@given(st.text(max_size=80), st.floats(20, 400))
def test_fitted_text_fits(text: str, room: float) -> None:
    assert width_of(fit(text, room)) <= room + 14


@example([], [2.3e-308], "ratio")
@given(
    st.lists(st.floats(allow_nan=False), max_size=6),
    st.lists(st.floats(allow_nan=False), max_size=6),
    st.sampled_from(["number", "ratio", "percent"]),
)
def test_an_axis_holds_what_it_must(values: list[float], keep: list[float], kind: Any) -> None:
    if kind == "percent":
        values, keep = (
            [abs(v) % 1 if math.isfinite(v) else 0.0 for v in values],
            [abs(v) % 1 if math.isfinite(v) else 0.0 for v in keep],
        )
    else:
        values, keep = (
            [v for v in values if abs(v) < 1e100 or math.isinf(v)],
            [v for v in keep if abs(v) < 1e100 or math.isinf(v)],
        )
    axis: Axis = axis_for(values, kind, 10.0, 90.0, keep=keep)
    assert axis.low < axis.high
    for v in keep:
        if math.isfinite(v) and (kind != "ratio" or v > 1e-290):
            assert axis.low <= v <= axis.high
    for v in (*values, *keep, math.inf, -math.inf, 0.0, math.nan):
        assert 10 <= axis.at(v) <= 90
    assert len(axis.ticks(6)) <= 6
