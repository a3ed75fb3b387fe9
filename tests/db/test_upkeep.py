"""What an embedded database puts off is done while nobody waits for it, and after an import."""

from __future__ import annotations

import asyncio
import io
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa

from agor_core.db import Database, export_to, import_from, open_database, transfer
from agor_core.models import Session
from tests.support.databases import MakeUrl
from tests.support.records import a_session, said, say, say_now

LIMIT_S = 60.0
LOOK_EVERY_S = 0.01


def segments(database: Database) -> int:
    """Of how many pieces the index of words is."""
    counted = sa.text("SELECT count(DISTINCT segid) FROM search_index_idx")
    return int(database.read_now(lambda tx: tx.connection.execute(counted).scalar_one()))


def found(database: Database, word: str) -> int:
    """How many messages a search finds."""
    page = database.read_now(lambda tx: tx.messages.page({"$search": word, "$limit": 0}, None, 50, 50))
    return int(page["total"])


async def until(holds: Callable[[], bool]) -> None:
    """Wait for something that the writer does by itself."""
    async with asyncio.timeout(LIMIT_S):
        while not holds():
            await asyncio.sleep(LOOK_EVERY_S)


async def test_segments_are_merged_in_the_first_pause(make_url: MakeUrl) -> None:
    """Each message is a segment of the index of words, but soon after the last one there are few, and all are found."""
    with open_database(make_url("sqlite")) as database:
        session = database.write_now(lambda tx: tx.sessions.add(Session(agent="codex")))
        say_now(database, session.session_id, *(f"plum {nth}" for nth in range(15)))
        assert segments(database) == 15
        await database.write(lambda tx: tx.messages.append(session.session_id, said("plum")))
        await until(lambda: segments(database) < 4)
        assert found(database, "plum") == 16


async def test_a_log_that_grows_long_is_brought_in_at_a_pause(make_url: MakeUrl, tmp_path: Path) -> None:
    """A file that is copied without its log has all that was written before the last pause."""
    with open_database(make_url("sqlite")) as database:
        assert database.file is not None
        session = await a_session(database)
        await say(database, session.session_id, *(f"plum {nth}" for nth in range(150)))

        def is_in_the_file() -> bool:
            shutil.copyfile(str(database.file), tmp_path / "copy.db")
            with closing(sqlite3.connect(tmp_path / "copy.db")) as copy:
                return bool(copy.execute("SELECT count(*) FROM messages").fetchone()[0] == 150)

        await until(is_in_the_file)


async def test_an_import_leaves_nothing_to_be_merged(make_url: MakeUrl, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many transactions it took, the index is in as few pieces as can be when it is done."""
    monkeypatch.setattr(transfer, "ROWS_AT_ONCE", 2)
    to = io.BytesIO()
    with open_database(make_url("sqlite")) as source:
        session = await a_session(source)
        say_now(source, session.session_id, *(f"plum {nth}" for nth in range(20)))
        export_to(source, to)
    with open_database(make_url("sqlite")) as target:
        import_from(target, to.getvalue().splitlines(keepends=True))
        assert segments(target) <= 3
        assert found(target, "plum") == 20
