"""Bringing the tables of a store up to date. Each step is a file in `migrations/versions`; none is ever changed after a release."""

from __future__ import annotations

from functools import cache
from importlib.resources import as_file, files
from typing import Final

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, String, column, table

from liverboard.errors import BadInput

MOVED: Final = "moved"  # the version of a database that `registry move` left
version = table("alembic_version", column("version_num", String()))


def migrate(connection: Connection) -> None:
    """Bring the tables up to date inside the transaction of `connection`. Raises BadInput for a store that is newer than this program."""
    found = revision_of(connection)
    with as_file(files("liverboard.registry") / "migrations") as scripts:
        config = _config(str(scripts), connection)
        known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
        if found is not None and found not in known:
            raise BadInput(
                f"the registry is at version {found}, which this program does not know",
                hint="It was written by a newer liverboard: use that one.",
            )
        command.upgrade(config, "head")


def revision_of(connection: Connection) -> str | None:
    """The version of the tables; None where there are none. One that a damaged file states twice is one that no program knows."""
    return ", ".join(MigrationContext.configure(connection).get_current_heads()) or None


@cache
def head_revision() -> str:
    """The version that this program works with."""
    with as_file(files("liverboard.registry") / "migrations") as scripts:
        head = ScriptDirectory.from_config(_config(str(scripts))).get_current_head()
    assert head is not None  # noqa: S101  (the package ships its first step)
    return head


def _config(scripts: str, connection: Connection | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", scripts.replace("%", "%%"))
    config.attributes["connection"] = connection
    return config
