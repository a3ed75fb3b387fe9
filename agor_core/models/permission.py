"""A permission request: an agent asks, a person answers."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

import sqlalchemy as sa
from pydantic import Field as DataField
from sqlmodel import Field

from agor_core.ids import new_id
from agor_core.models.columns import HIDDEN, Data, Entity, Id, Text, Time, data_column, one_of, reference

PermissionStatus = Literal["pending", "approved", "denied", "cancelled"]
Scope = Literal["once", "session", "project", "user"]

ANSWERED: Final = ("approved", "denied")
LASTING: Final = ("session", "project", "user")


class PermissionRequestData(Data):
    """What no list is filtered or sorted by."""

    tool_name: str = ""
    tool_input: dict[str, Any] = DataField(default_factory=dict)
    tool_use_id: str | None = None
    suggestions: list[Any] = []
    rules: list[str] = DataField(
        default=[], description="what an answer for longer than once covers; without a scope yet: what it would cover"
    )
    decided_by: Id | None = None
    decided_at: Time | None = None
    reason: str | None = None
    updated_input: dict[str, Any] | None = DataField(default=None, description="what a person made of the input")
    rule_request_id: Id | None = DataField(default=None, description="the earlier request whose answer answered this")
    revoked_by: Id | None = None
    revoked_at: Time | None = DataField(default=None, description="since when its rules count no more")
    project: str | None = DataField(
        default=None, description="what a rule whose session is gone is about: the id of a repository, or a folder"
    )
    was_private: Annotated[bool, HIDDEN] = DataField(default=False, description="the session that is gone")


class PermissionRequest(Entity, table=True):
    """A question that waits, without a time limit, for the first answer.

    An answer that stands for a project or a user outlives the session in which it was given: then it is of none.
    """

    __tablename__ = "permissions"

    request_id: Id = Field(primary_key=True, sa_type=Text, default_factory=new_id)
    session_id: Id | None = Field(
        default=None, sa_column=reference("sessions.session_id", "CASCADE", nullable=True, index=False)
    )
    task_id: Id | None = Field(default=None, sa_column=reference("tasks.task_id", "CASCADE", nullable=True))
    status: PermissionStatus = Field(default="pending", sa_type=Text, nullable=False)
    scope: Scope | None = Field(default=None, sa_type=Text, nullable=True)
    data: PermissionRequestData = Field(
        default_factory=PermissionRequestData, sa_column=data_column(PermissionRequestData)
    )

    @property
    def is_rule(self) -> bool:
        """Whether this answer still answers other questions."""
        return self.status in ANSWERED and self.scope in LASTING and self.data.revoked_at is None

    @property
    def outlives_session(self) -> bool:
        """Whether it still does when its session is gone."""
        return self.is_rule and self.scope != "session"

    __table_args__ = (
        one_of("status", PermissionStatus),
        sa.Index("ix_permissions_session", "session_id", "created_at", "request_id"),
        sa.Index("ix_permissions_status", "status", "created_at", "request_id"),
        sa.Index("ix_permissions_scope", "scope", "session_id"),
        sa.Index("ix_permissions_created", "created_at", "request_id"),
        sa.Index("ix_permissions_updated", "last_updated", "request_id"),
        sa.Index("ix_permissions_creator", "created_by", "request_id"),
    )
