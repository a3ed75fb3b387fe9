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
)
from agor_core.db import Transaction
from agor_core.ids import short
from agor_core.models import Message, MessageMetadata, Session, Task
from agor_core.models.values import ToolUse
from agor_daemon.runs.questions import withdraw
from agor_daemon.runs.streaming import StreamedMessage

RUNNING = ["running", "awaiting_permission"]

LOST = "What was being said here was lost: the daemon was killed before it was complete."
PAUSED_BY_FAILURE = "the last task failed"
PAUSED_BY_STOP = "the last task was stopped"


def begin_next(tx: Transaction, session_id: str, daemon_id: str) -> Task | None:
    """Set the session's oldest waiting task running; None if one runs already, none waits, or the queue is paused.

    `daemon_id`: who runs it, and must be living as long as it does.
    """
    session = tx.sessions.get(session_id)
    waiting = waiting_tasks(tx, session_id)
    if not waiting or session.data.queue_paused is not None or tx.tasks.where(session_id=session_id, status=RUNNING):
        return None
    withdraw(tx, "the session went on without an answer", session_id=session_id)
    task = tx.tasks.patch(waiting[0].task_id, {"status": "running", "started_at": tx.now, "daemon_id": daemon_id})
    tx.sessions.patch(session_id, {"status": "running"})
    store_prompt(tx, task)
    return task


def waiting_tasks(tx: Transaction, session_id: str) -> list[Task]:
    """What waits, in the order in which it will run."""
    tasks: list[Task] = tx.tasks.where(session_id=session_id, status="created")
    # Tasks that nobody moved keep their place behind those that were put in order: the sort is stable.
    return sorted(tasks, key=lambda task: math.inf if task.data.queue_rank is None else task.data.queue_rank)


def stop_waiting(tx: Transaction, session_id: str, reason: str) -> str | None:
    """Stop the task that would run next if there were a slot, or withdraw a question of an interrupted one.

    The task's id; None if there is neither. What waits in a queue that is paused runs nothing.
    """
    if tx.tasks.where(session_id=session_id, status=RUNNING):
        return None  # another daemon's
    waiting = waiting_tasks(tx, session_id)
    if waiting and tx.sessions.get(session_id).data.queue_paused is None:
        ended = {"status": "stopped", "completed_at": tx.now, "error": {"kind": "stopped", "message": reason}}
        tx.tasks.patch(waiting[0].task_id, ended)
        changes = {"queue_paused": PAUSED_BY_STOP} if waiting[1:] else {}
        tx.sessions.patch(session_id, changes)
        return waiting[0].task_id
    withdrawn = withdraw(tx, reason, session_id=session_id)
    return withdrawn[0].task_id if withdrawn else None


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
    tx: Transaction, session_id: str, task_id: str, said: AgentMessage, streamed: StreamedMessage | None = None
) -> None:
    """A message of the agent; with the id and the index under which it was streamed, if it was."""
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
    message.data.content = said.content
    message.data.tool_uses = tool_uses
    message.data.metadata = MessageMetadata(
        model=said.model,
        original_id=said.original_id,
        is_meta=said.is_meta or None,
        is_error=said.is_error or None,
    )
    if streamed is None:
        tx.messages.append(session_id, message)
    else:
        message.message_id = streamed.message_id
        tx.messages.keep_promise(session_id, message, streamed.index)
    if tool_uses:
        tx.sessions.count_up(session_id, tool_use_count=len(tool_uses))
        tx.tasks.count_up(task_id, tool_use_count=len(tool_uses))


def store_partial(tx: Transaction, session_id: str, task_id: str, broken_off: StreamedMessage) -> None:
    """What was said of a message that never got complete."""
    said = AgentMessage("assistant", broken_off.content, parent_tool_use_id=broken_off.parent_tool_use_id)
    store_message(tx, session_id, task_id, said, broken_off)


def fill_gaps(tx: Transaction, session_id: str, task_id: str) -> None:
    """Indices stay contiguous: where what was being said is lost with the daemon that heard it, a note says so."""
    extent = tx.tasks.get(task_id).data.message_range
    for index in tx.messages.unkept(session_id, extent.start_index) if extent is not None else ():
        note = Message(session_id=session_id, task_id=task_id, type="system", role="system", timestamp=tx.now)
        note.data.content, note.data.metadata = LOST, MessageMetadata(is_meta=True)
        tx.messages.keep_promise(session_id, note, index)


def end_task(
    tx: Transaction,
    session_id: str,
    task_id: str,
    finished: Finished,
    git_end: dict[str, Any] | None,
    paused: str | None = None,
) -> None:
    """The task and its session as the run leaves them.

    Questions nobody answered are cancelled, unless the run was interrupted: then an answer makes the session go on.
    """
    if finished.error is None or finished.error.kind != "interrupted":
        withdraw(tx, session_id=session_id, task_id=task_id)
    fill_gaps(tx, session_id, task_id)
    task, session = tx.tasks.get(task_id), tx.sessions.get(session_id)
    status = status_after(finished)
    changes: dict[str, Any] = {"status": status, "completed_at": tx.now, "process": None}
    if task.started_at is not None:
        changes["duration_ms"] = tx.now - task.started_at
    if git_end is not None:
        changes["git_state"] = {**(task.data.git_state.model_dump() if task.data.git_state else {}), **git_end}
    if finished.error is not None:
        error = finished.error
        reason = "history_lost" if error.history_lost else None
        told = {"kind": error.kind, "message": error.message, "retry_at": error.retry_at, "reason": reason}
        changes["error"] = told
    usage = usage_of(finished)
    if usage is not None:
        changes["usage"] = usage
        tx.sessions.count_up(session_id, usage=usage)
    tx.tasks.patch(task_id, changes)
    after = session_after(tx, session, status, finished, git_end, paused)
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
    tx: Transaction,
    session: Session,
    status: str,
    finished: Finished,
    git_end: dict[str, Any] | None,
    paused: str | None = None,
) -> dict[str, Any]:
    """What changes of the session: its status, its git state, and whether its queue goes on.

    `paused`: why it does not, where there is more to say than how the task ended.
    """
    waiting = tx.tasks.where(session_id=session.session_id, status="created")
    changes: dict[str, Any] = {"status": "failed" if status == "failed" else "idle"}
    if status == "completed" and session.parent_session_id is not None and not waiting:
        changes["status"] = "completed"
    if status != "completed" and waiting:
        changes["queue_paused"] = paused or (PAUSED_BY_FAILURE if status == "failed" else PAUSED_BY_STOP)
    if git_end is not None and session.data.git_state is not None:
        changes["git_state"] = {**session.data.git_state.model_dump(), "current_sha": git_end["sha_at_end"]}
    if finished.total_cost_usd is not None:
        changes["agent_cost_usd"] = finished.total_cost_usd
    return changes
