"""ALBI and Child-Pugh of a case, and laboratory values over their upper limit of normal."""

from __future__ import annotations

from collections.abc import Callable
from operator import attrgetter
from typing import cast

from liverboard.clinical.derive import Fact, Sheet, combine, join
from liverboard.clinical.events import Labs, Marker, marker_ratio, over_limit
from liverboard.clinical.liver_function import (
    CHILD_PUGH_EDITION,
    albi_grade,
    albi_score,
    child_pugh_class,
    child_pugh_points,
)

_ALBI = ("bilirubin_umol_l", "albumin_g_l")
_CHILD_PUGH = ("bilirubin_umol_l", "albumin_g_l", "inr", "ascites", "encephalopathy")


def write_function(sheet: Sheet) -> None:
    _albi(sheet)
    _child_pugh(sheet)
    _bilirubin_over_limit(sheet)
    for field in ("ast", "alt", "chromogranin_a", "u5hiaa"):
        marker: Callable[[Labs], Marker | None] = attrgetter(field)
        sheet.put_stated(
            f"{field}_x_uln",
            sheet.labs,
            lambda labs, marker=marker: None if (found := marker(labs)) is None else marker_ratio(found),
        )


def _bilirubin_over_limit(sheet: Sheet) -> None:
    name = "bilirubin_x_uln"
    found = sheet.latest(name, sheet.labs, _bilirubin_ratio)
    if found is None:
        return
    labs, ratio = found
    doubted = labs.bilirubin is not None and sheet.definitions["bilirubin_umol_l"].doubt(labs.bilirubin) is not None
    if doubted and labs.confirmed is not True:
        sheet.put(name, None, note="questioned: bilirubin")
    else:
        sheet.put(name, ratio, labs.date, labs.id, confirmed=labs.confirmed is True)


def _bilirubin_ratio(labs: Labs) -> float | None:
    if labs.bilirubin is None or labs.bilirubin_upper_limit is None:
        return None
    return over_limit(labs.bilirubin, labs.bilirubin_upper_limit)


def _albi(sheet: Sheet) -> None:
    inputs = _inputs(sheet, _ALBI)
    if isinstance(inputs, str):
        sheet.put("albi_grade", None, note=inputs)
        return
    score = albi_score(*(cast(float, fact.value) for fact in inputs))
    if score is None:
        sheet.put("albi_grade", None, note="a bilirubin of 0 has no logarithm")
        return
    date, event, apart = combine(inputs)
    sheet.put("albi_grade", albi_grade(score), date, event, note=join(f"score {score:.2f}", apart))


def _child_pugh(sheet: Sheet) -> None:
    inputs = _inputs(sheet, _CHILD_PUGH)
    if isinstance(inputs, str):
        sheet.put("child_pugh_points", None, note=inputs)
        sheet.put("child_pugh_class", None, note=inputs)
        return
    bilirubin, albumin, inr = (cast(float, fact.value) for fact in inputs[:3])
    points = child_pugh_points(bilirubin, albumin, inr, str(inputs[3].value), str(inputs[4].value))
    date, event, apart = combine(inputs)
    cirrhosis = sheet.known("cirrhosis")
    whom = (
        "made for cirrhosis"
        if cirrhosis is None or cirrhosis.value
        else "made for cirrhosis, which this patient does not have"
    )
    note = join(whom, CHILD_PUGH_EDITION, apart)
    sheet.put("child_pugh_points", points, date, event, note=note)
    sheet.put("child_pugh_class", child_pugh_class(points), date, event, note=note)


def _inputs(sheet: Sheet, names: tuple[str, ...]) -> list[Fact] | str:
    """The facts of these names, or what is lacking in words."""
    return sheet.lacking(names) or [fact for name in names if (fact := sheet.known(name)) is not None]
