"""Archives from outside: what is whole comes in, and every known trick is refused with nothing left behind."""

from __future__ import annotations

import gzip
import io
import os
import tarfile
import time
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from liverboard.errors import BadInput
from liverboard.registry.archive import Limits, read_members, safe_name, unpack

SMALL = Limits(files=5, file_bytes=1_000, total_bytes=2_500, ratio=200)


def a_zip(path: Path, **files: bytes) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def a_tar(path: Path, *entries: tuple[tarfile.TarInfo, bytes]) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for entry, content in entries:
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return path


def test_folder_zip_and_tar_give_the_same_files(tmp_path: Path) -> None:
    folder = tmp_path / "study"
    (folder / "a").mkdir(parents=True)
    (folder / "a" / "1.dcm").write_bytes(b"one")
    (folder / "2.dcm").write_bytes(b"two")
    (folder / ".hidden").write_bytes(b"no")
    (folder / "link").symlink_to("/etc/hostname")
    packed = tmp_path / "s.zip"
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("a/1.dcm", b"one")
        archive.writestr("2.dcm", b"two")
        archive.writestr("__MACOSX/2.dcm", b"no")
    tar = a_tar(tmp_path / "s.tgz", (tarfile.TarInfo("./a/1.dcm"), b"one"), (tarfile.TarInfo("2.dcm"), b"two"))
    expected = {"a/1.dcm": b"one", "2.dcm": b"two"}
    for source in (folder, packed, tar):
        assert dict(read_members(source)) == expected
        assert unpack(source, tmp_path / f"out-{source.name}") == 2
        out = tmp_path / f"out-{source.name}"
        assert {str(f.relative_to(out)): f.read_bytes() for f in out.rglob("*") if f.is_file()} == expected
        assert not any(f.stat().st_mode & 0o111 for f in out.rglob("*") if f.is_file())  # nothing can be run


@pytest.mark.parametrize("name", ["../out", "/etc/passwd", "a/../../out", "a\\..\\..\\out", "C:\\x", "a//b", "a/\0b", "a\nb", "x" * 300, "/".join("a" * 40), "", "a/."])  # fmt: skip
def test_a_name_that_leads_elsewhere_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"name leads out of it|cannot be a name"):
        safe_name(name, "x.zip")


@given(st.text(max_size=60))
def test_a_safe_name_stays_below_its_folder(name: str) -> None:
    try:
        safe = safe_name(name, "x")
    except BadInput:
        return
    assert os.path.normpath(f"/base/{safe}").startswith("/base/")


def test_tricks_are_refused_and_nothing_is_left(tmp_path: Path) -> None:
    tricks = tmp_path / "tricks"
    tricks.mkdir()
    link = zipfile.ZipInfo("link")
    link.external_attr = 0o120777 << 16
    with zipfile.ZipFile(tricks / "link.zip", "w") as archive:
        archive.writestr("ok.txt", b"ok")
        archive.writestr(link, b"/etc/passwd")
    with zipfile.ZipFile(tricks / "up.zip", "w") as archive:
        archive.writestr("ok.txt", b"ok")
        archive.writestr("../../out.txt", b"out")
    with zipfile.ZipFile(tricks / "twice.zip", "w") as archive:
        archive.writestr("Case.yaml", b"1")
        archive.writestr("case.YAML", b"2")
    soft, device = tarfile.TarInfo("s"), tarfile.TarInfo("d")
    soft.type, soft.linkname, device.type = tarfile.SYMTYPE, "/etc/passwd", tarfile.CHRTYPE
    a_tar(tricks / "soft.tgz", (soft, b""))
    a_tar(tricks / "device.tgz", (device, b""))
    a_tar(tricks / "up.tgz", (tarfile.TarInfo("../out.txt"), b"out"))
    (tricks / "cut.zip").write_bytes((tricks / "up.zip").read_bytes()[:-30])
    (tricks / "cut.tgz").write_bytes(
        a_tar(tmp_path / "x.tgz", (tarfile.TarInfo("a"), os.urandom(5_000))).read_bytes()[:2_000]
    )
    for trick in sorted(tricks.iterdir()):
        with pytest.raises(BadInput):
            unpack(trick, tmp_path / "out")
    assert sorted(each.name for each in tmp_path.iterdir()) == ["tricks", "x.tgz"]


