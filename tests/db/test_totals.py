"""Totals: kept from one page to the next, and true all the same."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from agor_core.db import Database, Reader, Transaction, open_database
from agor_core.models import Session
from tests.support.records import a_session, a_task, said

ANN, BOB = Reader("ann", sees_private=False), Reader("bob", sees_private=False)
ADMIN = Reader("root", sees_private=True)
READERS = (None, ANN, BOB, ADMIN)
QUERIES: tuple[dict[str, Any], ...] = (
    {},
    {"status": "idle"},
    {"status": {"$in": ["idle", "failed"]}},
    {"archived": False},
    {"message_count": {"$gt": 0}},
    {"title": "new"},
    {"$or": [{"agent": "codex"}, {"board_id": None, "archived": True}]},
)
PATHS = ("sessions", "messages", "tasks")


def total(database: Database, path: str, query: dict[str, Any], reader: Reader | None) -> int:
    """What the page says."""
    page = database.read_now(lambda tx: tx.repository(path).page({**query, "$limit": 0}, reader, 10, 10))
    return int(page["total"])


def counted(database: Database, path: str, query: dict[str, Any], reader: Reader | None) -> int:
    """How many records there are on all pages."""
    page = database.read_now(lambda tx: tx.repository(path).page({**query, "$total": False}, reader, 1000, 1000))
    return len(page["data"])


Change = Callable[[Transaction, str], object]

CHANGES: tuple[Change, ...] = (
    lambda tx, _id: tx.sessions.add(Session(agent="codex", created_by="ann")),
    lambda tx, id: tx.sessions.patch(id, {"status": "failed"}),
    lambda tx, id: tx.sessions.patch(id, {"archived": True}),
    lambda tx, id: tx.sessions.patch(id, {"sharing": "private"}),
    lambda tx, id: tx.sessions.patch(id, {"sharing": "everyone"}),
    lambda tx, id: tx.sessions.patch(id, {"title": "new"}, announce=False),
    lambda tx, id: tx.messages.append(id, said("word")),
    lambda tx, id: tx.sessions.remove(id),
)


def apply(database: Database, change: Change, id: str) -> None:
    """Do it with that session."""
    database.write_now(lambda tx: change(tx, id))


@given(st.lists(st.tuples(st.sampled_from(range(len(CHANGES))), st.booleans()), min_size=1, max_size=8))
@settings(max_examples=8, phases=[Phase.explicit, Phase.generate])
def test_a_total_is_what_pages_hold_whoever_changed_what(database: Database, steps: list[tuple[int, bool]]) -> None:
    """After each change, by this process or another, the total is the number of records there are for that reader."""
    with open_database(database.url.render_as_string(hide_password=False)) as other:
        for nth, is_own in steps:
            writer = database if is_own else other
            known = writer.read_now(lambda tx: tx.sessions.where(limit=1))
            if not known:
                writer.write_now(lambda tx: tx.sessions.add(Session(agent="x", created_by="ann")))
                known = writer.read_now(lambda tx: tx.sessions.where(limit=1))
            apply(writer, CHANGES[nth], known[0].session_id)
            for query in QUERIES:
                for reader in READERS:
                    assert total(database, "sessions", query, reader) == counted(database, "sessions", query, reader)
            for reader in READERS:
                assert total(database, "messages", {}, reader) == counted(database, "messages", {}, reader)


async def test_a_total_is_not_counted_again_until_something_changes(database: Database) -> None:
    """A second page costs no second count; a change of something else costs none either, a change of a session does."""
    session = await a_session(database)
    counts = 0

    def note(_c: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        nonlocal counts
        counts += "count(*)" in statement

    sa.event.listen(database.engines.reading, "before_cursor_execute", note)
    for _ in range(3):
        assert total(database, "sessions", {"status": "idle"}, BOB) == 1
    assert counts == 1
    await database.write(lambda tx: tx.messages.append(session.session_id, said("word")))
    assert total(database, "sessions", {"status": "idle"}, BOB) == 1
    assert counts == 1
    await database.write(lambda tx: tx.sessions.patch(session.session_id, {"title": "new"}))
    assert total(database, "sessions", {"status": "idle"}, BOB) == 1
    assert counts == 2


async def test_a_total_is_true_after_the_log_was_pruned_away(database: Database) -> None:
    """With no event left to tell one moment from another, a change is noticed all the same."""
    session = await a_session(database)
    await a_task(database, session.session_id, "a")
    for kept in (1, 2):
        await database.change_log.prune(keep_rows=0)
        assert [total(database, path, {}, None) for path in PATHS] == [kept, kept, kept]
        other = await a_session(database)
        await a_task(database, other.session_id, "b")


@pytest.mark.parametrize("path", PATHS)
async def test_who_may_read_is_part_of_a_total(database: Database, path: str) -> None:
    """A session made private is gone from the others' totals at once, with all that is in it."""
    session = await a_session(database, created_by="ann")
    await a_task(database, session.session_id, "a")
    assert [total(database, path, {}, reader) for reader in READERS] == [1, 1, 1, 1]
    await database.write(lambda tx: tx.sessions.patch(session.session_id, {"sharing": "private"}))
    assert [total(database, path, {}, reader) for reader in READERS] == [1, 1, 0, 1]


async def test_what_totals_depend_on_does_not_change_in_silence(database: Database) -> None:
    """A column that lists are filtered by cannot be changed without an event; what rides in `data` can."""
    session = await a_session(database)
    await database.write(lambda tx: tx.sessions.patch(session.session_id, {"title": "quiet"}, announce=False))
    with pytest.raises(ValueError, match="status"):
        await database.write(lambda tx: tx.sessions.patch(session.session_id, {"status": "failed"}, announce=False))
    assert (await database.read(lambda tx: tx.sessions.get(session.session_id))).status == "idle"
