"""What comes in from outside as a file, folder, zip or tar: read within limits, with safe names. Nothing is run, and no archive in an archive is opened."""

from __future__ import annotations

import os
import stat
import tarfile
import tempfile
import unicodedata
import zipfile
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final, Literal, NoReturn

from liverboard.errors import BadInput

_BLOCK: Final = 1 << 20
_RATIO_FROM: Final = 10_000_000  # small files may be compressed by any factor
_LONGEST_NAME: Final = 255
_DEEPEST: Final = 32
_LONGEST_ABOUT: Final = 100_000  # bytes of the name and attributes of an entry of a tar
_ABOUT_ENTRIES: Final = (
    tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK,
)  # fmt: skip
_ZIP: Final = b"PK\x03\x04"
_Mode = Literal["r:", "r:gz", "r:bz2", "r:xz"]
_MODES: Final[dict[bytes, _Mode]] = {
    b"\x1f\x8b": "r:gz",
    b"BZh": "r:bz2",
    b"\xfd7zXZ": "r:xz",
    b"": "r:",
}
_HINT: Final = "Nothing was taken from it. Send a folder, zip or tar with the files as they are."


@dataclass(frozen=True, slots=True)
class Limits:
    """How much may come in at once. `ratio`: unpacked to packed size of an archive; more is a bomb."""

    files: int = 20_000
    file_bytes: int = 20_000_000
    total_bytes: int = 500_000_000
    ratio: int = 200


CASES: Final = Limits()
STUDY: Final = Limits(files=60_000, file_bytes=2_000_000_000, total_bytes=8_000_000_000)


def read_members(
    source: Path, limits: Limits = CASES, wanted: Callable[[str], bool] = lambda name: True
) -> Iterator[tuple[str, bytes]]:
    """The name and content of every wanted file of a file, folder, zip or tar (compressed or not), one after the other. Hidden files are passed over.

    Raises BadInput: not there, too large or too many, a name that leads elsewhere, a link or device, an encrypted or damaged archive.
    """
    with _opened(source, limits) as members:
        for member in members:
            if wanted(member.name):
                yield member.name, b"".join(member.blocks())


