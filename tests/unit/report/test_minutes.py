"""Minutes as object and on paper: verdicts beside every choice, departures named, no text read as markup."""

from __future__ import annotations

import datetime as dt
import shutil
import subprocess

import pytest
from tests.registry_samples import CASE

from liverboard.board.minutes import CaseMinutes, MeetingMinutes, Seen, minutes_of, sight_of
from liverboard.clinical.dictionary import all_definitions
from liverboard.options.policy import packaged
from liverboard.options.weigh import weigh_case
from liverboard.registry.cases import CaseKey, CaseLine
from liverboard.registry.meetings import Action, Agenda, AgendaItem, Attendee, Decision, Meeting, Minutes, Sight
from liverboard.report.minutes import render_minutes_pdf

DAY = dt.date(2025, 1, 8)
NOTHING = Minutes()
HOSTILE = '#panic("x") *bold* $x$ `code` <tag> @ref \\ [ ] https://example.org ' + "y" * 200


def meeting_minutes(minutes: Minutes = NOTHING, version: int = 1, **signature: object) -> MeetingMinutes:
    key = CaseKey("lyon", CASE.case)
    decision = Decision(minutes, version, "editor" if version else None, None, **signature)  # pyright: ignore[reportArgumentType]
    item = AgendaItem(CaseLine(1, key, 1, "scheduled", None, True), 1, decision)
    present = (Attendee("surgery", "B"), Attendee("radiology", "C"), Attendee("surgery", "A"))
    agenda = Agenda(Meeting(1, "lyon", DAY, "NET board", "planned"), (item,), present)
    return minutes_of(agenda, {key: Seen(CASE, DAY, weigh_case(CASE, DAY, packaged()))})


def text_of(pdf: bytes) -> str:
    if shutil.which("pdftotext") is None:
        pytest.skip("pdftotext (poppler-utils) is missing")
    read = subprocess.run(["pdftotext", "-layout", "-", "-"], input=pdf, capture_output=True, check=True)
    return " ".join(read.stdout.decode().split())


def verdicts() -> dict[str, str]:
    return {each.option: each.verdict for each in weigh_case(CASE, DAY, packaged()).options}


def case_of(minutes: Minutes) -> CaseMinutes:
    return meeting_minutes(minutes).cases[0]


def test_a_choice_carries_the_verdict_of_its_day() -> None:
    found = case_of(Minutes(considered=("resection", "ctace"), chosen="ctace"))
    assert [(c.choice, c.verdict) for c in found.considered] == [(o, verdicts()[o]) for o in ("resection", "ctace")]
    assert found.chosen is not None
    assert found.chosen.verdict == verdicts()["ctace"]


def test_a_drug_has_the_verdict_of_its_option_and_an_unruled_technique_has_none() -> None:
    found = case_of(Minutes(considered=("lu177_dotatate", "biliary_stent")))
    assert [c.verdict for c in found.considered] == [verdicts()["prrt"], None]


@pytest.mark.parametrize("deviation", [None, "The patient asks for it."])
def test_who_departs_from_the_rules_says_why(deviation: str | None) -> None:
    rules = verdicts()
    against = next(o for o, v in rules.items() if v in {"excluded", "not_indicated", "cannot_tell"})
    assert case_of(Minutes(chosen=against, deviation=deviation)).unexplained is (deviation is None)
    within = [o for o, v in rules.items() if v in {"fits", "caution"}]
    assert not any(case_of(Minutes(chosen=o)).unexplained for o in within)


def test_people_stand_by_specialty() -> None:
    found = meeting_minutes().attendance
    assert [(p.specialty, p.people) for p in found] == [("radiology", ("C",)), ("surgery", ("A", "B"))]


