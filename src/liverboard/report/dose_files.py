"""Everything that `sirt dose -o` leaves behind: the figures, dose maps as NIfTI and RTDOSE, and isodose key images."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from pathlib import Path

from liverboard.board.sirt_dose import Dosed
from liverboard.errors import UnsupportedImage
from liverboard.report.isodose_pictures import isodose_pictures
from liverboard.report.write import write_files
from liverboard.volume.write import write_nifti
from liverboard.volume.write_rtdose import write_rtdose

Step = Callable[[str], None]


def write_dose(folder: Path, found: Dosed, *, when: dt.datetime, step: Step) -> dict[str, object]:
    """Write into the folder; `dose.json`, which names all files, comes last, so a folder with it is whole. Returns what it holds. Raises BadInput."""
    report = found.report
    warnings = list(report.warnings)
    files: dict[str, str] = {}
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
    document: dict[str, object] = {
        **report.model_dump(mode="json"),
        "warnings": list(dict.fromkeys(warnings)),
        "files": files,
        "pictures": list(pictures),
    }
    write_files({folder / "dose.json": (json.dumps(document, indent=2, ensure_ascii=False) + "\n").encode()})
    return document