def unpack(source: Path, target: Path, limits: Limits = STUDY) -> int:
    """Write every file of a folder, zip or tar below the new folder `target`, which appears whole or not at all; gives how many. Raises as `read_members`."""
    count = 0
    with (
        _opened(source, limits) as members,
        tempfile.TemporaryDirectory(dir=target.parent, prefix=".unpacking-") as made,
    ):
        whole = Path(made) / "files"
        whole.mkdir()
        for member in members:
            place = whole / member.name
            place.parent.mkdir(parents=True, exist_ok=True)
            with os.fdopen(os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                for block in member.blocks():
                    file.write(block)
            count += 1
        whole.rename(target)
    return count


def safe_name(written: str, where: str) -> str:
    """A path below the archive with `/` between its parts. Raises BadInput for one that leads elsewhere or that some systems cannot hold."""
    name = unicodedata.normalize("NFC", written).replace("\\", "/").removeprefix("./")
    parts = name.split("/")
    if (
        not name
        or name.startswith("/")
        or any(part in {"", ".", ".."} or len(part.encode()) > _LONGEST_NAME or ":" in part for part in parts)
        or len(parts) > _DEEPEST
        or not name.isprintable()
    ):
        _refuse(where, "the archive has a file whose name leads out of it, or cannot be a name")
    return name


@dataclass(frozen=True, slots=True)
class _Member:
    name: str
    blocks: Callable[[], Iterator[bytes]]


class _Counted:
    """Counts files and bytes as they come, whatever the archive claims."""

    def __init__(self, limits: Limits, where: str) -> None:
        self.limits, self.where = limits, where
        self.files = self.total = 0
        self.names: set[str] = set()

    def enter(self, name: str, size: int) -> None:
        self.files += 1
        if self.files > self.limits.files:
            _refuse(self.where, f"there are more than {self.limits.files:,} files in it")
        if size > self.limits.file_bytes:
            _refuse(self.where, f"a file in it is larger than {self.limits.file_bytes / 1e6:,.0f} MB")
        if name.casefold() in self.names:
            _refuse(self.where, "two files in it have the same name")
        self.names.add(name.casefold())

    def count(self, file: IO[bytes]) -> Iterator[bytes]:
        size = 0
        while block := file.read(_BLOCK):
            size += len(block)
            self.total += len(block)
            if size > self.limits.file_bytes:
                _refuse(self.where, f"a file in it is larger than {self.limits.file_bytes / 1e6:,.0f} MB")
            if self.total > self.limits.total_bytes:
                _refuse(self.where, f"it holds more than {self.limits.total_bytes / 1e6:,.0f} MB")
            yield block


@contextmanager
def _opened(source: Path, limits: Limits) -> Generator[Iterator[_Member]]:
    counted = _Counted(limits, source.name)
    try:
        if source.is_dir():
            yield _of_folder(source, counted)
        elif not source.is_file():
            _refuse(source.name, "there is no such file or folder")
        elif zipfile.is_zipfile(source):
            with zipfile.ZipFile(source) as archive:
                yield _of_zip(archive, counted)
        elif (tar := _tar(source)) is not None:
            with tar as archive:
                yield _of_tar(archive, counted, source.stat().st_size)
        else:
            yield _of_file(source, counted)
    except (zipfile.BadZipFile, tarfile.TarError, EOFError, NotImplementedError, ValueError, RuntimeError) as error:
        raise BadInput(
            "the archive is damaged, encrypted or of an unknown kind", where=source.name, hint=_HINT
        ) from error
    except OSError as error:
        raise BadInput(f"it cannot be read: {error.strerror or 'damaged'}", where=source.name, hint=_HINT) from None


class _Entry(tarfile.TarInfo):
    """An entry whose name or attributes, which are read into memory as a whole, are no longer than any true one."""

    def _proc_member(self, tar: tarfile.TarFile) -> Any:
        if self.type in _ABOUT_ENTRIES and self.size > _LONGEST_ABOUT:
            _refuse(Path(str(tar.name)).name, "an entry of the archive has a name or attributes longer than any file")
        return super()._proc_member(tar)  # type: ignore[misc]  # pyright: ignore


def _tar(source: Path) -> tarfile.TarFile | None:
    with source.open("rb") as file:
        beginning = file.read(6)
    if beginning.startswith(_ZIP):  # and no whole one: its end is missing
        raise zipfile.BadZipFile
    # By its first bytes: trying one after the other reads a large file of zeros to its end.
    mode: _Mode = next(mode for sign, mode in _MODES.items() if beginning.startswith(sign))
    try:
        return tarfile.open(source, mode, tarinfo=_Entry)
    except tarfile.ReadError:
        return None


def _of_folder(folder: Path, counted: _Counted) -> Iterator[_Member]:
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(each for each in folders if not each.startswith("."))
        for name in sorted(names):
            file = Path(place) / name
            if name.startswith(".") or file.is_symlink() or not file.is_file():
                continue
            shown = str(file.relative_to(folder)).replace(os.sep, "/")
            counted.enter(shown, file.stat().st_size)
            yield _Member(shown, lambda file=file: _blocks_of(file, counted))


def _of_file(file: Path, counted: _Counted) -> Iterator[_Member]:
    counted.enter(file.name, file.stat().st_size)
    yield _Member(file.name, lambda: _blocks_of(file, counted))


def _blocks_of(file: Path, counted: _Counted) -> Iterator[bytes]:
    with file.open("rb") as opened:
        yield from counted.count(opened)


def _of_zip(archive: zipfile.ZipFile, counted: _Counted) -> Iterator[_Member]:
    entries = [entry for entry in archive.infolist() if not entry.is_dir()]
    claimed = sum(entry.file_size for entry in entries)
    packed = sum(entry.compress_size for entry in entries)
    _within(counted, claimed, packed)
    for entry in entries:
        name = safe_name(entry.filename, counted.where)
        if stat.S_IFMT(entry.external_attr >> 16) not in {0, stat.S_IFREG}:
            _refuse(counted.where, "there is a link or device in it")
        if _hidden(name):
            continue
        counted.enter(name, entry.file_size)
        yield _Member(name, lambda entry=entry: _blocks_of_zip(archive, entry, counted))


def _blocks_of_zip(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, counted: _Counted) -> Iterator[bytes]:
    with archive.open(entry) as file:
        yield from counted.count(file)


def _within(counted: _Counted, claimed: int, packed: int) -> None:
    """Refuse an archive that says it unpacks to more than is taken, or to much more than itself."""
    if claimed > counted.limits.total_bytes:
        _refuse(counted.where, f"it holds more than {counted.limits.total_bytes / 1e6:,.0f} MB")
    if claimed > _RATIO_FROM and claimed > counted.limits.ratio * max(packed, 1):
        _refuse(counted.where, f"it unpacks to more than {counted.limits.ratio} times its size")


def _of_tar(archive: tarfile.TarFile, counted: _Counted, packed: int) -> Iterator[_Member]:
    claimed = 0
    for entry in archive:
        if entry.isdir():
            continue
        name = safe_name(entry.name, counted.where)
        if not entry.isreg() or entry.issparse():
            _refuse(counted.where, "there is a link, device or sparse file in it")
        claimed += entry.size
        _within(counted, claimed, packed)
        counted.enter(name, entry.size)
        if not _hidden(name):
            yield _Member(name, lambda entry=entry: _blocks_of_tar(archive, entry, counted))


def _blocks_of_tar(archive: tarfile.TarFile, entry: tarfile.TarInfo, counted: _Counted) -> Iterator[bytes]:
    file = archive.extractfile(entry)
    if file is not None:
        with file:
            yield from counted.count(file)


def _hidden(name: str) -> bool:
    return any(part.startswith(".") or part == "__MACOSX" for part in name.split("/"))


def _refuse(where: str, message: str) -> NoReturn:
    raise BadInput(message, where=where, hint=_HINT)
