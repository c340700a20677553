"""The radioembolisation of a dossier: what was planned, given and delivered, against which limits, in figures."""

from __future__ import annotations

import datetime as dt

from pydantic import Field

from liverboard.clinical.extent import Frozen
from liverboard.options.report import Source
from liverboard.sirt.dose_curve import DoseCurve
from liverboard.sirt.verify import Verification


class SirtDose(Frozen):
    """A mean dose with its 95 % interval, and BED with the band that contested parameters leave; None: not known."""

    name: str
    mean_gy: float
    low_gy: float | None = None
    high_gy: float | None = None
    bed_gy: float | None = None
    bed_low_gy: float | None = None
    bed_high_gy: float | None = None
    volume_ml: float | None = None


class SirtLimitLine(Frozen):
    """A limit or target beside a dose. `probability` (0..1): that it is kept; None where errors were not stated. `borrowed`: in whom it was set."""

    id: str
    says: str
    limit_gy: float | None = None
    kept: bool | None = None
    probability: float | None = None
    source: Source | None = None
    borrowed: str = ""
    binding: bool = Field(default=False, description="the limit that a growing activity reaches first")


class SirtPlanned(Frozen):
    """The plan. Shares 0..1."""

    event: str
    date: dt.date
    model: str | None = None
    convention: str | None = None
    scenario: str | None = None
    activity_gbq: float | None = None
    target: str | None = None
    target_dose_gy: float | None = None
    lung_shunt_fraction: float | None = None
    lung_dose_gy: float | None = None
    lung_mass_kg: float | None = None
    lung_mass_method: str | None = None
    tumour_to_normal_ratio: float | None = None
    perfused_volume_ml: float | None = None
    target_volume_ml: float | None = None
    dose_constant_gy_kg_per_gbq: float | None = None
    doses: tuple[SirtDose, ...] = ()
    limits: tuple[SirtLimitLine, ...] = ()
    binding: str = ""
    assumptions: tuple[str, ...] = ()


class SirtGiven(Frozen):
    """The treatment itself."""

    event: str
    date: dt.date
    prepared_activity_gbq: float | None = None
    injected_activity_gbq: float | None = None
    residual_fraction: float | None = None
    stasis: str | None = None


class SirtDelivered(Frozen):
    """Doses of the image after treatment, by `method`; `total_activity_gbq`: what the image stands for."""

    event: str
    date: dt.date
    modality: str
    method: str
    total_activity_gbq: float
    doses: tuple[SirtDose, ...] = ()
    curves: tuple[DoseCurve, ...] = ()
    limits: tuple[SirtLimitLine, ...] = ()
    assumptions: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


class SirtSection(Frozen):
    """The latest radioembolisation, planned or done. `lacking`: what is not shown, and why."""

    technique: str
    planned: SirtPlanned | None = None
    given: SirtGiven | None = None
    delivered: SirtDelivered | None = None
    verification: Verification | None = None
    lacking: tuple[str, ...] = ()
