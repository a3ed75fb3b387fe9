"""What a daemon that was killed left behind, put right before anybody is let in."""

from __future__ import annotations

import asyncio
import dataclasses
import logging
import time
from dataclasses import dataclass

from agor_core.agents import AgentError, Finished, end_leftover
from agor_core.db import Database, Transaction
from agor_core.ids import short
from agor_core.models import Task
from agor_daemon.runs.records import RUNNING, end_task
from agor_daemon.services.cloning import Cloning
from agor_daemon.services.worktrees import WorktreesService

log = logging.getLogger(__name__)

# A living daemon whose connection was just lost has a new one by then; after a restart of the server, when all connect
# at once and a try may take its full limit, by then at the latest.
PATIENCE_S = 3.0
SETTLED_S = 20.0
LOOK_AGAIN_S = 0.5
INTERRUPTED = AgentError("interrupted", "the daemon was killed while this ran; resume the session to go on")
IMPORTED = AgentError(
    "interrupted", "this ran elsewhere when it was exported; resume the session to go on with it here"
)


@dataclass(frozen=True, slots=True)
class Found:
    """How much was put right: tasks failed as `interrupted`, processes ended, half-made things cleared away.

    `questions`: of those tasks, not answered yet; an answer makes their sessions go on.
    """

    tasks: int = 0
    questions: int = 0
    processes: int = 0
    worktrees: int = 0
    clones: int = 0

    def __bool__(self) -> bool:
        return any(dataclasses.astuple(self))


async def recover(database: Database, worktrees: WorktreesService, cloning: Cloning, gits: int) -> Found:
    """End agents that still run, fail their tasks as `interrupted`, take half-made worktrees away.

    `gits`: how many processes of git were ended already, which would still write to what is taken away.
    """
    ended = await end_orphans(database)
    clones = await cloning.recover()
    worktrees_cleared = await worktrees.recover()
    found = dataclasses.replace(ended, processes=ended.processes + gits, worktrees=worktrees_cleared, clones=clones)
    if found:
        log.warning(
            "a daemon was killed here: %s task(s) failed as interrupted, %s question(s) of theirs can still be "
            "answered, %s process(es) ended, %s half-made worktree(s) and %s clone(s) cleared; "
            "`agor session resume --interrupted` continues them",
            *dataclasses.astuple(found),
        )
    return found


async def end_orphans(database: Database) -> Found:
    """End the runs of daemons that are no more; how many tasks, questions of theirs, and agents that still ran.

    Other daemons on the same database live, and what they run is theirs.
    """

    def orphans(tx: Transaction) -> list[Task]:
        tasks = tx.tasks.where(status=RUNNING)
        living = {id: database.peers.is_living(tx, id) for id in {task.data.daemon_id for task in tasks}}
        return [task for task in tasks if not living[task.data.daemon_id]]

    left = await database.read(orphans)
    if left and database.backend == "postgresql":
        give_up_at = time.monotonic() + max(PATIENCE_S, SETTLED_S - await database.read(Transaction.server_up_s))
        while left and time.monotonic() < give_up_at:
            await asyncio.sleep(LOOK_AGAIN_S)
            left = await database.read(orphans)
    processes = 0
    for task in left:
        process = task.data.process
        if process is not None and await end_leftover(process.pid, process.identity or ""):
            processes += 1
            log.warning("ended process %s, left over from task %s", process.pid, short(task.task_id))

    def unit_of_work(tx: Transaction) -> Found:
        known = {task.task_id for task in left}
        found = [task for task in orphans(tx) if task.task_id in known]
        return Found(len(found), _fail(tx, found, INTERRUPTED, "the daemon was killed during the last task"), processes)

    return await database.write(unit_of_work) if left else Found()


def end_imported(tx: Transaction) -> None:
    """End the tasks that an import brought as running: they run elsewhere, if at all. Living daemons' have their id."""
    _fail(
        tx,
        [task for task in tx.tasks.where(status=RUNNING) if task.data.daemon_id is None],
        IMPORTED,
        "the last task ran elsewhere when it was exported",
    )


def _fail(tx: Transaction, left: list[Task], error: AgentError, paused: str) -> int:
    """End the tasks; how many questions of theirs wait for an answer."""
    questions = 0
    for task in left:
        questions += len(tx.permissions.where(task_id=task.task_id, status="pending"))
        end_task(tx, task.session_id, task.task_id, Finished(error), None, paused)
    return questions
