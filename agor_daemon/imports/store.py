"""Stores new parts of a transcript: one batch a unit of work."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from agor_core.agents.claude_code.transcript import TranscriptTask
from agor_core.db import Transaction
from agor_core.errors import Conflict
from agor_core.ids import short
from agor_core.models import Usage
from agor_core.models.session import RUNNING_STATUSES
from agor_daemon.imports.plan import Part
from agor_daemon.imports.rows import message_row, tool_use_count, usage_of


@dataclass(slots=True)
class Added:
    """What came to a session."""

    messages: int = 0
    tasks: int = 0

    def __iadd__(self, other: Added) -> Added:
        self.messages += other.messages
        self.tasks += other.tasks
        return self


def store_batch(tx: Transaction, session_id: str, batch: list[Part]) -> Added:
    """Store the parts, and count them. Raises Conflict if the session runs: its agent tells us itself."""
    refuse_running(session_id, tx.sessions.get(session_id).status)
    added = Added()
    tools, usage = 0, Usage()
    rows: list[dict[str, Any]] = []
    tx.tasks.add_many([part.begins for part in batch if part.begins is not None])
    for part in batch:
        if part.begins is not None:
            tools, usage = tools + part.begins.data.tool_use_count, usage.plus(part.begins.data.usage or Usage())
            added.tasks += 1
        elif part.goes_on is not None:
            more_tools, more_usage = _go_on(tx, part, part.goes_on)
            tools, usage = tools + more_tools, usage.plus(more_usage)
        for stored, message in part.grown:
            row = message_row(session_id, part.task_id, message)
            changes = {name: row["data"][name] for name in ("content", "tool_uses", "metadata")}
            tx.messages.patch(stored.message_id, changes)
        rows += [message_row(session_id, part.task_id, message) for message in part.new]
        added.messages += len(part.new) + len(part.grown)
    tx.messages.append_rows(session_id, rows)
    tx.sessions.count_up(session_id, tool_use_count=tools, usage=usage)
    return added


def refuse_running(session_id: str, status: str) -> None:
    """Raise Conflict if a session with this status runs."""
    if status in RUNNING_STATUSES:
        raise Conflict(f"session {short(session_id)} runs now: import it when it is done", session_id=session_id)


def note_cost(tx: Transaction, session_id: str, total_usd: float) -> None:
    """Add what the conversation has cost since we last knew."""
    more = total_usd - (tx.sessions.get(session_id).data.agent_cost_usd or 0.0)
    if more > 0:
        tx.sessions.count_up(session_id, usage=Usage(cost_usd=more))
        tx.sessions.patch(session_id, {"agent_cost_usd": total_usd}, announce=False)


def _go_on(tx: Transaction, part: Part, told: TranscriptTask) -> tuple[int, Usage]:
    """Let a stored task be as long as it is told now; the tools and tokens that came to it."""
    if part.task_id is None:
        return tool_use_count(part.new), Usage()
    task = tx.tasks.get(part.task_id)
    ended_at = max(told.ended_at, task.completed_at or 0)
    if part.ran_here:
        # Its tokens were counted when it ran.
        more = tool_use_count(part.new)
        changes = {"completed_at": ended_at, "tool_use_count": task.data.tool_use_count + more}
        tx.tasks.patch(part.task_id, changes)
        return more, Usage()
    usage, tools = usage_of(told), tool_use_count(told.messages)
    tx.tasks.patch(
        part.task_id,
        {
            "completed_at": ended_at,
            "duration_ms": max(0, ended_at - told.started_at),
            "tool_use_count": tools,
            "usage": usage,
        },
    )
    return tools - task.data.tool_use_count, _less(usage, task.data.usage or Usage())


def _less(whole: Usage, before: Usage) -> Usage:
    mine, theirs = whole.model_dump(), before.model_dump()
    return Usage(**{name: mine[name] - theirs[name] for name in mine})
