"""Biologically effective dose of a source that decays in place, EQD2, and the band that contested parameters leave."""

from __future__ import annotations

import math
from typing import Literal

from liverboard.clinical.extent import Frozen
from liverboard.errors import BadInput
from liverboard.knowledge import load_yaml
from liverboard.sirt.activity import positive
from liverboard.sirt.decay import Nuclide

Tissue = Literal["tumour", "normal_liver"]


class Effect(Frozen):
    """BED and EQD2 in Gy with their bands over the ranges of alpha/beta (Gy) and repair half-time (h). Never shown without the band."""

    tissue: Tissue
    bed_gy: float
    bed_band_gy: tuple[float, float]
    eqd2_gy: float
    eqd2_band_gy: tuple[float, float]
    alpha_beta_gy: float
    alpha_beta_range_gy: tuple[float, float]
    repair_half_time_h: float
    repair_range_h: tuple[float, float]
    sources: tuple[str, ...]


def dose_rate_factor(of: Nuclide, repair_half_time_h: float) -> float:
    """G of an exponentially decaying source until all has decayed: T_rep / (T_rep + T_phys), both half-lives. Raises BadInput."""
    repair = positive(repair_half_time_h, "the repair half-time", "h")
    return repair / (repair + of.half_life_h)


def bed_gy(dose_gy: float, alpha_beta_gy: float, factor: float) -> float:
    """BED = D (1 + G D / (alpha/beta)). Raises BadInput: a negative dose, or parameters not above 0."""
    if not (math.isfinite(dose_gy) and dose_gy >= 0):
        raise BadInput(f"a dose cannot be {dose_gy:g} Gy", hint="Give 0 or more.")
    return dose_gy * (
        1 + positive(factor, "the dose-rate factor") * dose_gy / positive(alpha_beta_gy, "alpha/beta", "Gy")
    )


def eqd2_gy(bed: float, alpha_beta_gy: float) -> float:
    """The dose in fractions of 2 Gy of the same BED: BED / (1 + 2 / (alpha/beta)). Raises BadInput."""
    return bed / (1 + 2 / positive(alpha_beta_gy, "alpha/beta", "Gy"))


def effect(dose_gy: float, tissue: Tissue, of: Nuclide) -> Effect:
    """BED and EQD2 of a uniform dose with the defaults of the constants file and their bands.

    BED falls with alpha/beta and grows with the repair time, so the corners of the ranges bound it; EQD2 is taken over all four corners. A mean dose hides cold
    spots: of an uneven one the BED is only that of its mean. Raises BadInput.
    """
    data = load_yaml("constants/sirt.yaml")["radiobiology"][tissue]
    ratio, repair = data["alpha_beta"], data["repair_half_time"]
    corners = [
        (bed, eqd2_gy(bed, a))
        for a in (ratio["low"], ratio["high"])
        for t in (repair["low"], repair["high"])
        for bed in [bed_gy(dose_gy, a, dose_rate_factor(of, t))]
    ]
    bed = bed_gy(dose_gy, ratio["value"], dose_rate_factor(of, repair["value"]))
    beds, eqd2s = zip(*corners, strict=True)
    named = {entry[key] for entry in (ratio, repair) for key in ("source", "range_from")}
    return Effect(
        tissue=tissue,
        bed_gy=bed,
        bed_band_gy=(min(beds), max(beds)),
        eqd2_gy=eqd2_gy(bed, ratio["value"]),
        eqd2_band_gy=(min(eqd2s), max(eqd2s)),
        alpha_beta_gy=ratio["value"],
        alpha_beta_range_gy=(ratio["low"], ratio["high"]),
        repair_half_time_h=repair["value"],
        repair_range_h=(repair["low"], repair["high"]),
        sources=tuple(sorted(named)),
    )
