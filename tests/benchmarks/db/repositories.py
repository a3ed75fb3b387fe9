"""The targets through the repositories, in the calling thread; above an empty unit of work."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Iterator
from typing import Any

from agor_core.db import Database, Reader, Transaction
from agor_core.models import Message, Session
from tests.benchmarks.db.data import WIDEST, said, transcript, tree
from tests.benchmarks.db.figures import Figure, measured

READER = Reader("somebody", sees_private=False)
TIMES = 300
WRITERS = 100
IMPORTED = 20_000


def figures(database: Database, ids: list[str]) -> Iterator[Figure]:
    """All operations on a database with sessions of these ids."""
    bare = 0.0
    for name, work, times in _operations(database, ids):
        p50, p99, cpu, _ = measured(work, times, time.process_time)
        bare = p50 if name == "nothing" else bare
        yield Figure("repositories", name, len(ids), p50, p99, cpu, p50 - bare)


def _operations(database: Database, ids: list[str]) -> Iterator[tuple[str, Callable[[], object], int]]:
    """(name, work, how often)."""
    wide = database.write_now(lambda tx: tree(tx, WIDEST))
    narrow = database.write_now(lambda tx: tree(tx, 1))

    def read(ask: Callable[[Transaction], object]) -> Callable[[], object]:
        return lambda: database.read_now(ask)

    def write(do: Callable[[Transaction], object]) -> Callable[[], object]:
        return lambda: database.write_now(do)

    def page(query: dict[str, Any]) -> Callable[[], object]:
        return read(lambda tx: tx.sessions.page(query, READER, 50, 1000))

    def prefix() -> str:
        return random.choice(ids)[:16]

    idle = {"status": "idle"}
    updated = {"$sort": {"last_updated": -1}, "$limit": 50, "$total": False}
    yield "nothing", read(lambda tx: None), TIMES
    yield "insert", write(lambda tx: tx.sessions.add(Session(agent="codex"))), TIMES
    yield "append a message", write(lambda tx: tx.messages.append(narrow, said("some words " * 20))), TIMES
    yield "patch", write(lambda tx: tx.sessions.patch(random.choice(ids), {"title": "new"})), TIMES
    yield "get", read(lambda tx: tx.sessions.record(random.choice(ids), READER)), TIMES
    yield "50 by status", page({**idle, "$total": False}), TIMES
    yield "50 by status and total", page(idle), TIMES
    yield "filter and sort", page({**idle, **updated}), TIMES
    yield "genealogy", read(lambda tx: tx.sessions.genealogy(narrow, READER)), TIMES
    yield "genealogy of 600", read(lambda tx: tx.sessions.genealogy(wide, READER)), 20
    yield "short id", read(lambda tx: tx.sessions.resolve(prefix(), READER)), TIMES
    of_one = {"session_id": ids[5], "git_state.ref": "branch-0", "$total": False}
    yield "JSON field", page(of_one), TIMES


def imported_a_second(database: Database, session_id: str) -> float:
    """Messages of a kilobyte a second, a thousand in a transaction, findable and announced."""

    def store(batch: list[Message]) -> None:
        database.write_now(lambda tx: tx.messages.append_many(session_id, batch))

    begun = time.perf_counter()
    for batch in transcript(IMPORTED):
        store(batch)
    return IMPORTED / (time.perf_counter() - begun)


def written_a_second(database: Database, width: int) -> float:
    """Sessions a second while so many writers wait."""

    async def one_after_the_other() -> None:
        for _ in range(2000 // width):
            await database.write(lambda tx: tx.sessions.add(Session(agent="codex")))

    async def all_at_once() -> None:
        await asyncio.gather(*(one_after_the_other() for _ in range(width)))

    begun = time.perf_counter()
    asyncio.run(all_at_once())
    return 2000 / (time.perf_counter() - begun)
