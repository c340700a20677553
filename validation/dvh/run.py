"""Dose-volume metrics against formulas, Eclipse, CERR, SlicerRT and dicompyler-core: python validation/dvh/run.py [folder of the public samples]"""

from __future__ import annotations

import csv
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import trimesh

from liverboard.board.doses import DoseFiles, measure_doses
from liverboard.sirt.dose_volume import DoseVolume, dose_volume
from liverboard.volume import Geometry, Image, Origin
from liverboard.volume.raster import fill_contours, fill_surface
from liverboard.volume.rtstruct import read_contours
from liverboard.volume.structures import Structure

HERE = Path(__file__).parent
SAMPLES = Path(os.environ.get("LIVERBOARD_TEST_DATA", HERE.parents[2] / "shared" / "data"))
PERCENTS = (98, 95, 70, 50, 2)
PROGRAMS = ("Eclipse", "CERR", "SlicerRT")
RELAXATION_MM = 8.0
# The reference is the formula at a million points of the ideal shape, whose own error is far below what is tabulated.
POINTS = 1_000_000

Field = Callable[[Any], Any]


def linear(points: Any) -> Any:
    return 60.0 + points[:, 0]


def falling(points: Any) -> Any:
    """100 Gy at x = -20 mm, less by e each 8 mm: a steep edge."""
    return 100.0 * np.exp(-(points[:, 0] + 20.0) / RELAXATION_MM)


def grid(spacing: tuple[float, float, float], half_mm: float, turn: float) -> Geometry:
    """A grid around a point off the origin by a third of a voxel, turned about z and tilted about x."""
    c, s = np.cos(np.radians(turn)), np.sin(np.radians(turn))
    turned = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]]) @ np.array([[1, 0, 0], [0, c, -s], [0, s, c]])
    shape = tuple(int(2 * half_mm / each) + 1 for each in spacing)
    affine = np.eye(4)
    affine[:3, :3] = turned * np.array(spacing)
    affine[:3, 3] = affine[:3, :3] @ (np.array([0.31, 0.17, 0.23]) - (np.array(shape) - 1) / 2)
    return Geometry(affine, (shape[0], shape[1], shape[2]))


def centres(geometry: Geometry) -> Any:
    index = np.stack(np.meshgrid(*(np.arange(n) for n in geometry.shape), indexing="ij"), axis=-1).reshape(-1, 3)
    return geometry.lps_mm(index.astype(np.float64))


def dose_on(geometry: Geometry, field: Field) -> Image:
    return Image(field(centres(geometry)).reshape(geometry.shape).astype(np.float32), geometry, Origin(unit="Gy"))


def mask(radius: float, hole: float, spacing: float, turn: float) -> Structure:
    where = grid((spacing,) * 3, radius + 2 * spacing, turn)
    r = np.linalg.norm(centres(where), axis=1)
    return Structure("mask", ((r <= radius) & (r >= hole)).reshape(where.shape), where)


def surface(radius: float, hole: float) -> Structure:
    balls: list[Any] = [trimesh.creation.icosphere(5, radius=r) for r in (radius, hole) if r > 0]
    whole: Any = trimesh.util.concatenate(balls)
    share, where = fill_surface(np.asarray(whole.vertices), np.asarray(whole.faces, dtype=np.int64), 2.0)
    return Structure("surface", share, where)


def contours(radius: float, hole: float, step: float) -> Structure:
    angle = np.linspace(0, 2 * np.pi, 360, endpoint=False)
    lines = [
        np.stack([np.sqrt(r * r - z * z) * f(angle) for f in (np.cos, np.sin)] + [np.full(360, z)], axis=1)
        for z in np.arange(-np.floor(radius / step), np.floor(radius / step) + 1) * step
        for r in (radius, hole)
        if abs(z) < r - 0.05
    ]
    share, where = fill_contours(lines, 2.0, step)
    return Structure("contours", share, where)


def ideal(radius: float, hole: float) -> Any:
    rng = np.random.default_rng(1)
    way = rng.normal(size=(POINTS, 3))
    way /= np.linalg.norm(way, axis=1)[:, None]
    return way * np.cbrt(rng.uniform(hole**3, radius**3, POINTS))[:, None]


def row(
    shape: str, how: str, dose: Image, field: Field, structure: Structure, points: Any, volume_ml: float
) -> dict[str, Any]:
    found = dose_volume(structure, dose)
    doses = field(points)
    return {
        "shape": shape,
        "structure": how,
        "dose": "linear" if field is linear else "exponential",
        "dose_voxel_mm": " x ".join(f"{v:g}" for v in dose.geometry.spacing_mm),
        "volume_error_percent": 100 * (found.volume_ml / volume_ml - 1),
        "mean_error_gy": (found.mean_gy or 0) - float(doses.mean()),
        **{f"d{p}_error_gy": (found.dose_to(p) or 0) - float(np.percentile(doses, 100 - p)) for p in PERCENTS},
    }


