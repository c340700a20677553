"""An uploaded study taken in: unpacked within limits, de-identified, its parts told apart, kept below its case. What is none of an image or mask is not kept."""

from __future__ import annotations

import datetime as dt
import re
import secrets
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

from pydantic import Field, ValidationError

from liverboard.clinical.extent import Frozen
from liverboard.errors import BadInput, UnsupportedImage
from liverboard.imaging import guess_roles
from liverboard.registry.archive import STUDY, Limits, unpack
from liverboard.registry.cases import CaseKey
from liverboard.registry.folder import DataFolder
from liverboard.registry.identity import identifiers_in
from liverboard.registry.seal import seal
from liverboard.volume import list_series, read_label_maps
from liverboard.volume.deidentify import Arrival, Rules, deidentify_folder
from liverboard.volume.deidentify_arrays import ARRAYS, copy_plain

MASKS: Final = ("segmentation", "liver", "lesions", "segments", "vessels", "bile_ducts")
LEFT_OUT: Final = "left out"
_UPLOADS: Final = "uploads"
_ABOUT: Final = "study.json"
_ARCHIVES: Final = (".zip", ".tar", ".tgz", ".tar.gz", ".tar.bz2", ".tar.xz")
_ROLE: Final = re.compile(r"[a-z][a-z0-9_]{0,31}")
_PHASES: Final = (
    ("arterial", re.compile(r"arter|\bart\b|\bhap\b", re.IGNORECASE)),
    ("portal", re.compile(r"portal|porto|\bpv\b|\bven(ous|eux|ös)?\b|\bpvp\b", re.IGNORECASE)),
    ("native", re.compile(r"native?\b|nativ|unenhanced|non[- ]?contrast|sans inj|sans iv|without", re.IGNORECASE)),
    ("delayed", re.compile(r"delay|late\b|tardif|spät|equilib", re.IGNORECASE)),
)
_MODALITIES: Final = {"CT": "CT", "MR": "MR", "NM": "SPECT", "US": "US"}


class Part(Frozen):
    """A series or file of an uploaded study. `path`: below the folder of the case. `role`: as in an imaging event, or LEFT_OUT. `says`: what it is, for people."""

    path: str
    role: str
    says: str


class Upload(Frozen):
    """An uploaded study as it lies below its case in `folder`. `left_aside`: files that were not taken, by reason. `words`: names of structures, for a person to read."""

    folder: str
    parts: tuple[Part, ...]
    date: dt.date | None = None
    modality: str | None = None
    left_aside: dict[str, int] = Field(default={})
    warnings: tuple[str, ...] = ()
    words: tuple[str, ...] = ()

    @property
    def kind(self) -> str:
        drawn = any(part.role in MASKS for part in self.parts)
        seen = any(part.role not in (*MASKS, LEFT_OUT) for part in self.parts)
        return "both" if drawn and seen else "segmentation" if drawn else "image"


def take_in(
    data: DataFolder, key: CaseKey, sent: Path, limits: Limits = STUDY, step: Callable[[str], None] = lambda text: None
) -> tuple[Upload, str | None]:
    """De-identify what lies in the folder `sent` (files as they came, or one archive) and keep it below the case, whole or not at all.

    Gives the study and, for DICOM, the sealed way back to its source. Raises BadInput, UnsupportedImage, MissingData (the centre's key).
    """
    place = data.studies / key.centre / key.case / _UPLOADS
    place.mkdir(mode=0o700, parents=True, exist_ok=True)
    name = secrets.token_hex(8)
    with tempfile.TemporaryDirectory(dir=place, prefix=".arriving-") as made:
        source, whole = Path(made) / "sent", Path(made) / name
        step("unpacking")
        _unpack(sent, source, limits)
        whole.mkdir(mode=0o700)
        arrays = _move_arrays(source, Path(made) / "arrays")
        others = [file for file in source.rglob("*") if file.is_file()]
        parts: list[Part] = []
        left = {"neither DICOM, NIfTI nor NRRD": 0}
        link, arrival, date, modality = None, None, None, None
        if any(_is_dicom(file) for file in others) or not arrays:
            key_bytes = data.centre_key(key.centre)
            arrival = deidentify_folder(source, whole / "dicom", Rules(key.case, key_bytes, data.dates_policy), step)
            link = seal(key_bytes, f"{key.centre}/{key.case}", arrival.link.as_json())
            parts += _series(whole, f"{_UPLOADS}/{name}", modality := _modality(whole / "dicom"))
            date = _day(arrival)
            left |= arrival.left_aside
        names = list(arrival.words) if arrival else []
        step("reading masks and images")
        parts += _arrays(arrays, whole, f"{_UPLOADS}/{name}", names, limits)
        left["neither DICOM, NIfTI nor NRRD"] += len(others) - (
            len(arrival.files) + sum(arrival.left_aside.values()) if arrival else 0
        )
        _refuse_names(names)
        upload = Upload(
            folder=f"{_UPLOADS}/{name}",
            parts=_told_apart(parts),
            date=date,
            modality=modality,
            left_aside={why: count for why, count in left.items() if count > 0},
            warnings=arrival.warnings if arrival else (),
            words=tuple(dict.fromkeys(names)),
        )
        _write_about(whole, upload)
        whole.rename(place / name)
    return upload, link


