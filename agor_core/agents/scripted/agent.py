"""Plays a scenario step by step and tells what happens in the same events as every other agent."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from pathlib import Path
from typing import Any

from agor_core.agents.process import ChildProcess
from agor_core.agents.protocol import (
    AgentError,
    AgentEvent,
    AgentMessage,
    AgentProcess,
    AgentSession,
    Ask,
    Availability,
    Block,
    ContextUsed,
    Finished,
    PermissionQuestion,
    RunRequest,
    TextDelta,
    ThinkingDelta,
    ToolFinished,
    ToolStarted,
    Usage,
)
from agor_core.agents.scripted.memory import Memory
from agor_core.agents.scripted.scenario import BadScenario, Scenario, Step
from agor_core.agents.scripted.tools import TOOL_NAMES, ToolFailed, run_command, start_command, use_tool
from agor_core.clock import now_ms

VERSION = "1"
MODEL = "scripted"
CONTEXT_LIMIT = 200_000
COMMAND_GRACE_S = 0.2

_WORD = re.compile(r"\s*\S+\s*")


class Scripted:
    """The agent without an account. Its session ids hold its memory: see `memory`."""

    name = "scripted"

    async def availability(self, environment: Mapping[str, str]) -> Availability:
        """Always there."""
        return Availability(installed=True, version=VERSION, signed_in=True)

    async def run(self, request: RunRequest, ask: Ask) -> AsyncGenerator[AgentEvent, None]:
        """Play the scenario's steps for this prompt."""
        started = time.monotonic()
        play = _Play(request, ask)
        error: AgentError | None = None
        try:
            async for event in play.events():
                yield event
        except _Failed as failure:
            error = failure.error
        finally:
            await play.end_command()
        duration_ms = round((time.monotonic() - started) * 1000)
        yield Finished(error, play.usage, 0.0, request.cost_so_far, duration_ms, play.answer)


class _Failed(Exception):
    """The run is to end with this error."""

    def __init__(self, error: AgentError) -> None:
        super().__init__(error.message)
        self.error = error


