"""A real Orthanc on loopback: what is fetched is what was stored, what is sent arrives, and whatever goes wrong ends in words without a patient."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import numpy as np
import pydicom
import pytest
from tests.dicom_samples import ct, grid, sample_data, values

from liverboard.cli import main
from liverboard.errors import BadInput, MissingData, NotPermitted, UnsupportedImage
from liverboard.volume import read_image, read_masks
from liverboard.volume.dicomweb import Pacs, fetch_study, list_studies, send_files
from liverboard.volume.write_dicom import uid_from

PLUGIN = Path("/usr/share/orthanc/plugins/libOrthancDicomWeb.so")


@pytest.fixture(scope="module")
def pacs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pacs]:
    program = shutil.which("Orthanc")
    if program is None or not PLUGIN.exists():
        pytest.skip("Orthanc with its DICOMweb plugin (Debian: orthanc orthanc-dicomweb) is not installed")
    folder = tmp_path_factory.mktemp("orthanc")
    port = free_port()
    settings = {
        "Name": "test", "StorageDirectory": str(folder / "db"), "IndexDirectory": str(folder / "db"), "HttpPort": port, "DicomPort": free_port(),
        "RemoteAccessAllowed": False, "AuthenticationEnabled": True, "RegisteredUsers": {"reader": "s3cret"}, "Plugins": [str(PLUGIN)],
        "DicomServerEnabled": False, "DicomWeb": {"Enable": True, "Root": "/dicom-web/"},
    }  # fmt: skip
    (folder / "orthanc.json").write_text(json.dumps(settings))
    with (folder / "log").open("wb") as log:
        running = subprocess.Popen([program, str(folder / "orthanc.json")], stdout=log, stderr=log)
        try:
            url = f"http://127.0.0.1:{port}"
            for _ in range(150):
                try:
                    urllib.request.urlopen(f"{url}/system", timeout=1)  # noqa: S310
                except urllib.error.HTTPError:
                    break  # it answers, and asks who we are
                except OSError:
                    time.sleep(0.2)
            yield Pacs(f"{url}/dicom-web", user="reader", password="s3cret")  # noqa: S106
        finally:
            running.terminate()
            running.wait(20)


def free_port() -> int:
    with socket.socket() as opened:
        opened.bind(("127.0.0.1", 0))
        return int(opened.getsockname()[1])


@pytest.fixture(scope="module")
def stored(pacs: Pacs, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A study of two series in the PACS; its UID."""
    folder = tmp_path_factory.mktemp("series")
    files = [
        *ct(folder / "a", name="one", number=2, description="portal venous"),
        *ct(folder / "b", name="two", number=3, description="late arterial"),
    ]
    assert send_files(pacs, files) == len(files)
    return uid_from("study")


def test_studies_are_listed_without_the_patient(pacs: Pacs, stored: str) -> None:
    (study,) = [s for s in list_studies(pacs, modality="CT") if s.uid == stored]
    assert str(study.date) == "2025-03-04"
    assert [(s.modality, s.description, s.number) for s in study.series] == [
        ("CT", "portal venous", 2),
        ("CT", "late arterial", 3),
    ]
    assert "DOE" not in repr(study)
    assert list_studies(pacs, patient_id="nobody") == ()
    assert list_studies(pacs, patient_id="DOE")[0].uid == stored


def test_a_study_comes_back_as_it_was_stored(pacs: Pacs, stored: str, tmp_path: Path) -> None:
    steps: list[str] = []
    files = fetch_study(pacs, stored, tmp_path / "study", step=steps.append)
    assert len(files) == 28
    assert len(steps) == 28
    found = read_image(f"{tmp_path / 'study'}#arterial")
    np.testing.assert_array_equal(found.array, values())
    assert found.geometry.same_grid(grid())
    assert not [f for f in (tmp_path / "study").rglob("*") if f.name.startswith(".")], "nothing half-written"
    again = fetch_study(pacs, stored, tmp_path / "study")
    assert set(again) == set(files), "what is there is kept"


