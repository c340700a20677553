"""What pages show of a case, computed once a version and day: its line in a list, its facts with verdicts, and the sections of its dossier."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from liverboard.board.asked import missing_of
from liverboard.board.dossier import Dossier, Missing
from liverboard.board.prepare import FromImages, prepare_dossier
from liverboard.board.with_images import measured_as_of
from liverboard.clinical.dictionary import load_dictionary
from liverboard.clinical.events import AnyEvent, Case, Imaging
from liverboard.clinical.facts import Facts, facts_of
from liverboard.errors import UserError
from liverboard.options.policy import packaged
from liverboard.options.report import OptionsReport
from liverboard.options.weigh import weigh_case
from liverboard.registry.cases import CaseKey, StoredCase
from liverboard.report.html import render_sections
from liverboard.web.images import images_kept, images_of
from liverboard.web.site import Site
from liverboard.web.tongue import say, say_page


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


def measured(site: Site, key: CaseKey, case: Case, day: dt.date) -> Case:
    """The case with what its segmentations measure; as it is where they cannot be read. Kept as long as its imaging stays what it is."""
    folder = folder_of(site, key)
    imaging = tuple(event.model_dump_json() for event in case.events if isinstance(event, Imaging))
    if not folder.is_dir() or not any('"studies":[' in each for each in imaging):
        return case

    def fill() -> dict[str, AnyEvent]:
        kept = images_kept(site, key, case, day)
        try:
            found = kept.measured if kept else measured_as_of(case, folder, day, None, pictures=False)
        except UserError:
            return {}
        return {event.id: event for event in found.case.events if isinstance(event, Imaging)}

    filled = site.pages.get(("measured", key, imaging, day), fill)
    return case.model_copy(update={"events": tuple(filled.get(event.id, event) for event in case.events)})


def weighed(site: Site, stored: StoredCase, day: dt.date | None = None) -> Weighed:
    day = day or day_of(site, stored.case)
    return site.lines.get(_line_key(stored, day), lambda: weigh(measured(site, stored.key, stored.case, day), day))


def weighed_in_time(
    site: Site, cases: Iterable[tuple[StoredCase, dt.date]], seconds: float | None
) -> tuple[Weighed | None, ...]:
    """`weighed` of many cases: after so many seconds (None: no end), None for what is not in memory already."""
    end = None if seconds is None else time.monotonic() + seconds
    return tuple(
        weighed(site, stored, day)
        if end is None or time.monotonic() < end or site.lines.holds(_line_key(stored, day))
        else None
        for stored, day in cases
    )


def _line_key(stored: StoredCase, day: dt.date) -> tuple[object, ...]:
    return ("weighed", stored.key, stored.version, day)


def weigh(case: Case, day: dt.date) -> Weighed:
    facts = facts_of(case, day)
    options = weigh_case(case, day, packaged())
    return Weighed(facts, options, missing_of(facts, options))


def dossier_of(site: Site, stored: StoredCase, day: dt.date | None = None) -> Dossier:
    """The dossier on a day (None: today). Images that cannot be read are left out, and a warning says so."""
    day, folder = day or day_of(site, stored.case), folder_of(site, stored.key)

    def make() -> Dossier:
        if not folder.is_dir():
            return prepare_dossier(stored.case, folder=None, as_of=day)
        try:
            return prepare_dossier(stored.case, folder=folder, as_of=day, images=_images(site, stored, day))
        except UserError as error:
            made = prepare_dossier(stored.case, folder=None, as_of=day)
            return made.model_copy(update={"warnings": (*made.warnings, f"Images are left out: {error.message}.")})

    return site.pages.get(("dossier", stored.key, stored.version, day), make)


def _images(site: Site, stored: StoredCase, day: dt.date) -> FromImages:
    """What the images say, in the case as it stands now: most of what is entered changes nothing of them."""
    found = images_of(site, stored.key, stored.case, day)
    filled = {event.id: event for event in found.measured.case.events if isinstance(event, Imaging)}
    events = tuple(filled.get(event.id, event) for event in stored.case.events)
    whole = replace(found.measured, case=stored.case.model_copy(update={"events": events}))
    return replace(found, measured=whole)


def sections(
    site: Site,
    stored: StoredCase,
    only: tuple[str, ...] | None = None,
    day: dt.date | None = None,
    language: str = "en",
) -> str:
    """Sections of the dossier (None: all), as HTML for a page that brings head and style, in the language of the reader."""
    day = day or day_of(site, stored.case)
    key = ("sections", stored.key, stored.version, day, only, *(() if language == "en" else (language,)))

    def make() -> str:
        dossier = dossier_of(site, stored, day)
        if language == "en":
            return render_sections(dossier, only)
        # pictures cut words to their room, and say them before
        return say_page(language, render_sections(dossier, only, partial(say, language)))

    return site.pages.get(key, make)