def analytic() -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for shape, radius, hole in (
        ("sphere 40 mm", 20.0, 0.0),
        ("sphere 10 mm", 5.0, 0.0),
        ("shell 40 / 24 mm", 20.0, 12.0),
    ):
        points, volume = ideal(radius, hole), 4 / 3 * np.pi * (radius**3 - hole**3) / 1000
        for how, structure in (
            ("surface", surface(radius, hole)),
            ("contours each 2 mm", contours(radius, hole, 2.0)),
            ("mask 1 mm, turned 30", mask(radius, hole, 1.0, 30.0)),
        ):
            for spacing, turn in (((2.5, 2.5, 2.5), 0.0), ((1.5, 2.5, 4.0), 20.0)):
                for field in (linear, falling):
                    dose = dose_on(grid(spacing, radius + 12, turn), field)
                    rows.append(
                        row(shape, how + (", dose turned 20" if turn else ""), dose, field, structure, points, volume)
                    )
    where = grid((3.0, 3.0, 3.0), 10.0, 0.0)
    share = np.zeros(where.shape, dtype=np.bool_)
    share[2:5, 3, 3] = True
    middle = where.lps_mm(np.array([[3.0, 3.0, 3.0]]))[0]
    points = middle + np.random.default_rng(2).uniform(-0.5, 0.5, (POINTS, 3)) * np.array([9.0, 3.0, 3.0])
    for field in (linear, falling):
        dose = dose_on(grid((2.5, 2.5, 2.5), 20, 0.0), field)
        rows.append(row("3 voxels of 3 mm", "mask", dose, field, Structure("bar", share, where), points, 0.081))
    return rows


def peers() -> list[dict[str, Any]]:
    place = SAMPLES / "imaging" / "dvh_slicerrt_prostate"
    report = measure_doses(
        DoseFiles(str(place / "EclipseProstate_Dose.nrrd"), str(place / "EclipseProstate_Structures.seg.vtm"))
    )
    held: dict[str, dict[str, tuple[float, Any]]] = {}
    for program in PROGRAMS:
        with (place / f"EclipseProstate_DvhTable_{program}.csv").open(encoding="utf-8") as file:
            table = list(csv.reader(file))
        for column in range(0, len(table[0]) - 1, 2):
            name = table[0][column].replace("_DvhArray", "").replace(" Dose", "").partition(" (G")[0].replace(" ", "")
            curve = np.array([[float(each[column]), float(each[column + 1])] for each in table[1:] if each[column]])
            held.setdefault(name, {})[program] = (float(table[0][column + 1].partition("% of ")[2].split()[0]), curve)
    return [
        {"structure": name, "metric": metric, "ours": ours, **theirs}
        for name, found in report.structures.items()
        for metric, ours, theirs in _beside(found, held[name.replace(" ", "")])
    ]


def _beside(found: DoseVolume, held: dict[str, tuple[float, Any]]) -> list[tuple[str, float, dict[str, float]]]:
    rows = [("volume, mL", found.volume_ml, {program: volume for program, (volume, _) in held.items()})]
    for percent in (95, 70, 50, 2):
        theirs = {
            program: float(np.interp(-percent, -curve[:, 1], curve[:, 0])) for program, (_, curve) in held.items()
        }
        rows.append((f"D{percent}, Gy", found.dose_to(percent) or 0.0, theirs))
    return rows


def breast() -> list[dict[str, Any]]:
    """dicompyler-core 0.5.6 with pydicom 2.4.5, no interpolation."""
    place = SAMPLES / "imaging" / "dicom_rt_breast"
    found = measure_doses(DoseFiles(str(place / "rtdose.dcm"), str(place / "rtss.dcm"))).structures
    peer = {
        "BODY": (14882.1, 0.457, 14.69), "Lt Lung": (2004.525, 0.906, 12.11), "Heart": (440.231, 0.648, 3.10),
        "Breast": (400.388, 5.582, 14.69), "Tumor Bed Block": (63.337, 14.281, 14.66), "Tumor Bed": (13.069, 14.292, 14.57),
        "Borders": (1.2, 0.079, 0.15), "Nodes": (0.656, 0.112, 0.16), "Scar": (0.487, 6.517, 9.98),
    }  # fmt: skip
    polygons = polygon_volumes_ml(place / "rtss.dcm")
    return [
        {
            "structure": name, "polygon_ml": polygons.get(name), "volume_ml": found[name].volume_ml, "peer_volume_ml": volume,
            "mean_gy": found[name].mean_gy, "peer_mean_gy": mean, "max_gy": found[name].max_gy, "peer_max_gy": high,
        }
        for name, (volume, mean, high) in peer.items()
    ]  # fmt: skip


def polygon_volumes_ml(file: Path) -> dict[str, float]:
    """The areas of the contours (shoelace) times the distance of the slices, 3 mm, for structures of one contour a slice: what a volume should be."""
    found: dict[str, float] = {}
    for each in read_contours(file):
        heights = {round(float(line[:, 2].mean()), 1) for line in each.lines}
        if heights and len(heights) == len(each.lines):
            x, y = ([line[:, axis] for line in each.lines] for axis in (0, 1))
            areas = [abs(float((a * np.roll(b, -1) - b * np.roll(a, -1)).sum())) / 2 for a, b in zip(x, y, strict=True)]
            found[each.name] = sum(areas) * 3 / 1000
    return found


if __name__ == "__main__":
    if len(sys.argv) > 1:
        SAMPLES = Path(sys.argv[1])
    results = {"analytic": analytic(), "prostate": peers(), "breast": breast()}
    (HERE / "results.json").write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    print(f"wrote {HERE / 'results.json'}")
