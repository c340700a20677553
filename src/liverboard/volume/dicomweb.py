"""Studies from a PACS and results back to it by DICOMweb (QIDO-RS, WADO-RS, STOW-RS). The only place that speaks to a network, and only to the address given."""

from __future__ import annotations

import datetime as dt
import logging
import os
import re
import tempfile
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from liverboard.errors import BadInput, MissingData, NotPermitted, UnsupportedImage, UserError
from liverboard.volume.dicom_files import quiet_pydicom

_BATCH = 20  # objects in one STOW request
_UID = re.compile(r"[0-9.]{1,64}")


@dataclass(frozen=True, slots=True)
class Pacs:
    """`url`: the DICOMweb root, such as https://pacs.hospital/dicom-web. Credentials never show in a representation."""

    url: str
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    token: str | None = field(default=None, repr=False)
    timeout_s: float = 60.0


@dataclass(frozen=True, slots=True)
class SeriesEntry:
    uid: str
    modality: str
    description: str
    number: int | None
    instances: int | None


@dataclass(frozen=True, slots=True)
class StudyEntry:
    """A study without its patient: UID, day, what it says of itself, its series."""

    uid: str
    date: dt.date | None
    description: str
    series: tuple[SeriesEntry, ...]


def list_studies(
    pacs: Pacs,
    *,
    patient_id: str | None = None,
    study_uid: str | None = None,
    since: dt.date | None = None,
    modality: str | None = None,
    limit: int = 50,
) -> tuple[StudyEntry, ...]:
    """Studies that fit, newest first, each with its series. Raises MissingData (no answer), NotPermitted, BadInput."""
    wanted: dict[str, Any] = {}
    if patient_id:
        wanted["PatientID"] = patient_id
    if study_uid:
        wanted["StudyInstanceUID"] = _uid(study_uid)
    if since:
        wanted["StudyDate"] = f"{since:%Y%m%d}-"
    if modality:
        wanted["ModalitiesInStudy"] = modality
    with _asked("the studies cannot be listed"):
        client = _client(pacs)
        found = client.search_for_studies(search_filters=wanted, fields=["StudyDescription"], limit=limit)
        studies = [
            StudyEntry(
                uid=uid,
                date=_date(_value(each, "00080020")),
                description=_value(each, "00081030"),
                series=_series(client, uid),
            )
            for each in found
            if (uid := _value(each, "0020000D"))
        ]
    return tuple(sorted(studies, key=lambda s: (s.date or dt.date.min, s.uid), reverse=True))


def fetch_study(
    pacs: Pacs,
    study_uid: str,
    folder: Path,
    *,
    series_uid: str | None = None,
    step: Callable[[str], None] = lambda text: None,
) -> tuple[Path, ...]:
    """Every object of a study (or of one series) as it is stored, a folder a series, each file under its name only when it is whole. What is there is kept.

    Raises MissingData: no answer, no such study, or objects left out; NotPermitted; BadInput: the folder; UnsupportedImage: what came is no DICOM.
    """
    study = _uid(study_uid)
    with _asked("the study cannot be fetched"):
        client = _client(pacs)
        listed = [s for s in _series(client, study) if series_uid in {None, s.uid}]
    if not listed:
        raise MissingData(
            "the PACS holds no such study or series", where=study, hint="List the studies with: liverboard pacs list"
        )
    written: list[Path] = []
    for number, series in enumerate(listed, 1):
        place = folder / _plain(f"{series.number or number:03d}-{series.modality}-{series.uid[-12:]}")
        count = 0
        with _asked("the study cannot be fetched"):
            for count, data in enumerate(
                client.iter_series(study, series.uid, media_types=(("application/dicom", "*"),)), 1
            ):
                step(
                    f"series {number} of {len(listed)}, object {count}"
                    + (f" of {series.instances}" if series.instances else "")
                )
                written.append(_store(data, place))
        if series.instances is not None and count < series.instances:
            raise MissingData(
                f"the PACS sent {count} of {series.instances} objects of series {number}",
                where=study,
                hint="Fetch it again; what came is kept.",
            )
    return tuple(written)


def send_files(pacs: Pacs, files: Sequence[Path], *, step: Callable[[str], None] = lambda text: None) -> int:
    """Store DICOM objects in the PACS and return how many it took. Raises UnsupportedImage: a file is no DICOM; BadInput: the PACS refused some, and which."""
    pydicom = quiet_pydicom()
    objects: list[tuple[Path, Any]] = []
    for file in files:
        try:
            objects.append((file, pydicom.dcmread(file)))
        except Exception:
            raise UnsupportedImage(
                "the file is not a DICOM object, or it is damaged",
                where=file.name,
                hint="Send segmentation.dcm and report.dcm of an extent.",
            ) from None
    refused: list[str] = []
    for start in range(0, len(objects), _BATCH):
        batch = objects[start : start + _BATCH]
        step(f"sending {start + len(batch)} of {len(objects)}")
        with _asked("the objects cannot be stored"):
            answer = _client(pacs).store_instances([data for _, data in batch])
        taken = {str(item.ReferencedSOPInstanceUID) for item in getattr(answer, "ReferencedSOPSequence", [])}
        reasons = {
            str(item.ReferencedSOPInstanceUID): f" (reason {getattr(item, 'FailureReason', 'not told')})"
            for item in getattr(answer, "FailedSOPSequence", [])
        }
        refused += [
            f"{file.name}{reasons.get(uid, '')}"
            for file, data in batch
            if (uid := str(data.get("SOPInstanceUID", ""))) not in taken
        ]
    if refused:
        raise BadInput(
            f"the PACS refused {len(refused)} of {len(objects)} objects: {', '.join(refused[:5])}",
            hint="Ask the PACS administrator what it stores.",
        )
    return len(objects)


