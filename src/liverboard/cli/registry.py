"""`liverboard registry`: the store of a centre, made, verified, backed up, brought back, moved. Who sits at this terminal holds the files, so acts with every right."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer

from liverboard.cli.parameters import Json

if TYPE_CHECKING:
    from liverboard.registry.folder import DataFolder
    from liverboard.registry.store import Store

registry_app = typer.Typer(
    no_args_is_help=True, help="The store of a centre: make, verify, back up, bring back, move. Research use."
)
Data = Annotated[
    Optional[Path],  # noqa: UP045
    typer.Option("--data", metavar="DIR", help="The data folder. Default: LIVERBOARD_DATA, else your own data folder."),
]


@registry_app.command(epilog="Example: liverboard registry init --data /srv/liverboard --centre lyon")
def init(
    data: Data = None,
    centre: Annotated[
        str | None, typer.Option("--centre", metavar="NAME", help="The centre: letters, digits, '-', '_' and '.'.")
    ] = None,
    url: Annotated[
        str | None,
        typer.Option("--url", metavar="URL", help="Default: one SQLite file in the folder. Else postgresql://user@host/name; its password by LIVERBOARD_REGISTRY_URL or ~/.pgpass."),
    ] = None,
    keys: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option("--keys", metavar="DIR", help="Where the keys lie, such as another disk. Default: keys in the folder."),
    ] = None,
    json: Json = False,
) -> None:  # fmt: skip
    """Make a registry, or bring one of an older release up to date. Done twice, it changes nothing."""
    from liverboard.cli.show import show_json
    from liverboard.registry.folder import default_folder, make_folder, open_folder
    from liverboard.registry.migrate import head_revision
    from liverboard.registry.store import Store

    path = data or default_folder()
    if centre is None:
        if not (path / "config.yaml").exists():
            raise typer.BadParameter("a new registry needs --centre", param_hint="--centre")
        folder = open_folder(path)
    else:
        folder = make_folder(path, centre, url=url, keys=keys)
    with closing(Store.initialise(folder)) as store:
        database = store.engine.dialect.name
    if json:
        show_json({"folder": str(path), "centre": folder.centre, "database": database, "version": head_revision(), "keys": str(folder.keys)})  # fmt: skip
        return
    typer.echo(f"registry of {folder.centre} in {path} ({database}), version {head_revision()}")
    typer.echo(f"Keep a copy of {folder.keys} away from this machine: without the keys no backup can be used.")


@registry_app.command(epilog="Example: liverboard registry centre paris")
def centre(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The centre: letters, digits, '-', '_' and '.'.")],
    data: Data = None,
    json: Json = False,
) -> None:
    """Add a further centre, with a key of its own; the centres of one registry do not see each other's cases."""
    from liverboard.registry.permissions import CONSOLE
    from liverboard.registry.store import add_centre

    folder = _folder(data)
    with closing(open_store(data)) as store, store.transaction(CONSOLE) as tx:
        add_centre(tx, name)
        folder.make_centre_key(name)  # a centre whose key cannot be written is not kept
    _show(json, {"centre": name}, f"centre {name} is in the registry; keep a copy of its key too")


