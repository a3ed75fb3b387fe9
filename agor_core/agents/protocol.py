"""What an agent is to the rest of the product: one way to start it, one stream of what happens."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

Block = dict[str, Any]
"""One block of a message, in the shape of the Anthropic API: text, thinking, image, tool_use or tool_result."""

PermissionMode = Literal["default", "acceptEdits", "plan", "bypassPermissions"]

ErrorKind = Literal[
    "interrupted",
    "no_cli",
    "no_key",
    "auth",
    "rate_limited",
    "overloaded",
    "bad_model",
    "cwd_missing",
    "prompt_too_large",
    "agent_crashed",
    "timed_out",
    "refused",
    "stopped",
    "unknown",
]


@dataclass(frozen=True, slots=True)
class Availability:
    """Whether a run could start now. `problem` is None if so, else one line; `how_to` says what to do about it.

    `signed_in` is None where that can only be found out by trying.
    """

    installed: bool
    version: str | None = None
    signed_in: bool | None = None
    problem: str | None = None
    how_to: str | None = None


@dataclass(frozen=True, slots=True)
class ForkPoint:
    """Where a new conversation leaves an old one: after `at_message` (an `original_id`), or after all of it."""

    agent_session_id: str
    at_message: str | None = None


Recall = Callable[[], Awaitable[list[dict[str, Any]] | None]]
"""Reads what is stored of a conversation, as `RunRequest.history`; None if nothing was answered in it."""


@dataclass(frozen=True, slots=True)
class RunRequest:
    """One prompt, and all an agent needs to act on it.

    `environment` is the whole environment of the agent, not an addition to ours.
    `agent_session_id` resumes a conversation, `fork` branches off one; at most one of the two.
    `history`: messages `{role, content}` told to an agent that has no memory of the conversation any more.
    `recall`: the same for a conversation to resume or fork, read if the agent turns out to have lost it, as it is known
    to do, or to be unable to fork it there.
    `cost_so_far`: `Finished.total_cost_usd` of the conversation's last run; for a fork, of its parent's.
    `scenario`: for `scripted` only, the scenario or the path of a file with one.
    """

    prompt: str
    cwd: str
    environment: Mapping[str, str]
    agent_session_id: str | None = None
    fork: ForkPoint | None = None
    permission_mode: PermissionMode = "acceptEdits"
    model: str | None = None
    thinking_tokens: int | None = None
    allowed_tools: tuple[str, ...] = ()
    denied_tools: tuple[str, ...] = ()
    system_append: str | None = None
    history: list[dict[str, Any]] | None = None
    recall: Recall | None = None
    cost_so_far: float = 0.0
    scenario: Mapping[str, Any] | str | None = None

    def __post_init__(self) -> None:
        if self.agent_session_id is not None and self.fork is not None:
            raise ValueError("a run resumes a conversation or forks one, never both")


@dataclass(frozen=True, slots=True)
class PermissionQuestion:
    """The agent may not go on without a person's yes. `suggestions`: rules that would spare the next question."""

    tool_name: str
    tool_input: dict[str, Any]
    tool_use_id: str
    suggestions: list[dict[str, Any]] = field(default_factory=list)
    title: str | None = None


@dataclass(frozen=True, slots=True)
class PermissionAnswer:
    """A person's answer. `reason` is told to the agent on a no; `suggestions` are those of the question to adopt."""

    allow: bool
    reason: str | None = None
    updated_input: dict[str, Any] | None = None
    suggestions: tuple[dict[str, Any], ...] = ()


Ask = Callable[[PermissionQuestion], Awaitable[PermissionAnswer]]
"""Puts a question to people; may take hours, and is cancelled with the run."""


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens, as the model's vendor counts them. `input_tokens` excludes what the cache gave or took."""

    input_tokens: int = 0
    output_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            self.input_tokens + other.input_tokens,
            self.output_tokens + other.output_tokens,
            self.cache_read_tokens + other.cache_read_tokens,
            self.cache_write_tokens + other.cache_write_tokens,
        )


