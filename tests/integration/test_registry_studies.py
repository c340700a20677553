"""A study goes from a PACS into the registry and a result goes back, at the terminal and against a real Orthanc."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from tests.dicom_samples import WHEN, ct, edit
from tests.integration.test_pacs import pacs

from liverboard.cli import main
from liverboard.volume import LabelMap, read_image
from liverboard.volume.dicomweb import Pacs, fetch_study, list_studies, send_files
from liverboard.volume.write_dicom import Structure, write_seg

__all__ = ["pacs"]


def liverboard(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *words: object) -> dict[str, Any]:
    monkeypatch.setattr("sys.argv", ["liverboard", *(str(word) for word in words), "--json"])
    with pytest.raises(SystemExit) as done:
        main()
    shown = capsys.readouterr()
    assert not done.value.code, shown.err
    return json.loads(shown.out)


def test_a_result_stands_with_its_patient_in_the_pacs_and_nothing_of_them_here(
    pacs: Pacs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def change(_: int, head: pydicom.Dataset) -> None:
        head.PatientName, head.PatientID, head.StudyInstanceUID = "Zwiebelkuchen^Anna", "PID-778899", "1.2.3.4.99"
        head.SeriesInstanceUID, head.FrameOfReferenceUID = "1.2.3.4.99.1", "1.2.3.4.99.2"
        head.SOPInstanceUID = head.file_meta.MediaStorageSOPInstanceUID = f"1.2.3.4.99.1.{head.InstanceNumber}"

    files = ct(tmp_path / "source")
    edit(files, change)
    originals = {str(pydicom.dcmread(file).SOPInstanceUID) for file in files}
    send_files(pacs, files)
    fetch_study(pacs, "1.2.3.4.99", tmp_path / "fetched")

    data = tmp_path / "data"
    (tmp_path / "case.yaml").write_text("case: NELM-1\n", encoding="utf-8")
    liverboard(monkeypatch, capsys, "registry", "init", "--data", data, "--centre", "lyon")
    liverboard(monkeypatch, capsys, "registry", "import", tmp_path / "case.yaml", "--data", data)
    received = liverboard(monkeypatch, capsys, "registry", "study", "NELM-1", tmp_path / "fetched", "--data", data)
    assert received["files"] == len(files)
    here = data / "studies" / "lyon" / "NELM-1" / received["path"]
    image = read_image(here)
    mask = np.zeros(image.geometry.shape, np.uint8)
    mask[3:9, 2:9, 3:6] = 1
    tumour = Structure(LabelMap(mask, image.geometry, {1: "tumour"}), "lesion")
    seg = write_seg(tmp_path / "seg.dcm", [tumour], source=sorted(here.rglob("*.dcm")), when=WHEN)

    monkeypatch.setenv("LIVERBOARD_PACS_USER", "reader")
    monkeypatch.setenv("LIVERBOARD_PACS_PASSWORD", "s3cret")
    told = liverboard(
        monkeypatch, capsys, "registry", "send", received["study"], seg, "--url", pacs.url, "--data", data
    )
    assert told == {"sent": 1}
    (study,) = list_studies(pacs, patient_id="PID-778899")
    assert study.uid == "1.2.3.4.99" and sorted(series.modality for series in study.series) == ["CT", "SEG"]
    fetch_study(pacs, "1.2.3.4.99", tmp_path / "again")
    back = next(d for f in (tmp_path / "again").rglob("*.dcm") if (d := pydicom.dcmread(f)).Modality == "SEG")
    assert back.PatientName == "Zwiebelkuchen^Anna"
    referred = {
        str(each.ReferencedSOPInstanceUID) for each in back.ReferencedSeriesSequence[0].ReferencedInstanceSequence
    }
    assert referred and referred <= originals
    everything = b"".join(f.read_bytes() for f in data.rglob("*") if f.is_file()).lower()
    assert b"zwiebelkuchen" not in everything and b"pid-778899" not in everything
