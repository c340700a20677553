"""DICOM de-identified on arrival: what measuring needs is kept, everything else goes, UIDs are replaced by a keyed hash, dates kept or shifted.

After the basic application confidentiality profile of DICOM PS3.15, annex E, with the option of full or of modified dates. That profile does not address text that is burned into pixels, and
its option that does asks for a person. So pixels are not changed: an object that says text is burned in is not taken, and kinds that often have some are taken on a person's word only.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
import io
import re
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, Literal

from liverboard.errors import BadInput, UnsupportedImage
from liverboard.volume.deidentify_kept import DATES, KEPT, NUMBERS, SEQUENCES, TEXTS, TIMES, UIDS
from liverboard.volume.dicom_files import find_series, kind_of, quiet_pydicom, read_whole, text
from liverboard.volume.phase_words import phase_of

DatesPolicy = Literal["keep", "shift"]

TAKEN: Final = frozenset({"image", "segmentation", "structures", "dose"})
PATIENT: Final = (
    "PatientName", "PatientID", "IssuerOfPatientID", "PatientBirthDate", "PatientSex", "OtherPatientIDs",
)  # fmt: skip
STUDY: Final = ("AccessionNumber", "StudyID", "ReferringPhysicianName", "StudyDescription", "StudyDate", "StudyTime")

_WORD = re.compile(r"[^\W\d_]{2,}")
_NOT_TAKEN: Final = "no image, segmentation, structure set or dose"
_BURNED_IN: Final = "text that names the patient is burned into the pixels, as the file says: blacken it at the source"
_NOT_SEEN: Final = "of a kind that often has names burned into the pixels (ultrasound, screen captures, angiography): look at them, then send them with the word that there are none"
_STILL_THERE: Final = "an identifier of the patient is still in it"
_CODE_LETTERS: Final = 4  # shorter words of a code, such as CT, occur in names of test patients and say nothing
_MOST_SHIFT_DAYS: Final = 365
_METHOD: Final = "liverboard: only listed attributes kept"
_PROFILE: Final = ("113100", "Basic Application Confidentiality Profile")
_EMPTIED: Final = ("AccessionNumber", "StudyID", "ReferringPhysicianName", "PatientBirthDate", "PatientSex")
_CODE_OF: Final = {"keep": ("113106", "Retain Longitudinal Temporal Information Full Dates Option"),
                   "shift": ("113107", "Retain Longitudinal Temporal Information Modified Dates Option")}  # fmt: skip
_CLASS_OF: Final = {
    "CT": "1.2.840.10008.5.1.4.1.1.2",
    "MR": "1.2.840.10008.5.1.4.1.1.4",
    "PT": "1.2.840.10008.5.1.4.1.1.128",
}
_CAPTURES: Final = tuple(
    f"1.2.840.10008.5.1.4.1.1.{kind}." for kind in (3, 6, 7)
)  # ultrasound in motion and still, secondary captures, with their newer kinds


@dataclass(frozen=True, slots=True)
class Rules:
    """How one patient's studies are de-identified. `key`: the centre's; without it no new UID or shift leads back. Dates are shifted alike for all of them."""

    pseudonym: str
    key: bytes = field(repr=False)
    dates: DatesPolicy = "shift"

    @property
    def shift_days(self) -> int:
        """Days that are taken from every date: 0, or 1 to 365 by the pseudonym."""
        return 0 if self.dates == "keep" else 1 + self._hash("dates", self.pseudonym) % _MOST_SHIFT_DAYS

    def uid(self, original: str) -> str:
        """The new UID of an original one, the same each time."""
        return f"2.25.{self._hash('uid', original) >> 128}"

    def _hash(self, *parts: str) -> int:
        return int.from_bytes(hmac.digest(self.key, "\0".join(parts).encode(), hashlib.sha256))


@dataclass(frozen=True, slots=True)
class Link:
    """The way back from a de-identified study to its source. It identifies the patient: keep it sealed, and use it for nothing but sending results back.

    `patient`, `studies`: original values by keyword; studies by their new UID. `uids`: original UID by new UID. `days`: every original date, as yyyymmdd.
    """

    pseudonym: str
    shift_days: int
    patient: Mapping[str, str]
    studies: Mapping[str, Mapping[str, str]]
    uids: Mapping[str, str]
    days: frozenset[str] = frozenset()

    def __repr__(self) -> str:
        return f"Link({self.pseudonym!r}, ...)"

    def as_json(self) -> dict[str, Any]:
        return {
            "pseudonym": self.pseudonym,
            "shift_days": self.shift_days,
            "patient": dict(self.patient),
            "studies": {uid: dict(study) for uid, study in self.studies.items()},
            "uids": dict(self.uids),
            "days": sorted(self.days),
        }

    @staticmethod
    def from_json(read: Mapping[str, Any]) -> Link:
        days = frozenset(read.get("days", ()))  # links of the first release have none
        return Link(read["pseudonym"], int(read["shift_days"]), read["patient"], read["studies"], read["uids"], days)


@dataclass(frozen=True, slots=True)
class Arrival:
    """What became of an uploaded study. `left_aside`: files that were not taken, by reason. `words`: the names of structures that were kept, for a person to read."""

    files: tuple[Path, ...]
    link: Link
    left_aside: Mapping[str, int]
    warnings: tuple[str, ...]
    words: tuple[str, ...]


def deidentify(original: Any, rules: Rules, known: Identifiers | None = None) -> Any:
    """A new pydicom data set with what is kept of `original`, which stays as it is.

    A text that is kept is emptied when it holds one of the `known` identifiers; without them, those that stand elsewhere in the object. Raises UnsupportedImage for an object that is not
    an image, segmentation, structure set or dose: reports and documents are words about a patient from end to end.
    """
    if kind_of(original) not in TAKEN:
        raise UnsupportedImage(
            "the DICOM object is no image, segmentation, structure set or dose",
            hint="Reports and documents are not taken.",
        )
    from pydicom.dataset import FileMetaDataset

    kept: Any = _kept(original, rules, identifiers(original) if known is None else known)
    for name in _EMPTIED:
        setattr(kept, name, "")
    if (phase := phase_of(text(original, "SeriesDescription"))) is not None:
        kept.SeriesDescription = phase  # a word of ours; the description itself goes
    kept.SpecificCharacterSet = "ISO_IR 192"
    kept.PatientName, kept.PatientID = rules.pseudonym, rules.pseudonym
    kept.PatientIdentityRemoved = "YES"
    kept.DeidentificationMethod = _METHOD
    kept.DeidentificationMethodCodeSequence = [
        _code(*_PROFILE),
        _code(*_CODE_OF[rules.dates]),
    ]
    kept.LongitudinalTemporalInformationModified = "UNMODIFIED" if rules.dates == "keep" else "MODIFIED"
    _complete(kept, original, rules)
    meta: Any = FileMetaDataset()
    kept.file_meta = meta
    meta.MediaStorageSOPClassUID = kept.SOPClassUID
    meta.MediaStorageSOPInstanceUID = kept.SOPInstanceUID
    meta.TransferSyntaxUID = original.file_meta.TransferSyntaxUID
    return kept


def _complete(kept: Any, original: Any, rules: Rules) -> None:
    """What every object of its kind must have, without saying anything; some writers leave even classes and UIDs blank."""
    if not text(kept, "SOPClassUID"):
        kept.SOPClassUID = _CLASS_OF.get(text(kept, "Modality"), "")
    for name in ("StudyInstanceUID", "SeriesInstanceUID"):
        if not text(kept, name):
            setattr(kept, name, rules.uid(f"no {name} {rules.pseudonym}"))
    if not text(kept, "SOPInstanceUID"):
        kept.SOPInstanceUID = rules.uid(hashlib.sha256(original.get("PixelData") or b"").hexdigest())
    neutral = {"SeriesNumber": "", "InstanceNumber": "", "StudyDate": "", "StudyTime": ""}
    if "FrameOfReferenceUID" in kept:
        neutral["PositionReferenceIndicator"] = ""
    if kind_of(kept) == "segmentation":
        neutral |= {
            "ContentLabel": "SEGMENTATION",
            "ContentDescription": "",
            "ContentCreatorName": "",
            "DeviceSerialNumber": "removed",
        }
    if kind_of(kept) == "structures":
        neutral["StructureSetLabel"] = "STRUCTURES"
    for name, value in neutral.items():
        if name not in kept:
            setattr(kept, name, value)


def file_bytes(dataset: Any) -> bytes:
    """The data set as a DICOM file, with an empty preamble."""
    written = io.BytesIO()
    quiet_pydicom().dcmwrite(written, dataset, enforce_file_format=True)
    return written.getvalue()


def deidentify_folder(
    source: Path,
    target: Path,
    rules: Rules,
    step: Callable[[str], None] = lambda text: None,
    *,
    pixels_seen: bool = False,
) -> Arrival:
    """De-identify every study of one patient below `source` into the new folder `target`, which appears whole or not at all.

    What was written is searched for the patient's own identifiers, and refused if one is there. `pixels_seen`: a person looked, and no name is burned into the pixels. Raises UnsupportedImage, or BadInput for studies of several people.
    """
    found = find_series(source)
    heads = [head for series in found for head in series.heads]
    _one_person(heads)
    known = identifiers(*heads)
    left: Counter[str] = Counter()
    uids: dict[str, str] = {}
    days: set[str] = set()
    studies: dict[str, Mapping[str, str]] = {}
    warned: dict[str, None] = {}
    words: dict[str, None] = {}
    names: list[str] = []
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".arriving-") as made:
        whole = Path(made) / "study"
        whole.mkdir()
        for series in found:
            if series.kind not in TAKEN:
                left[_NOT_TAKEN] += len(series.files)
                continue
            for number, file in enumerate(series.files, 1):
                step(f"series {series.number} of {len(found)}, object {number} of {len(series.files)}")
                original = read_whole(file)
                if why := _in_the_pixels(original, pixels_seen=pixels_seen):
                    left[why] += 1
                    continue
                kept = deidentify(original, rules, known)
                content = file_bytes(kept)
                if _leaks(content, known, rules):
                    left[_STILL_THERE] += 1
                    continue
                name = f"{series.number:04d}/{number:05d}.dcm"
                (whole / name).parent.mkdir(exist_ok=True)
                (whole / name).write_bytes(content)
                names.append(name)
                uids |= {rules.uid(uid): uid for uid in _uids(original)}
                days |= {*_days(original)}
                studies.setdefault(text(kept, "StudyInstanceUID"), _values(original, STUDY))
                warned |= dict.fromkeys(_warnings(original, series.number))
                words |= dict.fromkeys(_structure_names(kept))
        if not names:
            raise UnsupportedImage(
                "none of the DICOM objects could be taken",
                hint="; ".join(f"{count} left aside: {why}" for why, count in left.items()),
            )
        whole.rename(target)
    link = Link(rules.pseudonym, rules.shift_days, _values(heads[0], PATIENT), studies, uids, frozenset(days))
    return Arrival(tuple(target / name for name in names), link, dict(left), tuple(warned), tuple(words))


# --- what identifies -----------------------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Identifiers:
    """Words and numbers of an object that point to a person or place; `words` in lower case."""

    words: frozenset[str]
    numbers: frozenset[str]

    def within(self, value: str, least: int = 2) -> bool:
        """Whether one of the words, of at least `least` letters, or of the numbers stands in a text."""
        lowered = value.casefold()
        found = {word for word in _WORD.findall(lowered) if len(word) >= least}
        return bool(self.words & found) or any(number in lowered for number in self.numbers)


_NO_NAMES: Final = frozenset({"dr", "prof", "anonymous", "unknown", "none", "liver", "tumor", "tumour"})


def identifiers(*originals: Any) -> Identifiers:
    """The names of people and places and the numbers of the patient in some objects, however deep."""
    words: set[str] = set()
    numbers: set[str] = set()
    for element in (each for original in originals for each in _elements(original)):
        if element.VR == "PN":
            for value in texts_of(element):
                words |= {*_WORD.findall(value.casefold())}
        elif element.keyword in NUMBERS:
            numbers |= {value.casefold() for value in texts_of(element) if len(value) >= 4}
    return Identifiers(frozenset(words - _NO_NAMES), frozenset(numbers))


def _leaks(content: bytes, known: Identifiers, rules: Rules) -> bool:
    """Whether the file holds an identifier of 6 characters or more; shorter ones occur among pixels by chance. What we wrote ourselves is no leak."""
    lowered = content.lower()
    ours = f"{rules.pseudonym} {_METHOD} {' '.join(_PROFILE)} {' '.join(_CODE_OF[rules.dates])} segmentation structures".casefold()
    return any(
        coded in lowered
        for each in known.words | known.numbers
        if len(each) >= 6 and each not in ours
        for coded in {each.encode("utf-8"), each.encode("latin-1", "replace")}
    )


def _one_person(heads: Iterable[Any]) -> None:
    people = {text(head, "PatientID") or text(head, "PatientName") for head in heads}
    if len(people) > 1:
        raise BadInput(f"these are studies of {len(people)} people", hint="Send the studies of one patient at a time.")


def _values(head: Any, names: Iterable[str]) -> dict[str, str]:
    return {name: value for name in names if (value := text(head, name))}


def _in_the_pixels(original: Any, *, pixels_seen: bool) -> str:
    """Why an object is not taken for the sake of its pixels; empty where it is."""
    if text(original, "BurnedInAnnotation").upper() == "YES":
        return _BURNED_IN
    return _NOT_SEEN if _often_burned_in(original) and not pixels_seen else ""


def _often_burned_in(original: Any) -> bool:
    """Whether an object is of a kind that often has text in its pixels, and does not say that it has none."""
    kind = (
        f"{text(original, 'SOPClassUID')}.".startswith(_CAPTURES)
        or text(original, "Modality") in {"US", "OT", "SC", "XA"}
        or "SCREEN" in text(original, "ImageType").upper()
    )
    return kind and text(original, "BurnedInAnnotation").upper() != "NO"


def _warnings(original: Any, number: int) -> Iterator[str]:
    if _often_burned_in(original):
        yield f"series {number} is of a kind that often has names burned into its pixels: it was taken on the word that there are none"


def _structure_names(kept: Any) -> Iterator[str]:
    for element in _elements(kept):
        if element.keyword in {"ROIName", "SegmentLabel"}:
            yield from texts_of(element)


# --- what is kept --------------------------------------------------------------------------------------------------------------------------------------


def _kept(original: Any, rules: Rules, known: Identifiers) -> Any:
    from pydicom.dataset import Dataset

    kept = Dataset()
    for tag in list(original.keys()):
        if tag.is_private or tag.group == 2:
            continue
        element = _element(original, tag)
        if element is None:
            continue
        name = element.keyword
        if element.VR == "SQ":
            if name in SEQUENCES:
                kept.add_new(tag, "SQ", [_kept(item, rules, known) for item in element.value])
            continue
        value = _value(element, rules, known)
        if value is not None:
            kept.add_new(tag, element.VR, value)
    return kept


def _value(element: Any, rules: Rules, known: Identifiers) -> Any:
    """The value as it is kept; None: it goes."""
    name, vr = element.keyword, element.VR
    if name in UIDS:
        values = [_new_uid(each, rules) for each in texts_of(element)]
        return (values[0] if len(values) == 1 else values) if values else ""
    if name in DATES:
        return _shifted(element, -rules.shift_days)
    if name in TIMES:
        values = texts_of(element)
        return values[0] if values and re.fullmatch(r"[0-9]{2,6}(\.[0-9]{1,6})?", values[0]) else ""
    if name in TEXTS or (name in KEPT and vr in {"CS", "SH", "LO", "ST", "LT", "UT", "UC"}):
        least = _CODE_LETTERS if vr == "CS" else 2
        values = ["" if known.within(each, least) else each for each in texts_of(element)]
        return (values[0] if len(values) == 1 else values) if values else ""
    if name not in KEPT:
        return None
    if vr in {"DS", "IS"}:
        return _numbers(element)
    return None if vr in {"UN", "PN", "UR", "DA", "DT", "TM", "AS", "AE"} else element.value


def _element(dataset: Any, tag: Any) -> Any:
    try:
        return dataset[tag]
    except Exception:  # an element that cannot be read cannot be vouched for
        return None


def _elements(dataset: Any) -> Iterator[Any]:
    """Every standard element at every depth, except pixels."""
    for tag in list(dataset.keys()):
        if tag.is_private or tag.group == 0x7FE0:
            continue
        element = _element(dataset, tag)
        if element is None:
            continue
        if element.VR == "SQ":
            for item in element.value:
                yield from _elements(item)
        else:
            yield element


def texts_of(element: Any) -> list[str]:
    """The values of an element as text, without empty ones."""
    value = element.value
    if value is None or isinstance(value, bytes):
        return []
    several = (
        value
        if not isinstance(value, str) and hasattr(value, "__iter__") and not hasattr(value, "components")
        else [value]
    )
    return [str(each) for each in several if str(each)]


def _numbers(element: Any) -> Any:
    try:
        for each in texts_of(element):
            float(each)
    except ValueError:
        return None
    return element.value


def _new_uid(original: str, rules: Rules) -> str:
    return original if original in _standard_uids() else rules.uid(original)


def _uids(original: Any) -> Iterator[str]:
    for element in _elements(original):
        if element.keyword in UIDS:
            yield from (each for each in texts_of(element) if each not in _standard_uids())


def _standard_uids() -> Mapping[str, object]:
    return quiet_pydicom().uid.UID_dictionary


def true_day(kept: Any, rules: Rules) -> dt.date | None:
    """The day of a study at its source, by the head of one of its files as it is kept; None when it says none.

    Whether its dates were moved stands in the file itself: a policy that changed later changes nothing about it.
    """
    moved = text(kept, "LongitudinalTemporalInformationModified") == "MODIFIED"
    written = shifted(text(kept, "StudyDate"), replace(rules, dates="shift" if moved else "keep").shift_days)
    return dt.datetime.strptime(written[:8], "%Y%m%d").date() if written else None  # noqa: DTZ007  (a day has no zone)


def _days(original: Any) -> Iterator[str]:
    """The days of every date and moment of an object that may be kept."""
    for element in _elements(original):
        if element.keyword in DATES:
            yield from (each[:8] for each in texts_of(element) if shifted(each, 0))


def _shifted(element: Any, days: int) -> Any:
    values = [shifted(each, days) for each in texts_of(element)]
    return (values[0] if len(values) == 1 else values) if values else ""


def shifted(written: str, days: int) -> str:
    """A DICOM date or moment some days later; empty when it is neither. Times of day and zones stay."""
    match = re.fullmatch(r"([0-9]{8})([0-9]{0,6}(?:\.[0-9]{1,6})?(?:[+-][0-9]{4})?)\s*", written)
    if match is None:
        return ""
    try:
        day = dt.datetime.strptime(match[1], "%Y%m%d").date() + dt.timedelta(days=days)  # noqa: DTZ007  (a day has no zone)
    except (ValueError, OverflowError):
        return ""
    return f"{day:%Y%m%d}{match[2]}"


def _code(value: str, meaning: str) -> Any:
    from pydicom.dataset import Dataset

    code = Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = value, "DCM", meaning
    return code
