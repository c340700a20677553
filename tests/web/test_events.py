"""New events and corrections: shown before they are kept, refused with what was typed still there, and never over someone else's change."""

from __future__ import annotations

import datetime as dt
import re

import pytest
from httpx import Response
from tests.registry_samples import CASE as CASE_OF
from tests.registry_samples import CHAIR, EDITOR, LABS
from tests.web_samples import KEY, Visitor, words

from liverboard.clinical.events import EVENT_KINDS
from liverboard.errors import BadInput
from liverboard.registry.cases import add_case, append_events, case_as_known
from liverboard.web.drafts import Draft, content_of, start, with_events
from liverboard.web.forms import groups_of
from liverboard.web.helps import HELPS
from liverboard.web.routes.events import TECHNIQUES
from liverboard.web.site import Site

CASE = "/cases/lyon/NELM-1"
NEW = f"{CASE}/events/new"
TYPED = {"kind": "labs", "date": "2024-06-02", "bilirubin": "3", "bilirubin|unit": "mg/dL", "version": "1"}


def seal(response: Response) -> str:
    found = re.search(r'name="seal" value="([0-9a-f]*)"', response.text)
    assert found is not None
    return found[1]


def kept(site: Site, name: str) -> dict[str, object]:
    events = case_as_known(site.store, EDITOR, KEY).case.events
    return content_of(next(event for event in events if event.id == name))


def test_every_kind_and_technique_has_a_form(editor: Visitor) -> None:
    for kind in EVENT_KINDS:
        assert editor.get(NEW, params={"kind": kind}).status_code == 200
    for technique in TECHNIQUES:
        response = editor.get(NEW, params={"kind": "procedure", "technique": technique})
        assert response.status_code == 200
        inputs = re.findall(r'<(?:input|select|textarea)[^>]*\bname="([^"]+)"', response.text.split('id="event"')[1])
        single = [name for name in inputs if f'type="checkbox" name="{name}"' not in response.text]
        assert len(single) == len(set(single)) > 10, technique


def test_a_lesion_is_asked_for_with_its_help_once(editor: Visitor) -> None:
    fields = {f.name.removeprefix("lesions.0."): f for g in groups_of("imaging") for f in g.fields if f.name.startswith("lesions.0.")}  # fmt: skip
    assert [name for name, field in fields.items() if not field.help] == []
    assert "Plausible: 1 to 400 mm." in fields["longest"].help and fields["longest"].units == ("mm", "cm")
    page = editor.get(NEW, params={"kind": "imaging"}).text
    assert 'id="help-lesions.0.was"' in page and 'id="help-lesions.1.was"' not in page
    aimed = groups_of("procedure", "rfa")[0].fields
    assert next(f.help for f in aimed if f.name == "lesions") == "The lesions aimed at."
    forms = [(kind, None) for kind in EVENT_KINDS] + [("procedure", "rfa")]
    inputs = {(kind, re.sub(r"\.\d+", "", f.name)) for kind, of in forms for g in groups_of(kind, of) for f in g.fields}  # fmt: skip
    known = {name for _, name in inputs} | {f"{kind}.{name}" for kind, name in inputs}
    assert set(HELPS) - known == {"imaging.lesions.organ"}  # of lesions outside the liver


def test_nothing_is_kept_before_it_was_shown(site: Site, editor: Visitor) -> None:
    first = editor.post(NEW, {**TYPED, "do": "save"})
    assert first.status_code == 200
    assert case_as_known(site.store, EDITOR, KEY).version == 1
    page = words(first)
    assert "What this changes" in page
    assert "51.3" in page
    response = editor.post(NEW, {**TYPED, "do": "save", "seal": seal(first)})
    assert response.status_code == 303
    assert kept(site, "labs-2024-06-02-1")["bilirubin"] == "51.3109959464 umol/L"


def test_what_is_kept_is_what_was_shown(site: Site, editor: Visitor) -> None:
    shown = seal(editor.post(NEW, {**TYPED, "do": "preview"}))
    other = editor.post(NEW, {**TYPED, "bilirubin": "4", "do": "save", "seal": shown})
    assert other.status_code == 200
    assert case_as_known(site.store, EDITOR, KEY).version == 1


