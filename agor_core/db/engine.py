"""Connections: which engine a URL means, and how each is tuned."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import orjson
import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine import URL, Engine, make_url
from sqlalchemy.pool import QueuePool

from agor_core.errors import ConfigError

READERS = 4
# A server in the next room is worth waiting for; one that is gone must not hold every thread for minutes.
CONNECT_LIMIT_S = 5
BUSY_LIMIT_MS = 5000

# WAL lets readers go on beside the writer; NORMAL syncs at checkpoints only, which with WAL loses nothing but power-cut
# tails; a rare checkpoint keeps the slowest commits at 1 ms where the default has 6.
_PRAGMAS = (
    "journal_mode=WAL",
    "synchronous=NORMAL",
    "foreign_keys=ON",
    f"busy_timeout={BUSY_LIMIT_MS}",
    "wal_autocheckpoint=10000",
)

# RETURNING keeps what it returns in a temporary table, and a file made and unlinked for it costs more than the insert.
# Not for who reads: what is sorted without an index would all have to fit into memory.
_PRAGMAS_OF_WRITERS = (*_PRAGMAS, "temp_store=MEMORY")

# A server, or a daemon, that vanished without a word is noticed within a minute, by both sides.
_KEEPALIVE = {"keepalives_idle": 30, "keepalives_interval": 10, "keepalives_count": 3}
_OPTIONS = " ".join(
    f"-c {name}" for name in ("timezone=utc", *(f"tcp_{key}={value}" for key, value in _KEEPALIVE.items()))
)

BACKENDS = ("sqlite", "postgresql", "libsql")


def backend_of(url: URL) -> str:
    """`sqlite`, `postgresql` or `libsql`. Raises ConfigError for any other."""
    scheme = url.drivername.split("+")[0]
    if url.drivername.endswith("+libsql") or scheme in ("libsql", "ws", "wss"):
        return "libsql"
    if scheme in ("postgres", "postgresql"):
        return "postgresql"
    if scheme == "sqlite":
        return "sqlite"
    raise ConfigError(f"database.url begins with {scheme!r}; it may be sqlite, postgresql or libsql")


def parse_url(text: str) -> URL:
    """The URL a user wrote. Raises ConfigError with one line."""
    try:
        url = make_url(text)
    except sa.exc.ArgumentError as error:
        raise ConfigError("database.url is not a URL; an example: sqlite:////home/me/.agor/agor.db") from error
    if backend_of(url) == "sqlite" and not url.database:
        raise ConfigError("database.url names no file; an example: sqlite:////home/me/.agor/agor.db")
    return url


class Engines(NamedTuple):
    """The two ways into a database. A server tells a transaction that writes from one that reads by itself."""

    reading: Engine
    writing: Engine

    def dispose(self) -> None:
        """Close the connections that are idle."""
        for engine in self:
            engine.dispose()


def make_engines(url: URL) -> Engines:
    """The engines of a URL. Opens no connection yet."""
    match backend_of(url):
        case "sqlite":
            # A deferred transaction that wants to write later fails at once if another one wrote; IMMEDIATE waits.
            return Engines(
                _file_engine(url, _PRAGMAS, "BEGIN"), _file_engine(url, _PRAGMAS_OF_WRITERS, "BEGIN IMMEDIATE")
            )
        case "libsql":
            return Engines(_libsql_engine(url, "BEGIN"), _libsql_engine(url, "BEGIN IMMEDIATE"))
        case _:
            engine = sa.create_engine(
                url.set(drivername="postgresql+psycopg"),
                **_COMMON,
                pool_pre_ping=True,
                pool_size=2 * READERS,
                connect_args={"connect_timeout": CONNECT_LIMIT_S, "options": _OPTIONS, **_KEEPALIVE},
            )
            return Engines(engine, engine)


def file_of(url: URL) -> Path | None:
    """The file of an embedded database; None for a server."""
    return Path(url.database) if backend_of(url) == "sqlite" and url.database else None


def shown(url: URL) -> str:
    """The URL as it may be printed: without its password."""
    return url.render_as_string(hide_password=True)


def _file_engine(url: URL, pragmas: Iterable[str], begin: str) -> Engine:
    def tune(connection: sqlite3.Connection, record: Any) -> None:
        _leave_transactions_to_us(connection, record)
        for pragma in pragmas:
            connection.execute(f"PRAGMA {pragma}")

    engine = sa.create_engine(url.set(drivername="sqlite"), **_COMMON, pool_size=READERS + 1, max_overflow=2)
    event.listen(engine, "connect", tune)
    _begin_with(engine, begin)
    return engine


def _libsql_engine(url: URL, begin: str) -> Engine:
    try:
        from agor_core.db.libsql import LargeAnswers
    except ImportError as error:
        raise ConfigError("libsql:// needs the extra: pip install 'agor[libsql]'") from error
    secure = url.drivername in ("libsql", "wss") and url.query.get("tls") != "0"
    query = {**url.query, "secure": "true"} if secure else {k: v for k, v in url.query.items() if k != "tls"}
    # pre_ping: a restarted server leaves dead connections in the pool. QueuePool: the dialect guesses one per thread.
    engine = sa.create_engine(
        url.set(drivername="sqlite+libsql", query=query),
        **_COMMON,
        poolclass=QueuePool,
        pool_pre_ping=True,
        connect_args={"check_same_thread": False, "factory": LargeAnswers},
    )
    event.listen(engine, "connect", _leave_transactions_to_us)
    _begin_with(engine, begin)
    return engine


def _leave_transactions_to_us(connection: sqlite3.Connection, _record: Any) -> None:
    # sqlite3 would begin a transaction only before a write: what was read before may be stale, and updates get lost.
    connection.isolation_level = None


def _begin_with(engine: Engine, statement: str) -> None:
    """Let each transaction of the engine begin with this statement."""

    def begin(connection: Any) -> None:
        connection.cursor().execute(statement)

    # Not by a listener to `begin`: where there is one listener, SQLAlchemy asks at each statement for all there are.
    engine.dialect.do_begin = begin  # type: ignore[method-assign, assignment]


def to_json(value: Any) -> str:
    """JSON text that every backend can keep: lone surrogates and NUL characters are replaced."""
    try:
        text = orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS).decode()
    except TypeError:
        return orjson.dumps(_storable(value), option=orjson.OPT_NON_STR_KEYS).decode()
    return orjson.dumps(_storable(value)).decode() if "\\u0000" in text else text


def storable_text(text: str) -> str:
    """Text that every backend can keep."""
    return text.replace("\0", "\ufffd").encode("utf-8", "replace").decode()


def _storable(value: Any) -> Any:
    if isinstance(value, str):
        return storable_text(value)
    if isinstance(value, dict):
        return {_storable(str(key)): _storable(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_storable(inner) for inner in value]
    return value


# The connection that was used last has pages and statements at hand that another would have to read first.
_COMMON: dict[str, Any] = {"json_serializer": to_json, "json_deserializer": orjson.loads, "pool_use_lifo": True}
