"""Laying the liver of one time point on that of another, so that lesions can be looked for where they should be.

The liver's surface guides: signed distance maps of the two masks on a coarse upright grid, first moved rigidly, then bent by a coarse B-spline. Bending is
kept only where it is smooth, bounded and better than the rigid motion.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import scipy.ndimage
from numpy.typing import NDArray

from liverboard.clinical.tracking import RegistrationQuality
from liverboard.errors import MissingData, UnsupportedImage
from liverboard.imaging.distances import face_points_mm
from liverboard.imaging.masks import crop
from liverboard.volume import Geometry, Mask, resample

_ndimage: Any = scipy.ndimage  # it has no types
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
_FEWEST_VOXELS = 50
_HEAD = 2


@dataclass(frozen=True, slots=True)
class RegistrationRules:
    """`step_mm`: the grid that livers are compared on. `band_mm`: distances beyond it count as equal to it. `knots_mm`: spacing of the bending.

    `cut_share`: a liver whose last slice is larger than this share of its largest is cut off there. `least_dice`: below it no link is trusted.
    Bending is dropped where its Jacobian falls below `least_jacobian`, where it moves the liver by more than `most_shift_mm`, or where it brings the surfaces
    nearer by less than `least_gain`, a share. A lesion's place errs by the two last in quadrature: a floor, and a multiple of the surface distance left.
    """

    deformable: bool = True
    step_mm: float = 4.0
    band_mm: float = 24.0
    knots_mm: float = 60.0
    cut_share: float = 0.25
    least_dice: float = 0.8
    least_jacobian: float = 0.3
    most_shift_mm: float = 40.0
    least_gain: float = 0.1
    error_floor_mm: float = 3.0
    error_per_surface: float = 1.5


REGISTRATION_RULES = RegistrationRules()


@dataclass(frozen=True, eq=False)
class Registration:
    """Where points of the first time point lie at the second: `rigid` (4x4, LPS mm) after a bending `shift_mm` ([i, j, k, 3] on `grid`), None when not bent."""

    rigid: Floats
    quality: RegistrationQuality
    shift_mm: Floats | None = None
    grid: Geometry | None = None
    livers: tuple[_Seen, _Seen] | None = None

    def to_followup(self, points_mm: Floats) -> Floats:
        """Points of the first time point, LPS mm, shape (N, 3), to where they lie at the second."""
        return _moved(self.rigid, points_mm + self._shift(points_mm))

    def to_baseline(self, points_mm: Floats) -> Floats:
        """The inverse of `to_followup`, to a hundredth of a millimetre where the bending is smooth."""
        inverse: Any = np.linalg.inv(self.rigid)
        straight = _moved(inverse, points_mm)
        found = straight
        for _ in range(30):
            found, before = straight - self._shift(found), found
            if found.size == 0 or float(np.abs(found - before).max()) < 0.005:
                break
        return found

    def seen_at_baseline(self, points_mm: Floats) -> Bools:
        """Whether points, LPS mm at the first time point, lie in the part of the body that its liver mask covers."""
        return np.ones(len(points_mm), np.bool_) if self.livers is None else self.livers[0].covers(points_mm)

    def seen_at_followup(self, points_mm: Floats) -> Bools:
        """Whether points, LPS mm at the second time point, lie in the part of the body that its liver mask covers."""
        return np.ones(len(points_mm), np.bool_) if self.livers is None else self.livers[1].covers(points_mm)

    def _shift(self, points_mm: Floats) -> Floats:
        if self.shift_mm is None or self.grid is None:
            return np.zeros_like(points_mm)
        index = (points_mm - self.grid.affine[:3, 3]) / np.array(self.grid.spacing_mm)
        return np.stack(
            [_ndimage.map_coordinates(self.shift_mm[..., a], index.T, order=1, mode="nearest") for a in range(3)],
            axis=1,
        )


def unmoved(lesion_error_mm: float = 3.0) -> Registration:
    """The registration of two time points whose images already lie on each other, or that share one grid."""
    quality = RegistrationQuality(
        method="none",
        dice_before=1,
        dice_after=1,
        surface_before_mm=0,
        surface_after_mm=0,
        largest_shift_mm=0,
        least_jacobian=1,
        lesion_error_mm=lesion_error_mm,
        trusted=True,
    )
    return Registration(np.eye(4), quality)


def register_livers(
    baseline: Mask,
    followup: Mask,
    rules: RegistrationRules = REGISTRATION_RULES,
) -> Registration:
    """Lay the baseline liver on the follow-up liver. Deterministic; the grids may differ, be flipped, turned or sheared.

    Never fails in silence: a poor fit is in `quality.warnings`, and `quality.trusted` is then False. Raises MissingData: a mask is empty; UnsupportedImage: a
    mask is too small to be a liver.
    """
    first, second = (_seen(mask, when, rules) for mask, when in ((baseline, "baseline"), (followup, "follow-up")))
    start = Registration(np.eye(4), unmoved().quality, livers=(first, second))
    before = _fit(start, first, second)
    rigid = replace(start, rigid=_rigid(first, second, rules))
    fit = _fit(rigid, first, second)
    best, method, warnings = rigid, "rigid", list[str]()
    bending = (0.0, 1.0)
    if rules.deformable:
        shift_mm = _bending(first, second, rigid.rigid, rules)
        bent = replace(rigid, shift_mm=shift_mm, grid=first.grid)
        found, why = _fit(bent, first, second), ""
        bending = _bending_bounds(shift_mm, first)
        if bending[1] < rules.least_jacobian:
            why = f"it folds the liver (least Jacobian {bending[1]:.2f})"
        elif bending[0] > rules.most_shift_mm:
            why = f"it moves the liver by up to {bending[0]:.0f} mm"
        elif found.surface_mm > (1 - rules.least_gain) * fit.surface_mm or found.dice < fit.dice:
            why = f"it brings the surfaces no nearer ({fit.surface_mm:.1f} mm rigid, {found.surface_mm:.1f} mm bent)"
        if why:
            warnings.append(f"The livers were laid on each other without bending: {why}.")
            bending = (0.0, 1.0)
        else:
            best, method, fit = bent, "deformable", found
    partial = tuple(
        f"{when}: {text}" for when, seen in (("baseline", first), ("follow-up", second)) for text in seen.cuts
    )
    if partial:
        warnings.append(
            f"A liver is not seen whole ({'; '.join(partial)}). Lesions beyond the cut cannot be followed. Use scans that hold the whole liver."
        )
    trusted = fit.dice >= rules.least_dice
    if not trusted:
        warnings.append(
            f"The livers do not lie on each other (Dice {fit.dice:.2f} after registration, {rules.least_dice:.2f} is needed): no link is to be believed unseen. "
            "Check that both masks are the whole liver of the same patient, or link the lesions by hand."
        )
    quality = RegistrationQuality(
        method=method,
        dice_before=before.dice,
        dice_after=fit.dice,
        surface_before_mm=before.surface_mm,
        surface_after_mm=fit.surface_mm,
        largest_shift_mm=bending[0],
        least_jacobian=bending[1],
        lesion_error_mm=math.hypot(rules.error_floor_mm, rules.error_per_surface * fit.surface_mm),
        trusted=trusted,
        partial=partial,
        warnings=tuple(warnings),
    )
    return replace(best, quality=quality)


@dataclass(frozen=True, eq=False)
class _Seen:
    """One liver on an upright grid (axes along LPS). `distance_mm`: to its surface, negative within. `ends`: planes (normal, offset) that the liver is cut at;
    what has normal @ p > offset was not seen. `cuts`: the same in words."""

    inside: Bools
    distance_mm: Floats
    grid: Geometry
    surface_mm: Floats
    ends: tuple[tuple[Floats, float], ...]
    cuts: tuple[str, ...]

    def covers(self, points_mm: Floats) -> Bools:
        covered = np.ones(len(points_mm), np.bool_)
        for normal, offset in self.ends:
            covered &= points_mm @ normal <= offset
        return covered

    def at(self, values: NDArray[Any], points_mm: Floats, order: int) -> Floats:
        index = (points_mm - self.grid.affine[:3, 3]) / np.array(self.grid.spacing_mm)
        return _ndimage.map_coordinates(values, index.T, order=order, mode="nearest")


def _seen(mask: Mask, when: str, rules: RegistrationRules) -> _Seen:
    liver = crop(mask)
    if liver is None:
        raise MissingData(
            "the liver mask is empty",
            where=f"{when} liver",
            hint="Give a mask of the whole liver for both time points.",
        )
    if int(np.count_nonzero(liver.array)) < _FEWEST_VOXELS:
        raise UnsupportedImage(
            f"the liver mask has fewer than {_FEWEST_VOXELS} voxels",
            where=f"{when} liver",
            hint="Give a mask of the whole liver for both time points.",
        )
    part, ends, cuts = _continued(liver, rules)
    share, source = _thinned(part, rules.step_mm)
    grid = _upright(liver.geometry, rules)
    inside = np.asarray(resample(share, source, grid, labels=False) >= 0.5)
    outside_mm: Floats = _ndimage.distance_transform_edt(~inside) * rules.step_mm
    within_mm: Floats = _ndimage.distance_transform_edt(inside) * rules.step_mm
    half = rules.step_mm / 2
    distance = np.where(inside, half - within_mm, outside_mm - half)
    seen = _Seen(inside, distance, grid, face_points_mm(inside, grid), ends, cuts)
    return replace(seen, surface_mm=seen.surface_mm[seen.covers(seen.surface_mm)])


def _continued(liver: Mask, rules: RegistrationRules) -> tuple[Mask, tuple[tuple[Floats, float], ...], tuple[str, ...]]:
    """The cropped liver, continued beyond the ends where the scan cuts it off, so that the cut does not pass for its surface."""
    axis = liver.geometry.axes[_HEAD]
    areas = liver.array.sum(axis=tuple(a for a in range(3) if a != axis))
    upward = liver.geometry.affine[2, axis] > 0
    inverse: Any = np.linalg.inv(liver.geometry.affine)
    array, start = liver.array, [0, 0, 0]
    ends: list[tuple[Floats, float]] = []
    cuts: list[str] = []
    beyond = math.ceil((rules.band_mm + 2 * rules.step_mm) / liver.geometry.spacing_mm[axis])
    for last in (False, True):
        if areas[-1 if last else 0] <= rules.cut_share * areas.max():
            continue
        normal, offset = inverse[axis, :3] * (1 if last else -1), inverse[axis, 3] * (1 if last else -1)
        ends.append((normal, (areas.size - 0.5 if last else 0.5) - offset))
        cuts.append("cut off at the top" if last == upward else "cut off at the bottom")
        width = [(0, 0)] * 3
        width[axis] = (0, beyond) if last else (beyond, 0)
        array = np.pad(array, width, mode="edge")
        start[axis] -= 0 if last else beyond
    geometry = liver.geometry.cropped((start[0], start[1], start[2]), (array.shape[0], array.shape[1], array.shape[2]))
    return replace(liver, array=array, geometry=geometry), tuple(ends), tuple(cuts)


def _thinned(mask: Mask, step_mm: float) -> tuple[NDArray[np.float32], Geometry]:
    """The share of liver in blocks of voxels that are no longer than a step, with a rim of nothing."""
    blocks = [max(1, int(step_mm / s + 0.01)) for s in mask.geometry.spacing_mm]
    array = np.pad(mask.array, [(b, b + (-n) % b) for n, b in zip(mask.array.shape, blocks, strict=True)])
    (a, b, c), (u, v, w) = (n // m for n, m in zip(array.shape, blocks, strict=True)), blocks
    share = array.reshape(a, u, b, v, c, w).mean(axis=(1, 3, 5), dtype=np.float32)
    affine = mask.geometry.affine.copy()
    affine[:3, 3] = mask.geometry.lps_mm((np.array([[u, v, w]], dtype=np.float64) - 1) / 2 - np.array([[u, v, w]]))[0]
    affine[:3, :3] *= np.array(blocks)
    return share, Geometry(affine, (a, b, c))


def _upright(geometry: Geometry, rules: RegistrationRules) -> Geometry:
    """A grid along LPS that holds all of `geometry` and a margin."""
    ends = [(-0.5, n - 0.5) for n in geometry.shape]
    corners = geometry.lps_mm(np.array([[x, y, z] for x in ends[0] for y in ends[1] for z in ends[2]]))
    low, high = corners.min(axis=0) - rules.band_mm, corners.max(axis=0) + rules.band_mm
    a, b, c = (int(n) for n in np.ceil((high - low) / rules.step_mm) + 1)
    affine = np.diag([rules.step_mm, rules.step_mm, rules.step_mm, 1.0])
    affine[:3, 3] = low
    return Geometry(affine, (a, b, c))


def _rigid(first: _Seen, second: _Seen, rules: RegistrationRules) -> Floats:
    import SimpleITK as simpleitk  # noqa: N813

    sitk: Any = simpleitk
    low, middle, high = (
        [
            np.quantile(s.grid.lps_mm(np.argwhere(s.inside & _covered(s)).astype(float)), q, axis=0)
            for s in (first, second)
        ]
        for q in (0.0, 0.5, 1.0)
    )
    starts = [middle[1] - middle[0]]
    if (
        first.cuts or second.cuts
    ):  # the middle of a part is not the middle of the whole; one of the ends may still be the same
        starts += [np.array([*starts[0][:2], (end[1] - end[0])[2]]) for end in (low, high)]
    images = [_image(sitk, s, rules.band_mm) for s in (first, second)]
    found: list[tuple[float, Any]] = []
    for start in starts:
        initial = sitk.Euler3DTransform()
        initial.SetCenter([float(v) for v in middle[0]])
        initial.SetTranslation([float(v) for v in start])
        method = _method(sitk, images, (first, second))
        method.SetOptimizerAsRegularStepGradientDescent(
            learningRate=4.0, minStep=0.02, numberOfIterations=120, relaxationFactor=0.6
        )
        method.SetOptimizerScalesFromPhysicalShift()
        method.SetShrinkFactorsPerLevel([4, 2])
        method.SetSmoothingSigmasPerLevel([0, 0])
        method.SetInitialTransform(initial, inPlace=False)
        motion = method.Execute(*images)
        found.append((float(method.GetMetricValue()), motion))
    motion = min(found, key=lambda each: each[0])[1]
    shift = np.array(motion.TransformPoint((0.0, 0.0, 0.0)))
    matrix = np.eye(4)
    matrix[:3, :3] = np.stack([np.array(motion.TransformPoint(tuple(row))) - shift for row in np.eye(3)], axis=1)
    matrix[:3, 3] = shift
    return matrix


def _bending(first: _Seen, second: _Seen, rigid: Floats, rules: RegistrationRules) -> Floats:
    """Shifts before the rigid motion on the grid of the first liver, mm, [i, j, k, 3]."""
    import SimpleITK as simpleitk  # noqa: N813

    sitk: Any = simpleitk
    images = [_image(sitk, s, rules.band_mm) for s in (first, second)]
    motion = sitk.AffineTransform(3)
    motion.SetMatrix(rigid[:3, :3].ravel().tolist())
    motion.SetTranslation(rigid[:3, 3].tolist())
    mesh = [max(2, round(n * rules.step_mm / rules.knots_mm)) for n in first.grid.shape]
    spline = sitk.BSplineTransformInitializer(images[0], mesh, 3)
    method = _method(sitk, images, (first, second), rules.band_mm / 2)
    method.SetOptimizerAsLBFGSB(gradientConvergenceTolerance=1e-4, numberOfIterations=12, maximumNumberOfCorrections=5)
    method.SetShrinkFactorsPerLevel([2])
    method.SetSmoothingSigmasPerLevel([0])
    method.SetMovingInitialTransform(motion)
    method.SetInitialTransform(spline, inPlace=False)
    found = method.Execute(*images)
    field = sitk.TransformToDisplacementField(
        sitk.Transform(found),
        sitk.sitkVectorFloat64,
        images[0].GetSize(),
        images[0].GetOrigin(),
        images[0].GetSpacing(),
        images[0].GetDirection(),
    )
    return np.ascontiguousarray(sitk.GetArrayFromImage(field).transpose(2, 1, 0, 3))


def _method(sitk: Any, images: list[Any], livers: tuple[_Seen, _Seen], near_mm: float = math.inf) -> Any:
    """Mean squares of the distance maps where both livers were seen, up to `near_mm` from the surface of the first."""
    method = sitk.ImageRegistrationMethod()
    method.SetNumberOfWorkUnits(1)  # sums in one order, so that the result never differs
    method.SetMetricAsMeanSquares()
    method.SetMetricSamplingStrategy(method.NONE)
    method.SetInterpolator(sitk.sitkLinear)
    near = np.abs(livers[0].distance_mm) <= near_mm
    masks = (_covered(livers[0]) & near, _covered(livers[1]))
    for mask, image, put in zip(masks, images, (method.SetMetricFixedMask, method.SetMetricMovingMask), strict=True):
        if not mask.all():
            region = sitk.GetImageFromArray(mask.astype(np.uint8).transpose(2, 1, 0))
            region.CopyInformation(image)
            put(region)
    return method


def _image(sitk: Any, seen: _Seen, band_mm: float) -> Any:
    smooth = _ndimage.gaussian_filter(np.clip(seen.distance_mm, -band_mm, band_mm), 0.7).astype(np.float32)
    image = sitk.GetImageFromArray(np.ascontiguousarray(smooth.transpose(2, 1, 0)))
    image.SetOrigin(seen.grid.affine[:3, 3].tolist())
    image.SetSpacing(list(seen.grid.spacing_mm))
    return image


def _covered(seen: _Seen) -> Bools:
    return seen.covers(_voxels_mm(seen.grid)).reshape(seen.grid.shape)


def _voxels_mm(grid: Geometry) -> Floats:
    return grid.lps_mm(np.argwhere(np.ones(grid.shape, np.bool_)).astype(np.float64))


@dataclass(frozen=True, slots=True)
class _Fit:
    dice: float
    surface_mm: float


def _fit(found: Registration, first: _Seen, second: _Seen) -> _Fit:
    """Dice and mean distance of the surfaces, both ways, in the part that both scans cover."""
    there = found.to_followup(first.grid.lps_mm(np.argwhere(first.inside).astype(np.float64)))
    back = found.to_baseline(second.grid.lps_mm(np.argwhere(second.inside).astype(np.float64)))
    both = [
        (seen.at(seen.inside.astype(np.float32), points, 1) > 0.5)[seen.covers(points)]
        for seen, points in ((second, there), (first, back))
    ]
    hits, count = sum(float(b.sum()) for b in both), sum(b.size for b in both)
    gaps = [
        np.abs(seen.at(seen.distance_mm, points, 1))[seen.covers(points)]
        for seen, points in (
            (second, found.to_followup(first.surface_mm)),
            (first, found.to_baseline(second.surface_mm)),
        )
    ]
    gap = np.concatenate(gaps)
    return _Fit(hits / count if count else 0.0, float(gap.mean()) if gap.size else math.inf)


def _bending_bounds(shift_mm: Floats, first: _Seen) -> tuple[float, float]:
    """The largest shift of the bending within the liver, mm, and its least Jacobian determinant there."""
    slopes: list[Any] = [np.gradient(shift_mm[..., a], *first.grid.spacing_mm) for a in range(3)]
    jacobian: Any = np.array(slopes)[:, :, first.inside].transpose(2, 0, 1) + np.eye(3)
    longest = np.linalg.norm(shift_mm[first.inside], axis=-1).max()
    return float(longest), float(np.linalg.det(jacobian).min())


def _moved(matrix: Floats, points_mm: Floats) -> Floats:
    return points_mm @ matrix[:3, :3].T + matrix[:3, 3]