def read_upload(case_folder: Path, folder: str) -> Upload:
    """The study as `take_in` left it, or as `choose_roles` changed it. Raises BadInput when it is not there any more."""
    try:
        return Upload.model_validate_json((case_folder / folder / _ABOUT).read_bytes())
    except (OSError, ValidationError):
        raise BadInput("the files of this study are not there any more", hint="Send the study again.") from None


def choose_roles(case_folder: Path, upload: Upload, roles: Sequence[str]) -> Upload:
    """The study with other roles, kept. Raises BadInput: a role that is none, or one given to two parts."""
    for role in roles:
        if role != LEFT_OUT and not _ROLE.fullmatch(role):
            raise BadInput(
                f"'{role[:40]}' is no role of an image or mask",
                hint="Use small letters and _, such as arterial or y90_pet.",
            )
    single = [role for role in roles if role not in {LEFT_OUT, "segmentation"}]
    doubled = sorted({role for role in single if single.count(role) > 1})
    if doubled:
        raise BadInput(f"two parts have the role '{doubled[0]}'", hint="Give each part its own role, or leave one out.")
    parts = [part.model_copy(update={"role": role}) for part, role in zip(upload.parts, roles, strict=True)]
    changed = upload.model_copy(update={"parts": tuple(parts)})
    _write_about(case_folder / upload.folder, changed)
    return changed


def remove_upload(case_folder: Path, upload: Upload) -> None:
    """Take away what `take_in` kept, because the store did not take note of it."""
    shutil.rmtree(case_folder / upload.folder, ignore_errors=True)


def _write_about(folder: Path, upload: Upload) -> None:
    temporary = folder / f".{_ABOUT}.{secrets.token_hex(4)}"
    temporary.write_text(upload.model_dump_json(), encoding="utf-8")
    temporary.replace(folder / _ABOUT)


# --- telling parts apart -------------------------------------------------------------------------------------------------------------------------------


def _unpack(sent: Path, source: Path, limits: Limits) -> None:
    files = [file for file in sent.rglob("*") if file.is_file()]
    archives = [file for file in files if file.name.lower().endswith(_ARCHIVES)]
    if not files:
        raise BadInput("no file was sent", hint="Choose the files of a study, a folder, or a zip of them.")
    if archives and len(files) > 1:
        raise BadInput(
            "an archive was sent together with other files", hint="Send one archive, or the files without it."
        )
    if archives:
        unpack(archives[0], source, limits)
    else:
        sent.rename(source)


def _move_arrays(source: Path, target: Path) -> list[Path]:
    """NIfTI and NRRD files, out of the way of the DICOM files, in folders of their own so that names may repeat."""
    found = sorted(file for file in source.rglob("*") if file.is_file() and file.name.lower().endswith(ARRAYS))
    moved: list[Path] = []
    for number, file in enumerate(found):
        place = target / f"{number:05d}"
        place.mkdir(parents=True)
        moved.append(file.rename(place / file.name))
    return moved


