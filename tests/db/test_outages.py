"""A database that goes away and comes back: one clear error meanwhile, and everything works again by itself."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa

from agor_core.db import Transaction, engine, open_database
from agor_core.db.change_log import LogEntry
from agor_core.errors import Unavailable
from agor_core.models import Session
from tests.support.databases import MakeUrl
from tests.support.hrana import hrana_server
from tests.support.records import a_session

PATIENCE_S = 30


async def test_an_upkeep_that_fails_does_not_end_writing(make_url: MakeUrl, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever goes wrong while nobody writes, the next one who does is served."""
    failed = threading.Event()
    with open_database(make_url("sqlite")) as database:

        def refuse() -> None:
            failed.set()
            raise sa.exc.TimeoutError("no connection is free")

        monkeypatch.setattr(database._writer, "_rests", [(0.001, refuse)])
        await a_session(database)
        assert await asyncio.to_thread(failed.wait, PATIENCE_S)
        async with asyncio.timeout(PATIENCE_S):
            await a_session(database)


async def test_a_database_that_was_closed_says_so(make_url: MakeUrl) -> None:
    """Who writes too late is told, and does not wait for ever."""
    with open_database(make_url("sqlite")) as database:
        await a_session(database)
    async with asyncio.timeout(PATIENCE_S):
        with pytest.raises(RuntimeError, match="closed"):
            await a_session(database)


async def test_a_locked_file_is_unavailable_until_it_is_free(
    make_url: MakeUrl, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While another program holds the file, writing fails with 503 and a reason; then it works."""
    monkeypatch.setattr(engine, "_PRAGMAS", ("journal_mode=WAL", "foreign_keys=ON", "busy_timeout=20"))
    with open_database(make_url("sqlite")) as database:
        assert database.file is not None
        with closing(sqlite3.connect(database.file, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            refused = await asyncio.gather(*(a_session(database) for _ in range(20)), return_exceptions=True)
            assert {type(error) for error in refused} == {Unavailable}
            assert {"busy" in str(error) for error in refused} == {True}
            other.execute("ROLLBACK")
        await a_session(database)
        assert len(await database.read(lambda tx: tx.sessions.where())) == 1


async def test_a_full_disk_is_unavailable_and_nothing_is_half_written(make_url: MakeUrl) -> None:
    """When no page can be added, writing fails with 503 and a reason; what was there is there."""
    with open_database(make_url("sqlite")) as database:
        kept = await a_session(database)
        position = await database.change_log.position()

        def fill(tx: Transaction) -> None:
            # The file may not grow any more: what a full disk looks like from inside.
            pages = tx.connection.exec_driver_sql("PRAGMA page_count").scalar_one()
            tx.connection.exec_driver_sql(f"PRAGMA max_page_count={pages}")
            session = Session(agent="x")
            session.data.description = "x" * 90_000
            for _ in range(20):
                tx.sessions.add(session.model_copy(update={"session_id": session.session_id + str(_)}))

        with pytest.raises(Unavailable, match="full"):
            await database.write(fill)
        assert [one.session_id for one in await database.read(lambda tx: tx.sessions.where())] == [kept.session_id]
        assert await database.change_log.position() == position


@pytest.mark.postgres
async def test_text_cut_in_the_middle_of_a_character_reaches_other_processes(make_url: MakeUrl) -> None:
    """What agents say may hold half a surrogate pair or NUL: it is told as the database would keep it."""
    url = make_url("postgresql")
    with open_database(url) as one, open_database(url) as other:
        heard: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        other.peers.subscribe("test", heard.set_result)
        for database in (one, other):
            await database.change_log.start()
        one.peers.tell("test", {"text": "a\0b\ud800c"})
        async with asyncio.timeout(PATIENCE_S):
            assert await heard == {"text": "a\ufffdb?c"}
        for database in (one, other):
            await database.change_log.stop()


@pytest.mark.postgres
async def test_a_lost_server_connection_is_replaced(make_url: MakeUrl) -> None:
    """When the server ends all connections, at most the calls under way fail; the log is heard on without a gap."""
    url = make_url("postgresql")
    with open_database(url) as database:
        heard: list[LogEntry] = []
        more = asyncio.Event()
        await database.change_log.start()

        def hear(batch: Sequence[LogEntry]) -> None:
            heard.extend(batch)
            more.set()

        database.change_log.subscribe(hear)
        await a_session(database)
        end_connections(url)
        await a_session(database)
        with open_database(url) as other:
            await a_session(other)
        async with asyncio.timeout(PATIENCE_S):
            while len(heard) < 3:
                more.clear()
                await more.wait()
        await database.change_log.stop()
        assert [entry.seq for entry in heard] == list(range(heard[0].seq, heard[0].seq + 3))


async def test_a_libsql_server_that_is_away_is_unavailable(tmp_path: Path, sqlite_template: Path) -> None:
    """Once the server is gone, calls are 503."""
    file = tmp_path / "agor.db"
    file.write_bytes(sqlite_template.read_bytes())
    with hrana_server(file) as url, open_database(url) as database:
        await a_session(database)
    with open_database(url) as database, pytest.raises(Unavailable):
        await a_session(database)


def end_connections(url: str) -> None:
    """Have the server end every connection to the database but ours."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
