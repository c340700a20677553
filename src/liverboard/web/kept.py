"""Results kept on the disk between starts, by a digest of what they rest on and sealed under the audit key. Deleting the folder costs time only."""

from __future__ import annotations

import functools
import hashlib
import hmac
import zlib
from contextlib import suppress
from dataclasses import dataclass
from importlib.resources import as_file, files
from pathlib import Path
from typing import Final

from liverboard.errors import UserError
from liverboard.registry.folder import DataFolder

FOLDER: Final = "prepared"
_NEWEST: Final = 3  # results of one place that stay; older ones rest on what is no longer so
_SEAL: Final = b"liverboard prepared 1"


@functools.cache
def built() -> str:
    """A digest of this very software: other code or knowledge may find something else."""
    with as_file(files("liverboard")) as package:
        found = sorted(
            f"{file.relative_to(package)} {told.st_size} {told.st_mtime_ns}"
            for file in package.rglob("*")
            if file.suffix in {".py", ".yaml", ".csv"} and (told := file.stat())
        )
    return hashlib.sha256("\n".join(found).encode()).hexdigest()


def digest_of(*rests_on: str) -> str:
    """The name of a result by all that it rests on, this software included."""
    return hashlib.sha256("\0".join((built(), *rests_on)).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Kept:
    """The results of one data folder. A place groups those of which each newer one replaces the older, such as `images/lyon/NELM-1`."""

    folder: DataFolder

    def read(self, place: str, digest: str) -> bytes | None:
        """None: nothing is kept, or not as it was written."""
        try:
            content = self._file(place, digest).read_bytes()
            seal, packed = content[:32], content[32:]
            return zlib.decompress(packed) if hmac.compare_digest(seal, self._seal(place, digest, packed)) else None
        except (OSError, UserError, zlib.error):
            return None

    def holds(self, place: str, digest: str) -> bool:
        return self._file(place, digest).exists()

    def write(self, place: str, digest: str, content: bytes) -> None:
        """Keep it, whole or not at all. A disk that takes nothing more costs only the time to make it again."""
        packed = zlib.compress(content, 3)
        file = self._file(place, digest)
        with suppress(OSError, UserError):
            file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            whole = file.with_name(f".{digest}")
            whole.write_bytes(self._seal(place, digest, packed) + packed)
            whole.replace(file)
            newest = sorted(file.parent.glob("[0-9a-f]*"), key=lambda each: each.stat().st_mtime_ns, reverse=True)
            for old in newest[_NEWEST:]:
                old.unlink(missing_ok=True)

    def _file(self, place: str, digest: str) -> Path:
        return self.folder.path / FOLDER / place / digest

    def _seal(self, place: str, digest: str, packed: bytes) -> bytes:
        key = hmac.digest(self.folder.audit_key(), _SEAL, "sha256")
        return hmac.digest(key, f"{place}\0{digest}\0".encode() + packed, "sha256")
