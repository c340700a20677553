"""A synthetic registry as files: one case file a person, the truth that they were drawn from, and what is true of each person."""

from __future__ import annotations

import csv
import json
import tempfile
from collections.abc import Callable
from pathlib import Path

from liverboard.clinical.case_file import write_case
from liverboard.errors import BadInput
from liverboard.phantom.cohort import CohortPlan, draw_people, row_of
from liverboard.phantom.cohort_story import case_of

_NOTE = "Invented from first to last: no person, no finding, no source. For checking analyses against a truth that is known."


def write_cohort(plan: CohortPlan, folder: Path, step: Callable[[str], None] = lambda text: None) -> Path:
    """Write `cases/<pseudonym>.json`, `people.csv` and `truth.json` into a new folder. Returns the path of `truth.json`.

    The folder appears whole or not at all. Raises BadInput where something is there already or the place cannot be written.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise BadInput(
            "there is something in the folder already", where=folder.name, hint="Name a new or empty folder."
        )
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".cohort-") as made:
            whole = Path(made) / "cohort"
            (whole / "cases").mkdir(parents=True)
            _write_people(plan, whole, step)
            (whole / "truth.json").write_text(json.dumps(_truth(plan), indent=2) + "\n", encoding="utf-8")
            if folder.exists():
                folder.rmdir()
            whole.rename(folder)
    except OSError as error:
        raise BadInput(
            f"the synthetic cohort cannot be written: {error.strerror or 'the place refuses it'}",
            where=folder.name,
            hint="Name a folder that can be written, with room for about 6 kB a case.",
        ) from None
    return folder / "truth.json"


def _write_people(plan: CohortPlan, folder: Path, step: Callable[[str], None]) -> None:
    with (folder / "people.csv").open("w", encoding="utf-8", newline="") as file:
        table: csv.DictWriter[str] | None = None
        for number, person in enumerate(draw_people(plan), 1):
            text = write_case(case_of(person, plan.seed), is_json=True)
            (folder / "cases" / f"{person.case}.json").write_text(text, encoding="utf-8")
            row = row_of(person)
            if table is None:
                table = csv.DictWriter(file, list(row), lineterminator="\n")
                table.writeheader()
            table.writerow({name: int(value) if isinstance(value, bool) else value for name, value in row.items()})
            if number % 500 == 0:
                step(f"{number:,} of {plan.cases:,} cases")


def _truth(plan: CohortPlan) -> dict[str, object]:
    return {
        "synthetic": True,
        "note": _NOTE,
        "seed": plan.seed,
        "cases": plan.cases,
        "first_year": plan.first_year,
        "closed": plan.closed.isoformat(),
        "files": {"cases": "cases", "people": "people.csv"},
        "truth": plan.truth.model_dump(mode="json"),
    }
