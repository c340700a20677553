"""What the images of a case say, read once: in memory, else kept on the disk, else read now. It stays right as long as what it rests on stays as it is."""

from __future__ import annotations

import datetime as dt
from contextlib import suppress
from pathlib import Path
from threading import Event
from typing import Final

from liverboard.board.measure import locate
from liverboard.board.prepare import FromImages, read_images
from liverboard.clinical.derive_timeline import visible_events
from liverboard.clinical.events import AnyEvent, Case, Imaging
from liverboard.errors import UserError
from liverboard.registry.cases import CaseKey
from liverboard.registry.studies import case_folder
from liverboard.web.kept import digest_of
from liverboard.web.read_apart import as_text, from_text, read_images_apart
from liverboard.web.site import Site

_BESIDE_IMAGES: Final = ("imaging", "plan", "procedure", "scout")  # events that decide what is read of images


def has_images(case: Case) -> bool:
    return any(isinstance(event, Imaging) and event.studies for event in case.events)


def images_of(site: Site, key: CaseKey, case: Case, day: dt.date) -> FromImages:
    """What could be seen on a day. Raises as `read_images`; of the case in the result only the imaging events count."""
    home = case_folder(site.store, key)
    digest = _digest(case, home, day)

    def make() -> FromImages:
        found = _kept(site, key, digest)
        if found is None:
            found = read_images(case, home, day)
            if has_images(case):
                site.kept.write(_place(key), digest, as_text(found).encode())
        return found

    return site.pages.get(("images", key, digest), make)


def images_kept(site: Site, key: CaseKey, case: Case, day: dt.date) -> FromImages | None:
    """As `images_of` where they were read before and are kept; None where that would take long."""
    return _kept(site, key, _digest(case, case_folder(site.store, key), day))


def keep_images(site: Site, key: CaseKey, case: Case, day: dt.date, stop: Event) -> None:
    """Read them in another process and keep what they say, where nobody did before. Who asks meanwhile reads them at once. Raises as `read_images`, Unfinished."""
    home = case_folder(site.store, key)
    digest = _digest(case, home, day)
    if not site.kept.holds(_place(key), digest):
        found = read_images_apart(case, home, day, stop)
        site.kept.write(_place(key), digest, as_text(found).encode())


def _kept(site: Site, key: CaseKey, digest: str) -> FromImages | None:
    text = site.kept.read(_place(key), digest)
    if text is None:
        return None
    with suppress(ValueError, UserError):
        return from_text(text)
    return None


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
