"""Studies of cases: received from outside, de-identified on arrival, kept in the data folder; the way back to the source sealed under the centre's key."""

from __future__ import annotations

import base64
import datetime as dt
import json
import secrets
import shutil
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, Row, select

from liverboard.errors import BadInput, MissingData, UnsupportedImage
from liverboard.registry.archive import STUDY, Limits, unpack
from liverboard.registry.audit import canonical
from liverboard.registry.cases import CaseKey, case_as_known, find_case
from liverboard.registry.known_words import hashes_of
from liverboard.registry.permissions import Actor
from liverboard.registry.schema import StudyState, cases, centres, studies
from liverboard.registry.store import Store, insert_row
from liverboard.registry.study_files import INCOMING, arrived, is_derived, passing
from liverboard.registry.study_parts import role_of_name
from liverboard.registry.words_before import NamedPlace, places_that_name
from liverboard.volume.clean_volume import ENDINGS, clean_volume
from liverboard.volume.deidentify import Arrival, Link, Rules, deidentify_folder, file_bytes
from liverboard.volume.dicom_files import read_whole
from liverboard.volume.rejoin import rejoin

Step = Callable[[str], None]

_SEAL: Final = b"liverboard study link 1"


@dataclass(frozen=True, slots=True)
class Taking:
    """How a study is taken. `pixels_seen`: who sends it looked, and no name is burned into the pixels."""

    limits: Limits = STUDY
    pixels_seen: bool = False


_AS_EVER: Final = Taking()


@dataclass(frozen=True, slots=True)
class Received:
    """A study that came in. `warnings`: what a person must look at; `words`: names of structures that were kept; `left_aside`: files not taken, by reason; `named`: where the
    case names the patient of its studies."""

    id: int
    path: Path
    files: int
    warnings: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    left_aside: tuple[tuple[str, int], ...] = ()
    named: tuple[NamedPlace, ...] = ()


@dataclass(frozen=True, slots=True)
class StudyLine:
    """A study of a case. `path`: below the folder of its case, as an imaging event names it."""

    id: int
    key: CaseKey
    path: str
    kind: str
    state: StudyState
    progress_percent: int
    message: str | None
    uploaded_by: str
    uploaded: dt.datetime


def case_folder(store: Store, key: CaseKey) -> Path:
    """Where the studies of a case lie; image paths of its events start here."""
    return store.folder.studies / key.centre / key.case


def receive(
    store: Store, by: Actor, key: CaseKey, source: Path, *, how: Taking = _AS_EVER, step: Step = lambda text: None
) -> Received:
    """Take a study of a case: a folder, zip or tar of DICOM, NIfTI or NRRD files, or one such file. It comes in whole or not at all.

    DICOM is de-identified by the centre's key and its policy on dates; headers of NIfTI and NRRD are cleaned; every name of a file is replaced. Raises
    UnsupportedImage, BadInput (the case has these very files too), NoSuchCase, NotPermitted.
    """
    by.require("edit_cases", key.centre)
    with store.read() as connection:
        find_case(connection, key)
    rules = Rules(key.case, store.folder.centre_key(key.centre), store.folder.dates_policy)
    home = case_folder(store, key)
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    place = home / f"study-{secrets.token_hex(6)}"
    with passing(home, INCOMING) as made:
        files = made / "files"
        step("unpacking")
        unpack(source, files, how.limits)
        clean = made / "clean"
        clean.mkdir()
        words = _volumes(files, clean, step)
        arrival = _dicom(files, clean, rules, step, pixels_seen=how.pixels_seen)
        step("keeping the digests of its files")
        files = arrived(clean)
        clean.rename(place)
    try:
        with store.transaction(by) as tx:
            row = find_case(tx.connection, key)
            _not_twice(store, tx.connection, row.id, files)
            study = insert_row(
                tx.connection,
                studies,
                case_id=row.id,
                path=str(place.relative_to(store.folder.studies)),
                kind="volume" if arrival is None else "dicom",
                state="waiting",
                progress_percent=0,
                link=None if arrival is None else seal(rules.key, arrival.link),
                uploaded_by=by.name,
                uploaded=tx.at,
                files=canonical(files),
                words=None if arrival is None else canonical(hashes_of(tx.key, key.case, arrival.link.patient)),
            )
            detail = {"study": study, "files": len(files), **({"pixels_seen": True} if how.pixels_seen else {})}
            tx.note("study.receive", centre=key.centre, case=key.case, detail=detail, wrote=[("study", study)])
    except BaseException:
        shutil.rmtree(place, ignore_errors=True)
        raise
    if arrival is None:
        return Received(study, place, len(files), (), words)
    aside = tuple(sorted(arrival.left_aside.items()))
    named = places_that_name(store, case_as_known(store, by, key))
    return Received(study, place, len(files), arrival.warnings, (*words, *arrival.words), aside, named)


