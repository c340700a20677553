"""The one place where errors become exit codes and words.

User errors: 10 bad input, 11 unsupported image, 12 missing data, 13 knowledge base, 14 not permitted. Wrong usage of a command: 2. Our own fault: 70, with an
incident id on screen and the details (frames only, no values, so no patient data) in the log.
"""

from __future__ import annotations

import codecs
import errno
import io
import json
import os
import sys
from typing import TYPE_CHECKING

from liverboard.errors import BadInput, InternalError, LiverboardError, UserError
from liverboard.incidents import keep_incident

if TYPE_CHECKING:
    import typer


_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EFBIG})


def run(app: typer.Typer) -> int:
    """Run the command line and give its exit code. Nothing escapes as a traceback."""
    as_json = "--json" in sys.argv[1:]
    _ready_streams()
    try:
        try:
            app(prog_name="liverboard")
        finally:
            sys.stdout.flush()  # here, where a full disk still becomes a sentence
    except SystemExit as done:
        return done.code if isinstance(done.code, int) else int(done.code is not None)
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)  # noqa: T201
        return 130
    except BrokenPipeError:
        sys.stdout = _nowhere()
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
        if isinstance(error, OSError) and error.errno in _NO_ROOM:
            sys.stdout = _nowhere()
            full = BadInput(
                f"the output cannot be written: {error.strerror}", hint="Free some space, or write elsewhere."
            )
            return _tell(full, as_json=False)
        return _tell(InternalError(keep_incident(error)), as_json=as_json)
    return 0


def _ready_streams() -> None:
    """A sign that the terminal cannot spell becomes `?` and ends nothing; where a stream was closed, its text goes nowhere."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, _nowhere())
        elif isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def _nowhere() -> io.TextIOWrapper:
    return open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123


def json_text(document: object) -> str:
    """As JSON that stdout can spell: beyond ASCII as it stands where stdout is UTF-8, else escaped."""
    spells = codecs.lookup(sys.stdout.encoding or "ascii").name == "utf-8"
    return json.dumps(document, ensure_ascii=not spells, indent=2, allow_nan=False)


def _tell(error: LiverboardError, *, as_json: bool) -> int:
    if as_json:
        shape = (
            error.as_dict()
            if isinstance(error, UserError)
            else {"error": "InternalError", "exit_code": error.exit_code, "message": str(error)}
        )
        print(json_text(shape))  # noqa: T201
    else:
        print(f"liverboard: {error}", file=sys.stderr)  # noqa: T201
    return error.exit_code
