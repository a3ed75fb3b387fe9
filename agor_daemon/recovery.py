"""What a daemon that was killed left behind, put right before anybody is let in."""

from __future__ import annotations

import asyncio
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

# More than it takes to get a new connection.
PATIENCE_S = 3.0
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
    tasks, processes = await end_orphans(database)
    clones = await cloning.recover()
    found = Found(tasks, processes, await worktrees.recover(), clones)
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


async def end_orphans(database: Database) -> tuple[int, int]:
    """End the runs of daemons that are no more; how many tasks, and how many of their agents still ran.

    Other daemons on the same database live, and what they run is theirs.
    """

    def orphans(tx: Transaction) -> list[Task]:
        tasks = tx.tasks.where(status=RUNNING)
        living = {id: database.peers.is_living(tx, id) for id in {task.data.daemon_id for task in tasks}}
        return [task for task in tasks if not living[task.data.daemon_id]]

    left = await database.read(orphans)
    if left and database.backend == "postgresql":
        # A living daemon whose connection was just lost is back by then.
        await asyncio.sleep(PATIENCE_S)
        left = await database.read(orphans)
    processes = 0
    for task in left:
        process = task.data.process
        if process is not None and await end_leftover(process.pid, process.identity or ""):
            processes += 1
            log.warning("ended process %s, left over from task %s", process.pid, short(task.task_id))

    def unit_of_work(tx: Transaction) -> int:
        known = {task.task_id for task in left}
        found = [task for task in orphans(tx) if task.task_id in known]
        _fail(tx, found)
        return len(found)

    ended = await database.write(unit_of_work) if left else 0
    return ended, processes


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
