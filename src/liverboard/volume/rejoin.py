"""Results made on a de-identified study, given back to the patient, study and days they belong to."""

from __future__ import annotations

import copy
from typing import Any

from liverboard.errors import BadInput
from liverboard.volume.deidentify import PATIENT, STUDY, Link, shifted, texts_of
from liverboard.volume.dicom_files import text


def rejoin(result: Any, link: Link) -> Any:
    """A result made on a de-identified study, given back to the patient and study it belongs to; to be sent to their PACS and nowhere else.

    UIDs and dates of the source come back wherever they stand; those of the result itself stay. Raises BadInput when the result belongs to another study.
    """
    study = link.studies.get(text(result, "StudyInstanceUID"))
    if study is None or text(result, "PatientID") != link.pseudonym:
        raise BadInput("the result does not belong to this study", hint="Send it with the study on which it was made.")
    joined = copy.deepcopy(result)
    _source_back(joined, link, _days_by_shifted(link))
    for name in (*PATIENT, *STUDY):
        value = study.get(name, "") if name in STUDY else link.patient.get(name, "")
        if value or name in joined:
            setattr(joined, name, value)
    joined.SpecificCharacterSet = "ISO_IR 192"
    for name in (
        "PatientIdentityRemoved",
        "DeidentificationMethod",
        "DeidentificationMethodCodeSequence",
        "LongitudinalTemporalInformationModified",
    ):
        if name in joined:
            delattr(joined, name)
    if "file_meta" in joined.__dict__ and "SOPInstanceUID" in joined:
        joined.file_meta.MediaStorageSOPInstanceUID = joined.SOPInstanceUID
    return joined


def _days_by_shifted(link: Link) -> dict[str, str]:
    """Original days by the days they became. Shifted days lie before the study came in, so no day on which a result was made is among them."""
    days = link.days or {day for study in link.studies.values() if (day := study.get("StudyDate"))}
    return {shifted(day, -link.shift_days): day for day in days}


def _source_back(dataset: Any, link: Link, days: dict[str, str]) -> None:
    for element in list(dataset):
        if element.VR == "SQ":
            for item in element.value:
                _source_back(item, link, days)
        elif element.VR == "UI" and element.value:
            _replace(element, [link.uids.get(each, each) for each in texts_of(element)])
        elif element.VR in {"DA", "DT"} and element.value:
            _replace(element, [days.get(each[:8], each[:8]) + each[8:] for each in texts_of(element)])


def _replace(element: Any, values: list[str]) -> None:
    element.value = values[0] if len(values) == 1 else values
