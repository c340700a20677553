"""A process that writes to a store until it is stopped, and notes in a file what the store acknowledged. Fault tests start it and kill it."""

from __future__ import annotations

import os
import resource
from pathlib import Path

from tests.registry_samples import CASE, EDITOR, LABS

from liverboard.registry.cases import CaseKey, add_case, append_events, correct
from liverboard.registry.folder import open_folder
from liverboard.registry.store import Store, StoreUnavailable

PER_WRITE = 2  # events of each append: half of them would be a half write


def write_on(data: Path, acknowledged: Path, prefix: str, room_bytes: int | None = None) -> None:
    """Add cases and events without end. Each acknowledged write is a line `case version` in the file `acknowledged`, on the disk before the next begins.

    `room_bytes`: how large the files of this process may grow; then it ends with a line `full` when the store said so.
    """
    store = Store.open(open_folder(data))
    if room_bytes is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (room_bytes, resource.RLIM_INFINITY))
    out = os.open(acknowledged, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    number = 0
    while True:
        number += 1
        key = CaseKey("lyon", f"{prefix}-{number}")
        try:
            with store.transaction(EDITOR) as tx:
                version = add_case(tx, "lyon", CASE.model_copy(update={"case": key.case}))
            os.write(out, f"{key.case} {version}\n".encode())
            for day in range(1, 6):
                pair = [{**LABS, "date": f"2024-07-0{day}"}, {"kind": "clinic", "date": f"2024-07-0{day}", "ecog": 1}]
                with store.transaction(EDITOR) as tx:
                    version = append_events(tx, key, pair, version)
                os.write(out, f"{key.case} {version}\n".encode())
            with store.transaction(EDITOR) as tx:
                version = correct(tx, key, "l1", {**LABS, "date": "2024-05-02"}, version)
            os.write(out, f"{key.case} {version}\n".encode())
        except StoreUnavailable as error:
            os.write(out, f"full {str(error).splitlines()[0]}\n".encode())
            return