def test_verdicts_that_move_are_named_with_their_reason(editor: Visitor) -> None:
    found = editor.client.post(NEW, data={**TYPED, "csrf": editor.csrf}, headers={"accept": "application/json"}).json()
    moved = {fact["fact"]: (fact["before"], fact["after"]) for fact in found["effect"]["facts"]}
    assert moved["bilirubin_umol_l"][1].startswith("51.3")
    for verdict in found["effect"]["verdicts"]:
        assert verdict["before"] != verdict["after"]


def test_someone_elses_change_is_told_and_what_was_typed_stays(site: Site, editor: Visitor) -> None:
    shown = seal(editor.post(NEW, {**TYPED, "do": "preview"}))
    with site.store.transaction(EDITOR) as tx:
        append_events(tx, KEY, [LABS], 1)
    response = editor.post(NEW, {**TYPED, "do": "save", "seal": shown})
    assert response.status_code == 409
    assert "changed since you opened it: by ed" in words(response)
    assert 'value="3"' in response.text
    assert 'name="version" value="2"' in response.text
    assert case_as_known(site.store, EDITOR, KEY).version == 2


@pytest.mark.parametrize(
    ("field", "text"),
    [("note", "Mr Dupont was seen"), ("note", "tel. 06 12 34 56 78"), ("note", "jean@example.org")],
)
def test_what_identifies_a_person_is_refused(site: Site, editor: Visitor, field: str, text: str) -> None:
    response = editor.post(NEW, {**TYPED, field: text, "do": "preview"})
    assert response.status_code == 400
    assert "identifies a person" in words(response)
    assert case_as_known(site.store, EDITOR, KEY).version == 1


def test_what_cannot_be_read_stands_beside_its_input(editor: Visitor) -> None:
    response = editor.post(NEW, {**TYPED, "bilirubin": "much", "date": "soon", "do": "preview"})
    assert response.status_code == 400
    assert re.search(r'id="bilirubin"[^>]*aria-invalid="true"', response.text)
    assert re.search(r'id="date"[^>]*aria-invalid="true"', response.text)
    assert 'value="much"' in response.text


def test_units_read_as_printed_and_a_share_is_asked_for_in_percent(editor: Visitor) -> None:
    page = editor.get(NEW, params={"kind": "labs"}).text + editor.get(NEW, params={"kind": "procedure", "technique": "tae"}).text  # fmt: skip
    assert re.findall(r">\s*(?:10\^|umol|u[mg]|Gy\*)", page) == []
    assert "Plausible: 2 to 3000 10⁹/L." in page
    scout = words(editor.get(NEW, params={"kind": "scout"}))
    assert "reaches the lungs. Plausible: 0 to 100 %." in scout


@pytest.mark.parametrize(("typed", "read"), [("12,5", "12.5"), ("12,5 µmol/L", "12.5"), ("0,125", "0.125")])
def test_a_decimal_comma_is_read(editor: Visitor, typed: str, read: str) -> None:
    shown = {**TYPED, "bilirubin": typed, "bilirubin|unit": "umol/L", "do": "preview"}
    assert f"{read}\u202fµmol/L" in editor.post(NEW, shown).text


@pytest.mark.parametrize("typed", ["150,000", "1,234 mg/dL"])
def test_a_comma_that_may_part_thousands_is_asked_about(editor: Visitor, typed: str) -> None:
    response = editor.post(NEW, {**TYPED, "bilirubin": typed, "do": "preview"})
    assert response.status_code == 400
    assert "write the one that is meant, without a comma" in words(response)


def test_an_event_after_the_day_of_the_page_says_that_it_does_not_count_yet(editor: Visitor) -> None:
    later = words(editor.post(NEW, {**TYPED, "date": "2031-05-10", "do": "preview"}))
    assert "The event is dated 10 May 2031, after" in later
    assert "The event is dated 2 Jun 2024." in words(editor.post(NEW, {**TYPED, "do": "preview"}))


