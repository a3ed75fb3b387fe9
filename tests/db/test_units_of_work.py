"""Units of work: all or nothing, and nothing lost when many write at once."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable
from typing import Any

import pytest
import sqlalchemy as sa

from agor_core.db import Database, Transaction, open_database
from agor_core.db.engine import READERS
from agor_core.errors import BadRequest, Conflict, NotFound
from agor_core.models import Board, GitState, Session, Task
from tests.support.databases import MakeUrl
from tests.support.records import a_session, page_of, said, say

WRITERS, APPENDS = 8, 50


async def test_what_is_stored_comes_back_as_it_was(database: Database) -> None:
    """An entity read from the database has the columns and the typed data it was stored with."""
    session = Session(agent="scripted", sharing="private")
    session.data.title = "snow ☃ and a \\u0000 that is only text"
    session.data.git_state = GitState(ref="main", base_sha="a" * 40)
    stored = await database.write(lambda tx: tx.sessions.add(session))
    read = await database.read(lambda tx: tx.sessions.get(stored.session_id))
    assert read.model_dump() == stored.model_dump()
    assert read.data.git_state is not None
    assert read.data.git_state.ref == "main"


async def test_text_that_no_database_keeps_is_kept_readable(database: Database) -> None:
    """NUL characters and lone surrogates, which agents do print, are stored as replacement characters."""
    session = await a_session(database)
    message = await database.write(lambda tx: tx.messages.append(session.session_id, said("a\0b\ud800c")))
    read = await database.read(lambda tx: tx.messages.get(message.message_id))
    assert read.data.content == "a\ufffdb?c"


async def test_a_failing_unit_of_work_leaves_nothing(database: Database) -> None:
    """What a unit of work did before it raised is undone, and announced to nobody."""
    before = await database.change_log.position()

    def work(tx: Transaction) -> None:
        tx.boards.add(Board(name="Lost", slug="lost"))
        raise Conflict("no")

    with pytest.raises(Conflict):
        await database.write(work)
    assert await database.read(lambda tx: tx.boards.find_one(slug="lost")) is None
    assert await database.change_log.position() == before


async def test_a_failing_unit_of_work_does_not_fail_its_neighbours(database: Database) -> None:
    """Of units of work that wait together each succeeds or fails for itself."""

    def add(slug: str) -> Awaitable[Board]:
        return database.write(lambda tx: tx.boards.add(Board(name=slug, slug=slug)))

    results = await asyncio.gather(*(add(slug) for slug in ("a", "b", "a", "c")), return_exceptions=True)
    assert [type(result).__name__ for result in results].count("Conflict") == 1
    assert [type(result).__name__ for result in results].count("Board") == 3


async def test_what_waits_together_is_committed_together(make_url: MakeUrl) -> None:
    """Behind a slow unit of work many queue up: they share a few commits, their events are in the order they came, and
    one that was given up meanwhile is not done."""
    commits = 0

    def count(_connection: Any) -> None:
        nonlocal commits
        commits += 1

    with open_database(make_url("sqlite")) as database:
        hold = threading.Event()
        slow = asyncio.create_task(database.write(lambda tx: hold.wait(30)))
        sa.event.listen(database.engines.writing, "commit", count)

        def add(slug: str) -> asyncio.Task[Board]:
            return asyncio.create_task(database.write(lambda tx: tx.boards.add(Board(name="x", slug=slug))))

        adding = [add(f"s{nth}") for nth in range(50)]
        given_up = add("given up")
        await asyncio.sleep(0)
        given_up.cancel()
        hold.set()
        boards = [board.board_id for board in await asyncio.gather(*adding)]
        await slow
        assert commits < 30
        events = await database.change_log.after(1, 100)
        assert [event.record_id for event in events] == boards


async def test_a_read_that_was_given_up_is_not_done(make_url: MakeUrl) -> None:
    """Where all threads are busy reads wait their turn: one given up meanwhile is passed over, the next is answered;
    after the database was closed, none is taken."""
    done: list[str] = []
    with open_database(make_url("sqlite")) as database:
        hold = threading.Event()
        busy = [asyncio.create_task(database.read(lambda tx: hold.wait(30))) for _ in range(READERS)]
        given_up = asyncio.create_task(database.read(lambda tx: done.append("given up")))
        kept = asyncio.create_task(database.read(lambda tx: done.append("kept")))
        await asyncio.sleep(0)
        given_up.cancel()
        hold.set()
        await asyncio.gather(kept, *busy)
        assert done == ["kept"]
    with pytest.raises(RuntimeError, match="closed"):
        await database.read(lambda tx: None)


async def test_a_change_leaves_alone_what_it_does_not_name(database: Database) -> None:
    """A patch of one field, and a silent count, keep every other column of the row, and its place in each list."""
    session = await a_session(database)
    await database.write(lambda tx: tx.messages.append(session.session_id, said("one")))
    before = await database.read(lambda tx: tx.sessions.record(session.session_id))
    await database.write(lambda tx: tx.sessions.count_up(session.session_id, tool_use_count=2))
    await database.write(lambda tx: tx.sessions.patch(session.session_id, {"status": "failed", "title": "new"}))
    after = await database.read(lambda tx: tx.sessions.record(session.session_id))
    assert after["last_updated"] >= before["last_updated"]
    changed = {"status": "failed", "title": "new", "tool_use_count": 2, "last_updated": after["last_updated"]}
    assert after == {**before, **changed}
    for query, total in (({"status": "failed"}, 1), ({"status": "idle"}, 0), ({"message_count": 1}, 1)):
        page = await page_of(database, "sessions", query)
        assert page["total"] == len(page["data"]) == total


async def test_eight_writers_lose_no_message_and_leave_no_gap(database: Database) -> None:
    """400 appends from 8 writers to one session are all kept, under the indices 0 to 399."""
    session = await a_session(database)

    async def writer(nth: int) -> None:
        for count in range(APPENDS):
            await say(database, session.session_id, f"{nth} {count}")

    await asyncio.gather(*map(writer, range(WRITERS)))
    messages = await database.read(lambda tx: tx.messages.where(session_id=session.session_id))
    assert sorted(message.index for message in messages) == list(range(WRITERS * APPENDS))
    assert {message.data.content for message in messages} == {
        f"{n} {c}" for n in range(WRITERS) for c in range(APPENDS)
    }
    assert (await database.read(lambda tx: tx.sessions.get(session.session_id))).message_count == WRITERS * APPENDS


async def test_eight_writers_of_one_list_lose_no_entry(database: Database) -> None:
    """Reading a record, adding to a list in it and writing it back keeps what all writers added."""
    session = await a_session(database)

    async def writer(nth: int) -> None:
        for count in range(10):

            def work(tx: Transaction, word: str = f"{nth} {count}") -> None:
                known = tx.sessions.get(session.session_id).data.concepts
                tx.sessions.patch(session.session_id, {"concepts": [*known, word]})

            await database.write(work)

    await asyncio.gather(*map(writer, range(WRITERS)))
    read = await database.read(lambda tx: tx.sessions.get(session.session_id))
    assert len(set(read.data.concepts)) == WRITERS * 10


async def test_two_daemons_on_one_database_share_the_counter(url: str) -> None:
    """Indices are dense when two processes' worth of connections append to one session."""
    with open_database(url) as one, open_database(url) as other:
        session = await a_session(one)

        async def writer(database: Database) -> None:
            for _ in range(20):
                await database.write(lambda tx: tx.messages.append(session.session_id, said("x")))

        await asyncio.gather(writer(one), writer(other))
        messages = await one.read(lambda tx: tx.messages.where(session_id=session.session_id))
        assert [message.index for message in messages] == list(range(40))


