"""The data folder: private keys that are made once, settings that are read strictly, and a place for the keys elsewhere."""

from __future__ import annotations

import errno
import gzip
import os
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, select

from liverboard.errors import BadInput, MissingData
from liverboard.registry.backup import verify_store
from liverboard.registry.folder import DataFolder, default_folder, make_folder, open_folder
from liverboard.registry.permissions import CONSOLE
from liverboard.registry.schema import audit
from liverboard.registry.store import Store, StoreUnavailable

ARCHIVES = Path(__file__).parents[2] / "archives" / "registry"


def made(path: Path, **given: Any) -> DataFolder:
    """A data folder with its store, as `registry init` makes it."""
    folder = make_folder(path, "lyon", **given)
    Store.initialise(folder).close()
    return folder


def test_a_folder_is_made_once_and_its_keys_stay(tmp_path: Path) -> None:
    folder = made(tmp_path / "data")
    keys = (folder.audit_key(), folder.centre_key("lyon"))
    assert keys[0] != keys[1] and {len(key) for key in keys} == {32}
    again = made(tmp_path / "data")
    assert (again.audit_key(), again.centre_key("lyon")) == keys
    (folder.keys / "centre-lyon.key").unlink()
    with pytest.raises(MissingData, match="key is not there"):  # a lost key is never made anew: pseudonyms would change
        made(tmp_path / "data").centre_key("lyon")
    folder.make_centre_key("paris")
    for file in (*folder.keys.iterdir(), tmp_path / "data" / "config.yaml"):
        assert file.stat().st_mode & 0o777 == 0o600
    assert folder.keys.stat().st_mode & 0o777 == 0o700


def test_keys_may_lie_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = made(tmp_path / "data", keys=tmp_path / "safe")
    assert sorted(file.name for file in (tmp_path / "safe").iterdir()) == ["audit.key", "centre-lyon.key"]
    assert open_folder(tmp_path / "data").audit_key() == folder.audit_key()
    (tmp_path / "safe").rename(tmp_path / "stick")
    with pytest.raises(MissingData, match="key is not there"):
        Store.open(folder)
    monkeypatch.setenv("LIVERBOARD_KEYS", str(tmp_path / "stick"))
    assert open_folder(tmp_path / "data").audit_key()


def test_a_password_in_the_url_is_never_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_folder(tmp_path / "data", "lyon")
    monkeypatch.setenv("LIVERBOARD_REGISTRY_URL", "postgresql://registry:hunter2@127.0.0.1:1/none")
    folder = open_folder(tmp_path / "data")
    assert folder.url.startswith("postgresql+psycopg://") and "hunter2" not in repr(folder)
    with pytest.raises(StoreUnavailable) as caught:
        Store.open(folder)
    assert "hunter2" not in str(caught.value) and caught.value.__cause__ is None


@pytest.mark.parametrize("name", ["", "../x", "a b", "x" * 65, "-a", "a/b", "*", "é"])
def test_names_of_centres_are_plain(tmp_path: Path, name: str) -> None:
    with pytest.raises(BadInput, match="name of a centre"):
        make_folder(tmp_path / "data", name)


@pytest.mark.parametrize("text", ["", "[]", "centre: [x]", "centre: lyon\nother: x", "centre: a b", "{", "centre: lyon\ndates_policy: maybe", "url: x", "centre: 5"])  # fmt: skip
def test_settings_that_are_none_are_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "config.yaml").write_text(text)
    with pytest.raises(BadInput):
        open_folder(tmp_path)


@pytest.mark.parametrize("text", ["", "zz", "00" * 31, "é"])
def test_a_damaged_key_is_told(tmp_path: Path, text: str) -> None:
    folder = make_folder(tmp_path / "data", "lyon")
    (folder.keys / "audit.key").write_text(text)
    with pytest.raises(BadInput, match="no key"):
        folder.audit_key()


@pytest.mark.parametrize("url", ["mysql://x/y", "sqlite://", "nonsense", "postgresql+psycopg2://x/y"])
def test_other_databases_are_refused(tmp_path: Path, url: str) -> None:
    folder = make_folder(tmp_path / "data", "lyon", url=url)
    with pytest.raises(BadInput, match="URL"):
        Store.open(folder)


