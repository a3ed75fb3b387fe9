"""Records as the daemon sends them. Written by `python -m agor_core.models.generate`; do not edit.

A record keeps what it does not know, in `extra`: a newer daemon may send more. Times are ISO 8601 text.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Self


@dataclass
class Record:
    """What all records can do."""

    extra: dict[str, Any] = field(default_factory=dict, kw_only=True)
    """Fields this version does not know."""

    @classmethod
    def from_wire(cls, sent: Mapping[str, Any]) -> Self:
        """The record that was sent; whatever is missing has its default."""
        names = {known.name for known in fields(cls)} - {"extra"}
        known = {name: value for name, value in sent.items() if name in names}
        return cls(**known, extra={name: value for name, value in sent.items() if name not in names})

    def to_wire(self) -> dict[str, Any]:
        """The record as it was sent."""
        known = {known.name: getattr(self, known.name) for known in fields(self) if known.name != "extra"}
        return {**known, **self.extra}


@dataclass
class Session(Record):
    """A record of `sessions`."""

    session_id: str = ""
    status: str = "idle"
    agent: str = ""
    board_id: str | None = None
    worktree_id: str | None = None
    parent_session_id: str | None = None
    forked_from_session_id: str | None = None
    archived: bool = False
    sharing: str = "everyone"
    message_count: int = 0
    title: str | None = None
    description: str | None = None
    agent_version: str | None = None
    agent_session_id: str | None = None
    repo: dict[str, Any] | None = None
    git_state: dict[str, Any] | None = None
    genealogy: dict[str, Any] = field(default_factory=dict)
    concepts: list[str] = field(default_factory=list)
    tool_use_count: int = 0
    permission_config: dict[str, Any] = field(default_factory=dict)
    model_config: dict[str, Any] = field(default_factory=dict)
    usage: dict[str, Any] = field(default_factory=dict)
    context: dict[str, Any] | None = None
    position: dict[str, Any] | None = None
    queue_paused: str | None = None
    version: int = 1
    created_at: str = ""
    last_updated: str = ""
    created_by: str = ""
    tasks: list[str] = field(default_factory=list)
    short_id: str | None = None


@dataclass
class Task(Record):
    """A record of `tasks`."""

    task_id: str = ""
    session_id: str = ""
    status: str = "created"
    started_at: str | None = None
    completed_at: str | None = None
    description: str = ""
    full_prompt: str = ""
    message_range: dict[str, Any] | None = None
    git_state: dict[str, Any] | None = None
    permission_mode: str | None = None
    thinking_tokens: int | None = None
    allowed_tools: list[str] | None = None
    denied_tools: list[str] | None = None
    from_history: bool = False
    model: str | None = None
    answers_request_id: str | None = None
    tool_use_count: int = 0
    usage: dict[str, Any] | None = None
    duration_ms: int | None = None
    error: dict[str, Any] | None = None
    report: dict[str, Any] | None = None
    created_at: str = ""
    last_updated: str = ""
    created_by: str = ""
    short_id: str | None = None


@dataclass
class Message(Record):
    """A record of `messages`."""

    message_id: str = ""
    session_id: str = ""
    task_id: str | None = None
    index: int = -1
    type: str = ""
    role: str = ""
    timestamp: str = ""
    parent_tool_use_id: str | None = None
    content_preview: str = ""
    content: Any = None
    tool_uses: list[dict[str, Any]] = field(default_factory=list)
    metadata: dict[str, Any] = field(default_factory=dict)
    created_at: str = ""
    last_updated: str = ""
    created_by: str = ""
    short_id: str | None = None


@dataclass
class PermissionRequest(Record):
    """A record of `permissions`."""

    request_id: str = ""
    session_id: str | None = None
    task_id: str | None = None
    status: str = "pending"
    scope: str | None = None
    tool_name: str = ""
    tool_input: dict[str, Any] = field(default_factory=dict)
    tool_use_id: str | None = None
    suggestions: list[Any] = field(default_factory=list)
    rules: list[str] = field(default_factory=list)
    decided_by: str | None = None
    decided_at: str | None = None
    reason: str | None = None
    updated_input: dict[str, Any] | None = None
    rule_request_id: str | None = None
    revoked_by: str | None = None
    revoked_at: str | None = None
    project: str | None = None
    created_at: str = ""
    last_updated: str = ""
    created_by: str = ""
    short_id: str | None = None


@dataclass
class Board(Record):
    """A record of `boards`."""

    board_id: str = ""
    name: str = ""
    slug: str = ""
    description: str | None = None
    icon: str | None = None
    color: str | None = None
    objects: dict[str, Any] = field(default_factory=dict)
    created_at: str = ""
    last_updated: str = ""
    created_by: str = ""
    sessions: list[str] = field(default_factory=list)
    short_id: str | None = None


@dataclass
class Repo(Record):
    """A record of `repos`."""

    repo_id: str = ""
    slug: str = ""
    status: str = "ready"
    name: str = ""
    remote_url: str | None = None
    local_path: str = ""
    managed_by_agor: bool = False
    default_branch: str | None = None
    error: str | None = None
    created_at: str = ""
    last_updated: str = ""
    created_by: str = ""
    worktrees: list[str] = field(default_factory=list)
    branches: list[dict[str, Any]] = field(default_factory=list)
    short_id: str | None = None


@dataclass
class Worktree(Record):
    """A record of `worktrees`."""

    worktree_id: str = ""
    repo_id: str = ""
    name: str = ""
    status: str = "preparing"
    board_id: str | None = None
    archived: bool = False
    path: str = ""
    managed_by_agor: bool = True
    ref: str | None = None
    base_ref: str | None = None
    base_sha: str | None = None
    new_branch: bool = False
    tracking_branch: str | None = None
    last_commit_sha: str | None = None
    dirty: bool = False
    ahead: int = 0
    behind: int = 0
    issue_url: str | None = None
    pull_request_url: str | None = None
    notes: str | None = None
    removal_snapshot_id: str | None = None
    last_used: str | None = None
    created_at: str = ""
    last_updated: str = ""
    created_by: str = ""
    sessions: list[str] = field(default_factory=list)
    short_id: str | None = None


@dataclass
class User(Record):
    """A record of `users`."""

    user_id: str = ""
    email: str = ""
    role: str = "member"
    name: str = ""
    avatar: str | None = None
    preferences: dict[str, Any] = field(default_factory=dict)
    created_at: str = ""
    last_updated: str = ""
    created_by: str = ""
    short_id: str | None = None
