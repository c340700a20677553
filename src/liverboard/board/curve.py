"""A digitised Kaplan-Meier curve read from files, and the people reconstructed from it as a table."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from liverboard.board.survival import SurvivalColumns, read_people
from liverboard.board.tables import read_table
from liverboard.errors import UserError
from liverboard.synthesis.reconstruct import Reconstruction, against, clean_clicks, reconstruct


@dataclass(frozen=True, slots=True)
class Published:
    """What stands beside a curve: its risk table (a file with time, at_risk), people at time 0, events; the other arm (a file of people: time, event) and the
    hazard ratio of this arm against it."""

    at_risk: Path | None = None
    n: int | None = None
    events: int | None = None
    other_arm: Path | None = None
    hr: float | None = None


def reconstruct_files(clicks: Path, published: Published) -> Reconstruction:
    """Clicks (columns time, survival) to people. Raises BadInput with file and line; MissingData: as `reconstruct`."""
    table = read_table(clicks)
    risk = None if published.at_risk is None else read_table(published.at_risk)
    counts = None if risk is None else (risk.numbers("time").tolist(), risk.numbers("at_risk", whole=True).tolist())
    points = (table.numbers("time"), table.numbers("survival"))
    other = published.other_arm and read_people(read_table(published.other_arm), SurvivalColumns("time", "event"))[0]
    try:
        found = reconstruct(clean_clicks(*points), at_risk=counts, n=published.n, events=published.events)
        return against(found, other.observations.cause(1), published.hr) if other else found
    except UserError as error:
        raise type(error)(
            error.message, hint=error.hint, where=error.where or table.name, problems=error.problems
        ) from None


def people_table(people: Reconstruction) -> str:
    """The people as CSV: time, event."""
    rows = (f"{time:.12g},{event}\n" for time, event in zip(people.time.tolist(), people.event.tolist(), strict=True))
    return "time,event\n" + "".join(rows)
