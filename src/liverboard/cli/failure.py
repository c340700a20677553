"""The one place where errors become exit codes and words.

User errors: 10 bad input, 11 unsupported image, 12 missing data, 13 knowledge base, 14 not permitted. Wrong usage of a command: 2. Our own fault: 70, with an
incident id on screen and the details (frames only, no values, so no patient data) in the log.
"""

from __future__ import annotations

import json
import os
import secrets
import sys
import traceback
from pathlib import Path
from typing import TYPE_CHECKING

from liverboard.errors import InternalError, LiverboardError, UserError

if TYPE_CHECKING:
    import typer


def log_file() -> Path:
    """Where incidents are written: $XDG_STATE_HOME/liverboard/incidents.log, else ~/.local/state/..."""
    base = os.environ.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
    return Path(base) / "liverboard" / "incidents.log"


def run(app: typer.Typer) -> int:
    """Run the command line and give its exit code. Nothing escapes as a traceback."""
    as_json = "--json" in sys.argv[1:]
    try:
        app(prog_name="liverboard")
    except SystemExit as done:
        return done.code if isinstance(done.code, int) else int(done.code is not None)
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)  # noqa: T201
        return 130
    except BrokenPipeError:
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115, PTH123
        return 0
    except UserError as error:
        return _tell(error, as_json=as_json)
    except LiverboardError as error:
        return _tell(error, as_json=as_json)
    except MemoryError:
        return _tell(
            UserError(
                "the machine has too little free memory for this input",
                hint="Close other programs, or use a machine with more memory.",
            ),
            as_json=as_json,
        )
    except Exception as error:
        return _tell(_incident(error), as_json=as_json)
    return 0


def _incident(error: BaseException) -> InternalError:
    incident = secrets.token_hex(4)
    try:
        log_file().parent.mkdir(parents=True, exist_ok=True)
        with log_file().open("a", encoding="utf-8") as log:
            log.write(
                f"incident {incident}: {type(error).__name__}\n{''.join(traceback.format_tb(error.__traceback__))}\n"
            )
    except OSError:
        pass  # the log is a help to us; the user still gets the incident and the exit code
    return InternalError(incident)


def _tell(error: LiverboardError, *, as_json: bool) -> int:
    if as_json:
        shape = (
            error.as_dict()
            if isinstance(error, UserError)
            else {"error": "InternalError", "exit_code": error.exit_code, "message": str(error)}
        )
        print(json.dumps(shape, ensure_ascii=False, indent=2))  # noqa: T201
    else:
        print(f"liverboard: {error}", file=sys.stderr)  # noqa: T201
    return error.exit_code
