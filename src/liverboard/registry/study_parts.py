"""What a received study consists of: its images and masks with their roles, its day and modality, and what a person must look at. Kept beside its files."""

from __future__ import annotations

import datetime as dt
import re
import secrets
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from pydantic import Field, ValidationError

from liverboard.clinical.extent import Frozen
from liverboard.errors import BadInput, UnsupportedImage
from liverboard.imaging import guess_roles
from liverboard.registry.study_files import ABOUT
from liverboard.volume import list_series, read_label_maps
from liverboard.volume.deidentify import Rules, true_day
from liverboard.volume.phase_words import phase_of

MASKS: Final = ("segmentation", "liver", "lesions", "segments", "vessels", "bile_ducts")
LEFT_OUT: Final = "left_out"
_ROLE: Final = re.compile(r"[a-z][a-z0-9_]{0,31}")
_MODALITIES: Final = {"CT": "CT", "MR": "MR", "NM": "SPECT", "US": "US"}


class Part(Frozen):
    """A series or file. `path`: below the folder of the study. `role`: as in an imaging event, or LEFT_OUT. `says`: what it is, for people."""

    path: str
    role: str
    says: str


class StudyParts(Frozen):
    """`date`: at the source, whatever the files say; events of a case stand on true days. `words`: names of structures, for a person to read."""

    parts: tuple[Part, ...]
    date: dt.date | None = None
    modality: str | None = None
    warnings: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    left_aside: dict[str, int] = Field(default={})

    @property
    def drawn(self) -> bool:
        """Whether a mask is among the parts, so that there is something to measure."""
        return any(part.role in MASKS for part in self.parts)


def role_of_name(name: str) -> str | None:
    """What a file is by its name, in our own word: liver, lesions, segments, vessels, bile_ducts or a phase; None when the name does not say."""
    stem = re.sub(r"^\d{5}-|(\.seg)?\.(nii|nii\.gz|nrrd)$", "", name, flags=re.IGNORECASE)
    found = guess_roles([stem])
    by_name = {"liver": found.liver, "lesions": found.lesions, "segments": found.segments, "vessels": found.vessels, "bile_ducts": found.ducts}  # fmt: skip
    return next((role for role, there in by_name.items() if there), None) or phase_of(stem)


def tell_parts(folder: Path, rules: Rules) -> StudyParts:
    """What lies in the folder of a received study. `rules`: those by which it was de-identified. Raises UnsupportedImage for a file that cannot be read."""
    parts: list[Part] = []
    date: dt.date | None = None
    modality: str | None = None
    dicom = folder / "dicom"
    for series in list_series(dicom) if dicom.is_dir() else ():
        date = date or true_day(series.heads[0], rules)
        modality = modality or _MODALITIES.get(series.modality)
        first = series.files[0].relative_to(folder)
        if series.kind == "image":
            role = phase_of(series.description) or series.modality.lower() or "image"
            parts.append(Part(path=first.parent.as_posix(), role=role, says=str(series)))
        else:
            role = "segmentation" if series.kind in {"segmentation", "structures"} else LEFT_OUT
            files = (file.relative_to(folder).as_posix() for file in series.files)
            parts += [Part(path=path, role=role, says=str(series)) for path in files]
    volumes = sorted(file for file in folder.iterdir() if file.is_file() and not file.name.endswith(".json"))
    parts += map(_volume, volumes)
    return StudyParts(parts=tuple(_told_apart(parts)), date=date, modality=modality)


def keep_parts(folder: Path, parts: StudyParts) -> None:
    temporary = folder / f".{ABOUT}.{secrets.token_hex(4)}"
    temporary.write_text(parts.model_dump_json(), encoding="utf-8")
    temporary.replace(folder / ABOUT)


def read_parts(folder: Path, rules: Rules) -> StudyParts:
    """The parts as they were kept, else as they are told now. Raises BadInput when the files are not there any more, UnsupportedImage."""
    if not folder.is_dir():
        raise BadInput("the files of this study are not there any more", hint="Send the study again.")
    try:
        return StudyParts.model_validate_json((folder / ABOUT).read_bytes())
    except (OSError, ValidationError):
        told = tell_parts(folder, rules)
        keep_parts(folder, told)
        return told


def with_roles(parts: StudyParts, roles: Sequence[str]) -> StudyParts:
    """The study with other roles. Raises BadInput: a role that is none, or one given to two parts."""
    for role in roles:
        if not _ROLE.fullmatch(role):
            raise BadInput(
                f"'{role[:40]}' is no role of an image or mask",
                hint="Use small letters and _, such as arterial or y90_pet.",
            )
    single = [role for role in roles if role not in {LEFT_OUT, "segmentation"}]
    doubled = sorted({role for role in single if single.count(role) > 1})
    if doubled:
        raise BadInput(f"two parts have the role '{doubled[0]}'", hint="Give each part its own role, or leave one out.")
    changed = [part.model_copy(update={"role": role}) for part, role in zip(parts.parts, roles, strict=True)]
    return parts.model_copy(update={"parts": tuple(changed)})


def _volume(file: Path) -> Part:
    by_name = role_of_name(re.sub(r"^\d{4}-", "", file.name))
    says = "NRRD file" if file.name.lower().endswith(".nrrd") else "NIfTI file"
    try:
        held = sum(len(each.names) for each in read_label_maps(file))
    except UnsupportedImage as error:
        # A mask holds whole numbers from 0 up; whatever else can be read is an image.
        if "is this an image" not in error.hint:
            raise
        role = by_name if by_name is not None and by_name not in MASKS else "image"
        return Part(path=file.name, role=role, says=f"{says}, an image")
    several = file.name.lower().endswith(".seg.nrrd") or (by_name == "liver" and held > 1)
    role = by_name if by_name in MASKS and not several else "segmentation"
    return Part(path=file.name, role=role, says=f"{says}, {held} structure{'s' if held != 1 else ''}")


def _told_apart(parts: Sequence[Part]) -> Iterator[Part]:
    """Every image and every mask of one thing has a role of its own; further masks are left out until a person says what they are."""
    taken: set[str] = set()
    for part in parts:
        role, number = part.role, 1
        if role in MASKS and role != "segmentation" and role in taken:
            role = LEFT_OUT
        while role not in {LEFT_OUT, "segmentation"} and role in taken:
            number += 1
            role = f"{part.role}_{number}"
        taken.add(role)
        yield part.model_copy(update={"role": role})
