"""One run: from the prompt to the last message, whatever happens on the way."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

from agor_core.agents import (
    Agent,
    AgentError,
    AgentMessage,
    AgentProcess,
    AgentSession,
    ContextUsed,
    Finished,
    PermissionAnswer,
    PermissionQuestion,
    RunRequest,
    TextDelta,
    ThinkingDelta,
    ToolFinished,
    ToolStarted,
)
from agor_core.db import Database, Transaction
from agor_core.errors import Unavailable
from agor_core.ids import new_id, short
from agor_daemon.runs import questions, records, rules
from agor_daemon.runs.git_state import GitWatch
from agor_daemon.runs.patient_writer import PatientWriter
from agor_daemon.runs.streaming import Emit, Stream
from agor_daemon.runs.time_limit import OutOfTime, TimeLimit

log = logging.getLogger(__name__)

STOPPED = AgentError("stopped", "stopped on request")
SHUT_DOWN = AgentError("interrupted", "the daemon was stopped while this ran; resume the session to go on")


@dataclass(frozen=True, slots=True)
class Assignment:
    """What a run is about, as it stood when the task began."""

    task_id: str
    session_id: str
    cwd: str
    repository: str | None
    """Of the worktree of ours that `cwd` is, and below its name; None for any other folder."""
    worktree: str | None
    lock: tuple[str, str]
    """By whom that worktree is locked while the run goes on, and why."""
    facts: Mapping[str, Any]
    """Of the session, for deciding who hears its volatile events."""
    limit_s: int | None = None
    """How long the agent may work; None: as long as it takes."""


class Run:
    """Drives an agent through one task, and writes down all it does. Start `execute` once, in a task of its own."""

    def __init__(
        self, database: Database, emit: Emit, agent: Agent, assignment: Assignment, request: RunRequest
    ) -> None:
        self._writer = PatientWriter(database, f"what task {short(assignment.task_id)} does")
        self._emit = emit
        self._agent = agent
        self._assignment = assignment
        self._request = request
        self._git = GitWatch(assignment.cwd, assignment.repository, assignment.worktree, assignment.lock)
        self._answers: dict[str, asyncio.Future[PermissionAnswer]] = {}
        self._finished = Finished(error=AgentError("agent_crashed", "the agent ended without a word"))
        self._end_reason: AgentError = SHUT_DOWN
        self._asking = asyncio.Lock()
        self._time = TimeLimit(assignment.limit_s)
        self.stream = Stream(assignment.session_id, assignment.task_id, emit)

    @property
    def task_id(self) -> str:
        """The task this run is about."""
        return self._assignment.task_id

    @property
    def facts(self) -> Mapping[str, Any]:
        """Of the session this run belongs to."""
        return self._assignment.facts

    def end_because(self, reason: AgentError) -> None:
        """Say why the cancellation that follows happens."""
        self._end_reason = reason
        if reason is SHUT_DOWN:
            self._writer.hurry()

    async def ended_or_held_up(self, running: asyncio.Task[Any]) -> str | None:
        """Wait for the end of `execute`, as far as the database lets it end; why it does not, if so."""
        while not running.done():
            await self._writer.ended_or_held_up(running)
            if self._writer.trouble is not None:
                return self._writer.trouble
        return None

    def answer(self, request_id: str, answer: PermissionAnswer) -> None:
        """Hand a person's answer to the agent, if it waits for it."""
        waiting = self._answers.get(request_id)
        if waiting is not None and not waiting.done():
            waiting.set_result(answer)

    async def execute(self) -> None:
        """Run to the end. Every way out stores how the task ended."""
        try:
            trouble = await self._git.trouble()
            if trouble is not None:
                self._finished = Finished(error=AgentError("cwd_missing", trouble))
                return
            await self._begin()
            await self._time.keep(self._follow())
        except OutOfTime:
            message = f"ended after {self._time.limit_s} s, as long as `agents.<name>.limit` lets it work on one prompt"
            self._finished = Finished(error=AgentError("timed_out", message))
        except asyncio.CancelledError:
            self._finished = Finished(error=self._end_reason, usage=self._finished.usage)
            raise
        except Exception:
            log.exception("run of task %s failed", short(self._assignment.task_id))
            self._finished = Finished(error=AgentError("unknown", "an internal error ended this run; see the log"))
        finally:
            # A second cancellation must not leave a task that runs for ever.
            await asyncio.shield(self._end())

    async def _begin(self) -> None:
        await self._git.begin()
        task_id, state = self._assignment.task_id, self._git.at_start()
        if state is not None:
            await self._writer.write(lambda tx: tx.tasks.patch(task_id, {"git_state": state}))

    async def _follow(self) -> None:
        async with aclosing(self._agent.run(self._request, self._ask)) as events:
            async for event in events:
                match event:
                    case TextDelta() | ThinkingDelta():
                        await self._say(event)
                    case AgentMessage():
                        await self._store(event)
                    case ToolStarted():
                        self._tell_tool("tool:start", event, name=event.name, input=event.input)
                    case ToolFinished():
                        self._tell_tool("tool:complete", event, is_error=event.is_error)
                    case AgentSession():
                        await self._remember(event)
                    case AgentProcess():
                        await self._note_process(event)
                    case ContextUsed():
                        await self._note_context(event)
                    case Finished():
                        self._finished = event

    async def _say(self, delta: TextDelta | ThinkingDelta) -> None:
        if self.stream.begins(delta):
            session_id = self._assignment.session_id
            index = await self._writer.write(lambda tx: tx.messages.promise(session_id))
            self.stream.open(delta.parent_tool_use_id, index)
        self.stream.say(delta)

    async def _store(self, message: AgentMessage) -> None:
        streamed = self.stream.finish(message.parent_tool_use_id) if message.role == "assistant" else None
        assignment = self._assignment

        def unit_of_work(tx: Transaction) -> None:
            records.store_message(tx, assignment.session_id, assignment.task_id, message, streamed)

        # A stop between here and the commit must not lose what was said: it is out of the stream already, and the end
        # of the task is written after it, by the same writer.
        await self._writer.write_in_any_case(unit_of_work)

    async def _remember(self, session: AgentSession) -> None:
        await self._writer.write(lambda tx: records.note_agent_session(tx, self._assignment.session_id, session))

    async def _note_process(self, process: AgentProcess) -> None:
        await self._writer.write(lambda tx: records.note_process(tx, self._assignment.task_id, process))

    async def _note_context(self, context: ContextUsed) -> None:
        await self._writer.write(lambda tx: records.note_context(tx, self._assignment.session_id, context))

    def _tell_tool(self, event: str, tool: ToolStarted | ToolFinished, **facts: Any) -> None:
        ids = {
            "task_id": self._assignment.task_id,
            "session_id": self._assignment.session_id,
            "tool_use_id": tool.tool_use_id,
            "parent_tool_use_id": tool.parent_tool_use_id,
        }
        self._emit("tasks", event, {**ids, **facts})

    async def _ask(self, question: PermissionQuestion) -> PermissionAnswer:
        """Put a question to people, unless an earlier answer of theirs holds for it."""
        cwd, task_id, mode = self._assignment.cwd, self._assignment.task_id, self._request.permission_mode
        agent = self._agent.name
        asked = await asyncio.to_thread(rules.asked, question.tool_name, question.tool_input, cwd, agent)
        request_id = new_id()
        known = await self._writer.write(
            lambda tx: questions.answered_already(tx, task_id, request_id, question, asked, mode=mode)
        )
        if known is not None:
            return questions.answer_of(known)
        async with self._asking:  # one question at a time: a person reads one at a time
            waiting: asyncio.Future[PermissionAnswer] = asyncio.get_running_loop().create_future()
            self._answers[request_id] = waiting
            try:
                # The answer to the question before may be one to this, too.
                request = await self._writer.write(
                    lambda tx: questions.ask(tx, task_id, request_id, question, asked, mode=mode)
                )
                if request.status != "pending":
                    return questions.answer_of(request)
                with self._time.stopped():
                    return await waiting
            finally:
                del self._answers[request_id]

    async def _end(self) -> None:
        assignment, finished = self._assignment, self._finished
        broken_off = self.stream.break_off(finished.error.message if finished.error else "the agent ended")
        changes = await self._git.end()

        def unit_of_work(tx: Transaction) -> None:
            for message in broken_off:
                records.store_partial(tx, assignment.session_id, assignment.task_id, message)
            records.end_task(tx, assignment.session_id, assignment.task_id, finished, changes)

        try:
            await self._writer.write(unit_of_work)
        except Unavailable as error:
            log.error("how task %s ended is not stored (%s): the next start will", short(self.task_id), error.message)
