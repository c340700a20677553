"""Upload and viewer in a real browser: a study is sent, measured and looked at; the strict policy holds; nobody is shut out."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from tests.browser import PATIENCE_MS, launched
from tests.registry_samples import EDITOR
from tests.web_samples import PASSWORD

from liverboard.board.load import open_case
from liverboard.registry.cases import CaseKey, add_case
from liverboard.registry.studies import case_folder
from liverboard.web.app import create_app
from liverboard.web.site import Site

KEY = CaseKey("lyon", "DEMO-Y90")
PAGE = f"/cases/{KEY.centre}/{KEY.case}"
VENDOR = Path(__file__).parents[2] / "src" / "liverboard" / "web" / "static" / "vendor" / "niivue.js"


@pytest.fixture
def address(site: Site) -> Iterator[str]:
    """The site behind a real server, with the bundled case, whose images are real."""
    opened = open_case(None, sample="real-y90")
    with site.store.transaction(EDITOR) as tx:
        add_case(tx, "lyon", opened.case.model_copy(update={"centre": "lyon"}))
    shutil.copytree(opened.folder, case_folder(site.store, KEY))
    server = uvicorn.Server(uvicorn.Config(create_app(site), port=0, log_level="error"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.05)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join(timeout=10)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with launched("--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader") as running:
        yield running  # with a graphics card in software: the viewer needs WebGL 2


def signed_in(browser: Any, address: str, said: list[str] | None = None, **how: Any) -> Any:
    page = browser.new_context(**how).new_page()
    page.set_default_timeout(PATIENCE_MS)
    if said is not None:
        page.on("console", lambda m: said.append(m.text) if m.type in {"error", "warning"} else None)
        page.on("pageerror", lambda e: said.append(str(e)))
    page.goto(f"{address}/sign-in")
    page.fill("#name", "editor")
    page.fill("#password", PASSWORD)
    page.click("button.main")
    return page


def look_again_until(page: Any, sign: str) -> None:
    """As a person without scripts does while something is measured."""
    end = time.monotonic() + PATIENCE_MS / 1000
    while not page.locator(sign).count() and time.monotonic() < end:
        page.wait_for_timeout(500)
        page.click("text=Look again")


@pytest.mark.slow
@pytest.mark.skipif(not VENDOR.is_file(), reason="the viewer was not fetched when the package was built")
def test_the_viewer_under_the_strict_policy(browser: Any, address: str) -> None:
    said: list[str] = []
    page = signed_in(browser, address, said, viewport={"width": 1440, "height": 1000})
    page.goto(f"{address}{PAGE}/viewer")
    page.wait_for_selector("#stage, #no-viewer")
    assert page.is_visible("#stage") and said == [], said
    page.wait_for_selector("#stage[data-ready=yes]")
    page.wait_for_timeout(500)
    first = page.locator("a.jump").nth(3)
    first.click()
    assert page.get_attribute("#stage", "data-at") == first.inner_text()
    before = page.locator("#slices").screenshot()
    page.uncheck("#show-lesions")
    page.wait_for_timeout(300)
    assert page.locator("#slices").screenshot() != before and len(set(before)) > 100
    assert said == []  # a word of the policy about anything refused would stand here
    page.context.close()


@pytest.mark.slow
@pytest.mark.parametrize("scripts", [True, False])
def test_without_webgl_or_without_scripts_the_still_pictures_stay(browser: Any, address: str, scripts: bool) -> None:
    page = signed_in(browser, address, java_script_enabled=scripts)
    if scripts:
        page.add_init_script("HTMLCanvasElement.prototype.getContext = () => null")
        page.goto(f"{address}{PAGE}/viewer")
        page.wait_for_selector("#no-viewer")
    else:
        page.goto(f"{address}{PAGE}/viewer")
        look_again_until(page, "#no-viewer")
    assert page.is_visible("#no-viewer") and not page.is_visible("#stage")
    page.focus("a.jump >> nth=0")
    page.keyboard.press("Enter")
    page.wait_for_url("**#still-1")
    assert page.url.endswith("#still-1")
    assert page.locator("img.still").count() == 7  # six lesions and the sheet of slices
    page.context.close()


@pytest.mark.slow
@pytest.mark.parametrize("scripts", [True, False])
def test_a_study_is_sent_with_and_without_scripts(browser: Any, address: str, site: Site, scripts: bool) -> None:
    page = signed_in(browser, address, java_script_enabled=scripts)
    page.goto(f"{address}{PAGE}/studies")
    folder = case_folder(site.store, KEY)
    page.set_input_files(
        "#files", [str(folder / "patient_1_Segmentation.seg.nrrd"), str(folder / "patient_1_Y90_PET.nrrd")]
    )
    page.click("form#upload button.main")
    page.wait_for_url("**/studies/1")
    if scripts:
        page.wait_for_selector("text=What was measured")
    else:
        look_again_until(page, "text=What was measured")
    assert "6" in page.inner_text("dl.facts")
    page.fill("#date", "2024-02-07")
    page.click("text=I looked at it: take it into the case")
    page.wait_for_url("**/lesions")
    if scripts:
        page.wait_for_selector("#reading", state="detached")
    else:
        look_again_until(page, "main:not(:has(#reading))")
    assert page.locator("text=being read").count() == 0
    page.context.close()


@pytest.mark.slow
def test_pages_are_accessible_at_every_width_in_both_themes(browser: Any, address: str) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed")
    for width in (1440, 390):
        for theme in ("light", "dark"):
            page = signed_in(
                browser, address, viewport={"width": width, "height": 900}, color_scheme=theme, bypass_csp=True
            )
            for path, sign in (("/studies", "#upload"), ("/viewer", "a.jump")):
                page.goto(f"{address}{PAGE}{path}")
                page.wait_for_selector(sign)
                page.wait_for_timeout(300)
                assert page.evaluate("document.documentElement.scrollWidth") <= width
                violations = axe.Axe().run(page).response["violations"]
                assert [(v["id"], v["nodes"][0]["html"][:200]) for v in violations] == [], (path, width, theme)
            page.context.close()
