"""The drawn pictures: well-formed, escaped, to scale, honest about what is not known."""

import datetime as dt
import itertools
import math
import re
from xml.etree import ElementTree as ET

import pytest

import report_samples as samples
from liverboard.board.dossier import Dossier, ExtentSection, Mark, Timeline
from liverboard.clinical.extent import Lesion, SegmentShare
from liverboard.report import liver_shape
from liverboard.report.figures import is_png, key_image_svg, lesion_sizes_svg, no_images_svg, sizes_finding
from liverboard.report.liver_map import MAP_DOTS, liver_map_svg, liver_map_text, step_of
from liverboard.report.palette import DARK, LIGHT, PRINT, WEB
from liverboard.report.timeline import timeline_rows, timeline_svg

ALL = [samples.full, samples.sparse, samples.bundled_like, samples.hostile]
SVG = "{http://www.w3.org/2000/svg}"


def pictures(dossier: Dossier, palette: object) -> list[str]:
    p = WEB if palette == "web" else PRINT
    drawn = [
        liver_map_svg(dossier.extent, p),
        timeline_svg(dossier.timeline, dossier.as_of, p),
        timeline_svg(dossier.timeline, dossier.as_of, p, width=360),
        lesion_sizes_svg(dossier.extent.lesions, p),
        no_images_svg("No images in this case", p),
    ]
    return drawn + [key_image_svg(image, p) for image in dossier.key_images]


@pytest.mark.parametrize("make", ALL)
@pytest.mark.parametrize("palette", ["web", "print"])
def test_every_picture_is_well_formed_and_named(make: object, palette: str) -> None:
    for svg in pictures(make(), palette):  # type: ignore[operator]
        root = ET.fromstring(svg)  # noqa: S314
        assert root.find(f"{SVG}title") is not None
        assert "<script" not in svg
        assert palette == "web" or "var(" not in svg


def test_same_input_same_picture() -> None:
    assert pictures(samples.full(), "print") == pictures(samples.full(), "print")


def test_themes_have_the_same_colours_and_readable_text() -> None:
    assert LIGHT.keys() == DARK.keys()

    def light(colour: str) -> float:
        parts = [int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)]
        r, g, b = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
        return 0.2126 * r + 0.7152 * g + 0.0722 * b

    for theme in (LIGHT, DARK):
        for name, least in {
            **dict.fromkeys(("ink", "soft", "accent", "teal", "amber", "violet", "red"), 4.5),
            "mark": 3.0,
        }.items():
            a, b = sorted((light(theme[name]), light(theme["page"])))
            assert (b + 0.05) / (a + 0.05) >= least, name
        steps = [light(theme[f"map-{k}"]) for k in range(5)]
        assert steps in (sorted(steps), sorted(steps, reverse=True)), "the steps of the map read in greyscale"


def test_segments_tile_the_liver_in_the_right_order() -> None:
    grid = liver_shape.raster()
    counts = {s: sum(v == s for v in grid.values()) for s in range(1, 9)}
    assert all(counts.values())
    middle = {
        s: tuple(sum(p[axis] for p, v in grid.items() if v == s) / counts[s] for axis in (0, 1)) for s in range(1, 9)
    }
    assert middle[7][0] < middle[8][0] < middle[4][0] < middle[2][0], "patient's right on the left of the picture"
    assert middle[7][1] < middle[6][1]
    assert middle[8][1] < middle[5][1]
    assert middle[2][1] < middle[3][1]


def test_dots_are_to_scale_and_in_their_segment() -> None:
    lesion = Lesion(id="A", longest_axial_mm=20, segments=(SegmentShare(segment=6, share=1),))
    root = ET.fromstring(liver_map_svg(ExtentSection(lesions=(lesion,), by_segment={6: 1.0})))  # noqa: S314
    (dot,) = [c for c in root.iter(f"{SVG}circle") if c.get("r") == "10.0"]
    x, y = float(dot.get("cx", "")), float(dot.get("cy", ""))
    assert liver_shape.raster()[round(x / 3), round(y / 3)] == 6


def test_dots_keep_apart_where_there_is_room() -> None:
    taken: list[tuple[float, float, float]] = []
    for _ in range(5):
        x, y = liver_shape.place({8: 1.0}, 5, taken)
        assert all(math.hypot(x - a, y - b) > 10 for a, b, _ in taken)
        taken.append((x, y, 5))


@pytest.mark.parametrize("segment", range(1, 9))
@pytest.mark.parametrize("size_mm", [12.0, 91.0, 200.0])
def test_a_lesion_larger_than_its_segment_is_drawn_whole(segment: int, size_mm: float) -> None:
    one = Lesion(id="L1", longest_axial_mm=size_mm, segments=(SegmentShare(segment=segment, share=1.0),))
    root = ET.fromstring(liver_map_svg(ExtentSection(lesions=(one,), treated_lesions=("L1",))))  # noqa: S314
    left, top, width, height = map(float, root.attrib["viewBox"].split())
    rings = [
        [float(circle.attrib[key]) for key in ("cx", "cy", "r")] for circle in root.iterfind(f"{SVG}g/{SVG}circle")
    ]
    assert len(rings) == 3
    for x, y, r in rings:
        assert left <= x - r and x + r <= left + width
        assert top <= y - r and y + r <= top + height


