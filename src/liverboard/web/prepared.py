"""What pages show of a case, computed once a version and day: its line in a list, its facts with verdicts, and the sections of its dossier."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from pathlib import Path

from liverboard.board.asked import missing_of
from liverboard.board.dossier import Missing
from liverboard.board.prepare import prepare_dossier
from liverboard.clinical.dictionary import load_dictionary
from liverboard.clinical.events import Case
from liverboard.clinical.facts import Facts, facts_of
from liverboard.options.policy import packaged
from liverboard.options.report import OptionsReport
from liverboard.options.weigh import weigh_case
from liverboard.registry.cases import CaseKey, StoredCase
from liverboard.report.html import render_sections
from liverboard.web.site import Site


@dataclass(frozen=True, slots=True)
class Weighed:
    """Facts, verdicts and what is missing, on one day."""

    facts: Facts
    options: OptionsReport
    missing: tuple[Missing, ...]

    @property
    def known(self) -> int:
        """Facts of the dictionary that have a value, out of `asked`."""
        return sum(1 for fact in self.facts.facts.values() if fact.value is not None)

    @property
    def asked(self) -> int:
        return len(load_dictionary())


def folder_of(site: Site, key: CaseKey) -> Path:
    """Where the images of a case lie."""
    return site.store.folder.studies / key.centre / key.case


def day_of(site: Site, case: Case) -> dt.date:
    """The day that a page shows a case on: samples stand still on theirs."""
    return case.as_of or site.today()


def weighed(site: Site, stored: StoredCase) -> Weighed:
    day = day_of(site, stored.case)
    return site.lines.get(("weighed", stored.key, stored.version, day), lambda: weigh(stored.case, day))


def weigh(case: Case, day: dt.date) -> Weighed:
    facts = facts_of(case, day)
    options = weigh_case(case, day, packaged())
    return Weighed(facts, options, missing_of(facts, options))


def sections(site: Site, stored: StoredCase) -> str:
    """The dossier of a case, as HTML for a page that brings head and style."""
    day, folder = day_of(site, stored.case), folder_of(site, stored.key)

    def make() -> str:
        made = prepare_dossier(stored.case, folder=folder if folder.is_dir() else None, as_of=day)
        return render_sections(made)

    return site.pages.get(("sections", stored.key, stored.version, day), make)
