"""Everything that `sirt dose -o` and `dvh -o` leave behind: page and dose-volume picture, figures, dose maps as NIfTI and RTDOSE, isodose key images."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from pathlib import Path

from liverboard.board.doses import DoseReport
from liverboard.board.sirt_dose import Dosed
from liverboard.errors import UnsupportedImage
from liverboard.report.dose_page import any_dose_page, any_dose_plot, delivered_page, delivered_plot, dvh_picture
from liverboard.report.evidence_page import EvidencePage, render_page
from liverboard.report.isodose_pictures import isodose_pictures
from liverboard.report.write import write_files
from liverboard.volume.write import write_nifti
from liverboard.volume.write_rtdose import write_rtdose

Step = Callable[[str], None]


def write_dose(folder: Path, found: Dosed, *, when: dt.datetime, step: Step) -> dict[str, object]:
    """Write into the folder; `dose.json`, which names all files, goes first and comes last, so a folder with it is whole. Returns what it holds. Raises BadInput."""
    report = found.report
    warnings = list(report.warnings)
    files: dict[str, str] = {}
    if folder.is_dir():
        (folder / "dose.json").unlink(missing_ok=True)
    step("writing dose maps")
    for method, dose in found.doses.items():
        files[f"nifti_{method}"] = write_nifti(folder / f"dose-{method}.nii.gz", dose.array, dose.geometry).name
        said = f"{report.nuclide} {method}; {report.constant_gy_kg_per_gbq:g} Gy kg/GBq; {report.total_activity_gbq * 1000:.0f} MBq"
        place, about = folder / f"dose-{method}.dcm", f"Absorbed dose, {method}"
        try:
            files[f"rtdose_{method}"] = write_rtdose(
                place, dose, source=dose.origin.files, when=when, description=about, comment=said
            ).name
        except UnsupportedImage as error:
            warnings.append(f"the RTDOSE stands on its own: {error.message}")
            files[f"rtdose_{method}"] = write_rtdose(place, dose, when=when, description=about, comment=said).name
    step("drawing isodoses")
    pictures = isodose_pictures(found.doses[report.method], found.structures)
    write_files({folder / name: content for name, content in pictures.items()})
    page = {"page": "dose.html", "dvh": "dvh.svg"}
    document: dict[str, object] = {
        **report.model_dump(mode="json"),
        "warnings": list(dict.fromkeys(warnings)),
        "files": files | page,
        "pictures": list(pictures),
    }
    _write(folder, delivered_page(report), dvh_picture(delivered_plot(report)), document, "dose")
    return document


def write_dvh(folder: Path, report: DoseReport) -> dict[str, object]:
    """Page, picture and figures of `dvh` into the folder; `dvh.json` comes last. Returns what it holds. Raises BadInput."""
    document = report.as_json() | {"files": {"page": "dvh.html", "dvh": "dvh.svg"}}
    _write(folder, any_dose_page(report), dvh_picture(any_dose_plot(report)), document, "dvh")
    return document


def _write(folder: Path, page: EvidencePage, picture: bytes, document: dict[str, object], name: str) -> None:
    write_files({folder / f"{name}.html": render_page(page).encode(), folder / "dvh.svg": picture})
    write_files({folder / f"{name}.json": (json.dumps(document, indent=2, ensure_ascii=False) + "\n").encode()})