def test_a_lesion_without_segment_is_never_placed() -> None:
    dossier = samples.bundled_like()
    svg = liver_map_svg(dossier.extent)
    assert "Segment not known" in svg
    assert "for 6\u202flesions, half scale" in svg
    circles = [c for c in ET.fromstring(svg).iter(f"{SVG}circle") if float(c.get("r", "0")) > 2]  # noqa: S314
    assert all(float(c.get("cx", "0")) - float(c.get("r", "0")) > liver_shape.WIDTH for c in circles)
    (words,) = [t for t in ET.fromstring(svg).iter(f"{SVG}text") if t.text == "load of each segment not known"]  # noqa: S314
    letters = 0.57 * 6.5 * len(words.text or "")  # a letter of a wide sans serif is 0.57 of its size
    assert float(words.get("x", "0")) + letters < 214, "under the liver alone, the words end before the picture does"


def test_of_many_lesions_the_largest_are_drawn_and_the_rest_is_told() -> None:
    lesions = tuple(
        Lesion(id=f"L{n}", longest_axial_mm=5 + n % 40, segments=(SegmentShare(segment=1 + n % 8, share=1),))
        for n in range(2000)
    )
    extent = ExtentSection(lesions=lesions, lesion_count=2000)
    svg = liver_map_svg(extent)
    assert svg.count("<circle") <= MAP_DOTS + 1
    assert "the 200 largest of 2000 are drawn" in svg
    assert "5\u202fmm" not in "".join(re.findall(r"<title>L[^<]*", svg))
    assert liver_map_text(extent).endswith("And 1800 more in the table.")


def test_steps_of_load() -> None:
    assert [step_of(s) for s in (0, 0.01, 0.05, 0.15, 0.3, 1)] == [0, 1, 2, 3, 4, 4]


def test_the_map_in_words() -> None:
    text = liver_map_text(samples.full().extent)
    assert "9\u202flesions in 8\u202fsegments; largest share in S7 (36\u202f%)." in text
    assert "L3: 31\u202fmm, S6, treated." in text
    assert "Planned territory: S5, S6, S7, S8." in text
    assert "not known" in liver_map_text(samples.sparse().extent)


def test_titles_state_the_finding() -> None:
    assert sizes_finding(samples.full().extent.lesions) == "Largest of 9\u202flesions: 52\u202fmm"
    assert sizes_finding(()) == "No lesion listed"


def test_timeline_without_events_on_one_day_and_with_thirty_that_collide() -> None:
    day = dt.date(2024, 1, 1)
    assert "No history in this case" in timeline_svg(None, day)
    assert "No history in this case" in timeline_svg(Timeline(start=day, end=day), day)
    one = Timeline(start=day, end=day, marks=(Mark(date=day, label="CT", kind="imaging", event="e"),))
    assert "as of 1 Jan 2024" in timeline_svg(one, day)
    crowd = samples.many_marks()
    svg = timeline_svg(crowd, dt.date(2021, 1, 1))
    labels: dict[str, list[tuple[float, float]]] = {}
    for x, y, words in re.findall(r'<text x="([\d.]+)" y="([\d.]+)"[^>]*>(Procedure with[^<]*)<', svg):
        labels.setdefault(y, []).append((float(x), float(x) + 6 * len(words)))
    assert labels
    for row in labels.values():
        row.sort()
        assert all(left[1] <= right[0] + 12 for left, right in itertools.pairwise(row))
    assert "without a label: see the table" in svg
    assert len(timeline_rows(crowd)) == 30
    for date in (dt.date.min, dt.date.max):
        assert timeline_svg(
            Timeline(start=date, end=date, marks=(Mark(date=date, label="x", kind="labs", event="e"),)), date
        )


def test_links_only_to_events_that_the_page_has() -> None:
    dossier = samples.full()
    svg = timeline_svg(dossier.timeline, dossier.as_of, WEB, links=frozenset({"p2"}))
    assert set(re.findall(r'href="#([^"]*)"', svg)) == {"event-p2"}


def test_a_key_image_that_is_no_picture_says_so() -> None:
    image = samples.hostile().key_images[0]
    assert not is_png(image.png_base64)
    assert "This image cannot be shown" in key_image_svg(image)
    good = key_image_svg(samples.full().key_images[0])
    assert all(word in good for word in (">R<", ">L<", "50\u202fmm", ">L1<", "data:image/png;base64,"))
