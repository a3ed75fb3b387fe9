"""A session: one conversation with an agent; and what fork, spawn and the end of a task mean for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

import sqlalchemy as sa
from pydantic import Field as DataField
from sqlmodel import Field

from agor_core.ids import new_id
from agor_core.models.columns import HIDDEN, Data, Entity, Id, Text, data_column, one_of, reference
from agor_core.models.task import Task, TaskStatus
from agor_core.models.values import GitState, ModelConfig, PermissionConfig, PermissionMode, Position, RepoRef, Usage

SessionStatus = Literal["idle", "running", "awaiting_permission", "completed", "failed"]
Sharing = Literal["everyone", "private"]

RUNNING_STATUSES: Final = ("running", "awaiting_permission")
TITLE_LENGTH: Final = 1000
DESCRIPTION_LENGTH: Final = 100_000


class Origin(Data):
    """Where a session comes from. The two session ids are those of the columns, kept alike by whoever stores them."""

    forked_from_session_id: Id | None = None
    fork_point_task_id: Id | None = DataField(default=None, description="the last task a fork shares with its origin")
    parent_session_id: Id | None = None
    spawn_point_task_id: Id | None = DataField(default=None, description="the task during which a child was made")


class ContextWindow(Data):
    """How full the model's context is."""

    used_tokens: int = 0
    limit_tokens: int = 0


class SessionData(Data):
    """What no list is filtered or sorted by."""

    title: str | None = DataField(default=None, max_length=TITLE_LENGTH)
    description: str | None = DataField(default=None, max_length=DESCRIPTION_LENGTH)
    agent_version: str | None = None
    agent_session_id: str | None = DataField(
        default=None, description="the agent's own id of the conversation, to resume it"
    )
    repo: RepoRef | None = None
    git_state: GitState | None = None
    genealogy: Origin = DataField(default_factory=Origin)
    concepts: list[str] = []
    tool_use_count: int = 0
    permission_config: PermissionConfig = DataField(default_factory=PermissionConfig)
    llm_config: ModelConfig = DataField(
        default_factory=ModelConfig, validation_alias="model_config", serialization_alias="model_config"
    )
    usage: Usage = DataField(default_factory=Usage)
    context: ContextWindow | None = None
    position: Position | None = None
    queue_paused: str | None = DataField(default=None, description="why waiting prompts do not start; null: they do")
    agent_cost_usd: Annotated[float | None, HIDDEN] = DataField(default=None, description="the agent's running total")
    version: int = DataField(default=1, description="grows with each change a client makes")

    @property
    def fork_point_task_id(self) -> str | None:
        """The last task a fork shares with its origin."""
        return self.genealogy.fork_point_task_id


class Session(Entity, table=True):
    """One conversation with one agent; in a tree with its forks and its children."""

    __tablename__ = "sessions"

    session_id: Id = Field(primary_key=True, sa_type=Text, default_factory=new_id)
    status: SessionStatus = Field(default="idle", sa_type=Text, nullable=False)
    agent: str = Field(sa_type=Text, nullable=False, min_length=1, max_length=200)
    board_id: Id | None = Field(
        default=None, sa_column=reference("boards.board_id", "SET NULL", nullable=True, index=False)
    )
    worktree_id: Id | None = Field(
        default=None, sa_column=reference("worktrees.worktree_id", "SET NULL", nullable=True)
    )
    parent_session_id: Id | None = Field(
        default=None, sa_column=reference("sessions.session_id", "SET NULL", nullable=True)
    )
    forked_from_session_id: Id | None = Field(
        default=None, sa_column=reference("sessions.session_id", "RESTRICT", nullable=True)
    )
    archived: bool = Field(default=False, nullable=False)
    sharing: Sharing = Field(default="everyone", sa_type=Text, nullable=False)
    message_count: int = Field(default=0, nullable=False, description="own messages")
    first_index: Annotated[int, HIDDEN] = Field(
        default=0, nullable=False, description="of own messages; inherited ones end before"
    )
    next_index: Annotated[int, HIDDEN] = Field(default=0, nullable=False, description="the index the next message gets")
    data: SessionData = Field(default_factory=SessionData, sa_column=data_column(SessionData))

    __table_args__ = (
        one_of("status", SessionStatus),
        one_of("sharing", Sharing),
        sa.CheckConstraint("parent_session_id IS NULL OR forked_from_session_id IS NULL", name="one_origin"),
        sa.CheckConstraint("parent_session_id <> session_id", name="not_own_parent"),
        sa.CheckConstraint("forked_from_session_id <> session_id", name="not_own_fork"),
        sa.Index("ix_sessions_status", "status", "created_at", "session_id"),
        sa.Index("ix_sessions_board", "board_id", "created_at", "session_id"),
        sa.Index("ix_sessions_agent", "agent", "created_at", "session_id"),
        sa.Index("ix_sessions_archived", "archived", "created_at", "session_id"),
        sa.Index("ix_sessions_status_updated", "status", "last_updated", "session_id"),
        sa.Index("ix_sessions_creator", "created_by", "created_at", "session_id"),
        # All that says whether somebody may see one: who counts must not read each row for it.
        sa.Index("ix_sessions_sharing", "sharing", "created_by", "session_id"),
        sa.Index("ix_sessions_created", "created_at", "session_id"),
        sa.Index("ix_sessions_updated", "last_updated", "session_id"),
    )


