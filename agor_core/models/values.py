"""The small typed objects that several entities carry in their `data`."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from agor_core.models.columns import Data, Id, Time

PermissionMode = Literal["default", "acceptEdits", "plan", "bypassPermissions"]


class RepoRef(Data):
    """Where a session's agent works: a worktree of a registered repository, or any folder."""

    repo_id: Id | None = None
    repo_slug: str | None = None
    worktree_name: str | None = None
    cwd: str = ""
    managed_worktree: bool = False
    subfolder: str | None = Field(
        default=None, description="where below the checkout's root `cwd` is, if it is not that"
    )
    project: str | None = Field(
        default=None,
        description="where an answer for the project counts, if not in the repository: that was registered later",
    )


class GitState(Data):
    """Where git stands for a session."""

    ref: str | None = None
    base_sha: str | None = Field(default=None, description="clean: 40 digits")
    current_sha: str | None = Field(default=None, description="40 digits, and `-dirty` if anything is changed")


class PermissionConfig(Data):
    """How far an agent may go without asking."""

    mode: PermissionMode = "acceptEdits"
    allowed_tools: list[str] = []
    denied_tools: list[str] = []


class ModelConfig(Data):
    """Which model a session talks to; null: the agent's own choice."""

    model: str | None = Field(default=None, max_length=200)
    thinking_tokens: int | None = Field(default=None, ge=0)


class Usage(Data):
    """Tokens and money spent."""

    input_tokens: int = 0
    output_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    cost_usd: float = 0.0

    def plus(self, other: Usage) -> Usage:
        """Both together."""
        mine, theirs = self.model_dump(), other.model_dump()
        return Usage(**{name: mine[name] + theirs[name] for name in mine})


class Position(Data):
    """A place on a board's canvas, in pixels at full size."""

    x: float
    y: float


class MessageRange(Data):
    """The messages of a task: indices of the first and the last one, and their times."""

    start_index: int
    end_index: int
    start_timestamp: Time
    end_timestamp: Time | None = None


class TaskGitState(Data):
    """Git before and after a task."""

    ref_at_start: str | None = None
    sha_at_start: str | None = Field(default=None, description="clean: 40 digits")
    sha_at_end: str | None = Field(default=None, description="40 digits, and `-dirty` if anything is changed")
    start_snapshot_id: str | None = Field(default=None, description="what was uncommitted before the task")
    end_snapshot_id: str | None = Field(default=None, description="what was uncommitted after it")
    commits: list[str] | None = None
    files_changed: int | None = None
    insertions: int | None = None
    deletions: int | None = None


class TaskError(Data):
    """Why a task did not complete."""

    kind: Literal[
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
    ] = "unknown"
    message: str = ""
    retry_at: Time | None = Field(default=None, description="from when on trying again makes sense, if the agent says")
    reason: Literal["history_lost"] | None = Field(
        default=None,
        description="history_lost: the agent has the conversation no more; `resume {from_history: true}` tells it ours",
    )


class TaskReport(Data):
    """A report written about a task."""

    template: str | None = None
    path: str | None = None
    generated_at: Time | None = None


class ProcessRef(Data):
    """A process of an agent, told from a later one with the same number by `identity`."""

    pid: int
    identity: str | None = None


class ToolUse(Data):
    """One use of a tool in a message."""

    id: str
    name: str
    input: Any = None


class MessageMetadata(Data):
    """What is known about a message besides its content."""

    model: str | None = None
    tokens: Any = None
    original_id: str | None = Field(default=None, description="the agent's own id of the message")
    is_meta: bool | None = None
    is_error: bool | None = None
    record: Any = Field(default=None, description="an imported record of a kind that nobody knows, as it was")
