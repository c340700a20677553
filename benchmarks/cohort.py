"""A synthetic cohort as a frame of facts: values spread as in clinic, a fifth of them unknown. No patient; the same seed gives the same cases."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl

from liverboard.clinical.dictionary import FactDefinition, load_dictionary
from liverboard.rules.evaluate import column_type
from liverboard.rules.rule import OPTIONS

# (median, spread of the logarithm) of facts that are spread like a logarithm; the others are even over the lower half of their plausible range.
_LOGNORMAL = {
    "bilirubin_umol_l": (11, 0.6), "bilirubin_x_uln": (0.6, 0.6), "ast_x_uln": (0.8, 0.6), "alt_x_uln": (0.8, 0.6), "creatinine_umol_l": (80, 0.35),
    "platelets_1e9_l": (220, 0.4), "leukocytes_1e9_l": (6.5, 0.35), "neutrophils_1e9_l": (4, 0.4), "ki67_percent": (5, 1.0), "largest_lesion_mm": (38, 0.7),
    "liver_volume_ml": (1700, 0.25), "tumour_volume_ml": (150, 1.2), "liver_burden_percent": (12, 1.1), "inr": (1.05, 0.12), "ntprobnp_ng_l": (150, 1.0),
    "chromogranin_a_x_uln": (4, 1.3), "u5hiaa_x_uln": (2.5, 1.1), "lung_shunt_fraction": (0.06, 0.7), "lung_dose_gy": (6, 0.8), "lung_activity_gbq": (0.1, 0.8),
    "tumour_to_normal_ratio": (3, 0.6), "mitoses_per_2mm2": (2, 1.1),
}  # fmt: skip
_NORMAL = {
    "albumin_g_l": (39, 5), "egfr_ml_min": (80, 20), "haemoglobin_g_l": (128, 17), "age_years": (63, 11), "weight_kg": (74, 15), "height_cm": (170, 9),
    "oxygen_saturation_percent": (96, 2), "future_remnant_percent": (45, 15), "clearable_percent": (65, 25),
}  # fmt: skip
_DECIMALS = 3  # of a measured value, as a laboratory writes it
_RARE = 0.08  # of findings such as a biliary stent
_COMMON = {
    "hypervascular",
    "liver_dominant",
    "fit_for_major_surgery",
    "life_expectancy_over_3_months",
    "hepatic_progression",
    "progression",
    "on_ssa",
}


def synthetic_cohort(cases: int, *, seed: int = 1, unknown: float = 0.2) -> pl.DataFrame:
    """One row a case: `case`, every fact of the dictionary as a typed column, `chosen`."""
    random = np.random.default_rng(seed)
    columns: dict[str, Any] = {"case": pl.Series(np.arange(cases)).cast(pl.String).str.zfill(7)}
    for name, fact in load_dictionary().items():
        values = _values(fact, cases, random)
        known = random.random(cases) >= unknown
        columns[name] = pl.select(pl.when(pl.Series(known)).then(values)).to_series()
    columns["chosen"] = pl.Series(random.choice(np.array(OPTIONS), cases))
    return pl.DataFrame(columns)


def _values(fact: FactDefinition, cases: int, random: np.random.Generator) -> pl.Series:
    low, high = fact.plausible or (0.0, 2000.0)  # days or months since a treatment
    drawn: Any
    if fact.type == "boolean":
        drawn = random.random(cases) < (0.6 if fact.name in _COMMON else _RARE)
    elif fact.type == "enum":  # the first word is the usual one
        share = 0.3 ** np.arange(len(fact.values))
        return pl.Series(random.choice(len(fact.values), cases, p=share / share.sum()).astype(np.uint8)).cast(
            column_type(fact)
        )
    elif fact.type == "integer" and (fact.name.startswith("prior_") or high - low < 12):
        drawn = np.clip(random.poisson(0.4, cases) + int(low), low, high).astype(np.int64)
    elif fact.type == "integer":
        drawn = np.clip(random.exponential((high - low) / 40, cases) + low, low, high).astype(np.int64)
    elif fact.name in _LOGNORMAL:
        median, spread = _LOGNORMAL[fact.name]
        drawn = np.clip(median * np.exp(spread * random.standard_normal(cases)), low, high)
    elif fact.name in _NORMAL:
        mean, spread = _NORMAL[fact.name]
        drawn = np.clip(mean + spread * random.standard_normal(cases), low, high)
    else:
        drawn = random.uniform(low, low + (high - low) / 2, cases)
    return pl.Series(np.round(drawn, _DECIMALS) if fact.type == "number" else drawn)
