"""What a page costs has nothing to do with how many there are: an index has the rows in the order that is asked for."""

from __future__ import annotations

import sqlite3
from typing import Any

import pytest

from agor_core.db import Database, Transaction, open_database
from agor_core.models import Session
from tests.support.databases import MakeUrl
from tests.support.records import said

FEW, MANY = 100, 2_000


def add(database: Database, session_id: str, count: int) -> None:
    """So many messages more."""
    messages = [said(f"plum {nth}") for nth in range(count)]
    database.write_now(lambda tx: tx.messages.append_many(session_id, messages))


def steps(database: Database, query: dict[str, Any]) -> int:
    """How many instructions of SQLite's machine a page of messages takes: the same on a busy computer."""
    taken = 0

    def count() -> int:
        nonlocal taken
        taken += 1
        return 0

    def read(tx: Transaction) -> int:
        connection = tx.connection.connection.driver_connection
        assert isinstance(connection, sqlite3.Connection)
        connection.set_progress_handler(count, 1)
        try:
            return len(tx.messages.page({**query, "$limit": 20, "$total": False}, None, 50, 50)["data"])
        finally:
            connection.set_progress_handler(None, 1)

    assert database.read_now(read) == 20
    return taken


@pytest.mark.parametrize(
    "query",
    [
        {},
        {"role": "user"},
        {"type": "user"},
        {"role": "user", "$sort": {"created_at": -1}},
        {"type": "user", "$sort": {"created_at": -1}},
        {"$sort": {"created_at": -1}},
        {"$sort": {"last_updated": -1}},
    ],
)
def test_a_page_of_many_takes_no_more_than_one_of_few(make_url: MakeUrl, query: dict[str, Any]) -> None:
    """The oldest or newest messages, of a role or type or of all, are read, not sorted out of all there are."""
    with open_database(make_url("sqlite")) as database:
        session = database.write_now(lambda tx: tx.sessions.add(Session(agent="codex")))
        taken = []
        for count in (FEW, MANY):
            add(database, session.session_id, count)
            taken.append(steps(database, query))
        assert taken[1] < 1.5 * taken[0]