@pytest.mark.parametrize(
    "files",
    [
        {f"f{n}": b"x" for n in range(6)},  # too many
        {"big": b"x" * 1_001},
        {"a": b"x" * 900, "b": b"x" * 900, "c": b"x" * 900},  # too much together
    ],
)
def test_limits_hold_for_every_kind(files: dict[str, bytes], tmp_path: Path) -> None:
    folder = tmp_path / "f"
    folder.mkdir()
    for name, content in files.items():
        (folder / name).write_bytes(content)
    sources = [
        folder,
        a_zip(tmp_path / "f.zip", **files),
        a_tar(tmp_path / "f.tgz", *[(tarfile.TarInfo(n), c) for n, c in files.items()]),
    ]
    for source in sources:
        with pytest.raises(BadInput, match=r"more than|larger than"):
            list(read_members(source, SMALL))


def test_bombs_are_refused_by_what_they_claim_and_by_what_they_hold(tmp_path: Path) -> None:
    bomb = a_zip(tmp_path / "bomb.zip", zeros=b"\0" * 12_000_000)
    with pytest.raises(BadInput, match="200 times"):
        list(read_members(bomb))
    liar = a_zip(tmp_path / "liar.zip", zeros=b"\0" * 4_000)
    raw = bytearray(liar.read_bytes())
    place = raw.rindex(b"PK\x01\x02")
    raw[place + 24 : place + 28] = (10).to_bytes(4, "little")  # says that it unpacks to 10 bytes
    liar.write_bytes(bytes(raw))
    with pytest.raises(BadInput):
        list(read_members(liar, SMALL))


def test_an_encrypted_zip_is_told(tmp_path: Path) -> None:
    path = a_zip(tmp_path / "e.zip", a=b"secret")
    raw = bytearray(path.read_bytes())
    for mark in (b"PK\x03\x04", b"PK\x01\x02"):
        place = raw.index(mark) + (6 if mark == b"PK\x03\x04" else 8)
        raw[place] |= 1
    path.write_bytes(bytes(raw))
    with pytest.raises(BadInput, match="encrypted"):
        list(read_members(path))


@pytest.mark.parametrize("ending", ["gz", "bz2", "xz"])
def test_a_packed_tar_that_unpacks_to_much_more_than_itself_is_refused(tmp_path: Path, ending: str) -> None:
    entry = tarfile.TarInfo("zeros")
    entry.size = 12_000_000
    with tarfile.open(tmp_path / "bomb", f"w:{ending}") as archive:  # pyright: ignore
        archive.addfile(entry, io.BytesIO(bytes(entry.size)))
    with pytest.raises(BadInput, match="200 times its size"):
        list(read_members(tmp_path / "bomb"))


@pytest.mark.parametrize("kind", [tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK])
@pytest.mark.parametrize("first", [True, False])
def test_a_tar_with_endless_attributes_is_refused_before_they_are_read(
    tmp_path: Path, kind: bytes, first: bool
) -> None:
    about = tarfile.TarInfo("about")
    about.type, about.size = kind, 2_000_000
    raw = about.tobuf() + bytes(2_000_384)
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w") as archive:
        one = tarfile.TarInfo("one")
        one.size = 3
        archive.addfile(one, io.BytesIO(b"one"))
    whole = plain.getvalue()
    (tmp_path / "t.tgz").write_bytes(gzip.compress(raw + whole if first else whole[:1024] + raw + bytes(1024)))
    with pytest.raises(BadInput, match="longer than any file"):
        list(read_members(tmp_path / "t.tgz"))


def test_a_zip_that_was_cut_off_is_told_as_damaged(tmp_path: Path) -> None:
    whole = a_zip(tmp_path / "whole.zip", case=b"case: N-1")
    (tmp_path / "cut.zip").write_bytes(whole.read_bytes()[:-30])
    with pytest.raises(BadInput, match="archive is damaged"):
        list(read_members(tmp_path / "cut.zip"))


def test_a_huge_file_is_told_by_its_size_before_it_is_read(tmp_path: Path) -> None:
    text, zeros = tmp_path / "case.yaml", tmp_path / "zeros.yaml"
    text.write_text("case: N-1\n")
    zeros.touch()
    for file in (text, zeros):
        os.truncate(file, 2_000_000_000)
    started = time.monotonic()
    with pytest.raises(BadInput, match="larger than 20 MB"):
        list(read_members(text))
    assert list(read_members(zeros)) == []  # as an empty tar begins
    assert time.monotonic() - started < 5
