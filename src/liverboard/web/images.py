"""What the images of a case say: in memory, else kept on the disk, else read beside the page that asks. It stays right as long as what it rests on stays as it is."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from liverboard.board.measure import filled, locate
from liverboard.board.measured import Measured
from liverboard.board.prepare import FromImages
from liverboard.clinical.derive_timeline import visible_events
from liverboard.clinical.events import AnyEvent, Case, Imaging
from liverboard.clinical.extent import Frozen
from liverboard.errors import UserError
from liverboard.incidents import keep_incident
from liverboard.registry.cases import CaseKey
from liverboard.registry.studies import case_folder
from liverboard.web.apart import Unfinished
from liverboard.web.kept import digest_of
from liverboard.web.read_apart import as_text, from_text, read_images_apart
from liverboard.web.site import Site

_BESIDE_IMAGES: Final = ("imaging", "plan", "procedure", "scout")  # events that decide what is read of images
_LONGEST_S: Final = 1800.0
_TRY_AGAIN_S: Final = 60.0  # after a fault of ours; a file that cannot be read stays so


class UnreadScan(Frozen):
    """An imaging event, as it stands."""

    event: str
    date: dt.date
    modality: str | None


class Unread(Frozen):
    """Scans that what is shown does without. `being_read`: they come in a while; else `problem` says what hinders that."""

    scans: tuple[UnreadScan, ...]
    being_read: bool
    problem: str


def has_images(case: Case) -> bool:
    return any(isinstance(event, Imaging) and event.studies for event in case.events)


def images_of(site: Site, key: CaseKey, case: Case, day: dt.date, wait_s: float = 0.0) -> FromImages | Unread | None:
    """What could be seen on a day; None where there is nothing to read. What was not read before is read beside this, which waits for it so long only."""
    scans = _scans(case, day) if has_images(case) else ()
    if not scans:
        return None
    home = case_folder(site.store, key)
    if not home.is_dir():
        return unread_of(scans, problem="their files are not here")
    digest = _digest(case, home, day)

    def found() -> FromImages | Unread | None:
        known = site.pages.find(_name(key, digest))
        if known is None and (kept := _kept(site, key, digest)) is not None:
            return site.pages.get(_name(key, digest), lambda: kept)
        return known or _lately_wrong(site, (key, digest), scans)

    def read() -> None:
        if found() is None:
            _read(site, (key, digest), (case, home, day))

    known = found()
    if known is None:
        site.readings.start(key, digest, read).wait(wait_s)
        known = found() if wait_s else None
    return known or unread_of(scans, problem="they are being read", being_read=True)


def keep_images(site: Site, key: CaseKey, case: Case, day: dt.date) -> None:
    """Read them where nobody did before, and keep what they say."""
    if has_images(case) and not site.kept.holds(_place(key), _digest(case, case_folder(site.store, key), day)):
        images_of(site, key, case, day, _LONGEST_S)


def with_images(case: Case, found: FromImages | None, of: Case, day: dt.date) -> tuple[Case, tuple[Imaging, ...]]:
    """A case with what its images measure, and those of its scans that were not read. `found`: of the images of `of`, the same case or as it was before a change; None: it has none."""
    measures = {} if found is None else found.measured.extents
    extents = {_of_files(event): measures.get(event.id) for event in _scans(of, day)}
    measured, fresh = dict[str, AnyEvent](), list[Imaging]()
    for event in _scans(case, day):
        if _of_files(event) not in extents:
            fresh.append(event)
        elif (extent := extents[_of_files(event)]) is not None:
            measured[event.id] = filled(event, extent, Measured(case))
    events = tuple(measured.get(event.id, event) for event in case.events)
    return case.model_copy(update={"events": events}), tuple(fresh)


def _of_files(event: Imaging) -> tuple[object, ...]:
    """What the measurement of a scan rests on."""
    return event.studies, event.resected_segments


def _read(site: Site, name: tuple[CaseKey, str], what: tuple[Case, Path, dt.date]) -> None:
    """Read in another process, and keep it; in memory where the disk takes nothing, and what hinders it."""
    (key, digest), (case, home, day) = name, what
    stop = site.readings.stop
    try:
        found = read_images_apart(case, home, day, stop)
        site.kept.write(_place(key), digest, as_text(found).encode())
        if site.kept.holds(_place(key), digest):
            return
    except UserError as error:
        found = unread_of(_scans(case, day), problem=error.message)
    except Exception as error:
        if isinstance(error, Unfinished) and stop.is_set():
            return
        problem = f"something went wrong here (incident {keep_incident(error)})"
        site.readings.wrong[name] = time.monotonic(), problem
        return
    site.pages.get(_name(key, digest), lambda: found)


def _lately_wrong(site: Site, name: tuple[CaseKey, str], scans: Sequence[Imaging]) -> Unread | None:
    when, problem = site.readings.wrong.get(name, (-_TRY_AGAIN_S, ""))
    return unread_of(scans, problem=problem) if time.monotonic() - when < _TRY_AGAIN_S else None


def _scans(case: Case, day: dt.date) -> tuple[Imaging, ...]:
    """The scans of a case that could be seen on a day."""
    return tuple(e for e in visible_events(case, day, None)[0] if isinstance(e, Imaging) and e.studies)


def unread_of(scans: Sequence[Imaging], *, problem: str, being_read: bool = False) -> Unread:
    told = tuple(UnreadScan(event=each.id, date=each.date, modality=each.modality) for each in scans)
    return Unread(scans=told, being_read=being_read, problem=problem)


def _kept(site: Site, key: CaseKey, digest: str) -> FromImages | None:
    text = site.kept.read(_place(key), digest)
    if text is None:
        return None
    with suppress(ValueError, UserError):
        return from_text(text)
    return None


def _name(key: CaseKey, digest: str) -> tuple[str, CaseKey, str]:
    return "images", key, digest


def _place(key: CaseKey) -> str:
    return f"images/{key.centre}/{key.case}"


def _digest(case: Case, home: Path, day: dt.date) -> str:
    seen = [event for event in visible_events(case, day, None)[0] if event.kind in _BESIDE_IMAGES]
    return digest_of(*(event.model_dump_json() for event in seen), *_files(seen, home))


def _files(events: list[AnyEvent], home: Path) -> list[str]:
    """The files that events name, as far as one can tell without reading them."""
    found: list[str] = []
    for event in events:
        for study in (event.studies or ()) if isinstance(event, Imaging) else ():
            with suppress(UserError, OSError):  # a path that leads elsewhere is refused where it is read
                path = locate(study, home, event.id)
                for file in sorted(path.iterdir()) if path.is_dir() else [path]:
                    told = file.stat()
                    found.append(f"{file.name} {told.st_size} {told.st_mtime_ns}")
    return found
