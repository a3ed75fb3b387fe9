"""What a run writes down: one function for each step, called inside a unit of work."""

from __future__ import annotations

import math
from typing import Any

from agor_core.agents import (
    AgentMessage,
    AgentProcess,
    AgentSession,
    ContextUsed,
    Finished,
    PermissionAnswer,
    PermissionQuestion,
)
from agor_core.db import Transaction
from agor_core.errors import Conflict
from agor_core.ids import short
from agor_core.models import Message, MessageMetadata, PermissionRequest, Session, Task
from agor_core.models.values import ToolUse
from agor_daemon.runs.streaming import StreamedMessage

RUNNING = ["running", "awaiting_permission"]


def begin_next(tx: Transaction, session_id: str, daemon_id: str) -> Task | None:
    """Set the session's oldest waiting task running; None if one runs already, none waits, or the queue is paused.

    `daemon_id`: who runs it, and must be living as long as it does.
    """
    session = tx.sessions.get(session_id)
    waiting = waiting_tasks(tx, session_id)
    if not waiting or session.data.queue_paused is not None or tx.tasks.where(session_id=session_id, status=RUNNING):
        return None
    task = tx.tasks.patch(waiting[0].task_id, {"status": "running", "started_at": tx.now, "daemon_id": daemon_id})
    tx.sessions.patch(session_id, {"status": "running"})
    store_prompt(tx, task)
    return task


def waiting_tasks(tx: Transaction, session_id: str) -> list[Task]:
    """What waits, in the order in which it will run."""
    tasks: list[Task] = tx.tasks.where(session_id=session_id, status="created")
    # Tasks that nobody moved keep their place behind those that were put in order: the sort is stable.
    return sorted(tasks, key=lambda task: math.inf if task.data.queue_rank is None else task.data.queue_rank)


def note_process(tx: Transaction, task_id: str, process: AgentProcess) -> None:
    """Remember the agent's process, so that a later daemon can end what this one left running."""
    tx.tasks.patch(task_id, {"process": {"pid": process.pid, "identity": process.identity}}, announce=False)


def note_agent_session(tx: Transaction, session_id: str, known: AgentSession) -> None:
    """Remember the agent's own id of the conversation: without it nothing can be resumed."""
    changes: dict[str, Any] = {"agent_session_id": known.agent_session_id}
    if known.version is not None:
        changes["agent_version"] = known.version
    tx.sessions.patch(session_id, changes, announce=False)


def note_context(tx: Transaction, session_id: str, context: ContextUsed) -> None:
    """Remember how full the model's context is; counters change silently."""
    known = tx.sessions.get(session_id).data.context
    limit = context.limit if context.limit is not None else known.limit_tokens if known is not None else 0
    changes = {"context": {"used_tokens": context.used, "limit_tokens": limit}}
    tx.sessions.patch(session_id, changes, announce=False)


def store_prompt(tx: Transaction, task: Task) -> None:
    """The prompt as the first message of its task, in the transaction that starts it: a kill cannot lose it."""
    message = Message(session_id=task.session_id, task_id=task.task_id, type="user", role="user", timestamp=tx.now)
    message.data.content = task.data.full_prompt
    tx.messages.append(task.session_id, message)


def store_message(
    tx: Transaction, session_id: str, task_id: str, said: AgentMessage, message_id: str | None = None
) -> int:
    """A message of the agent, with the id under which it was streamed, if it was; its index."""
    blocks = said.content if isinstance(said.content, list) else []
    tool_uses = [
        ToolUse(id=block["id"], name=block["name"], input=block["input"])
        for block in blocks
        if block.get("type") == "tool_use"
    ]
    message = Message(
        session_id=session_id,
        task_id=task_id,
        type=said.role,
        role=said.role,
        timestamp=tx.now,
        parent_tool_use_id=said.parent_tool_use_id,
    )
    if message_id is not None:
        message.message_id = message_id
    message.data.content = said.content
    message.data.tool_uses = tool_uses
    message.data.metadata = MessageMetadata(
        model=said.model,
        original_id=said.original_id,
        is_meta=said.is_meta or None,
        is_error=said.is_error or None,
    )
    stored = tx.messages.append(session_id, message)
    if tool_uses:
        tx.sessions.count_up(session_id, tool_use_count=len(tool_uses))
        tx.tasks.count_up(task_id, tool_use_count=len(tool_uses))
    return stored.index


def store_partial(tx: Transaction, session_id: str, task_id: str, broken_off: StreamedMessage) -> None:
    """What was said of a message that never got complete."""
    said = AgentMessage("assistant", broken_off.content, parent_tool_use_id=broken_off.parent_tool_use_id)
    store_message(tx, session_id, task_id, said, broken_off.message_id)


