"""Where our own faults are written: frames only, no values, so no patient data."""

from __future__ import annotations

import os
import secrets
import traceback
from pathlib import Path


def log_file() -> Path:
    """$XDG_STATE_HOME/liverboard/incidents.log, else ~/.local/state/..."""
    base = os.environ.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
    return Path(base) / "liverboard" / "incidents.log"


def keep_incident(error: BaseException) -> str:
    """Write where `error` came from, and give the id under which the log has it."""
    incident = secrets.token_hex(4)
    try:
        log_file().parent.mkdir(parents=True, exist_ok=True)
        with log_file().open("a", encoding="utf-8") as log:
            log.write(
                f"incident {incident}: {type(error).__name__}\n{''.join(traceback.format_tb(error.__traceback__))}\n"
            )
    except OSError:
        pass  # the log is a help to us; the user still gets the incident
    return incident
