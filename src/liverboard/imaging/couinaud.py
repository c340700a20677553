"""Segments from landmarks: planes through the hepatic veins, the umbilical fissure and the portal bifurcation cut the liver where no segment map exists."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from liverboard.clinical.extent import CutPlane
from liverboard.clinical.landmarks import Landmarks, Point
from liverboard.errors import BadInput, MissingData, UnsupportedImage
from liverboard.imaging.masks import crop
from liverboard.volume import LabelMap, Mask

Floats = NDArray[np.float64]
CRANIAL = np.array([0.0, 0.0, 1.0])
RIGHT = np.array([-1.0, 0.0, 0.0])  # LPS: x grows to the patient's left
ANTERIOR = np.array(
    [0.0, -1.0, 0.0]
)  # the posterior sector lies behind the right hepatic vein, whose plane may run nearly left to right
SEPARATES = {
    "main": "left (2, 3, 4) | right (5, 6, 7, 8)",
    "right": "right anterior (5, 8) | right posterior (6, 7)",
    "left": "left lateral (2, 3) | left medial (4)",
    "transverse": "lower (3, 5, 6) | upper (2, 7, 8)",
    "caudate": "segment 1 | in front of it",
}
# The caudate has no mark on its right and left in the plane model: it is taken from this far right of the vena cava's middle to this far left of it. Conventions.
CAUDATE_RIGHT_MM = 12.0
CAUDATE_LEFT_MM = 40.0
_STRAIGHT_MM = 4.0  # points that stray less than this from a line do not tell how a plane turns about it
_NEEDED = {
    "main": ("middle_hepatic_vein", "gallbladder_fossa"),
    "right": ("right_hepatic_vein",),
    "left": ("umbilical_fissure",),
    "transverse": ("portal_bifurcation",),
    "caudate": ("portal_bifurcation", "vena_cava"),
}


def planes_of(landmarks: Landmarks) -> tuple[CutPlane, ...]:
    """The five planes: main (vena cava, middle hepatic vein, gallbladder fossa), right (vena cava, right hepatic vein), left (vena cava, umbilical fissure),
    transverse (portal bifurcation, across the vena cava), caudate (portal bifurcation and ligamentum venosum, along the vena cava).

    Each is the least-squares plane of its points; points on a line are completed by the direction of the vena cava. A plane set by hand is taken as it is.
    Raises MissingData: a plane has no points, and which are needed; BadInput: points that define no plane, or a normal without length.
    """
    by_hand = {plane.name: plane for plane in landmarks.planes}
    lacking = sorted(
        {
            name
            for plane, names in _NEEDED.items()
            if plane not in by_hand
            for name in (*names, "vena_cava")
            if not getattr(landmarks, name)
            and not (plane == "main" and any(getattr(landmarks, n) for n in names) and name != "vena_cava")
        }
    )
    if lacking:
        raise MissingData(
            f"the liver cannot be cut into segments: {', '.join(name.replace('_', ' ') for name in lacking)} not given",
            hint="Set these landmarks (points in LPS mm), or give a segment map.",
        )
    cava = _array(landmarks.vena_cava)
    axis = _axis(cava)
    top = cava[np.argmax(cava @ axis)][None] if len(cava) else np.empty((0, 3))
    fits: dict[str, Any] = {
        "main": lambda: _fit(
            "main", [top, _array(landmarks.middle_hepatic_vein), _array(landmarks.gallbladder_fossa)], axis, RIGHT
        ),
        "right": lambda: _fit("right", [top, _array(landmarks.right_hepatic_vein)], axis, RIGHT - ANTERIOR),
        "left": lambda: _fit("left", [top, _array(landmarks.umbilical_fissure)], axis, RIGHT),
        "transverse": lambda: (_array(landmarks.portal_bifurcation).mean(axis=0), axis),
        "caudate": lambda: _front(landmarks, cava, axis),
    }
    planes: list[CutPlane] = []
    for name, separates in SEPARATES.items():
        if name in by_hand:
            given = by_hand[name]
            length = float(np.linalg.norm(given.normal))
            if not length > 1e-6:
                raise BadInput(
                    f"the normal of the {name} plane has no length", hint="Give a direction such as [-1, 0, 0]."
                )
            point, normal = np.array(given.point_lps_mm), np.array(given.normal) / length
        else:
            point, normal = fits[name]()
        planes.append(
            CutPlane(
                name=name,  # pyright: ignore[reportArgumentType]
                separates=separates,
                point_lps_mm=_point(point),
                normal=_point(normal),
                set_by_hand=name in by_hand,
            )
        )
    return tuple(planes)


def doubts(landmarks: Landmarks) -> list[str]:
    """What speaks against the points, in words: structures that lie on the wrong side of each other, as when the points are not in LPS mm."""
    order = (
        ("right_hepatic_vein", "middle_hepatic_vein", RIGHT, "right of"),
        ("middle_hepatic_vein", "umbilical_fissure", RIGHT, "right of"),
        ("portal_bifurcation", "vena_cava", ANTERIOR, "in front of"),
    )
    said: list[str] = []
    for name, other, toward, words in order:
        first, second = _array(getattr(landmarks, name)), _array(getattr(landmarks, other))
        if len(first) and len(second) and (first.mean(axis=0) - second.mean(axis=0)) @ toward < 0:
            said.append(
                f"the {name.replace('_', ' ')} of the landmarks does not lie {words} the {other.replace('_', ' ')}: check that the points are LPS mm"
            )
    return said


def cut(liver: Mask, landmarks: Landmarks, planes: Sequence[CutPlane], absent: Sequence[int] = ()) -> LabelMap:
    """The liver mask cut by the planes into segments 1 to 8, on its own grid within its bounding box. `absent`: resected segments.

    What the planes give to an absent segment belongs to the neighbour that grew into its place, and is left without a label. Raises UnsupportedImage: empty mask.
    """
    inner = crop(liver)
    if inner is None:
        raise UnsupportedImage(
            "the liver mask is empty", where=liver.name, hint="Choose the liver's segment, or segment it again."
        )
    sides = {plane.name: _height(inner, np.array(plane.point_lps_mm), np.array(plane.normal)) for plane in planes}
    upper = sides["transverse"] > 0
    right = np.where(sides["right"] > 0, np.where(upper, 7, 6), np.where(upper, 8, 5))
    left = np.where(sides["left"] > 0, 4, np.where(upper, 2, 3))
    segments = np.where(sides["main"] > 0, right, left).astype(np.uint8)
    cava = _array(landmarks.vena_cava)
    if len(cava):
        middle = cava.mean(axis=0)
        beside = _height(inner, middle, RIGHT)
        segments[(sides["caudate"] < 0) & (beside < CAUDATE_RIGHT_MM) & (beside > -CAUDATE_LEFT_MM)] = 1
    segments[~inner.array] = 0
    segments[np.isin(segments, list(absent))] = 0
    return LabelMap(
        segments,
        inner.geometry,
        {n: str(n) for n in range(1, 9) if n not in absent},
        machine="planes through landmarks",
    )


def _height(mask: Mask, point: Floats, normal: Floats) -> NDArray[np.float32]:
    """Distance of every voxel centre from a plane in mm, positive where the normal points; shape of the mask."""
    steps = normal @ mask.geometry.affine[:3, :3]
    first = float(normal @ (mask.geometry.affine[:3, 3] - point))
    lines = [
        np.arange(n, dtype=np.float32) * np.float32(step) for n, step in zip(mask.geometry.shape, steps, strict=True)
    ]
    height: Any = (lines[0] + np.float32(first))[:, None, None] + lines[1][None, :, None] + lines[2]
    return height


def _array(points: Sequence[Point]) -> Floats:
    return np.array(points, dtype=np.float64).reshape(-1, 3)


def _point(values: Floats) -> tuple[float, float, float]:
    x, y, z = (round(float(v), 6) for v in values)
    return x, y, z


def _axis(cava: Floats) -> Floats:
    """The direction of the vena cava to the head; straight up when its points do not tell."""
    if len(cava) < 2 or float(np.ptp(cava[:, 2])) < 10:
        return CRANIAL
    direction: Any = np.linalg.svd(cava - cava.mean(axis=0))[2][0]
    return direction * np.sign(direction @ CRANIAL)


def _fit(name: str, groups: Sequence[Floats], axis: Floats, toward: Floats) -> tuple[Floats, Floats]:
    """Least-squares plane, each landmark weighing the same however many points it has; its normal turned to the side `toward`."""
    given = [group for group in groups if len(group)]
    points = np.concatenate(given)
    weight = np.concatenate([np.full(len(group), 1 / len(group)) for group in given])
    middle = (weight @ points) / weight.sum()
    _, spread, directions = np.linalg.svd((points - middle) * np.sqrt(weight)[:, None], full_matrices=True)
    if len(spread) < 1 or spread[0] < _STRAIGHT_MM:
        raise BadInput(
            f"the landmarks of the {name} plane lie on one point", hint="Set them apart, along the vein or fissure."
        )
    normal: Any = directions[2] if len(spread) > 1 and spread[1] >= _STRAIGHT_MM else np.cross(directions[0], axis)
    length = float(np.linalg.norm(normal))
    if length < 0.1:
        raise BadInput(
            f"the landmarks of the {name} plane lie on a line along the vena cava",
            hint="Add a point away from it, such as farther along the vein.",
        )
    normal = normal / length
    return middle, normal if normal @ toward >= 0 else -normal


def _front(landmarks: Landmarks, cava: Floats, axis: Floats) -> tuple[Floats, Floats]:
    """The front of the caudate: along the vena cava, through the portal bifurcation and (where given) the fissure of the ligamentum venosum."""
    bifurcation = _array(landmarks.portal_bifurcation).mean(axis=0)
    fissure = _array(landmarks.ligamentum_venosum)
    if len(fissure):
        away = fissure.mean(axis=0) - bifurcation
        normal: Any = np.cross(axis, away - (away @ axis) * axis)
    else:
        forward = bifurcation - cava.mean(axis=0)
        normal = forward - (forward @ axis) * axis
    length = float(np.linalg.norm(normal))
    normal = normal / length if length > 1e-6 else ANTERIOR
    return bifurcation, normal if normal @ ANTERIOR >= 0 else -normal