def ask_permission(tx: Transaction, session_id: str, task_id: str, question: PermissionQuestion) -> str:
    """The question as a row that every screen shows; its id."""
    request = PermissionRequest(session_id=session_id, task_id=task_id, status="pending")
    request.data.tool_name = question.tool_name
    request.data.tool_input = question.tool_input
    request.data.tool_use_id = question.tool_use_id
    request.data.suggestions = question.suggestions
    stored = tx.permissions.add(request)
    tx.tasks.patch(task_id, {"status": "awaiting_permission"})
    tx.sessions.patch(session_id, {"status": "awaiting_permission"})
    return stored.request_id


def decide(
    tx: Transaction, request_id: str, answer: PermissionAnswer, *, scope: str, user_id: str | None
) -> PermissionRequest:
    """The first answer counts. Raises Conflict for a second."""
    request = tx.permissions.get(request_id)
    if request.status != "pending":
        raise Conflict(f"this request was {request.status} already", status=request.status)
    decided = tx.permissions.patch(
        request_id,
        {
            "status": "approved" if answer.allow else "denied",
            "scope": scope,
            "reason": answer.reason,
            "decided_by": user_id,
            "decided_at": tx.now,
        },
    )
    tx.tasks.patch(request.task_id, {"status": "running"})
    tx.sessions.patch(request.session_id, {"status": "running"})
    return decided


def end_task(
    tx: Transaction, session_id: str, task_id: str, finished: Finished, git_end: dict[str, Any] | None
) -> None:
    """The task and its session as the run leaves them; questions nobody answered are cancelled."""
    for request in tx.permissions.where(task_id=task_id, status="pending"):
        tx.permissions.patch(request.request_id, {"status": "cancelled"})
    task, session = tx.tasks.get(task_id), tx.sessions.get(session_id)
    status = status_after(finished)
    changes: dict[str, Any] = {"status": status, "completed_at": tx.now, "process": None}
    if task.started_at is not None:
        changes["duration_ms"] = tx.now - task.started_at
    if git_end is not None:
        changes["git_state"] = {**(task.data.git_state.model_dump() if task.data.git_state else {}), **git_end}
    if finished.error is not None:
        changes["error"] = {"kind": finished.error.kind, "message": finished.error.message}
    usage = usage_of(finished)
    if usage is not None:
        changes["usage"] = usage
        tx.sessions.count_up(session_id, usage=usage)
    tx.tasks.patch(task_id, changes)
    after = session_after(tx, session, status, finished, git_end)
    tx.sessions.patch(session_id, after)
    if session.parent_session_id is not None and after["status"] in ("completed", "failed"):
        report_to_parent(tx, session, session.parent_session_id, finished)


def report_to_parent(tx: Transaction, child: Session, parent_session_id: str, finished: Finished) -> None:
    """Attach a child's last answer, or why it failed, to its parent's transcript."""
    title = child.data.title or "A spawned session"
    outcome = f"failed: {finished.error.message}" if finished.error is not None else "ended:"
    text = f"{title} ({child.agent}, {short(child.session_id)}) {outcome}\n\n{finished.answer or ''}".rstrip()
    message = Message(session_id=parent_session_id, type="system", role="system", timestamp=tx.now)
    message.data.content = text
    tx.messages.append(parent_session_id, message)


def status_after(finished: Finished) -> str:
    """How a task ended."""
    if finished.error is None:
        return "completed"
    return "stopped" if finished.error.kind == "stopped" else "failed"


def usage_of(finished: Finished) -> dict[str, Any] | None:
    """Tokens and cost of a run as they are stored."""
    if finished.usage is None:
        return None
    usage = finished.usage
    return {
        "input_tokens": usage.input_tokens,
        "output_tokens": usage.output_tokens,
        "cache_read_tokens": usage.cache_read_tokens,
        "cache_write_tokens": usage.cache_write_tokens,
        "cost_usd": finished.cost_usd or 0.0,
    }


def session_after(
    tx: Transaction, session: Session, status: str, finished: Finished, git_end: dict[str, Any] | None
) -> dict[str, Any]:
    """What changes of the session: its status, its git state, and whether its queue goes on."""
    waiting = tx.tasks.where(session_id=session.session_id, status="created")
    changes: dict[str, Any] = {"status": "failed" if status == "failed" else "idle"}
    if status == "completed" and session.parent_session_id is not None and not waiting:
        changes["status"] = "completed"
    if status != "completed" and waiting:
        changes["queue_paused"] = f"the last task {'failed' if status == 'failed' else 'was stopped'}"
    if git_end is not None and session.data.git_state is not None:
        changes["git_state"] = {**session.data.git_state.model_dump(), "current_sha": git_end["sha_at_end"]}
    if finished.total_cost_usd is not None:
        changes["agent_cost_usd"] = finished.total_cost_usd
    return changes