@dataclass(frozen=True, slots=True)
class AgentError:
    """Why a run failed: `message` is for a person and says what to do next.

    `retry_at`: milliseconds since 1970 from which trying again makes sense.
    `history_lost`: the conversation to resume no longer exists on the agent's side.
    """

    kind: ErrorKind
    message: str
    retry_at: int | None = None
    history_lost: bool = False


@dataclass(frozen=True, slots=True)
class AgentProcess:
    """The agent runs as process `pid`, which leads a process group of its own.

    `identity` tells this process from a later one with the same number; see `end_leftover`.
    """

    pid: int
    identity: str


@dataclass(frozen=True, slots=True)
class AgentSession:
    """The agent's own name for the conversation, needed to resume it."""

    agent_session_id: str
    version: str | None = None
    model: str | None = None


@dataclass(frozen=True, slots=True)
class TextDelta:
    """A piece of the next assistant message that has the same `parent_tool_use_id`."""

    text: str
    parent_tool_use_id: str | None = None


@dataclass(frozen=True, slots=True)
class ThinkingDelta:
    """A piece of the thinking in the next assistant message that has the same `parent_tool_use_id`."""

    text: str
    parent_tool_use_id: str | None = None


@dataclass(frozen=True, slots=True)
class AgentMessage:
    """One entry for the transcript, complete. Tool results are `user` messages.

    `original_id` is the agent's id of the entry, good as `ForkPoint.at_message`.
    `parent_tool_use_id`: the tool use that started the sub-agent which said this.
    `is_meta`: said by the machinery, not by a person or a model.
    """

    role: Literal["user", "assistant", "system"]
    content: list[Block] | str
    original_id: str | None = None
    model: str | None = None
    parent_tool_use_id: str | None = None
    usage: Usage | None = None
    is_meta: bool = False
    is_error: bool = False


@dataclass(frozen=True, slots=True)
class ToolStarted:
    """A tool is about to run. Volatile: the assistant message carries the same."""

    tool_use_id: str
    name: str
    input: dict[str, Any]
    parent_tool_use_id: str | None = None


@dataclass(frozen=True, slots=True)
class ToolFinished:
    """A tool has run. Volatile: the tool result carries the same."""

    tool_use_id: str
    is_error: bool
    parent_tool_use_id: str | None = None


@dataclass(frozen=True, slots=True)
class ContextUsed:
    """Tokens in the model's context window, and its size where known."""

    used: int
    limit: int | None = None


@dataclass(frozen=True, slots=True)
class Finished:
    """The run is over: well if `error` is None. Comes once, last.

    `usage` and `cost_usd` are this run's; `total_cost_usd` the conversation's, for the next `RunRequest.cost_so_far`.
    `answer`: the text of the main agent's last message.
    """

    error: AgentError | None = None
    usage: Usage | None = None
    cost_usd: float | None = None
    total_cost_usd: float | None = None
    duration_ms: int | None = None
    answer: str | None = None


AgentEvent = (
    AgentProcess
    | AgentSession
    | TextDelta
    | ThinkingDelta
    | AgentMessage
    | ToolStarted
    | ToolFinished
    | ContextUsed
    | Finished
)


class Agent(Protocol):
    """Something that can be prompted. An implementation is one folder here and one line in `AGENTS`."""

    name: str

    async def availability(self, environment: Mapping[str, str]) -> Availability:
        """Whether a run with this environment could start. Cheap, and talks to no network."""
        ...

    def run(self, request: RunRequest, ask: Ask) -> AsyncGenerator[AgentEvent, None]:
        """What happens from the prompt to `Finished`.

        Failures are told by `Finished.error`, not raised. Cancelling the consumer, or closing the generator
        (`contextlib.aclosing`), ends the agent and every process it started within two seconds.
        """
        ...