async def test_the_range_of_a_task_follows_its_messages(database: Database) -> None:
    """A task knows the first and last index, and the times, of what was said during it."""
    session = await a_session(database)
    task = await database.write(lambda tx: tx.tasks.add(Task(session_id=session.session_id)))
    await database.write(lambda tx: tx.messages.append(session.session_id, said("before")))
    await database.write(
        lambda tx: tx.messages.append_many(session.session_id, [said(text, task.task_id) for text in "abc"])
    )
    known = (await database.read(lambda tx: tx.tasks.get(task.task_id))).data.message_range
    assert known is not None
    assert (known.start_index, known.end_index) == (1, 3)


async def test_broken_references_and_rules_are_refused(database: Database) -> None:
    """The database itself refuses what breaks a rule: an unknown status, a missing session, a double slug."""
    with pytest.raises(BadRequest):
        await a_session(database, status="nonsense")
    with pytest.raises(BadRequest):
        await database.write(lambda tx: tx.tasks.add(Task(session_id="nobody")))
    with pytest.raises(NotFound):
        await database.write(lambda tx: tx.messages.append("nobody", said("x")))
    with pytest.raises(Conflict) as refused:
        await database.write(lambda tx: tx.boards.add(Board(name="Again", slug="default")))
    assert refused.value.data == {"fields": ["slug"]}


async def test_a_session_is_never_both_forked_and_spawned_nor_its_own_ancestor(database: Database) -> None:
    """The database refuses two origins, an origin that is the session itself, and a new origin later."""
    one, other = await a_session(database), await a_session(database)
    origin = one.session_id
    with pytest.raises(BadRequest):
        await a_session(database, parent_session_id=origin, forked_from_session_id=origin)
    with pytest.raises(BadRequest):
        await a_session(database, session_id="self", parent_session_id="self")
    with pytest.raises(BadRequest):
        await database.write(lambda tx: tx.sessions.patch(origin, {"parent_session_id": other.session_id}))
