"""The data folder of a centre: the database (or where it is), the keys, the studies, and the heads of the audit chain."""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal, get_args

import yaml
from sqlalchemy.engine import make_url

from liverboard.errors import BadInput, MissingData

DatesPolicy = Literal["keep", "shift"]  # of the dates in a study that is de-identified on arrival

_CONFIG, _DATABASE, _AUDIT_KEY = "config.yaml", "registry.sqlite", "audit.key"
_KEY_BYTES: Final = 32
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
KEYS_VARIABLE, URL_VARIABLE = "LIVERBOARD_KEYS", "LIVERBOARD_REGISTRY_URL"


@dataclass(frozen=True, slots=True)
class DataFolder:
    """Where everything of one installation lies. `url`: of the database; `keys`: the folder of the keys, which may lie on another disk.

    Keys never enter this object: they are read when they are used.
    """

    path: Path
    url: str = field(repr=False)  # may hold a password
    keys: Path
    centre: str
    dates_policy: DatesPolicy = "shift"

    @property
    def studies(self) -> Path:
        return self.path / "studies"

    @property
    def heads(self) -> Path:
        """One line of JSON a head of the audit chain, written outside the database."""
        return self.path / "heads.jsonl"

    def audit_key(self) -> bytes:
        """The key of the audit chain. Raises MissingData when its file is not there."""
        return _read_key(self.keys / _AUDIT_KEY)

    def centre_key(self, centre: str) -> bytes:
        """The key of a centre's pseudonyms and links. Raises MissingData when its file is not there."""
        return _read_key(self.keys / f"centre-{centre_name(centre)}.key")

    def make_audit_key(self) -> None:
        """Make the key of the audit chain of a store that has no tables yet. An existing key is never replaced."""
        _make_key(self.keys / _AUDIT_KEY)

    def make_centre_key(self, centre: str) -> None:
        """Make the key of a centre that is new in this store. An existing key is never replaced."""
        _make_key(self.keys / f"centre-{centre_name(centre)}.key")


def centre_name(text: str) -> str:
    """The name of a centre, fit for a file name too. Raises BadInput."""
    if not _NAME.fullmatch(text):
        raise BadInput(
            f"'{text[:40]}' cannot be the name of a centre",
            hint="Use up to 64 letters, digits, '-', '_' and '.', such as lyon-est.",
        )
    return text


def default_folder() -> Path:
    """`$LIVERBOARD_DATA`, else `liverboard` among the user's data."""
    named = os.environ.get("LIVERBOARD_DATA")
    if named:
        return Path(named)
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "liverboard"


def make_folder(
    path: Path, centre: str, *, url: str | None = None, keys: Path | None = None, dates_policy: DatesPolicy = "shift"
) -> DataFolder:
    """Make a data folder with its settings; one that is there already is opened. Its keys come with the tables and the centres of the store, so that a lost one is never made anew.

    Raises BadInput when the folder belongs to another centre or database than asked for, or cannot be made.
    """
    centre = centre_name(centre)
    _make_place(path)
    if not (path / _CONFIG).exists():
        _make_place(Path(os.environ.get(KEYS_VARIABLE) or keys or path / "keys"))
        settings = {"centre": centre, "url": url, "keys": None if keys is None else str(keys.resolve()), "dates_policy": dates_policy}  # fmt: skip
        _write_new(path / _CONFIG, yaml.safe_dump({k: v for k, v in settings.items() if v is not None}).encode())
    folder = open_folder(path)
    if folder.centre != centre or (
        url is not None and URL_VARIABLE not in os.environ and folder.url != database_url(url)
    ):
        raise BadInput(
            "this data folder is set up for another centre or database",
            where=_CONFIG,
            hint=f"Its centre is {folder.centre}. Choose another folder, or edit {_CONFIG} there.",
        )
    _make_place(folder.studies)
    return folder