def test_another_centre_is_another_folder(tmp_path: Path) -> None:
    make_folder(tmp_path / "data", "lyon")
    with pytest.raises(BadInput, match="another centre"):
        make_folder(tmp_path / "data", "paris")
    with pytest.raises(BadInput, match="another centre or database"):
        make_folder(tmp_path / "data", "lyon", url="postgresql://x/y")


def test_what_is_no_folder_or_no_store_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(MissingData, match="not a data folder"):
        open_folder(tmp_path)
    with pytest.raises(MissingData, match="no tables"):
        Store.open(make_folder(tmp_path / "data", "lyon"))
    monkeypatch.setenv("LIVERBOARD_DATA", str(tmp_path / "d"))
    assert default_folder() == tmp_path / "d"


def test_another_audit_key_opens_nothing(store: Store) -> None:
    key = store.folder.keys / "audit.key"
    right = key.read_text()
    key.write_text("5a" * 32)
    for act in (Store.open, Store.initialise):
        with pytest.raises(BadInput, match="not the one that this registry was written with"):
            act(store.folder)
    key.write_text(right)
    Store.open(store.folder, store.now).close()


def test_who_changes_an_end_of_the_trail_locks_nobody_out(store: Store) -> None:
    with store.engine.begin() as connection:
        last = dict(connection.execute(select(audit).order_by(audit.c.seq.desc()).limit(1)).mappings().one())
        connection.execute(insert(audit).values(last | {"seq": last["seq"] + 1}))
    again = Store.open(store.folder, store.now)
    assert verify_store(again, CONSOLE).faults
    again.close()


def test_beside_a_registry_that_is_there_no_key_is_made(store: Store, tmp_path: Path) -> None:
    """Its keys lie elsewhere: new ones would look like those that belong to it."""
    folder = make_folder(tmp_path / "again", "lyon", url=store.folder.url)
    with pytest.raises(MissingData, match="key is not there"):
        Store.initialise(folder)
    assert list(folder.keys.iterdir()) == []


def test_a_store_of_an_older_release_is_not_brought_up_to_date_with_another_key(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "data", "lyon")
    database = folder.path / "registry.sqlite"
    database.write_bytes(gzip.decompress((ARCHIVES / "0001.sqlite.gz").read_bytes()))
    (folder.keys / "audit.key").write_text("5a" * 32)
    with pytest.raises(BadInput, match="audit key is not the one"):
        Store.initialise(folder)
    with sqlite3.connect(database) as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchall() == [("0001",)]


def test_many_may_make_the_same_registry_at_once(tmp_path: Path) -> None:
    for number in range(3):
        with ThreadPoolExecutor(4) as pool:
            keys = {each.result() for each in [pool.submit(keys_of, tmp_path / f"data{number}") for _ in range(4)]}
        assert len(keys) == 1


def keys_of(path: Path) -> tuple[bytes, bytes]:
    folder = made(path)
    return folder.audit_key(), folder.centre_key("lyon")


def test_a_place_that_cannot_be_written_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    for path, keys in ((tmp_path / "file", None), (tmp_path / "file" / "data", None), (tmp_path / "data", tmp_path / "file")):  # fmt: skip
        with pytest.raises(BadInput, match="cannot be written"):
            make_folder(path, "lyon", keys=keys)

    def read_only(source: object, target: object) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    folder = make_folder(tmp_path / "keyless", "lyon")
    monkeypatch.setattr(os, "link", read_only)
    with pytest.raises(BadInput, match="cannot be written: Read-only"):
        Store.initialise(folder)
    assert list(folder.keys.iterdir()) == []
    monkeypatch.undo()
    with pytest.raises(MissingData, match="no tables"):  # a store whose key could not be kept is not made
        Store.open(folder)
    Store.initialise(folder).close()


def test_what_cannot_be_read_is_told(tmp_path: Path) -> None:
    unreadable = Path("/proc/self/mem")  # a file whose reading fails, for root too
    folder = make_folder(tmp_path / "data", "lyon")
    (folder.keys / "audit.key").symlink_to(unreadable)
    with pytest.raises(MissingData, match="cannot be read"):
        folder.audit_key()
    (tmp_path / "data" / "config.yaml").unlink()
    (tmp_path / "data" / "config.yaml").symlink_to(unreadable)
    for path in (tmp_path / "data", tmp_path / ("x" * 300)):
        with pytest.raises(MissingData, match="cannot be read"):
            open_folder(path)
