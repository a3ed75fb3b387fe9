"""Where a transcript leaves another conversation that is stored here already: what both hold is stored once.

Claude copies what a fork remembers into the fork's own file, each entry with the id it had. Whichever of the two is
imported first holds what they share; the other becomes a fork of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from agor_core.agents.claude_code.entries import TranscriptMessage
from agor_core.agents.claude_code.transcript import Transcript, TranscriptTask
from agor_core.db import Transaction
from agor_core.models import Session, Task
from agor_core.models.task import ENDED_STATUSES
from agor_daemon.imports.known import SAME_TIME_MS, Known, known_of
from agor_daemon.imports.plan import was_left_out

# Who said the first words of a conversation is found among its first entries; the prompt's id we may never have heard.
LOOKED_UP = 8
# More branches of one conversation nobody has; they are compared one by one.
MOST_COMPARED = 50


@dataclass(frozen=True, slots=True)
class Branching:
    """A transcript shares the history of `parent` up to and including the task `point`."""

    parent: Session
    point: Task


def find_branching(tx: Transaction, transcript: Transcript) -> Branching | None:
    """The session with which `transcript` shares most, and the last task that is whole in both; None without any."""
    best, most = None, 0
    for session in _candidates(tx, transcript):
        shared = _shared_tasks(known_of(tx, session), transcript)
        if len(shared) > most:
            point = tx.tasks.find_one(task_id=shared[-1])
            if point is not None and point.status in ENDED_STATUSES and point.data.message_range is not None:
                best, most = Branching(session, point), len(shared)
    return best


def _candidates(tx: Transaction, transcript: Transcript) -> Iterator[Session]:
    """Sessions in which the transcript's first words were said, and their forks, origins first."""
    if not transcript.tasks:
        return
    ids: list[str] = []
    for message in transcript.tasks[0].messages[:LOOKED_UP]:
        around = (message.timestamp - SAME_TIME_MS, message.timestamp + SAME_TIME_MS)
        if ids := tx.messages.sessions_that_hold(message.original_id, around):
            break
    seen: set[str] = set()
    while ids and len(seen) < MOST_COMPARED:
        sessions = [session for session in tx.sessions.where(session_id=ids) if session.session_id not in seen]
        seen.update(session.session_id for session in sessions)
        yield from sessions
        ids = [fork.session_id for session in sessions for fork in _forks(tx, session)]


def _forks(tx: Transaction, session: Session) -> list[Session]:
    forks: list[Session] = tx.sessions.where(forked_from_session_id=session.session_id)
    return forks


def _shared_tasks(known: Known, transcript: Transcript) -> list[str]:
    """The ids of the stored tasks with which the transcript begins, each whole in both."""
    shared: list[str] = []
    for told in transcript.tasks:
        task_id = _stored_as(known, told)
        if task_id is None:
            break
        shared.append(task_id)
    return shared


def _stored_as(known: Known, told: TranscriptTask) -> str | None:
    """The stored task that is `told`, with nothing more and nothing less that an agent said."""
    found = [(message, known.find(message)) for message in told.messages]
    task_ids = {stored.task_id for _, stored in found if stored is not None}
    if len(task_ids) != 1:
        return None
    (task_id,) = task_ids
    ran_here = any(stored.ran_here for _, stored in found if stored is not None)
    is_whole = all(stored is not None or (ran_here and was_left_out(message)) for message, stored in found)
    is_sure = any(message.original_id in known.by_original_id for message, _ in found)
    return task_id if is_whole and is_sure and _ends_alike(known, task_id, told.messages) else None


def _ends_alike(known: Known, task_id: str | None, told: list[TranscriptMessage]) -> bool:
    """Whether the stored task goes no further: what its agent said last is told, too."""
    return known.last_words.get(task_id) in {message.original_id for message in told}
