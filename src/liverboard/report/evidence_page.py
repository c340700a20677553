"""One self-contained HTML page of evidence: figures with their tables, key numbers, warnings; nothing is loaded from outside."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from liverboard.report.palette import DARK, LIGHT, css_variables
from liverboard.report.words import clean
from liverboard.report.write import write_files

Rows = tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class PageTable:
    """`head` and `rows` as text; the first column names the row. `note` stands below. `widths`, in percent, for a table of words; `folded` until opened."""

    caption: str
    head: tuple[str, ...]
    rows: Rows
    note: str = ""
    widths: tuple[int, ...] = ()
    folded: bool = False


@dataclass(frozen=True, slots=True)
class PageFigure:
    """A picture for wide and one for narrow pages (SVG of our own), its finding, and its table twin."""

    finding: str
    wide: str
    narrow: str
    table: PageTable


@dataclass(frozen=True, slots=True)
class EvidencePage:
    """`kind`: such as "Meta-analysis"; `finding`: the answer in a sentence; `values`: number and what it is, most important first."""

    kind: str
    title: str
    finding: str
    values: tuple[tuple[str, str], ...]
    figures: tuple[PageFigure, ...]
    tables: tuple[PageTable, ...] = ()
    warnings: tuple[str, ...] = ()
    methods: tuple[str, ...] = ()
    software: str = ""


def _template(name: str) -> str:
    return (files("liverboard.report") / "templates" / name).read_text(encoding="utf-8")


def _shown(value: object) -> object:
    """Plain text without the characters that HTML cannot hold; our own drawings as they are."""
    return clean(value) if type(value) is str else value


def render_page(page: EvidencePage) -> str:
    """The page as the text of one HTML file."""
    from jinja2 import DictLoader, Environment, StrictUndefined
    from markupsafe import Markup

    def drawn(text: str) -> Markup:
        return Markup(text)  # noqa: S704  (our own pictures, style and script; each escapes the text that it takes in)

    script = _template("page.js").strip()
    style = (
        f":root{{{css_variables(LIGHT)}}}"
        f"@media screen and (prefers-color-scheme:dark){{:root:not([data-theme=light]){{{css_variables(DARK)}}}}}"
        f"@media screen{{:root[data-theme=dark]{{{css_variables(DARK)}}}}}"
    ) + _template("dossier.css")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    environment = Environment(
        loader=DictLoader({"page": _template("evidence.html.jinja")}),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_shown,
    )
    return environment.get_template("page").render(
        p=page,
        drawn=drawn,
        csp=f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'",
        style=drawn(style),
        script=drawn(script),
    )


def write_page(page: EvidencePage, path: Path) -> None:
    """Write the page under its name when it is whole. Raises BadInput where the place cannot be written."""
    write_files({path: render_page(page).encode("utf-8")})