def test_paper_says_what_was_decided_and_who_signed() -> None:
    minutes = Minutes(
        considered=("resection", "ctace"),
        chosen="ctace",
        reason="Progression under lanreotide.",
        deviation="Bilirubin is borderline.",
        dissent="Nuclear medicine prefers PRRT.",
        follow_up_on=dt.date(2025, 4, 1),
        actions=(Action("SSTR PET", "nuclear medicine", dt.date(2025, 2, 1)),),
    )
    signed = dt.datetime(2025, 1, 8, 15, 5, tzinfo=dt.UTC)
    text = text_of(render_minutes_pdf(meeting_minutes(minutes, signed_by="chair", signed=signed)))
    for words in ("NET board", CASE.case, "Conventional TACE", "Liver resection", "Progression under lanreotide.", "Bilirubin is borderline.",
                  "Nuclear medicine prefers PRRT.", "1 Apr 2025", "SSTR PET", "1 Feb 2025", "signed by chair", "SYNTHETIC", "A, B"):  # fmt: skip
        assert words in text, words


def test_paper_of_an_undecided_case_says_so() -> None:
    text = text_of(render_minutes_pdf(meeting_minutes(version=0)))
    assert "no decision was taken" in text
    assert "nothing is chosen" not in text
    assert "nothing is chosen" in text_of(render_minutes_pdf(meeting_minutes(Minutes(dissent="Wait."))))
    assert "Draft" in text


def test_no_text_is_markup_and_the_same_minutes_are_the_same_bytes() -> None:
    minutes = meeting_minutes(
        Minutes(chosen="tae", reason=HOSTILE, dissent=HOSTILE, deviation=HOSTILE, actions=(Action(HOSTILE, HOSTILE),))
    )
    pdf = render_minutes_pdf(minutes)
    assert '#panic("x") *bold* $x$ `code` <tag> @ref' in text_of(pdf)
    assert pdf == render_minutes_pdf(minutes)


def test_what_cannot_be_told_names_what_would_settle_it() -> None:
    rules = {each.option: each for each in weigh_case(CASE, DAY, packaged()).options}
    open_one = next(each for each in rules.values() if each.verdict == "cannot_tell" and each.missing)
    found = case_of(Minutes(considered=(open_one.option,))).considered[0]
    assert found.why.startswith("needs: ")
    assert all_definitions()[open_one.missing[0]].label in found.why


def test_signed_minutes_keep_the_verdicts_of_the_rules_of_their_day() -> None:
    sight = Sight("2020.1", {"ctace": ("excluded", "An old rule."), "biliary_stent": (None, "")})
    found = meeting_minutes(Minutes(considered=("ctace", "tae", "biliary_stent"), chosen="ctace"), sight=sight).cases[0]
    assert found.rules == "2020.1"
    assert [(c.verdict, c.why) for c in found.considered[::2]] == [("excluded", "An old rule."), (None, "")]
    assert found.considered[1].verdict == verdicts()["tae"]
    assert found.chosen is not None
    assert found.unexplained


def test_what_is_kept_with_a_signature_is_what_was_seen() -> None:
    rules = weigh_case(CASE, DAY, packaged())
    sight = sight_of(rules, Minutes(considered=("prrt", "biliary_stent"), chosen="ctace"))
    assert sight.rules == rules.knowledge_version
    assert {c: v for c, (v, _) in sight.verdicts.items()} == {
        "prrt": verdicts()["prrt"],
        "biliary_stent": None,
        "ctace": verdicts()["ctace"],
    }


def test_who_was_there_by_the_signature_stays_when_the_list_of_the_meeting_goes_on() -> None:
    def found(*present: Attendee) -> MeetingMinutes:
        return meeting_minutes(Minutes(chosen="tae"), sight=Sight("2020.1", {}, present))

    left = found(Attendee("pathology", "D"), Attendee("surgery", "A"))
    assert "There when signed pathology (D), surgery (A)" in text_of(render_minutes_pdf(left))
    assert "There when signed" not in text_of(
        render_minutes_pdf(found())
    )  # the list is often written after the decisions
    same = found(Attendee("surgery", "A"), Attendee("surgery", "B"), Attendee("radiology", "C"))
    assert "There when signed" not in text_of(render_minutes_pdf(same))
    before_it_was_kept = meeting_minutes(Minutes(chosen="tae"), sight=Sight("2020.1", {}))
    assert "There when signed" not in text_of(render_minutes_pdf(before_it_was_kept))
