"""Segments cut by planes through landmarks beside the phantom's own, and whole phantoms beside their truth. Writes results.json here.

python validation/landmarks/run.py [phantoms]        (6 by default, small ones, two of each pattern)
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

import numpy as np

from liverboard.board.measure import measure_files
from liverboard.board.scan_files import ScanFiles, read_landmarks
from liverboard.clinical.remnant import future_remnant
from liverboard.imaging.couinaud import cut, planes_of
from liverboard.imaging.masks import seen_on
from liverboard.phantom import PhantomPlan, make_phantom, write_phantom
from liverboard.volume import Mask

HERE = Path(__file__).parent
PATTERNS = ("simple", "complex", "diffuse")


def measured(seed: int) -> dict[str, object]:
    plan = PhantomPlan(seed=seed, size="small", pattern=PATTERNS[seed % 3])  # type: ignore[arg-type]
    made = make_phantom(plan).baseline
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        truth = json.loads(write_phantom(make_phantom(plan), folder, dicom=False).read_text())
        files = {"liver": f"{folder}/liver.nii.gz", "lesions": f"{folder}/lesions.nii.gz"}
        mapped = measure_files(ScanFiles(**files, segments=f"{folder}/segments.nii.gz"))[1].extent
        marked = measure_files(ScanFiles(**files, landmarks=f"{folder}/landmarks.yaml"))[1].extent
        landmarks = read_landmarks(f"{folder}/landmarks.yaml")
    liver = Mask("Liver", made.liver, made.geometry)
    ours = seen_on(
        (found := cut(liver, landmarks, planes_of(landmarks))).array, found.geometry, made.geometry, labels=True
    )
    inside = made.liver
    volumes = {n: (float((made.segments == n).sum()), float((ours == n).sum())) for n in range(1, 9)}
    by_id = {lesion.id: lesion for lesion in marked.lesions}
    same = [
        by_id[lesion.id].segments[0].segment == lesion.segments[0].segment
        for lesion in mapped.lesions
        if by_id[lesion.id].segments and lesion.segments
    ]
    pairs = [
        (
            x,
            min(
                truth["lesions"],
                key=lambda t: float(np.linalg.norm(np.subtract(t["centroid_lps_mm"], x.centroid_lps_mm))),
            ),
        )
        for x in mapped.lesions
    ]
    return {
        "seed": seed,
        "pattern": truth["pattern"],
        "pattern_measured": mapped.pattern.value,
        "pattern_by_landmarks": marked.pattern.value,
        "lesions": len(truth["lesions"]),
        "burden_error_percent": mapped.burden_percent - truth["burden_percent"] if mapped.burden_percent else None,
        "largest_volume_error_ml": max(abs((x.volume_ml or 0) - t["volume_ml"]) for x, t in pairs),
        "largest_share_error": max(
            abs(s["share"] - next((p.share for p in x.segments if p.segment == s["segment"]), 0.0))
            for x, t in pairs
            for s in t["segments"]
        ),
        "longest_3d_error_mm": [round((x.longest_3d_mm or 0) - t["longest_3d_mm"], 3) for x, t in pairs],
        "longest_axial_error_mm": [
            round((x.longest_axial_mm or 0) - t["longest_axial_mm"], 3)
            for x, t in pairs
            if t["longest_axial_mm"] is not None
        ],
        "voxels_in_the_right_segment_percent": 100 * float((ours == made.segments)[inside].mean()),
        "segment_dice": {
            n: round(2 * float(((ours == n) & (made.segments == n)).sum()) / (a + b), 3)
            for n, (a, b) in volumes.items()
        },
        "segment_volume_error_percent_of_liver": {
            n: round(100 * (b - a) / float(inside.sum()), 2) for n, (a, b) in volumes.items()
        },
        "lesions_in_the_same_main_segment": f"{sum(same)} of {len(same)}",
        "remnant_percent_right_hepatectomy": [
            round(future_remnant(extent, "right hepatectomy").remnant_percent, 1) for extent in (mapped, marked)
        ],
    }


if __name__ == "__main__":
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 6
    results = [measured(seed) for seed in range(1, count + 1)]
    (HERE / "results.json").write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    for row in results:
        print({k: v for k, v in row.items() if not k.endswith("_error_mm")})
