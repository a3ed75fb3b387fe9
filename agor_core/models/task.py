"""A task: one prompt and everything the agent did about it."""

from __future__ import annotations

from typing import Annotated, Final, Literal

import sqlalchemy as sa
from pydantic import Field as DataField
from sqlmodel import Field

from agor_core.ids import new_id
from agor_core.models.columns import HIDDEN, Data, Entity, Id, Text, Time, data_column, one_of, reference
from agor_core.models.values import (
    MessageRange,
    PermissionMode,
    ProcessRef,
    TaskError,
    TaskGitState,
    TaskReport,
    Usage,
)

TaskStatus = Literal["created", "running", "awaiting_permission", "completed", "failed", "stopped"]

ENDED_STATUSES: Final = ("completed", "failed", "stopped")
SUMMARY_LENGTH: Final = 120


class TaskData(Data):
    """What no list is filtered or sorted by."""

    description: str = DataField(default="", max_length=SUMMARY_LENGTH)
    full_prompt: str = ""
    message_range: MessageRange | None = None
    git_state: TaskGitState | None = None
    permission_mode: PermissionMode | None = DataField(default=None, description="asked for with this prompt only")
    thinking_tokens: int | None = DataField(default=None, description="asked for with this prompt only")
    allowed_tools: list[str] | None = DataField(default=None, description="asked for with this prompt only")
    denied_tools: list[str] | None = DataField(default=None, description="asked for with this prompt only")
    from_history: bool = DataField(default=False, description="told from what is stored, not resumed")
    model: str | None = DataField(default=None, max_length=200)
    answers_request_id: Id | None = DataField(
        default=None,
        description="the question of an interrupted task that was answered, and that this task goes on from",
    )
    tool_use_count: int = 0
    usage: Usage | None = None
    duration_ms: int | None = None
    error: TaskError | None = None
    report: TaskReport | None = None
    process: Annotated[ProcessRef | None, HIDDEN] = None
    daemon_id: Annotated[str | None, HIDDEN] = DataField(default=None, description="which daemon runs it")
    queue_rank: Annotated[float | None, HIDDEN] = None


class Task(Entity, table=True):
    """One prompt to one session."""

    __tablename__ = "tasks"

    task_id: Id = Field(primary_key=True, sa_type=Text, default_factory=new_id)
    session_id: Id = Field(sa_column=reference("sessions.session_id", "CASCADE", index=False))
    status: TaskStatus = Field(default="created", sa_type=Text, nullable=False)
    started_at: Time | None = Field(default=None, sa_type=sa.BigInteger, index=True)
    completed_at: Time | None = Field(default=None, sa_type=sa.BigInteger, index=True)
    data: TaskData = Field(default_factory=TaskData, sa_column=data_column(TaskData))

    __table_args__ = (
        one_of("status", TaskStatus),
        sa.Index("ix_tasks_session", "session_id", "created_at", "task_id"),
        sa.Index("ix_tasks_status", "status", "created_at", "task_id"),
        sa.Index("ix_tasks_created", "created_at", "task_id"),
        sa.Index("ix_tasks_updated", "last_updated", "task_id"),
        sa.Index("ix_tasks_creator", "created_by", "task_id"),
    )


def summary(prompt: str) -> str:
    """The first line of a prompt, at most 120 characters."""
    lines = prompt.strip().splitlines()
    first = lines[0].rstrip() if lines else ""
    return first if len(first) <= SUMMARY_LENGTH else first[: SUMMARY_LENGTH - 1] + "…"
