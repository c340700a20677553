"""The dose-volume picture: it is one SVG, it says the finding, its table has every structure, nothing leaves the drawing."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from liverboard.report.dose_plot import BANDS, DoseLine, DosePlot, dvh_finding, dvh_says, dvh_svg, dvh_table
from liverboard.sirt.dose_band import DoseCurve

PERCENT = (100.0, 98.0, 90.0, 70.0, 50.0, 10.0, 2.0, 0.0)


def curve(name: str = "Tumour 1", scale: float = 100.0, wide: float = 1.2) -> DoseCurve:
    doses = tuple(scale * x for x in (0.1, 0.3, 0.5, 0.8, 1.0, 1.5, 1.8, 2.2))
    return DoseCurve(
        name=name, volume_ml=12.3, mean_gy=scale, mean_low_gy=scale / wide, mean_high_gy=scale * wide,
        volume_percent=PERCENT, dose_gy=doses, low_gy=tuple(d / wide for d in doses), high_gy=tuple(d * wide for d in doses),
    )  # fmt: skip


@pytest.mark.parametrize("width", [960, 360])
def test_the_picture_says_what_it_shows(width: int) -> None:
    plot = DosePlot("Absorbed dose", (curve(), curve("Normal liver", 20)), (DoseLine(40, "limit 40 Gy"),))
    text = dvh_svg(plot, width=width)
    ET.fromstring(text)  # noqa: S314  (our own)
    words = " ".join(re.findall(r">([^<>]+)<", text)).replace("\u202f", " ")
    for said in ("Volume (%)", "Absorbed dose (Gy)", "Normal liver", "Tumour 1", "limit 40 Gy", "95 % interval"):
        assert said in words
    assert "Tumour 1 100 Gy (83.3–120)" in dvh_finding(plot).replace("\u202f", " ")
    assert "half of Normal liver gets 20 Gy or more" in dvh_says(plot)


def test_the_table_has_every_dose_with_its_interval() -> None:
    head, (row,) = dvh_table(DosePlot("Dose", (curve(),)))
    assert len(head) == len(row)
    assert dict(zip(head, row, strict=True))["D50 (Gy)"] == "100 (83.3–120)"
    assert dict(zip(head, row, strict=True))["D98 (Gy)"] == "30 (25–36)"


def test_without_errors_there_is_no_band_and_no_interval() -> None:
    plain = curve().model_copy(update={"low_gy": (), "high_gy": (), "mean_low_gy": None, "mean_high_gy": None})
    plot = DosePlot("Dose", (plain,))
    assert "fill-opacity" not in dvh_svg(plot)
    assert "95 %" not in dvh_svg(plot)
    assert dvh_table(plot)[1][0][2] == "100"


def test_many_structures_leave_the_bands_to_the_table() -> None:
    many = DosePlot("Dose", tuple(curve(f"Lesion {n}", 10.0 * n) for n in range(1, BANDS + 2)))
    assert "fill-opacity" not in dvh_svg(many)
    assert "the bands are left out" in dvh_svg(many)


def test_the_hottest_hundredth_does_not_set_the_scale() -> None:
    hot = curve().model_copy(update={"dose_gy": (*curve().dose_gy[:-1], 5000.0)})
    plot = DosePlot("Dose", (hot,))
    assert plot.end_gy < 5000
    assert "less than 1 % of a structure gets more" in dvh_svg(plot)


def test_no_structure_with_a_dose_is_said() -> None:
    assert dvh_finding(DosePlot("Dose", ())) == "No structure has a dose"
    ET.fromstring(dvh_svg(DosePlot("Dose", ())))  # noqa: S314  (our own)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(st.text(max_size=60), st.floats(1e-3, 5e3), st.floats(1, 50)), min_size=1, max_size=10),
    st.sampled_from([360, 960]),
)
def test_whatever_the_names_and_doses_nothing_leaves_the_drawing(
    of: list[tuple[str, float, float]], width: int
) -> None:
    text = dvh_svg(DosePlot("Dose", tuple(curve(*each) for each in of)), width=width)
    root = ET.fromstring(text)  # noqa: S314  (our own)
    _, _, wide, high = (float(v) for v in root.attrib["viewBox"].split())
    for path in root.iter("{http://www.w3.org/2000/svg}path"):
        for x, y in re.findall(r"(-?[\d.]+) (-?[\d.]+)", path.attrib["d"]):
            assert -0.1 <= float(x) <= wide + 0.1
            assert -0.1 <= float(y) <= high + 0.1
