"""What the images of a case say, as text that can be kept, and read in a process of its own: `python -m liverboard.web.read_apart FOLDER DAY < case.json`."""

from __future__ import annotations

import datetime as dt
import json
import sys
from pathlib import Path
from threading import Event
from typing import Any

from liverboard.board.followed import FollowedCase
from liverboard.board.key_image import KeyImage
from liverboard.board.measured import Measured, Pictures
from liverboard.board.prepare import FromImages, read_images
from liverboard.board.provenance import Provenance
from liverboard.board.sirt_values import SirtSection
from liverboard.clinical.case_file import read_case, write_case
from liverboard.clinical.events import Case, Imaging
from liverboard.clinical.extent import Frozen, LiverExtent
from liverboard.clinical.tracking import Growth
from liverboard.errors import UserError
from liverboard.web.apart import lines_from, run_apart

_MODULE = "liverboard.web.read_apart"
_NICE = 3  # pages come first, but a person may wait for this


class _Pictures(Frozen):
    key: tuple[KeyImage, ...]
    lesions: tuple[KeyImage, ...]
    overview: tuple[KeyImage, ...]


class _Followed(Frozen):
    imaging: tuple[dict[str, Any], ...]
    growth: tuple[tuple[str, Growth, str], ...]
    warnings: tuple[str, ...]


class _Said(Frozen):
    """`imaging`: the events that were looked at, as a case file in JSON writes them."""

    imaging: tuple[dict[str, Any], ...]
    extents: dict[str, LiverExtent]
    pictures: dict[str, _Pictures]
    warnings: tuple[str, ...]
    provenance: tuple[Provenance, ...]
    followed: _Followed | None
    sirt: SirtSection | None
    isodoses: tuple[KeyImage, ...]


def as_text(found: FromImages) -> str:
    """JSON on one line."""
    measured = found.measured
    followed = found.followed
    said = _Said(
        imaging=_imaging(measured.case),
        extents=measured.extents,
        pictures={
            event: _Pictures(key=each.key, lesions=each.lesions, overview=each.overview)
            for event, each in measured.pictures.items()
        },
        warnings=tuple(measured.warnings),
        provenance=tuple(measured.provenance),
        followed=None
        if followed is None
        else _Followed(
            imaging=_imaging(followed.case), growth=tuple(followed.growth), warnings=tuple(followed.warnings)
        ),
        sirt=found.sirt,
        isodoses=found.isodoses,
    )
    return said.model_dump_json()


def from_text(text: str | bytes) -> FromImages:
    """What `as_text` wrote; its case holds the imaging events only. Raises ValueError."""
    said = _Said.model_validate_json(text)
    measured = Measured(
        case=_case(said.imaging),
        extents=said.extents,
        pictures={event: Pictures(each.key, each.lesions, each.overview) for event, each in said.pictures.items()},
        warnings=list(said.warnings),
        provenance=list(said.provenance),
    )
    kept = said.followed
    followed = None if kept is None else FollowedCase(_case(kept.imaging), list(kept.growth), list(kept.warnings))
    return FromImages(measured, followed, said.sirt, said.isodoses)


def _imaging(case: Case) -> tuple[dict[str, Any], ...]:
    imaging = tuple(event for event in case.events if isinstance(event, Imaging))
    return tuple(json.loads(write_case(Case(case="images", events=imaging), is_json=True))["events"])


def _case(imaging: tuple[dict[str, Any], ...]) -> Case:
    tree = {"liverboard": 1, "case": "images", "events": list(imaging)}
    return read_case(json.dumps(tree), where="what was kept", is_json=True)


def read_images_apart(case: Case, folder: Path, day: dt.date, stop: Event) -> FromImages:
    """`read_images` in another process. Raises UserError as that does, Unfinished."""
    lines = list(lines_from(_MODULE, (str(folder), day.isoformat()), write_case(case, is_json=True), stop))
    said = json.loads(lines[-1])
    if "refused" in said:
        raise UserError(**said["refused"])
    return from_text(lines[-1])


def _main() -> None:
    case = read_case(sys.stdin.read(), where="the case", is_json=True)
    try:
        text = as_text(read_images(case, Path(sys.argv[1]), dt.date.fromisoformat(sys.argv[2])))
    except UserError as error:
        text = json.dumps({"refused": {"message": error.message, "hint": error.hint, "where": error.where}})
    print(text)  # noqa: T201  (this is what the other process reads)


if __name__ == "__main__":
    sys.exit(run_apart(_main, _NICE))