def _is_dicom(file: Path) -> bool:
    if file.name.lower().endswith((".dcm", ".ima")):
        return True
    with file.open("rb") as opened:
        return opened.read(132)[128:] == b"DICM"


def _series(whole: Path, below: str, modality: str | None) -> Iterator[Part]:
    for series in list_series(whole / "dicom"):
        first = series.files[0].relative_to(whole)
        if series.kind == "image":
            role = next((phase for phase, sign in _PHASES if sign.search(series.description)), None)
            role = role or (series.modality or modality or "image").lower()
            yield Part(path=f"{below}/{first.parent.as_posix()}", role=role, says=str(series))
        else:
            role = "segmentation" if series.kind in {"segmentation", "structures"} else LEFT_OUT
            for file in series.files:
                yield Part(path=f"{below}/{file.relative_to(whole).as_posix()}", role=role, says=str(series))


def _modality(folder: Path) -> str | None:
    found = [_MODALITIES[each.modality] for each in list_series(folder) if each.modality in _MODALITIES]
    return found[0] if found else None


def _day(arrival: Arrival) -> dt.date | None:
    """The day of the study at its source: events of a case stand on true days, whatever the files say."""
    for study in arrival.link.studies.values():
        try:
            return dt.datetime.strptime(study.get("StudyDate", ""), "%Y%m%d").date()  # noqa: DTZ007  (a day has no zone)
        except ValueError:
            continue
    return None


def _arrays(files: Sequence[Path], whole: Path, below: str, names: list[str], limits: Limits) -> Iterator[Part]:
    for number, file in enumerate(files, 1):
        suffix = ".seg.nrrd" if file.name.lower().endswith(".seg.nrrd") else ".nrrd" if file.name.lower().endswith(".nrrd") else ".nii.gz"  # fmt: skip
        stem = re.sub(r"^\d{5}-", "", file.name[: -len(".nii" if file.name.lower().endswith(".nii") else suffix)])
        (whole / "arrays").mkdir(exist_ok=True)
        waiting = whole / "arrays" / f"{number:03d}{suffix}"
        names += copy_plain(file, waiting, lambda name: not identifiers_in(name), limits.file_bytes)
        role = _role_of_array(waiting, stem, suffix)
        placed = waiting.rename(waiting.with_name(f"{number:03d}-{role}{suffix}"))
        says = "NIfTI file" if suffix == ".nii.gz" else "NRRD file"
        yield Part(path=f"{below}/arrays/{placed.name}", role=role, says=says)


def _role_of_array(file: Path, stem: str, suffix: str) -> str:
    try:
        held = [name for each in read_label_maps(file) for name in each.names.values()]
    except UnsupportedImage as error:
        # A mask holds whole numbers from 0 up; whatever else can be read is an image.
        if "is this an image" not in error.hint:
            raise
        return next((phase for phase, sign in _PHASES if sign.search(stem.replace("_", " "))), "image")
    found = guess_roles([stem])
    by_name = {"liver": found.liver, "lesions": found.lesions, "segments": found.segments, "vessels": found.vessels, "bile_ducts": found.ducts}  # fmt: skip
    role = next((role for role, there in by_name.items() if there), None)
    if suffix == ".seg.nrrd" or (role == "liver" and len(held) > 1):
        return "segmentation"
    return role or "segmentation"


def _told_apart(parts: Sequence[Part]) -> tuple[Part, ...]:
    """Every image and every mask of one thing has a role of its own; further ones are left out until a person says what they are."""
    taken: set[str] = set()
    told: list[Part] = []
    for part in parts:
        role = part.role
        if role in MASKS and role != "segmentation" and role in taken:
            role = LEFT_OUT
        number = 1
        while role not in {LEFT_OUT, "segmentation"} and role in taken:
            number += 1
            role = f"{part.role}_{number}"
        taken.add(role)
        told.append(part.model_copy(update={"role": role}))
    return tuple(told)


def _refuse_names(names: Sequence[str]) -> None:
    kinds = {kind for name in names for kind in identifiers_in(name)}
    if kinds:
        raise BadInput(
            f"the name of a structure holds what seems to be a {min(kinds)}",
            hint="Nothing was kept. Rename the structure where it was drawn, and send the study again.",
        )
