"""What a CT scanner would show: tissue values by phase, the scanner's blur and its noise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.ndimage
from numpy.typing import NDArray

from liverboard.phantom.anatomy import body
from liverboard.volume import Geometry

_ndimage: Any = scipy.ndimage  # it has no types
_np: Any = np  # some of its functions are typed in part
Tissues = NDArray[np.uint8]
(
    AIR,
    FAT,
    MUSCLE,
    BONE,
    LUNG,
    BOWEL,
    SPLEEN,
    STOMACH,
    KIDNEY,
    AORTA,
    CAVA,
    GALLBLADDER,
    HEART,
    LIVER,
    HEPATIC_VEIN,
    PORTAL_VEIN,
    DUCT,
    NECROSIS,
) = range(18)
PHASES = ("native", "arterial", "portal", "delayed")
# Hounsfield units by tissue in the four phases; round values of the kind that textbooks show, chosen for this phantom.
HU: Mapping[int, tuple[int, int, int, int]] = {
    AIR: (-1000, -1000, -1000, -1000), FAT: (-100, -98, -96, -97), MUSCLE: (52, 58, 64, 62), BONE: (260, 265, 270, 265), LUNG: (-840, -830, -825, -830),
    BOWEL: (22, 45, 62, 55), SPLEEN: (48, 125, 118, 98), STOMACH: (12, 14, 14, 14), KIDNEY: (32, 150, 185, 165), AORTA: (42, 320, 155, 118),
    CAVA: (40, 75, 140, 120), GALLBLADDER: (8, 8, 8, 8), HEART: (42, 210, 150, 115), LIVER: (56, 70, 110, 95), HEPATIC_VEIN: (42, 68, 165, 128),
    PORTAL_VEIN: (42, 108, 178, 130), DUCT: (8, 8, 8, 8), NECROSIS: (34, 36, 40, 42),
}  # fmt: skip
LESION_HU: tuple[int, int, int, int] = (48, 134, 103, 84)
_BLUR_MM = 0.6


@dataclass(frozen=True, slots=True, eq=False)
class Paint:
    """Voxels of a block (its first index and a mask) with their own values by phase."""

    start: tuple[int, int, int]
    mask: NDArray[np.bool_]
    hu: tuple[float, float, float, float]


def surroundings(geometry: Geometry, bowel: NDArray[np.float32]) -> Tissues:
    """The abdomen without the liver. `bowel`: a smooth random field, of any shape; it is stretched over the grid."""
    tissue = np.zeros(geometry.shape, dtype=np.uint8, order="F")
    x, y, z = (
        (geometry.affine[a, 3] + geometry.affine[a, a] * np.arange(geometry.shape[a])).astype(np.float32)
        for a in range(3)
    )
    across, down = x[:, None], y[None, :]
    step = [(m - 1) / max(n - 1, 1) for m, n in zip(bowel.shape, geometry.shape, strict=True)]
    skin = body((across, down, np.zeros((1, 1), np.float32)))
    dome = np.maximum(
        104 - 0.0095 * ((across + 72) ** 2 + (down - 2) ** 2), 92 - 0.009 * ((across - 72) ** 2 + (down - 5) ** 2)
    )
    spine = ((across / 22) ** 2 + ((down - 62) / 17) ** 2) < 1
    canal = ((across / 10) ** 2 + ((down - 87) / 9) ** 2) < 1
    arch = (((across / 19) ** 2 + ((down - 88) / 17) ** 2) < 1) & ~canal
    back = ((((np.abs(across) - 34) / 27) ** 2 + ((down - 84) / 21) ** 2) < 1) & (skin < -15)
    for k, height in enumerate(z):
        part = tissue[:, :, k]
        inside = skin < -27
        part[skin < 0] = FAT
        part[(skin < -17) | back] = MUSCLE
        part[inside] = FAT
        low = min(int(k * step[2]), bowel.shape[2] - 2)
        between = bowel[:, :, low] + (k * step[2] - low) * (bowel[:, :, low + 1] - bowel[:, :, low])
        field: Any = _ndimage.affine_transform(between, step[:2], output_shape=geometry.shape[:2], order=1)
        part[inside & (field > 0.35) & (height < 20) & (down < 45)] = BOWEL
        part[inside & (height > dome) & (skin < -28)] = LUNG
        rib = (skin < -18) & (skin > -26) & (np.mod(height + 0.55 * down + 400, 27) < 8) & (down > -95)
        part[rib] = BONE
        part[back] = MUSCLE
        part[spine | (arch & (np.mod(height + 300, 30) < 18))] = BONE
        part[canal] = MUSCLE
        vertebra_gap = spine & (np.mod(height + 300, 30) < 4)
        part[vertebra_gap] = MUSCLE
    return tissue


ORGANS: Sequence[tuple[int, tuple[float, float, float], tuple[float, float, float]]] = (
    (HEART, (12, -42, 138), (62, 46, 48)), (SPLEEN, (104, 34, 30), (30, 48, 54)), (STOMACH, (70, -30, 36), (42, 36, 50)),
    (KIDNEY, (-64, 56, -82), (28, 26, 52)), (KIDNEY, (62, 54, -66), (28, 26, 54)),
)  # fmt: skip


def phase_image(
    tissue: Tissues, paints: Sequence[Paint], phase: str, geometry: Geometry, noise_hu: float, seed: Sequence[int]
) -> NDArray[np.int16]:
    """The image of one phase in HU: values, blur of the scanner, noise with a grain of about a voxel. The noise depends on the seed alone."""
    number = PHASES.index(phase)
    table = np.zeros(256, dtype=np.float32)
    for kind, values in HU.items():
        table[kind] = values[number]
    image: Any = table[tissue]
    for paint in paints:
        box = tuple(slice(s, s + n) for s, n in zip(paint.start, paint.mask.shape, strict=True))
        image[box][paint.mask] = paint.hu[number]
    image = _ndimage.gaussian_filter(image, [min(_BLUR_MM / s, 1.0) for s in geometry.spacing_mm], truncate=2.5)
    random = np.random.Generator(np.random.SFC64(list(seed)))
    grain = random.standard_normal(geometry.shape[::-1], dtype=np.float32).T
    grain = _ndimage.gaussian_filter(grain, 0.55, truncate=2.5)
    grain *= np.float32(noise_hu / max(float(grain[::4, ::4, ::4].std()), 1e-6))
    image += grain
    return _np.clip(_np.round(image), -1024, 3071).astype(np.int16)
