"""`python tests/benchmarks/db/bench_targets.py [--sizes 10000,100000] [--json FILE]`: the data layer's targets.

Each operation runs through its repository, in the calling thread, on an embedded database of so many sessions; beside
it stands the same question asked of the bare `sqlite3`, in the same run, since a busy machine says nothing by itself.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from agor_core.clock import now_ms
from agor_core.db import Database, Reader, Transaction, open_database
from agor_core.ids import ANONYMOUS_ID, new_id
from agor_core.models import Message, Session, spawned

READER = Reader("somebody", sees_private=False)
STATUSES = ("idle", "completed", "completed", "completed", "failed")
ROWS_AT_ONCE = 2000
TIMES = 300
LEVELS = 10


@dataclass
class Figure:
    """One operation at one size, in microseconds."""

    operation: str
    sessions: int
    p50: float
    p99: float
    cpu: float
    bare_p50: float | None


def fill(database: Database, count: int) -> list[str]:
    """Store so many sessions, every tenth with a git ref of its own; their ids."""
    ids: list[str] = []
    table = database.read_now(lambda tx: tx.sessions.table)
    while len(ids) < count:
        rows = [row(len(ids) + nth) for nth in range(min(ROWS_AT_ONCE, count - len(ids)))]
        database.write_now(lambda tx, rows=rows: tx.connection.execute(sa.insert(table), rows))  # type: ignore[misc]
        ids += [one["session_id"] for one in rows]
    return ids


def row(nth: int) -> dict[str, Any]:
    """A session as a row, with about a kilobyte of data."""
    session = Session(agent="claude-code", status=STATUSES[nth % len(STATUSES)], created_by=ANONYMOUS_ID)
    session.session_id, session.created_at, session.last_updated = new_id(), now_ms(), now_ms()
    session.data.title, session.data.description = f"session {nth}", "words about it " * 30
    session.data.git_state = {"ref": f"branch-{nth // 10}", "base_sha": "a" * 40}
    return {column.name: getattr(session, column.name) for column in Session.__table__.columns}  # type: ignore[attr-defined]


def plant(tx: Transaction) -> str:
    """A binary tree of sessions, ten levels deep; its root."""
    root = tx.sessions.add(Session(agent="claude-code"))
    level = [root]
    for _ in range(LEVELS):
        level = tx.sessions.add_many([spawned(one, point=None, created_by=None) for one in level for _ in range(2)])[
            :64
        ]
    return root.session_id


def measured(work: Callable[[], object], times: int = TIMES) -> tuple[float, float, float]:
    """(p50, p99, CPU) in microseconds."""
    work()
    took = []
    cpu = time.process_time()
    for _ in range(times):
        begun = time.perf_counter()
        work()
        took.append(time.perf_counter() - begun)
    cpu = (time.process_time() - cpu) / times
    took.sort()
    return took[times // 2] * 1e6, took[int(times * 0.99)] * 1e6, cpu * 1e6


def operations(
    database: Database, ids: list[str], root: str
) -> Iterator[tuple[str, Callable[[], object], str | None, int]]:
    """(name, through the repository, the same for sqlite3, how often)."""

    def read(ask: Callable[[Transaction], object]) -> Callable[[], object]:
        return lambda: database.read_now(ask)

    def write(do: Callable[[Transaction], object]) -> Callable[[], object]:
        return lambda: database.write_now(do)

    def said(tx: Transaction) -> Message:
        message = Message(session_id=root, type="user", role="user")
        message.data.content = "some words " * 20
        return tx.messages.append(root, message)

    idle = {"status": "idle", "$total": False}
    newest = "ORDER BY created_at DESC, session_id DESC LIMIT 50"
    yield "insert", write(lambda tx: tx.sessions.add(Session(agent="codex"))), None, TIMES
    yield "append a message", write(said), None, TIMES
    yield "patch", write(lambda tx: tx.sessions.patch(random.choice(ids), {"title": "new"})), None, TIMES
    by_id = f"SELECT * FROM sessions WHERE session_id = '{ids[0]}'"
    yield "get", read(lambda tx: tx.sessions.record(random.choice(ids), READER)), by_id, TIMES
    by_status = f"SELECT * FROM sessions WHERE status = 'idle' {newest}"
    yield "50 by status", read(lambda tx: tx.sessions.page(idle, READER, 50, 1000)), by_status, TIMES
    counted = "SELECT count(*) FROM sessions WHERE status = 'idle'"
    yield "50 and total", read(lambda tx: tx.sessions.page({"status": "idle"}, READER, 50, 1000)), counted, 30
    yield "genealogy", read(lambda tx: tx.sessions.genealogy(root, READER)), None, 10
    short = ids[len(ids) // 2][:33]
    prefix = f"SELECT session_id FROM sessions WHERE session_id >= '{short}' AND session_id < '{short}~' LIMIT 10"
    yield "short id", read(lambda tx: tx.sessions.resolve(short, READER)), prefix, TIMES
    of_one = {"session_id": ids[5], "git_state.ref": "branch-0", "$total": False}
    by_field = f"{by_id} AND json_extract(data, '$.git_state.ref') = 'branch-0'"
    yield "JSON field", read(lambda tx: tx.sessions.page(of_one, READER, 50, 1000)), by_field, TIMES


def figures(size: int) -> Iterator[Figure]:
    """All operations at one size."""
    with tempfile.TemporaryDirectory() as folder, open_database(f"sqlite:///{folder}/agor.db") as database:
        database.prepare()
        begun = time.perf_counter()
        ids = fill(database, size)
        rate = size / (time.perf_counter() - begun)
        print(f"{size:,} sessions stored at {rate:,.0f} rows/s", file=sys.stderr)
        root = database.write_now(plant)
        bare = sqlite3.connect(Path(folder) / "agor.db")
        for name, work, sql, times in operations(database, ids, root):
            p50, p99, cpu = measured(work, times)
            yield Figure(
                name,
                size,
                p50,
                p99,
                cpu,
                measured(lambda sql=sql: bare.execute(sql).fetchall(), times)[0] if sql else None,
            )  # type: ignore[misc]
        bare.close()


def main() -> None:
    """Measure, print a table, and write the figures as JSON if asked to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", default="10000,100000")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    found: list[Figure] = []
    print(f"load {os.getloadavg()[0]:.1f}; microseconds")
    print(f"{'operation':20} {'sessions':>10} {'p50':>9} {'p99':>9} {'CPU':>9} {'sqlite3':>9}")
    for size in map(int, options.sizes.split(",")):
        for one in figures(size):
            found.append(one)
            bare = f"{one.bare_p50:9.0f}" if one.bare_p50 is not None else " " * 9
            print(
                f"{one.operation:20} {one.sessions:10,} {one.p50:9.0f} {one.p99:9.0f} {one.cpu:9.0f} {bare}", flush=True
            )
    if options.json:
        options.json.write_text(json.dumps([asdict(one) for one in found], indent=1))


if __name__ == "__main__":
    main()