def _not_twice(store: Store, connection: Connection, case_id: int, files: Mapping[str, str]) -> None:
    """Raises BadInput when a study of the case that is still there holds these very files."""
    there = connection.execute(
        select(studies.c.id, studies.c.path, studies.c.files).where(studies.c.case_id == case_id)
    )
    for study in there:
        kept: dict[str, str] = json.loads(study.files or "{}")
        digests = sorted(digest for name, digest in kept.items() if not is_derived(name))
        if digests == sorted(files.values()) and (store.folder.studies / study.path).is_dir():
            raise BadInput(
                f"the case has these files already: study {study.id}",
                hint="Open that study; it can be measured again there.",
            )


def _volumes(files: Path, clean: Path, step: Step) -> tuple[str, ...]:
    """Clean the NIfTI and NRRD files, and take them out of `files`; gives the names of their segments."""
    words: list[str] = []
    found = sorted(file for file in files.rglob("*") if file.name.lower().endswith(ENDINGS))
    for number, file in enumerate(found, 1):
        step(f"file {number} of {len(found)}")
        role = role_of_name(file.name)  # a word of ours; the name itself may be a patient's
        words += clean_volume(file, clean / f"{number:04d}{'' if role is None else f'-{role}'}{_ending(file)}")
        file.unlink()
    return tuple(words)


def _dicom(files: Path, clean: Path, rules: Rules, step: Step, *, pixels_seen: bool) -> Arrival | None:
    """De-identify what is left; None when NIfTI or NRRD came and nothing else is DICOM."""
    try:
        return deidentify_folder(files, clean / "dicom", rules, step, pixels_seen=pixels_seen)
    except UnsupportedImage:
        if any(clean.iterdir()):
            return None
        raise


def _ending(file: Path) -> str:
    name = file.name.lower()
    return next(ending for ending in (".seg.nrrd", ".nii.gz", ".nrrd", ".nii") if name.endswith(ending))


def list_studies(store: Store, by: Actor, key: CaseKey) -> tuple[StudyLine, ...]:
    """The studies of a case, in the order in which they came."""
    by.require("see_cases", key.centre)
    with store.read() as connection:
        row = find_case(connection, key)
        shown = [column for column in studies.c if column.name not in {"files", "link", "words"}]  # which are long
        rows = connection.execute(select(*shown).where(studies.c.case_id == row.id).order_by(studies.c.id)).all()
    return tuple(
        StudyLine(each.id, key, each.path.rpartition("/")[2], each.kind, each.state, each.progress_percent, each.message, each.uploaded_by, each.uploaded)
        for each in rows
    )  # fmt: skip


# --- the way back --------------------------------------------------------------------------------------------------------------------------------------


def for_source(
    store: Store, by: Actor, study_id: int, results: Iterator[Path] | tuple[Path, ...], folder: Path
) -> tuple[Path, ...]:
    """DICOM results of a study, given back to their patient and written into the new `folder`, to be sent to the PACS that the study came from.

    Each use of the link is in the trail. Delete the folder when they are sent. Raises MissingData when the study has no link, BadInput for results of
    another study, NotPermitted.
    """
    link = _open_link(store, by, study_id)
    joined = [file_bytes(rejoin(read_whole(file), link)) for file in results]
    folder.mkdir(mode=0o700)
    written: list[Path] = []
    for number, content in enumerate(joined, 1):
        written.append(folder / f"{number:05d}.dcm")
        written[-1].write_bytes(content)
    return tuple(written)


def _open_link(store: Store, by: Actor, study_id: int) -> Link:
    with store.read() as connection:
        row = _row(connection.execute(
            select(studies.c.link, cases.c.pseudonym, centres.c.name.label("centre"))
            .join(cases, cases.c.id == studies.c.case_id)
            .join(centres, centres.c.id == cases.c.centre_id)
            .where(studies.c.id == study_id)
        ).first())  # fmt: skip
    by.require("exchange_data", row.centre)
    store.note(by, "study.link", centre=row.centre, case=row.pseudonym, detail={"study": study_id})
    return unseal(store.folder.centre_key(row.centre), row.link)


def _row(row: Any) -> Row[Any]:
    if row is None or row.link is None:
        raise MissingData(
            "the study has no way back to a source", hint="Only DICOM studies that were received here have one."
        )
    return row


def seal(key: bytes, link: Link) -> str:
    """The link, compressed and encrypted (AES-256-GCM, NIST SP 800-38D) under a key derived from the centre's (HKDF, RFC 5869)."""
    nonce = secrets.token_bytes(12)
    plain = zlib.compress(json.dumps(link.as_json()).encode())
    return base64.b64encode(nonce + _cipher(key).encrypt(nonce, plain, _SEAL)).decode()


def unseal(key: bytes, sealed: str) -> Link:
    """The link again. Raises BadInput when the key is another one, or the text was changed."""
    from cryptography.exceptions import InvalidTag

    try:
        raw = base64.b64decode(sealed, validate=True)
        plain = _cipher(key).decrypt(raw[:12], raw[12:], _SEAL)
    except (InvalidTag, ValueError):
        raise BadInput(
            "the way back to the source cannot be opened", hint="Is the key of the centre the one it was sealed with?"
        ) from None
    return Link.from_json(json.loads(zlib.decompress(plain)))


def _cipher(key: bytes) -> Any:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    return AESGCM(HKDF(algorithm=SHA256(), length=32, salt=None, info=_SEAL).derive(key))
