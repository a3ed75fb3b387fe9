"""What the tests of agents share."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, TypeVar

import pytest

from agor_core.agents import (
    Agent,
    AgentError,
    AgentEvent,
    AgentMessage,
    AgentSession,
    Finished,
    PermissionAnswer,
    PermissionQuestion,
    RunRequest,
    TextDelta,
)
from agor_core.agents.claude_code.entries import TranscriptMessage
from agor_core.agents.protocol import Block

T = TypeVar("T")

# How long a test waits for what comes at once; a machine that has much to do takes its time.
PATIENCE_S = 60

# What a program needs to run at all; everything else of our own environment stays out of tests.
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass
class Run:
    """All events of a run, and the questions that were asked."""

    events: list[AgentEvent] = field(default_factory=list)
    questions: list[PermissionQuestion] = field(default_factory=list)

    def of(self, kind: type[T]) -> list[T]:
        return [event for event in self.events if isinstance(event, kind)]

    @property
    def finished(self) -> Finished:
        assert isinstance(self.events[-1], Finished)
        assert len(self.of(Finished)) == 1
        return self.events[-1]

    @property
    def error(self) -> AgentError:
        assert self.finished.error is not None
        return self.finished.error

    @property
    def answer(self) -> str:
        assert self.finished.answer is not None
        return self.finished.answer

    @property
    def cost_usd(self) -> float:
        assert self.finished.cost_usd is not None
        return self.finished.cost_usd

    @property
    def session_id(self) -> str:
        return self.of(AgentSession)[-1].agent_session_id

    @property
    def messages(self) -> list[AgentMessage]:
        return self.of(AgentMessage)

    @property
    def streamed(self) -> str:
        return "".join(delta.text for delta in self.of(TextDelta) if delta.parent_tool_use_id is None)


@asynccontextmanager
async def stopping(events: AsyncGenerator[AgentEvent, None], *kinds: type[AgentEvent]) -> AsyncIterator[Run]:
    """A run in the middle, once there was an event of one of these kinds; it is stopped where the block ends."""
    run, begun = Run(), asyncio.Event()

    async def consume() -> None:
        async with aclosing(events):
            async for event in events:
                run.events.append(event)
                if isinstance(event, kinds):
                    begun.set()

    consumer = asyncio.create_task(consume())
    if kinds:
        await begun.wait()
    yield run
    consumer.cancel()
    async with asyncio.timeout(PATIENCE_S):
        with pytest.raises(asyncio.CancelledError):
            await consumer


class Runner(Protocol):
    """What `play` gives."""

    async def __call__(self, agent: Agent, prompt: str, *answers: PermissionAnswer, **fields: Any) -> Run: ...


def blocks(message: AgentMessage | TranscriptMessage) -> list[Block]:
    """What a message consists of that is more than plain text."""
    assert isinstance(message.content, list)
    return message.content


@pytest.fixture
def play(tmp_path: Path) -> Runner:
    """Runs a prompt with an agent and gives all that happened.

    `answers`: what people say to its questions, in order; a yes after that. Without `cwd` it works in `tmp_path/work`.
    """

    async def run(agent: Agent, prompt: str, *answers: PermissionAnswer, **fields: Any) -> Run:
        run, left = Run(), list(answers)

        async def ask(question: PermissionQuestion) -> PermissionAnswer:
            run.questions.append(question)
            return left.pop(0) if left else PermissionAnswer(allow=True)

        fields.setdefault("cwd", str(work_folder(tmp_path)))
        fields.setdefault("environment", {"PATH": PATH})
        async with aclosing(agent.run(RunRequest(prompt, **fields), ask)) as events:
            async for event in events:
                run.events.append(event)
        return run

    return run


def work_folder(tmp_path: Path) -> Path:
    """An empty working directory, the same for all runs of a test."""
    folder = tmp_path / "work"
    folder.mkdir(exist_ok=True)
    return folder
