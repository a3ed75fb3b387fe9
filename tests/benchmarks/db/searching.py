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


def figures(database: Database, session_ids: list[str], count: int) -> Iterator[Figure]:
    """Searches among so many messages: a rare word, frequent ones, and those in one session."""
    fill_messages(database, session_ids, count)
    queries: dict[str, dict[str, Any]] = {
        "search, rare word": {"$search": "needle", "$limit": 20},
        "search, rare and frequent": {"$search": f"needle {WORDS[0]}", "$limit": 20},
        "search, a phrase": {"$search": f'"{WORDS[0]} {WORDS[1]}"', "$limit": 20, "$total": False},
        "search, in one session": {"$search": "needle", "session_id": session_ids[0], "$limit": 20},
        "search, frequent word": {"$search": WORDS[0], "$limit": 20, "$total": False},
    }
    for name, query in queries.items():

        def ask(query: dict[str, Any] = query) -> None:
            database.read_now(lambda tx: tx.messages.page(query, READER, 20, 20))

        p50, p99, cpu = measured(ask, TIMES if "frequent word" not in name else 3, time.process_time)
        yield Figure(f"{count:,} messages", name, len(session_ids), p50, p99, cpu, p50)
