"""A transcript's tasks and messages as rows of ours."""

from __future__ import annotations

from agor_core.agents.claude_code.entries import TranscriptMessage
from agor_core.agents.claude_code.transcript import TranscriptTask
from agor_core.ids import new_id
from agor_core.models import Message, MessageMetadata, Task, Usage
from agor_core.models.message import MessageData
from agor_core.models.task import summary
from agor_core.models.values import ToolUse


def task_row(session_id: str, told: TranscriptTask) -> Task:
    """The task, with the times at which it began and ended. The record itself is made now: so it is known to be no
    news."""
    task = Task(session_id=session_id, status="completed")
    task.started_at, task.completed_at = told.started_at or None, told.ended_at or None
    task.data.full_prompt = told.prompt
    task.data.description = summary(told.prompt)
    task.data.tool_use_count = tool_use_count(told.messages)
    task.data.duration_ms = max(0, told.ended_at - told.started_at)
    task.data.usage = usage_of(told)
    task.data.model = told.model
    return task


def message_row(session_id: str, task_id: str | None, told: TranscriptMessage) -> Message:
    """The message, with its own time."""
    metadata = MessageMetadata(
        model=told.model,
        original_id=told.original_id,
        is_meta=told.is_meta or None,
        is_error=told.is_error or None,
        record=told.record,
    )
    return Message.of_columns(
        {
            "message_id": new_id(),
            "session_id": session_id,
            "task_id": task_id,
            "index": -1,  # the database's to give
            "type": told.type,
            "role": told.role,
            "timestamp": told.timestamp,
            "parent_tool_use_id": told.parent_tool_use_id,
            "data": MessageData(content=told.content, tool_uses=tool_uses_of(told), metadata=metadata),
            "created_at": 0,
            "last_updated": 0,
            "created_by": None,
        }
    )


def usage_of(told: TranscriptTask) -> Usage:
    """The tokens of a task; what it cost is known of the whole conversation only."""
    usage = told.usage
    return Usage(
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        cache_read_tokens=usage.cache_read_tokens,
        cache_write_tokens=usage.cache_write_tokens,
    )


def tool_uses_of(message: TranscriptMessage) -> list[ToolUse]:
    """The tools that a message calls."""
    blocks = message.content if isinstance(message.content, list) else []
    return [
        ToolUse(id=str(block.get("id")), name=str(block.get("name")), input=block.get("input"))
        for block in blocks
        if block.get("type") == "tool_use"
    ]


def tool_use_count(messages: list[TranscriptMessage]) -> int:
    """How many tools were used in them."""
    return sum(len(tool_uses_of(message)) for message in messages)
