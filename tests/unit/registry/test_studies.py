"""Studies are de-identified as they come in; the way back is sealed, and used for sending results back only."""

from __future__ import annotations

import zipfile
from pathlib import Path

import nibabel
import numpy as np
import pydicom
import pytest
from sqlalchemy import select
from tests.dicom_samples import ct, edit
from tests.registry_samples import CASE, EDITOR, MANAGER, STRANGER, VIEWER

from liverboard.errors import BadInput, MissingData, NotPermitted, UnsupportedImage
from liverboard.registry.cases import CaseKey, NoSuchCase, add_case
from liverboard.registry.measuring import report_progress, take_next
from liverboard.registry.schema import studies
from liverboard.registry.store import Store
from liverboard.registry.studies import case_folder, for_source, list_studies, receive, seal, unseal
from liverboard.volume import read_image
from liverboard.volume.deidentify import Link

KEY = CaseKey("lyon", "NELM-1")


@pytest.fixture
def upload(tmp_path: Path, store: Store) -> Path:
    """A zip of a study as a PACS hands it out, with a name in every place."""
    with store.transaction(EDITOR) as tx:
        add_case(tx, "lyon", CASE)
    files = ct(tmp_path / "sent")

    def name(_: int, head: pydicom.Dataset) -> None:
        head.PatientName, head.PatientID, head.AccessionNumber = "Zwiebelkuchen^Anna", "PID-778899", "ACC-445566"

    edit(files, name)
    with zipfile.ZipFile(tmp_path / "Zwiebelkuchen.zip", "w") as archive:
        for file in files:
            archive.write(file, f"Zwiebelkuchen_Anna/{file.name}")
        archive.writestr("Zwiebelkuchen_Anna/README.txt", "Zwiebelkuchen")
    return tmp_path / "Zwiebelkuchen.zip"


def test_a_zip_of_dicom_comes_in_and_a_result_finds_its_way_back(store: Store, upload: Path, tmp_path: Path) -> None:
    before = read_image(tmp_path / "sent")
    received = receive(store, EDITOR, KEY, upload)
    assert received.files == len(list((tmp_path / "sent").iterdir())) and received.path.parent == case_folder(
        store, KEY
    )
    after = read_image(received.path)
    assert np.array_equal(before.array, after.array) and np.array_equal(before.geometry.affine, after.geometry.affine)
    everything = b"".join(f.read_bytes() for f in store.folder.path.rglob("*") if f.is_file())
    with store.read() as connection:
        sealed = connection.scalar(select(studies.c.link))
    assert not [
        w
        for w in (b"zwiebelkuchen", b"pid-778899", b"acc-445566")
        if w in everything.lower() or w in sealed.lower().encode()
    ]
    assert not [
        f for f in store.folder.studies.rglob("*") if "zwiebel" in f.name.lower() or f.name.startswith(".incoming")
    ]

    result = next(received.path.rglob("*.dcm"))
    (back,) = for_source(store, MANAGER, received.id, (result,), tmp_path / "back")
    assert pydicom.dcmread(back).PatientID == "PID-778899"
    with pytest.raises(NotPermitted):
        for_source(store, EDITOR, received.id, (result,), tmp_path / "mine")
    with pytest.raises(NotPermitted):
        for_source(store, STRANGER, received.id, (result,), tmp_path / "theirs")


def test_nifti_comes_in_clean(store: Store, upload: Path, tmp_path: Path) -> None:
    image = nibabel.Nifti1Image(np.zeros((4, 4, 4), np.int16), np.eye(4))
    image.header["descrip"] = b"Zwiebelkuchen"
    nibabel.save(image, tmp_path / "Zwiebelkuchen.nii")
    received = receive(store, EDITOR, KEY, tmp_path / "Zwiebelkuchen.nii")
    (kept,) = received.path.iterdir()
    assert kept.name == "0001.nii" and b"Zwiebel" not in kept.read_bytes()
    with pytest.raises(MissingData, match="no way back"):
        for_source(store, MANAGER, received.id, (), tmp_path / "back")


def test_studies_are_listed_with_their_progress(store: Store, upload: Path) -> None:
    received = receive(store, EDITOR, KEY, upload)
    with store.transaction(EDITOR) as tx:
        taken = take_next(store, tx, "worker")
        assert taken is not None and taken.folder == received.path
        report_progress(tx, received.id, "worker", 40)
    (line,) = list_studies(store, VIEWER, KEY)
    assert (line.state, line.progress_percent, line.kind, line.uploaded_by) == ("measuring", 40, "dicom", "ed")
    assert case_folder(store, KEY) / line.path == received.path
    with pytest.raises(NotPermitted):
        list_studies(store, STRANGER, KEY)


def test_what_is_refused_leaves_nothing(store: Store, upload: Path, tmp_path: Path) -> None:
    (tmp_path / "x.txt").write_text("hello")
    with zipfile.ZipFile(tmp_path / "up.zip", "w") as archive:
        archive.writestr("../../up.dcm", b"x")
    for source, error in (
        (tmp_path / "x.txt", UnsupportedImage),
        (tmp_path / "up.zip", BadInput),
        (tmp_path / "none", BadInput),
    ):
        with pytest.raises(error):
            receive(store, EDITOR, KEY, source)
    with pytest.raises(NoSuchCase):
        receive(store, EDITOR, CaseKey("lyon", "NELM-9"), upload)
    for actor in (VIEWER, STRANGER):
        with pytest.raises(NotPermitted):
            receive(store, actor, KEY, upload)
    assert [f for f in store.folder.studies.rglob("*") if f.is_file()] == []
    assert list_studies(store, VIEWER, KEY) == ()


def test_a_seal_opens_with_its_key_alone() -> None:
    link = Link("NELM-1", 12, {"PatientID": "PID-778899"}, {"1": {"StudyDate": "20240101"}}, {"2": "3"})
    sealed = seal(b"k" * 32, link)
    assert unseal(b"k" * 32, sealed) == link and sealed != seal(b"k" * 32, link)
    assert "778899" not in sealed
    for key, text in ((b"x" * 32, sealed), (b"k" * 32, sealed[:-8] + "AAAAAAA="), (b"k" * 32, "no seal")):
        with pytest.raises(BadInput, match="cannot be opened"):
            unseal(key, text)
