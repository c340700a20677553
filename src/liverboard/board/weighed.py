"""The facts of a case and its options weighed, without the rest of a dossier."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

from liverboard.board.measured import KnownAt, Step, quiet
from liverboard.board.with_images import measured_as_of
from liverboard.clinical.events import Case
from liverboard.clinical.facts import Facts, facts_of
from liverboard.options.policy import Ruleset
from liverboard.options.report import OptionsReport
from liverboard.options.weigh import weigh_case


def prepare_facts(
    case: Case, *, folder: Path | None, as_of: dt.date, known_at: KnownAt = None, step: Step = quiet
) -> Facts:
    """The facts of a case as of a day, its segmentations measured. Errors as in `prepare_dossier`."""
    return facts_of(measured_as_of(case, folder, as_of, known_at, pictures=False, step=step).case, as_of, known_at)


def prepare_options(
    case: Case,
    *,
    folder: Path | None,
    as_of: dt.date,
    ruleset: Ruleset,
    known_at: KnownAt = None,
    step: Step = quiet,
) -> OptionsReport:
    """Every option of a case as of a day, its segmentations measured. Errors as in `prepare_dossier`."""
    measured = measured_as_of(case, folder, as_of, known_at, pictures=False, step=step).case
    step("weighing the options")
    return weigh_case(measured, as_of, ruleset, known_at)