def test_one_series_is_fetched_alone(pacs: Pacs, stored: str, tmp_path: Path) -> None:
    files = fetch_study(pacs, stored, tmp_path, series_uid=uid_from("two"))
    assert {str(pydicom.dcmread(f).SeriesInstanceUID) for f in files} == {uid_from("two")}


def test_packed_pixels_come_as_they_are(pacs: Pacs, tmp_path: Path) -> None:
    source = min((sample_data() / "dicom" / "totalseg-example" / "dicom").glob("*.dcm"))
    head = pydicom.dcmread(source)
    head.SOPClassUID = head.file_meta.MediaStorageSOPClassUID = (
        "1.2.840.10008.5.1.4.1.1.2"  # Orthanc refuses a blank one
    )
    with pytest.raises(BadInput, match="refused 1 of 1"):
        send_files(pacs, [source])  # it has no UIDs: a PACS takes it without a word, and keeps nothing
    head.StudyInstanceUID, head.SeriesInstanceUID = uid_from("packed"), uid_from("packed series")
    head.SOPInstanceUID, head.PatientID = head.file_meta.MediaStorageSOPInstanceUID, "PACKED"
    head.save_as(tmp_path / "one.dcm")
    send_files(pacs, [tmp_path / "one.dcm"])
    (fetched,) = fetch_study(pacs, str(head.StudyInstanceUID), tmp_path / "out")
    back = pydicom.dcmread(fetched)
    assert back.file_meta.TransferSyntaxUID == head.file_meta.TransferSyntaxUID, "no repacking on the way"
    assert back.PixelData == head.PixelData


