"""Accounts, the audit trail and help: who may manage whom, links that are shown once, and a store that was changed behind its back."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from sqlalchemy import text
from tests.web_samples import PASSWORD, Visitor, words

from liverboard.registry.accounts import NotLoggedIn, log_in
from liverboard.web.screens import SCREENS
from liverboard.web.site import Site


@pytest.fixture
def admin(site: Site) -> Visitor:
    return Visitor(site, "admin")


def test_an_account_is_made_and_its_link_is_shown_once(site: Site, admin: Visitor) -> None:
    made = admin.post("/people", {"name": "Nora", "role": "editor", "centre": "lyon"})
    link = re.search(r"http://testserver(/welcome/[\w-]+)", made.text)
    assert link is not None
    assert link[1] not in admin.get("/people").text
    assert "no password yet" in words(admin.get("/people"))
    visitor = Visitor(site, None)
    visitor.csrf = re.search(r'name="csrf" value="([^"]+)"', visitor.get(link[1]).text)[1]  # type: ignore[index]
    assert visitor.post(link[1], {"password": PASSWORD, "again": PASSWORD}).status_code == 200
    assert log_in(site.store, "nora", PASSWORD).account.role == "editor"
    assert visitor.post(link[1], {"password": PASSWORD, "again": PASSWORD}).status_code == 401


def test_who_chose_or_changed_a_password_is_told_and_how_to_sign_in(site: Site, admin: Visitor) -> None:
    link = re.search(r"http://testserver(/welcome/[\w-]+)", admin.post("/people/viewer/link").text)
    assert link is not None
    nobody = Visitor(site, None)
    nobody.csrf = re.findall('name="csrf" value="([^"]+)"', nobody.get(link[1]).text)[0]
    chosen = {"password": "four words that differ", "again": "four words that differ"}
    page = nobody.post(link[1], chosen)
    assert "The password is kept." in words(page)
    assert 'value="viewer"' in page.text
    editor = Visitor(site, "editor")
    told = editor.post("/account", {"old": PASSWORD, **chosen})
    assert "The password is changed." in words(editor.get(told.headers["location"]))


def test_a_link_begins_with_the_configured_address_whatever_name_was_asked(site: Site, admin: Visitor) -> None:
    moved = Visitor(replace(site, address="https://board.hospital.example"), "admin")
    made = moved.post(
        "/people/editor/link", headers={"host": "elsewhere.example", "origin": "http://elsewhere.example"}
    )
    assert "https://board.hospital.example/welcome/" in made.text and "elsewhere" not in made.text


def test_what_is_wrong_with_a_new_account_is_said_and_what_was_typed_stays(admin: Visitor) -> None:
    for fields, said in (
        ({"name": "editor", "role": "editor", "centre": "lyon"}, "of this name already"),
        ({"name": "no good", "role": "editor", "centre": "lyon"}, "cannot be the name"),
        ({"name": "nora", "role": "owner", "centre": "lyon"}, "no role"),
        ({"name": "nora", "role": "editor", "centre": ""}, "belongs to a centre"),
        ({"name": "nora", "role": "editor", "centre": "rome"}, "no such centre"),
    ):
        response = admin.post("/people", fields)
        assert response.status_code == 400
        assert said in words(response)
        assert f'value="{fields["name"]}"' in response.text


def test_a_change_of_role_ends_the_sessions_of_the_account(site: Site, admin: Visitor, editor: Visitor) -> None:
    assert editor.get("/account").status_code == 200
    assert admin.post("/people/editor/role", {"role": "viewer"}).status_code == 303
    assert editor.get("/account").status_code == 303
    assert log_in(site.store, "editor", PASSWORD).account.role == "viewer"


def test_a_closed_account_cannot_sign_in_until_it_is_open_again(site: Site, admin: Visitor) -> None:
    admin.post("/people/editor/active", {"active": "no"})
    assert "closed" in words(admin.get("/people"))
    with pytest.raises(NotLoggedIn):
        log_in(site.store, "editor", PASSWORD)
    admin.post("/people/editor/active", {"active": "yes"})
    log_in(site.store, "editor", PASSWORD)


def test_the_last_administrator_stays(admin: Visitor) -> None:
    for path, fields in (("role", {"role": "viewer"}), ("active", {"active": "no"})):
        assert admin.post(f"/people/admin/{path}", fields).status_code == 400
    assert admin.get("/people").status_code == 200


def test_a_new_link_ends_the_sessions(admin: Visitor, editor: Visitor) -> None:
    assert "/welcome/" in admin.post("/people/editor/link").text
    assert editor.get("/account").status_code == 303
    assert admin.post("/people/nobody/link").status_code == 400


def test_the_trail_shows_who_read_a_case_and_only_to_its_centre(site: Site, viewer: Visitor, admin: Visitor) -> None:
    viewer.get("/cases/lyon/NELM-1")
    found = admin.json("/trail?case=NELM-1")["entries"]
    assert ("viewer", "case.read") in {(e["actor"], e["action"]) for e in found}
    assert "unseen. Asked" in words(admin.get("/trail"))
    manager = Visitor(site, "manager")
    assert {e["centre"] for e in manager.json("/trail")["entries"]} == {"lyon"}
    assert manager.get("/trail?centre=paris").status_code == 403
    assert manager.post("/trail/verify").status_code == 403


def test_the_trail_is_paged(admin: Visitor) -> None:
    for _ in range(51):
        admin.post("/people/editor/active", {"active": "no"})
        admin.post("/people/editor/active", {"active": "yes"})
    first = admin.json("/trail")
    older = admin.json(f"/trail?before={first['older']}")
    assert len(first["entries"]) == 100
    assert older["entries"][0]["seq"] == first["entries"][-1]["seq"] - 1
    assert older["entries"][-1]["seq"] == 1
    assert older["older"] is None


def test_what_was_changed_behind_the_registry_is_named(site: Site, admin: Visitor) -> None:
    assert "as it was written" in words(admin.post("/trail/verify"))
    with site.store.engine.begin() as connection:
        connection.execute(text("DROP TRIGGER IF EXISTS events_no_update"))
        for (name,) in connection.execute(text("SELECT name FROM sqlite_master WHERE type = 'trigger'")).all():
            connection.execute(text(f'DROP TRIGGER "{name}"'))
        connection.execute(text("UPDATE events SET author = 'someone' WHERE seq = 1"))
    response = admin.post("/trail/verify")
    assert "event row 1 was changed" in words(response)


@pytest.mark.parametrize("screen", SCREENS)
def test_every_screen_has_its_help(viewer: Visitor, screen: str) -> None:
    assert len(words(viewer.get(f"/help/{screen}"))) > 500
    assert f"/help/{screen}" in viewer.get("/help").text


def test_a_page_leads_to_its_help(viewer: Visitor, admin: Visitor) -> None:
    assert "/help/events" in viewer.get("/cases/lyon/NELM-1/events").text
    assert "/help/people" in admin.get("/people").text


def test_who_sees_no_case_is_not_led_to_them(admin: Visitor, viewer: Visitor) -> None:
    assert 'href="/cases"' not in admin.get("/account").text
    assert 'href="/people"' not in viewer.get("/account").text
