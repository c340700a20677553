"""ALBI and Child-Pugh: pure functions of canonical units. Albumin borders of Child-Pugh follow one fixed edition, named here."""

from __future__ import annotations

import math
from typing import Final, Literal

from liverboard.units import Constant

_ALBI: Final = "albi_mohammadi_2017"
ALBI_BILIRUBIN: Final = Constant(
    "ALBI weight of log10(bilirubin in umol/L)", 0.66, "1", _ALBI, "2017, formula as printed"
)
ALBI_ALBUMIN: Final = Constant("ALBI weight of albumin in g/L", -0.085, "L/g", _ALBI, "2017, formula as printed")
ALBI_GRADE_1_UP_TO: Final = Constant(
    "ALBI score up to which the grade is 1", -2.60, "1", "albi_grade_cuts", "as printed"
)
ALBI_GRADE_2_UP_TO: Final = Constant(
    "ALBI score up to which the grade is 2", -1.39, "1", "albi_grade_cuts", "as printed"
)

_PUGH: Final = "child_pugh_ccjm"
CHILD_PUGH_EDITION: Final = "CCJM table 1 (albumin cut at 28 and 35 g/L; another printed table cuts at 30 g/L)"
BILIRUBIN_2_FROM: Final = Constant(
    "bilirubin from which Child-Pugh gives 2 points", 34.0, "umol/L", _PUGH, CHILD_PUGH_EDITION
)
BILIRUBIN_3_ABOVE: Final = Constant(
    "bilirubin above which Child-Pugh gives 3 points", 51.0, "umol/L", _PUGH, CHILD_PUGH_EDITION
)
INR_2_FROM: Final = Constant("INR from which Child-Pugh gives 2 points", 1.7, "1", _PUGH, CHILD_PUGH_EDITION)
INR_3_ABOVE: Final = Constant("INR above which Child-Pugh gives 3 points", 2.3, "1", _PUGH, CHILD_PUGH_EDITION)
ALBUMIN_1_ABOVE: Final = Constant(
    "albumin above which Child-Pugh gives 1 point", 35.0, "g/L", _PUGH, CHILD_PUGH_EDITION
)
ALBUMIN_3_BELOW: Final = Constant(
    "albumin below which Child-Pugh gives 3 points", 28.0, "g/L", _PUGH, CHILD_PUGH_EDITION
)

_ASCITES: Final = {"none": 1, "mild": 2, "moderate": 3}
_ENCEPHALOPATHY: Final = {"none": 1, "grade_1_2": 2, "grade_3_4": 3}


def albi_score(bilirubin_umol_l: float, albumin_g_l: float) -> float | None:
    """ALBI score; None for a bilirubin of 0, of which there is no logarithm."""
    if bilirubin_umol_l <= 0:
        return None
    return ALBI_BILIRUBIN.value * math.log10(bilirubin_umol_l) + ALBI_ALBUMIN.value * albumin_g_l


def albi_grade(score: float) -> Literal[1, 2, 3]:
    """Grade of an ALBI score; a border belongs to the better grade."""
    return 1 if score <= ALBI_GRADE_1_UP_TO.value else 2 if score <= ALBI_GRADE_2_UP_TO.value else 3


def child_pugh_points(
    bilirubin_umol_l: float, albumin_g_l: float, inr: float, ascites: str, encephalopathy: str
) -> int:
    """Points, 5 to 15, of the edition named in `CHILD_PUGH_EDITION`. Made for cirrhosis."""
    return (
        _rising(bilirubin_umol_l, BILIRUBIN_2_FROM, BILIRUBIN_3_ABOVE)
        + (1 if albumin_g_l > ALBUMIN_1_ABOVE.value else 3 if albumin_g_l < ALBUMIN_3_BELOW.value else 2)
        + _rising(inr, INR_2_FROM, INR_3_ABOVE)
        + _ASCITES[ascites]
        + _ENCEPHALOPATHY[encephalopathy]
    )


def child_pugh_class(points: int) -> Literal["A", "B", "C"]:
    """A up to 6 points, B up to 9, C above."""
    return "A" if points <= 6 else "B" if points <= 9 else "C"


def _rising(value: float, two_from: Constant, three_above: Constant) -> int:
    return 1 if value < two_from.value else 3 if value > three_above.value else 2
