"""A dossier as one self-contained HTML file: nothing is loaded from outside, and it works without JavaScript."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Collection, Sequence
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, TypeVar

from liverboard.board.dossier import Dossier
from liverboard.board.key_image import KeyImage
from liverboard.report.evidence_figures import MiniInterval, forest_svg, mini_interval_svg
from liverboard.report.expected_view import ABSENT, NO_RANK
from liverboard.report.figures import image_caption, key_image_svg, lesion_sizes_svg, no_images_svg, no_images_words
from liverboard.report.liver_map import liver_map_svg
from liverboard.report.palette import DARK, LIGHT, WEB, css_variables
from liverboard.report.sirt_view import sirt_pictures
from liverboard.report.swim_lane import swim_lane_svg
from liverboard.report.timeline import timeline_svg
from liverboard.report.view import summary, view_of
from liverboard.report.words import Say, anchor, as_is, clean, day

if TYPE_CHECKING:
    from jinja2 import Template
    from markupsafe import Markup

MISSING_FIRST = 5
_T = TypeVar("_T")


class Footnotes:
    """Numbers the source events of page one in order of appearance; in print they stand at the foot of the page."""

    def __init__(self, dossier: Dossier) -> None:
        self.known = {event.id: event for event in reversed(dossier.events)}
        self.order: list[str] = []

    def has(self, event: str | None) -> bool:
        return event is not None and event in self.known

    def number(self, event: str) -> int:
        if event not in self.order:
            self.order.append(event)
        return self.order.index(event) + 1

    def says(self, event: str) -> str:
        source = self.known[event]
        return clean(f"{day(source.date)}, {source.kind.replace('_', ' ')}, event {source.id}")


def _template(name: str) -> str:
    return (files("liverboard.report") / "templates" / name).read_text(encoding="utf-8")


def render_html(dossier: Dossier) -> str:
    """The dossier as the text of one HTML file."""
    return _rendered(dossier, bare=False, only=None, say=as_is)


def render_sections(dossier: Dossier, only: Collection[str] | None = None, say: Say = as_is) -> str:
    """The sections of the dossier, without head, banner and script, for a page that brings its own. Their style is `dossier_css`.

    `only`: the ids of the sections wanted, such as `board`, `lesions`, `options`, `evidence` (None: all). A link may lead to a section that is not among them.
    `say`: into the language of the reader, for the words of pictures that are cut or broken into lines; all else is said of the finished page.
    """
    return _rendered(dossier, bare=True, only=only, say=say)


def dossier_css() -> str:
    """The style of the sections; colours are the variables of `report.palette`."""
    return _template("dossier.css")


@cache
def _page() -> Template:
    """Compiled once: that takes longer than to fill it."""
    from jinja2 import DictLoader, Environment, StrictUndefined

    environment = Environment(
        loader=DictLoader({"page": _template("dossier.html.jinja")}),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("page")


def _rendered(dossier: Dossier, *, bare: bool, only: Collection[str] | None, say: Say) -> str:
    from markupsafe import Markup

    def shows(section: str) -> bool:
        return only is None or section in only

    def where(section: str, draw: Callable[[], _T]) -> _T | tuple[()]:
        """What only one section shows is drawn only for it."""
        return draw() if shows(section) else ()

    def drawn(text: str) -> Markup:
        return Markup(text)  # noqa: S704  (our own pictures, style and script; each escapes the text that it takes in)

    def mini(picture: MiniInterval) -> Markup:
        return drawn(mini_interval_svg(picture, WEB))

    view, notes = view_of(dossier), Footnotes(dossier)
    links = frozenset(notes.known)
    script = _template("page.js").strip()
    style = (
        f":root{{{css_variables(LIGHT)}}}"
        f"@media screen and (prefers-color-scheme:dark){{:root:not([data-theme=light]){{{css_variables(DARK)}}}}}"
        f"@media screen{{:root[data-theme=dark]{{{css_variables(DARK)}}}}}"
    ) + _template("dossier.css")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()

    def figures(images: Sequence[KeyImage], prefix: str) -> list[dict[str, object]]:
        return [
            {
                "svg": drawn(key_image_svg(image, WEB, prefix=f"{prefix}-{k}")),
                "title": clean(image.title),
                "caption": clean(image_caption(image)),
                "event": image.event,
            }
            for k, image in enumerate(images, 1)
        ]

    def course(width: int, prefix: str) -> Markup:
        return drawn(
            timeline_svg(dossier.timeline, dossier.as_of, WEB, width=width, prefix=prefix, links=links, say=say)
        )

    def lane(width: int, prefix: str) -> Markup:
        return drawn(swim_lane_svg(dossier, WEB, width=width, prefix=prefix, links=links, say=say))

    def sirt_drawn() -> dict[str, object]:
        return {
            name: {"wide": drawn(each(960, f"sirt-{name}")), "narrow": drawn(each(360, f"sirt-{name}-narrow"))}
            for name, each in sirt_pictures(dossier, WEB, say).items()
        }

    forests = [
        {
            "wide": drawn(forest_svg(f.forest, WEB, width=960, prefix=f.anchor, say=say)),
            "narrow": drawn(forest_svg(f.forest, WEB, width=360, prefix=f"narrow-{f.anchor}", say=say)),
        }
        for f in (view.evidence.forests if shows("evidence") else ())
    ]
    values: dict[str, object] = {
        "bare": bare,
        "shows": shows,
        "mini": mini,
        "forests": forests,
        "absent": ABSENT,
        "no_rank": NO_RANK,
        "v": view,
        "notes": notes,
        "anchor": anchor,
        "summary": summary(view),
        "missing_first": MISSING_FIRST,
        "csp": f"default-src 'none'; style-src 'unsafe-inline'; img-src data:; script-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'",
        "style": drawn(style),
        "script": drawn(script),
        "running": drawn(_css_string(f"SYNTHETIC DATA · {view.case}" if view.synthetic else view.case)),
        "map": where("board", lambda: drawn(liver_map_svg(dossier.extent, WEB, prefix="map"))),
        "sizes": where("lesions", lambda: drawn(lesion_sizes_svg(dossier.extent.lesions, WEB, prefix="sizes"))),
        "images": where("board", lambda: figures(dossier.key_images, "image")),
        "lesion_images": where("lesions", lambda: figures(dossier.lesion_images, "lesion")),
        "overview": where("lesions", lambda: figures(dossier.overview, "overview")),
        "isodoses": where("sirt", lambda: figures(dossier.isodose_images, "isodose")),
        "sirt": where("sirt", sirt_drawn) or {},
        "lane_wide": where("response", lambda: lane(960, "lane")),
        "lane_narrow": where("response", lambda: lane(360, "lane-narrow")),
        "no_images": drawn(no_images_svg(no_images_words(dossier), WEB, prefix="image-none")),
        "time_wide": where("board", lambda: course(960, "time")),
        "time_narrow": where("board", lambda: course(360, "time-narrow")),
    }
    return _page().render(values)


def _css_string(text: str) -> str:
    """A CSS string that can hold any text: everything but plain letters is written as an escape."""
    return (
        '"'
        + "".join(ch if ch.isascii() and (ch.isalnum() or ch in " -_.") else f"\\{ord(ch):06x} " for ch in text[:120])
        + '"'
    )
