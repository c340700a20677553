"""What can go wrong, said to the person who can act.

    LiverboardError
    ├── UserError                 shown without traceback
    │   ├── BadInput              10  the file or value cannot be read as what it should be
    │   ├── UnsupportedImage      11  an image that we cannot read or measure
    │   ├── MissingData           12  something needed was not given
    │   ├── KnowledgeBaseError    13  the packaged knowledge is inconsistent
    │   └── NotPermitted          14
    └── InternalError             70  our fault; details go to the log only

Messages never carry a patient identifier.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong in a file: where it is, what was read, what is allowed, what to do."""

    message: str
    line: int | None = None
    event: str | None = None
    field: str | None = None
    read: str | None = None
    allowed: str | None = None
    hint: str | None = None

    def __str__(self) -> str:
        place = ", ".join(
            part
            for part in (
                f"line {self.line}" if self.line else "",
                f"event {self.event}" if self.event else "",
                f"field {self.field}" if self.field else "",
            )
            if part
        )
        text = f"{place}: {self.message}" if place else self.message
        if self.read is not None:
            text += f"; read {self.read}"
        if self.allowed:
            text += f"; allowed: {self.allowed}"
        if self.hint:
            text += f"; {self.hint}"
        return text

    def as_dict(self) -> dict[str, object]:
        return {key: value for key, value in asdict(self).items() if value is not None}


class LiverboardError(Exception):
    """Base of everything raised on purpose."""

    exit_code = 70


class UserError(LiverboardError):
    """Something the user can put right: what happened, what to do next, where."""

    exit_code = 10
    http_status = 400

    def __init__(self, message: str, *, hint: str = "", where: str = "", problems: Sequence[Problem] = ()) -> None:
        self.message = message
        self.hint = hint
        self.where = where
        self.problems = tuple(problems)
        super().__init__(message)

    def __str__(self) -> str:
        lines = [f"{self.where}: {self.message}" if self.where else self.message]
        lines += [f"  {problem}" for problem in self.problems]
        if self.hint:
            lines.append(f"  {self.hint}")
        return "\n".join(lines)

    def as_dict(self) -> dict[str, object]:
        return {
            "error": type(self).__name__,
            "exit_code": self.exit_code,
            "message": self.message,
            "hint": self.hint,
            "where": self.where,
            "problems": [problem.as_dict() for problem in self.problems],
        }


class BadInput(UserError):  # noqa: N818  (the error tree of the design names them so)
    exit_code = 10


class UnsupportedImage(UserError):  # noqa: N818
    exit_code = 11
    http_status = 415


class MissingData(UserError):  # noqa: N818
    exit_code = 12
    http_status = 422


class KnowledgeBaseError(UserError):
    exit_code = 13
    http_status = 422


class NotPermitted(UserError):  # noqa: N818
    exit_code = 14
    http_status = 403


class InternalError(LiverboardError):
    """Our own fault. The user sees the incident id; the log has the details."""

    exit_code = 70

    def __init__(self, incident: str) -> None:
        self.incident = incident
        super().__init__(
            f"An internal error occurred (incident {incident}). The log has the details; no output was written."
        )
