"""Response to treatment: lesions at time points, and what a criterion makes of them. Lengths in mm, volumes in mL, density in HU."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Literal

from liverboard.clinical.extent import Frozen
from liverboard.clinical.stated_lesion import LesionState

Criterion = Literal["recist11", "mrecist", "easl", "who", "choi", "mchoi", "volumetric", "viable_volume"]
Category = Literal["CR", "PR", "SD", "PD", "NE", "non-CR/non-PD"]
TargetResponse = Literal["CR", "PR", "SD", "PD", "NE"]
NonTargetResponse = Literal["CR", "non-CR/non-PD", "PD", "NE"]
Scope = Literal["patient", "liver"]


@dataclass(frozen=True, slots=True)
class LesionAt:
    """One lesion on one day. None: not said. The keys mean what they mean in the case file.

    `roots`: the first names of the lesion, or of the lesions that became it; lesions of two days with a root in common are the same. `treated_on`: the last local
    treatment before that day; `treated`: there was one, its day known or not; `ablated_on`: the last ablation before that day.
    """

    id: str
    roots: frozenset[str]
    organ: str = "liver"
    longest_mm: float | None = None
    short_mm: float | None = None
    volume_ml: float | None = None
    viable_mm: float | None = None
    viable_short_mm: float | None = None
    viable_ml: float | None = None
    density_hu: float | None = None
    hypervascular: bool | None = None
    state: LesionState | None = None
    target: bool | None = None
    measurable: bool | None = None
    new: bool | Literal["equivocal"] | None = None
    nodule: bool | None = None
    zone_mm: float | None = None
    margin_mm: float | None = None
    treated: bool = False
    treated_on: dt.date | None = None
    ablated_on: dt.date | None = None

    @property
    def is_node(self) -> bool:
        return self.organ == "lymph_node"

    @property
    def in_liver(self) -> bool:
        return self.organ == "liver"


@dataclass(frozen=True, slots=True)
class TimePoint:
    """What one imaging says. `complete`: it lists every lesion of the liver. `new_lesions`: the reader's word on whether any appeared.

    `outside`: disease outside the liver, where no lesions are listed for it; None: nothing is said. `outside_progressing`: the reader's word on it.
    """

    date: dt.date
    event: str
    lesions: tuple[LesionAt, ...]
    complete: bool = True
    new_lesions: bool | None = None
    modality: str | None = None
    slice_mm: float | None = None
    outside: Literal["none", "limited", "extensive"] | None = None
    outside_listed: bool = False
    outside_progressing: bool | None = None


@dataclass(frozen=True, slots=True)
class Session:
    """A treatment that a course consists of: a procedure, or the start of a drug."""

    date: dt.date
    what: str
    event: str


class Judgement(Frozen):
    """What a criterion says of one day against the baseline of its course.

    `scope`: what the category covers; `liver` where nothing is known of the rest. `sum_mm`: for criteria that add diameters; `total` in `unit` for all.
    `change_percent`: against the baseline; `nadir_change_percent`: against the smallest sum before. `since`: the day from which progression counts, where it is
    earlier than this one. `early`: the sizes come too soon after a treatment to be judged. `basis`: the reasons, the deciding one first.
    """

    criterion: Criterion
    date: dt.date
    category: Category
    scope: Scope
    target: TargetResponse | None = None
    non_target: NonTargetResponse | None = None
    new_lesion: bool | None = None
    sum_mm: float | None = None
    total: float | None = None
    unit: str = "mm"
    baseline_total: float | None = None
    nadir_total: float | None = None
    change_percent: float | None = None
    nadir_change_percent: float | None = None
    targets: tuple[str, ...] = ()
    since: dt.date | None = None
    early: bool = False
    basis: tuple[str, ...] = ()


class BestResponse(Frozen):
    """The best overall response of a course with its times in days from the start; a time is None where the event has not happened.

    `confirmed`: None where no response was seen; False: seen and not (yet) confirmed. `without_confirmation`: the best response if none were asked for.
    `followed_days`: to the last day that could be judged; time to progression is censored there while no progression is seen.
    """

    criterion: Criterion
    scope: Scope
    category: Category
    without_confirmation: Category
    confirmed: bool | None = None
    response_days: int | None = None
    progression_days: int | None = None
    followed_days: int | None = None
    basis: tuple[str, ...] = ()
