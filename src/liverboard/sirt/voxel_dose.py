"""From a map of activity to absorbed dose in every voxel: local deposition, and convolution with the voxel kernel.

The convolution runs on the block of the activity and the reach of the kernel. The spectrum of the kernel is a sum of products of three short ones, so only two
large Fourier transforms are needed; they run in parts that fit the cache, several at once. Sources: `lanconelli_2012`, `icrp_107`; local deposition as assumed by EANM's procedure for Y-90 dosimetry.
"""

from __future__ import annotations

import math
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from liverboard.errors import BadInput, UnsupportedImage
from liverboard.sirt.activity_map import ActivityMap
from liverboard.sirt.decay import Nuclide, dose_constant_gy_kg_per_gbq, nuclide, sirt_constant
from liverboard.sirt.kernel import VoxelKernel, radial_kernel, voxel_kernel
from liverboard.volume import Geometry

Method = Literal["kernel", "local"]
Floats32 = NDArray[np.float32]
_fft: Any = scipy.fft  # it has no types
_LUNG_LIKE_G_ML, _BONE_LIKE_G_ML = 0.85, 1.15  # soft tissue lies between; a convention of this project
_PLANES, _ROWS = 4, 8  # of a grid at once: a few megabytes
_LEAST_DENSITY_G_ML = 0.05  # air has no tissue to take a dose


@dataclass(frozen=True, slots=True)
class DoseModel:
    """`constant_gy_kg_per_gbq`: energy a decay, the same for both methods; None: the default of the nuclide. `density_g_ml`: of tissue; None: 1.04."""

    nuclide: str = "Y-90"
    constant_gy_kg_per_gbq: float | None = None
    density_g_ml: float | None = None

    @property
    def of(self) -> Nuclide:
        return nuclide(self.nuclide)

    @property
    def constant(self) -> float:
        given = self.constant_gy_kg_per_gbq
        if given is None:
            return self.of.dose_constants[0].gy_kg_per_gbq
        physical = dose_constant_gy_kg_per_gbq(radial_kernel(self.nuclide).energy_mev, self.of.half_life_h)
        if not 0.9 * physical <= given <= 1.1 * physical:
            raise BadInput(
                f"a dose constant of {given:g} Gy kg/GBq is not that of {self.nuclide}",
                hint=f"Its electrons give {physical:.2f}; is it another nuclide's, or a half-life mixed up?",
            )
        return given

    @property
    def density(self) -> float:
        density = sirt_constant("tissue", "liver_density").value if self.density_g_ml is None else self.density_g_ml
        if not (math.isfinite(density) and 0.1 <= density <= 5):
            raise BadInput(f"a density of {density:g} g/mL", hint="Expected 0.1 to 5 g/mL; soft tissue has 1.04.")
        return density

    def kernel(self, geometry: Geometry) -> VoxelKernel:
        """The kernel on this grid. Raises UnsupportedImage: a sheared grid."""
        axes = geometry.affine[:3, :3] / np.linalg.norm(geometry.affine[:3, :3], axis=0)
        if not np.allclose(axes.T @ axes, np.eye(3), atol=1e-3):
            raise UnsupportedImage(
                "the grid of the activity is sheared, and the dose kernel needs square voxels",
                hint="Resample it to a square grid first, or use --method local.",
            )
        return voxel_kernel(radial_kernel(self.nuclide), geometry.spacing_mm, self.density)


def dose_gy(
    activity: ActivityMap, model: DoseModel, method: Method, density_g_ml: NDArray[Any] | None = None
) -> Floats32:
    """Absorbed dose to the full decay in Gy, float32 [i, j, k] on the grid of the activity.

    `density_g_ml` [i, j, k]: outside soft tissue the energy left in a voxel goes into its own mass instead of that of soft tissue; how far the electrons reach
    is not changed. Raises UnsupportedImage: a sheared grid (kernel); BadInput: constant, density.
    """
    full_gy = (
        model.constant * 1e-9 / (activity.geometry.voxel_volume_ml * model.density * 1e-3)
    )  # a Bq that stays in its voxel
    if method == "local":
        dose = (activity.bq * np.float32(full_gy)).astype(np.float32)
    else:
        dose = convolve(activity.bq, model.kernel(activity.geometry))
        dose *= np.float32(full_gy)
    return dose if density_g_ml is None else _in_own_mass(dose, density_g_ml, model.density)


