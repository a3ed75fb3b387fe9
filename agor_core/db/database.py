"""The database: units of work on one hop to a thread each, the change log, and its own upkeep.

SQLite has one writer, so all writes share one thread, and their commits where they queue up; readers go on beside it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import sqlalchemy as sa

from agor_core.clock import Clock, now_ms
from agor_core.db import failures, migrate
from agor_core.db.change_log import ChangeLog, append
from agor_core.db.connections import Connections
from agor_core.db.engine import READERS, backend_of, file_of, make_engines, parse_url, shown
from agor_core.db.jobs import Workers, tell
from agor_core.db.peers import Peers
from agor_core.db.short_ids import ShortIds
from agor_core.db.totals import Totals
from agor_core.db.transaction import Kept, Transaction
from agor_core.db.upkeep import Upkeep
from agor_core.db.writer import IDLE_S, PAUSE_S, Writer

T = TypeVar("T")

# Two transactions that waited for each other: one of them was ended by the server and may simply begin again.
MOST_TRIES = 5


@contextmanager
def open_database(url: str, clock: Clock = now_ms) -> Iterator[Database]:
    """The database at `url` (`sqlite:///<path>`, `postgresql://…`, `libsql://…`), closed at the end.

    Nothing is migrated: call `prepare` or `upgrade` first. Raises ConfigError for a URL that makes no sense.
    """
    database = Database(url, clock)
    try:
        yield database
    finally:
        database.close()


class Database:
    """Units of work on one database."""

    def __init__(self, url: str, clock: Clock = now_ms) -> None:
        self.url = parse_url(url)
        self.backend = backend_of(self.url)
        """`sqlite`, `postgresql` or `libsql`."""
        self.file = file_of(self.url)
        """The file of an embedded database; None for a server."""
        self.name = str(self.file) if self.file is not None else shown(self.url)
        """How messages name it."""
        self._clock = clock
        self.engines = make_engines(self.url)
        """For migrations, and for connections that are more than a unit of work."""
        self._kept = Kept(Totals(), ShortIds())
        self.change_log = ChangeLog(self, self._kept.short_ids)
        news = self.change_log.news
        self._upkeep = Upkeep(self.engines.writing) if self.backend == "sqlite" else None
        self._readers = Workers("db-reader", READERS, self.read_now)
        self._writer: Writer | Workers = (
            Workers("db-writer", READERS, self._write_alone, news)
            if self.backend == "postgresql"
            else Writer(self._write_together, self._write_alone, news, self._rests())
        )
        self.connections = Connections(self)
        self.peers = Peers(self)

    async def read(self, work: Callable[[Transaction], T]) -> T:
        """Run `work` in a thread, on one state of the database; it must not write."""
        return await self._readers.run(work)

    async def write(self, work: Callable[[Transaction], T]) -> T:
        """Run `work` in a thread: what it changed and its events are committed when this returns, or not at all.

        `work` may run again: if the server ended its first try in a deadlock, or if another one failed in the same
        transaction.
        """
        return await self._writer.run(work)

    def read_now(self, work: Callable[[Transaction], T]) -> T:
        """The same in the calling thread, for programs without a loop."""
        with failures.translated(), self.engines.reading.connect() as connection, connection.begin():
            return work(Transaction(connection, self._clock(), self._kept, is_writer=False))

    def write_now(self, work: Callable[[Transaction], T]) -> T:
        """The same in the calling thread, for programs without a loop."""
        result = self._write_alone(work)
        tell((), self.change_log.news())
        return result

    def tidy(self) -> None:
        """Do at once what an embedded database puts off, for programs without a loop that have written very much."""
        if self._upkeep is not None:
            self._upkeep.at_once()

    def prepare(self) -> None:
        """Make the database fit to be used: an embedded one is upgraded, a shared one only if it is empty.

        Raises ConfigError with one line: damaged, locked, not writable, newer than this program, or behind.
        """
        migrate.prepare(self)

    def upgrade(self) -> None:
        """Bring the database to this version's revision; an embedded one is copied beside itself first."""
        migrate.upgrade(self)

    def downgrade(self, revision: str) -> None:
        """Bring the database back to an earlier revision; what that one cannot hold is lost."""
        migrate.downgrade(self, revision)

    def status(self) -> dict[str, Any]:
        """`{backend, url, current, head, is_current}`."""
        return migrate.status(self)

    def close(self) -> None:
        """Finish what is under way, and close all connections."""
        self.peers.stop()
        self._readers.close()
        self._writer.close()
        self.engines.dispose()

    @contextmanager
    def without_connections(self) -> Iterator[None]:
        """While the file is replaced: connections that are idle are closed, and upkeep opens none."""
        with contextlib.nullcontext() if self._upkeep is None else self._upkeep.lock:
            self.engines.dispose()
            yield

    def now(self) -> int:
        """The present, in milliseconds since 1970."""
        return self._clock()

    def _write_alone(self, work: Callable[[Transaction], T]) -> T:
        with failures.translated():
            for _ in range(MOST_TRIES - 1):
                try:
                    return self._write_once(work)
                except sa.exc.OperationalError as error:
                    if not failures.is_deadlock(error):
                        raise
            return self._write_once(work)

    def _write_once(self, work: Callable[[Transaction], T]) -> T:
        (result,) = self._in_one_transaction([work])
        return result

    def _write_together(self, works: Iterable[Callable[[Transaction], Any]]) -> list[Any]:
        with failures.translated():
            return self._in_one_transaction(works)

    def _in_one_transaction(self, works: Iterable[Callable[[Transaction], T]]) -> list[T]:
        with self.engines.writing.connect() as connection, connection.begin():
            results, staged = [], []
            for work in works:
                tx = Transaction(connection, self._clock(), self._kept, is_writer=True)
                results.append(work(tx))
                staged += tx.staged
            entries = append(connection, staged) if staged else []
        if self._upkeep is not None:
            self._upkeep.noticed(len(results))
        self.change_log.committed(entries)
        return results

    def _rests(self) -> list[tuple[float, Callable[[], None]]]:
        """What the writer does once nobody has written for so long."""
        upkeep = self._upkeep
        if upkeep is None:
            return []
        return [(PAUSE_S, lambda: upkeep.in_pause(self._is_unhurried)), (IDLE_S, upkeep.at_rest)]

    def _is_unhurried(self) -> bool:
        return isinstance(self._writer, Writer) and not self._writer.is_waited_for()
