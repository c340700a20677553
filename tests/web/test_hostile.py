"""What a hostile or unlucky sender may post, and what our own faults may say: no failure of ours, no endless work, no word of a case in a log."""

from __future__ import annotations

import time

import pytest
from sqlalchemy.exc import IntegrityError
from tests.web_samples import KEY, Visitor

from liverboard.registry.permissions import CONSOLE
from liverboard.registry.schema import centres
from liverboard.web.site import Site

CASE_PATH = f"/cases/{KEY.centre}/{KEY.case}"


@pytest.mark.parametrize("letters", ["unicode_escape", "raw_unicode_escape", "undefined", "punycode", "utf-16"])
@pytest.mark.parametrize("path", [f"{CASE_PATH}/header", "/sign-in"])
def test_a_form_in_other_letters_is_told(editor: Visitor, letters: str, path: str) -> None:
    part = 'Content-Disposition: form-data; name="{}"\r\n\r\n{}\r\n'
    fields = {"csrf": editor.csrf, "question": r"a \ud800 b", "name": r"\ud800", "version": "1"}
    body = "--X\r\n" + "--X\r\n".join(part.format(*each) for each in fields.items()) + "--X--\r\n"
    kind = f"multipart/form-data; boundary=X; charset={letters}"
    response = editor.client.post(path, content=body.encode(), headers={"content-type": kind})
    assert response.status_code == 400
    assert "UTF-8" in response.text


def test_utf_8_may_be_named(editor: Visitor) -> None:
    body = f"csrf={editor.csrf}&language=fr".encode()
    kind = "application/x-www-form-urlencoded; charset=UTF-8"
    assert editor.client.post("/language", content=body, headers={"content-type": kind}).status_code == 303


def test_a_very_long_text_is_refused_at_once(editor: Visitor) -> None:
    started = time.process_time()
    response = editor.post(f"{CASE_PATH}/header", {"question": "mrn/" * 40_000, "version": "1"})
    assert response.status_code == 400
    assert "the text is too long" in response.text
    assert time.process_time() - started < 5


def test_a_name_in_the_header_of_a_case_is_told_beside_its_field(editor: Visitor) -> None:
    response = editor.post(f"{CASE_PATH}/header", {"question": "Mrs Dupont again?", "version": "1"})
    assert response.status_code == 400
    assert "a name of a person seems to stand here" in response.text


# --- faults of ours ------------------------------------------------------------------------------------------------------------------------------------


def test_a_fault_of_ours_ends_in_a_page_and_reaches_no_log_of_the_server(
    editor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> str:
        raise ValueError("Mrs Dupont")

    monkeypatch.setattr("liverboard.web.routes.cases.sections", broken)
    response = editor.get(CASE_PATH)  # an error that went on to the server would be raised here
    assert response.status_code == 500
    assert "incident" in response.text and "Dupont" not in response.text
    assert "default-src 'none'" in response.headers["content-security-policy"]


def test_the_database_names_no_value_in_its_errors(site: Site) -> None:
    with pytest.raises(IntegrityError) as error, site.store.transaction(CONSOLE) as tx:
        tx.connection.execute(centres.insert().values(name="lyon"))
    assert "lyon" not in str(error.value)
