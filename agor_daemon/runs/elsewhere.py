"""Runs of other daemons on this database: they are asked to end one, and the log says when it ended."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, Final

from agor_core.db import Database, Transaction
from agor_core.db.change_log import LogEntry
from agor_core.errors import Conflict, Unavailable
from agor_core.ids import short
from agor_core.models.task import ENDED_STATUSES
from agor_daemon.runs.records import RUNNING
from agor_daemon.supervisor import Supervisor

STOP: Final = "stop"
# A run ends within two seconds. What is told can be lost while a connection is: it is told again.
AGAIN_S: Final = 2.0
MOST_TELLINGS: Final = 5

EndRun = Callable[[str, str], Coroutine[Any, Any, None]]
"""Ends the run of (session_id, task_id) if this daemon has it."""


@dataclass(frozen=True, slots=True)
class _Run:
    task_id: str
    daemon_id: str
    is_living: bool


class RunsElsewhere:
    """Ends what other daemons run, and, for them, what this one runs."""

    def __init__(
        self, database: Database, supervisor: Supervisor, end_run: EndRun, end_orphans: Callable[[], Awaitable[Any]]
    ) -> None:
        """`end_orphans` fails the tasks of daemons that are no more."""
        self._database = database
        self._supervisor = supervisor
        self._end_run = end_run
        self._end_orphans = end_orphans
        self._ended: dict[str, asyncio.Event] = {}
        database.peers.subscribe(STOP, self._asked)
        database.change_log.subscribe(self._hear)

    async def stop(self, session_id: str) -> str | None:
        """End what another daemon runs for the session; the id of its task, None if no other runs anything for it.

        Raises Conflict if that daemon is no more: what it ran has then failed as interrupted. Raises Unavailable if
        it does not do it.
        """
        run = await self._find(session_id)
        if run is None:
            return None
        ended = self._ended.setdefault(run.task_id, asyncio.Event())
        try:
            for _ in range(MOST_TELLINGS):
                if not run.is_living:
                    await self._end_orphans()
                else:
                    told = {"session_id": session_id, "task_id": run.task_id, "daemon_id": run.daemon_id}
                    self._database.peers.tell(STOP, told)
                    with contextlib.suppress(TimeoutError):
                        await asyncio.wait_for(ended.wait(), AGAIN_S)
                now = await self._find(session_id)
                if now is None or now.task_id != run.task_id:
                    if not run.is_living:
                        raise Conflict(
                            f"the daemon that ran task {short(run.task_id)} is no more: the task has failed as "
                            "interrupted; resume the session to go on",
                            task_id=run.task_id,
                        )
                    return run.task_id
                run = now
        finally:
            self._ended.pop(run.task_id, None)
        raise Unavailable(
            f"the daemon that runs task {short(run.task_id)} does not end it; try again, or ask that daemon",
            task_id=run.task_id,
        )

    async def _find(self, session_id: str) -> _Run | None:
        """What another daemon runs for the session."""

        def unit_of_work(tx: Transaction) -> _Run | None:
            peers = self._database.peers
            for task in tx.tasks.where(session_id=session_id, status=RUNNING):
                id = task.data.daemon_id
                if id is not None and id != peers.id:
                    return _Run(task.task_id, id, peers.is_living(tx, id))
            return None

        return await self._database.read(unit_of_work)

    def _asked(self, told: dict[str, Any]) -> None:
        """Another daemon was asked to end a run, perhaps one of ours."""
        if told["daemon_id"] == self._database.peers.id:
            work = self._end_run(told["session_id"], told["task_id"])
            self._supervisor.start(work, name=f"stop of task {short(told['task_id'])} for another daemon")

    def _hear(self, batch: Sequence[LogEntry]) -> None:
        for line in batch:
            if line.path == "tasks" and line.record_id in self._ended and line.payload["status"] in ENDED_STATUSES:
                self._ended[line.record_id].set()
