"""One prompt through an ACP agent. Loaded when a run starts, for it loads the protocol's library."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import acp
from acp import schema

from agor_core.agents.acp.opening import CannotOpen, Opened, greet, open_session, request_failure
from agor_core.agents.acp.permissions import decide
from agor_core.agents.acp.replay import Replay
from agor_core.agents.acp.transport import ProcessTransport
from agor_core.agents.acp.updates import Conversation, ToolUpdate
from agor_core.agents.failures import crash, failure
from agor_core.agents.history import with_history
from agor_core.agents.process import ChildProcess, Flood
from agor_core.agents.protocol import (
    AgentError,
    AgentEvent,
    AgentMessage,
    AgentProcess,
    AgentSession,
    Ask,
    Finished,
    RunRequest,
    Usage,
)

# A run that is stopped has two seconds in all, and git needs some of them: the group is killed after one.
CANCEL_S = 0.4
STOP_GRACE_S = 0.3
# Not every agent ends when its input does; what it has to write down it did during the turn.
LAST_WORDS_S = 0.5

_STOPPED_EARLY = {
    "max_tokens": "the answer reached the model's limit of tokens",
    "max_turn_requests": "the agent reached its limit of requests for one prompt",
    "refusal": "the model refused to answer",
    "cancelled": "the agent cancelled its turn",
}

# Why a conversation begins that is not the one asked for, and what its agent knows of that one.
LOST = "{name} no longer had this conversation"
CANNOT_FORK = "{name} cannot fork its conversation here"
TOLD = "{why}; it was told what is stored here."
UNANSWERED = "{why}, in which nothing was answered yet; it begins anew."


async def drive(request: RunRequest, ask: Ask, command: Sequence[str], name: str) -> AsyncGenerator[AgentEvent, None]:
    """Start the agent, give it the prompt, tell what happens, and leave no process behind."""
    started = time.monotonic()
    if not await asyncio.to_thread(Path(request.cwd).is_dir):
        yield Finished(AgentError("cwd_missing", f"the working directory {request.cwd} is gone"))
        return
    try:
        process = await ChildProcess.start(command, cwd=request.cwd, environment=request.environment, is_held=True)
    except OSError as error:
        yield Finished(AgentError("no_cli", f"{name} cannot be started: {error}"))
        return
    turn = _Turn(request, ask, name, process)
    in_haste = True
    try:
        yield AgentProcess(process.pid, process.identity)
        process.release()
        turn.begin()
        async for event in turn.events():
            yield event
        in_haste = False
    finally:
        await turn.leave(in_haste=in_haste)
    yield turn.finished(round((time.monotonic() - started) * 1000))


class _Turn:
    """The conversation with one process, from the greeting to the end of the turn."""

    def __init__(self, request: RunRequest, ask: Ask, name: str, process: ChildProcess) -> None:
        self._request, self._ask, self._name, self._process = request, ask, name, process
        self._inbox: asyncio.Queue[Any] = asyncio.Queue()
        self._transport = ProcessTransport(process, self._inbox)
        self._conversation = Conversation()
        self._replay = Replay()
        self._agent = acp.connect_to_agent(cast(acp.Client, _Client(self)), self._transport, use_unstable_protocol=True)
        self._talk: asyncio.Task[None] | None = None
        self._session_id: str | None = None
        self._result: schema.PromptResponse | AgentError | None = None
        self.is_live = False

    def begin(self) -> None:
        """Start to talk: the program is there now."""
        self._talk = asyncio.create_task(self._talk_through(), name=f"talk with {self._name}")

    async def events(self) -> AsyncGenerator[AgentEvent, None]:
        """Everything until the turn is over."""
        try:
            while (item := await self._inbox.get()) is not None:
                self._transport.taken()
                if isinstance(item, Opened):
                    self._conversation.model = item.model
                    # Notes first: a kill in between must not leave a new conversation that nothing tells of.
                    for note in item.notes:
                        yield AgentMessage("system", note, is_meta=True)
                    yield AgentSession(item.session_id, item.version, item.model)
                else:
                    for event in self._conversation.translate(item):
                        yield event
        except Flood as flood:
            self._result = failure("agent_crashed", f"{self._name}: {flood}", self._request)
        for event in self._conversation.end():
            yield event

    def update(self, update: Any) -> None:
        """The agent tells something. What it repeats of an old conversation while taking it up is ours already."""
        if not self.is_live:
            self._replay.take(update)
            return
        if isinstance(update, ToolUpdate):
            self._conversation.learn(update)
        self._inbox.put_nowait(update)

    async def permission(
        self, update: schema.ToolCallUpdate, options: list[schema.PermissionOption]
    ) -> schema.RequestPermissionResponse:
        """The agent asks whether it may."""
        call = self._conversation.learn(update)
        self._inbox.put_nowait(update)
        return await decide(call, options, self._request, self._ask)

    async def leave(self, *, in_haste: bool) -> None:
        """End the agent: politely if its turn is over, else after telling it to cancel."""
        try:
            if self._talk is not None:
                if in_haste and self._session_id is not None and not self._talk.done():
                    with contextlib.suppress(Exception):
                        await self._agent.cancel(session_id=self._session_id)
                        await asyncio.wait_for(asyncio.shield(self._talk), CANCEL_S)
                self._talk.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await self._talk
            with contextlib.suppress(Exception):
                await self._agent.close()
        finally:
            await self._process.close(grace_s=STOP_GRACE_S if in_haste else LAST_WORDS_S)

    def finished(self, duration_ms: int) -> Finished:
        """How it ended, once the process is gone."""
        error, usage = None, None
        if isinstance(self._result, schema.PromptResponse):
            usage = _usage(self._result.usage)
            if words := _STOPPED_EARLY.get(self._result.stop_reason):
                error = AgentError("refused" if self._result.stop_reason == "refusal" else "unknown", words)
        else:
            error = self._result or self._crash()
        total = self._conversation.cost_usd
        cost = max(0.0, total - self._request.cost_so_far) if total is not None else None
        return Finished(error, usage, cost, total, duration_ms, self._conversation.answer)

    async def _talk_through(self) -> None:
        try:
            opened = await self._open()
            self._session_id = opened.session_id
            if not self._is_first:
                await self._replay.end(self._agent)
            self.is_live = True
            self._inbox.put_nowait(opened)
            self._result = await self._agent.prompt(
                session_id=opened.session_id, prompt=[acp.text_block(self._prompt())]
            )
        except CannotOpen as problem:
            self._result = problem.error
        except acp.RequestError as error:
            self._result = request_failure(error, self._request, self._name)
        except ConnectionError:
            # The process ended; its exit code, known once it is reaped, says how.
            self._result = None
        except ValueError as error:
            # The library's models refuse an answer that has not the protocol's shape.
            self._result = failure("agent_crashed", f"{self._name} broke the protocol: {error}", self._request)
        finally:
            self._inbox.put_nowait(None)

    async def _open(self) -> Opened:
        """The session of the request; where the agent cannot give it and we are to tell it the past, a new one."""
        greeting = await greet(self._agent)
        try:
            return await open_session(self._agent, greeting, self._request, self._name)
        except CannotOpen as problem:
            recall, why = self._request.recall, LOST if self._request.fork is None else CANNOT_FORK
            if recall is None or not problem.error.history_lost:
                raise
        # What it told before it found that it cannot go on is not news either.
        await self._replay.end(self._agent)
        history = await recall()
        # What a conversation costs, its agent counts from its beginning.
        self._request = replace(self._request, agent_session_id=None, fork=None, history=history, cost_so_far=0.0)
        opened = await open_session(self._agent, greeting, self._request, self._name)
        note = (TOLD if history else UNANSWERED).format(why=why.format(name=self._name.capitalize()))
        return replace(opened, notes=(note, *opened.notes))

    @property
    def _is_first(self) -> bool:
        """Whether the agent has no past to tell."""
        return self._request.agent_session_id is None and self._request.fork is None

    def _prompt(self) -> str:
        """ACP has no system prompt: what is to be said there goes before the first prompt of a conversation."""
        prompt = with_history(self._request.prompt, self._request.history)
        if self._request.system_append and self._is_first:
            return f"{self._request.system_append}\n\n{prompt}"
        return prompt

    def _crash(self) -> AgentError:
        if self._transport.problem is not None:
            return failure("agent_crashed", f"{self._name}: {self._transport.problem}", self._request)
        return crash(self._name, self._request, self._process.returncode, self._process.stderr_tail)


class _Client:
    """What the agent may call: of the protocol's methods, only those that we told it we have."""

    def __init__(self, turn: _Turn) -> None:
        self._turn = turn

    async def session_update(self, *, update: Any, **_: Any) -> None:
        self._turn.update(update)

    async def request_permission(
        self, *, tool_call: schema.ToolCallUpdate, options: list[schema.PermissionOption], **_: Any
    ) -> schema.RequestPermissionResponse:
        return await self._turn.permission(tool_call, options)


def _usage(usage: schema.Usage | None) -> Usage | None:
    if usage is None:
        return None
    return Usage(usage.input_tokens, usage.output_tokens, usage.cached_read_tokens or 0, usage.cached_write_tokens or 0)
