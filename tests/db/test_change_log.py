"""The change log: every stored change as one event, numbered without gaps in commit order, handed on once each."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

import pytest

from agor_core.db import Database, change_log, open_database
from agor_core.db.change_log import DAY_MS, LogEntry
from agor_core.errors import Gone
from agor_core.models import Board, Session
from tests.support.records import a_session, a_task, said

PATIENCE_S = 60


class Hearing:
    """What a listener was told, and a way to wait for more."""

    def __init__(self) -> None:
        self.entries: list[LogEntry] = []
        self._more = asyncio.Event()

    def __call__(self, batch: Sequence[LogEntry]) -> None:
        self.entries += batch
        self._more.set()

    async def until(self, enough: Callable[[list[LogEntry]], bool]) -> list[LogEntry]:
        """What was heard, once it is enough."""
        async with asyncio.timeout(PATIENCE_S):
            while not enough(self.entries):
                self._more.clear()
                await self._more.wait()
        return self.entries


@asynccontextmanager
async def tailing(database: Database) -> AsyncIterator[Hearing]:
    """A listener to all that is committed meanwhile."""
    hearing = Hearing()
    await database.change_log.start()
    unsubscribe = database.change_log.subscribe(hearing)
    try:
        yield hearing
    finally:
        unsubscribe()
        await database.change_log.stop()


async def test_each_change_is_one_event_with_the_record_as_it_was_then(database: Database) -> None:
    """Creating, patching and removing a record are three events, each with the record of that moment."""
    async with tailing(database) as hearing:
        session = await a_session(database)
        await database.write(lambda tx: tx.sessions.patch(session.session_id, {"title": "better"}))
        await database.write(lambda tx: tx.sessions.remove(session.session_id))
        heard = await hearing.until(lambda entries: len(entries) == 3)
    assert [entry.event for entry in heard] == ["created", "patched", "removed"]
    assert [entry.payload["title"] for entry in heard] == [None, "better", "better"]
    assert {entry.record_id for entry in heard} == {session.session_id}


async def test_silent_changes_are_stored_and_not_announced(database: Database) -> None:
    """Counters move without an event and without a new `last_updated`."""
    session = await a_session(database)
    before = await database.change_log.position()
    await database.write(lambda tx: tx.sessions.count_up(session.session_id, tool_use_count=2))
    await database.write(lambda tx: tx.sessions.patch(session.session_id, {"agent_session_id": "x"}, announce=False))
    assert await database.change_log.position() == before
    read = await database.read(lambda tx: tx.sessions.get(session.session_id))
    assert (read.data.tool_use_count, read.data.agent_session_id) == (2, "x")
    assert read.last_updated == session.last_updated


async def test_events_are_numbered_without_gaps_in_the_order_of_the_commits(database: Database) -> None:
    """Many writers at once, some of them failing: the listener hears 1 more, 1 more, 1 more; as the log has it."""
    _, start = await database.change_log.position()

    async def add(slug: str) -> None:
        await database.write(lambda tx: tx.boards.add(Board(name=slug, slug=slug)))

    async with tailing(database) as hearing:
        slugs = [str(nth % 30) for nth in range(40)]
        results = await asyncio.gather(*map(add, slugs), return_exceptions=True)
        heard = await hearing.until(lambda entries: len(entries) == 30)
    assert sum(result is not None for result in results) == 10
    assert [entry.seq for entry in heard] == list(range(start + 1, start + 31))
    assert await database.change_log.after(start, 100) == heard


async def test_a_third_process_hears_what_two_others_write(url: str) -> None:
    """Two processes' worth of connections write; a third hears every event once, in order."""
    with open_database(url) as one, open_database(url) as other, open_database(url) as third:
        session = await a_session(one)
        async with tailing(third) as hearing:

            async def write(database: Database) -> None:
                for _ in range(15):
                    await database.write(lambda tx: tx.messages.append(session.session_id, said("x")))

            await asyncio.gather(write(one), write(other))
            heard = await hearing.until(lambda entries: len(entries) >= 30)
    assert [entry.payload["index"] for entry in heard] == list(range(30))
    assert [entry.seq for entry in heard] == list(range(heard[0].seq, heard[0].seq + 30))


async def test_what_one_unit_of_work_changed_is_heard_together(database: Database) -> None:
    """Events of one transaction follow each other directly."""
    async with tailing(database) as hearing:
        await database.write(lambda tx: [tx.boards.add(Board(name=slug, slug=slug)) for slug in "abc"])
        heard = await hearing.until(lambda entries: len(entries) == 3)
    assert [entry.payload["slug"] for entry in heard] == ["a", "b", "c"]


