"""Short ways to fill a database."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from agor_core.db import Database, Reader, Transaction
from agor_core.models import Message, PermissionRequest, Session, Task


def said(text: str, task_id: str | None = None) -> Message:
    """A message of a person, for whatever session it is appended to."""
    message = Message(session_id="", task_id=task_id, type="user", role="user")
    message.data.content = text
    return message


async def a_session(database: Database, **columns: Any) -> Session:
    """A stored session."""
    return await stored(database, Session(agent="scripted", **columns))


async def stored(database: Database, session: Session) -> Session:
    """The session as it is in the database from now on."""
    return await database.write(lambda tx: tx.sessions.add(session))


async def a_task(database: Database, session_id: str, *words: str, **columns: Any) -> Task:
    """A stored task during which `words` were said."""
    task = await database.write(lambda tx: tx.tasks.add(Task(session_id=session_id, **columns)))
    messages = [said(word, task.task_id) for word in words]
    await database.write(lambda tx: tx.messages.append_many(session_id, messages))
    return await database.read(lambda tx: tx.tasks.get(task.task_id))


async def an_answer(database: Database, session_id: str, **columns: Any) -> PermissionRequest:
    """A question of the session's agent that was answered with a yes."""
    answer = PermissionRequest(session_id=session_id, status="approved", **columns)
    return await database.write(lambda tx: tx.permissions.add(answer))


async def say(database: Database, session_id: str, *messages: Message | str) -> None:
    """Append messages one by one."""
    for message in messages:
        await database.write(_appending(session_id, message))


def say_now(database: Database, session_id: str, *messages: Message | str) -> None:
    """The same in the calling thread."""
    for message in messages:
        database.write_now(_appending(session_id, message))


def _appending(session_id: str, message: Message | str) -> Callable[[Transaction], Message]:
    whole = said(message) if isinstance(message, str) else message
    return lambda tx: tx.messages.append(session_id, whole)


async def page_of(
    database: Database, path: str, query: Mapping[str, Any], reader: Reader | None = None, most: int = 50
) -> dict[str, Any]:
    """A page of what the reader may see of it, of at most so many records."""
    return await database.read(lambda tx: tx.repository(path).page(query, reader, most, most))
