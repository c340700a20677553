"""The forms of a page as a browser without JavaScript would send them."""

from __future__ import annotations

import html.parser
from dataclasses import dataclass, field

from tests.web_samples import Visitor


@dataclass
class _Forms(html.parser.HTMLParser):
    """The forms of a page that change something: where they go, and their fields with what stands in them."""

    found: list[tuple[str, dict[str, str]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()
        self.inside = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.inside = given.get("method") == "post"
            if self.inside:
                self.found.append((given["action"], {}))
        elif self.inside and tag in {"input", "select", "textarea", "button"} and given.get("name"):
            self.found[-1][1].setdefault(given["name"], given.get("value", ""))

    def handle_endtag(self, tag: str) -> None:
        self.inside = self.inside and tag != "form"


def forms_of(visitor: Visitor, page: str) -> list[tuple[str, dict[str, str]]]:
    """The forms of a page with their fields; but for leaving and for the language."""
    parser = _Forms()
    response = visitor.get(page)
    assert response.status_code == 200, page
    parser.feed(response.text)
    return [(to, fields) for to, fields in parser.found if to not in {"/sign-out", "/language"}]
