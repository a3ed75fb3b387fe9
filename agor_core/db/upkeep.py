"""What an embedded database has put off, done while nobody waits for it: segments of its index of words are merged, and
its log is brought into its file.

The index of words is a pile of segments, a small one for each transaction; left to itself, SQLite merges them in the
course of some later insert, 10 to 50 ms of it in one of 64. A log that has grown long is brought into the file by the
commit that finds it so, which waits for the disk.

Who writes without a pause meets both: of 20,000 messages of a kilobyte, one behind the other, one in 290 takes 10 to 15
ms to bring the log in, and now and then one up to 50 ms to merge; 99 of 100 take less than 2 ms (of the processor).
"""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Final

import sqlalchemy as sa

# A write that comes meanwhile waits for one step: of so many pages of the index, some 3 ms.
MERGED_AT_ONCE: Final = 32
# In units of work of some 30 pages each; a commit that finds 10,000 pages in the log brings them into the file itself.
LONG_LOG: Final = 100
# Segments of one size that are merged: as few as SQLite itself would take; and of all that there are after an import.
FEW, FEWEST = 4, 2


class Upkeep:
    """The upkeep of the file behind `engine`. What fails is put off again, for whoever writes next will be told why."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        self._written = 0
        self.lock = threading.Lock()
        """Held while the file is looked after; whoever replaces it holds it, too."""

    def noticed(self, works: int) -> None:
        """Told how many units of work were committed."""
        self._written += works

    def in_pause(self, goes_on: Callable[[], bool]) -> None:
        """Merge what is to be merged, step by step while it `goes_on`; and keep the log from growing long."""
        with self._connection() as connection:
            while goes_on() and self._has_merged(connection):
                pass
            if goes_on() and self._written >= LONG_LOG:
                self._bring_in(connection)

    def at_once(self) -> None:
        """Do all of it, and more thoroughly, so that no write to come is soon to find segments worth merging.

        Others may write between the steps.
        """
        with self._connection() as connection:
            try:
                self._tell_index(connection, "usermerge", FEWEST)
                while self._has_merged(connection):
                    pass
            finally:
                self._tell_index(connection, "usermerge", FEW)
            self._bring_in(connection)

    def at_rest(self) -> None:
        """Bring all of the log into the file."""
        with self._connection() as connection:
            self._bring_in(connection)

    def _has_merged(self, connection: sqlite3.Connection) -> bool:
        # As SQLite's documentation of FTS5 has it: a merge that had nothing to do changes less than two rows.
        before = connection.total_changes
        self._tell_index(connection, "merge", MERGED_AT_ONCE)
        return connection.total_changes - before >= 2

    @staticmethod
    def _tell_index(connection: sqlite3.Connection, command: str, value: int) -> None:
        connection.execute("INSERT INTO search_index(search_index, rank) VALUES(?, ?)", (command, value))

    def _bring_in(self, connection: sqlite3.Connection) -> None:
        connection.execute("PRAGMA wal_checkpoint(PASSIVE)")
        self._written = 0

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        with (
            contextlib.suppress(sqlite3.Error, sa.exc.DBAPIError),
            self.lock,
            closing(self._engine.raw_connection()) as pooled,
        ):
            connection = pooled.driver_connection
            assert isinstance(connection, sqlite3.Connection)
            yield connection
