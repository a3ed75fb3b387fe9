"""The prompts of a session: one runs, the others wait in order."""

from __future__ import annotations

from agor_core.clock import iso
from agor_core.db import Transaction
from agor_core.errors import BadRequest, Conflict
from agor_core.ids import short
from agor_core.models import Session, Task
from agor_core.models.task import summary
from agor_core.models.wire import to_wire
from agor_daemon.runs.records import waiting_tasks
from agor_daemon.services.requests import PromptRequest, QueueRequest
from agor_daemon.services.stored import Record


def queue_prompt(tx: Transaction, session_id: str, request: PromptRequest, user_id: str | None) -> Task:
    """The prompt as a waiting task. Raises BadRequest for a session that has no folder to work in."""
    session = tx.sessions.get(session_id)
    if session.data.repo is None:
        raise BadRequest("no working directory: create the session with a `worktree_id` or a `cwd`")
    if session.data.title is None:  # what it was first asked is what people know it by
        tx.sessions.patch(session_id, {"title": summary(request.prompt)}, announce=False)
    task = Task(session_id=session_id, status="created", created_by=user_id)
    task.data.full_prompt = request.prompt
    task.data.description = summary(request.prompt)
    task.data.model = request.model
    task.data.thinking_tokens = request.thinking_tokens
    task.data.allowed_tools, task.data.denied_tools = request.allowed_tools, request.denied_tools
    task.data.from_history = request.from_history
    task.data.permission_mode = request.permission_mode
    return tx.tasks.add(task)


def queue_of(tx: Transaction, session_id: str) -> Record:
    """`{paused, reason?, retry_at?, tasks}` of a session."""
    session = tx.sessions.get(session_id)
    waiting = waiting_tasks(tx, session_id)
    queue: Record = {"paused": session.data.queue_paused is not None, "tasks": [to_wire(task) for task in waiting]}
    if session.data.queue_paused is not None:
        queue["reason"] = session.data.queue_paused
        last = tx.tasks.last_ended(session_id)
        if last is not None and last.data.error is not None and last.data.error.retry_at is not None:
            queue["retry_at"] = iso(last.data.error.retry_at)
    return queue


def change_queue(tx: Transaction, session_id: str, request: QueueRequest) -> None:
    """Put the waiting tasks into the order that is asked for, and let a paused queue go on."""
    if request.order is not None:
        waiting = {task.task_id for task in tx.tasks.where(session_id=session_id, status="created")}
        if set(request.order) != waiting or len(request.order) != len(waiting):
            raise BadRequest("`order` must name each waiting task once", waiting=sorted(waiting))
        for rank, task_id in enumerate(request.order):
            tx.tasks.patch(task_id, {"queue_rank": float(rank)})
    if request.resume and tx.sessions.get(session_id).data.queue_paused is not None:
        tx.sessions.patch(session_id, {"queue_paused": None})


def fork_point(tx: Transaction, parent: Session, task_id: str | None) -> Task | None:
    """The task up to which a fork shares the parent's history; None shares nothing.

    `task_id`: a task of the parent, or one it inherited, that has ended. Default: the last one that completed.
    """
    if task_id is None:
        return tx.tasks.last_completed(parent.session_id)
    task = tx.tasks.get(task_id)
    if not _is_in_history(tx, parent, task):
        raise BadRequest(f"task {short(task_id)} is not part of session {short(parent.session_id)}", task_id=task_id)
    if task.completed_at is None:
        raise Conflict(f"task {short(task_id)} has not ended yet; fork at an earlier one, or wait", task_id=task_id)
    return task


def _is_in_history(tx: Transaction, session: Session, task: Task) -> bool:
    """Whether `task` is the session's own, or among what it inherited."""
    limit: str | None = None
    while True:
        if task.session_id == session.session_id:
            return limit is None or task.task_id <= limit
        if session.forked_from_session_id is None:
            return False
        limit = session.data.fork_point_task_id
        if limit is None:
            return False
        session = tx.sessions.get(session.forked_from_session_id)
