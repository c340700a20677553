"""`liverboard registry import` and `export`: cases in from files, folders and archives; cases, facts and counts out."""

from __future__ import annotations

import datetime as dt
from contextlib import closing
from pathlib import Path
from typing import Annotated, Literal

import typer

from liverboard.cli.parameters import Json, day, today
from liverboard.cli.registry import Data, open_store, registry_app

Centre = Annotated[
    str | None, typer.Option("--centre", metavar="NAME", help="Only this centre. Default: every centre.")
]


@registry_app.command("import", epilog="Example: liverboard registry import cases.zip --centre lyon")
def import_(
    source: Annotated[
        Path, typer.Argument(metavar="SOURCE", help="A case file, a folder of them, or a zip or tar of them.")
    ],
    data: Data = None,
    centre: Annotated[
        str | None,
        typer.Option("--centre", metavar="NAME", help="Whose cases. Default: as each file says, else the folder's own."),
    ] = None,
    chair_agrees: Annotated[
        bool,
        typer.Option("--chair-agrees", help="Also what corrects, withdraws or outdoes a decision that the registry holds; it is in the audit trail."),
    ] = False,
    json: Json = False,
) -> None:  # fmt: skip
    """Bring cases in: all of them, or none and every problem. Done twice, it changes nothing; events that are new are added."""
    from liverboard.cli.show import progress, show_json
    from liverboard.registry.bring import bring
    from liverboard.registry.permissions import CONSOLE

    with progress("Importing") as step, closing(open_store(data)) as store:
        brought = bring(store, CONSOLE, source, centre=centre, chair_agrees=chair_agrees, step=step)
    if json:
        kinds = (("added", brought.added), ("extended", brought.extended), ("unchanged", brought.unchanged))
        show_json({**{kind: [f"{key.centre}/{key.case}" for key in keys] for kind, keys in kinds}, "aside": brought.aside})  # fmt: skip
        return
    aside = f"; {brought.aside} files are no cases" if brought.aside else ""
    typer.echo(f"{len(brought.added)} cases added, {len(brought.extended)} with further events, {len(brought.unchanged)} as they were{aside}")  # fmt: skip


@registry_app.command(epilog="Example: liverboard registry export facts.parquet --as-of board")
def export(
    file: Annotated[
        Path,
        typer.Argument(metavar="FILE", help="A new file: .zip for cases; .parquet or .csv for facts, or for counts."),
    ],
    data: Data = None,
    centre: Centre = None,
    as_of: Annotated[
        str | None,
        typer.Option("--as-of", metavar="DATE", help="Facts as of this day, or `board`: each case as of its own decision. Default: today."),
    ] = None,
    known_at: Annotated[
        str | None, typer.Option("--known-at", metavar="DATE", help="Only what had been entered by the end of this day.")
    ] = None,
    counts: Annotated[
        str | None,
        typer.Option("--counts", metavar="A,B", help="How many cases have each pair of values of two facts; small counts are hidden."),
    ] = None,
    free_text: Annotated[
        bool, typer.Option("--free-text", help="Cases with the words that people typed.")
    ] = False,
    json: Json = False,
) -> None:  # fmt: skip
    """Hand out pseudonymised cases, a table of facts as of any day, or counts."""
    from liverboard.cli.show import progress, show_json
    from liverboard.registry.cases import CaseFilter
    from liverboard.registry.hand_out import (
        COUNTS_NOTE,
        Extract,
        counts_csv,
        counts_of,
        export_cases,
        facts_table,
        write_new,
        write_table,
    )
    from liverboard.registry.permissions import CONSOLE

    ending = file.suffix.lower()
    if ending not in {".zip", ".parquet", ".csv"} or (counts is not None and ending != ".csv"):
        raise typer.BadParameter("the file ends in .zip (cases), .parquet or .csv (facts), .csv (counts)")
    end = None if known_at is None else dt.datetime.combine(day(known_at) or today(), dt.time.max, dt.UTC)
    extract = Extract(which=CaseFilter(centre=centre), known_at=end, free_text=free_text)
    moment: dt.date | Literal["board"] = "board" if as_of == "board" else day(as_of) or today()
    with progress("Exporting") as step, closing(open_store(data)) as store:
        if ending == ".zip":
            count = export_cases(store, CONSOLE, file, extract, step, lambda said: typer.echo(said, err=True))
        else:
            table = facts_table(store, CONSOLE, moment, extract, step)
            count = table.height
            if counts is None:
                write_table(table, file)
            else:
                write_new(file, counts_csv(counts_of(table, *_pair(counts))).encode())
    if json:
        show_json({"file": str(file), "cases": count, **({} if counts is None else {"note": COUNTS_NOTE})})
    else:
        typer.echo(f"{count} cases in {file}")
        if counts is not None:
            typer.echo(COUNTS_NOTE)


def _pair(text: str) -> tuple[str, str]:
    names = [name.strip() for name in text.split(",")]
    if len(names) != 2:
        raise typer.BadParameter(f"'{text}' is not two facts such as who_grade,chosen")
    return names[0], names[1]
