"""Short ways to fill a database."""

from __future__ import annotations

from typing import Any

from agor_core.db import Database
from agor_core.models import Message, Session, Task


def said(text: str, task_id: str | None = None) -> Message:
    """A message of a person, for whatever session it is appended to."""
    message = Message(session_id="", task_id=task_id, type="user", role="user")
    message.data.content = text
    return message


async def a_session(database: Database, **columns: Any) -> Session:
    """A stored session."""
    return await database.write(lambda tx: tx.sessions.add(Session(agent="scripted", **columns)))


async def a_task(database: Database, session_id: str, *words: str, **columns: Any) -> Task:
    """A stored task during which `words` were said."""
    task = await database.write(lambda tx: tx.tasks.add(Task(session_id=session_id, **columns)))
    messages = [said(word, task.task_id) for word in words]
    await database.write(lambda tx: tx.messages.append_many(session_id, messages))
    return await database.read(lambda tx: tx.tasks.get(task.task_id))
