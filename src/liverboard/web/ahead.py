"""What pages will show, prepared before someone asks: images of cases on the next meetings first, then of all others and of whatever is written, and the cohort."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from contextlib import suppress
from itertools import islice
from threading import Event, Thread
from types import TracebackType
from typing import Final

from liverboard.errors import UserError
from liverboard.incidents import keep_incident
from liverboard.registry.cases import CaseFilter, CaseKey, StoredCase, list_cases, read_cases
from liverboard.registry.changes import newest_event, written_since
from liverboard.registry.measuring import any_waits
from liverboard.registry.meetings import list_meetings, read_agenda
from liverboard.registry.permissions import Actor
from liverboard.registry.studies import case_folder
from liverboard.web.images import has_images, keep_images
from liverboard.web.prepared import day_of
from liverboard.web.read_cohort import AT_ONCE
from liverboard.web.site import Site
from liverboard.web.views import pictured, place_of, view_folder

_PREPARER: Final = Actor("preparing", None, None)  # who the trail names for reading cases ahead of people
_LOOK_EVERY_S: Final = 2.0  # for what was written
_LATER_S: Final = 60.0  # after something went wrong
_LONGEST_S: Final = 1800.0  # for the files of one viewer
_AT_ONCE: Final = 5
_BREATH_S: Final = 0.2  # between two readings, so that a person who waits for the one place comes first


class Ahead:
    """Prepares, one thing after the other, while it is entered. The slow parts are read in processes of their own; each is kept over a restart."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._stop = Event()
        self._thread = Thread(target=self._run, name="ahead", daemon=True)

    def __enter__(self) -> Ahead:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._site.cohort.stop.set()
        self._site.readings.stop.set()
        self._thread.join(timeout=2)

    def _run(self) -> None:
        day: dt.date | None = None
        seen, pause = 0, _LOOK_EVERY_S
        todo: dict[CaseKey, None] = {}
        while not self._stop.wait(pause):
            try:
                if day != self._site.today():
                    seen, day = newest_event(self._site.store), self._site.today()
                    todo = dict.fromkeys((*self._on_meetings(day), *self._with_folders()))
                    self._cohort(day)
                newest = newest_event(self._site.store)
                if newest > seen:
                    todo = dict.fromkeys((*reversed(written_since(self._site.store, seen)), *todo))
                    seen = newest
                if todo:
                    some = _together(todo)
                    todo = {key: None for key in todo if key not in some}
                    self._prepare(some)
                pause = _BREATH_S if todo else _LOOK_EVERY_S
            except UserError:  # the database is away: what was to be done is done later, or when it is asked for
                pause = _LATER_S
            except Exception as error:
                keep_incident(error)
                pause = _LATER_S

    def _on_meetings(self, day: dt.date) -> Iterable[CaseKey]:
        """The cases of meetings to come, the next meeting first."""
        store = self._site.store
        for meeting in reversed(list_meetings(store, _PREPARER)):
            if meeting.state == "planned" and meeting.date >= day:
                yield from (item.case.key for item in read_agenda(store, _PREPARER, meeting.id).items)

    def _with_folders(self) -> Iterable[CaseKey]:
        for folder in sorted(self._site.store.folder.studies.glob("[!.]*/[!.]*")):
            yield CaseKey(folder.parent.name, folder.name)

    def _cohort(self, day: dt.date) -> None:
        """A small one is read in a moment when someone asks."""
        lines = list_cases(self._site.store, _PREPARER)
        if len(lines) > AT_ONCE:
            self._site.cohort.rows(self._site.store, lines, day, 0)

    def _prepare(self, keys: tuple[CaseKey, ...]) -> None:
        names = tuple(key.case for key in keys if case_folder(self._site.store, key).is_dir())
        if not names:
            return
        which = CaseFilter(centre=keys[0].centre, cases=names)
        for stored in list(read_cases(self._site.store, _PREPARER, which, purpose="case.prepare")):
            if has_images(stored.case) and not self._stop.is_set():
                self._images(stored)

    def _images(self, stored: StoredCase) -> None:
        """Read them, with their lesions followed from scan to scan, and make the files of their viewers. What cannot be read is told on the page that shows it."""
        home, day = case_folder(self._site.store, stored.key), day_of(self._site, stored.case)
        keep_images(self._site, stored.key, stored.case, day)
        for event in pictured(stored.case):
            while any_waits(self._site.store):  # a study that someone sent comes first
                if self._stop.wait(_LOOK_EVERY_S):
                    return
            if self._stop.wait(_BREATH_S):
                return
            with suppress(UserError):
                self._site.views.get(event, home, view_folder(home, place_of(event, home)), _LONGEST_S)


def _together(keys: Iterable[CaseKey]) -> tuple[CaseKey, ...]:
    """The next of them that are of one centre: they are read together, which is one line in the trail."""
    found = tuple(islice(keys, _AT_ONCE))
    return tuple(key for key in found if key.centre == found[0].centre)