async def test_what_waits_for_a_line_follows_it(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work that waits is done in order, once the line is handed on; what waits too long for one that never comes, and
    what is too much, is left undone, and holds nothing up."""
    done: list[str] = []
    async with tailing(database) as hearing:
        log, (_, last) = database.change_log, database.change_log.handed_on
        log.once_handed_on(last, lambda: done.append("at once"))
        assert done == ["at once"]
        monkeypatch.setattr(change_log, "MOST_HELD", 2)
        log.once_handed_on(last + 1, lambda: done.append(f"after {len(hearing.entries)}"))
        log.once_handed_on(last, lambda: done.append("second"))
        log.once_handed_on(last, lambda: done.append("too much"))
        assert done == ["at once"]
        await a_session(database)
        await hearing.until(lambda entries: len(entries) == 1)
        log.once_handed_on(last + 1, lambda: done.append("third"))
        assert done == ["at once", "after 1", "second", "third"]
        monkeypatch.setattr(change_log, "HELD_LIMIT_S", -1.0)
        log.once_handed_on(last + 1_000, lambda: done.append("never"))
        log.once_handed_on(last + 1, lambda: done.append("fourth"))
        assert done[4:] == ["fourth"]


async def test_a_failing_listener_does_not_silence_the_others(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    """What one listener raises is logged; all others still hear."""
    async with tailing(database) as hearing:

        def broken(_: Sequence[LogEntry]) -> None:
            raise ValueError("broken")

        database.change_log._listeners.insert(0, broken)
        await a_session(database)
        await hearing.until(lambda entries: len(entries) == 1)
    assert "a listener of the change log failed" in caplog.text


async def test_events_carry_what_the_rule_for_hearing_needs(database: Database) -> None:
    """Facts of a task's event are those of its session."""
    session = await a_session(database, sharing="private", created_by="ann")
    _, before = await database.change_log.position()
    await a_task(database, session.session_id)
    (entry,) = await database.change_log.after(before, 1)
    assert entry.facts["sharing"] == "private"
    assert entry.facts["created_by"] == "ann"
    assert entry.facts["session_id"] == session.session_id


async def test_a_removed_session_takes_its_rows_along_and_says_so(database: Database) -> None:
    """Removing a session removes its tasks and messages, announced one by one before itself."""
    session = await a_session(database)
    await a_task(database, session.session_id, "a", "b")
    _, before = await database.change_log.position()
    await database.write(lambda tx: tx.sessions.remove(session.session_id))
    events = await database.change_log.after(before, 10)
    assert [(entry.path, entry.event) for entry in events] == [
        ("messages", "removed"),
        ("messages", "removed"),
        ("tasks", "removed"),
        ("sessions", "removed"),
    ]


async def test_removing_a_board_keeps_its_sessions(database: Database) -> None:
    """The sessions of a removed board are on none, and say so."""
    board = await database.write(lambda tx: tx.boards.add(Board(name="B", slug="b")))
    session = await a_session(database, board_id=board.board_id)
    _, before = await database.change_log.position()
    await database.write(lambda tx: tx.boards.remove(board.board_id))
    events = await database.change_log.after(before, 10)
    assert [(entry.path, entry.event) for entry in events] == [("sessions", "patched"), ("boards", "removed")]
    assert events[0].payload["board_id"] is None
    assert events[0].record_id == session.session_id


async def test_a_large_message_is_announced_with_its_preview(database: Database) -> None:
    """An event of a message beyond 64 kB has the preview in place of the content, and says that it is cut short."""
    session = await a_session(database)
    _, before = await database.change_log.position()
    message = await database.write(lambda tx: tx.messages.append(session.session_id, said("word " * 20_000)))
    (entry,) = await database.change_log.after(before, 1)
    assert entry.payload["truncated"] is True
    assert len(entry.payload["content"]) <= 200
    record = await database.read(lambda tx: tx.messages.record(message.message_id))
    assert record["content"] == "word " * 20_000


@pytest.fixture
def clock() -> list[int]:
    """A time that tests set: its one entry."""
    return [1_800_000_000_000]


async def test_the_log_forgets_from_the_front_by_age_and_by_size(url: str, clock: list[int]) -> None:
    """Pruning keeps what is young enough and the newest so many; who asks for what is gone is told so."""
    with open_database(url, clock=lambda: clock[0]) as database:
        _, start = await database.change_log.position()
        for _ in range(4):
            await a_session(database)
            clock[0] += DAY_MS
        await database.change_log.prune(keep_days=2.5)
        _, newest = await database.change_log.position()
        assert newest == start + 4
        with pytest.raises(Gone):
            await database.change_log.after(start, 10)
        assert [entry.seq for entry in await database.change_log.after(newest - 2, 10)] == [newest - 1, newest]
        await database.change_log.prune(keep_rows=0)
        assert await database.change_log.after(newest, 10) == []
        with pytest.raises(Gone):
            await database.change_log.after(newest - 1, 10)
        await database.write(lambda tx: tx.sessions.add(Session(agent="x")))
        assert [entry.seq for entry in await database.change_log.after(newest, 10)] == [newest + 1]


async def test_connections_are_remembered_until_forgotten(database: Database) -> None:
    """A connection keeps its start and its user, and is gone once it was last seen too long ago."""
    store = database.connections
    await store.open("hash", "epoch", 7, now=1000)
    await store.bind("hash", "ann", "token")
    await store.touch("hash", now=2000)
    found = await store.find("hash")
    assert found is not None
    assert (found.epoch, found.start_seq, found.user_id, found.token_jti, found.last_seen) == (
        "epoch",
        7,
        "ann",
        "token",
        2000,
    )
    await store.forget(before=2000)
    assert await store.find("hash") is not None
    await store.forget(before=2001)
    assert await store.find("hash") is None


async def test_a_revoked_token_counts_no_more_until_it_is_forgotten(database: Database) -> None:
    """Revoking is remembered, and may be repeated."""
    await database.write(lambda tx: tx.tokens.revoke("jti", 5000))
    await database.write(lambda tx: tx.tokens.revoke("jti", 5000))
    assert await database.read(lambda tx: tx.tokens.is_revoked("jti"))
    assert not await database.read(lambda tx: tx.tokens.is_revoked("other"))
    await database.write(lambda tx: tx.tokens.forget(before=5001))
    assert not await database.read(lambda tx: tx.tokens.is_revoked("jti"))
