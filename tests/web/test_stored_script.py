"""Script, and markup of the typesetter, in what people type and in what a case file holds: it stays text on every page, in both languages, and on paper."""

from __future__ import annotations

import html.parser
import itertools
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import nrrd
import numpy as np
import pytest
from tests.registry_samples import CHAIR
from tests.web_routes import EXAMPLE, NEEDS, ROUTES
from tests.web_samples import Visitor

from liverboard.board.prepare import prepare_dossier
from liverboard.clinical.case_file import read_case
from liverboard.clinical.events import EVENT_KINDS, EVERY_KIND, Technique
from liverboard.errors import BadInput
from liverboard.registry.cases import CaseKey, add_case, append_events, case_as_known
from liverboard.report.html import render_html
from liverboard.report.pdf import render_pdf
from liverboard.web.forms import groups_of, tree_of
from liverboard.web.routes.cases import Tab
from liverboard.web.site import Site
from liverboard.web.tongue import LANGUAGES

EVIL = "\"'><script>evil()</script><img src=x onerror=evil()><a href='javascript:evil()'>{{191*7}}</a>"


class Suspect(html.parser.HTMLParser):
    """Collects what no page of ours has: a script in the page, a handler, a link that is a script, an image from nowhere."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "script" and not (given.get("src") or "").startswith("/static/"):
            self.found.append(f"<script {given}>")
        self.found += [f"<{tag} {name}>" for name in given if name.startswith("on")]
        self.found += [f"<{tag} {n}={v}>" for n, v in attrs if (v or "").strip().lower().startswith("javascript:")]
        if tag == "img" and given.get("src") == "x":
            self.found.append("<img src=x>")


def suspicious(text: str) -> list[str]:
    parser = Suspect()
    parser.feed(text)
    return parser.found


def test_the_search_for_script_finds_it() -> None:
    assert len(suspicious(f"<p>{EVIL}</p>")) == 4


def test_no_text_that_is_typed_becomes_script(site: Site) -> None:
    """Typed into a form of every event kind, of a new case, of a meeting and of its minutes; then every page."""
    chair, admin = Visitor(site, "chair"), Visitor(site, "admin")
    assert chair.post("/cases/new", {"pseudonym": "NELM-2", "question": EVIL}).status_code == 303
    form = "/cases/lyon/NELM-2/events/new"
    kept = 0
    for kind in EVENT_KINDS:
        texts = {f.name: EVIL for group in groups_of(kind) for f in group.fields if f.kind in {"text", "long"}}
        for sent in (texts, {"note": EVIL}):
            fields = {"kind": kind, "date": "2024-06-01", "technique": "tae", "version": str(kept + 1), **sent}
            shown = chair.post(form, {**fields, "do": "preview"})
            assert suspicious(shown.text) == [], kind
            seal = re.search(r'name="seal" value="([^"]+)"', shown.text)
            if seal is not None:
                kept += chair.post(form, {**fields, "do": "save", "seal": seal[1]}).status_code == 303
                break
    assert kept >= len(EVENT_KINDS) // 2, "what is never kept proves nothing"
    assert chair.post("/meetings", {"date": "2025-01-08", "title": EVIL}).status_code == 303
    assert chair.post("/meetings/1/cases", {"case": "NELM-2"}).status_code == 303
    assert chair.post("/meetings/1/attendance", {"specialty-0": EVIL[:60], "person-0": EVIL[:60]}).status_code == 303
    page = chair.get("/meetings/1/cases/NELM-2").text
    hidden = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', page))
    minutes = dict.fromkeys(("reason", "dissent", "deviation", "action-0-what", "action-0-owner"), EVIL)
    assert chair.post("/meetings/1/cases/NELM-2", {**hidden, **minutes, "chosen": "tae"}).status_code < 400
    admin.post("/people", {"name": EVIL, "role": EVIL, "centre": EVIL})
    seen = ""
    for name in sorted(ROUTES):
        if not name.startswith("GET") or name.endswith(".pdf"):
            continue
        path = name.split(" ")[1].format(**{**EXAMPLE, "case": "NELM-2"})
        visitor = admin if NEEDS[name] in {"see_audit", "manage_accounts"} else chair
        text = visitor.get(path, params={"done": EVIL, "next": EVIL, "pseudonym": EVIL, "state": EVIL}).text
        assert suspicious(text) == [], path
        assert ">1337<" not in text
        seen += text
    assert "&lt;script&gt;evil()" in seen


# --- every text of every event, as a case file may hold it ------------------------------------------------------------------------------------------------

_SHORT = "#eval(1)<script>evil()</script>'\">"
_TYPST = '#read("/etc/passwd") $x$ *b* @ref <label> '
_NEVER_TEXT = {  # typed as text, and read as something else: segments of the liver, sizes
    "resected_segments", "territory.segments", "details.injections.0.segments", "lesions.0.segments", "lesions.0.segment_shares", "details.zone",
    "details.ablations.0.zone",
}  # fmt: skip


def _texts(kind: str, technique: str | None) -> list[str]:
    return [f.name for g in groups_of(kind, technique, 1) for f in g.fields if f.kind in {"text", "long", "list"} and not f.choices]  # fmt: skip


def _events(kind: str, technique: str | None, name: str) -> Iterator[dict[str, Any]]:
    """Events whose field `name` is hostile, at length and in short, alone and with what stands beside it: some texts are short, some need a neighbour."""
    fields = [f for g in groups_of(kind, technique, 1) for f in g.fields]
    needed = {n for n, info in EVERY_KIND[kind].model_fields.items() if info.is_required()}
    beside = name.rpartition(".")[0]
    for hostile, with_others in itertools.product((_TYPST + EVIL, _SHORT), (False, True)):
        posted = {}
        for each in fields:
            if each.name in needed or (
                with_others and beside and each.name.rpartition(".")[0] == beside and each.name not in _NEVER_TEXT
            ):
                plain = {
                    "truth": "yes",
                    "date": "2024-07-01",
                    "whole": "1",
                    "number": "10 " + (each.units[0] if each.units else ""),
                }
                posted[each.name] = each.choices[0] if each.choices else plain.get(each.kind, _SHORT)
        own = {"technique": technique} if technique else {}
        yield {"kind": kind, "date": "2024-06-01", **tree_of(kind, {**posted, **own, name: hostile}, technique, 1)}


def _hostile() -> tuple[list[dict[str, Any]], set[str]]:
    """An event for each text of each kind, and the texts that no event can hold so."""
    found, refused = dict[str, dict[str, Any]](), set[str]()
    for kind in EVENT_KINDS:
        for technique in get_args(Technique) if "technique" in EVERY_KIND[kind].model_fields else (None,):
            for text in _texts(kind, technique):
                name = f"{kind} {text}"
                for event in () if name in found else _events(kind, technique, text):
                    case = {"liverboard": 1, "case": "X", "events": [{"id": "x", **event}]}
                    try:
                        read_case(json.dumps(case), where="x", is_json=True)
                    except BadInput:
                        refused.add(name)
                    else:
                        found[name] = event
                        break
    return list(found.values()), refused - set(found)


@pytest.fixture
def hostile_case(site: Site) -> CaseKey:
    events, refused = _hostile()
    assert {name.split(" ")[1] for name in refused} == _NEVER_TEXT
    case = read_case(json.dumps({"liverboard": 1, "case": "NELM-3", "question": _TYPST + EVIL, "events": []}), where="x", is_json=True)  # fmt: skip
    key, version = CaseKey("lyon", "NELM-3"), 1
    with site.store.transaction(CHAIR) as tx:
        add_case(tx, "lyon", case)
        for event in events:
            version = append_events(tx, key, [event], version)
    assert version > 100
    return key


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_text_of_a_case_becomes_script(site: Site, hostile_case: CaseKey, language: str) -> None:
    chair, path = Visitor(site, "chair"), "/cases/lyon/NELM-3"
    events = case_as_known(site.store, CHAIR, hostile_case).case.events
    seen = ""
    for page in (
        *(f"{path}/{tab}".rstrip("/") for tab in ("", "events", "decisions", "studies", "viewer", "what-if", "header", *get_args(Tab))),
        *(f"{path}/events/withdraw?event={event.id}" for event in events[::20]),
        *(f"{path}/events/new?corrects={event.id}" for event in events[::20]),
        "/cases", "/agenda", "/cohort",
    ):  # fmt: skip
        answer = chair.get(page, headers={"accept-language": language})
        assert answer.status_code in {200, 303}, page
        assert suspicious(answer.text) == [], page
        seen += answer.text
    assert seen.count("&lt;script&gt;evil()") > 200


def test_no_text_of_a_case_becomes_script_or_markup_in_the_dossier(site: Site, hostile_case: CaseKey) -> None:
    dossier = prepare_dossier(case_as_known(site.store, CHAIR, hostile_case).case, folder=None, as_of=site.today())
    page = render_html(dossier)
    assert [each for each in suspicious(page) if each != "<script {}>"] == []
    assert page.count("<script") == 1, "our own, allowed by its hash"
    assert render_pdf(dossier).startswith(b"%PDF")


def test_no_name_inside_a_study_becomes_script(site: Site, tmp_path: Path) -> None:
    """Names of files, and of the structures that a segmentation holds."""
    name = "#eval(1)<script>evil()</script>"
    header = {
        "space": "left-posterior-superior", "space directions": np.diag([2.0, 2.0, 3.0]), "space origin": np.zeros(3),
        "Segment0_Name": name, "Segment0_ID": name, "Segment0_LabelValue": "1", "Segment0_Layer": "0", "Segment1_Name": "liver", "Segment1_ID": "b",
        "Segment1_LabelValue": "2", "Segment1_Layer": "0",
    }  # fmt: skip
    mask = np.zeros((20, 20, 10), np.uint8)
    mask[5:9, 5:9, 3:6], mask[10:15, 10:15, 3:6] = 1, 2
    nrrd.write(str(tmp_path / "a.seg.nrrd"), mask, header)
    chair = Visitor(site, "chair")
    files = [("csrf", (None, chair.csrf)), ("files", (f"{name}.seg.nrrd", (tmp_path / "a.seg.nrrd").read_bytes()))]
    sent = chair.client.post("/cases/lyon/NELM-1/studies", files=files)
    assert sent.status_code == 303, sent.text
    for language in LANGUAGES:
        for path in (sent.headers["location"], "/cases/lyon/NELM-1/studies"):
            answer = chair.get(path, headers={"accept-language": language})
            assert answer.status_code == 200 and suspicious(answer.text) == []
    assert "&lt;script&gt;evil()" in chair.get(sent.headers["location"]).text


def test_the_name_of_an_event_stays_one_part_of_an_address(site: Site) -> None:
    scan = [{"path": "a.nii.gz", "role": "arterial"}]
    event = {"kind": "imaging", "id": "a?b#c d", "date": "2024-06-20", "studies": scan}
    with site.store.transaction(CHAIR) as tx:
        append_events(tx, CaseKey("lyon", "NELM-1"), [event], 1)
    answer = Visitor(site, "viewer").get("/cases/lyon/NELM-1/viewer")
    assert answer.headers["location"] == "/cases/lyon/NELM-1/viewer?event=a%3Fb%23c+d"
