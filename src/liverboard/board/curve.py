"""A digitised Kaplan-Meier curve read from files, and the people reconstructed from it written as a table."""

from __future__ import annotations

import tempfile
from pathlib import Path

from liverboard.board.tables import read_table
from liverboard.errors import BadInput, UserError
from liverboard.synthesis.reconstruct import Reconstruction, clean_clicks, reconstruct


def reconstruct_files(
    clicks: Path, *, at_risk: Path | None = None, n: int | None = None, events: int | None = None
) -> Reconstruction:
    """Clicks (columns time, survival) and the risk table (time, at_risk) to people. Raises BadInput with file and line; MissingData: as `reconstruct`."""
    table = read_table(clicks)
    risk = None if at_risk is None else read_table(at_risk)
    counts = None if risk is None else (risk.numbers("time").tolist(), risk.numbers("at_risk", whole=True).tolist())
    points = (table.numbers("time"), table.numbers("survival"))
    try:
        return reconstruct(clean_clicks(*points), at_risk=counts, n=n, events=events)
    except UserError as error:
        raise type(error)(
            error.message, hint=error.hint, where=error.where or table.name, problems=error.problems
        ) from None


def write_people(people: Reconstruction, path: Path) -> None:
    """Columns time, event; written under another name and renamed when whole. Raises BadInput: a place that cannot be written."""
    rows = (f"{time:.12g},{event}\n" for time, event in zip(people.time.tolist(), people.event.tolist(), strict=True))
    try:
        with tempfile.NamedTemporaryFile(
            "w", dir=path.parent, prefix=f".{path.name}.", delete=False, encoding="utf-8"
        ) as file:
            part = Path(file.name)
            try:
                file.write("time,event\n")
                file.writelines(rows)
                file.close()
                part.chmod(0o644)
                part.replace(path)
            except OSError:
                part.unlink(missing_ok=True)
                raise
    except OSError as error:
        raise BadInput(
            f"the file cannot be written ({error.strerror})",
            where=path.name,
            hint="Check the folder and its permissions.",
        ) from error
