"""Where lesions lie, against formulas: segments from maps and landmarks, distances, phases, the viable part, the remnant."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from liverboard.clinical.extent import LiverExtent
from liverboard.clinical.landmarks import Landmarks
from liverboard.clinical.remnant import future_remnant
from liverboard.errors import BadInput, MissingData, UnsupportedImage
from liverboard.imaging import Scan, as_segments, measure_extent
from liverboard.imaging.couinaud import cut, doubts, planes_of
from liverboard.imaging.segments import shared_faces_mm2
from liverboard.volume import Geometry, Image, LabelMap, Mask, Origin

RNG = np.random.default_rng(3)


def grid(step: float = 1.0, size: int = 92) -> Geometry:
    affine = np.diag([step, step, step, 1.0])
    affine[:3, 3] = -step * (size - 1) / 2 + 0.13
    return Geometry(affine, (size, size, size))


def points(geometry: Geometry) -> np.ndarray:
    return geometry.lps_mm(np.argwhere(np.ones(geometry.shape, bool)).astype(float)).reshape(*geometry.shape, 3)


GRID = grid()
P = points(GRID)
LIVER = Mask("Liver", (P**2).sum(-1) <= 40**2, GRID)
LESION = Mask("L1", ((P - [14, 0, 0]) ** 2).sum(-1) <= 10**2, GRID)
HALVES = LabelMap(np.where(LIVER.array, np.where(P[..., 0] < 10, 5, 4), 0).astype(np.uint8), GRID, {4: "4", 5: "5"})


def extent(**more: object) -> LiverExtent:
    return measure_extent(Scan(LIVER, [LESION], **more)).extent  # type: ignore[arg-type]


def test_the_share_beyond_a_plane_is_the_volume_of_the_cap() -> None:
    (lesion,) = extent(segments=HALVES, segments_from="map").lesions
    cap = math.pi * 6**2 * (30 - 6) / 3 / (4 / 3 * math.pi * 1000)
    assert {s.segment: s.share for s in lesion.segments} == pytest.approx({5: cap, 4: 1 - cap}, abs=0.02)


def test_distances_are_those_of_the_formula_within_a_voxel() -> None:
    vein = Mask("vein", (P[..., 0] + 5) ** 2 + P[..., 1] ** 2 <= 9, GRID)
    far = Mask("far vein", (P[..., 0] + 30) ** 2 + P[..., 1] ** 2 <= 9, GRID)
    duct = Mask("duct", (P[..., 0] - 14) ** 2 + (P[..., 2] - 20) ** 2 <= 9, GRID)
    (lesion,) = extent(vessels=[far, vein], ducts=[duct]).lesions
    assert lesion.capsule_distance_mm == pytest.approx(16, abs=1)
    assert (lesion.vessel_distance_mm, lesion.nearest_vessel) == (pytest.approx(6, abs=1), "vein")
    assert lesion.bile_duct_distance_mm == pytest.approx(7, abs=1)


def test_a_vessel_through_the_lesion_and_a_lesion_at_the_capsule_are_at_0() -> None:
    through = Mask("vein", (P[..., 0] - 14) ** 2 + P[..., 1] ** 2 <= 4, GRID)
    edge = Mask("L2", (((P - [34, 0, 0]) ** 2).sum(-1) <= 10**2) & LIVER.array, GRID)
    measured = measure_extent(Scan(LIVER, [LESION, edge], vessels=[through])).extent
    by_id = {lesion.id: lesion for lesion in measured.lesions}
    assert by_id["L1"].vessel_distance_mm == 0
    assert by_id["L2"].capsule_distance_mm == 0


def test_phases_have_the_mean_and_spread_of_the_voxels_and_enhancement() -> None:
    native = Image(np.full(GRID.shape, 45, np.int16), GRID, Origin(unit="HU"))
    values = (np.where(LESION.array, 140, 70) + RNG.normal(0, 8, GRID.shape)).astype(np.float32)
    arterial = Image(values, GRID, Origin(unit="HU"))
    (lesion,) = extent(phases={"native": native, "arterial": arterial}).lesions
    by_phase = {value.phase: value for value in lesion.phases}
    inside = values[LESION.array].astype(float)
    assert by_phase["arterial"].mean == pytest.approx(inside.mean())
    assert by_phase["arterial"].sd == pytest.approx(inside.std())
    assert by_phase["arterial"].enhancement == pytest.approx(inside.mean() - 45)
    assert by_phase["native"].enhancement is None
    assert by_phase["arterial"].unit == "HU"


def test_the_viable_part_leaves_the_dead_core_out() -> None:
    core = ((P - [14, 0, 0]) ** 2).sum(-1) <= 6**2
    values = np.where(core, 40, np.where(LESION.array, 150, 70)) + RNG.normal(0, 8, GRID.shape)
    arterial = Image(values.astype(np.float32), GRID, Origin(unit="HU"))
    alive = 4 / 3 * math.pi * (10**3 - 6**3) / 1000
    measured = extent(phases={"arterial": arterial})
    assert measured.lesions[0].viable_volume_ml == pytest.approx(alive, rel=0.1)
    assert "convention of this project" in (measured.viable_rule or "")
    stated = extent(phases={"arterial": arterial}, viable_at_least=100.0)
    assert stated.viable_rule == "arterial at least 100 HU, as stated"
    assert stated.lesions[0].viable_volume_ml == pytest.approx(alive, rel=0.1)


def test_an_image_that_does_not_cover_the_lesion_says_nothing_of_it() -> None:
    far = Geometry(GRID.affine + np.array([[0, 0, 0, 500], [0] * 4, [0] * 4, [0] * 4]), GRID.shape)
    (lesion,) = extent(phases={"arterial": Image(np.zeros(far.shape, np.int16), far)}).lesions
    assert lesion.phases == ()
    assert lesion.viable_volume_ml is None


def test_faces_between_segments_are_measured() -> None:
    boxes = np.zeros((20, 30, 40), np.uint8)
    boxes[:10], boxes[10:, :15], boxes[10:, 15:] = 2, 4, 3
    affine = np.diag([1.0, 2.0, 0.5, 1.0])
    found = shared_faces_mm2(LabelMap(boxes, Geometry(affine, boxes.shape), {2: "2", 3: "3", 4: "4"}))
    assert found[frozenset((2, 4))] == pytest.approx(15 * 2 * 40 * 0.5)
    assert found[frozenset((3, 4))] == pytest.approx(10 * 40 * 0.5)


@pytest.mark.parametrize(
    ("names", "mapping"),
    [({4: "liver_segment_4", 5: "liver_segment_5"}, None), ({4: "IVb", 5: "Segment V"}, None), ({4: "a", 5: "b"}, {"a": 4, "b": 5}), ({4: "x", 5: "y"}, {"4": 4, "5": 5})],
)  # fmt: skip
def test_segments_by_their_names_or_a_mapping(names: dict[int, str], mapping: dict[str, int] | None) -> None:
    found = as_segments([LabelMap(HALVES.array, GRID, names)], mapping)
    assert {int(v) for v in np.unique(found.array)} == {0, 4, 5}
    assert int((found.array == 4).sum()) == int((HALVES.array == 4).sum())


def test_a_file_without_segments_is_refused() -> None:
    with pytest.raises(UnsupportedImage, match="no structure of the segment file"):
        as_segments([LabelMap(HALVES.array, GRID, {4: "spleen"})])


def test_the_remnant_of_a_resection_is_what_stays_without_tumour() -> None:
    measured = extent(segments=HALVES, segments_from="map")
    found = future_remnant(measured, "S5")
    volume = {s.segment: s for s in measured.segments}
    free = volume[4].volume_ml - (volume[4].tumour_ml or 0)
    assert found.remnant_ml == pytest.approx(free)
    assert found.remnant_percent == pytest.approx(
        100 * free / ((measured.liver_volume_ml or 0) - (measured.tumour_volume_ml or 0)), rel=1e-6
    )
    assert future_remnant(measured, "right hepatectomy").removed == (5, 6, 7, 8)
    with pytest.raises(BadInput, match="not a known resection"):
        future_remnant(measured, "some surgery")
    with pytest.raises(MissingData):
        future_remnant(extent(), "right hepatectomy")


# A liver whose planes are known: main plane x = 0, right plane turned so that it runs nearly left to right, left plane x = 20, transverse plane z = 0.
@pytest.mark.parametrize("degrees", [-30, 0, 30, 60, 80])
def test_landmarks_cut_as_their_planes_whatever_way_the_right_vein_runs(degrees: float) -> None:
    turn = math.radians(degrees)
    along = np.array(
        [-math.cos(turn), -math.sin(turn), 0.0]
    )  # of the right hepatic vein, from the vena cava to the right, and to the front as it turns
    vein = [tuple(along * d + [0, 0, 30 - d]) for d in (10.0, 20.0, 30.0)]
    landmarks = Landmarks.model_validate({
        "vena_cava": [(0, 0, -20), (0, 0, 30)], "middle_hepatic_vein": [(0, -10, 20), (0, -25, 5)], "gallbladder_fossa": [(0, -30, -25)],
        "right_hepatic_vein": vein, "umbilical_fissure": [(20, -30, 5), (14, -21, 25)], "portal_bifurcation": [(0, -8, 0)],
    })  # fmt: skip
    planes = {plane.name: plane for plane in planes_of(landmarks)}
    behind = np.array([-math.sin(turn), math.cos(turn), 0.0])
    assert np.dot(planes["right"].normal, behind) > 0, "positive is the posterior sector"
    found = cut(LIVER, landmarks, tuple(planes.values()))
    assert {int(v) for v in np.unique(found.array)} >= {0, 2, 3, 4, 5, 6, 7, 8}
    centre = {n: found.geometry.lps_mm(np.argwhere(found.array == n).astype(float)).mean(axis=0) for n in range(2, 9)}
    assert all(centre[n][0] > 0 for n in (2, 3, 4))
    assert all(centre[n][0] < 0 for n in (5, 6, 7, 8))
    assert centre[7][1] > centre[8][1]
    assert centre[6][1] > centre[5][1]
    gone = cut(LIVER, landmarks, tuple(planes.values()), absent=(5, 6))
    assert not np.isin(gone.array, (5, 6)).any()


def test_landmarks_that_lack_a_point_are_told_by_name() -> None:
    with pytest.raises(MissingData, match="right hepatic vein"):
        planes_of(Landmarks.model_validate({"vena_cava": [0, 0, 30], "middle_hepatic_vein": [0, -10, 20]}))


def test_a_map_that_leaves_the_tumour_out_gives_the_same_remnant() -> None:
    whole = extent(segments=HALVES, segments_from="map")
    bare = replace(HALVES, array=np.where(LESION.array, 0, HALVES.array).astype(np.uint8))
    hollow = extent(segments=bare, segments_from="map")
    assert [s.volume_ml for s in hollow.segments] == pytest.approx([s.volume_ml for s in whole.segments], rel=0.01)
    assert future_remnant(hollow, "S5").remnant_ml == pytest.approx(future_remnant(whole, "S5").remnant_ml, rel=0.01)


def test_a_map_with_a_hole_makes_nothing_certain_and_no_remnant() -> None:
    holed = replace(HALVES, array=np.where(HALVES.array == 4, 0, HALVES.array).astype(np.uint8), names={5: "5"})
    found = extent(segments=holed, segments_from="map")
    assert any("of the liver has no segment label (the map has no segment 1, 2, 3, 4," in w for w in found.warnings)
    assert found.pattern.value is not None
    assert not found.pattern.certain
    assert any("no segment label" in why for why in found.pattern.sensitive_to)
    with pytest.raises(MissingData, match="of the liver has no segment"):
        future_remnant(found, "S6")


@pytest.mark.parametrize("text", ["IVa", "segment 4b", "5, 4a"])
def test_half_of_segment_4_is_not_taken_for_the_whole(text: str) -> None:
    with pytest.raises(BadInput, match="alone is not known"):
        future_remnant(extent(segments=HALVES, segments_from="map"), text)


@pytest.mark.parametrize("text", ["", "9", "right lobe", "5-IV"])
def test_a_resection_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(BadInput, match="not a known resection"):
        future_remnant(extent(segments=HALVES, segments_from="map"), text)


def test_a_lesion_apart_from_the_liver_is_questioned() -> None:
    far = Mask(
        "Far", LESION.array, Geometry(LESION.geometry.affine + np.outer([1, 0, 0, 0], [0, 0, 0, 300.0]), GRID.shape)
    )
    said = measure_extent(Scan(LIVER, [far])).extent.warnings
    assert any(w.startswith("Far lies") and "outside the liver mask" in w for w in said)
    assert not any("outside the liver mask: is it" in w for w in extent().warnings)
    without = replace(LIVER, array=LIVER.array & ~LESION.array)
    assert not any("is it a liver lesion" in w for w in measure_extent(Scan(without, [LESION])).extent.warnings)


def test_an_image_that_holds_no_numbers_is_said() -> None:
    image = Image(np.full(GRID.shape, np.nan, dtype=np.float32), GRID)
    found = extent(phases={"arterial": image})
    assert found.lesions[0].phases == ()
    assert found.lesions[0].viable_volume_ml is None
    assert any("arterial image shows nothing of 1 of 1 lesions" in w for w in found.warnings)


def test_landmarks_in_another_convention_are_doubted() -> None:
    points = {
        "vena_cava": [[-14.0, 24, 74], [-17.0, 33, -40]],
        "right_hepatic_vein": [[-60.0, 20, 50]],
        "middle_hepatic_vein": [[-30.0, -10, 40]],
        "umbilical_fissure": [[10.0, -40, 10]],
        "portal_bifurcation": [[-16.0, 0, 4]],
    }
    assert doubts(Landmarks.model_validate(points)) == []
    turned = {name: [[-x, -y, z] for x, y, z in given] for name, given in points.items()}
    assert len(doubts(Landmarks.model_validate(turned))) == 3


@pytest.mark.parametrize("mirrored", [False, True])
def test_a_mirrored_segment_map_is_pointed_out(mirrored: bool) -> None:
    side = P[..., 0] if mirrored else -P[..., 0]
    sides = LabelMap(np.where(LIVER.array, np.where(side > 0, 7, 2), 0).astype(np.uint8), GRID, {2: "2", 7: "7"})
    said = extent(segments=sides, segments_from="map").warnings
    assert any("mirrored" in w for w in said) == mirrored