def test_results_go_back_into_the_study(
    pacs: Pacs, stored: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import nibabel

    fetch_study(pacs, stored, tmp_path / "study", series_uid=uid_from("two"))
    image = read_image(tmp_path / "study")
    mask = np.zeros(image.geometry.shape, np.uint8)
    mask[4:18, 4:16, 3:11] = 1
    lesion = np.zeros_like(mask)
    lesion[8:13, 8:12, 5:8] = 1
    for name, array in (("liver", mask), ("lesion", lesion)):
        nibabel.save(
            nibabel.Nifti1Image(array, np.diag([-1.0, -1, 1, 1]) @ image.geometry.affine), tmp_path / f"{name}.nii.gz"
        )
    for name, value in (("URL", pacs.url), ("USER", pacs.user), ("PASSWORD", pacs.password)):
        monkeypatch.setenv(f"LIVERBOARD_PACS_{name}", str(value))
    out = tmp_path / "out"
    run(
        [
            "extent",
            "--liver",
            f"{tmp_path}/liver.nii.gz",
            "--lesions",
            f"{tmp_path}/lesion.nii.gz",
            "--image",
            f"arterial={tmp_path}/study",
            "-o",
            str(out),
        ]
    )
    run(["pacs", "send", str(out / "segmentation.dcm"), str(out / "report.dcm")])
    (study,) = [s for s in list_studies(pacs) if s.uid == stored]
    assert {"SEG", "SR"} <= {s.modality for s in study.series}
    segmentation = next(s for s in study.series if s.modality == "SEG")
    (file,) = fetch_study(pacs, stored, tmp_path / "back", series_uid=segmentation.uid)
    assert {m.name: int(m.array.sum()) for m in read_masks(file)} == {"Liver": int(mask.sum()), "L1": int(lesion.sum())}


def run(words: list[str]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.argv", ["liverboard", *words])
        with pytest.raises(SystemExit) as ended:
            main()
    assert not ended.value.code


def test_what_goes_wrong_ends_in_words(pacs: Pacs, stored: str, tmp_path: Path) -> None:
    with pytest.raises(NotPermitted) as caught:
        list_studies(Pacs(pacs.url, "reader", "wrong"), patient_id="DOE")
    assert "DOE" not in str(caught.value)
    assert "wrong" not in str(caught.value)
    with pytest.raises(MissingData, match="does not answer"):
        list_studies(Pacs(f"http://127.0.0.1:{free_port()}/dicom-web"))
    with pytest.raises(MissingData, match="answered 404"):
        list_studies(Pacs(pacs.url.replace("dicom-web", "nothing"), user=pacs.user, password=pacs.password))
    with pytest.raises(BadInput, match="not a web address"):
        list_studies(Pacs("ftp://x"))
    with pytest.raises(MissingData, match="no such study"):
        fetch_study(pacs, "1.2.3.4", tmp_path)
    with pytest.raises(BadInput, match="not a study UID"):
        fetch_study(pacs, "../../etc", tmp_path)
    (tmp_path / "x.dcm").write_bytes(b"no")
    with pytest.raises(UnsupportedImage, match="not a DICOM object"):
        send_files(pacs, [tmp_path / "x.dcm"])
    assert "s3cret" not in repr(pacs)
    assert stored


class Answers(BaseHTTPRequestHandler):
    """A PACS that answers everything in the way that the first part of the path says."""

    def do_GET(self) -> None:
        how = self.path.split("/")[1]
        if how == "silent":
            time.sleep(3)
        elif how.isdecimal():
            self.answer(int(how), b"DOE is not known", "text/plain")
        elif how == "html":
            self.answer(200, b"<html>log in</html>", "text/html")
        elif how == "garbage":
            self.answer(200, bytes(range(256)), "application/dicom+json")
        elif how == "numbers":
            self.answer(200, b"[1, 2]", "application/dicom+json")
        elif self.path.partition("?")[0].endswith("/series"):
            series = {"0020000E": {"Value": ["1.2"]}, "00201209": {"Value": [3]}}
            self.answer(200, json.dumps([series]).encode(), "application/dicom+json")
        else:
            parts = {"few": self.server.data, "nonsense": b"no DICOM"}  # type: ignore[attr-defined]
            body = b"--x\r\nContent-Type: application/dicom\r\n\r\n" + parts[how] + b"\r\n--x--"
            self.answer(200, body, 'multipart/related; type="application/dicom"; boundary=x')

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.do_GET()

    def answer(self, code: int, body: bytes, kind: str) -> None:
        self.send_response(code)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None: ...


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """The address of a PACS that goes wrong, and a DICOM file."""
    file = ct(tmp_path_factory.mktemp("odd"))[0]
    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    server.data = file.read_bytes()  # type: ignore[attr-defined]
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", file
    server.shutdown()


@pytest.mark.parametrize(("how", "kind", "told"), [
    ("401", NotPermitted, "does not let you in"), ("403", NotPermitted, "does not let you in"), ("404", MissingData, "answered 404"),
    ("500", MissingData, "answered 500"), ("503", MissingData, "busy"), ("silent", MissingData, "does not answer"),
    ("html", UnsupportedImage, "is not DICOMweb"), ("garbage", UnsupportedImage, "is not DICOMweb"), ("numbers", UnsupportedImage, "cannot be read"),
])  # fmt: skip
def test_a_pacs_that_goes_wrong_ends_in_words(
    how: str, kind: type[Exception], told: str, odd: tuple[str, Path], tmp_path: Path
) -> None:
    url, file = odd
    pacs = Pacs(f"{url}/{how}", "reader", "s3cret", timeout_s=0.3)
    for ask in (
        lambda: list_studies(pacs, patient_id="DOE"),
        lambda: fetch_study(pacs, "1.2.3", tmp_path / "out"),
    ):
        with pytest.raises(kind, match=told) as caught:
            ask()
        assert "DOE" not in str(caught.value)
        assert "s3cret" not in str(caught.value)
    with pytest.raises((NotPermitted, MissingData, BadInput, UnsupportedImage)):
        send_files(pacs, [file])
    assert not (tmp_path / "out").exists()


def test_objects_that_a_pacs_leaves_out_are_missed(odd: tuple[str, Path], tmp_path: Path) -> None:
    with pytest.raises(MissingData, match="sent 1 of 3 objects"):
        fetch_study(Pacs(f"{odd[0]}/few"), "1.2.3", tmp_path)
    assert len(list(tmp_path.rglob("*.dcm"))) == 1, "what came is kept"
    with pytest.raises(UnsupportedImage, match="cannot be read"):
        fetch_study(Pacs(f"{odd[0]}/nonsense"), "1.2.3", tmp_path / "none")
    assert not (tmp_path / "none").exists()
