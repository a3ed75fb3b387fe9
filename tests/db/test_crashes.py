"""Death at any moment: what was acknowledged is there with its event, and nothing is half there."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from agor_core.db import open_database

ROUNDS = {"sqlite": 50, "postgresql": 10, "libsql": 10}
LIMIT_S = 180


def test_killed_writers_lose_nothing_and_leave_nothing_half_done(url: str, backend: str) -> None:
    """After kill -9 in the middle of writing, again and again: every acknowledged message is stored; each stored one
    has its one event and no event is without one; indices and event numbers have no gaps."""
    command = [sys.executable, "-m", "tests.support.crash_writer", url, str(ROUNDS[backend])]
    root = Path(__file__).parents[2]
    done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT_S, cwd=root, check=True)
    acknowledged = set(done.stdout.split())
    with open_database(url) as database:
        messages = database.read_now(lambda tx: tx.messages.where())
        events = database.read_now(lambda tx: tx.events.page({}, None, 10**6, 10**6)["data"])
    assert len(acknowledged) >= ROUNDS[backend]
    assert acknowledged <= {message.message_id for message in messages}
    assert sorted(message.index for message in messages) == list(range(len(messages)))
    announced = [event["record_id"] for event in events if event["path"] == "messages"]
    assert sorted(announced) == sorted(message.message_id for message in messages)
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
