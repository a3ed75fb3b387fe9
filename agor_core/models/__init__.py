"""The nouns: what each entity is, which of its fields are columns, and the rules that need no database."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from agor_core.models.board import Board, BoardData
from agor_core.models.columns import Data, Entity
from agor_core.models.log import ChangeLogHead, Connection, Event, RevokedToken
from agor_core.models.message import Message, MessageData
from agor_core.models.permission import PermissionRequest, PermissionRequestData
from agor_core.models.repo import Repo, RepoData
from agor_core.models.session import (
    RUNNING_STATUSES,
    ContextWindow,
    Origin,
    Session,
    SessionData,
    forked,
    spawned,
    status_after_task,
)
from agor_core.models.task import ENDED_STATUSES, Task, TaskData, summary
from agor_core.models.user import User, UserData
from agor_core.models.values import (
    GitState,
    MessageMetadata,
    MessageRange,
    ModelConfig,
    PermissionConfig,
    Position,
    ProcessRef,
    RepoRef,
    TaskError,
    TaskGitState,
    TaskReport,
    ToolUse,
    Usage,
)
from agor_core.models.worktree import Worktree, WorktreeData

ENTITIES: Final[Mapping[str, type[Entity]]] = {
    "sessions": Session,
    "tasks": Task,
    "messages": Message,
    "permissions": PermissionRequest,
    "boards": Board,
    "repos": Repo,
    "worktrees": Worktree,
    "users": User,
}
"""Every stored entity by the path of its service."""

__all__ = [
    "ENDED_STATUSES",
    "ENTITIES",
    "RUNNING_STATUSES",
    "Board",
    "BoardData",
    "ChangeLogHead",
    "Connection",
    "ContextWindow",
    "Data",
    "Entity",
    "Event",
    "GitState",
    "Message",
    "MessageData",
    "MessageMetadata",
    "MessageRange",
    "ModelConfig",
    "Origin",
    "PermissionConfig",
    "PermissionRequest",
    "PermissionRequestData",
    "Position",
    "ProcessRef",
    "Repo",
    "RepoData",
    "RepoRef",
    "RevokedToken",
    "Session",
    "SessionData",
    "Task",
    "TaskData",
    "TaskError",
    "TaskGitState",
    "TaskReport",
    "ToolUse",
    "Usage",
    "User",
    "UserData",
    "Worktree",
    "WorktreeData",
    "forked",
    "spawned",
    "status_after_task",
    "summary",
]
