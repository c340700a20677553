"""The data folder: private keys that are made once, settings that are read strictly, and a place for the keys elsewhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from liverboard.errors import BadInput, MissingData
from liverboard.registry.folder import default_folder, make_folder, open_folder
from liverboard.registry.store import Store, StoreUnavailable


def test_a_folder_is_made_once_and_its_keys_stay(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "data", "lyon")
    keys = (folder.audit_key(), folder.centre_key("lyon"))
    assert keys[0] != keys[1] and {len(key) for key in keys} == {32}
    again = make_folder(tmp_path / "data", "lyon")
    assert (again.audit_key(), again.centre_key("lyon")) == keys
    (folder.keys / "centre-lyon.key").unlink()
    with pytest.raises(MissingData, match="key is not there"):  # a lost key is never made anew: pseudonyms would change
        make_folder(tmp_path / "data", "lyon").centre_key("lyon")
    folder.make_centre_key("paris")
    for file in (*folder.keys.iterdir(), tmp_path / "data" / "config.yaml"):
        assert file.stat().st_mode & 0o777 == 0o600
    assert folder.keys.stat().st_mode & 0o777 == 0o700


def test_keys_may_lie_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = make_folder(tmp_path / "data", "lyon", keys=tmp_path / "safe")
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