class _Play:
    """One run: what was said so far in the message under construction, and the sums of the whole."""

    def __init__(self, request: RunRequest, ask: Ask) -> None:
        self.usage = Usage()
        self.answer: str | None = None
        self._request = request
        self._ask = ask
        self._blocks: list[Block] = []
        self._said = 0
        self._tools = 0
        self._shell: ChildProcess | None = None

    async def events(self) -> AsyncIterator[AgentEvent]:
        """Everything between the prompt and `Finished`. Raises _Failed."""
        if not await asyncio.to_thread(Path(self._request.cwd).is_dir):
            raise _Failed(AgentError("cwd_missing", f"the working directory {self._request.cwd} is gone"))
        before = _memory_of(self._request)
        try:
            scenario = Scenario.load(self._request.scenario)
            steps = scenario.steps_for(self._request.prompt, before)
        except BadScenario as error:
            raise _Failed(AgentError("refused", str(error))) from error
        self._pace_s = scenario.pace_s
        self._session_id = before.with_prompt(self._request.prompt).to_id()
        self.usage = Usage(input_tokens=_tokens(self._request.prompt) + sum(map(_tokens, before.prompts)))
        yield AgentSession(self._session_id, VERSION, self._request.model or MODEL)
        async for event in self._steps(steps, None):
            yield event
        yield ContextUsed(self.usage.input_tokens + self.usage.output_tokens, CONTEXT_LIMIT)

    async def end_command(self) -> None:
        """Leave nothing of the last command running."""
        if self._shell is not None:
            await self._shell.close(grace_s=COMMAND_GRACE_S)
            self._shell = None

    async def _steps(self, steps: list[Step], parent: str | None) -> AsyncIterator[AgentEvent]:
        for step in steps:
            if "text" in step:
                async for event in self._say("text", step, parent):
                    yield event
            elif "thinking" in step:
                async for event in self._say("thinking", step, parent):
                    yield event
            elif "subagent" in step:
                async for event in self._delegate(step["subagent"], parent):
                    yield event
            elif kind := next((kind for kind in (*TOOL_NAMES, "tool") if kind in step), None):
                async for event in self._use(kind, step, parent):
                    yield event
            else:
                for event in self._message(parent):
                    yield event
                await self._happen(step)
        for event in self._message(parent):
            yield event

    async def _say(self, kind: str, step: Step, parent: str | None) -> AsyncIterator[AgentEvent]:
        text, pace_s = str(step[kind]), float(step.get("pace_s", self._pace_s))
        self._blocks.append({"type": kind, kind: ""})
        for piece in _WORD.findall(text) or [text]:
            self._blocks[-1][kind] += piece
            yield TextDelta(piece, parent) if kind == "text" else ThinkingDelta(piece, parent)
            if pace_s:
                await asyncio.sleep(pace_s)
        self.usage += Usage(output_tokens=_tokens(text))

    async def _use(self, kind: str, step: Step, parent: str | None) -> AsyncIterator[AgentEvent]:
        input = dict(step[kind])
        name = TOOL_NAMES.get(kind) or str(input.pop("name", "Tool"))
        shown = dict(input.get("input") or {}) if kind == "tool" else input
        id = self._begin(name, shown)
        for event in self._message(parent):
            yield event
        refusal, updated = await self._permission(name, shown, id, bool(step.get("ask")))
        if kind != "tool":
            input = {**input, **updated}
        yield ToolStarted(id, name, {**shown, **updated}, parent)
        try:
            if refusal is not None:
                raise ToolFailed(refusal)
            if kind == "bash":
                command = str(input["command"])
                self._shell = await start_command(command, self._request.cwd, self._request.environment)
                yield AgentProcess(self._shell.pid, self._shell.identity)
                result, is_error = await run_command(self._shell), False
            else:
                result, is_error = await use_tool(kind, input, self._request.cwd), False
        except ToolFailed as failure:
            result, is_error = str(failure), True
        await self.end_command()
        yield ToolFinished(id, is_error, parent)
        yield self._result(id, result, is_error, parent)

    async def _delegate(self, subagent: dict[str, Any], parent: str | None) -> AsyncIterator[AgentEvent]:
        prompt = str(subagent.get("prompt", ""))
        id = self._begin("Agent", {"prompt": prompt})
        for event in self._message(parent):
            yield event
        yield ToolStarted(id, "Agent", {"prompt": prompt}, parent)
        yield AgentMessage("user", prompt, self._original_id(), parent_tool_use_id=id)
        answer = ""
        async for event in self._steps(subagent["steps"], id):
            if isinstance(event, AgentMessage) and event.role == "assistant":
                answer = _text_of(event.content)
            yield event
        yield ToolFinished(id, False, parent)
        yield self._result(id, answer, False, parent)

    async def _permission(
        self, name: str, input: dict[str, Any], id: str, asks: bool
    ) -> tuple[str | None, dict[str, Any]]:
        """Why the tool may not be used (None: it may), and what a person changed in its input."""
        if name in self._request.denied_tools:
            return f"{name} is not allowed in this session", {}
        if not asks or name in self._request.allowed_tools or self._request.permission_mode == "bypassPermissions":
            return None, {}
        answer = await self._ask(PermissionQuestion(name, input, id, title=f"Use {name}?"))
        if answer.allow:
            return None, answer.updated_input or {}
        return answer.reason or "The user said no.", {}

    async def _happen(self, step: Step) -> None:
        if "usage" in step:
            self.usage += Usage(**step["usage"])
        elif "wait_s" in step:
            await asyncio.sleep(float(step["wait_s"]))
        elif "hang" in step:
            await asyncio.Event().wait()
        elif "crash" in step:
            raise _Failed(AgentError("agent_crashed", "the scripted agent crashed, as its scenario says"))
        else:
            error = step["error"]
            retry_at = now_ms() + round(error["retry_in_s"] * 1000) if "retry_in_s" in error else None
            kind, message = error.get("kind", "unknown"), error.get("message", "scripted error")
            raise _Failed(AgentError(kind, message, retry_at, history_lost=bool(error.get("history_lost"))))

    def _begin(self, name: str, input: dict[str, Any]) -> str:
        self._tools += 1
        id = f"tool-{self._tools}-{now_ms()}"
        self._blocks.append({"type": "tool_use", "id": id, "name": name, "input": input})
        return id

    def _result(self, id: str, result: str, is_error: bool, parent: str | None) -> AgentMessage:
        block = {"type": "tool_result", "tool_use_id": id, "content": result, "is_error": is_error}
        return AgentMessage("user", [block], self._original_id(), parent_tool_use_id=parent)

    def _message(self, parent: str | None) -> list[AgentEvent]:
        """The message under construction, if anything was said."""
        if not self._blocks:
            return []
        blocks, self._blocks = self._blocks, []
        if parent is None:
            self.answer = _text_of(blocks) or self.answer
        model = self._request.model or MODEL
        return [AgentMessage("assistant", blocks, self._original_id(), model, parent)]

    def _original_id(self) -> str:
        self._said += 1
        return f"{self._session_id}/{self._said}"


def _memory_of(request: RunRequest) -> Memory:
    """What the conversation remembers. Raises _Failed if it is to go on from one that does not exist."""
    origin = request.agent_session_id
    if request.fork is not None:
        origin = request.fork.at_message or request.fork.agent_session_id
    if origin is None:
        told = Memory()
        for message in request.history or []:
            if message.get("role") == "user" and isinstance(message.get("content"), str):
                told = told.with_prompt(message["content"])
        return told
    memory = Memory.from_id(origin)
    if memory is None:
        raise _Failed(AgentError("unknown", "the scripted agent knows no such conversation", history_lost=True))
    return memory


def _text_of(content: list[Block] | str) -> str:
    if isinstance(content, str):
        return content
    return "\n\n".join(block["text"] for block in content if block["type"] == "text")


def _tokens(text: str) -> int:
    return len(text.split())
