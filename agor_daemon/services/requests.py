"""What custom methods accept: one class each, from which validation and the API document derive."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, Field

from agor_core.models.session import Sharing
from agor_core.models.values import PermissionMode

PROMPT_LIMIT = 5_000_000
NAME_LIMIT = 200


class Empty(BaseModel):
    """Nothing; a method that takes no data."""


class PermissionConfigRequest(BaseModel):
    """How far an agent may go without asking."""

    mode: PermissionMode = "acceptEdits"
    allowed_tools: list[str] = []
    denied_tools: list[str] = []


class ModelConfigRequest(BaseModel):
    """Which model a session talks to, and how many tokens it may spend on thinking."""

    model: str | None = Field(None, max_length=NAME_LIMIT)
    thinking_tokens: int | None = Field(None, ge=0)


class SessionRequest(BaseModel):
    """A new session: in a worktree, or in a folder of the daemon's machine."""

    agent: str = Field(max_length=NAME_LIMIT)
    worktree_id: str | None = None
    cwd: str | None = None
    board_id: str | None = None
    title: str | None = Field(None, max_length=1000)
    description: str | None = Field(None, max_length=10_000)
    permission_config: PermissionConfigRequest | None = None
    llm_config: ModelConfigRequest | None = Field(None, alias="model_config")
    sharing: Sharing = "everyone"


class PromptRequest(BaseModel):
    """A prompt to a session. `stream` is taken for older clients; answers always stream.

    Mode, model and thinking are for this prompt alone, in place of the session's; tools are beside the session's.
    `from_history`: begin a new conversation of the agent's, and tell it what is stored of this one; for when the
    agent's own memory of it is gone.
    """

    prompt: str = Field(min_length=1, max_length=PROMPT_LIMIT)
    permission_mode: PermissionMode | None = None
    model: str | None = Field(None, max_length=NAME_LIMIT)
    thinking_tokens: int | None = Field(None, ge=0)
    allowed_tools: list[str] | None = None
    denied_tools: list[str] | None = None
    stream: bool = True
    from_history: bool = False


class ResumeRequest(BaseModel):
    """How to take up what was broken off. `from_history` as in a prompt."""

    from_history: bool = False


class NewWorktree(BaseModel):
    """A worktree of its own for a fork or a child."""

    name: str = Field(max_length=NAME_LIMIT)
    branch: str | None = Field(None, max_length=NAME_LIMIT)
    ref: str | None = Field(None, max_length=NAME_LIMIT)


class ForkRequest(BaseModel):
    """A fork that shares the history up to and including `task_id`; default: the last completed task."""

    prompt: str | None = Field(None, min_length=1, max_length=PROMPT_LIMIT)
    task_id: str | None = None
    worktree: NewWorktree | None = None


class SpawnRequest(BaseModel):
    """A child with a fresh context."""

    prompt: str | None = Field(None, min_length=1, max_length=PROMPT_LIMIT)
    agent: str | None = Field(None, max_length=NAME_LIMIT)
    task_id: str | None = None
    worktree: NewWorktree | None = None
    model: str | None = Field(None, max_length=NAME_LIMIT)
    permission_mode: PermissionMode | None = None


class QueueRequest(BaseModel):
    """A new order of the waiting tasks, or the word to go on."""

    order: list[str] | None = None
    resume: bool = False


class ImportRequest(BaseModel):
    """A transcript on the daemon's machine: its path, or the id the agent gave the conversation."""

    path: str | None = None
    uuid: str | None = None
    board_id: str | None = None


class CompleteRequest(BaseModel):
    """The end of a task that no agent of ours runs."""

    report: dict[str, Any] | None = None


class FailRequest(BaseModel):
    """Why such a task failed: text, or `{kind, message}`."""

    error: Any


class DecideRequest(BaseModel):
    """A person's answer to a permission request.

    `rules`: what an answer with a scope beyond `once` covers, such as `Bash(npm test *)`; default: what the request
    itself offers as its `rules`.
    """

    allow: bool
    scope: Literal["once", "session", "project", "user"] = "once"
    reason: str | None = Field(None, max_length=10_000)
    updated_input: dict[str, Any] | None = None
    rules: list[str] | None = Field(None, min_length=1, max_length=20)


class BoardRequest(BaseModel):
    """A new board. The slug comes from the name unless it is given."""

    name: str = Field(min_length=1, max_length=NAME_LIMIT)
    slug: str | None = Field(None, min_length=1, max_length=NAME_LIMIT)
    description: str | None = Field(None, max_length=10_000)
    icon: str | None = Field(None, max_length=NAME_LIMIT)
    color: str | None = Field(None, max_length=NAME_LIMIT)
    objects: dict[str, Any] = {}


class BoardSessionRequest(BaseModel):
    """A session to be put on a board."""

    session_id: str
    position: dict[str, float] | None = None


class RepoRequest(BaseModel):
    """A repository that stays where it is."""

    local_path: str
    slug: str | None = Field(None, max_length=NAME_LIMIT)
    name: str | None = Field(None, max_length=NAME_LIMIT)


class CloneRequest(BaseModel):
    """A repository to be fetched."""

    url: str = Field(max_length=2000)
    slug: str | None = Field(None, max_length=NAME_LIMIT)


class WorktreeRequest(BaseModel):
    """A new worktree. `branch` defaults to `name`; `ref` is where a new branch starts."""

    repo_id: str
    name: str = Field(max_length=NAME_LIMIT)
    branch: str | None = Field(None, max_length=NAME_LIMIT)
    ref: str | None = Field(None, max_length=NAME_LIMIT)
    board_id: str | None = None
    notes: str | None = Field(None, max_length=10_000)


class RestoreRequest(BaseModel):
    """Which snapshot to bring back; default: the one taken when the worktree was removed."""

    snapshot_id: str | None = None


class RepoWorktreeRequest(BaseModel):
    """A new worktree of the repository in the path."""

    name: str = Field(max_length=NAME_LIMIT)
    branch: str | None = Field(None, max_length=NAME_LIMIT)
    ref: str | None = Field(None, max_length=NAME_LIMIT)
    board_id: str | None = None
    notes: str | None = Field(None, max_length=10_000)


class UserRequest(BaseModel):
    """A new account. An admin makes members and viewers; the owner makes admins too."""

    email: str = Field(max_length=320)
    password: str = Field(min_length=8, max_length=200)
    name: str | None = Field(None, max_length=NAME_LIMIT)
    role: Literal["admin", "member", "viewer"] = "member"


class UserPatchRequest(BaseModel):
    """What may change of an account; who may change what is the service's rule. What is not sent stays as it is."""

    name: str = Field("", max_length=NAME_LIMIT)
    avatar: str | None = Field(None, max_length=100_000)
    preferences: dict[str, Any] = {}
    password: str = Field("", min_length=8, max_length=200)
    email: str = Field("", max_length=320)
    role: Literal["owner", "admin", "member", "viewer"] = "member"
