"""A meeting in a real browser: by keyboard with a draft that is kept while one types, and whole without JavaScript."""

from __future__ import annotations

import datetime as dt
import re
import shutil
import subprocess
from typing import Any

import pytest
from tests.browser import violations
from tests.registry_samples import CASE, CHAIR, EDITOR
from tests.web_browser import signed_in
from tests.web_samples import KEY

from liverboard.registry.cases import CaseKey, add_case, case_as_known, set_state
from liverboard.registry.meetings import (
    Action,
    Attendee,
    Minutes,
    attend,
    plan_meeting,
    read_agenda,
    schedule,
    sign_off,
    write_minutes,
)
from liverboard.web.site import Site

OTHER, THIRD = CaseKey("lyon", "NELM-2"), CaseKey("lyon", "NELM-3")


@pytest.fixture
def meeting(site: Site) -> int:
    with site.store.transaction(EDITOR) as tx:
        for key in (OTHER, THIRD):
            add_case(tx, "lyon", CASE.model_copy(update={"case": key.case}))
        number = plan_meeting(tx, "lyon", site.today(), "NET board")
        for key in (KEY, OTHER):
            schedule(tx, number, key)
    return number


@pytest.fixture
def signed(site: Site, meeting: int) -> int:
    """With one signed decision, one draft, people who attend, and something on every list."""
    again = site.today() + dt.timedelta(days=9)
    minutes = Minutes(
        ("ctace", "rfa"), "ctace", "A reason.", "A deviation.", "A dissent.", again, (Action("CT", "radiology", again),)
    )
    with site.store.transaction(CHAIR) as tx:
        attend(tx, meeting, [Attendee("pathology", "A. B.")])
        for key in (KEY, OTHER):
            write_minutes(tx, meeting, key, minutes, 0)
        sign_off(tx, meeting, KEY, 1)
        set_state(tx, THIRD, "follow_up", site.today() - dt.timedelta(days=1))
    return meeting


def decision(site: Site, meeting: int) -> Any:
    return read_agenda(site.store, CHAIR, meeting).items[0].decision


@pytest.mark.slow
@pytest.mark.parametrize(("width", "theme"), [(1440, "light"), (1440, "dark"), (390, "light"), (390, "dark")])
def test_accessible_at_every_width_in_both_themes(
    browser: Any, address: str, signed: int, width: int, theme: str
) -> None:
    context = signed_in(
        browser, address, "chair", viewport={"width": width, "height": 900}, color_scheme=theme, bypass_csp=True
    )
    page = context.new_page()
    board = f"/meetings/{signed}/cases"
    for path in ("/agenda", "/agenda?state=follow_up", "/agenda/follow-up", "/meetings", f"/meetings/{signed}", f"/meetings/{signed}/minutes", f"{board}/{KEY.case}", f"{board}/{OTHER.case}"):  # fmt: skip
        page.goto(address + path)
        assert violations(page) == [], path
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path
    context.close()


def test_a_meeting_by_keyboard(browser: Any, address: str, site: Site, meeting: int) -> None:
    context = signed_in(browser, address, "chair")
    page = context.new_page()
    said: list[str] = []
    page.on("console", lambda m: said.append(m.text))
    page.goto(f"{address}/meetings/{meeting}/cases/{KEY.case}")
    page.keyboard.press("ArrowRight")
    page.wait_for_url(f"**/cases/{OTHER.case}")
    page.keyboard.press("ArrowLeft")
    page.wait_for_url(f"**/cases/{KEY.case}")
    page.keyboard.press("m")
    assert page.evaluate("document.activeElement.name") == "considered"
    page.keyboard.press("Space")  # considered
    page.keyboard.press("Tab")
    page.check("input[name=chosen][value=ctace]")
    page.fill("#reason", "Typed by hand m l c")
    page.wait_for_selector("#kept:has-text('Kept at')")
    page.keyboard.press("Escape")
    page.keyboard.press("ArrowRight")
    page.wait_for_url(f"**/cases/{OTHER.case}")
    kept = decision(site, meeting)
    assert (kept.minutes.chosen, kept.minutes.reason) == ("ctace", "Typed by hand m l c")
    assert len(kept.minutes.considered) == 2
    page.keyboard.press("l")
    page.wait_for_url(f"**/meetings/{meeting}")
    context.close()
    assert said == []