def test_a_new_event_is_of_the_day_that_its_page_shows(site: Site) -> None:
    case = CASE_OF.model_copy(update={"case": "STILL-1", "as_of": dt.date(2024, 5, 15)})
    with site.store.transaction(EDITOR) as tx:
        add_case(tx, "lyon", case)
    page = Visitor(site, "editor").get("/cases/lyon/STILL-1/events/new?kind=labs").text
    assert re.search(r'id="date"[^>]*value="2024-05-15"', page)


def test_a_problem_leads_to_its_input_by_its_label_and_the_row_as_it_stands(editor: Visitor) -> None:
    typed = {"kind": "imaging", "date": "2024-06-02", "lesions.2.longest": "3", "lesions.2.segments": "12", "do": "preview"}  # fmt: skip
    page = editor.post(NEW, typed).text
    assert '<a href="#lesions.2.id">lesions 3, id</a>: <bdi>this must be filled in</bdi>' in page
    assert '<a href="#lesions.2.segments">lesions 3, segments</a>: <bdi>' in page
    assert re.search(r'id="lesions.2.id"[^>]*aria-invalid="true"[^>]*aria-describedby="[^"]*error-lesions.2.id"', page)
    assert re.search(r'role="alert" tabindex="-1" autofocus', page)


def test_an_item_of_a_list_is_told_at_its_input(editor: Visitor) -> None:
    typed = {"kind": "board", "date": "2024-06-02", "considered": ["tae", "magic"], "actions.1.due": "soon", "do": "preview"}  # fmt: skip
    page = editor.post(NEW, typed).text
    assert '<a href="#considered">considered</a>: ' in page and 'id="error-considered"' in page
    assert '<a href="#actions.1.due">actions 2, due</a>: ' in page and 'id="error-actions.1.due"' in page


def test_of_listed_words_several_are_ticked(site: Site, editor: Visitor) -> None:
    typed = {"kind": "board", "date": "2024-06-02", "considered": ["tae", "sirt_resin"], "chosen": "tae", "version": "1"}  # fmt: skip
    shown = editor.post(NEW, {**typed, "do": "preview"})
    for word in ("tae", "sirt_resin"):
        assert f'name="considered" value="{word}" checked' in shown.text
    assert editor.post(NEW, {**typed, "do": "save", "seal": seal(shown)}).status_code == 303
    assert kept(site, "board-2024-06-02-1")["considered"] == ["tae", "sirt_resin"]
    again = Visitor(site, "chair").get(NEW, params={"corrects": "board-2024-06-02-1"})
    assert 'value="sirt_resin" checked' in again.text


def test_a_correction_begins_with_what_stands_and_keeps_the_old(site: Site, editor: Visitor) -> None:
    form = editor.get(NEW, params={"corrects": "l1"})
    assert 'value="2024-05-02"' in form.text
    typed = {"kind": "labs", "corrects": "l1", "date": "2024-05-02", "bilirubin": "14 umol/L", "version": "1"}
    shown = seal(editor.post(NEW, {**typed, "do": "preview"}))
    assert editor.post(NEW, {**typed, "do": "save", "seal": shown}).status_code == 303
    found = kept(site, "labs-2024-05-02-2")
    assert (found["corrects"], found["bilirubin"]) == ("l1", "14 umol/L")
    assert "11.97" in str(kept(site, "l1")["bilirubin"])
    assert "corrected already" in words(editor.get(NEW, params={"corrects": "l1"}))


