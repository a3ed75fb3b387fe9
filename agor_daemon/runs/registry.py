"""All runs of this daemon: started while there is a slot, in the order the sessions asked, ended on request."""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any

from agor_core.agents import AgentError, Finished
from agor_core.db import Database
from agor_core.db.change_log import LogEntry
from agor_core.errors import Conflict, NotFound, ServiceError, Unavailable
from agor_core.ids import short
from agor_core.models import Task
from agor_core.models.permission import ANSWERED
from agor_daemon.runs import records
from agor_daemon.runs.assignment import Assignments
from agor_daemon.runs.elsewhere import RunsElsewhere
from agor_daemon.runs.partials import Partials
from agor_daemon.runs.patient_writer import RETRY_S, PatientWriter
from agor_daemon.runs.questions import answer_in
from agor_daemon.runs.run import SHUT_DOWN, STOPPED, Run
from agor_daemon.supervisor import Supervisor
from agor_daemon.volatile import Volatile

log = logging.getLogger(__name__)


@dataclass
class _Active:
    run: Run
    running: asyncio.Task[Any]


class AgentRuns:
    """Owns every run. At most `max_runs` at once, at most one for a session."""

    def __init__(
        self,
        database: Database,
        supervisor: Supervisor,
        assignments: Assignments,
        volatile: Volatile,
        max_runs: int,
        after_run: Callable[[str], Coroutine[Any, Any, None]],
        end_orphans: Callable[[], Awaitable[Any]],
    ) -> None:
        """`after_run` is called with the session of every run that ended while the daemon goes on.

        `end_orphans` fails the tasks of other daemons on this database that are no more.
        """
        self._after_run = after_run
        self._database = database
        self._supervisor = supervisor
        self._assignments = assignments
        self._volatile = volatile
        self._max_runs = max_runs
        self._active: dict[str, _Active] = {}
        self._starting: dict[str, asyncio.Future[None]] = {}
        self._waiting: OrderedDict[str, None] = OrderedDict()
        self._closing = False
        self._elsewhere = RunsElsewhere(database, supervisor, self._stop_here, end_orphans)
        self._partials = Partials(database, self._said_here)
        # Not from the call that decides: that may reach another daemon on this database.
        database.change_log.subscribe(self._hear)

    async def consider(self, session_id: str) -> Task | None:
        """Start the session's next task if it may run now; else it starts when its turn comes. The task, if started."""
        if self._closing or session_id in self._active or session_id in self._starting:
            return None
        if len(self._active) + len(self._starting) >= self._max_runs:
            self._waiting[session_id] = None
            return None
        self._starting[session_id] = started = asyncio.get_running_loop().create_future()
        try:
            task = await self._database.write(lambda tx: records.begin_next(tx, session_id, self._database.peers.id))
            if task is not None:
                await self._launch(task)
        finally:
            del self._starting[session_id]
            started.set_result(None)
        if task is None:
            self._fill()
        return task

    def allow(self, max_runs: int) -> None:
        """Let that many run at once from now on; more than that, once started, run to their end."""
        self._max_runs = max_runs
        self._fill()

    async def stop(self, session_id: str) -> str:
        """End what the session runs, wherever it is, or waits to run; the id of its task. Raises Conflict if nothing.

        A session that was interrupted while it asked runs nothing, but its question is withdrawn. What another daemon
        runs, that one ends; see `RunsElsewhere.stop`.
        """
        if (starting := self._starting.get(session_id)) is not None:
            await asyncio.wait([starting])  # who asked may give up; that it has started is for others too
        active = self._active.get(session_id)
        if active is not None:
            await self._stop(active)
            return active.run.task_id
        stopped = await self._database.write(lambda tx: records.stop_waiting(tx, session_id, STOPPED.message))
        if stopped is None:
            stopped = await self._elsewhere.stop(session_id)
        if stopped is None:
            raise Conflict(f"session {short(session_id)} runs nothing", session_id=session_id)
        return stopped

    async def _stop_here(self, session_id: str, task_id: str) -> None:
        """End that task's run if it is one of ours."""
        if (starting := self._starting.get(session_id)) is not None:
            await asyncio.wait([starting])
        active = self._active.get(session_id)
        if active is not None and active.run.task_id == task_id:
            await self._stop(active)

    async def resume_waiting(self) -> None:
        """Let the sessions go on whose prompts waited when the last daemon ended, oldest first."""
        waiting = await self._database.read(lambda tx: tx.tasks.where(status="created"))
        for session_id in dict.fromkeys(task.session_id for task in waiting):
            await self.consider(session_id)

    async def stop_all(self) -> None:
        """End every run because the daemon ends; their tasks become `failed` with `interrupted`."""
        self._closing = True
        ending = list(self._active.values())
        for active in ending:
            active.run.end_because(SHUT_DOWN)
            active.running.cancel()
        if ending:
            await asyncio.wait([active.running for active in ending])

    def is_running(self, session_id: str) -> bool:
        """Whether an agent of ours works for this session now."""
        return session_id in self._active or session_id in self._starting

    async def partial(self, message_id: str) -> dict[str, Any]:
        """The text so far of a message that is streaming now, wherever it is; see `Partials.find`. Raises NotFound."""
        return await self._partials.find(message_id)

    async def partials_of(self, session_id: str) -> list[dict[str, Any]]:
        """The texts so far of all messages of a session that are streaming now, wherever they are, in their order."""
        return await self._partials.of_session(session_id)

    def _said_here(self, field: str, id: str) -> list[dict[str, Any]]:
        said = (message.describe() for active in self._active.values() for message in active.run.stream.messages())
        return [message for message in said if message[field] == id]

    def _hear(self, batch: Sequence[LogEntry]) -> None:
        """Hand what people decided to the runs that asked."""
        for line in batch:
            if line.path == "permissions" and line.event == "patched" and line.payload["status"] in ANSWERED:
                active = self._active.get(line.payload["session_id"])
                if active is not None and line.record_id is not None:
                    active.run.answer(line.record_id, answer_in(line.payload))

    async def _launch(self, task: Task) -> None:
        try:
            self._volatile.begin(task.session_id)
            run = await self._assignments.prepare(task, self._volatile.emit)
            self._volatile.begun(task.session_id, run.facts)
        except Exception as error:
            # The task is announced as running: whatever is wrong with it must not leave it so.
            log.exception("task %s cannot be run", short(task.task_id))
            known = error.message if isinstance(error, ServiceError) else "an internal error; see the daemon's log"
            unfit = Finished(error=AgentError("no_cli" if isinstance(error, NotFound) else "unknown", known))
            writer = PatientWriter(self._database, f"that task {short(task.task_id)} cannot be run")
            work = writer.write(lambda tx: records.end_task(tx, task.session_id, task.task_id, unfit, None))
            writing = self._supervisor.start(work, name=f"end of task {short(task.task_id)}")
            await writer.ended_or_held_up(writing)
            return
        running = self._supervisor.start(run.execute(), name=f"agent run {short(task.task_id)}")
        self._active[task.session_id] = _Active(run, running)
        running.add_done_callback(lambda _: self._ended(task.session_id))

    def _ended(self, session_id: str) -> None:
        del self._active[session_id]
        if not self._closing:
            self._waiting[session_id] = None
            self._fill()
            self._supervisor.start(self._after_run(session_id), name=f"after a run of session {short(session_id)}")

    def _fill(self) -> None:
        """Give free slots to the sessions that have waited longest."""
        free = self._max_runs - len(self._active) - len(self._starting)
        for _ in range(min(free, len(self._waiting))):
            session_id, _ = self._waiting.popitem(last=False)
            self._supervisor.start(self._consider_soon(session_id), name=f"next task of session {short(session_id)}")

    async def _consider_soon(self, session_id: str) -> None:
        """Consider it as soon as the database answers."""
        while not self._closing:
            try:
                await self.consider(session_id)
            except Unavailable as error:
                log.warning("the next task of session %s has to wait: %s", short(session_id), error.message)
                await asyncio.sleep(RETRY_S)
            else:
                return

    @staticmethod
    async def _stop(active: _Active) -> None:
        """End a run because somebody asks for it. Raises Unavailable if that cannot be stored yet."""
        active.run.end_because(STOPPED)
        active.running.cancel()
        if (trouble := await active.run.ended_or_held_up(active.running)) is not None:
            task = short(active.run.task_id)
            raise Unavailable(f"task {task} is stopped, but that cannot be stored yet: {trouble}")
