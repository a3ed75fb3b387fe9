"""Revisions: where a database stands, and how it gets to where this version needs it.

Alembic takes most of a second to import, so that happens only if there is something to do.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from agor_core.db import failures
from agor_core.db.change_log import HEAD
from agor_core.db.engine import shown
from agor_core.errors import ConfigError
from agor_core.ids import ANONYMOUS_ID, new_id
from agor_core.models import Board
from agor_core.models.board import DEFAULT_NAME, DEFAULT_SLUG

if TYPE_CHECKING:
    from agor_core.db.database import Database
    from agor_core.db.transaction import Transaction


def prepare(database: Database) -> None:
    """Upgrade an embedded or empty database. Raises ConfigError for a shared one that is behind."""
    current = _current(database)
    if database.file is None and current is not None and current != head() and _is_known(database, current):
        raise ConfigError(
            f"{database.name} is at revision {current}, this version needs {head()}: run `agor db upgrade`"
        )
    upgrade(database)


def upgrade(database: Database) -> None:
    """Bring the database to the newest revision; give it an epoch and its first board if it is new."""
    with failures.at_startup(database.name):
        current = _current(database)
        if current is not None:
            _is_known(database, current)
        if current != head():
            if current is not None and database.file is not None:
                backup_beside(database.file, current)
            _run(database, lambda command, config: command.upgrade(config, "head"))
            _make_private(database.file)
        database.write_now(_seed)


def downgrade(database: Database, revision: str) -> None:
    """Bring the database back to an earlier revision, after a copy of an embedded one."""
    with failures.at_startup(database.name):
        current = _current(database)
        if current is not None and database.file is not None:
            backup_beside(database.file, current)
        _run(database, lambda command, config: command.downgrade(config, revision))


def check_begun(database: Database) -> str:
    """The revision of the database. Raises ConfigError for one that is empty."""
    current = _current(database)
    if current is None:
        raise ConfigError(f"{database.name} holds nothing yet; start the daemon, or run `agor db upgrade`")
    return current


def check_current(database: Database) -> None:
    """Raise ConfigError unless the database is at the revision this version of Agor knows whole."""
    current = check_begun(database)
    if _is_known(database, current) and current != head():
        raise ConfigError(f"{database.name} is at revision {current}, not {head()}: run `agor db upgrade` first")


def status(database: Database) -> dict[str, Any]:
    """`{backend, url, current, head, is_current}`; `current` is None for a database that is empty."""
    current = _current(database)
    return {
        "backend": database.backend,
        "url": shown(database.url),
        "current": current,
        "head": head(),
        "is_current": current == head(),
    }


def folder() -> Path:
    """Where the migrations are: inside the package once it is installed, at the top of the repository before."""
    installed = Path(__file__).with_name("migrations")
    return installed if installed.is_dir() else Path(__file__).parents[2] / "migrations"


def revisions() -> list[str]:
    """All revisions, oldest first; each is the number its file begins with."""
    return sorted(path.name.split("_")[0] for path in (folder() / "versions").glob("[0-9]*.py"))


def head() -> str:
    """The revision this version of Agor needs."""
    return revisions()[-1]


def backup_beside(file: Path, label: str) -> Path:
    """A copy of an embedded database in the same folder; consistent even while others use it."""
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S")
    copy = file.with_name(f"{file.name}.{label}.{stamp}.backup")
    copy.touch(mode=0o600)
    try:
        _copy_all(file, copy)
    except sqlite3.Error:
        for left in (copy, copy.with_name(f"{copy.name}-journal")):
            left.unlink(missing_ok=True)
        raise
    return copy


def _copy_all(file: Path, copy: Path) -> None:
    with contextlib.closing(sqlite3.connect(file)) as source, contextlib.closing(sqlite3.connect(copy)) as target:
        source.backup(target)


def _current(database: Database) -> str | None:
    with failures.at_startup(database.name):
        _create(database.file)
        return _revision(database)


def _revision(database: Database) -> str | None:
    with database.engines.reading.connect() as connection:
        if not sa.inspect(connection).has_table("alembic_version"):
            return None
        revision: str | None = connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar()
        return revision


def _is_known(database: Database, revision: str) -> bool:
    if revision in revisions():
        return True
    raise ConfigError(f"{database.name} was made by a newer Agor (revision {revision}, we know {head()}): upgrade Agor")


def _create(file: Path | None) -> None:
    """Make the file of a new database: what SQLite puts beside it while it is open has the permissions of the file."""
    if file is not None and file.parent.is_dir() and not file.exists():
        file.touch(mode=0o600)


def _make_private(file: Path | None) -> None:
    if file is not None:
        file.chmod(0o600)


def _run(database: Database, do: Callable[[Any, Any], None]) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(folder()).replace("%", "%%"))
    config.attributes["engine"] = database.engines.writing
    do(command, config)


def _seed(tx: Transaction) -> None:
    """What exists from the start: a history that begins here, and one board."""
    if tx.connection.execute(sa.select(HEAD.c.head_id)).first() is not None:
        return
    tx.connection.execute(sa.insert(HEAD), {"head_id": 1, "epoch": new_id(), "seq": 0})
    tx.boards.add(Board(name=DEFAULT_NAME, slug=DEFAULT_SLUG, created_by=ANONYMOUS_ID))