def _client(pacs: Pacs) -> Any:
    import requests
    from dicomweb_client import DICOMwebClient

    if not re.match(r"https?://[^/]+", pacs.url):
        raise BadInput(
            "the address of the PACS is not a web address",
            hint="Give the DICOMweb root, such as https://pacs.hospital/dicom-web.",
        )
    quiet_pydicom()
    logging.getLogger("dicomweb_client").setLevel(logging.CRITICAL)  # it logs addresses, which hold what was asked for
    session = requests.Session()
    if pacs.user is not None:
        session.auth = (pacs.user, pacs.password or "")
    if pacs.token is not None:
        session.headers["Authorization"] = f"Bearer {pacs.token}"
    client: Any = DICOMwebClient(pacs.url.rstrip("/"), session=session, timeout=pacs.timeout_s, permissive_uid=True)
    client.set_http_retry_params(retry=True, max_attempts=3, wait_exponential_multiplier=200)
    return client


@contextmanager
def _asked(what: str) -> Generator[None]:
    """Whatever a request or its answer raises, as words without the address asked (it may hold a patient ID)."""
    import requests
    from retrying import RetryError

    try:
        yield
    except UserError:
        raise
    except requests.HTTPError as error:
        status = error.response.status_code if error.response is not None else 0
        if status in {401, 403}:
            raise NotPermitted(
                f"{what}: the PACS does not let you in ({status})",
                hint="Set LIVERBOARD_PACS_USER and LIVERBOARD_PACS_PASSWORD, or LIVERBOARD_PACS_TOKEN.",
            ) from None
        raise MissingData(
            f"{what}: the PACS answered {status}", hint="Check the address (the DICOMweb root) and the UID."
        ) from None
    except requests.exceptions.SSLError:
        raise MissingData(
            f"{what}: the certificate of the PACS is not trusted",
            hint="Name the hospital's certificate file in REQUESTS_CA_BUNDLE.",
        ) from None
    except requests.exceptions.JSONDecodeError:
        raise UnsupportedImage(
            f"{what}: the answer of the PACS is not DICOMweb", hint="Is the address the DICOMweb root?"
        ) from None
    except requests.RequestException as error:
        raise MissingData(
            f"{what}: the PACS does not answer ({type(error).__name__})", hint="Check the address and the network."
        ) from None
    except OSError as error:
        raise BadInput(f"{what}: {error.strerror or 'error'}", hint="Choose another folder.") from None
    except RetryError:
        raise MissingData(f"{what}: the PACS is busy or out of order", hint="Try again in a minute.") from None
    except Exception as error:
        raise UnsupportedImage(
            f"{what}: the answer of the PACS cannot be read ({type(error).__name__})",
            hint="Is the address the DICOMweb root?",
        ) from None


def _series(client: Any, study: str) -> tuple[SeriesEntry, ...]:
    found = [
        SeriesEntry(
            uid=_value(each, "0020000E"),
            modality=_value(each, "00080060"),
            description=_value(each, "0008103E"),
            number=_whole(_value(each, "00200011")),
            instances=_whole(_value(each, "00201209")),
        )
        for each in client.search_for_series(
            study, fields=["SeriesDescription", "SeriesNumber", "NumberOfSeriesRelatedInstances"]
        )
    ]
    return tuple(sorted((s for s in found if s.uid), key=lambda s: (s.number or 0, s.uid)))


def _store(data: Any, folder: Path) -> Path:
    uid = str(data.SOPInstanceUID)
    path = folder / f"{_plain(uid)}.dcm"
    if path.exists():
        return path
    folder.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=".fetch-", dir=folder)
    waiting = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            data.save_as(file, enforce_file_format=True)
        waiting.chmod(0o644)
        waiting.replace(path)
    finally:
        waiting.unlink(missing_ok=True)
    return path


def _uid(text: str) -> str:
    if not _UID.fullmatch(text):
        raise BadInput("this is not a study UID", hint="Digits and dots; list the studies with: liverboard pacs list")
    return text


def _value(entry: Any, tag: str) -> str:
    values = entry.get(tag, {}).get("Value") or [""]
    return str(values[0]).strip()


def _date(text: str) -> dt.date | None:
    try:
        return dt.date(int(text[:4]), int(text[4:6]), int(text[6:8]))
    except ValueError:
        return None


def _whole(text: str) -> int | None:
    return int(text) if text.isdecimal() else None


def _plain(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9.-]+", "-", name)
