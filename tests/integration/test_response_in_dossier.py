"""Response and procedures in the dossier: the same answers as the commands give, in JSON, HTML and PDF; what a case does not have is a line."""

from __future__ import annotations

import datetime as dt
import html
import re
import shutil
import subprocess
from functools import cache
from pathlib import Path

import pytest

from liverboard.board.dossier import Dossier
from liverboard.board.load import open_case
from liverboard.board.prepare import prepare_dossier
from liverboard.board.procedures import Asked, procedures_of
from liverboard.board.response import response_of
from liverboard.clinical.case_file import read_case
from liverboard.options.policy import packaged
from liverboard.report.html import render_html, render_sections
from liverboard.report.pdf import render_pdf
from liverboard.report.swim_lane import swim_lane_svg
from liverboard.report.view import view_of

COURSE = Path(__file__).parents[1] / "courses" / "several-procedures.yaml"
DAY = dt.date(2024, 6, 20)
ONE_IMAGE = """
liverboard: 1
case: R-0
events:
  - {kind: diagnosis, date: 2023-03-14, primary_site: ileum}
  - {kind: imaging, date: 2024-06-10, modality: CT, lesions: [{id: L1, longest: 50 mm}]}
"""


@cache
def dossier(day: dt.date = DAY) -> Dossier:
    return prepare_dossier(open_case(COURSE).case, folder=None, as_of=day)


def prepared(text: str, day: dt.date = DAY) -> Dossier:
    return prepare_dossier(read_case(text), folder=None, as_of=day)


@cache
def page() -> str:
    return render_html(dossier())


def section(name: str, text: str) -> str:
    """The words of one section."""
    part = text[text.index(f'<section id="{name}"') :]
    part = re.sub(r"<svg.*?</svg>", "", part[: part.index("</section>")], flags=re.DOTALL)
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", part)).split())


def test_the_dossier_says_what_the_commands_say() -> None:
    case = open_case(COURSE).case
    report, found = response_of(case, as_of=DAY), dossier()
    assert found.response is not None
    assert found.procedures == procedures_of(case, Asked(DAY, packaged()))
    assert found.response.criteria == report.criteria
    assert found.response.endpoints == report.endpoints
    assert found.response.overdue == report.overdue
    assert [each.seen["recist11"].category for each in found.response.follow_ups] == [
        answer.category for course in report.courses if course.liver_directed for answer in course.days.get("recist11", ())
    ]  # fmt: skip
    assert Dossier.model_validate_json(found.model_dump_json()) == found


def test_every_criterion_stands_beside_the_others_with_its_reason() -> None:
    found, text = dossier().response, section("response", page())
    assert found is not None
    assert {name: answer.category for name, answer in found.criteria.items()} == {
        "recist11": "SD", "mrecist": "PR", "easl": "PR", "who": "SD", "choi": "PR", "mchoi": "PR", "volumetric": "NE", "viable_volume": "NE",
    }  # fmt: skip
    for words in (
        "Whole patient Liver only Best so far",
        "RECIST 1.1 says SD (-24 %), mRECIST PR (-75 %): the targets differ",
        "no volume at baseline of L1, L2",
        "liver function 3 months after SIRT (resin) of 4 Jul 2023",
        "nothing says that it was done",
        "CTCAE 5: 3, CIRSE 2017: 3",
        "censored alive when last seen on 5 Jun 2024",
        "Durable response as TELESTAR defined it",
        "a convention, not verified: it decides nothing",
    ):
        assert words in text, words


def test_procedures_show_what_is_not_stated_and_the_sessions_to_discuss() -> None:
    text = section("procedures", page())
    for words in (
        "cTACE, session 1",
        "SACE III, near stasis, flow reduced",
        "42 days, staged",
        "Drug; Dose of the drug; Volume of lipiodol; State of the bile ducts on the day",
        "TAE, planned on 10 Jun 2024: not done",
        "right hemiliver",
        "Hangs on: portal flow",
        "A proposal to discuss: it decides nothing.",
    ):
        assert words in text, words