RICH = [
    {"id": "p1", "kind": "procedure", "date": "2024-07-01", "technique": "debtace", "territory": {"segments": [5, 6]}, "details": {"beads": [{"product": "DC Bead", "drug": {"drug": "doxorubicin", "dose": "50 mg"}}]}},
    {"id": "p2", "kind": "procedure", "date": "2024-07-02", "technique": "other", "details": {"free": {"deep": [1, 2]}}},
    {"id": "i1", "kind": "imaging", "date": "2024-07-03", "modality": "CT", "studies": [{"path": "ct", "role": "arterial"}], "sstr": {"scale": "krenning-0-4", "highest": 3}, "lesions": [{"id": f"L{n}", "segments": [n], "longest": f"{n}1 mm", "hypervascular": n % 2 == 0} for n in range(1, 8)]},
    {"id": "b1", "kind": "board", "date": "2024-07-04", "considered": ["tae", "ctace"], "chosen": "ctace", "reason": "as, agreed", "actions": [{"what": "PET, then TACE", "owner": "IR", "due": "2024-08-01"}]},
    {"id": "s1", "kind": "systemic", "date": "2023-01-01", "drug": "other", "contains": ["chemotherapy"], "until": "2023-06-01"},
    {"id": "i2", "kind": "imaging", "date": "2024-07-06", "lesions": [], "extrahepatic": {"extent": "limited", "sites": []}, "resected_segments": []},
    {"id": "i3", "kind": "imaging", "date": "2024-07-07", "lesions": [{"id": "L1", "new": True}, {"id": "L2", "new": False}, {"id": "L3", "new": "equivocal"}]},
    {"id": "s2", "kind": "systemic", "date": "2023-01-01", "drug": "other", "contains": []},
    {"id": "f1", "kind": "scout", "date": "2024-07-08", "lung_shunt_fraction": "7 %"},
    {"id": "a1", "kind": "adverse_event", "date": "2024-07-09", "term": "pain", "cirse": {"grade": "3a", "version": 2025}, "sir": {"grade": "severe", "version": 2017}, "ctcae": {"grade": 3, "version": 5}},
    {"id": "c1", "kind": "clinic", "date": "2024-07-05", "ecog": 0, "frail": False, "biliary": {"stent": True}, "eortc": {"qlq_c30_global": 58, "gi_net21": {"endocrine": 40}}, "note": "two\nlines"},
]  # fmt: skip


@pytest.mark.parametrize("event", RICH, ids=lambda each: str(each["id"]))
def test_a_correction_that_changes_nothing_loses_nothing(site: Site, event: dict[str, object]) -> None:
    with site.store.transaction(EDITOR) as tx:
        append_events(tx, KEY, [event], 1)
    old = next(e for e in case_as_known(site.store, EDITOR, KEY).case.events if e.id == event["id"])
    began = start(str(event["kind"]), str(event.get("technique") or "") or None, old, old.date)
    with site.store.transaction(CHAIR) as tx:  # who may correct a decision too
        append_events(tx, KEY, [Draft(began.kind, began.technique, old, began.typed, began.rows).tree], 2)
    new = case_as_known(site.store, EDITOR, KEY).case.events[-1]
    own = {"id", "recorded", "corrects"}
    assert new.corrects == event["id"]
    assert new.model_dump(exclude=own) == old.model_dump(exclude=own)


def test_every_choice_of_every_form_is_one_that_the_case_reader_takes() -> None:
    empty = CASE_OF.model_copy(update={"events": ()})
    beside = {"cirse.version": {"cirse.grade": "2"}, "sir.version": {"sir.grade": "A"}, "drug": {}, "stopped_for": {"until": "2024-07-01"}}  # fmt: skip
    needed = {"systemic": {"drug": "other"}, "adverse_event": {"term": "pain"}, "history": {"complete": "yes"}}
    forms = [(kind, None) for kind in EVENT_KINDS if kind != "plan"] + [("procedure", each) for each in TECHNIQUES]
    tried = 0
    for kind, technique in forms:
        for each in (f for g in groups_of(kind, technique, 1) for f in g.fields if f.kind in {"choice", "truth"}):
            if each.name == "technique":
                continue
            for word in each.choices or ("yes", "no"):
                typed = {**needed.get(kind, {}), **beside.get(each.name, {}), "date": "2024-06-02", each.name: word}
                if kind == "adverse_event" and each.name == "sir.version" and word == "2017":
                    typed["sir.grade"] = "mild"
                draft = Draft(kind, technique, None, typed, 1)
                try:
                    with_events(empty, [draft.tree])
                except BadInput as error:
                    wrong = [(kind, technique, word, placed) for placed in draft.placed(error) if placed.input == each.name]  # fmt: skip
                    assert wrong == []
                tried += 1
    assert tried > 300


