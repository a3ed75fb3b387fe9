"""What the database driver reports, as errors of our own that say what to do."""

from __future__ import annotations

import errno
import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import exc

from agor_core.errors import BadRequest, ConfigError, Conflict, ServiceError, Unavailable

_SQLITE: tuple[tuple[str, str], ...] = (
    ("locked", "the database is busy: another program holds it; close that program, or try again"),
    ("busy", "the database is busy: another program holds it; close that program, or try again"),
    ("full", "the disk that holds the database is full; free some space and try again"),
    ("readonly", "the database cannot be written; check the permissions of its file and folder"),
    ("unable to open", "the database cannot be opened; check that its folder exists and can be written"),
    ("malformed", "the database file is damaged; restore a backup (`agor db restore`)"),
    ("not a database", "the file is not a database; restore a backup (`agor db restore`), or move it away"),
    ("disk i/o", "the disk that holds the database reports errors; check it, then try again"),
)
_NOT_MIGRATED = ("no such table", "no such column", "does not exist")
_UNIQUE = re.compile(r"UNIQUE constraint failed: (.+)|Key \((.+?)\)=\((.*?)\) already exists", re.IGNORECASE)
# PostgreSQL's code for a transaction it ended because two waited for each other.
_DEADLOCK = "40P01"


@contextmanager
def translated() -> Iterator[None]:
    """Turn errors of SQLAlchemy and its drivers into errors of the service family, keeping the cause."""
    try:
        yield
    except exc.IntegrityError as error:
        raise _broken_rule(error) from error
    except exc.DataError as error:
        # Not the server's fault: PostgreSQL has no text with NUL in it, SQLite has.
        raise BadRequest("the database can hold no such value", reason=_words(error)) from error
    except (exc.DBAPIError, exc.TimeoutError) as error:
        raise Unavailable(advice(error)) from error


@contextmanager
def at_startup(where: str) -> Iterator[None]:
    """The same while the database is opened: one line that names it. `where`: the file, or the URL without password."""
    try:
        yield
    except (exc.DBAPIError, exc.TimeoutError, sqlite3.Error, OSError) as error:
        raise ConfigError(f"{where}: {advice(error)}") from error
    except Unavailable as error:
        raise ConfigError(f"{where}: {error.message}") from error


def advice(error: BaseException) -> str:
    """One line about what is wrong, and what to do."""
    cause = getattr(error, "orig", None) or error
    text = " ".join(str(cause).split())
    lowered = text.lower()
    if isinstance(cause, PermissionError):
        return f"permission denied: {cause.filename}; check who owns it"
    if isinstance(cause, OSError) and cause.errno == errno.ENOSPC:
        return "the disk is full; free some space and try again"
    for sign in _NOT_MIGRATED:
        if sign in lowered:
            return f"the database is not at this version's revision; run `agor db upgrade` ({text[:120]})"
    if type(cause).__module__.startswith("sqlite3"):
        for sign, words in _SQLITE:
            if sign in lowered:
                return words
    if type(cause).__module__.startswith("psycopg") or isinstance(error, exc.OperationalError):
        return f"the database server does not answer as it should: {text[:200]}"
    return f"the database failed: {text[:200]}"


def is_deadlock(error: exc.DBAPIError) -> bool:
    """Whether doing the same again may well work."""
    return getattr(error.orig, "sqlstate", None) == _DEADLOCK


def _broken_rule(error: exc.IntegrityError) -> ServiceError:
    text = str(error.orig)
    lowered = text.lower()
    if found := _UNIQUE.search(text):
        named = found[1] or found[2]
        columns = [part.strip().strip('"').split(".")[-1] for part in named.split(",")]
        return Conflict(f"{' and '.join(columns)} already taken", fields=columns)
    if "foreign key" in lowered:
        return BadRequest("refers to something that does not exist")
    return BadRequest("breaks a rule of the database", rule=_words(error))


def _words(error: exc.DBAPIError) -> str:
    return " ".join(str(error.orig).split())[:200]
