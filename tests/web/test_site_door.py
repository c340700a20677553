"""The door of the site: who is not signed in is sent to the form, and no form passes without its token."""

from __future__ import annotations

import pytest
from tests.web_samples import Visitor

from liverboard.web.site import Site


def test_who_is_not_signed_in_is_sent_to_the_form(site: Site) -> None:
    response = Visitor(site, None).get("/account")
    assert (response.status_code, response.headers["location"]) == (303, "/sign-in?next=/account")


@pytest.mark.parametrize("asked", ["/cases?state=prepared", "/cases?pseudonym=a%26b&page=2"])
def test_what_was_asked_of_a_page_is_not_lost_on_the_way(site: Site, viewer: Visitor, asked: str) -> None:
    assert viewer.get(asked.replace("?", "/?")).headers["location"] == f"{site.address}{asked}"
    form = Visitor(site, None).get(asked).headers["location"]
    assert f'name="next" value="{asked.replace("&", "&amp;")}"' in Visitor(site, None).get(form).text


def test_a_form_without_its_token_is_refused(editor: Visitor) -> None:
    editor.csrf = "x" * 43
    assert editor.post("/language", {"language": "fr"}).status_code == 403
