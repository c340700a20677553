"""Adding an event to a case file on disk: checked as a whole first, then put in place of the old file in one step."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from liverboard.board.load import open_case
from liverboard.clinical.case_append import with_event
from liverboard.errors import BadInput


def append_event(path: Path, event: Mapping[str, Any]) -> Path:
    """As `append_events`, of one event."""
    return append_events(path, [event])


def append_events(path: Path, events: Sequence[Mapping[str, Any]]) -> Path:
    """Add events (as `clinical.case_append.with_event` takes each) to the case file, or to the case file of the folder, and give the file's path.

    Either the whole new file is there or the old one is untouched. Raises BadInput: no readable case before or after, a file that cannot be written, or one
    that changed in the meantime.
    """
    opened = open_case(path)
    file = opened.folder / opened.inputs[0].what
    raw = file.read_bytes()
    mark = b"\xef\xbb\xbf" if raw.startswith(b"\xef\xbb\xbf") else b""
    text = raw.decode("utf-8-sig")
    for event in events:
        text = with_event(text, event, where=file.name, is_json=file.suffix.lower() == ".json")
    changed = mark + text.encode()
    target = file.resolve()  # a link stays a link
    try:
        handle, name = tempfile.mkstemp(prefix=f".{target.name}-", dir=target.parent)
        waiting = Path(name)
        try:
            with os.fdopen(handle, "wb") as new:
                new.write(changed)
                new.flush()
                os.fsync(new.fileno())
            waiting.chmod(target.stat().st_mode & 0o777)
            if target.read_bytes() != raw:
                raise BadInput("the file was changed meanwhile", where=file.name, hint="Run the command again.")
            waiting.replace(target)
        finally:
            waiting.unlink(missing_ok=True)
    except OSError as error:
        raise BadInput(
            f"the case cannot be written ({error.strerror or 'error'})",
            where=file.name,
            hint="Check the rights of the file and its folder; the case is unchanged.",
        ) from None
    return file
