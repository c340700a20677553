"""Everything that `extent -o` leaves behind: the figures, and the masks, surfaces, report and pictures that other programs open."""

from __future__ import annotations

import datetime as dt
import json
import re
import tempfile
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from liverboard.board.scan_files import ReadScan
from liverboard.clinical.extent import CutPlane
from liverboard.clinical.landmarks import Landmarks
from liverboard.errors import BadInput, UnsupportedImage
from liverboard.imaging import Measurement, Scan, crop
from liverboard.imaging.masks import grid_around, label_maps, seen_on
from liverboard.report.lesion_pictures import lesion_pictures, overview
from liverboard.report.meshes import Kind, Surface, glb, stl, surfaces_of
from liverboard.report.structured_report import write_report
from liverboard.report.write import write_files
from liverboard.volume import Geometry, LabelMap, Mask
from liverboard.volume.write import write_nifti
from liverboard.volume.write_dicom import Structure, write_seg

Step = Callable[[str], None]


def write_extent(
    folder: Path,
    document: Mapping[str, object],
    read: ReadScan,
    measured: Measurement,
    *,
    when: dt.datetime,
    step: Step,
) -> dict[str, object]:
    """Write into the folder; `extent.json`, which names all files, comes last, so a folder with it is whole. Returns what it holds.

    `segmentation.dcm` (SEG) and `report.dcm` (SR TID 1500), tied to the image series where that is DICOM; `liver`, `lesions`, `segments`, `vessels`, `ducts` as
    `.nii.gz` on the image's grid (else on the masks' own, within their box); `meshes/scene.glb` and STL; `pictures/*.png`; `landmarks.yaml` with
    the planes where landmarks cut the segments, to be edited and given back with --landmarks. Raises BadInput: the place cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise BadInput(
            f"the folder cannot be made: {problem.strerror or 'error'}",
            where=folder.name,
            hint="Choose another output folder.",
        ) from problem
    with tempfile.TemporaryDirectory(prefix=".liverboard-", dir=folder) as name:
        waiting = Path(name)
        step("writing masks, surfaces and pictures")
        with ThreadPoolExecutor(max_workers=2) as pool:
            masks = pool.submit(_masks, waiting, read, measured, when)
            drawn = {**_meshes(waiting, read.scan, measured), **_pictures(waiting, read.scan, measured)}
            files, notes, labels = masks.result()
        files |= drawn
        if read.landmarks is not None:
            (waiting / "landmarks.yaml").write_text(_landmarks(read.landmarks, read.planes), encoding="utf-8")
            files["landmarks"] = "landmarks.yaml"
        step("finishing")
        _move(waiting, folder)
    whole = {**document, "files": files, "labels": labels, "notes": notes}
    write_files({folder / "extent.json": (json.dumps(whole, indent=2) + "\n").encode()})
    return whole


def _masks(
    folder: Path, read: ReadScan, measured: Measurement, when: dt.datetime
) -> tuple[dict[str, object], list[str], dict[str, int]]:
    """SEG, SR and NIfTI. Returns the files, what could not be written as asked, in words, and the label value of each lesion."""
    files: dict[str, object] = {}
    scan = read.scan
    lesions = [measured.masks[lesion.id] for lesion in measured.extent.lesions]
    drawn = [m for m in (scan.liver, *scan.vessels, *scan.ducts) if m is not None]
    blocks = [block for block in map(crop, [*lesions, *drawn]) if block is not None]
    notes: list[str] = []
    if not blocks:
        return files, ["nothing was drawn, so no masks were written"], {}
    image = next(iter(scan.phases.values()), None)
    box = grid_around([block.geometry for block in blocks])
    grid = box if image is None else image.geometry
    labels = {mask.name: value for value, mask in enumerate(lesions, 1)}
    structures = _structures(scan, lesions, grid)
    written: list[tuple[Path, LabelMap]] = []
    for kind, name in (
        ("liver", "liver"),
        ("lesion", "lesions"),
        ("segment", "segments"),
        ("vessel", "vessels"),
        ("duct", "ducts"),
    ):
        maps = [s.map for s in structures if s.kind == kind]
        for number, each in enumerate(maps, 1):
            key = name if number == 1 else f"{name}-{number}"
            files[key] = f"{key}.nii.gz"
            written.append((folder / f"{key}.nii.gz", each))
    with ThreadPoolExecutor(max_workers=2) as pool:
        for waiting in [pool.submit(write_nifti, path, each.array, each.geometry) for path, each in written]:
            waiting.result()
    sources = () if image is None else image.origin.files
    if sources and len(sources) != grid.shape[2]:
        sources = ()
        notes.append("the image series has gaps or doubled slices, so the DICOM objects stand on their own")
    target = folder / "segmentation.dcm"
    try:
        try:
            seg = write_seg(target, structures, source=sources, when=when) if sources else None
        except UnsupportedImage as problem:
            seg, sources = None, ()
            notes.append(f"{problem.message}, so the DICOM objects stand on their own")
        seg = seg or write_seg(target, _structures(scan, lesions, box), when=when)
    except BadInput as problem:
        notes.append(f"no DICOM SEG and SR were written: {problem.message}")
        return files, notes, labels
    write_report(folder / "report.dcm", measured.extent, seg, sources)
    files["segmentation_dicom"], files["report_dicom"] = "segmentation.dcm", "report.dcm"
    return files, notes, labels


def _structures(scan: Scan, lesions: list[Mask], grid: Geometry) -> list[Structure]:
    found: list[Structure] = []
    if scan.liver is not None:
        found += [
            Structure(each, "liver")
            for each in label_maps(
                [Mask("Liver", scan.liver.array, scan.liver.geometry, machine=scan.liver.machine)], grid
            )
        ]
    found += [Structure(each, "lesion") for each in label_maps(lesions, grid)]
    if scan.segments is not None:
        seen = seen_on(scan.segments.array, scan.segments.geometry, grid, labels=True)
        names = {value: f"liver_segment_{value}" for value in scan.segments.names}
        found.append(Structure(LabelMap(seen, grid, names, machine=scan.segments.machine), "segment"))
    found += [Structure(each, "vessel") for each in label_maps(scan.vessels, grid)]
    found += [Structure(each, "duct") for each in label_maps(scan.ducts, grid)]
    return found


def _meshes(folder: Path, scan: Scan, measured: Measurement) -> dict[str, object]:
    kinds: tuple[tuple[Kind, Sequence[Mask]], ...] = (
        ("lesion", tuple(measured.masks.values())),
        ("liver", () if scan.liver is None else (scan.liver,)),
        ("vessel", scan.vessels),
        ("duct", scan.ducts),
    )
    given: list[tuple[Mask, Kind]] = [
        (block, kind) for kind, masks in kinds for block in map(crop, masks) if block is not None
    ]
    surfaces: list[Surface] = list(surfaces_of(given))
    if not surfaces:
        return {}
    (folder / "meshes").mkdir()
    (folder / "meshes" / "scene.glb").write_bytes(glb(surfaces))
    taken: dict[str, object] = {"scene": "meshes/scene.glb"}
    for surface in surfaces:
        name = _plain(f"{surface.kind}-{surface.name}" if surface.kind != "liver" else "liver", taken)
        (folder / "meshes" / f"{name}.stl").write_bytes(stl(surface))
        taken[name] = f"meshes/{name}.stl"
    return {"meshes": taken}


def _pictures(folder: Path, scan: Scan, measured: Measurement) -> dict[str, object]:
    sheet = overview(scan, measured)
    drawn = lesion_pictures(scan, measured)
    if sheet is None and not drawn:
        return {}
    (folder / "pictures").mkdir()
    taken: dict[str, object] = {}
    if sheet is not None:
        (folder / "pictures" / "overview.png").write_bytes(sheet)
        taken["overview"] = "pictures/overview.png"
    for lesion, content in drawn.items():
        name = _plain(lesion, taken)
        (folder / "pictures" / f"{name}.png").write_bytes(content)
        taken[lesion] = f"pictures/{name}.png"
    return {"pictures": taken}


def _landmarks(landmarks: Landmarks, planes: Sequence[CutPlane]) -> str:
    lines = [
        "# What cut the liver, LPS mm. Edit it and give it back with --landmarks. A plane that stands here wins over its points:",
        "# take it out to have it computed from them.",
    ]
    for name in Landmarks.model_fields:
        points = getattr(landmarks, name)
        if points and name != "planes":
            lines += [f"{name}:", *(f"  - {json.dumps(list(point))}" for point in points)]
    lines.append("planes:")
    for plane in planes:
        lines += [
            f"  - name: {plane.name}",
            f"    separates: {json.dumps(plane.separates)}",
            f"    point_lps_mm: {json.dumps(list(plane.point_lps_mm))}",
            f"    normal: {json.dumps(list(plane.normal))}",
            "    set_by_hand: true",
        ]
    return "\n".join(lines) + "\n"


def _plain(name: str, taken: Mapping[str, object]) -> str:
    """A file name out of a structure's name: letters, digits, dash; told apart where two would be the same."""
    plain = re.sub(r"[^A-Za-z0-9]+", "-", name).strip("-")[:60] or "structure"
    number = 1
    found = plain
    while found.lower() in {key.lower() for key in taken}:
        number += 1
        found = f"{plain}-{number}"
    return found


def _move(waiting: Path, folder: Path) -> None:
    """Every file to its place; what else lies there stays, but an older `extent.json`: it would vouch for a mixture if this ended half-way."""
    try:
        (folder / "extent.json").unlink(missing_ok=True)
        for file in sorted(f for f in waiting.rglob("*") if f.is_file()):
            place = folder / file.relative_to(waiting)
            place.parent.mkdir(exist_ok=True)
            file.replace(place)
    except OSError as problem:
        raise BadInput(
            f"a file cannot be put in its place: {problem.strerror or 'error'}",
            where=folder.name,
            hint="Choose another output folder.",
        ) from problem