def test_a_conflict_is_told_while_one_types(browser: Any, address: str, site: Site, meeting: int) -> None:
    context = signed_in(browser, address, "chair")
    page = context.new_page()
    page.goto(f"{address}/meetings/{meeting}/cases/{KEY.case}")
    with site.store.transaction(EDITOR) as tx:
        write_minutes(tx, meeting, KEY, Minutes(reason="Quicker."), 0)
    page.fill("#reason", "Slower.")
    page.wait_for_selector("#kept .notice")
    assert "changed by" in page.inner_text("#kept")
    assert decision(site, meeting).minutes.reason == "Quicker."
    page.click("#kept button")
    page.wait_for_url("**done=**")
    assert decision(site, meeting).minutes.reason == "Slower."
    context.close()


def test_what_is_typed_stays_when_the_server_does_not_answer(browser: Any, address: str, meeting: int) -> None:
    context = signed_in(browser, address, "chair")
    page = context.new_page()
    page.goto(f"{address}/meetings/{meeting}/cases/{KEY.case}")
    context.set_offline(True)
    page.fill("#reason", "Said in a lift.")
    page.wait_for_selector("#kept .notice")
    assert "Not kept" in page.inner_text("#kept")
    context.set_offline(False)
    page.fill("#dissent", "None.")
    page.wait_for_selector("#kept:has-text('Kept at')")
    assert page.input_value("#reason") == "Said in a lift."
    context.close()


@pytest.mark.slow
def test_a_whole_meeting_without_javascript(browser: Any, address: str, site: Site, meeting: int) -> None:
    context = signed_in(browser, address, "chair", java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{address}/agenda")
    page.check(f"input[name=case][value={THIRD.case}]")
    page.click("text=Put the chosen on this meeting")
    page.goto(f"{address}/meetings/{meeting}")
    page.click(f"[aria-label='move {THIRD.case} up']")
    page.fill("#specialty-0", "surgery")
    page.fill("#person-0", "C. D.")
    page.click("text=Keep who is there")
    page.click("text=Start the meeting")
    page.check("input[name=chosen][value=tae]")
    page.fill("#reason", "Bulk symptoms.")
    page.fill("#action-0-what", "Angiography")
    page.click("text=Sign the decision")
    assert "no reason for that is written" in page.inner_text("main")
    assert page.input_value("#reason") == "Bulk symptoms."
    page.fill("#deviation", "The board accepts the unknown portal vein.")
    page.click("text=Sign the decision")
    assert "Signed by chair" in page.inner_text("main")
    page.goto(f"{address}/meetings/{meeting}")
    page.check("[name=sure]")
    page.click("button:has-text('Close the meeting')")
    said = page.inner_text("main")
    context.close()
    for words in ("The meeting is closed.", "Bland embolisation", "Bulk symptoms.", "Angiography", "C. D."):
        assert words in said, words
    assert case_as_known(site.store, CHAIR, KEY).case.events[-1].kind == "board"
    assert [item.case.key for item in read_agenda(site.store, CHAIR, meeting).items] == [KEY, THIRD, OTHER]


def test_the_agenda_on_paper_has_margins_and_whole_words(browser: Any, address: str, meeting: int, site: Site) -> None:
    if shutil.which("pdftotext") is None:
        pytest.skip("pdftotext (poppler-utils) is missing")
    context = signed_in(browser, address, "chair", locale="fr", color_scheme="dark")
    page = context.new_page()
    for path, words in (("/agenda?state=scheduled", {"programmé", "données"}), (f"/meetings/{meeting}", {"données"})):
        page.goto(address + path)
        printed = page.pdf(prefer_css_page_size=True)
        read = subprocess.run(["pdftotext", "-bbox", "-", "-"], input=printed, capture_output=True, check=True)
        found = re.findall('xMin="([0-9.]+)".*xMax="([0-9.]+)".*>(.*)</word>', read.stdout.decode())
        assert words <= {word for _, _, word in found}, path
        assert min(float(left) for left, _, _ in found) > 30, path  # points; the paper is 595 wide
        assert max(float(right) for _, right, _ in found) < 565, path
        assert not {"Prévoir", "discuter"} & {word for _, _, word in found}, path
    context.close()


def test_cases_are_looked_through_after_the_page_is_shown(
    browser: Any, address: str, meeting: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    for room in ("agenda", "meetings"):
        monkeypatch.setattr(f"liverboard.web.routes.{room}.PATIENCE_S", 0.0)
    context = signed_in(browser, address, "editor")
    page = context.new_page()
    for path, sign in (("/agenda", "#cases meter"), (f"/meetings/{meeting}", "#ask h3")):
        page.goto(address + path)
        page.wait_for_selector(sign, state="attached")
        assert "not looked through" not in page.inner_text("main"), path
    context.close()
