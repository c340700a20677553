"""One self-contained page: nothing loaded, nothing injected, every link leads somewhere."""

import itertools
import re
from html.parser import HTMLParser

import pytest

import report_samples as samples
from liverboard.report.html import render_html

ALL = [samples.full, samples.sparse, samples.bundled_like, samples.hostile]


class Page(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.words.append(data)


@pytest.mark.parametrize("make", ALL)
def test_nothing_is_loaded_and_nothing_is_injected(make) -> None:
    page = Page(render_html(make()))
    names = [tag for tag, _ in page.tags]
    assert names.count("script") == 1, "our own, allowed by its hash"
    assert not {"link", "iframe", "object", "embed", "base", "form"} & set(names)
    for tag, attributes in page.tags:
        for name, value in attributes.items():
            assert not name.startswith("on"), (tag, name)
            if name in ("src", "href", "action", "data"):
                assert value is not None
                assert value.startswith(("#", "data:image/png;base64,")), (tag, name, value[:60])
        assert not re.search(r"url\((?!#)", attributes.get("style") or "")
    csp = next(a["content"] for t, a in page.tags if t == "meta" and a.get("http-equiv"))
    assert csp is not None
    assert csp.startswith("default-src 'none'")


@pytest.mark.parametrize("make", ALL)
def test_ids_are_unique_and_links_resolve(make) -> None:
    page = Page(render_html(make()))
    ids = [a["id"] for _, a in page.tags if "id" in a]
    assert len(ids) == len(set(ids))
    for _, a in page.tags:
        for name in ("href", "aria-labelledby"):
            for target in (a.get(name) or "").split():
                if name != "href" or target.startswith("#"):
                    assert target.removeprefix("#") in ids


@pytest.mark.parametrize("make", ALL)
def test_headings_descend_one_step_at_a_time(make) -> None:
    levels = [int(tag[1]) for tag, _ in Page(render_html(make())).tags if re.fullmatch("h[1-6]", tag)]
    assert levels.count(1) == 1
    assert levels[0] == 1
    assert all(b <= a + 1 for a, b in itertools.pairwise(levels))


def test_page_one_shows_what_the_board_needs() -> None:
    text = " ".join("".join(Page(render_html(samples.full())).words).split())
    for words in (
        "NELM-0001", "SYNTHETIC", "Research use", "as of 15 May 2024", "Progressive liver disease under lanreotide", "22 %", "340 of 1552 mL",
        "52 mm", "diffuse, certain", "auto", "3.8 g/L questioned", "old: 5 years", "A: seen", "1 conflict, 2 warnings",
    ):  # fmt: skip
        assert words.replace(" ", "") in re.sub(r"\s", "", text), words


def test_every_headline_number_links_to_its_source() -> None:
    html = render_html(samples.full())
    for number in ("22\u202f%", "9", "52\u202fmm"):
        assert re.search(
            rf'<strong class="value"><a class="n" href="#event-i3" title="[^"]+">{re.escape(number)}</a>', html
        )
    assert 'id="event-i3"' in html
    assert '<ol class="print-only footnotes">' in html


def test_unknown_is_drawn_and_never_no() -> None:
    html = render_html(samples.sparse())
    assert html.count('class="unknown"') >= 8
    assert ">None<" not in html
    assert "SYNTHETIC" not in html
    assert "No images in this case" in html


def test_same_dossier_same_page() -> None:
    assert render_html(samples.hostile()) == render_html(samples.hostile())
