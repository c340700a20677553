"""The files of a study on the disk, by digest: those that arrived, those that measuring made of them, and what is on its way."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import tempfile
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

ABOUT: Final = "study.json"
VIEW: Final = "view"
SENDING: Final = ".sending-"
INCOMING: Final = ".incoming-"
MEASURING: Final = ".measuring-"


@contextmanager
def passing(place: Path, prefix: str) -> Generator[Path]:
    """A folder below `place` for what is on its way; gone afterwards. It is locked, so that `sweep` knows whether a living process works in it."""
    with tempfile.TemporaryDirectory(dir=place, prefix=prefix) as made:
        door = os.open(made, os.O_RDONLY)
        try:
            with suppress(OSError):  # a disk of the network may have no locks: what is left there stays
                fcntl.flock(door, fcntl.LOCK_EX)
            yield Path(made)
        finally:
            os.close(door)


def sweep(studies: Path) -> None:
    """Take away what processes that died left on its way: an upload that was cut off still names its patient."""
    for pattern in (f"{SENDING}*", f"*/*/{INCOMING}*", f"*/*/{MEASURING}*", f"*/*/*/{MEASURING}*"):
        clear(studies, pattern)


def clear(place: Path, pattern: str) -> None:
    """Take away the folders of `passing` in which no process lives any more."""
    for folder in place.glob(pattern):
        with suppress(OSError):  # a living process holds it, or it is gone
            door = os.open(folder, os.O_RDONLY)
            try:
                fcntl.flock(door, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
            finally:
                os.close(door)


def files_of(folder: Path) -> dict[str, Path]:
    """Every file below the folder of a study by its path there; none where there is no folder. What is on its way in is hidden, and left out."""
    found: dict[str, Path] = {}
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(each for each in folders if not each.startswith("."))
        for name in names:
            file = Path(place) / name
            if not name.startswith("."):
                found[file.relative_to(folder).as_posix()] = file
    return found


def is_derived(name: str) -> bool:
    """Whether measuring makes this file anew, or a person's word on the roles of series: all others stay as they arrived."""
    return name == ABOUT or name.startswith(f"{VIEW}/")


def arrived(folder: Path) -> dict[str, str]:
    """The digest of every file that arrived, by its path."""
    return {name: digest_of_file(file) for name, file in sorted(files_of(folder).items()) if not is_derived(name)}


def derived(folder: Path) -> dict[str, str]:
    """The digest of every file that measuring left, by its path."""
    return {name: digest_of_file(file) for name, file in sorted(files_of(folder).items()) if is_derived(name)}


def digest_of_file(file: Path) -> str:
    """SHA-256, as 64 hexadecimal digits; empty where the file cannot be read."""
    try:
        with file.open("rb") as opened:
            return hashlib.file_digest(opened, "sha256").hexdigest()
    except OSError:
        return ""
