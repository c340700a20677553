"""Whichever policy on dates a centre has, the case stands on true days: facts and response are the same, while the files of studies keep what the policy says."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import numpy as np
import pydicom
import pytest
import yaml
from tests.dicom_samples import ct, edit
from tests.registry_samples import EDITOR, HandClock
from tests.web.test_study_pages import at_once, send, zipped
from tests.web_samples import KEY, Visitor, clock, editor, filled, site, words

from liverboard.clinical.events import Procedure
from liverboard.clinical.facts import facts_of
from liverboard.registry.cases import case_as_known
from liverboard.registry.folder import DatesPolicy, open_folder
from liverboard.registry.store import Store
from liverboard.response.answers import answers_of
from liverboard.volume import LabelMap, read_image
from liverboard.volume.write_dicom import Structure, write_seg
from liverboard.web.measuring import Worker
from liverboard.web.site import Site

__all__ = ["at_once", "clock", "editor", "filled", "site"]
DAYS = (dt.date(2024, 2, 28), dt.date(2024, 5, 30))


def scan(folder: Path, day: dt.date, lesion_voxels: int) -> tuple[str, bytes]:
    """A CT and the SEG of a liver with one lesion, as a PACS hands them out."""
    files = ct(folder / "ct", name=day.isoformat())

    def dated(number: int, head: pydicom.Dataset) -> None:
        head.StudyDate = head.SeriesDate = head.AcquisitionDate = head.ContentDate = f"{day:%Y%m%d}"
        head.StudyInstanceUID, head.PatientID = f"2.25.{day:%Y%m%d}", "PID-778899"
        head.SOPInstanceUID = head.file_meta.MediaStorageSOPInstanceUID = f"2.25.{day:%Y%m%d}{number}"

    edit(files, dated)
    grid = read_image(folder / "ct").geometry
    liver, lesion = np.zeros(grid.shape, np.uint8), np.zeros(grid.shape, np.uint8)
    liver[2:22, 2:18, 2:12] = 1
    lesion[3 : 3 + lesion_voxels, 6:12, 5:9] = 1
    structures = [
        Structure(LabelMap(liver, grid, {1: "liver"}), "liver"),
        Structure(LabelMap(lesion, grid, {1: "tumour"}), "lesion"),
    ]
    write_seg(folder / "seg.dcm", structures, source=files, when=dt.datetime(2024, 6, 1, 9))  # noqa: DTZ001
    return zipped([(file.name, file.read_bytes()) for file in (*files, folder / "seg.dcm")])


@pytest.mark.parametrize(("then", "now"), [("keep", "keep"), ("shift", "shift"), ("shift", "keep")])
def test_what_is_measured_stands_on_the_day_of_the_scan(
    then: DatesPolicy, now: DatesPolicy, site: Site, clock: HandClock, tmp_path: Path, at_once: None
) -> None:
    site = under(site, then, clock)
    for number, (day, voxels) in enumerate(zip(DAYS, (18, 8), strict=True)):
        editor = Visitor(site, "editor")
        sent = send(editor, [scan(tmp_path / str(number), day, voxels)])
        assert sent.status_code == 303, words(sent)
        page = sent.headers["location"]
        assert Worker(site.store).measure_next()
        if (
            now != then
        ):  # the policy changes, and what was told of the study is lost: the files themselves say how they were treated
            site = under(site, now, clock)
            editor = Visitor(site, "editor")
            for told in site.store.folder.studies.rglob("study.json"):
                told.unlink()
        found = editor.json(page)
        assert found["parts"]["date"] == day.isoformat()
        fields = {"version": found["version"], "date": found["parts"]["date"], "modality": "CT"}
        said = editor.post(f"{page}/confirm", fields)
        assert said.status_code == 303, words(said)
        site = under(site, then, clock)
    kept = {str(pydicom.dcmread(file).StudyDate) for file in site.store.folder.studies.rglob("*.dcm")}
    assert (kept == {f"{day:%Y%m%d}" for day in DAYS}) is (then == "keep")
    case = case_as_known(site.store, EDITOR, KEY).case
    assert tuple(event.date for event in case.events if event.kind == "imaging") == DAYS
    before, after = (facts_of(case, day).facts["largest_lesion_mm"] for day in DAYS)
    assert (before.date, after.date) == DAYS
    assert isinstance(before.value, float) and isinstance(after.value, float) and after.value < before.value
    assert facts_of(case, DAYS[0] - dt.timedelta(days=1)).facts["lesion_count"].value is None
    treated = Procedure.model_validate({"id": "p1", "kind": "procedure", "date": "2024-03-10", "technique": "ctace"})
    events = sorted((*case.events, treated), key=lambda event: event.date)
    (answer,) = answers_of(events, DAYS[0]).courses
    assert answer.baseline_date == DAYS[0]
    assert [judgement.date for judgement in answer.days["volumetric"]] == [DAYS[1]]


def under(site: Site, policy: DatesPolicy, clock: HandClock) -> Site:
    """The same store under this policy."""
    settings = site.store.folder.path / "config.yaml"
    written = yaml.safe_load(settings.read_text(encoding="utf-8"))
    settings.write_text(yaml.safe_dump(written | {"dates_policy": policy}), encoding="utf-8")
    return Site(Store.open(open_folder(site.store.folder.path), clock))