def project_of(session: Session) -> str | None:
    """What `project` means for a session: the id of its repository, else its folder; None where it has neither.

    It never changes: an answer reaches no further than whoever gave it was told.
    """
    repo = session.data.repo
    return (repo.project or repo.repo_id or repo.cwd or None) if repo is not None else None


def forked(
    parent: Session,
    *,
    point: Task | None,
    created_by: str | None,
    title: str | None = None,
    description: str | None = None,
) -> Session:
    """A session that shares the parent's history up to and including the task `point`; without one, nothing.

    It works where the parent works, with the same agent and configuration. `point` may be a task the parent itself
    inherited.
    """
    shared = point.data.message_range if point is not None else None
    first = shared.end_index + 1 if shared is not None else 0
    child = _descendant(parent, parent.agent, title, description, created_by)
    child.forked_from_session_id = parent.session_id
    child.first_index = child.next_index = first
    child.data.genealogy = Origin(
        forked_from_session_id=parent.session_id, fork_point_task_id=point.task_id if point is not None else None
    )
    return child


def spawned(
    parent: Session,
    *,
    point: Task | None,
    created_by: str | None,
    agent: str | None = None,
    model: str | None = None,
    permission_mode: PermissionMode | None = None,
    title: str | None = None,
    description: str | None = None,
) -> Session:
    """A child with a fresh context, in the place of its parent. `point`: the task during which it was made, if any.

    Another agent gets no model of the parent's: it would not know it.
    """
    child = _descendant(parent, agent or parent.agent, title, description, created_by)
    child.parent_session_id = parent.session_id
    child.data.genealogy = Origin(
        parent_session_id=parent.session_id, spawn_point_task_id=point.task_id if point is not None else None
    )
    if child.agent != parent.agent:
        child.data.llm_config = ModelConfig()
    if model is not None:
        child.data.llm_config.model = model
    if permission_mode is not None:
        child.data.permission_config.mode = permission_mode
    return child


def words_of_session(data: Mapping[str, Any]) -> str:
    """All that can be searched of a session's stored `data`."""
    found = (data.get("title"), data.get("description"), *(data.get("concepts") or ()))
    return "\n".join(filter(None, found))


def status_after_task(task_status: TaskStatus, *, is_child: bool, waiting: int) -> SessionStatus:
    """What a session is once its task ended. `waiting`: prompts still in its queue."""
    if task_status == "failed":
        return "failed"
    if task_status == "completed" and is_child and waiting == 0:
        return "completed"
    return "idle"


def _descendant(
    parent: Session, agent: str, title: str | None, description: str | None, created_by: str | None
) -> Session:
    kept = parent.data
    return Session(
        agent=agent,
        board_id=parent.board_id,
        worktree_id=parent.worktree_id,
        sharing=parent.sharing,
        created_by=created_by,
        data=SessionData(
            title=title,
            description=description,
            repo=kept.repo.model_copy() if kept.repo is not None else None,
            git_state=kept.git_state.model_copy() if kept.git_state is not None else None,
            concepts=list(kept.concepts),
            permission_config=kept.permission_config.model_copy(deep=True),
            llm_config=kept.llm_config.model_copy(),
        ),
    )
