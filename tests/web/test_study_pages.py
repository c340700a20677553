"""Studies of a case: what comes in is de-identified, measured and taken into the case by a person; what must not come in leaves nothing behind."""

from __future__ import annotations

import datetime as dt
import io
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterable
from contextlib import suppress
from html import unescape
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from httpx import Response
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import update
from tests.dicom_samples import ct, edit, structure_set
from tests.registry_samples import EDITOR, LABS
from tests.web_samples import KEY, Visitor, words

from liverboard.errors import UserError
from liverboard.registry.cases import append_events, case_as_known
from liverboard.registry.measuring import take_next
from liverboard.registry.permissions import CONSOLE
from liverboard.registry.schema import studies
from liverboard.registry.study_files import SENDING, passing, sweep
from liverboard.volume import Geometry
from liverboard.volume.write import write_nifti
from liverboard.web import measuring
from liverboard.web.measure_study import in_words, measure
from liverboard.web.measuring import Worker
from liverboard.web.pages import scan
from liverboard.web.site import Site

PAGE = "/cases/lyon/NELM-1/studies"
GRID = Geometry(np.diag([2.0, 2.0, 3.0, 1.0]), (30, 28, 16))
Sent = tuple[str, bytes]


def volumes(folder: Path) -> list[Sent]:
    """An arterial image, a liver of 20 x 18 x 10 voxels and a lesion of 4 x 5 x 3 in it."""
    liver, lesions = np.zeros(GRID.shape, dtype=np.uint8), np.zeros(GRID.shape, dtype=np.uint8)
    liver[5:25, 5:23, 3:13] = 1
    lesions[10:14, 10:15, 6:9] = 1
    image = (np.indices(GRID.shape).sum(axis=0) - 40).astype(np.int16)
    files = {"arterial phase.nii.gz": image, "Liver.nii.gz": liver, "lesions.nii.gz": lesions}
    return [(name, write_nifti(folder / name, array, GRID).read_bytes()) for name, array in files.items()]


def send(visitor: Visitor, files: Iterable[Sent], csrf: str | None = None) -> Response:
    """As a browser without JavaScript sends the form: the token first, then the files."""
    parts: list[tuple[str, Any]] = [("csrf", (None, visitor.csrf if csrf is None else csrf))]
    parts += [("files", (name, content)) for name, content in files]
    return visitor.client.post(PAGE, files=parts)


def zipped(files: Iterable[Sent]) -> Sent:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files:
            archive.writestr(name, content)
    return "study.zip", made.getvalue()