def test_a_slip_of_the_unit_is_corrected_by_choosing_another(site: Site, editor: Visitor) -> None:
    with site.store.transaction(EDITOR) as tx:
        append_events(tx, KEY, [{**LABS, "id": "l9", "albumin": "3.8 g/L"}, {"id": "f1", "kind": "scout", "date": "2024-07-01", "lung_shunt_fraction": "7 %"}], 1)  # fmt: skip
    page = editor.get(NEW, params={"corrects": "l9"}).text
    assert re.search(r'id="albumin"[^>]*value="3.8"', page)
    typed = {"kind": "labs", "corrects": "l9", "date": "2024-06-02", "albumin": "3.8", "albumin|unit": "g/dL", "do": "preview"}  # fmt: skip
    assert "38\u202fg/L" in editor.post(NEW, typed).text
    assert re.search(r'id="lung_shunt_fraction"[^>]*value="7"', editor.get(NEW, params={"corrects": "f1"}).text)


@pytest.mark.parametrize("typed", ["1e400", "nan", "-inf"])
def test_a_number_that_is_none_is_told_at_its_input(editor: Visitor, typed: str) -> None:
    response = editor.post(NEW, {**TYPED, "inr": typed, "do": "preview"})
    assert response.status_code == 400
    assert re.search('<a href="#inr">INR</a>: <bdi>expected a (finite )?number', response.text)


def test_a_share_that_may_be_a_fraction_is_asked_about(editor: Visitor) -> None:
    typed = {"kind": "scout", "date": "2024-06-02", "do": "preview"}
    asked = editor.post(NEW, {**typed, "lung_shunt_fraction": "0,06"})
    assert asked.status_code == 400 and "may be 6 % or 0.06 %" in words(asked)
    more = editor.post(NEW, {**typed, "lung_shunt_fraction": "600"})
    assert more.status_code == 400 and "expected at most 100 %" in words(more)
    for plain in ("6", "0", "0.5 %", "100"):
        assert editor.post(NEW, {**typed, "lung_shunt_fraction": plain}).status_code == 200, plain
    assert "may be 6 % or 0.06 %" in words(editor.post(f"{CASE}/what-if", {"lung_shunt_fraction": "0.06"}))


def test_a_button_pressed_twice_keeps_one_event_and_says_that_it_is_kept(site: Site, editor: Visitor) -> None:
    sent = {**TYPED, "do": "save", "seal": seal(editor.post(NEW, {**TYPED, "do": "preview"}))}
    assert [editor.post(NEW, sent).status_code for _ in range(2)] == [303, 303]
    assert case_as_known(site.store, EDITOR, KEY).version == 2
    other = {**TYPED, "bilirubin": "4"}
    late = editor.post(NEW, {**other, "do": "save", "seal": Draft("labs", None, None, other).seal(1)})
    assert late.status_code == 409 and "Nothing of yours was kept" in words(late)


def test_an_event_that_says_nothing_is_not_kept(editor: Visitor) -> None:
    response = editor.post(NEW, {"kind": "labs", "date": "2024-06-02", "bilirubin": " ", "do": "preview"})
    assert response.status_code == 400 and "nothing is filled in" in words(response)


def test_none_and_some_is_asked_about(site: Site, editor: Visitor) -> None:
    typed = {"kind": "imaging", "date": "2024-06-02", "lesions": "none", "version": "1"}
    shown = editor.post(NEW, {**typed, "do": "preview"})
    assert editor.post(NEW, {**typed, "do": "save", "seal": seal(shown)}).status_code == 303
    assert kept(site, "imaging-2024-06-02-1")["lesions"] == []
    both = editor.post(NEW, {**typed, "lesions.0.id": "L1", "do": "preview"})
    assert both.status_code == 400
    assert '<a href="#lesions">lesions</a>: <bdi>none is chosen here, and some are listed below' in both.text


def test_a_problem_of_several_inputs_names_their_group(editor: Visitor) -> None:
    typed = {"kind": "procedure", "technique": "sirt_resin", "date": "2024-06-02", "do": "preview"}
    page = editor.post(
        NEW, {**typed, "details.planned_doses.tumour.mean": "90", "details.planned_doses.tumour.low": "80"}
    )
    assert page.status_code == 400
    assert re.search(
        r'<a href="#details.planned_doses.tumour.\w+">planned doses: tumour</a>: <bdi>an interval', page.text
    )
    twice = {f"details.planned_doses.lesions.{row}.{name}": value for row in (1, 2) for name, value in (("lesion", "L1"), ("mean", "90"))}  # fmt: skip
    page = editor.post(NEW, {**typed, **twice})
    assert re.search(r'<a href="#details.planned_doses.tumour.\w+">planned doses</a>: <bdi>lesion given twice', page.text)  # fmt: skip


