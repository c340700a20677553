"""What pages show of a case, computed once a version and day: its line in a list, its facts with verdicts, and the sections of its dossier."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeVar

from liverboard.board.asked import missing_of
from liverboard.board.dossier import Dossier, Missing
from liverboard.board.prepare import FromImages, prepare_dossier
from liverboard.clinical.dictionary import load_dictionary
from liverboard.clinical.events import Case, Imaging
from liverboard.clinical.facts import Facts, facts_of
from liverboard.options.policy import packaged
from liverboard.options.report import OptionsReport
from liverboard.options.weigh import weigh_case
from liverboard.registry.cases import StoredCase
from liverboard.report.html import render_sections
from liverboard.web.images import Unread, images_of, unread_of, with_images
from liverboard.web.site import Memory, Site
from liverboard.web.tongue import say, say_page

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Weighed:
    """Facts, verdicts and what is missing, on one day. `unread`: the scans that all this does without."""

    facts: Facts
    options: OptionsReport
    missing: tuple[Missing, ...]
    unread: Unread | None = None

    @property
    def known(self) -> int:
        """Facts of the dictionary that have a value, out of `asked`."""
        return sum(1 for fact in self.facts.facts.values() if fact.value is not None)

    @property
    def asked(self) -> int:
        return len(load_dictionary())


def day_of(site: Site, case: Case) -> dt.date:
    """The day that a page shows a case on: samples stand still on theirs."""
    return case.as_of or site.today()


def measured(site: Site, stored: StoredCase, case: Case, day: dt.date) -> tuple[Case, Unread | None]:
    """A case, kept or with a change that nobody kept yet, with what the images of the kept one measure; and the scans that this does without."""
    return _measured(stored.case, case, day, images_of(site, stored.key, stored.case, day))


def _measured(stored: Case, case: Case, day: dt.date, images: FromImages | Unread | None) -> tuple[Case, Unread | None]:
    if isinstance(images, Unread):
        return case, images
    found, fresh = with_images(case, images, stored, day)
    return found, unread_of(fresh, problem="they are read when the change is kept") if fresh else None


def weighed(site: Site, stored: StoredCase, day: dt.date | None = None) -> Weighed:
    day = day or day_of(site, stored.case)

    def make(images: FromImages | Unread | None) -> Weighed:
        case, unread = _measured(stored.case, stored.case, day, images)
        return weigh(case, day, unread)

    return _made(site, site.lines, _line_key(stored, day), (stored, day), make)[0]


def _made(
    site: Site,
    memory: Memory,
    key: tuple[object, ...],
    of: tuple[StoredCase, dt.date],
    make: Callable[[FromImages | Unread | None], T],
) -> tuple[T, Unread | None]:
    """What `make` makes of the images of a case as seen on a day. It stays right once they were read; before that it is told what it does without."""
    found: T | None = memory.find(key)
    if found is not None:
        return found, None
    stored, day = of
    images = images_of(site, stored.key, stored.case, day)
    if isinstance(images, Unread):
        return memory.get((*key, images), lambda: make(images)), images
    return memory.get(key, lambda: make(images)), None


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


def weigh(case: Case, day: dt.date, unread: Unread | None = None) -> Weighed:
    facts = facts_of(case, day)
    options = weigh_case(case, day, packaged())
    return Weighed(facts, options, missing_of(facts, options), unread)


def dossier_of(site: Site, stored: StoredCase, day: dt.date | None = None) -> tuple[Dossier, Unread | None]:
    """The dossier on a day (None: today), and the scans that it does without; a warning in it says so too."""
    day = day or day_of(site, stored.case)
    key = ("dossier", stored.key, stored.version, day)
    return _made(site, site.pages, key, (stored, day), lambda images: _dossier(stored.case, day, images))


def _dossier(case: Case, day: dt.date, images: FromImages | Unread | None) -> Dossier:
    if isinstance(images, FromImages):
        return prepare_dossier(case, folder=None, as_of=day, images=_rebased(images, case))
    made = prepare_dossier(case, folder=None, as_of=day)
    if images is None:
        return made
    return made.model_copy(update={"warnings": (*made.warnings, f"Images are left out: {images.problem}.")})


def _rebased(found: FromImages, case: Case) -> FromImages:
    """What the images say, in the case as it stands now: most of what is entered changes nothing of them."""

    def now(read: Case) -> Case:
        imaging = {event.id: event for event in read.events if isinstance(event, Imaging)}
        return case.model_copy(update={"events": tuple(imaging.get(event.id, event) for event in case.events)})

    followed = found.followed
    return replace(
        found,
        measured=replace(found.measured, case=now(found.measured.case)),
        followed=None if followed is None else replace(followed, case=now(followed.case)),
    )


def sections(
    site: Site,
    stored: StoredCase,
    only: tuple[str, ...] | None = None,
    day: dt.date | None = None,
    language: str = "en",
) -> tuple[str, Unread | None]:
    """Sections of the dossier (None: all), as HTML for a page that brings head and style, in the language of the reader; and the scans that they do without."""
    day = day or day_of(site, stored.case)
    key = ("sections", stored.key, stored.version, day, only, *(() if language == "en" else (language,)))

    def make(images: FromImages | Unread | None) -> str:
        name = ("dossier", stored.key, stored.version, day, *((images,) if isinstance(images, Unread) else ()))
        dossier = site.pages.get(name, lambda: _dossier(stored.case, day, images))
        if language == "en":
            return render_sections(dossier, only)
        # pictures cut words to their room, and say them before
        return say_page(language, render_sections(dossier, only, partial(say, language)))

    return _made(site, site.pages, key, (stored, day), make)