def test_page_one_leads_to_what_is_overdue() -> None:
    assert '<a href="#overdue">Overdue: liver function 3 months' in page()
    assert page().count('id="overdue"') == 1


@pytest.mark.parametrize("wanted", ["response", "procedures"])
def test_a_section_can_be_asked_for_alone(wanted: str) -> None:
    text = render_sections(dossier(), only={wanted})
    assert re.findall(r'<section id="(\w+)"', text) == [wanted]
    assert ('id="lane-title"' in text) == (wanted == "response")


def test_nothing_of_a_later_day_is_shown() -> None:
    early = dossier(dt.date(2022, 6, 1))
    text = section("response", render_html(early)) + section("procedures", render_html(early))
    assert "cTACE" in text
    assert not re.search(r"SIRT|MWA|radiation gastritis|202[34]", text)


def test_a_case_without_any_of_it_says_so_in_a_line() -> None:
    text = render_html(prepared(ONE_IMAGE))
    assert section("response", text).startswith("Response Response: only the imaging of 10 Jun 2024 lists lesions")
    assert (
        section("procedures", text)
        == "Procedures Procedures: none recorded, and no treatment through the hepatic artery is planned, chosen or done."
    )
    for name in ("response", "procedures"):
        assert not re.search(rf'<section id="{name}"[^>]*class="page"', text)
        assert "<table" not in text[text.index(f'<section id="{name}"') :].split("</section>")[0]


def test_each_number_of_a_source_leads_to_that_source() -> None:
    found = dossier()
    view = view_of(found)
    assert view.procedures is not None and view.procedures.plan is not None and view.response is not None
    marks = [mark for each in view.procedures.plan.published for mark in each.sources] + list(view.response.sources)
    assert marks
    for mark in marks:
        assert view.references[mark.number - 1].detail.startswith(mark.citation)
        assert view.references[mark.number - 1].verification


def test_the_lane_draws_what_each_follow_up_says() -> None:
    svg = swim_lane_svg(dossier())
    for words in ("RECIST 1.1", "mRECIST", "SIRT (resin)", "3: radiation gastritis", "bilirubin", "Planned"):
        assert f">{words}<" in svg, words
    assert "24 May 2022: mRECIST PR, −63 % against baseline" in svg
    assert swim_lane_svg(prepared(ONE_IMAGE)) == ""


def test_names_of_a_case_are_never_markup() -> None:
    text = COURSE.read_text(encoding="utf-8").replace("L3", '"<script>alert(3)</script>"')
    text = text.replace("room: A", "room: '<img src=x onerror=alert(1)>'").replace(
        "radiation gastritis", "'<b>gastritis</b>'"
    )
    shown = render_html(prepared(text))
    assert "<script>alert(3)" not in shown
    assert "<img src=x" not in shown
    assert "<b>gastritis" not in shown
    assert "&lt;b&gt;gastritis" in shown


def test_on_paper_it_is_the_same(tmp_path: Path) -> None:
    if shutil.which("pdftotext") is None:
        pytest.skip("pdftotext (poppler-utils) is missing")
    (tmp_path / "d.pdf").write_bytes(render_pdf(dossier()))
    done = subprocess.run(["pdftotext", tmp_path / "d.pdf", "-"], capture_output=True, encoding="utf-8", check=True)
    text = " ".join(done.stdout.replace("\u200b", "").split())
    for words in ("By every criterion", "Why the criteria differ", "End points, derived from the events", "Required and not stated", "Sessions to discuss"):  # fmt: skip
        assert words in text, words
    (tmp_path / "e.pdf").write_bytes(render_pdf(prepared(ONE_IMAGE)))
    done = subprocess.run(["pdftotext", tmp_path / "e.pdf", "-"], capture_output=True, encoding="utf-8", check=True)
    text = " ".join(done.stdout.replace("\u200b", "").split())
    assert "Response: only the imaging of 10 Jun 2024 lists lesions" in text
    assert "By every criterion" not in text
