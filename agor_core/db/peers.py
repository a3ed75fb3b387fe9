"""Other processes on the same PostgreSQL: when they commit, what they tell without storing it, and who of them lives.

All of it rides on one connection of its own that listens. What is told is NOTIFY, which carries 8,000 bytes at most:
longer messages go in parts, those beyond `MOST_BYTES` only if whoever tells them says so. It may be lost when a
connection is; what must not be lost belongs in the change log. On other backends there are no peers, and telling them
something does nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import queue
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any, Final

import orjson
import sqlalchemy as sa

from agor_core.db.change_log import CHANNEL
from agor_core.db.engine import to_json
from agor_core.ids import new_id

if TYPE_CHECKING:
    from agor_core.db.database import Database
    from agor_core.db.transaction import Transaction

log = logging.getLogger(__name__)

VOLATILE: Final = "agor_volatile"
LISTEN_LIMIT_S: Final = 1.0
FIRST_LIMIT_S: Final = 10.0
MOST_BYTES: Final = 64_000
# Even if each of them takes four bytes, a part stays below the 8,000.
PART_CHARACTERS: Final = 1_900
# A server that does not keep up with what agents say is told less, and the finished message all the same.
MOST_WAITING: Final = 2_000
SENT_AT_ONCE: Final = 200

_TELL = "SELECT pg_notify(%s, told) FROM unnest(%s::text[]) AS told"
_LIVE = "SELECT pg_advisory_lock_shared(hashtextextended(%s, 0))"
_IS_FREE = sa.select(sa.func.pg_try_advisory_xact_lock(sa.func.hashtextextended(sa.bindparam("id"), 0)))

Told = Callable[[dict[str, Any]], None]
"""Hears a message of another process, on the loop."""


class Peers:
    """What this process hears of the others, and they of it."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.id = new_id()
        """Names this process among its peers; another one each time."""
        self._waiting: queue.Queue[str | None] = queue.Queue(MOST_WAITING)
        self._ended = threading.Event()
        self._told: dict[str, Told] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._is_open = False
        self._count = 0
        self._parts: dict[str, list[str]] = {}
        self.newest = 0
        """The line of the change log that was committed last, as far as was heard. What others tell is heard in the
        order of commits: whatever they told after it, they told knowing that line, or it was news to them too."""

    async def start(self, wake: Callable[[], None]) -> None:
        """Call `wake`, in another thread, whenever another process committed; where the backend can tell."""
        if self._database.backend != "postgresql" or self._is_open:
            return
        self._is_open, self._loop = True, asyncio.get_running_loop()
        self._ended.clear()
        listening = threading.Event()
        self._run(lambda connection: self._listen(connection, wake, listening), "db-listener")
        self._run(self._send, "db-teller")
        # From here on this process counts as living; if the server is slow, it does so a little later.
        await asyncio.to_thread(listening.wait, FIRST_LIMIT_S)

    def stop(self) -> None:
        """End what `start` began."""
        self._is_open, self._loop = False, None
        self._ended.set()
        with contextlib.suppress(queue.Full):
            self._waiting.put_nowait(None)

    def subscribe(self, topic: str, told: Told) -> None:
        """Call `told` on the loop with each message of another process on a topic; there is one listener for each."""
        self._told[topic] = told

    def tell(self, topic: str, message: dict[str, Any], most_bytes: int = MOST_BYTES) -> None:
        """Tell the others something that is not stored. Never waits; what is larger than that, or too much at once, is
        dropped."""
        if not self._is_open:
            return
        text = to_json([topic, message])
        if len(text) > most_bytes:
            return
        self._count += 1
        parts = range(0, len(text), PART_CHARACTERS)
        with contextlib.suppress(queue.Full):
            for nth, begin in enumerate(parts, start=1):
                part = text[begin : begin + PART_CHARACTERS]
                self._waiting.put_nowait(f"{self.id} {self._count} {nth} {len(parts)} {part}")

    def is_living(self, tx: Transaction, id: str | None) -> bool:
        """Whether the process of that id runs now. Only one that shares a PostgreSQL can be another than this one."""
        if id is None or id == self.id or not tx.is_postgresql:
            return id == self.id
        return not tx.connection.execute(_IS_FREE, {"id": id}).scalar_one()

    def _run(self, work: Callable[[Any], None], name: str) -> None:
        def keep_on() -> None:
            """On a connection of its own; on a new one when it is lost."""
            while not self._ended.is_set():
                try:
                    with self._connected() as connection:
                        work(connection)
                except Exception as error:
                    # The tail of the log looks by itself meanwhile; the server may be back in a moment.
                    log.debug("%s: %s", name, error)
                    self._ended.wait(LISTEN_LIMIT_S)

        threading.Thread(target=keep_on, name=name, daemon=True).start()

    @contextmanager
    def _connected(self) -> Iterator[Any]:
        with closing(self._database.engines.writing.raw_connection()) as pooled:
            connection: Any = pooled.driver_connection
            pooled.detach()
            connection.autocommit = True
            with closing(connection):
                yield connection

    def _listen(self, connection: Any, wake: Callable[[], None], listening: threading.Event) -> None:
        connection.execute(f"LISTEN {CHANNEL}")
        connection.execute(f"LISTEN {VOLATILE}")
        connection.execute(_LIVE, (self.id,))
        listening.set()
        wake()  # whatever was committed while nobody listened
        while not self._ended.is_set():
            for heard in connection.notifies(timeout=LISTEN_LIMIT_S, stop_after=1):
                if heard.channel == CHANNEL:
                    self.newest = int(heard.payload)
                    wake()
                else:
                    self._hear(heard.payload)

    def _hear(self, payload: str) -> None:
        sender, _count, nth, of, text = payload.split(" ", 4)
        if sender == self.id:
            return
        if nth == "1":
            self._parts[sender] = []
        parts = self._parts.get(sender)
        if parts is None or len(parts) != int(nth) - 1:
            return  # the beginning was lost
        parts.append(text)
        loop = self._loop
        if nth == of:
            del self._parts[sender]
            topic, message = orjson.loads("".join(parts))
            if loop is not None and topic in self._told:
                with contextlib.suppress(RuntimeError):  # the loop was closed in this very moment
                    loop.call_soon_threadsafe(self._told[topic], message)

    def _send(self, connection: Any) -> None:
        while (first := self._waiting.get()) is not None:
            batch = [first]
            with contextlib.suppress(queue.Empty):
                while len(batch) < SENT_AT_ONCE and (one := self._waiting.get_nowait()) is not None:
                    batch.append(one)
            connection.execute(_TELL, (VOLATILE, batch))
            if self._ended.is_set():
                return
