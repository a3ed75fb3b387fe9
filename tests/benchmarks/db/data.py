"""Databases of the sizes that are measured: sessions of a kilobyte, one a minute, and what is said in them."""

from __future__ import annotations

import random
from collections.abc import Iterator
from functools import partial
from typing import Any

import sqlalchemy as sa

from agor_core.clock import now_ms
from agor_core.db import Database, Transaction, search
from agor_core.ids import ANONYMOUS_ID
from agor_core.models import GitState, Message, Session, spawned

STATUSES = ("idle", "completed", "completed", "completed", "failed")
AT_ONCE = 2000
MINUTE_MS = 60_000
SECOND_MS = 1_000
LEVELS = 10
WIDEST = 64
WORDS = [
    f"{one}{two}{three}" for one in ("ba", "co", "di", "fu") for two in "lmnrst" for three in ("a", "en", "or", "ul")
]


def id_at(ms: int) -> str:
    """A UUIDv7 of that time."""
    digits = f"{ms:012x}7{random.getrandbits(76):019x}"
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


def fill(database: Database, count: int) -> list[str]:
    """Store so many sessions, every tenth with a git ref of its own; their ids, oldest first."""
    session = Session(agent="claude-code", created_by=ANONYMOUS_ID)
    session.data.description = "words about it " * 30
    session.data.git_state = GitState(base_sha="a" * 40)
    table: sa.Table = Session.__table__  # type: ignore[attr-defined]
    template = {column.name: getattr(session, column.name) for column in table.columns}
    data = session.data.model_dump(by_alias=True)
    begin = now_ms() - count * MINUTE_MS
    ids: list[str] = []

    def row(nth: int) -> dict[str, Any]:
        at = begin + nth * MINUTE_MS
        ids.append(id_at(at))
        own = {"title": f"session {nth}", "git_state": {**data["git_state"], "ref": f"branch-{nth // 10}"}}
        status = STATUSES[nth % len(STATUSES)]
        facts = {"session_id": ids[-1], "status": status, "created_at": at, "last_updated": at}
        return {**template, **facts, "data": {**data, **own}}

    def store(rows: list[dict[str, Any]]) -> None:
        database.write_now(lambda tx: tx.connection.execute(sa.insert(table), rows))

    for first in range(0, count, AT_ONCE):
        store([row(nth) for nth in range(first, min(first + AT_ONCE, count))])
    return ids


def tree(tx: Transaction, widest: int) -> str:
    """Sessions spawned ten levels deep, two from each, `widest` on a level at most; the root."""
    root = tx.sessions.add(Session(agent="claude-code"))
    level = [root]
    for _ in range(LEVELS):
        children = [spawned(one, point=None, created_by=None) for one in level for _ in range(2)]
        level = tx.sessions.add_many(children[:widest])
    return root.session_id


def said(words: str) -> Message:
    """A message, for whatever session it is appended to."""
    message = Message(session_id="", type="assistant", role="assistant")
    message.data.content = words
    return message


def transcript(count: int) -> Iterator[list[Message]]:
    """So many messages of a kilobyte, a thousand at a time."""
    for first in range(0, count, 1000):
        yield [said(" ".join(random.choices(WORDS, k=170))) for _ in range(min(1000, count - first))]


def fill_messages(database: Database, session_ids: list[str], count: int, whole: str) -> None:
    """So many short messages, a second apart, a hundred in each session, each thousandth with the word `needle`.

    `whole`: a word that is in each of them. All are findable.
    """
    table: sa.Table = Message.__table__  # type: ignore[attr-defined]
    message = Message(session_id="", type="assistant", role="assistant", created_by=ANONYMOUS_ID)
    template = {column.name: getattr(message, column.name) for column in table.columns}
    data = message.data.model_dump(by_alias=True)
    now = now_ms()

    def store(tx: Transaction, first: int) -> None:
        rows, words = [], []
        for nth in range(first, min(first + AT_ONCE, count)):
            text = " ".join(random.choices(WORDS, k=20)) + f" {whole}" + (" needle" if nth % 1000 == 0 else "")
            session_id = session_ids[nth // 100 % len(session_ids)]
            at = now - (count - nth) * SECOND_MS
            place = {"message_id": id_at(at), "session_id": session_id, "index": nth, "timestamp": at}
            times = {"created_at": at, "last_updated": at}
            rows.append({**template, **place, **times, "data": {**data, "content": text, "content_preview": text}})
            words.append((rows[-1]["message_id"], session_id, text))
        tx.connection.execute(sa.insert(table), rows)
        search.put(tx, words)

    for first in range(0, count, AT_ONCE):
        database.write_now(partial(store, first=first))
