"""A repo: a registered git repository."""

from __future__ import annotations

from typing import Annotated, Literal

import sqlalchemy as sa
from pydantic import Field as DataField
from sqlmodel import Field

from agor_core.ids import new_id
from agor_core.models.columns import HIDDEN, Data, Entity, Id, Text, data_column, one_of

RepoStatus = Literal["cloning", "ready", "failed", "missing"]


class RepoData(Data):
    """What no list is filtered or sorted by."""

    name: str = DataField(default="", max_length=200)
    remote_url: str | None = DataField(default=None, description="never with a credential in it")
    local_path: str = ""
    managed_by_agor: bool = DataField(default=False, description="a bare clone of ours, or the user's own checkout")
    default_branch: str | None = DataField(default=None, max_length=250)
    error: str | None = None
    has_taken_in: Annotated[bool, HIDDEN] = DataField(
        default=False, description="whether the sessions that began in its folders before it was known know it"
    )


class Branch(Data):
    """A branch that a worktree can be made of, or start at."""

    name: str
    sha: str
    remote: str | None = DataField(default=None, description="which has it; null for a local one")


class Repo(Entity, table=True):
    """A git repository that sessions may get worktrees of."""

    __tablename__ = "repos"

    repo_id: Id = Field(primary_key=True, sa_type=Text, default_factory=new_id)
    slug: str = Field(sa_type=Text, nullable=False, unique=True, min_length=1, max_length=200)
    status: RepoStatus = Field(default="ready", sa_type=Text, nullable=False, index=True)
    data: RepoData = Field(default_factory=RepoData, sa_column=data_column(RepoData))

    __table_args__ = (
        one_of("status", RepoStatus),
        sa.Index("ix_repos_created", "created_at", "repo_id"),
        sa.Index("ix_repos_updated", "last_updated", "repo_id"),
        sa.Index("ix_repos_creator", "created_by", "repo_id"),
    )
