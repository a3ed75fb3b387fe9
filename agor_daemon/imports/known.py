"""What of a conversation is stored already, so that nothing of it is stored twice."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from agor_core.agents.claude_code.entries import TranscriptMessage
from agor_core.db import Transaction
from agor_core.db.repositories.messages import Origin
from agor_core.models import Session

# We store a prompt when its task starts; the agent writes it down once its program is up.
SAME_TIME_MS = 60_000


@dataclass(frozen=True, slots=True)
class Stored:
    """A message: `ran_here` if it came through us, `is_own` unless the session inherited it."""

    message_id: str
    task_id: str | None
    ran_here: bool
    is_own: bool


@dataclass(slots=True)
class Known:
    """A session and its messages, those it inherited included.

    Messages whose id the agent never told us (prompts given through us, answers that were broken off) are known by what
    they say and when.
    """

    session_id: str
    status: str
    by_original_id: dict[str, Stored] = field(default_factory=dict)
    unnamed: list[tuple[Any, int, Stored]] = field(default_factory=list)
    last_words: dict[str | None, str] = field(default_factory=dict)
    """By task, what the agent calls the last of its messages."""
    newest_task_id: str | None = None
    """Of its own tasks, the one that said something last."""

    def find(self, message: TranscriptMessage) -> Stored | None:
        """Where `message` is stored, whole."""
        if (stored := self.by_original_id.get(message.original_id)) is not None:
            return stored
        if not self.unnamed:
            return None
        return next(
            (
                stored
                for content, timestamp, stored in self.unnamed
                if content == message.content and abs(message.timestamp - timestamp) < SAME_TIME_MS
            ),
            None,
        )

    def find_part(self, message: TranscriptMessage) -> Stored | None:
        """Where `message` is stored as it was before its answer was complete."""
        if not message.earlier_ids:
            return None
        return next(filter(None, map(self.by_original_id.get, message.earlier_ids)), None)


def known_conversation(tx: Transaction, agent: str, agent_session_id: str) -> Known | None:
    """The session of the agent's conversation; None if there is none yet."""
    page = tx.sessions.page({"agent": agent, "agent_session_id": agent_session_id}, None, 1, 1)
    if not page["data"]:
        return None
    return known_of(tx, tx.sessions.get(page["data"][0]["session_id"]))


def known_of(tx: Transaction, session: Session) -> Known:
    """The same of a session of ours."""
    known = Known(session.session_id, session.status)
    for origin in tx.messages.origins(session.session_id):
        _note(known, origin)
    return known


def _note(known: Known, origin: Origin) -> None:
    is_own = origin.session_id == known.session_id
    stored = Stored(origin.message_id, origin.task_id, ran_here=origin.original_id is None, is_own=is_own)
    if is_own and origin.task_id is not None:
        known.newest_task_id = origin.task_id
    if origin.original_id is not None:
        known.by_original_id[origin.original_id] = stored
        known.last_words[origin.task_id] = origin.original_id
    else:
        known.unnamed.append((origin.content, origin.timestamp, stored))
