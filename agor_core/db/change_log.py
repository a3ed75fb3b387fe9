"""The change log: every stored change as a line, written in the change's own transaction, handed on once committed.

`seq` is gap-free and in commit order on every backend: whoever appends takes the one row of the log's head last, and
holds it until the commit.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import sqlalchemy as sa

from agor_core.db import bulk, origins
from agor_core.db.jobs import Word
from agor_core.errors import Gone, ServiceError
from agor_core.models import ChangeLogHead, Event, Session

if TYPE_CHECKING:
    from agor_core.db.database import Database
    from agor_core.db.short_ids import ShortIds
    from agor_core.db.transaction import Transaction

log = logging.getLogger(__name__)

HEAD = ChangeLogHead.__table__  # type: ignore[attr-defined]
EVENTS = Event.__table__  # type: ignore[attr-defined]
SESSIONS = Session.__table__  # type: ignore[attr-defined]

FACTS = ("session_id", "created_by", "sharing", "board_id")
DAY_MS = 24 * 60 * 60 * 1000

# Another process, such as `agor db import`, may write to the same file; nothing wakes us then.
POLL_S = 1.0
READ_AT_ONCE = 500
# What waits for the log to be handed on is not stored, and old news by then.
MOST_HELD = 1_000
HELD_LIMIT_S = 5.0
# Pruning in small steps lets interactive writes get in between.
PRUNE_AT_ONCE = 2000


class LogEntry(NamedTuple):
    """One line of the log."""

    epoch: str
    seq: int
    path: str
    event: str
    record_id: str | None
    created_at: int
    facts: Mapping[str, Any]
    """`session_id created_by sharing board_id` of the session concerned, as far as they apply, and `record_id`.
    `origin`: the same of the private session it comes from."""
    payload: Any


class Staged(NamedTuple):
    """A line that waits for the end of its transaction to get its number."""

    path: str
    event: str
    record_id: str | None
    created_at: int
    facts: Mapping[str, Any]
    payload: Any


_ADVANCE = (
    sa.update(HEAD)
    .where(HEAD.c.head_id == 1)
    .values(seq=HEAD.c.seq + sa.bindparam("count"))
    .returning(HEAD.c.seq, HEAD.c.epoch)
)
_POSITION = sa.select(HEAD.c.epoch, HEAD.c.seq)
# With what the session has become since: it may have been made private after it was spoken of.
_AFTER = (
    sa.select(EVENTS, SESSIONS.c.sharing.label("sharing_now"))
    .join(SESSIONS, SESSIONS.c.session_id == EVENTS.c.session_id, isouter=True)
    .where(EVENTS.c.seq > sa.bindparam("seq"))
    .order_by(EVENTS.c.seq)
    .limit(sa.bindparam("limit"))
)


def append(connection: sa.Connection, staged: Sequence[Staged]) -> list[LogEntry]:
    """Number and store the lines; the last statements of a transaction."""
    newest, epoch = connection.execute(_ADVANCE, {"count": len(staged)}).one()
    entries = [LogEntry(epoch, seq, *line) for seq, line in enumerate(staged, newest - len(staged) + 1)]
    bulk.insert(connection, EVENTS, [_row(entry) for entry in entries])
    if connection.dialect.name == "postgresql":
        connection.execute(sa.select(sa.func.pg_notify(CHANNEL, str(newest))))
    return entries


CHANNEL = "agor_changes"


class ChangeLog:
    """The log as those who listen see it. `start` before `subscribe` hands on anything."""

    def __init__(self, database: Database, short_ids: ShortIds) -> None:
        self._database = database
        self._short_ids = short_ids
        self._listeners: list[Callable[[Sequence[LogEntry]], None]] = []
        self._early: list[Callable[[Sequence[LogEntry]], None]] = []
        self._broken: list[Callable[[], None]] = []
        self._committed: deque[Sequence[LogEntry]] = deque()
        self._fresh: deque[LogEntry] = deque()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._woken = asyncio.Event()
        self._tail: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._epoch, self._last = "", 0
        self._must_look = False
        self._held: deque[tuple[int, float, Callable[[], None]]] = deque()
        self._is_reading = False

    @property
    def handed_on(self) -> tuple[str, int]:
        """(epoch, seq) of the line that those who subscribe were told last, or that was the newest when this began."""
        return self._epoch, self._last

    async def position(self) -> tuple[str, int]:
        """(epoch, newest seq)."""
        return await self._database.read(position)

    async def after(self, seq: int, limit: int) -> list[LogEntry]:
        """The lines after `seq`, oldest first. Raises Gone if some of them were pruned."""
        return await self._database.read(lambda tx: after(tx, seq, limit))

    def subscribe(self, listener: Callable[[Sequence[LogEntry]], None]) -> Callable[[], None]:
        """Call `listener` on the loop with all that is committed from now on, in order, each line once.

        The answer ends the subscription.
        """
        self._listeners.append(listener)

        def unsubscribe() -> None:
            with contextlib.suppress(ValueError):
                self._listeners.remove(listener)

        return unsubscribe

    def subscribe_early(self, listener: Callable[[Sequence[LogEntry]], None]) -> None:
        """Call `listener` on the loop with what this process commits, before whoever wrote it is answered.

        Not in order, not of other processes, and once more in order to those who `subscribe`.
        """
        self._early.append(listener)

    def once_handed_on(self, seq: int, work: Callable[[], None]) -> None:
        """Call `work` once all up to the line `seq` is handed on, at once if it is; one after the other.

        On the loop. It is dropped where that takes too long, or too much waits.
        """
        loop = asyncio.get_running_loop()
        if len(self._held) < MOST_HELD:
            self._held.append((seq, loop.time() + HELD_LIMIT_S, work))
        self._let_go(loop.time())

    def on_break(self, listener: Callable[[], None]) -> None:
        """Call `listener` on the loop when lines were passed over: another history was put in place of the one that was
        handed on, or lines were pruned before they were."""
        self._broken.append(listener)

    async def start(self) -> None:
        """Begin to hand on what is committed after this moment, by this process or another."""
        self._loop = asyncio.get_running_loop()
        self._epoch, self._last = await self.position()
        self._short_ids.forget()
        self._short_ids.is_noticing = True
        self._tail = asyncio.create_task(self._follow(), name="change log tail")
        self._timer = self._loop.call_later(POLL_S, self._poll)
        await self._database.peers.start(self._wake_from_thread)

    async def stop(self) -> None:
        """Hand on nothing more."""
        self._database.peers.stop()
        self._short_ids.is_noticing = False
        self._loop = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._tail is not None:
            self._tail.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._tail
            self._tail = None

    async def prune(self, keep_days: float = 7, keep_rows: int = 200_000) -> int:
        """Forget the oldest lines beyond either limit, a few at a time; how many it were."""
        removed = 0
        while count := await self._database.write(lambda tx: _prune_some(tx, keep_days, keep_rows)):
            removed += count
        return removed

    def committed(self, entries: Sequence[LogEntry]) -> None:
        """Told by the database, in any thread, after a commit; whoever was told then passes the `news` on."""
        if self._loop is not None and entries:
            self._committed.append(entries)

    def news(self) -> Word | None:
        """What a thread that has committed is to have called, and on which loop, before it answers who wrote."""
        loop = self._loop
        return (loop, self._take) if loop is not None and self._committed else None

    def _take(self) -> None:
        """Hand on what was committed. Several threads may have asked for it: the first call takes it all."""
        if self._loop is None:
            return
        while self._committed:
            entries = self._committed.popleft()
            for listener in self._early:
                self._tell(listener, entries)
            self._fresh.extend(entries)
        # At once, not by the task: waking it would cost each write a turn of the loop.
        if not self._is_reading and (batch := self._from_memory()):
            self._hand_on(batch)
        if self._fresh:
            self._woken.set()

    def _wake_from_thread(self) -> None:
        loop = self._loop
        if loop is not None:
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(self._look)

    def _look(self) -> None:
        self._must_look = True
        self._woken.set()

    def _poll(self) -> None:
        # A timer of its own: a timeout around each wait would cost every write as much as a statement.
        self._look()
        self._timer = asyncio.get_running_loop().call_later(POLL_S, self._poll)

    async def _follow(self) -> None:
        """Hand on what does not come from this process, or not in order."""
        while True:
            batch = self._from_memory()
            if not batch and (self._fresh or self._must_look):
                batch = await self._from_database()
            if batch:
                self._hand_on(batch)
                continue
            await self._woken.wait()
            self._woken.clear()

    def _hand_on(self, batch: Sequence[LogEntry]) -> None:
        self._last = batch[-1].seq
        created = [line.record_id for line in batch if line.event == "created"]
        self._short_ids.noticed(created, self._database.now())
        for listener in list(self._listeners):
            self._tell(listener, batch)
        self._let_go(asyncio.get_running_loop().time())

    def _let_go(self, now: float) -> None:
        while self._held and (self._held[0][0] <= self._last or self._held[0][1] < now):
            seq, _, work = self._held.popleft()
            if seq <= self._last:
                self._tell(work)

    def _from_memory(self) -> list[LogEntry]:
        """What follows without a gap on what was handed on last."""
        batch: list[LogEntry] = []
        while self._fresh and self._fresh[0].epoch == self._epoch:
            if self._fresh[0].seq > self._last + len(batch) + 1:
                break
            entry = self._fresh.popleft()
            if entry.seq > self._last + len(batch):
                batch.append(entry)
        return batch

    async def _from_database(self) -> list[LogEntry]:
        """What another process committed, or commits of ours whose news came out of order."""
        self._fresh.clear()
        self._is_reading = True
        try:
            batch = await self._read_on()
        except ServiceError as error:
            log.warning("the change log cannot be read, trying again: %s", error)
            return []
        finally:
            self._is_reading = False
        self._must_look = bool(batch)
        return batch

    async def _read_on(self) -> list[LogEntry]:
        epoch, newest = await self.position()
        if epoch != self._epoch:
            # Another history, restored from a backup: what it holds is not news.
            self._epoch = epoch
            self._pass_over(newest)
        if newest == self._last:
            return []
        try:
            return await self.after(self._last, READ_AT_ONCE)
        except Gone:
            log.warning("the change log was pruned beyond %d; going on at %d", self._last, newest)
            self._pass_over(newest)
            return []

    def _pass_over(self, newest: int) -> None:
        self._last = newest
        self._held.clear()
        self._short_ids.forget()
        for listener in self._broken:
            self._tell(listener)

    @staticmethod
    def _tell(listener: Callable[..., None], *told: Any) -> None:
        try:
            listener(*told)
        except Exception:
            log.exception("a listener of the change log failed")


def position(tx: Transaction) -> tuple[str, int]:
    """(epoch, newest seq)."""
    epoch, seq = tx.connection.execute(_POSITION).one()
    return epoch, seq


def after(tx: Transaction, seq: int, limit: int) -> list[LogEntry]:
    """The lines after `seq`, oldest first; those of a session that is private by now say so. Raises Gone if some of
    them were pruned."""
    rows = tx.connection.execute(_AFTER, {"seq": seq, "limit": limit}).mappings().all()
    expected = seq + 1
    if not rows or rows[0]["seq"] != expected:
        oldest = tx.connection.execute(sa.select(sa.func.min(EVENTS.c.seq))).scalar()
        first_kept = oldest if oldest is not None else position(tx)[1] + 1
        if expected < first_kept:
            raise Gone(f"events up to {first_kept - 1} are no longer kept", oldest=first_kept)
    private = origins.private_origins(tx, (row["payload"] for row in rows if row["path"] == "sessions"))
    return [_entry(row, private) for row in rows]


def _row(entry: LogEntry) -> dict[str, Any]:
    facts = {name: entry.facts.get(name) for name in FACTS}
    return {
        "seq": entry.seq,
        "epoch": entry.epoch,
        "path": entry.path,
        "event": entry.event,
        "record_id": entry.record_id,
        "created_at": entry.created_at,
        "payload": entry.payload,
        **facts,
    }


def _entry(row: Mapping[Any, Any], private: Mapping[str, Mapping[str, Any]]) -> LogEntry:
    facts = {name: row[name] for name in FACTS if row[name] is not None}
    facts["record_id"] = row["record_id"]
    if row["sharing_now"] == "private":
        facts["sharing"] = "private"
    if row["path"] == "sessions" and (origin := origins.origin_of(row["payload"])) in private:
        facts["origin"] = private[str(origin)]
    return LogEntry(
        row["epoch"],
        row["seq"],
        row["path"],
        row["event"],
        row["record_id"],
        row["created_at"],
        facts,
        row["payload"],
    )


def _prune_some(tx: Transaction, keep_days: float, keep_rows: int) -> int:
    newest = position(tx)[1]
    too_old = tx.now - int(keep_days * DAY_MS)
    # From the front only: the first line young enough ends it, even if a clock once ran ahead.
    youngest_gone = tx.connection.execute(
        sa.select(sa.func.min(EVENTS.c.seq)).where(EVENTS.c.created_at >= too_old)
    ).scalar()
    by_age = youngest_gone - 1 if youngest_gone is not None else newest
    limit = max(by_age, newest - keep_rows)
    oldest = tx.connection.execute(sa.select(sa.func.min(EVENTS.c.seq))).scalar()
    if oldest is None or oldest > limit:
        return 0
    upto = min(limit, oldest + PRUNE_AT_ONCE - 1)
    return int(tx.connection.execute(sa.delete(EVENTS).where(EVENTS.c.seq <= upto)).rowcount)