def test_a_viewer_writes_nothing(site: Site, viewer: Visitor) -> None:
    assert viewer.get(NEW).status_code == 403
    assert viewer.post(NEW, {**TYPED, "do": "preview"}).status_code == 403
    assert viewer.post(f"{CASE}/header", {"question": "x", "version": "1"}).status_code == 403
    assert viewer.post("/cases/new", {"pseudonym": "X-1"}).status_code == 403
    assert case_as_known(site.store, EDITOR, KEY).version == 1


def test_the_question_is_changed_and_guarded(site: Site, editor: Visitor) -> None:
    typed = {"question": "TACE or SIRT?", "sex": "female", "birth_year": "1961", "version": "1"}
    assert editor.post(f"{CASE}/header", {**typed, "question": "for Mrs Martin"}).status_code == 400
    wrong = editor.post(f"{CASE}/header", {**typed, "birth_year": "long ago"})
    assert wrong.status_code == 400 and 'aria-describedby="error-birth_year"' in wrong.text
    assert editor.post(f"{CASE}/header", typed).status_code == 303
    late = editor.post(f"{CASE}/header", {**typed, "question": "another"})
    assert late.status_code == 409
    assert "another" in late.text
    assert case_as_known(site.store, EDITOR, KEY).case.question == "TACE or SIRT?"


def test_a_case_is_added_by_a_local_number_that_is_not_kept(site: Site, editor: Visitor) -> None:
    typed = {"local_number": "HOSP 471108151", "sex": "male", "birth_year": "1950", "diagnosis.date": "2024-01-05", "diagnosis.primary_site": "ileum", "diagnosis.ki67": "3", "systemic.date": "2024-02-01", "systemic.drug": "lanreotide"}  # fmt: skip
    response = editor.post("/cases/new", typed)
    assert response.status_code == 303
    place = response.headers["location"].split("?")[0]
    assert re.fullmatch(r"/cases/lyon/NELM-[0-9A-Z]{10}", place)
    assert "G2" in words(editor.get(f"{place}/facts")) or "ileum" in words(editor.get(f"{place}/facts"))
    again = editor.post("/cases/new", typed)
    assert again.status_code == 400
    assert "has a case of this pseudonym already" in words(again)
    assert "471108151" not in again.text
    assert b"471108151" not in site.store.folder.path.joinpath("registry.sqlite").read_bytes()


def test_a_new_case_says_all_that_is_wrong(editor: Visitor) -> None:
    response = editor.post("/cases/new", {"diagnosis.ki67": "3", "imaging.liver_volume": "1500", "question": "Mr Dupont: TACE?"})  # fmt: skip
    assert response.status_code == 400
    assert re.search(r'id="pseudonym"[^>]*aria-invalid="true"', response.text)
    assert re.search(r'id="diagnosis.date"[^>]*aria-invalid="true"', response.text)
    assert '<a href="#diagnosis.date">diagnosis, date</a>: <bdi>say when this was' in response.text
    assert re.search(r'role="alert" tabindex="-1" autofocus', response.text)
    typed = {"pseudonym": "LY-9", "labs.date": "2024-01-05", "labs.bilirubin": "much", "labs.chromogranin_a.value": "3"}
    page = editor.post("/cases/new", typed).text
    assert '<a href="#labs.bilirubin">labs, bilirubin</a>: <bdi>expected a number' in page
    assert '<a href="#labs.chromogranin_a.unit">labs, chromogranin A: unit</a>: <bdi>this must be filled in' in page
    assert (
        "line 1" not in page
        and "labs-first" not in page
        and "file" not in page.split('role="alert"')[1].split("</div>")[0]
    )
    named = editor.post("/cases/new", {"pseudonym": "Marie_CURIE"})
    assert named.status_code == 400