def left(site: Site) -> list[str]:
    return [
        str(each.relative_to(site.store.folder.studies))
        for each in site.store.folder.studies.rglob("*")
        if each.is_file()
    ]


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Measured in this process, since another one takes seconds to start."""
    monkeypatch.setattr(measuring, "measure_event", lambda event, folder, out, _: measure(event, folder, out))


@pytest.fixture
def measured(site: Site, editor: Visitor, tmp_path: Path, at_once: None) -> str:
    """The page of a study that was sent and measured."""
    sent = send(editor, volumes(tmp_path))
    assert sent.status_code == 303, words(sent)
    assert Worker(site.store).measure_next()
    return sent.headers["location"]


def test_a_study_is_sent_measured_and_taken_into_the_case(site: Site, editor: Visitor, measured: str) -> None:
    found = editor.json(measured)
    assert found["study"]["state"] == "measured", found
    assert {part["role"] for part in found["parts"]["parts"]} == {"arterial", "liver", "lesions"}
    assert found["measured"]["lesion_count"] == 1
    assert found["measured"]["liver_volume_ml"] == pytest.approx(20 * 18 * 10 * 0.012)  # a voxel holds 2 x 2 x 3 mm3
    assert found["measured"]["tumour_volume_ml"] == pytest.approx(4 * 5 * 3 * 0.012)
    assert not any(event.kind == "imaging" for event in case_as_known(site.store, EDITOR, KEY).case.events)
    page = editor.get(measured)
    assert page.status_code == 200 and "Take it into the case" in words(page)
    fields = {"version": found["version"], "date": "2024-06-20", "modality": "CT", "note": "portal vein open"}
    assert editor.post(f"{measured}/confirm", fields).status_code == 303
    event = next(e for e in case_as_known(site.store, EDITOR, KEY).case.events if e.kind == "imaging")
    assert (str(event.date), event.modality, event.note) == ("2024-06-20", "CT", "portal vein open")
    assert event.lesions is not None and event.lesions[0].volume == pytest.approx(0.72, abs=0.01)
    again = editor.post(f"{measured}/confirm", fields)
    assert again.status_code == 400 and "already" in words(again)
    assert editor.json(PAGE)["studies"][0]["event"] == event.id


def test_the_viewer_shows_it_to_who_may_see_the_case_and_serves_nothing_else(
    site: Site, editor: Visitor, viewer: Visitor, measured: str
) -> None:
    number = measured.rsplit("/", 1)[1]
    shown = viewer.json(f"/cases/lyon/NELM-1/viewer/study/{number}")
    view, files = shown["view"], shown["files"]
    x, y, z = view["lesions"][0]["at_ras_mm"]
    assert (x, y) == pytest.approx(
        (-23, -24)
    ) and 18 <= z <= 24  # the lesion's middle and its slices, LPS turned to RAS
    for name in ("lesion_map", "liver_map", "lesion_surface", "liver_surface", "overview"):
        served = viewer.get(files + view[name])
        assert served.status_code == 200 and served.headers["x-content-type-options"] == "nosniff" and served.content
    assert viewer.get(files + view["images"][0]["file"]).content[:2] == b"\x1f\x8b"
    assert "1 lesion" in words(viewer.get(f"/cases/lyon/NELM-1/viewer/study/{number}"))
    for wrong in ("result.json", "..%2Fstudy.json", "%2e%2e%2f%2e%2e%2fconfig.yaml", "nothing.png"):
        assert viewer.get(files + wrong).status_code == 404
    assert viewer.get(files.replace("NELM-1", "%2e%2e") + "result.json").status_code in {400, 404}
    for path in (files + view["overview"], measured, PAGE, f"/cases/lyon/NELM-1/viewer/study/{number}"):
        assert Visitor(site, "stranger").get(path).status_code == 403
        assert Visitor(site, "admin").get(path).status_code == 403
        assert Visitor(site, None).get(path).status_code in {303, 401, 403}


def test_dicom_loses_its_identifiers_and_offers_the_true_day(
    site: Site, editor: Visitor, tmp_path: Path, at_once: None
) -> None:
    files = ct(tmp_path / "sent")

    def plant(_: int, head: Any) -> None:
        head.PatientName, head.PatientID, head.AccessionNumber = "Zwiebelkuchen^Anna", "PID-778899", "ACC-445566"

    edit(files, plant)
    sent = send(editor, [zipped([(f"Zwiebelkuchen/{f.name}", f.read_bytes()) for f in files])])
    assert sent.status_code == 303, words(sent)
    kept = b"".join(f.read_bytes() for f in site.store.folder.studies.rglob("*") if f.is_file()).lower()
    assert not [w for w in (b"zwiebelkuchen", b"pid-778899", b"acc-445566", b"20250304") if w in kept]
    found = editor.json(sent.headers["location"])
    assert (found["parts"]["date"], found["parts"]["modality"]) == ("2025-03-04", "CT")
    assert [part["role"] for part in found["parts"]["parts"]] == ["portal"]
    assert Worker(site.store).measure_next()
    assert "nothing was measured" in words(editor.get(sent.headers["location"]))


@pytest.mark.parametrize(
    ("files", "status", "says"),
    [
        ([], 400, "no file was sent"),
        ([("virus.exe", b"MZ" + bytes(400))], 415, "no DICOM"),
        ([("a.nii.gz", b"not gzip")], 415, "damaged"),
        ([zipped([("../../../../escaped.nii", b"x")])], 400, "leads out"),
        ([zipped([("bomb.nii", bytes(60_000_000))])], 400, " study.zip : it unpacks to more than 200 times its size"),
        ([("a.zip", b"PK\x03\x04 cut")], 400, "damaged"),
        ([zipped([]), ("b.nii", b"x")], 400, "together with other files"),
    ],
)
def test_what_is_no_study_leaves_nothing(
    site: Site, editor: Visitor, files: list[Sent], status: int, says: str
) -> None:
    response = send(editor, files)
    assert (response.status_code, says in words(response)) == (status, True), words(response)
    assert left(site) == [] and editor.json(PAGE)["studies"] == []
    assert not (site.store.folder.path.parent / "escaped.nii").exists()


def test_screen_captures_are_taken_on_the_word_of_who_sends_them(site: Site, editor: Visitor, tmp_path: Path) -> None:
    files = ct(tmp_path / "sent")
    edit(files, lambda _, head: setattr(head, "Modality", "OT"))
    assert "look at the pictures before you send them" in words(editor.get(PAGE)).lower()
    packed = zipped([(file.name, file.read_bytes()) for file in files])
    refused = send(editor, [packed])
    assert refused.status_code == 415 and "burned into the pixels" in words(refused) and left(site) == []
    parts: list[tuple[str, Any]] = [("csrf", (None, editor.csrf)), ("files", packed), ("pixels_seen", (None, "yes"))]
    sent = editor.client.post(PAGE, files=parts)
    assert sent.status_code == 303
    assert "taken on the word" in words(editor.get(sent.headers["location"]))


def test_files_of_one_name_are_all_taken(site: Site, editor: Visitor, tmp_path: Path) -> None:
    """As folders of a disc hold them, a series in each: `A/1.dcm`, `B/1.dcm`."""
    first, second = ct(tmp_path / "a"), ct(tmp_path / "b", name="b", number=2)
    sent = send(editor, [(f"{place}/{file.name}", file.read_bytes()) for place, files in (("A", first), ("B", second)) for file in files])  # fmt: skip
    assert len(editor.json(sent.headers["location"])["parts"]["parts"]) == 2
    assert len([name for name in left(site) if name.endswith(".dcm")]) == len(first) + len(second)


def test_the_same_study_is_taken_once(site: Site, editor: Visitor, tmp_path: Path) -> None:
    files = [(file.name, file.read_bytes()) for file in ct(tmp_path / "sent")]
    first = send(editor, [*files, *volumes(tmp_path)]).headers["location"]
    kept = left(site)
    again = send(editor, [zipped([*volumes(tmp_path), *files])])
    assert again.status_code == 400 and f"already: study {first.rsplit('/', 1)[1]}" in words(again)
    assert left(site) == kept and len(editor.json(PAGE)["studies"]) == 1
    assert send(editor, files).status_code == 303  # part of it is another study
    shutil.rmtree(site.store.folder.studies / "lyon")
    assert send(editor, files).status_code == 303  # as its page asks for when its files are lost


def test_what_is_neither_image_nor_mask_is_not_kept(site: Site, editor: Visitor, tmp_path: Path) -> None:
    sent = send(editor, [*volumes(tmp_path), ("virus.exe", b"MZ evil"), ("page.html", b"<script>1</script>")])
    assert sent.status_code == 303
    assert not [name for name in left(site) if "virus" in name or "html" in name]


def test_no_byte_is_written_for_who_may_not_or_without_the_token(site: Site, editor: Visitor, viewer: Visitor) -> None:
    files = [("lesions.nii.gz", b"x" * 100_000)]
    assert send(editor, files, csrf="x" * 43).status_code == 403
    assert send(viewer, files).status_code == 403
    assert send(Visitor(site, "stranger"), files).status_code == 403
    late = [("files", ("a.nii", b"x")), ("csrf", (None, editor.csrf))]  # a file before its token
    assert editor.client.post(PAGE, files=late).status_code == 403
    other = editor.client.post(PAGE.replace("NELM-1", "NELM-2"), files=[("csrf", (None, editor.csrf))])
    assert other.status_code == 404
    assert left(site) == []


def test_what_an_upload_of_a_dead_program_left_is_taken_away_and_one_that_goes_on_is_not(site: Site) -> None:
    studies = site.store.folder.studies
    (studies / ".sending-dead").mkdir()
    (studies / ".sending-dead" / "00001-named.dcm").write_bytes(b"names the patient")
    with passing(studies, SENDING) as going_on:
        (going_on / "00001-a.dcm").write_bytes(b"x")
        sweep(studies)
        assert left(site) == [f"{going_on.name}/00001-a.dcm"]
    sweep(studies)
    assert left(site) == []


def test_a_study_that_is_too_large_or_cut_short_is_refused(
    site: Site, editor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIVERBOARD_UPLOAD_MB", "1")
    assert send(editor, [("a.nii", bytes(1_100_000))]).status_code == 413

    def pieces() -> Iterable[bytes]:  # no length is told beforehand
        yield f'--b\r\ncontent-disposition: form-data; name="csrf"\r\n\r\n{editor.csrf}\r\n'.encode()
        yield b'--b\r\ncontent-disposition: form-data; name="files"; filename="a.nii"\r\n\r\n'
        for _ in range(20):
            yield bytes(100_000)

    typed = {"content-type": "multipart/form-data; boundary=b"}
    assert editor.client.post(PAGE, content=pieces(), headers=typed).status_code == 413
    monkeypatch.delenv("LIVERBOARD_UPLOAD_MB")
    cut = editor.client.post(PAGE, content=pieces(), headers=typed)
    assert cut.status_code == 400 and "cut short" in words(cut)
    assert left(site) == []


_PIECES = st.sampled_from([
    b"--b", b"--b--", b"\r\n", b"\n", b"\0", b": ", b"; ", b"content-disposition: form-data; name=\"csrf\"", b"content-disposition", b'name="files"; filename="../../a.nii"',
    b"content-type: text/html", b'filename="', b"\xff\xfe", b"x" * 9000, b"TOKEN",
])  # fmt: skip


def test_whatever_is_sent_as_a_form_is_told_and_leaves_nothing(site: Site, editor: Visitor) -> None:
    @settings(max_examples=60, deadline=None)
    @given(st.lists(_PIECES, max_size=14), st.sampled_from(["multipart/form-data; boundary=b", "multipart/form-data", "multipart/form-data; boundary=\"", "text/plain"]), st.booleans())  # fmt: skip
    def holds(pieces: list[bytes], kind: str, proven: bool) -> None:
        body = b"".join(pieces).replace(b"TOKEN", editor.csrf.encode())
        headers = {"content-type": kind} | ({"x-csrf-token": editor.csrf} if proven else {})
        assert editor.client.post(PAGE, content=body, headers=headers).status_code in {303, 400, 403, 413, 415}

    holds()
    assert left(site) == []


@pytest.mark.parametrize("case", ["%00", "%2e%2e", "%2e", "x" * 5000, "NELM-1%2f..%2fNELM-1", "-"])
def test_no_name_of_a_case_leads_elsewhere(editor: Visitor, case: str) -> None:
    for path in (
        "studies",
        "studies/1",
        "viewer",
        "viewer?event=x",
        "viewer/study/1",
        "view/study-000000000000/result.json",
    ):
        assert editor.get(f"/cases/lyon/{case}/{path}").status_code in {400, 404, 414, 422}, path


@pytest.mark.parametrize("name", ["scan/2", "..", "a b?c#d&e=f", "é"])
def test_the_pages_of_an_event_are_reached_whatever_its_id_holds(site: Site, editor: Visitor, name: str) -> None:
    event = {"kind": "imaging", "id": name, "date": "2024-06-20", "studies": [{"path": "a.nii.gz", "role": "y90_pet"}]}
    with site.store.transaction(EDITOR) as tx:
        append_events(tx, KEY, [event], 1)
    for way in (editor.get("/cases/lyon/NELM-1/viewer").headers["location"], editor.json(PAGE)["scans"][0]["path"]):
        assert editor.get(way).status_code == 200, way
    events = editor.get("/cases/lyon/NELM-1/events").text
    for way in re.findall(r'href="([^"]*(?:corrects|withdraw)[^"]*)"', events):
        assert editor.get(unescape(way)).status_code == 200, way


def test_the_role_of_an_image_is_told_in_words() -> None:
    assert [scan(language, "y90_pet") for language in ("en", "fr")] == ["Y-90 PET", "TEP Y-90"]


def test_a_full_disk_is_told(site: Site, editor: Visitor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("liverboard.web.routes.studies.take_in", full)
    response = send(editor, volumes(tmp_path))
    assert response.status_code == 507 and "no room" in words(response)
    assert left(site) == []


def test_a_segmentation_that_names_no_lesion_does_not_say_that_there_is_none(
    site: Site, editor: Visitor, tmp_path: Path, at_once: None
) -> None:
    """A structure under a name that is not known is no proof of a liver without lesions."""
    square = [(0.0, 0.0), (40.0, 0.0), (40.0, 40.0), (0.0, 40.0)]
    drawn = {"Liver": [[(x, y, 3.0 * k) for x, y in square] for k in range(6)], "Mama": [[(x / 4, y / 4, 6.0) for x, y in square]]}  # fmt: skip
    sent = send(editor, [("rt.dcm", structure_set(tmp_path / "rt.dcm", drawn).read_bytes())])
    assert Worker(site.store).measure_next()
    found = editor.json(sent.headers["location"])["measured"]
    assert found["liver_volume_ml"] > 0
    assert found["lesion_count"] is None and found["tumour_volume_ml"] is None and found["burden_percent"] is None
    assert any("no structure of the segmentation is named tumour" in each for each in found["warnings"])


def test_a_disk_that_is_full_while_a_study_is_measured_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("liverboard.volume.write._pour", full)
    with pytest.raises(UserError) as told:
        write_nifti(tmp_path / "a.nii", np.zeros(GRID.shape, np.uint8), GRID)
    for error in (told.value, OSError(28, "No space left on device")):
        assert "the disk of the server has no room" in in_words(error)


def test_roles_are_changed_and_the_study_measured_again(site: Site, editor: Visitor, measured: str) -> None:
    parts = editor.json(measured)["parts"]["parts"]
    same = editor.post(f"{measured}/again", {f"role-{n}": "liver" for n in range(3)})
    assert same.status_code == 400 and "two parts have the role" in words(same)
    roles = {f"role-{n}": "left_out" if part["role"] == "lesions" else part["role"] for n, part in enumerate(parts)}
    assert editor.post(f"{measured}/again", roles).status_code == 303
    assert editor.json(measured)["study"]["state"] == "waiting"
    assert Worker(site.store).measure_next()
    found = editor.json(measured)
    assert found["measured"]["lesion_count"] is None and found["measured"]["liver_volume_ml"] is not None


def claim_runs_out(site: Site) -> None:
    with site.store.engine.begin() as connection:
        connection.execute(update(studies).values(claimed_until=dt.datetime(2020, 1, 1, tzinfo=dt.UTC)))


def child_of(pid: int) -> int | None:
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            if int(stat.read_text().rpartition(")")[2].split()[1]) == pid:
                return int(stat.parent.name)
    return None


def test_a_study_is_cancelled_and_one_that_was_cut_off_is_taken_up_again(
    site: Site, editor: Visitor, viewer: Visitor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = send(editor, volumes(tmp_path)).headers["location"]
    assert viewer.post(f"{page}/cancel").status_code == 403
    with site.store.transaction(CONSOLE) as tx:
        assert take_next(site.store, tx, "worker") is not None
    waiting = editor.get(f"{page}/progress")
    assert "being measured" in words(waiting) and "hx-refresh" not in waiting.headers
    assert editor.post(f"{page}/cancel").status_code == 303
    assert editor.get(f"{page}/progress").headers["hx-refresh"] == "true"
    assert not Worker(site.store).measure_next()
    assert editor.post(f"{page}/again").status_code == 303
    with site.store.transaction(CONSOLE) as tx:
        assert take_next(site.store, tx, "worker") is not None  # and now the program dies
    worker = Worker(site.store)
    assert not worker.measure_next()  # it might only be slow
    claim_runs_out(site)
    monkeypatch.setattr(Worker, "_measure", lambda self, study: None)  # pyright: ignore[reportUnknownLambdaType]
    assert worker.measure_next()
    assert editor.json(page)["study"]["state"] == "measured"


def test_a_cancelled_measurement_is_stopped(
    site: Site, editor: Visitor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = send(editor, volumes(tmp_path)).headers["location"]
    heard: list[int] = []

    def told(self: Worker, study: Any, percent: int) -> bool:
        heard.append(percent)
        editor.post(f"{page}/cancel")
        return False

    monkeypatch.setattr(Worker, "_told", told)
    assert Worker(site.store).measure_next()
    assert heard and editor.json(page)["study"]["state"] == "cancelled"
    assert not [name for name in left(site) if "result.json" in name]


def test_a_measurement_that_is_stopped_halfway_leaves_nothing(
    site: Site, editor: Visitor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    send(editor, volumes(tmp_path))
    program = (
        "import json, sys, time, pathlib; from liverboard.registry.study_files import MEASURING, passing\n"
        "with passing(pathlib.Path(sys.argv[2]).parent, MEASURING) as made:\n"
        "    (made / 'half').write_bytes(b'x'); print(json.dumps({'percent': 65}), flush=True); time.sleep(60)"
    )
    real = measuring.subprocess.Popen
    monkeypatch.setattr(measuring.subprocess, "Popen", lambda args, **k: real([args[0], "-c", program, *args[3:]], **k))
    monkeypatch.setattr(Worker, "_told", lambda self, study, percent: percent < 65)  # as when somebody cancels
    assert Worker(site.store).measure_next()
    assert [name for name in left(site) if "half" in name] == []


@pytest.mark.parametrize(("program", "says"), [("import os; os.kill(os.getpid(), 9)", "more memory"), ("pass", "")])
def test_a_measurement_that_dies_is_told_and_harms_nobody(
    site: Site, editor: Visitor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program: str, says: str
) -> None:
    page = send(editor, volumes(tmp_path)).headers["location"]
    real = measuring.subprocess.Popen
    monkeypatch.setattr(measuring.subprocess, "Popen", lambda args, **k: real([args[0], "-c", program], **k))
    assert Worker(site.store).measure_next()
    found = editor.json(page)["study"]
    assert says in (found["message"] or "") and (found["state"] == "failed" or not says)
    assert editor.get(page).status_code == 200


def test_who_confirms_an_outdated_case_is_told_and_loses_nothing(site: Site, editor: Visitor, measured: str) -> None:
    version = editor.json(measured)["version"]
    with site.store.transaction(EDITOR) as tx:
        append_events(tx, KEY, [LABS], version)
    response = editor.post(f"{measured}/confirm", {"version": version, "date": "2024-06-20", "note": "as typed"})
    assert response.status_code == 409 and "changed since you opened it" in words(response)
    assert "as typed" in response.text and 'value="2024-06-20"' in response.text


@pytest.mark.parametrize(
    ("fields", "says"),
    [({"date": ""}, "day of the scan"), ({"date": "yesterday"}, "date"), ({"date": "2024-06-20", "note": "Mrs Zwiebel, tel 06 12 34 56 78"}, "seems to stand here")],
)  # fmt: skip
def test_a_confirmation_that_cannot_be_kept_says_why(
    editor: Visitor, measured: str, fields: dict[str, str], says: str
) -> None:
    response = editor.post(f"{measured}/confirm", {"version": editor.json(measured)["version"], **fields})
    assert response.status_code == 400 and says in words(response), words(response)


def test_the_worker_measures_while_the_app_runs(site: Site, editor: Visitor, tmp_path: Path) -> None:
    with editor.client as running:
        page = send(editor, volumes(tmp_path)).headers["location"]
        end = time.monotonic() + 60
        while editor.json(page)["study"]["state"] != "measured" and time.monotonic() < end:
            time.sleep(0.2)
        assert running.get(f"{page}/progress").headers["hx-refresh"] == "true"


def measuring_program(site: Site, editor: Visitor, page: str) -> tuple[subprocess.Popen[bytes], int]:
    """Another program that measures the study of a page, in a group of processes as a terminal makes one; and its process that does it."""
    program = (
        "import sys, time, pathlib; from liverboard.registry.folder import open_folder; from liverboard.registry.store import Store; "
        "from liverboard.web.measuring import Worker\n"
        "with Worker(Store.open(open_folder(pathlib.Path(sys.argv[1])))): time.sleep(120)"
    )
    started = subprocess.Popen(
        [sys.executable, "-c", program, str(site.store.folder.path)], start_new_session=True, stderr=subprocess.DEVNULL
    )
    end = time.monotonic() + 60
    while editor.json(page)["study"]["state"] != "measuring" and time.monotonic() < end:
        time.sleep(0.02)
    while (child := child_of(started.pid)) is None and time.monotonic() < end:
        time.sleep(0.02)
    assert child is not None
    assert editor.json(page)["study"]["state"] == "measuring"
    return started, child


@pytest.mark.slow
def test_ctrl_c_while_a_study_is_measured_leaves_it_waiting(site: Site, editor: Visitor, tmp_path: Path) -> None:
    """A terminal tells every process of the group; a measurement that ended by it was told as one that needed too much memory."""
    page = send(editor, volumes(tmp_path)).headers["location"]
    program, child = measuring_program(site, editor, page)
    os.killpg(program.pid, signal.SIGINT)
    program.wait(timeout=30)
    assert not Path(f"/proc/{child}").exists()
    assert editor.json(page)["study"]["state"] == "waiting"


@pytest.mark.slow
def test_a_study_that_was_being_measured_when_the_program_was_killed_is_measured_by_the_next(
    site: Site, editor: Visitor, tmp_path: Path
) -> None:
    page = send(editor, volumes(tmp_path)).headers["location"]
    first, child = measuring_program(site, editor, page)
    first.kill()
    first.wait()
    over = time.monotonic() + 15
    while Path(f"/proc/{child}").exists() and time.monotonic() < over:
        time.sleep(0.1)
    assert not Path(f"/proc/{child}").exists()  # a process that measures for nobody would go on for minutes
    claim_runs_out(site)
    end = time.monotonic() + 60
    with Worker(site.store):
        while editor.json(page)["study"]["state"] != "measured" and time.monotonic() < end:
            time.sleep(0.2)
    assert editor.json(page)["measured"]["lesion_count"] == 1
