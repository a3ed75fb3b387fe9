"""What a daemon that was killed left behind, put right before anybody is let in."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from agor_core.agents import end_leftover
from agor_core.db import Database, Transaction
from agor_core.ids import short
from agor_core.models import Task
from agor_daemon.runs.records import RUNNING
from agor_daemon.services.cloning import Cloning
from agor_daemon.services.worktrees import WorktreesService

log = logging.getLogger(__name__)

INTERRUPTED = {"kind": "interrupted", "message": "the daemon was killed while this ran; prompt again to go on"}


@dataclass(frozen=True, slots=True)
class Found:
    """How much was put right."""

    tasks: int
    processes: int
    worktrees: int
    clones: int


async def recover(database: Database, worktrees: WorktreesService, cloning: Cloning) -> Found:
    """End agents that still run, fail their tasks as `interrupted`, take half-made worktrees away."""
    left: list[Task] = await database.read(lambda tx: tx.tasks.where(status=RUNNING))
    processes = 0
    for task in left:
        process = task.data.process
        if process is not None and await end_leftover(process.pid, process.identity or ""):
            processes += 1
            log.warning("ended process %s, left over from task %s", process.pid, short(task.task_id))
    await database.write(lambda tx: _fail(tx, left))
    clones = await cloning.recover()
    found = Found(len(left), processes, await worktrees.recover(), clones)
    if any((found.tasks, found.worktrees, found.clones)):
        log.warning(
            "a daemon was killed here: %s task(s) failed as interrupted, %s process(es) ended, "
            "%s half-made worktree(s) and %s clone(s) cleared",
            found.tasks,
            found.processes,
            found.worktrees,
            found.clones,
        )
    return found


def _fail(tx: Transaction, left: list[Task]) -> None:
    for task in left:
        for request in tx.permissions.where(task_id=task.task_id, status="pending"):
            tx.permissions.patch(request.request_id, {"status": "cancelled"})
        ended = {"status": "failed", "completed_at": tx.now, "error": INTERRUPTED, "process": None}
        tx.tasks.patch(task.task_id, ended)
        changes: dict[str, str] = {"status": "failed"}
        if tx.tasks.where(session_id=task.session_id, status="created"):
            changes["queue_paused"] = "the daemon was killed during the last task"
        tx.sessions.patch(task.session_id, changes)
