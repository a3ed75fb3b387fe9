"""Transcripts of Claude Code as sessions: read from the daemon's disk, stored in pieces, never stored twice."""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agor_core.agents.claude_code.transcript import (
    Transcript,
    TranscriptMessage,
    TranscriptTask,
    find_transcript,
    read_transcript,
)
from agor_core.db import Database, Transaction
from agor_core.errors import BadRequest, NotFound
from agor_core.models import GitState, Message, MessageMetadata, RepoRef, Session, Task, Usage
from agor_core.models.task import summary
from agor_core.models.values import ToolUse
from agor_daemon.services.placement import place_in_folder
from agor_daemon.services.requests import ImportRequest

AGENT = "claude-code"
# Interactive writes get in between two batches.
BATCH = 1000
# We store a prompt when its task starts; the agent writes it down once its program is up.
SAME_PROMPT_MS = 60_000


@dataclass(frozen=True, slots=True)
class _Known:
    """What of a conversation is stored already.

    `prompts`: those given through us, as (text, time); the agent's own id of them was never told to us.
    """

    session_id: str
    message_ids: frozenset[str] = frozenset()
    prompts: tuple[tuple[str, int], ...] = ()

    def lacks(self, message: TranscriptMessage) -> bool:
        if message.original_id in self.message_ids:
            return False
        return not any(
            message.content == text and abs(message.timestamp - stored_at) < SAME_PROMPT_MS
            for text, stored_at in self.prompts
        )


