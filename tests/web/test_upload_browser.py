"""Sending a study in a real browser: files and folders that are dropped or chosen, what is said when the connection is lost, and that the files stay chosen."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.browser import PATIENCE_MS, launched
from tests.dicom_samples import ct
from tests.web.test_study_pages import PAGE, volumes
from tests.web_samples import PASSWORD


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with launched() as running:
        yield running


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """A folder as a scanner's disc has it: a series of 14 files, 120 files that are no images, a mask two folders down."""
    folder = tmp_path / "disc"
    ct(folder / "CT" / "portal")
    (folder / "CT" / "about").mkdir()
    for number in range(120):  # a browser tells a folder a hundred at a time
        (folder / "CT" / "about" / f"{number}.txt").write_text("no image", encoding="utf-8")
    (folder / "masks" / "mine").mkdir(parents=True)
    volumes(folder / "masks" / "mine")
    return folder


def opened(browser: Any, address: str, **how: Any) -> Any:
    page = browser.new_context(**how).new_page()
    page.set_default_timeout(PATIENCE_MS)
    page.goto(f"{address}/sign-in")
    page.fill("#name", "editor")
    page.fill("#password", PASSWORD)
    page.click("button.main")
    page.goto(f"{address}{PAGE}")
    return page


def drop(page: Any, *paths: Path) -> None:
    """Let files and folders fall on the form, as from the desk."""
    door = page.context.new_cdp_session(page)
    box = page.locator("#files").bounding_box()
    data = {"items": [], "files": [str(path) for path in paths], "dragOperationsMask": 1}
    for kind in ("dragEnter", "dragOver", "drop"):
        door.send("Input.dispatchDragEvent", {"type": kind, "x": box["x"] + 5, "y": box["y"] + 5, "data": data})


def says(page: Any, sign: str, words: str) -> str:
    page.locator(sign, has_text=re.compile(words)).wait_for()
    return page.inner_text(sign)


@pytest.mark.slow
def test_a_folder_that_is_dropped_is_sent_with_all_that_lies_in_it(browser: Any, address: str, study: Path) -> None:
    page = opened(browser, address)
    page.locator("#files").scroll_into_view_if_needed()
    drop(page, study, *study.glob("masks/mine/Liver*"))
    size = sum(file.stat().st_size for file in study.rglob("*") if file.is_file())
    told = says(page, "#upload-chosen", "Files chosen: 138")  # 14 + 120 + 3, and the liver once more
    assert float(told.removesuffix(" MB").rsplit(" ", 1)[1]) == pytest.approx(size / 1e6, abs=0.11)
    page.click("form#upload button.main")
    page.wait_for_url("**/studies/1")
    parts = page.request.get(page.url, headers={"accept": "application/json"}).json()["parts"]["parts"]
    assert sorted(part["role"] for part in parts) == ["arterial", "left_out", "lesions", "liver", "portal"]
    page.context.close()


@pytest.mark.slow
def test_a_folder_that_is_chosen_by_the_button_is_counted_before_it_is_sent(
    browser: Any, address: str, study: Path
) -> None:
    page = opened(browser, address, locale="fr-FR")
    page.set_input_files("#folder", str(study))
    assert "Fichiers choisis\xa0: 137" in says(page, "#upload-chosen", "137")
    page.set_input_files("#files", [str(file) for file in study.glob("masks/mine/*")])
    assert "Fichiers choisis\xa0: 3," in says(page, "#upload-chosen", " 3,")  # what is chosen last is what is sent
    page.click("form#upload button.main")
    page.wait_for_url("**/studies/1")
    page.context.close()


@pytest.mark.slow
def test_more_than_may_be_sent_is_told_before_anything_is_sent(
    browser: Any, address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIVERBOARD_UPLOAD_MB", "1")
    large = tmp_path / "large.nii"
    large.write_bytes(bytes(1_500_000))
    page = opened(browser, address)
    page.set_input_files("#files", str(large))
    says(page, "#upload-problem", "more than may be sent")
    page.click("form#upload button.main")
    page.wait_for_timeout(300)
    assert page.url.endswith("/studies") and page.is_visible("#upload-problem")
    assert page.inner_text("#upload-percent") == ""  # nothing was sent
    page.context.close()


def serving(data: Path, port: int) -> tuple[subprocess.Popen[str], int]:
    """The site in a process of its own, that can be killed; and its port."""
    command = [sys.executable, "-m", "liverboard", "serve", "--data", str(data), "--port", str(port)]
    for _ in range(20):
        running = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert running.stdout is not None and running.stderr is not None
        found = re.search(r"http://127\.0\.0\.1:(\d+)", running.stdout.readline())
        if found is not None:
            return running, int(found[1])
        said = running.stderr.read()
        running.wait()
        assert "nothing can listen" in said, said
        time.sleep(0.5)  # another connection of the machine has the port for a moment
    raise AssertionError(f"port {port} stays taken")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("language", "lost"),
    [("en-GB", "connection to the server was lost"), ("fr-FR", "connexion au serveur a été perdue")],
)
def test_a_server_that_dies_while_a_study_is_sent_is_told_and_the_files_are_sent_again(
    browser: Any, filled: Path, tmp_path: Path, study: Path, language: str, lost: str
) -> None:
    data = tmp_path / "served"
    shutil.copytree(filled, data)
    (study / "large.bin").write_bytes(os.urandom(8_000_000))
    running, port = serving(data, 0)
    try:
        page = opened(browser, f"http://127.0.0.1:{port}", locale=language)
        slow = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": 2_000_000}
        page.context.new_cdp_session(page).send("Network.emulateNetworkConditions", slow)
        page.set_input_files("#folder", str(study))
        page.click("form#upload button.main")
        says(page, "#upload-percent", r"[1-9]\d %")
        running.send_signal(signal.SIGKILL)
        running.wait()
        says(page, "#upload-problem", lost)
        assert "138" in page.inner_text("#upload-chosen") and not page.is_visible("#upload-progress")
        running, _ = serving(data, port)
        page.click("form#upload button.main")
        page.wait_for_url("**/studies/1")
        assert not list((data / "studies").glob(".sending-*"))  # what was cut off still names the patient
        page.context.close()
    finally:
        running.kill()
        running.wait()
