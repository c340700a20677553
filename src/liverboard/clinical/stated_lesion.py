"""A lesion as a reader states it or as it was measured: of the liver, and beyond it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from liverboard.clinical.extent import Frozen
from liverboard.clinical.quantity import DensityHu as AnyDensityHu
from liverboard.clinical.quantity import LengthMm as AnyLengthMm
from liverboard.clinical.quantity import Percent, Segments, Text, Truth
from liverboard.clinical.quantity import VolumeMl as AnyVolumeMl

# Beyond these nothing is a size in a person or a density on CT, and sums and products would have no end. What is merely implausible is questioned later.
LengthMm = Annotated[AnyLengthMm, Field(le=10_000)]
VolumeMl = Annotated[AnyVolumeMl, Field(le=1_000_000)]
DensityHu = Annotated[AnyDensityHu, Field(ge=-1024, le=32_767)]
LesionId = Annotated[Text, Field(max_length=100)]
LesionState = Literal["present", "absent", "progressing", "too_small", "not_evaluable"]
Organ = Literal[
    "lymph_node", "primary", "lung", "bone", "peritoneum", "pancreas", "adrenal", "spleen", "pleura", "ascites", "brain", "other"
]  # fmt: skip


class Followed(Frozen):
    """What a reader says of a lesion so that it can be followed from scan to scan.

    `viable`, `viable_short`: longest diameter of the part that enhances in the arterial phase and the diameter across it; 0 where nothing enhances. `density`: mean
    of the portal venous phase on CT. `target`: chosen as target at baseline. `measurable: false`: cannot be measured whatever its size (effusion, blastic bone).
    `state`: what can be said without a size; `too_small`: there, but too small to measure; `progressing`: unequivocal progression of a lesion that is no target.
    `new`: not there before; `equivocal` where only a later scan will tell. `was`: the earlier lesion or lesions that this one is, where it split, merged or was
    renamed. `nodule`: a new or growing nodule within the lesion. `zone`: longest diameter of an ablation zone; `margin`: the least distance between tumour and
    the edge of the zone.
    """

    id: LesionId
    longest: LengthMm | None = None
    short: LengthMm | None = None
    volume: VolumeMl | None = None
    viable: LengthMm | None = None
    viable_short: LengthMm | None = None
    viable_volume: VolumeMl | None = None
    density: DensityHu | None = None
    target: Truth | None = None
    measurable: Truth | None = None
    state: LesionState | None = None
    new: Truth | Literal["equivocal"] | None = None
    was: tuple[LesionId, ...] | None = None
    nodule: Truth | None = None
    zone: LengthMm | None = None
    margin: LengthMm | None = None
    treated: Truth | None = None


class StatedLesion(Followed):
    """A lesion of the liver. Distances run from its surface to the nearest point of the structure; 0 where they touch."""

    segments: Segments | None = None
    segment_shares: tuple[Percent, ...] | None = None
    capsule_distance: LengthMm | None = None
    vessel_distance: LengthMm | None = None
    bile_duct_distance: LengthMm | None = None
    hypervascular: Truth | None = None

    @model_validator(mode="after")
    def _shares_fit(self) -> StatedLesion:
        if self.segment_shares is not None and len(self.segment_shares) != len(self.segments or ()):
            raise ValueError("segment_shares needs one share for each of segments, in their order")
        return self


class ExtrahepaticLesion(Followed):
    """A lesion outside the liver. Of a `lymph_node` the short axis counts."""

    organ: Organ
