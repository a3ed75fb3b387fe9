"""Backup and restore: an embedded database as a file of the same kind, a server's as an export.

After a restore the change log has another epoch: whoever listened before must fetch everything anew.
"""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa

from agor_core.db import failures, migrate, transfer
from agor_core.db.change_log import HEAD
from agor_core.errors import BadRequest, Conflict, Unavailable
from agor_core.ids import new_id

if TYPE_CHECKING:
    from agor_core.db.database import Database
    from agor_core.db.transaction import Transaction

# 4 MB a step: others may write between two.
PAGES_AT_ONCE = 1000
_FILES_BESIDE = ("-wal", "-shm")

Progress = Callable[[str, int, int], None]
"""Told (what, done, total) after each step."""


def backup(database: Database, to: Path, on_progress: Progress | None = None) -> Path:
    """Write a copy that is of one moment, while others go on. Raises Conflict if `to` exists."""
    if to.exists():
        raise Conflict(f"{to} exists already", path=str(to))
    if database.file is not None and not database.file.exists():
        raise BadRequest(f"there is no database at {database.file} yet; start the daemon first")
    if not to.parent.is_dir():
        raise BadRequest(f"there is no folder {to.parent} to write {to.name} to")
    migrate.check_begun(database)
    with _whole_or_not_at_all(to):
        if database.file is None:
            with to.open("wb") as file:
                transfer.export_to(database, file, on_progress)
        else:
            _copy(database.file, to, on_progress)
    return to


def restore(database: Database, source: Path, on_progress: Progress | None = None) -> Path | None:
    """Put a backup in place of what there is; no daemon may be running on an embedded database.

    That is copied beside itself first: the answer is where. An export goes into a database without sessions only;
    daemons that run on it have their clients fetch everything anew. Raises BadRequest for what is no backup, and
    Conflict for a file that another program has open, before anything is touched.
    """
    if _is_sqlite(source) != (database.file is not None):
        kind = "an embedded database" if database.file is None else "an export (see `agor db import`)"
        raise BadRequest(f"{source} is {kind}, which cannot be restored to {database.backend}")
    if database.file is None:
        _restore_export(database, source, on_progress)
        return None
    _check(source)
    with database.without_connections():
        _refuse_if_in_use(database.file)
        kept = _kept(database.file) if database.file.exists() else None
        new = database.file.with_name(f"{database.file.name}.restoring")
        new.unlink(missing_ok=True)  # of a restore that was killed
        with _whole_or_not_at_all(new):
            _copy(source, new, on_progress)
            for name in _FILES_BESIDE:
                database.file.with_name(database.file.name + name).unlink(missing_ok=True)
            new.replace(database.file)
    database.upgrade()
    database.write_now(_begin_epoch)
    return kept


@contextlib.contextmanager
def _whole_or_not_at_all(file: Path) -> Iterator[None]:
    """A new file that only its owner may read; gone again if what writes it fails."""
    try:
        with failures.translated():
            file.touch(mode=0o600)
            yield
    except BaseException as error:
        for left in (file, file.with_name(f"{file.name}-journal")):
            left.unlink(missing_ok=True)
        if isinstance(error, sqlite3.Error | OSError):
            raise Unavailable(f"{file}: {failures.advice(error)}") from error
        raise


def _refuse_if_in_use(file: Path) -> None:
    """Raise Conflict if another program has the file open: what it writes to the old one would be lost."""
    if not file.exists():
        return
    try:
        with contextlib.closing(sqlite3.connect(file, timeout=0)) as connection:
            # Only the one connection there is may leave the write-ahead log; the file is replaced anyway.
            connection.execute("PRAGMA journal_mode=DELETE")
    except sqlite3.OperationalError as error:
        if "locked" in str(error) or "busy" in str(error):
            raise Conflict(f"{file} is in use: stop the daemon, or whatever else has it open") from error
    except sqlite3.DatabaseError:
        pass  # too damaged to be in use


def _kept(file: Path) -> Path:
    """A copy beside a database that is to be replaced, byte for byte if it is too damaged to be read."""
    try:
        return migrate.backup_beside(file, "replaced")
    except sqlite3.Error:
        copy = file.with_name(f"{file.name}.replaced.damaged")
        with _whole_or_not_at_all(copy):
            shutil.copyfile(file, copy)
        return copy


def _restore_export(database: Database, source: Path, on_progress: Progress | None) -> None:
    database.upgrade()
    if database.read_now(lambda tx: tx.sessions.where(limit=1)):
        raise Conflict("the database holds sessions; restore into an empty one, or use `agor db import` to add")
    with source.open("rb") as lines:
        transfer.import_from(database, lines, on_progress)
    database.write_now(_begin_epoch)


def _begin_epoch(tx: Transaction) -> None:
    tx.connection.execute(sa.update(HEAD).values(epoch=new_id()))


def _is_sqlite(file: Path) -> bool:
    try:
        with file.open("rb") as opened:
            return opened.read(16) == b"SQLite format 3\0"
    except OSError as error:
        raise BadRequest(f"{file} cannot be read: {error.strerror}") from error


def _check(source: Path) -> None:
    """Raise BadRequest unless the file is a whole database of ours, of a revision we know."""
    # A reader of the write-ahead kind leaves files beside what it reads, unless it knows that nobody writes.
    is_whole = not source.with_name(f"{source.name}-wal").exists()
    how = "immutable=1" if is_whole else "mode=ro"
    try:
        with contextlib.closing(sqlite3.connect(f"{source.absolute().as_uri()}?{how}", uri=True)) as connection:
            (verdict,) = connection.execute("PRAGMA quick_check(1)").fetchone()
            (revision,) = connection.execute("SELECT version_num FROM alembic_version").fetchone()
            connection.execute("SELECT session_id FROM sessions LIMIT 1")
    except (sqlite3.Error, TypeError) as error:
        raise BadRequest(f"{source} is not a backup of Agor, or a damaged one: {error}") from error
    if verdict != "ok":
        raise BadRequest(f"{source} is damaged: {verdict}")
    if revision not in migrate.revisions():
        raise BadRequest(f"{source} was made by a newer Agor (revision {revision}): upgrade Agor")


def _copy(source: Path, target: Path, on_progress: Progress | None) -> None:
    def told(_status: int, remaining: int, total: int) -> None:
        if on_progress is not None:
            on_progress("pages", total - remaining, total)

    with contextlib.closing(sqlite3.connect(source)) as old, contextlib.closing(sqlite3.connect(target)) as new:
        old.backup(new, pages=PAGES_AT_ONCE, progress=told)
