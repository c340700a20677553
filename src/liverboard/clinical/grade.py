"""WHO grade of a gastro-entero-pancreatic neuroendocrine neoplasm from its raw values (WHO 2019/2022). A grade that was read off a report is never used."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from liverboard.units import Constant

Grade = Literal["G1", "G2", "G3", "NEC", "MiNEN"]

_SOURCE: Final = "who_2019_grade_table"
_EDITION: Final = "WHO 2019/2022"
KI67_G2_FROM: Final = Constant("Ki-67 from which a well-differentiated tumour is G2", 3.0, "%", _SOURCE, _EDITION)
KI67_G3_ABOVE: Final = Constant("Ki-67 above which a well-differentiated tumour is G3", 20.0, "%", _SOURCE, _EDITION)
MITOSES_G2_FROM: Final = Constant(
    "mitoses from which a well-differentiated tumour is G2", 2.0, "per 2 mm2", _SOURCE, _EDITION
)
MITOSES_G3_ABOVE: Final = Constant(
    "mitoses above which a well-differentiated tumour is G3", 20.0, "per 2 mm2", _SOURCE, _EDITION
)

_OTHER_SCHEME: Final = frozenset({"lung", "thymus"})
_STEPS: Final[tuple[Grade, ...]] = ("G1", "G2", "G3")
RANK: Final[dict[Grade, int]] = {"G1": 1, "G2": 2, "G3": 3, "MiNEN": 3, "NEC": 4}


@dataclass(frozen=True, slots=True)
class Graded:
    """A grade, or None, with the reason in words."""

    value: Grade | None
    trace: str


def who_grade(
    differentiation: str | None,
    ki67_percent: float | None,
    mitoses_per_2mm2: float | None,
    primary_site: str | None = None,
) -> Graded:
    """Grade from morphology and the raw values; the higher of the two indices wins.

    None without differentiation (a poorly differentiated tumour is NEC whatever its Ki-67), without both indices, and for lung and thymus, whose
    scheme is another. From one index alone the grade is a lower bound, which the trace says.
    """
    if primary_site in _OTHER_SCHEME:
        return Graded(
            None,
            f"a primary of the {primary_site} is classified by another scheme (typical, atypical carcinoid); not graded here",
        )
    if differentiation is None:
        return Graded(None, "differentiation is not stated; poor differentiation would be NEC whatever the Ki-67")
    if differentiation == "poor":
        return Graded("NEC", "poorly differentiated: carcinoma by morphology")
    if differentiation == "mixed":
        return Graded("MiNEN", "mixed neoplasm; its components are graded apart where feasible")
    by_ki67 = None if ki67_percent is None else _step(ki67_percent, KI67_G2_FROM, KI67_G3_ABOVE)
    by_mitoses = None if mitoses_per_2mm2 is None else _step(mitoses_per_2mm2, MITOSES_G2_FROM, MITOSES_G3_ABOVE)
    if by_ki67 is None and by_mitoses is None:
        return Graded(None, "neither Ki-67 nor mitoses are stated")
    step = max(by_ki67 or 0, by_mitoses or 0)
    value = _STEPS[step]
    ki67 = "" if ki67_percent is None else f"Ki-67 {ki67_percent:g} %"
    mitoses = "" if mitoses_per_2mm2 is None else f"mitoses {mitoses_per_2mm2:g} per 2 mm²"
    if by_ki67 is not None and by_mitoses is not None:
        deciding = "" if by_ki67 == by_mitoses else "; Ki-67 decides" if by_ki67 > by_mitoses else "; mitoses decide"
        return Graded(value, f"{ki67}, {mitoses}{deciding}")
    lower_bound = (
        "" if step == 2 else "; they could raise the grade" if by_mitoses is None else "; it could raise the grade"
    )
    if by_mitoses is None:
        return Graded(value, f"from Ki-67 alone ({ki67}); mitoses not stated{lower_bound}")
    return Graded(value, f"from mitoses alone ({mitoses}); Ki-67 not stated{lower_bound}")


def _step(value: float, second_from: Constant, third_above: Constant) -> int:
    return 2 if value > third_above.value else 1 if value >= second_from.value else 0
