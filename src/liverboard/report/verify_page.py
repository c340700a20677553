"""Predicted beside delivered dose as a page of its own, with its picture and its figures."""

from __future__ import annotations

import json
from pathlib import Path

from liverboard.report.evidence_page import EvidencePage, PageFigure, PageTable, render_page
from liverboard.report.evidence_views import NARROW, SOFTWARE
from liverboard.report.palette import PRINT, WEB
from liverboard.report.verify_plot import dose_ends, verify_finding, verify_svg, verify_table
from liverboard.report.words import THIN, clean, number
from liverboard.report.write import write_files
from liverboard.sirt.verify import Verification

_METHOD = (
    "The difference is delivered less planned. Plan and image are taken to err independently; relative differences are propagated on the logarithm, absolute"
    " ones by the distances of the ends of both intervals.",
    "All tumours together: the mean by volume, its ends as if all outlines erred together, which is the widest.",
    "A difference says that plan and image disagree, not which of both is wrong.",
)


def verify_page(found: Verification) -> EvidencePage:
    head, rows = verify_table(found)
    figure = PageFigure(
        verify_finding(found),
        verify_svg(found, WEB, prefix="verify"),
        verify_svg(found, WEB, width=NARROW, prefix="verify-narrow"),
        PageTable("Planned and delivered mean dose", head, tuple(rows)),
    )
    return EvidencePage(
        "SIRT, planned and delivered",
        "Planned beside delivered dose",
        verify_finding(found),
        tuple(
            (
                f"{number(each.delivered.mean_gy)}{THIN}Gy",
                f"{clean(each.name)}; planned {dose_ends(each.predicted)}{THIN}Gy",
            )
            for each in sorted(found.compared, key=lambda each: each.kind == "lesion")[:3]
        ),
        (figure,),
        tuple(not_compared_tables(found)),
        warnings=(*found.warnings, *(f"{each.name}: {each.note}" for each in found.compared if each.note)),
        methods=(f"Planned: {found.predicted_from}.", f"Delivered: {found.delivered_from}.", *_METHOD),
        software=SOFTWARE,
    )


def not_compared_tables(found: Verification) -> list[PageTable]:
    rows = tuple(
        (
            clean(each.name),
            "none" if each.predicted is None else dose_ends(each.predicted),
            "none" if each.delivered is None else dose_ends(each.delivered),
            clean(each.why),
        )
        for each in found.not_compared
    )
    head = ("Structure", "Planned (Gy)", "Delivered (Gy)", "Why not")
    return [PageTable("What cannot be compared", head, rows, widths=(22, 16, 16, 46))] if rows else []


def write_verification(folder: Path, found: Verification) -> dict[str, object]:
    """Page, picture and figures into the folder; `verify.json` comes last. Returns what it holds. Raises BadInput."""
    document: dict[str, object] = {
        **found.model_dump(mode="json"),
        "files": {"page": "verify.html", "picture": "verify.svg"},
    }
    write_files(
        {
            folder / "verify.html": render_page(verify_page(found)).encode(),
            folder / "verify.svg": verify_svg(found, PRINT).encode(),
        }
    )
    write_files({folder / "verify.json": (json.dumps(document, indent=2, ensure_ascii=False) + "\n").encode()})
    return document