class Importer:
    """Loads one transcript at a time."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._one_at_a_time = asyncio.Lock()

    async def load(self, request: ImportRequest, user_id: str | None) -> dict[str, Any]:
        """The session, with `imported: {messages, tasks, skipped}`. Raises BadRequest or NotFound."""
        transcript = await asyncio.to_thread(read_transcript, _path_of(request))
        if not transcript.tasks and not transcript.preamble:
            raise BadRequest("this transcript holds no conversation", skipped=_skipped(transcript))
        async with self._one_at_a_time:
            known = await self._database.read(lambda tx: _find(tx, transcript.session_id))
            if known is None:
                known = await self._begin(transcript, request, user_id)
            counts = await self._store(transcript, known)
        if counts["messages"]:  # counters change silently; now that all is there, every screen is told
            await self._database.write(lambda tx: tx.sessions.patch(known.session_id, {}))
        record = await self._database.read(lambda tx: tx.sessions.record(known.session_id))
        return {**record, "imported": {**counts, "skipped": _skipped(transcript)}}

    async def _begin(self, transcript: Transcript, request: ImportRequest, user_id: str | None) -> _Known:
        cwd = transcript.cwd
        repo = RepoRef(cwd=cwd) if cwd else None
        git_state = GitState(ref=transcript.git_branch) if transcript.git_branch else None
        if cwd is not None and await asyncio.to_thread(os.path.isdir, cwd):
            repo, git_state = await place_in_folder(cwd)

        def unit_of_work(tx: Transaction) -> Session:
            session = Session(
                agent=AGENT,
                status="completed",
                board_id=request.board_id or tx.boards.default_id(),
                created_by=user_id,
            )
            session.data.title = transcript.title or _first_words(transcript)
            session.data.agent_session_id = transcript.session_id
            session.data.agent_version = transcript.version
            session.data.repo = repo
            session.data.git_state = git_state
            return tx.sessions.add(session)

        session = await self._database.write(unit_of_work)
        return _Known(session.session_id)

    async def _store(self, transcript: Transcript, known: _Known) -> dict[str, int]:
        messages = await self._store_messages(known, None, transcript.preamble)
        tasks = 0
        for told in transcript.tasks:
            new = [message for message in told.messages if known.lacks(message)]
            if not new:
                continue
            is_new = len(new) == len(told.messages)  # else the conversation went on in the middle of this task
            task_id = await self._store_task(known.session_id, told, is_new=is_new)
            messages += await self._store_messages(known, task_id, new)
            tasks += is_new
        return {"messages": messages, "tasks": tasks}

    async def _store_task(self, session_id: str, told: TranscriptTask, *, is_new: bool) -> str | None:
        store = _add_task if is_new else _extend_task
        return await self._database.write(lambda tx: store(tx, session_id, told))

    async def _store_messages(self, known: _Known, task_id: str | None, told: list[TranscriptMessage]) -> int:
        new = [message for message in told if known.lacks(message)]
        for at in range(0, len(new), BATCH):
            batch = [_message(known.session_id, task_id, message) for message in new[at : at + BATCH]]
            await self._append(known.session_id, batch)
        return len(new)

    async def _append(self, session_id: str, batch: list[Message]) -> None:
        await self._database.write(lambda tx: tx.messages.append_many(session_id, batch))


def _path_of(request: ImportRequest) -> Path:
    if (request.path is None) == (request.uuid is None):
        raise BadRequest("name either the `path` of a transcript or the `uuid` of a conversation")
    if request.uuid is not None:
        return find_transcript(request.uuid, os.environ)
    path = Path(str(request.path))
    if not path.is_absolute():
        raise BadRequest("`path` must be absolute", errors={"path": ["must be an absolute path"]})
    if not path.is_file():
        raise NotFound(f"no file {path}", path=str(path))
    return path


def _find(tx: Transaction, agent_session_id: str) -> _Known | None:
    page = tx.sessions.page({"agent": AGENT, "agent_session_id": agent_session_id}, None, 1, 1)
    if not page["data"]:
        return None
    session_id = page["data"][0]["session_id"]
    stored = tx.messages.where(session_id=session_id)
    prompts = tuple(
        (message.data.content, message.timestamp)
        for message in stored
        if message.role == "user" and message.data.metadata.original_id is None
    )
    return _Known(session_id, frozenset(filter(None, (m.data.metadata.original_id for m in stored))), prompts)


def _add_task(tx: Transaction, session_id: str, told: TranscriptTask) -> str:
    task = Task(session_id=session_id, status="completed", started_at=told.started_at, completed_at=told.ended_at)
    task.data.full_prompt = told.prompt
    task.data.description = summary(told.prompt)
    task.data.tool_use_count = sum(len(_tool_uses(message)) for message in told.messages)
    task.data.duration_ms = max(0, told.ended_at - told.started_at)
    task.data.usage = Usage(
        input_tokens=told.usage.input_tokens,
        output_tokens=told.usage.output_tokens,
        cache_read_tokens=told.usage.cache_read_tokens,
        cache_write_tokens=told.usage.cache_write_tokens,
    )
    stored = tx.tasks.add(task)
    tx.sessions.count_up(session_id, tool_use_count=task.data.tool_use_count, usage=task.data.usage.model_dump())
    return stored.task_id


def _extend_task(tx: Transaction, session_id: str, told: TranscriptTask) -> str | None:
    last: Task | None = tx.tasks.last_completed(session_id)
    if last is None:
        return None
    tx.tasks.patch(last.task_id, {"completed_at": told.ended_at})
    return last.task_id


def _message(session_id: str, task_id: str | None, told: TranscriptMessage) -> Message:
    message = Message(
        session_id=session_id,
        task_id=task_id,
        type=told.type,
        role=told.role,
        timestamp=told.timestamp,
        parent_tool_use_id=told.parent_tool_use_id,
    )
    message.data.content = told.content
    message.data.tool_uses = _tool_uses(told)
    message.data.metadata = MessageMetadata(
        model=told.model,
        original_id=told.original_id,
        is_meta=told.is_meta or None,
        is_error=told.is_error or None,
    )
    return message


def _tool_uses(message: TranscriptMessage) -> list[ToolUse]:
    blocks = message.content if isinstance(message.content, list) else []
    return [
        ToolUse(id=block["id"], name=block["name"], input=block.get("input"))
        for block in blocks
        if block.get("type") == "tool_use"
    ]


def _first_words(transcript: Transcript) -> str:
    return summary(transcript.tasks[0].prompt) if transcript.tasks else "Imported conversation"


def _skipped(transcript: Transcript) -> list[dict[str, Any]]:
    return [{"line": line, "why": why} for line, why in transcript.skipped]
