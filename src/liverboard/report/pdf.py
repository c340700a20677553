"""A dossier as PDF. The template reads everything from a data file as plain strings: no text of a case is ever read as markup."""

from __future__ import annotations

import datetime as dt
import json
import re
import tempfile
from dataclasses import asdict
from importlib.resources import as_file, files
from pathlib import Path

from liverboard.board.dossier import Dossier
from liverboard.board.key_image import KeyImage
from liverboard.report.evidence_figures import forest_svg, mini_interval_svg
from liverboard.report.expected_view import ABSENT, NO_RANK
from liverboard.report.figures import image_caption, key_image_svg, lesion_sizes_svg, no_images_svg, no_images_words
from liverboard.report.liver_map import liver_map_svg
from liverboard.report.palette import LIGHT, PRINT
from liverboard.report.sirt_view import sirt_pictures
from liverboard.report.swim_lane import swim_lane_svg
from liverboard.report.timeline import timeline_svg
from liverboard.report.view import View, view_of
from liverboard.report.words import clean, counted, shorten

IMAGES_FIRST, MISSING_FIRST = 3, 5


class _Footnotes:
    def __init__(self, dossier: Dossier) -> None:
        self.kinds = {e.id: e for e in dossier.events}
        self.order: list[str] = []

    def mark(self, event: str | None) -> str:
        if event is None or event not in self.kinds:
            return ""
        if event not in self.order:
            self.order.append(event)
        return str(self.order.index(event) + 1)


def _height(svg: str, width: float, most: float) -> float:
    """Height in mm of a picture that fills this width, at most so much."""
    box = re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', svg)
    return min(most, width * float(box[2]) / float(box[1])) if box else most


def _cell_file(line: int, cell: int) -> str:
    return f"cell-{line}-{cell}.svg"


def _galleries(dossier: Dossier) -> dict[str, tuple[KeyImage, ...]]:
    return {
        "lesion_images": dossier.lesion_images,
        "overview": dossier.overview,
        "isodose_images": dossier.isodose_images,
    }


def _data(dossier: Dossier, view: View) -> dict[str, object]:
    notes = _Footnotes(dossier)
    data = json.loads(json.dumps(asdict(view)))
    for key in ("headline", "lines_of_figures"):
        for figure in data[key]:
            figure["note"] = notes.mark(figure["event"])
    data["images"] = [
        {
            "file": f"image-{k}.svg",
            "title": clean(i.title),
            "caption": clean(image_caption(i)),
            "note": notes.mark(i.event) if k <= IMAGES_FIRST else "",
        }
        for k, i in enumerate(dossier.key_images, 1)
    ]
    for key, images in _galleries(dossier).items():
        data[key] = [
            {"file": f"{key}-{k}.svg", "title": clean(i.title), "caption": clean(image_caption(i))}
            for k, i in enumerate(images, 1)
        ]
    for line, cells in enumerate(each.cells for each in view.options.lines):
        for k in range(len(cells)):
            data["options"]["lines"][line]["cells"][k]["file"] = _cell_file(line, k)
    data["evidence"]["forests"] = [
        {key: value for key, value in forest.items() if key != "forest"} | {"file": f"{forest['anchor']}.svg"}
        for forest in data["evidence"]["forests"]
        if forest["first"]
    ]
    data["footnotes"] = []
    rows = {row.id: row for row in view.events}
    for event in notes.order:
        row = rows[clean(event)]
        data["footnotes"].append(f"{row.date}, {row.kind}, event {row.id}")
    data |= {
        "checks": f"{counted(len(view.conflicts), 'conflict')}, {counted(len(view.warnings), 'warning')}",
        "case_short": shorten(view.case, 60),
        "absent": ABSENT,
        "no_images": no_images_words(dossier),
        "no_rank": NO_RANK,
        "colours": LIGHT,
        "images_first": IMAGES_FIRST,
        "missing_first": MISSING_FIRST,
        "day": [dossier.as_of.year, dossier.as_of.month, dossier.as_of.day],
    }
    return data


def render_pdf(dossier: Dossier) -> bytes:
    """The dossier as the bytes of a PDF; the same dossier gives the same bytes. Works offline and reads nothing outside its own folder."""
    import typst

    view = view_of(dossier)
    report = files("liverboard.report")
    pictures = {
        "map.svg": liver_map_svg(dossier.extent, PRINT, prefix="map"),
        "sizes.svg": lesion_sizes_svg(dossier.extent.lesions, PRINT, prefix="sizes"),
        "time.svg": timeline_svg(dossier.timeline, dossier.as_of, PRINT, prefix="time"),
        "none.svg": no_images_svg(no_images_words(dossier), prefix="none"),
    } | {
        f"image-{k}.svg": key_image_svg(image, PRINT, prefix=f"image-{k}")
        for k, image in enumerate(dossier.key_images, 1)
    }
    pictures |= {
        _cell_file(line, k): mini_interval_svg(cell.picture, PRINT)
        for line, cells in enumerate(each.cells for each in view.options.lines)
        for k, cell in enumerate(cells)
    }
    pictures |= {
        f"{each.anchor}.svg": forest_svg(each.forest, PRINT, width=960, prefix=each.anchor)
        for each in view.evidence.forests
        if each.first
    }
    if view.response is not None and view.response.lane:
        pictures["lane.svg"] = swim_lane_svg(dossier, PRINT, prefix="lane")
    pictures |= {f"sirt-{name}.svg": draw(960, f"sirt-{name}") for name, draw in sirt_pictures(dossier, PRINT).items()}
    for key, images in _galleries(dossier).items():
        for k, image in enumerate(images, 1):
            pictures[f"{key}-{k}.svg"] = key_image_svg(image, PRINT, prefix=f"{key}-{k}")
    with tempfile.TemporaryDirectory(prefix="liverboard-") as name, as_file(report / "fonts") as fonts:
        root = Path(name)
        for file, svg in pictures.items():
            (root / file).write_text(svg, encoding="utf-8")
        data = _data(dossier, view) | {
            "map_mm": _height(pictures["map.svg"], 99, 64),
            "time_mm": _height(pictures["time.svg"], 182, 56),
            "lane_mm": _height(pictures["lane.svg"], 182, 130) if "lane.svg" in pictures else 0,
        }
        (root / "data.json").write_text(json.dumps(data, ensure_ascii=False), encoding="utf-8")
        (root / "dossier.typ").write_text(
            (report / "templates" / "dossier.typ").read_text(encoding="utf-8"), encoding="utf-8"
        )
        as_of = dt.datetime(dossier.as_of.year, dossier.as_of.month, dossier.as_of.day, tzinfo=dt.UTC)
        return typst.compile(
            root / "dossier.typ",
            root=root,
            font_paths=[fonts],
            ignore_system_fonts=True,
            format="pdf",
            timestamp=as_of,
            package_path=root / "no-packages",
            package_cache_path=root / "no-packages",
        )
