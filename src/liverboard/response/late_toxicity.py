"""Late toxicity of the liver after SIRT: which controls of liver function were due, done, overdue or missed, and how the values moved.

Controls at 1, 3, 6 and 12 months and then yearly: a design of this project, because toxicity that shows years later is reported in these patients (`su_2017`,
second-hand; `zuckerman_2019`). No source gives a window, so a control belongs to the due day that it lies nearest to.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Final, Literal

from liverboard.clinical.derive_timeline import visible_events
from liverboard.clinical.events import AnyEvent, Case, Clinic, Labs, Procedure, Status
from liverboard.clinical.extent import Frozen
from liverboard.clinical.liver_function import albi_grade, albi_score
from liverboard.response.start import SIRT, add_months

MONTHS: Final = (1, 3, 6, 12)
SOURCES: Final = ("su_2017", "zuckerman_2019")
State = Literal["done", "partly_done", "overdue", "missed", "ahead"]


class LiverValues(Frozen):
    """Liver function as last stated between two days. None: not stated."""

    bilirubin_umol_l: float | None = None
    albumin_g_l: float | None = None
    albi_score: float | None = None
    albi_grade: int | None = None
    ascites: str | None = None
    date: dt.date | None = None


class Control(Frozen):
    """One control that is asked for. `done`: bilirubin and albumin; `partly_done`: one of them, or ascites alone.

    `overdue`: the day has passed and the window is open; `missed`: the window has closed; `ahead`: not due yet.
    """

    months: int
    due: dt.date
    closes: dt.date
    state: State
    values: LiverValues
    missing: tuple[str, ...] = ()


class LateToxicity(Frozen):
    """The controls after one SIRT. A later SIRT starts its own; those of the earlier one end there."""

    procedure: str
    technique: str
    date: dt.date
    before: LiverValues
    controls: tuple[Control, ...]
    ends: dt.date | None
    why_it_ends: str
    sources: tuple[str, ...] = SOURCES

    @property
    def overdue(self) -> tuple[Control, ...]:
        return tuple(control for control in self.controls if control.state == "overdue")


def late_toxicity_of(
    case: Case, as_of: dt.date, known_at: dt.date | dt.datetime | None = None
) -> tuple[LateToxicity, ...]:
    """One entry for each SIRT, with every control up to the next one that lies ahead of `as_of`; empty without SIRT."""
    events, _ = visible_events(case, as_of, known_at)
    sirts = [event for event in events if isinstance(event, Procedure) and event.technique in SIRT]
    died = next((e.date for e in events if isinstance(e, Status) and e.state == "dead"), None)
    return tuple(
        _after(sirt, sirts[number + 1] if number + 1 < len(sirts) else None, died, events, as_of)
        for number, sirt in enumerate(sirts)
    )


def _after(
    sirt: Procedure, following: Procedure | None, died: dt.date | None, events: Sequence[AnyEvent], as_of: dt.date
) -> LateToxicity:
    ends, why = None, ""
    if following is not None:
        ends, why = following.date, f"{following.technique} on {following.date} starts its own controls"
    if died is not None and (ends is None or died <= ends):
        ends, why = died, f"death on {died}"
    controls: list[Control] = []
    due = add_months(sirt.date, MONTHS[0])
    opens = sirt.date + (due - sirt.date) / 2
    for months in _asked_for():
        due = add_months(sirt.date, months)
        closes = due + (add_months(sirt.date, _next(months)) - due) / 2
        if ends is not None and due >= ends:
            break
        closes = closes if ends is None else min(closes, ends)
        controls.append(_control(months, due, opens, closes, events, as_of))
        opens = closes + dt.timedelta(days=1)
        if due > as_of:
            break
    return LateToxicity(
        procedure=sirt.id,
        technique=sirt.technique,
        date=sirt.date,
        before=_values(events, dt.date.min, sirt.date),
        controls=tuple(controls),
        ends=ends,
        why_it_ends=why,
    )


def _next(months: int) -> int:
    return next((later for later in MONTHS if later > months), months + 12)


def _asked_for() -> Sequence[int]:
    """Months after SIRT, for a century."""
    return (*MONTHS, *range(24, 1200, 12))


def _control(
    months: int, due: dt.date, opens: dt.date, closes: dt.date, events: Sequence[AnyEvent], as_of: dt.date
) -> Control:
    values = _values(events, opens, closes)
    stated = {"bilirubin": values.bilirubin_umol_l, "albumin": values.albumin_g_l, "ascites": values.ascites}
    missing = tuple(name for name, value in stated.items() if value is None)
    if "bilirubin" not in missing and "albumin" not in missing:
        state: State = "done"
    elif len(missing) < len(stated):
        state = "partly_done"
    else:
        state = "ahead" if as_of <= due else "overdue" if as_of <= closes else "missed"
    return Control(months=months, due=due, closes=closes, state=state, values=values, missing=missing)


def _values(events: Sequence[AnyEvent], first: dt.date, last: dt.date) -> LiverValues:
    """The latest statements from `first` to `last`, both included (events in order of date). ALBI only of one blood sample."""
    bilirubin: float | None = None
    albumin: float | None = None
    score: float | None = None
    ascites: str | None = None
    seen: dt.date | None = None
    for event in events:
        if not first <= event.date <= last:
            continue
        if isinstance(event, Labs) and (event.bilirubin is not None or event.albumin is not None):
            bilirubin = bilirubin if event.bilirubin is None else event.bilirubin
            albumin = albumin if event.albumin is None else event.albumin
            if event.bilirubin is not None and event.albumin is not None:
                score = albi_score(event.bilirubin, event.albumin)
            seen = event.date
        elif isinstance(event, Clinic) and event.ascites is not None:
            ascites, seen = event.ascites, event.date
    return LiverValues(
        bilirubin_umol_l=bilirubin,
        albumin_g_l=albumin,
        albi_score=score,
        albi_grade=None if score is None else albi_grade(score),
        ascites=ascites,
        date=seen,
    )
