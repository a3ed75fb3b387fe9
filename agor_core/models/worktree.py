"""A worktree: a checkout of its own, on a branch of its own."""

from __future__ import annotations

from typing import Annotated, Literal

import sqlalchemy as sa
from pydantic import Field as DataField
from sqlmodel import Field

from agor_core.ids import new_id
from agor_core.models.columns import HIDDEN, Data, Entity, Id, Text, Time, data_column, one_of, reference

WorktreeStatus = Literal["preparing", "ready", "missing", "removed"]


class WorktreeData(Data):
    """What no list is filtered or sorted by."""

    path: str = ""
    managed_by_agor: bool = DataField(
        default=True, description="below Agor's home; false: one that was there already, or made with plain git"
    )
    git_identity: Annotated[str | None, HIDDEN] = DataField(
        default=None, description="by which it is known again when somebody moved it"
    )
    ref: str | None = DataField(default=None, description="the branch that is checked out")
    base_ref: str | None = DataField(default=None, description="where it began")
    base_sha: str | None = None
    new_branch: bool = False
    tracking_branch: str | None = None
    last_commit_sha: str | None = None
    dirty: bool = False
    ahead: int = 0
    behind: int = 0
    issue_url: str | None = DataField(default=None, max_length=2000)
    pull_request_url: str | None = DataField(default=None, max_length=2000)
    notes: str | None = DataField(default=None, max_length=10_000)
    removal_snapshot_id: str | None = DataField(default=None, description="what was uncommitted when it was removed")
    last_used: Time | None = None
    is_restored: Annotated[bool, HIDDEN] = DataField(
        default=False, description="while `preparing`: whether it was there before, and is `removed` if this fails"
    )


class Worktree(Entity, table=True):
    """A checkout of a repo; the row stays when the folder is removed, so that it can be restored."""

    __tablename__ = "worktrees"

    worktree_id: Id = Field(primary_key=True, sa_type=Text, default_factory=new_id)
    repo_id: Id = Field(sa_column=reference("repos.repo_id", "CASCADE", index=False))
    name: str = Field(sa_type=Text, nullable=False, index=True, min_length=1, max_length=200)
    status: WorktreeStatus = Field(default="preparing", sa_type=Text, nullable=False)
    board_id: Id | None = Field(default=None, sa_column=reference("boards.board_id", "SET NULL", nullable=True))
    archived: bool = Field(default=False, nullable=False)
    data: WorktreeData = Field(default_factory=WorktreeData, sa_column=data_column(WorktreeData))

    __table_args__ = (
        one_of("status", WorktreeStatus),
        sa.UniqueConstraint("repo_id", "name", name="uq_worktrees_repo_id_name"),
        sa.Index("ix_worktrees_status", "status", "created_at", "worktree_id"),
        sa.Index("ix_worktrees_archived", "archived", "created_at", "worktree_id"),
        sa.Index("ix_worktrees_created", "created_at", "worktree_id"),
        sa.Index("ix_worktrees_updated", "last_updated", "worktree_id"),
        sa.Index("ix_worktrees_creator", "created_by", "worktree_id"),
    )
