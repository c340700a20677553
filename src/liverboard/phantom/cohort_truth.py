"""What is true in a synthetic registry: effects of the treatments, who is chosen for which, how centres differ, and why facts are missing.

Every number here is invented, so that an analysis can be checked against a truth that is known. None is a finding, and none comes from a study.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

from liverboard.clinical.extent import Frozen

Treatment = Literal["tae", "ctace", "debtace", "sirt_resin", "prrt"]
TREATMENTS: Final[tuple[Treatment, ...]] = (
    "tae",
    "ctace",
    "debtace",
    "sirt_resin",
    "prrt",
)  # the first is what the others are compared with

# In linear predictors. `age_10`: (age - 62) / 10; `log_burden`: ln(burden in % / 15); `g2`, `g3`, the others: 0 or 1; `ecog`: 0 to 2.
Covariate = Literal["age_10", "g2", "g3", "log_burden", "ecog", "extrahepatic", "pancreas", "portal"]
COVARIATES: Final[tuple[Covariate, ...]] = (
    "age_10", "g2", "g3", "log_burden", "ecog", "extrahepatic", "pancreas", "portal",
)  # fmt: skip


class Hazard(Frozen):
    """A proportional hazard from the day of the board on: Weibull, hazard = shape / scale * (t / scale)^(shape - 1) * exp(sum of the log ratios), t in months.

    `treatments`: log hazard ratios of what the board chose against `tae`, whether or not it was given; `covariates`: per unit, at the day of the board.
    Progression in the liver and death are independent given treatment and covariates.
    """

    shape: float
    scale_months: float
    treatments: Mapping[Treatment, float]
    covariates: Mapping[Covariate, float]


class Chances(Frozen):
    """A logistic model: logit of the probability = `intercept` + sum of coefficients. Keys: treatments, covariates, or what `Missing` adds."""

    intercept: float
    coefficients: Mapping[str, float] = {}


class Missing(Frozen):
    """Why a fact is not recorded at the board: `mcar` (by chance), `mar` (by what is recorded), `mnar` (by the value itself).

    The logit of being missing: `chances`, plus the centre's own `paperwork`. Keys beside the covariates: `functioning`, `years_since_2010`.
    """

    fact: str
    mechanism: Literal["mcar", "mar", "mnar"]
    chances: Chances
    by_centre: bool = False


class Centre(Frozen):
    """How one centre works. `leaning`: added to the utility of each treatment; `paperwork`: added to the logit of missing items that go by centre.

    `stasis`, `chemotherapy`, `particle_um`: how often each is used; `interval_weeks`: between two sessions; `wait_days`: median from board to treatment;
    `scan_months`: between two scans; `lost_per_year`: hazard of being lost to follow-up.
    """

    name: str
    share: float
    leaning: Mapping[Treatment, float]
    paperwork: float
    stasis: Mapping[Literal["stasis", "near_stasis", "sub_stasis"], float]
    chemotherapy: Mapping[Literal["doxorubicin", "streptozotocin", "mitomycin_c"], float]
    particle_um: Mapping[Literal["40-120", "100-300", "300-500"], float]
    interval_weeks: float
    wait_days: float
    scan_months: float
    lost_per_year: float


class CohortTruth(Frozen):
    """Everything that the cases are drawn from.

    `choice`: coefficients of a multinomial logistic model of what the board chooses, against `tae`; `per_year`: added for each year since 2010.
    `response`: partial response at the first scan of those who have not progressed. `severe`: an adverse event of grade 3 within 30 days of a session.
    """

    progression: Hazard
    survival: Hazard
    choice: Mapping[Treatment, Mapping[Covariate, float]]
    per_year: Mapping[Treatment, float]
    response: Chances
    severe: Chances
    missing: tuple[Missing, ...]
    centres: tuple[Centre, ...]


def _centre(name: str, share: float, leaning: tuple[float, ...], paperwork: float, stasis: tuple[float, float, float], regimen: tuple[float, float, float],
            particles: tuple[float, float, float], weeks: float, wait: float, scan: float, lost: float) -> Centre:  # fmt: skip
    return Centre(
        name=name,
        share=share,
        leaning=dict(zip(TREATMENTS, leaning, strict=True)),
        paperwork=paperwork,
        stasis=dict(zip(("stasis", "near_stasis", "sub_stasis"), stasis, strict=True)),
        chemotherapy=dict(zip(("doxorubicin", "streptozotocin", "mitomycin_c"), regimen, strict=True)),
        particle_um=dict(zip(("40-120", "100-300", "300-500"), particles, strict=True)),
        interval_weeks=weeks,
        wait_days=wait,
        scan_months=scan,
        lost_per_year=lost,
    )


DEFAULT_TRUTH: Final = CohortTruth(
    progression=Hazard(
        shape=1.15,
        scale_months=30.0,
        treatments={"tae": 0.0, "ctace": -0.05, "debtace": 0.10, "sirt_resin": -0.20, "prrt": -0.30},
        covariates={"age_10": 0.0, "g2": 0.35, "g3": 0.90, "log_burden": 0.25, "ecog": 0.10, "extrahepatic": 0.15, "pancreas": 0.25, "portal": 0.20},
    ),
    survival=Hazard(
        shape=1.25,
        scale_months=95.0,
        treatments={"tae": 0.0, "ctace": 0.0, "debtace": 0.10, "sirt_resin": -0.10, "prrt": -0.20},
        covariates={"age_10": 0.25, "g2": 0.35, "g3": 1.00, "log_burden": 0.35, "ecog": 0.45, "extrahepatic": 0.30, "pancreas": 0.15, "portal": 0.35},
    ),
    choice={
        "tae": {},
        "ctace": {"g2": 0.15, "age_10": -0.10},
        "debtace": {"log_burden": -0.45, "pancreas": 0.25},
        "sirt_resin": {"log_burden": 0.55, "portal": 1.50, "ecog": 0.35, "g2": 0.30, "g3": 0.60, "age_10": 0.25},
        "prrt": {"extrahepatic": 1.30, "g3": -0.60, "log_burden": 0.15},
    },
    per_year={"tae": 0.0, "ctace": 0.0, "debtace": -0.06, "sirt_resin": 0.09, "prrt": 0.11},
    response=Chances(intercept=-0.2, coefficients={"ctace": 0.10, "sirt_resin": -0.20, "prrt": -0.70, "log_burden": -0.30, "g3": -0.40}),
    severe=Chances(intercept=-2.6, coefficients={"ctace": 0.25, "debtace": 0.50, "sirt_resin": -0.10, "prrt": -0.80, "log_burden": 0.35, "ecog": 0.30}),
    missing=(
        Missing(fact="ki67", mechanism="mar", chances=Chances(intercept=-1.2, coefficients={"years_since_2010": -0.12})),
        Missing(fact="mitoses_per_2mm2", mechanism="mcar", chances=Chances(intercept=-0.4)),
        Missing(fact="ecog", mechanism="mnar", chances=Chances(intercept=-0.9, coefficients={"ecog": -0.8})),
        Missing(fact="albumin", mechanism="mar", chances=Chances(intercept=-1.8), by_centre=True),
        Missing(fact="chromogranin_a", mechanism="mar", chances=Chances(intercept=0.3, coefficients={"functioning": -1.5}), by_centre=True),
        Missing(fact="u5hiaa", mechanism="mar", chances=Chances(intercept=1.6, coefficients={"functioning": -2.6})),
        Missing(fact="tumour_volume", mechanism="mnar", chances=Chances(intercept=0.2, coefficients={"log_burden": -0.6}), by_centre=True),
        Missing(fact="portal_vein", mechanism="mcar", chances=Chances(intercept=-1.5)),
        Missing(fact="eortc", mechanism="mcar", chances=Chances(intercept=1.1)),
        Missing(fact="end_point", mechanism="mar", chances=Chances(intercept=-0.8), by_centre=True),
    ),
    centres=(
        _centre("synthetic-a", 0.30, (0.0, 0.6, -0.6, 0.2, -0.6), -0.8, (0.2, 0.6, 0.2), (0.8, 0.1, 0.1), (0.1, 0.5, 0.4), 6, 24, 3, 0.03),
        _centre("synthetic-b", 0.22, (0.3, -0.8, 0.2, -0.3, -0.8), 0.3, (0.7, 0.2, 0.1), (0.4, 0.6, 0.0), (0.5, 0.4, 0.1), 4, 38, 4, 0.06),
        _centre("synthetic-c", 0.18, (0.0, -0.2, -0.9, 1.0, 0.0), -0.3, (0.1, 0.4, 0.5), (0.6, 0.0, 0.4), (0.1, 0.3, 0.6), 8, 31, 3, 0.04),
        _centre("synthetic-d", 0.14, (0.2, 0.4, 0.3, -0.6, -0.2), 0.8, (0.4, 0.4, 0.2), (0.9, 0.0, 0.1), (0.2, 0.6, 0.2), 5, 45, 6, 0.09),
        _centre("synthetic-e", 0.10, (0.0, -0.4, -0.2, 0.3, 0.8), 0.0, (0.3, 0.5, 0.2), (0.5, 0.4, 0.1), (0.3, 0.5, 0.2), 6, 28, 4, 0.05),
        _centre("synthetic-f", 0.06, (0.0, 0.9, 0.1, -1.2, -1.0), 0.5, (0.6, 0.3, 0.1), (0.3, 0.1, 0.6), (0.0, 0.4, 0.6), 10, 52, 6, 0.08),
    ),
)  # fmt: skip
