"""An import into a database that has the same records in another state: of two states the later counts."""

from __future__ import annotations

import io
from collections import Counter
from typing import Any

import pytest

from agor_core.db import Database, export_to, import_from, open_database
from agor_core.models import Board, Session
from tests.support.databases import MakeUrl
from tests.support.records import a_session, a_task


def exported(database: Database) -> list[bytes]:
    """The lines of an export."""
    written = io.BytesIO()
    export_to(database, written)
    return written.getvalue().splitlines(keepends=True)


async def words(database: Database, session: Session) -> list[tuple[int, Any]]:
    """What was said in the session: (index, text); its own numbers agree with that."""

    def read(tx: Any) -> list[tuple[int, Any]]:
        now, messages = tx.sessions.get(session.session_id), tx.messages.where(session_id=session.session_id)
        assert now.message_count == len(messages)
        assert now.next_index == max((message.index for message in messages), default=-1) + 1
        return [(message.index, message.data.content) for message in messages]

    return await database.read(read)


async def say(database: Database, session: Session, *texts: str, title: str | None = None) -> None:
    """A task with these messages, at whose end the session is another, as after each prompt."""
    await a_task(database, session.session_id, *texts)
    await database.write(lambda tx: tx.sessions.patch(session.session_id, {"title": title or texts[-1]}))


async def title_of(database: Database, session: Session) -> str | None:
    return (await database.read(lambda tx: tx.sessions.get(session.session_id))).data.title


async def test_work_goes_on_after_moving_there_and_back(database: Database, make_url: MakeUrl) -> None:
    """What was said elsewhere comes back into the database it began in, and the next message has the next place."""
    session = await a_session(database)
    await say(database, session, "begun here")
    with open_database(make_url(database.backend)) as other:
        import_from(other, exported(database))
        await say(other, session, "hazelnut", "said there")
        back = import_from(database, exported(other))
        assert (back.added, back.updated, back.apart) == (Counter(tasks=1, messages=2), Counter(sessions=1), [])
        assert await title_of(database, session) == "said there"
        await say(database, session, "and on")
        assert await words(database, session) == list(enumerate(["begun here", "hazelnut", "said there", "and on"]))
        for word in ("hazelnut", "begun"):
            found = await database.read(lambda tx, word=word: tx.messages.page({"$search": word}, None, 10, 10))  # type: ignore[misc]
            assert found["total"] == 1
        assert +import_from(other, exported(database)).updated == Counter(sessions=1)
        assert await words(other, session) == await words(database, session)
        still = import_from(other, exported(database))
        assert (+still.added, +still.updated, +still.kept) == (Counter(), Counter(), Counter())


async def test_a_session_that_went_on_in_both_places_is_left_and_named(database: Database, make_url: MakeUrl) -> None:
    """Nothing of the other side gets between what was said here; other sessions are brought up to date all the same."""
    both, there = await a_session(database), await a_session(database)
    with open_database(make_url(database.backend)) as other:
        import_from(other, exported(database))
        await say(database, both, "here")
        await say(other, both, "there", "and there")
        await say(other, there, "only there")
        done = import_from(database, exported(other))
        assert done.apart == [both.session_id]
        assert (done.added, +done.kept) == (Counter(tasks=1, messages=1), Counter(sessions=1))
        assert await words(database, both) == [(0, "here")]
        assert len(await database.read(lambda tx: tx.tasks.where(session_id=both.session_id))) == 1
        assert await words(database, there) == [(0, "only there")]
        await say(database, both, "on")
        assert await words(database, both) == [(0, "here"), (1, "on")]


async def test_what_is_later_here_stays(database: Database, make_url: MakeUrl) -> None:
    """An old export takes nothing back: not what was said since, not a name that was given since."""
    session = await a_session(database)
    board = await database.write(lambda tx: tx.boards.add(Board(name="old", slug="b")))
    await say(database, session, "one")
    old = exported(database)
    await say(database, session, "two", title="renamed")
    await database.write(lambda tx: tx.boards.patch(board.board_id, {"name": "new"}))
    done = import_from(database, old)
    assert (+done.added, +done.updated, +done.kept) == (Counter(), Counter(), Counter(sessions=1, boards=1))
    assert (await title_of(database, session), await words(database, session)) == (
        "renamed",
        [(0, "one"), (1, "two")],
    )
    assert (await database.read(lambda tx: tx.boards.get(board.board_id))).name == "new"
    with open_database(make_url(database.backend)) as other:
        import_from(other, old)
        assert +import_from(other, exported(database)).updated == Counter(sessions=1, boards=1)
        assert (await other.read(lambda tx: tx.boards.get(board.board_id))).name == "new"


@pytest.mark.parametrize("cut", [3, 4, 5])
async def test_an_import_that_was_cut_off_goes_on_though_its_sessions_were_used(
    database: Database, make_url: MakeUrl, cut: int
) -> None:
    """What was said here in between comes after all that the export has, which is there in the end without a gap."""
    session = await a_session(database)
    await say(database, session, "one", "two", "three")
    lines = exported(database)
    with open_database(make_url(database.backend)) as other:
        # The head, the board, the session, its task, and so many messages.
        with pytest.raises(Exception, match="ends too early"):
            import_from(other, lines[: cut + 1])
        await say(other, session, "meanwhile")
        done = import_from(other, lines)
        assert (+done.kept, done.apart) == (Counter(sessions=1), [])
        assert await words(other, session) == list(enumerate(["one", "two", "three", "meanwhile"]))


async def test_a_running_session_is_not_replaced(database: Database, make_url: MakeUrl) -> None:
    """Whoever works in it here holds it; the next import may have it."""
    session = await a_session(database)
    with open_database(make_url(database.backend)) as other:
        import_from(other, exported(database))
        await say(other, session, "there")
        await database.write(lambda tx: tx.sessions.patch(session.session_id, {"status": "running"}))
        done = import_from(database, exported(other))
        assert (+done.added, +done.kept) == (Counter(), Counter(sessions=1))
        await database.write(lambda tx: tx.sessions.patch(session.session_id, {"status": "idle"}))
        assert import_from(database, exported(other)).added["messages"] == 1
        assert await words(database, session) == [(0, "there")]


async def test_a_change_that_an_import_makes_is_announced(database: Database, make_url: MakeUrl) -> None:
    """Screens that are open hear of it as of any change, and no version is given twice."""
    session = await a_session(database)
    with open_database(make_url(database.backend)) as other:
        import_from(other, exported(database))
        await other.write(lambda tx: tx.sessions.patch(session.session_id, {"title": "there"}, client=True))
        _, before = await database.change_log.position()
        import_from(database, exported(other))
        events = await database.change_log.after(before, 10)
        assert [(event.path, event.event, event.payload["title"]) for event in events] == [
            ("sessions", "patched", "there")
        ]
        assert (await database.read(lambda tx: tx.sessions.get(session.session_id))).data.version == 2


async def test_an_export_brings_nothing_new_where_it_was_made(database: Database) -> None:
    """Nor is anything there in another state: what has ended is taken as it is, who ran it included."""
    session = await a_session(database)
    task = await a_task(database, session.session_id, "said")
    await database.write(lambda tx: tx.tasks.patch(task.task_id, {"status": "completed", "daemon_id": "of here"}))
    done = import_from(database, exported(database))
    assert (+done.added, +done.updated, +done.kept, done.apart) == (Counter(), Counter(), Counter(), [])
