"""Full-text search over many messages, through the repositories."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

from agor_core.db import Database
from tests.benchmarks.db.data import WORDS, fill_messages
from tests.benchmarks.db.figures import Figure, measured
from tests.benchmarks.db.repositories import READER

TIMES = 20


WHOLE = "always"
"""A word of every message."""


def queries(session_id: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """A rare word, frequent ones and two words, each alone and narrowed in every way."""
    narrowed: dict[str, dict[str, Any]] = {
        "": {},
        ", in a session": {"session_id": session_id},
        ", of an agent": {"session.agent": "claude-code"},
        ", of a branch": {"session.git_state.ref": "branch-1"},
        ", of late": {"timestamp": {"$gt": "2020-01-01T00:00:00.000Z"}},
        ", along a history": {"session_id": session_id, "$history": True},
        ", by time": {"$sort": {"created_at": -1}},
    }
    words = {
        "rare": "needle",
        "frequent": WORDS[0],
        "two": f"{WORDS[0]} {WORDS[1]}",
        "rare and frequent": f"needle {WORDS[0]}",
        "a phrase": f'"{WORDS[0]} {WORDS[1]}"',
        "everywhere": WHOLE,
    }
    for word, text in words.items():
        for how, filters in narrowed.items():
            yield f"search, {word}{how}", {"$search": text, "$limit": 20, "$total": False, **filters}
            yield f"search, {word}{how}, with total", {"$search": text, "$limit": 20, **filters}


def figures(database: Database, session_ids: list[str], count: int) -> Iterator[Figure]:
    """Searches among so many messages."""
    fill_messages(database, session_ids, count, WHOLE)
    yield from searched(database, session_ids[0], len(session_ids), count)


def searched(database: Database, session_id: str, sessions: int, count: int) -> Iterator[Figure]:
    """The same among messages that are there."""
    for name, query in queries(session_id):

        def ask(query: dict[str, Any] = query) -> None:
            database.write_now(lambda tx: tx.messages.page(query, READER, 20, 20))  # no total is kept in a writer

        p50, p99, cpu, _ = measured(ask, TIMES, time.process_time)
        yield Figure(f"{count:,} messages", name, sessions, p50, p99, cpu, p50)
