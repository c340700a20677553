"""A study on its way in: a form with files, written to disk piece by piece, within limits, and not before its token is right."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Final

from fastapi import Request
from python_multipart.exceptions import FormParserError, MultipartParseError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import ClientDisconnect

from liverboard.errors import BadInput, UserError
from liverboard.registry.archive import STUDY

LIMIT_VARIABLE: Final = "LIVERBOARD_UPLOAD_MB"
_LIMIT_MB: Final = 4000
_FIELD_BYTES: Final = 20_000
_HEADER_BYTES: Final = 8_000


class TooLarge(UserError):  # noqa: N818  (the error tree of the design names them so)
    http_status = 413


class NoRoom(UserError):  # noqa: N818
    exit_code = 12
    http_status = 507


def most_megabytes() -> int:
    """How much one upload may hold: LIVERBOARD_UPLOAD_MB, else 4000."""
    text = os.environ.get(LIMIT_VARIABLE, "")
    return int(text) if text.isdecimal() and int(text) > 0 else _LIMIT_MB


async def receive(request: Request, folder: Path, prove: Callable[[str], None]) -> dict[str, str]:
    """Write the files of the form into `folder`, numbered where two have one name, and give its fields. `prove` takes the form's token, or raises; no byte of a file is written before.

    Raises TooLarge, NoRoom, BadInput: no such form, cut short, too many files.
    """
    _, options = parse_options_header(request.headers.get("content-type", ""))
    boundary = options.get(b"boundary")
    most = most_megabytes() * 1_000_000
    length = request.headers.get("content-length", "")
    if length.isdigit() and int(length) > most:
        raise _too_large()
    if not boundary:
        raise BadInput("this is no form with files", hint="Use the page for uploads.")
    sink = _Sink(folder, prove)
    parser = MultipartParser(boundary, sink.callbacks())  # pyright: ignore[reportArgumentType]
    total = 0
    try:
        async for block in request.stream():
            total += len(block)
            if total > most:
                raise _too_large()
            parser.write(block)
        parser.finalize()
        sink.prove_once()
        if not sink.whole:
            raise MultipartParseError("no end")
    except (FormParserError, ClientDisconnect):
        raise BadInput("the upload was cut short", hint="Nothing was kept. Send it again.") from None
    except OSError as error:
        raise no_room(error) from None
    finally:
        sink.close()
    return sink.fields


def no_room(error: OSError) -> UserError:
    """What a full or broken disk means to who sends a study."""
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return NoRoom(
            "the disk of the server has no room for this study", hint="Nothing was kept. Tell the administrator."
        )
    return NoRoom("the server could not keep the study", hint="Nothing was kept. Tell the administrator.")


def _too_large() -> TooLarge:
    return TooLarge(
        f"the study is larger than {most_megabytes():,} MB",
        hint="Nothing was kept. Send fewer series, or ask the administrator for a higher limit.",
    )


@dataclass(slots=True)
class _Sink:
    """Takes the parts of a form as they come."""

    folder: Path
    prove: Callable[[str], None]
    fields: dict[str, str] = field(default_factory=dict[str, str])
    count: int = 0
    whole: bool = False  # the end of the form has come
    _proven: bool = False
    _name: str = ""
    _header: bytearray = field(default_factory=bytearray)
    _value: bytearray = field(default_factory=bytearray)
    _disposition: bytes = b""
    _text: bytearray = field(default_factory=bytearray)
    _file: IO[bytes] | None = None
    _is_file: bool = False

    def callbacks(self) -> dict[str, Any]:
        return {
            "on_part_begin": self._begin,
            "on_header_field": self._header_field,
            "on_header_value": self._header_value,
            "on_header_end": self._header_end,
            "on_headers_finished": self._open,
            "on_part_data": self._data,
            "on_part_end": self._end,
            "on_end": self._finish,
        }

    def prove_once(self) -> None:
        if not self._proven:
            self.prove(self.fields.get("csrf", ""))
            self._proven = True

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def _grow(self, buffer: bytearray, data: bytes, most: int) -> None:
        if len(buffer) + len(data) > most:
            raise BadInput("a field of the form is too long", hint="Use the page for uploads.")
        buffer += data

    def _begin(self) -> None:
        self._disposition = b""
        self._text.clear()
        self._is_file = False

    def _header_field(self, data: bytes, start: int, end: int) -> None:
        self._grow(self._header, data[start:end], _HEADER_BYTES)

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._grow(self._value, data[start:end], _HEADER_BYTES)

    def _header_end(self) -> None:
        if bytes(self._header).lower() == b"content-disposition":
            self._disposition = bytes(self._value)
        self._header.clear()
        self._value.clear()

    def _open(self) -> None:
        _, options = parse_options_header(self._disposition)
        self._name = options.get(b"name", b"").decode("utf-8", "replace")[:64]
        self._is_file = b"filename" in options
        name = options.get(b"filename", b"").decode("utf-8", "replace")
        if self._is_file:
            self.prove_once()
        if self._is_file and name:
            self.count += 1
            if self.count > STUDY.files:
                raise BadInput(f"there are more than {STUDY.files:,} files", hint="Send one study at a time.")
            plain = _plain(name)
            taken = not plain or (self.folder / plain).exists()
            self._file = (self.folder / (f"{self.count:05d}-{plain}" if taken else plain)).open("xb")

    def _data(self, data: bytes, start: int, end: int) -> None:
        if self._file is not None:
            self._file.write(data[start:end])
        elif not self._is_file:
            self._grow(self._text, data[start:end], _FIELD_BYTES)

    def _end(self) -> None:
        self.close()
        if not self._is_file and self._name:
            self.fields[self._name] = self._text.decode("utf-8", "replace").replace("\x00", "")

    def _finish(self) -> None:
        self.whole = True


def _plain(name: str) -> str:
    """The last part of a file's name as sent, in letters that lead nowhere."""
    last = re.split(r"[\\/]", name)[-1]
    return re.sub(r"[^A-Za-z0-9._-]", "_", last)[-80:].lstrip(".")
