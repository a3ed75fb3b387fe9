"""A transcript's tasks and messages as rows of ours."""

from __future__ import annotations

from typing import Any, Final

from agor_core.agents.claude_code.entries import TranscriptMessage
from agor_core.agents.claude_code.transcript import TranscriptTask
from agor_core.ids import new_id
from agor_core.models import MessageMetadata, Task, Usage
from agor_core.models.message import MessageData
from agor_core.models.task import TaskData, summary

_DATA: Final = MessageData().model_dump(by_alias=True)
_METADATA: Final = MessageMetadata().model_dump(by_alias=True)


def task_row(session_id: str, told: TranscriptTask) -> Task:
    """The task, with the times at which it began and ended. The record itself is made now: so it is known to be no
    news."""
    data = TaskData(
        full_prompt=told.prompt,
        description=summary(told.prompt),
        tool_use_count=tool_use_count(told.messages),
        duration_ms=max(0, told.ended_at - told.started_at),
        usage=usage_of(told),
        model=told.model,
    )
    return Task.of_columns(
        {
            "task_id": new_id(),
            "session_id": session_id,
            "status": "completed",
            "started_at": told.started_at or None,
            "completed_at": told.ended_at or None,
            "data": data,
            "created_at": 0,
            "last_updated": 0,
            "created_by": None,
        }
    )


def message_row(session_id: str, task_id: str | None, told: TranscriptMessage) -> dict[str, Any]:
    """The message as values of its columns, with its own time. An object for each would take as long as to store it."""
    metadata = {
        **_METADATA,
        "model": told.model,
        "original_id": told.original_id,
        "is_meta": told.is_meta or None,
        "is_error": told.is_error or None,
        "record": told.record,
    }
    tool_uses = [{"id": id, "name": name, "input": input} for id, name, input in tool_uses_of(told)]
    return {
        "message_id": new_id(),
        "session_id": session_id,
        "task_id": task_id,
        "index": -1,  # the database's to give, as all that is 0 or empty here
        "type": told.type,
        "role": told.role,
        "timestamp": told.timestamp,
        "parent_tool_use_id": told.parent_tool_use_id,
        "data": {**_DATA, "content": told.content, "tool_uses": tool_uses, "metadata": metadata},
        "created_at": 0,
        "last_updated": 0,
        "created_by": None,
    }


def usage_of(told: TranscriptTask) -> Usage:
    """The tokens of a task; what it cost is known of the whole conversation only."""
    usage = told.usage
    return Usage(
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        cache_read_tokens=usage.cache_read_tokens,
        cache_write_tokens=usage.cache_write_tokens,
    )


def tool_uses_of(message: TranscriptMessage) -> list[tuple[str, str, Any]]:
    """The tools that a message calls: id, name, input."""
    blocks = message.content if isinstance(message.content, list) else []
    return [
        (str(block.get("id")), str(block.get("name")), block.get("input"))
        for block in blocks
        if block.get("type") == "tool_use"
    ]


def tool_use_count(messages: list[TranscriptMessage]) -> int:
    """How many tools were used in them."""
    return sum(
        block.get("type") == "tool_use"
        for message in messages
        if isinstance(message.content, list)
        for block in message.content
    )
