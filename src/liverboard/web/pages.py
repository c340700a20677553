"""Pages: templates with translation, the colours of both themes, and the same content as JSON for whoever asks for it."""

from __future__ import annotations

import datetime as dt
import functools
import gettext
import io
import re
from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse, JSONResponse, Response
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape
from pydantic import BaseModel

from liverboard.clinical.coded_words import words
from liverboard.errors import Problem, UserError
from liverboard.report.palette import DARK, LIGHT, css_variables
from liverboard.report.words import MODALITY, unit_words
from liverboard.web.gate import greet
from liverboard.web.notices import notice_of
from liverboard.web.screens import screen_of
from liverboard.web.tongue import LANGUAGES, catalogue, say, word

LANGUAGE_COOKIE = "language"
_BOUND = re.compile(r"(?:at least|at most|more than|less than|\d{4} or later$|keys and values)\b")


@functools.cache
def translations(language: str) -> gettext.NullTranslations:
    """The words of the templates."""
    from babel.messages.mofile import write_mo

    if (written := catalogue(language, "liverboard")) is None:
        return gettext.NullTranslations()
    made = io.BytesIO()
    write_mo(made, written)
    made.seek(0)
    return gettext.GNUTranslations(made)


@functools.cache
def _environment(language: str) -> Environment:
    made = Environment(
        loader=PackageLoader("liverboard.web"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )
    spoken = translations(language)
    made.install_gettext_callables(spoken.gettext, spoken.ngettext, newstyle=True)  # pyright: ignore[reportUnknownMemberType, reportAttributeAccessIssue]
    made.filters["day"] = functools.partial(day, language)
    made.filters["said"] = functools.partial(_said, language)
    made.filters["word"] = functools.partial(word, language)
    made.filters["unit"] = lambda name: say(language, unit_words(str(name)))
    made.filters["scan"] = functools.partial(scan, language)
    shown: dict[str, Any] = {"language": language, "languages": LANGUAGES, "screen_of": screen_of}
    made.globals.update(shown)
    return made


def _said(language: str, text: object) -> str:
    """A text of ours in the language of the page."""
    return _wrong(language, text) if isinstance(text, Problem) else say(language, text)


def _wrong(language: str, problem: Problem) -> Markup:
    """As `Problem` writes itself, but what was read, and the words that may be written instead, stay as they are."""
    _ = translations(language).gettext
    place = ", ".join(
        words % value
        for words, value in (
            (_("line %s"), problem.line),
            (_("event %s"), problem.event),
            (_("field %s"), problem.field),
        )
        if value
    )
    text = escape(say(language, problem.message))
    if place:
        text = escape(_("%(place)s: %(what)s")) % {"place": place, "what": text}
    after = [escape(_("read %s")) % _kept(problem.read)] if problem.read is not None else []
    if problem.allowed:
        bound = _BOUND.match(problem.allowed) is not None
        after.append(escape(_("allowed: %s")) % (say(language, problem.allowed) if bound else _kept(problem.allowed)))
    if problem.hint:
        after.append(escape(say(language, problem.hint)))
    for each in after:
        text = escape(_("%(what)s; %(more)s")) % {"what": text, "more": each}
    return text


def _kept(text: str) -> Markup:
    return Markup('<span translate="no">%s</span>') % text


def scan(language: str, modality: str) -> str:
    """A modality, or the role of an image, such as Y-90 PET or TEP Y-90."""
    return say(language, MODALITY.get(modality, words(modality)))


def day(language: str, date: dt.date | dt.datetime | None) -> str:
    """Such as 5 May 2024 or 5 mai 2024."""
    from babel.dates import format_date

    if date is None:
        return ""
    return format_date(date, "d MMM y", locale=language)


def language_of(request: Request) -> str:
    """What the person chose, else what the browser asks for first among ours, else English."""
    chosen = request.cookies.get(LANGUAGE_COOKIE, "")
    if chosen in LANGUAGES:
        return chosen
    for part in request.headers.get("accept-language", "").split(","):
        code = part.split(";")[0].strip().lower()[:2]
        if code in LANGUAGES:
            return code
    return "en"


def wants_json(request: Request) -> bool:
    accept = request.headers.get("accept", "")
    return "application/json" in accept and "text/html" not in accept


def page(
    request: Request, template: str, status: int = 200, *, content: BaseModel | None = None, **values: Any
) -> Response:
    """The template with `values`; `content` is what the page shows as data: given instead when the client asks for JSON, and so is the error of a refusal."""
    refused = next((each for name in ("error", "problem") if isinstance(each := values.get(name), UserError)), None)
    if status >= 400 and refused is not None and wants_json(request):
        return JSONResponse(refused.as_dict(), status_code=status)
    if content is not None and wants_json(request):
        return JSONResponse(content.model_dump(mode="json"), status_code=status)
    language = language_of(request)
    made = _environment(language).get_template(template)
    notice = notice_of(request)
    person = getattr(request.state, "person", None)
    text = made.render(
        person=person,
        csrf=getattr(request.state, "csrf", ""),
        here=request.url.path,
        notice=translations(language).gettext(notice.value) if notice else "",
        v=content,
        **values,
    )
    response = HTMLResponse(text, status_code=status)
    greet(request, response)
    return response


def text_of(request: Request, template: str) -> str:
    """What a template says in the language of the reader, without its markup."""
    made = _environment(language_of(request)).get_template(template).render()
    return " ".join(Markup(made).striptags().split())  # noqa: S704  (a template of ours, and its markup is taken out)


def drawn(svg: str) -> Markup:
    """A picture of our own, which escapes every text that it takes in."""
    return Markup(svg)  # noqa: S704


@functools.cache
def theme_css() -> str:
    """The colours of the light and the dark theme; dark is the default of the reading room when the system says so."""
    return (
        f":root{{color-scheme:light;{css_variables(LIGHT)}}}"
        f"@media (prefers-color-scheme:dark){{:root:not([data-theme=light]){{color-scheme:dark;{css_variables(DARK)}}}}}"
        f":root[data-theme=dark]{{color-scheme:dark;{css_variables(DARK)}}}"
    ) + "".join(map(_margins, LANGUAGES))


def _margins(language: str) -> str:
    """What stands in the margins of a printed page: a style has no words of its own, so it takes those of the language of the page."""
    _ = translations(language).gettext
    numbers = _("page %(page)s of %(pages)s") % {"page": '" counter(page) "', "pages": '" counter(pages) "'}
    use = _("Research use")
    here, invented = f":root:lang({language})", _("SYNTHETIC")
    return f'{here}{{--research-use:"{use}";--page-of:"{numbers}"}}{here}:has(.tag.flag){{--running:"{invented}"}}'