def open_folder(path: Path) -> DataFolder:
    """Open a data folder. Raises MissingData when it is none, BadInput when its settings cannot be read.

    The environment goes before `config.yaml`: LIVERBOARD_KEYS (folder of the keys) and LIVERBOARD_REGISTRY_URL (with its password, which then stands in no file).
    """
    try:
        is_there = (path / _CONFIG).is_file()
    except OSError as error:
        raise _unreadable(path, error) from None
    if not is_there:
        raise MissingData(
            "this is not a data folder of a registry", where=path.name, hint="Make one with: liverboard registry init"
        )
    settings = _settings(path / _CONFIG)
    url = os.environ.get(URL_VARIABLE) or settings.get("url") or f"sqlite:///{(path / _DATABASE).resolve()}"
    keys = Path(os.environ.get(KEYS_VARIABLE) or settings.get("keys") or path / "keys")
    policy = settings.get("dates_policy", "shift")
    return DataFolder(path, database_url(url), keys, centre_name(settings["centre"]), policy)


def keep_url(folder: DataFolder, url: str) -> None:
    """Write another database into the settings, without a password: that comes from LIVERBOARD_REGISTRY_URL or the database's own password file."""
    plain = make_url(url)
    settings = _settings(folder.path / _CONFIG) | {"url": plain.set(password=None).render_as_string()}
    temporary = folder.path / f".{_CONFIG}.{secrets.token_hex(4)}"
    _write_new(temporary, yaml.safe_dump(settings).encode())
    temporary.replace(folder.path / _CONFIG)


def _settings(path: Path) -> dict[str, Any]:
    hint = "Expected: centre, and optionally url, keys, dates_policy (keep or shift)."
    try:
        read: Any = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError):
        raise BadInput("the settings are not readable YAML", where=path.name, hint=hint) from None
    except OSError as error:
        raise _unreadable(path, error) from None
    known = {"centre", "url", "keys", "dates_policy"}
    if not isinstance(read, dict) or not set(read) <= known or not all(isinstance(v, str) for v in read.values()):  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
        raise BadInput("the settings hold something else than text under known keys", where=path.name, hint=hint)
    if "centre" not in read or read.get("dates_policy", "shift") not in get_args(DatesPolicy):  # pyright: ignore[reportUnknownMemberType]
        raise BadInput("the settings lack the centre, or dates_policy is no known word", where=path.name, hint=hint)
    return read  # pyright: ignore[reportUnknownVariableType]


def database_url(url: str) -> str:
    """The URL as the registry uses it: PostgreSQL by psycopg, whichever way it is written."""
    for plain in ("postgresql://", "postgres://"):
        if url.startswith(plain):
            return f"postgresql+psycopg://{url.removeprefix(plain)}"
    return url


def _read_key(path: Path) -> bytes:
    hint = f"Keys are made once, by `liverboard registry init`, and never again: bring back {path.name} from where the centre keeps a copy."
    try:
        key = bytes.fromhex(path.read_text(encoding="ascii"))
    except FileNotFoundError:
        raise MissingData("a key is not there", where=path.name, hint=hint) from None
    except OSError as error:
        raise _unreadable(path, error) from None
    except (ValueError, UnicodeDecodeError):
        key = b""
    if len(key) != _KEY_BYTES:
        raise BadInput(f"this is no key: expected {2 * _KEY_BYTES} hexadecimal digits", where=path.name, hint=hint)
    return key


def _unreadable(path: Path, error: OSError) -> MissingData:
    return MissingData(
        f"it cannot be read: {error.strerror}", where=path.name, hint="Run this as the user whose folder it is."
    )


def _make_key(path: Path) -> None:
    _write_new(path, secrets.token_hex(_KEY_BYTES).encode())


def _make_place(path: Path) -> None:
    with _writing(path):
        path.mkdir(mode=0o700, parents=True, exist_ok=True)


def _write_new(path: Path, content: bytes) -> None:
    """Write a private file, whole or not at all, unless one is there: then that one counts. Raises BadInput when it cannot be written."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    with _writing(path):
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            with suppress(FileExistsError):
                os.link(temporary, path)  # unlike a rename, this refuses to replace
        finally:
            temporary.unlink()


@contextmanager
def _writing(path: Path) -> Generator[None]:
    try:
        yield
    except OSError as error:
        raise BadInput(
            f"it cannot be written: {error.strerror}",
            where=path.name,
            hint="Check the place, its room and whose it is.",
        ) from None