def convolve(activity: NDArray[Any], kernel: VoxelKernel, workers: int | None = None) -> Floats32:
    """`activity` [i, j, k] handed to its neighbours by the shares of the kernel, float32, same shape; what would leave the grid is lost."""
    found = np.zeros(activity.shape, dtype=np.float32)
    block = _support(activity)
    if block is None:
        return found
    x, y, z = (_Along.of(*each) for each in zip(block, kernel.reach, activity.shape, strict=True))
    size = (x.size, y.size, z.size)
    spectrum = _spectrum(kernel, size)
    whole = np.empty((x.held, y.size, size[2] // 2 + 1), dtype=np.complex64)
    given = activity[x.from_, y.from_, z.from_]
    into = found[x.to, y.to, z.to]

    def forward(planes: slice) -> None:
        """Along z and y, plane by plane while they are at hand."""
        part = np.zeros((*given[planes].shape[:2], z.size), dtype=np.float32)
        part[:, :, z.placed] = given[planes]
        rows = np.zeros((part.shape[0], y.size, whole.shape[2]), dtype=np.complex64)
        rows[:, y.placed] = _fft.rfft(part, axis=2, overwrite_x=True)
        whole[planes] = _fft.fft(rows, axis=1, overwrite_x=True)

    def across(rows: slice) -> None:
        """Along x there and back, with the kernel in between. What comes back is as long as what is asked for."""
        lines = np.zeros((x.size, *whole[0, rows].shape), dtype=np.complex64)
        lines[x.placed] = whole[:, rows]
        lines = _fft.fft(lines, axis=0, overwrite_x=True)
        lines *= spectrum[:, rows]
        back[:, rows] = _fft.ifft(lines, axis=0, overwrite_x=True)[: x.asked]

    def backward(planes: slice) -> None:
        rows = _fft.ifft(back[planes], axis=1)[:, : y.asked]
        dose = _fft.irfft(rows, n=z.size, axis=2, overwrite_x=True)[:, :, : z.asked]
        np.maximum(dose, 0.0, out=into[planes])

    back = whole if x.asked == x.held else np.empty((x.asked, *whole.shape[1:]), dtype=np.complex64)
    with ThreadPoolExecutor(workers or os.cpu_count() or 1) as pool:
        for work, length, step in ((forward, x.held, _PLANES), (across, y.size, _ROWS), (backward, x.asked, _PLANES)):
            for _ in pool.map(work, [slice(n, n + step) for n in range(0, length, step)]):
                pass
    return found


@dataclass(frozen=True, slots=True)
class _Along:
    """One axis of a convolution on a circle of `size` voxels, just long enough that what goes around it meets nothing that is asked for.

    `from_`: the activity, `held` voxels; `placed`: where it lies on the circle; `to`: the voxels that it reaches, the first `asked` of the circle.
    """

    from_: slice
    placed: slice
    to: slice
    size: int

    @classmethod
    def of(cls, held: tuple[int, int], reach: int, length: int) -> _Along:
        start, stop = held
        low, high = max(0, start - reach), min(length, stop + reach)
        before, after = start - low, high - stop
        size = int(_fft.next_fast_len(stop - start + reach + max(before, after), real=True))
        return cls(slice(start, stop), slice(before, before + stop - start), slice(low, high), size)

    @property
    def held(self) -> int:
        return self.from_.stop - self.from_.start

    @property
    def asked(self) -> int:
        return self.to.stop - self.to.start


def _spectrum(kernel: VoxelKernel, size: tuple[int, int, int]) -> Floats32:
    """The spectrum of the kernel, real for it is symmetric: a sum of products of three short spectra, [x, y, half of z]."""
    x, y, z = (_transform(profile, n).astype(np.float32) for profile, n in zip(kernel.profiles, size, strict=True))
    x *= kernel.radial.shares.astype(np.float32)[:, None]
    pairs = (x[:, :, None] * y[:, None, :]).reshape(len(x), -1)
    shares: Floats32 = np.matmul(pairs.T, z[:, : size[2] // 2 + 1], dtype=np.float32)
    return shares.reshape(size[0], size[1], -1)


def density_warnings(density_g_ml: NDArray[Any], dose: Floats32) -> tuple[str, ...]:
    """How much of the dosed volume is no soft tissue."""
    seen = dose > 0.01 * float(dose.max(initial=0.0))
    if not seen.any():
        return ()
    other = (density_g_ml[seen] < _LUNG_LIKE_G_ML) | (density_g_ml[seen] > _BONE_LIKE_G_ML)
    share = float(other.mean())
    return (
        (f"{100 * share:.1f} % of the volume above 1 % of the greatest dose is no soft tissue by its density",)
        if share > 0
        else ()
    )


def _in_own_mass(dose: Floats32, density_g_ml: NDArray[Any], tissue_g_ml: float) -> Floats32:
    if density_g_ml.shape != dose.shape or not np.isfinite(density_g_ml).all():
        raise BadInput("the densities do not cover the grid of the activity", hint="Give a CT that covers the liver.")
    other = (density_g_ml < _LUNG_LIKE_G_ML) | (density_g_ml > _BONE_LIKE_G_ML)
    factor = np.where(other, tissue_g_ml / np.maximum(density_g_ml, _LEAST_DENSITY_G_ML), 1.0)
    return (dose * np.where(density_g_ml < _LEAST_DENSITY_G_ML, 0.0, factor)).astype(np.float32)


def _support(array: NDArray[Any]) -> list[tuple[int, int]] | None:
    """The box [start, stop) along each axis outside which the array is zero; None where all of it is."""
    seen: Any = array.any(axis=2)
    box: list[tuple[int, int]] = []
    for line in (seen.any(axis=1), seen.any(axis=0), array.any(axis=(0, 1))):
        held = np.flatnonzero(line)
        if not held.size:
            return None
        box.append((int(held[0]), int(held[-1]) + 1))
    return box


def _transform(profile: NDArray[np.float64], size: int) -> NDArray[np.float64]:
    """Spectrum of each row [g, offset], centred at 0: real, for the rows are symmetric."""
    reach = (profile.shape[1] - 1) // 2
    line = np.zeros((profile.shape[0], size))
    line[:, np.arange(-reach, reach + 1) % size] = profile  # a size of at least 2 reach + 1 keeps the offsets apart
    return np.asarray(_fft.fft(line, axis=1).real)