@registry_app.command(epilog="Example: liverboard registry verify --head heads-of-last-month.jsonl")
def verify(
    data: Data = None,
    head: Annotated[
        Optional[list[Path]],  # noqa: UP045
        typer.Option("--head", metavar="FILE", help="A file of heads that was kept elsewhere; may be given again."),
    ] = None,
    keep_head: Annotated[
        bool, typer.Option("--keep-head", help="Add today's head to heads.jsonl, for you to keep elsewhere.")
    ] = False,
    json: Json = False,
) -> None:
    """Find any change, removal, insertion or truncation behind the registry's back. Exit code 10 when there is one."""
    from liverboard.cli.show import progress, show_json
    from liverboard.errors import MissingData
    from liverboard.registry.audit import Head, read_heads
    from liverboard.registry.backup import keep_store_head, verify_store
    from liverboard.registry.permissions import CONSOLE

    heads: list[Head] = []
    for file in head or []:
        if not file.is_file():
            raise MissingData("there is no such file", where=file.name, hint="Name a file of heads.")
        heads += read_heads(file)
    with progress("Verifying"), closing(open_store(data)) as store:
        found = verify_store(store, CONSOLE, heads)
        kept = keep_store_head(store, CONSOLE) if keep_head and not found.faults else None
    if json:
        show_json(
            {
                "entries": found.entries,
                "rows": found.rows,
                "heads": found.heads,
                "faults": list(found.faults),
                "notes": list(found.notes),
                "kept_head": None if kept is None else {"seq": kept.seq, "mac": kept.mac},
            }
        )
    elif found.faults:
        typer.echo(f"{len(found.faults)} faults in {found.entries} audit entries and {found.rows} rows:")
        for fault in found.faults:
            typer.echo(f"  {fault}")
    else:
        typer.echo(f"{found.entries} audit entries and {found.rows} rows are as they were written; {found.heads} heads compared")  # fmt: skip
        if kept is not None:
            typer.echo(f"head {kept.seq} {kept.mac}: keep it away from this machine")
    for note in () if json else found.notes:
        typer.echo(f"note: {note}")
    if found.faults:
        raise typer.Exit(10)


@registry_app.command(epilog="Example: liverboard registry backup /backup/registry-2026-03-01.sqlite")
def backup(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A new file.")], data: Data = None, json: Json = False
) -> None:
    """Write the registry as it is at one moment into a file, while others work on. Keys and studies are copied by other means."""
    from liverboard.cli.show import progress
    from liverboard.registry.backup import back_up
    from liverboard.registry.permissions import CONSOLE

    with progress("Backing up"), closing(open_store(data)) as store:
        made = back_up(store, CONSOLE, file)
    _show(json, {"file": str(file), "rows": made.rows, "head": {"seq": made.head.seq, "mac": made.head.mac}}, f"{made.rows} rows in {file}; the head of the chain is entry {made.head.seq}")  # fmt: skip


@registry_app.command(epilog="Example: liverboard registry restore /backup/registry-2026-03-01.sqlite --data /srv/new")
def restore(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A file that `registry backup` wrote.")],
    data: Data = None,
    json: Json = False,
) -> None:
    """Bring a backup back into a data folder that has its keys and no registry yet. A changed backup is refused."""
    from liverboard.cli.show import progress
    from liverboard.registry.backup import restore as bring_back

    with progress("Restoring"):
        back = bring_back(file, _folder(data))
    lost = f"; {back.lost} audit entries, and what they wrote, came after this backup and are lost" if back.lost else ""
    _show(json, {"rows": back.rows, "head": {"seq": back.head.seq, "mac": back.head.mac}, "lost": back.lost}, f"{back.rows} rows are back, verified{lost}")  # fmt: skip


@registry_app.command(epilog="Example: liverboard registry move postgresql://registry@/liverboard")
def move(
    url: Annotated[str, typer.Argument(metavar="URL", help="An empty database: postgresql://user@host/name, or sqlite:////path.")],
    data: Data = None,
    json: Json = False,
) -> None:  # fmt: skip
    """Move the registry into another database, such as from SQLite to PostgreSQL. Stop the web app first."""
    from liverboard.cli.show import progress
    from liverboard.registry.backup import move as move_store
    from liverboard.registry.folder import database_url
    from liverboard.registry.permissions import CONSOLE

    with progress("Moving"), closing(open_store(data)) as store:
        moved = move_store(store, CONSOLE, database_url(url))
    _show(json, {"rows": moved.rows, "head": {"seq": moved.head.seq, "mac": moved.head.mac}}, f"{moved.rows} rows moved and verified; config.yaml names the new database, without a password")  # fmt: skip


def _folder(data: Path | None) -> DataFolder:
    from liverboard.registry.folder import default_folder, open_folder

    return open_folder(data or default_folder())


def open_store(data: Path | None) -> Store:
    """The store of a data folder."""
    from liverboard.registry.store import Store

    return Store.open(_folder(data))


def _show(json: bool, document: dict[str, object], sentence: str) -> None:
    from liverboard.cli.show import show_json

    if json:
        show_json(document)
    else:
        typer.echo(sentence)
