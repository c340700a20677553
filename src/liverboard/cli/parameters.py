"""Parameters that several commands share."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Annotated

import typer


def day(text: str | None) -> dt.date | None:
    if text is None:
        return None
    try:
        if len(text) != 10:
            raise ValueError
        return dt.date.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"'{text}' is not an ISO day such as 2024-05-15") from None


def today() -> dt.date:
    return dt.datetime.now().astimezone().date()


CasePath = Annotated[
    Path | None, typer.Argument(metavar="CASE", help="A case file (YAML or JSON), or a folder that holds case.yaml.")
]
Sample = Annotated[
    str | None, typer.Option("--sample", metavar="NAME", help="Use a bundled sample instead: real-y90, typed-in.")
]
AsOf = Annotated[
    str | None,
    typer.Option("--as-of", metavar="DATE", help="What was true by this day. Default: the case's own, else today."),
]
Json = Annotated[bool, typer.Option("--json", help="One JSON document on stdout, nothing else there.")]
