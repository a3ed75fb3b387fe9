"""A permission request: an agent asks, a person answers."""

from __future__ import annotations

from typing import Any, Literal

import sqlalchemy as sa
from pydantic import Field as DataField
from sqlmodel import Field

from agor_core.ids import new_id
from agor_core.models.columns import Data, Entity, Id, Text, Time, data_column, one_of, reference

PermissionStatus = Literal["pending", "approved", "denied", "cancelled"]
Scope = Literal["once", "session", "project", "user"]


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


class PermissionRequest(Entity, table=True):
    """A question that waits, without a time limit, for the first answer."""

    __tablename__ = "permissions"

    request_id: Id = Field(primary_key=True, sa_type=Text, default_factory=new_id)
    session_id: Id = Field(sa_column=reference("sessions.session_id", "CASCADE", index=False))
    task_id: Id = Field(sa_column=reference("tasks.task_id", "CASCADE"))
    status: PermissionStatus = Field(default="pending", sa_type=Text, nullable=False)
    scope: Scope | None = Field(default=None, sa_type=Text, nullable=True)
    data: PermissionRequestData = Field(
        default_factory=PermissionRequestData, sa_column=data_column(PermissionRequestData)
    )

    __table_args__ = (
        one_of("status", PermissionStatus),
        sa.Index("ix_permissions_session", "session_id", "created_at", "request_id"),
        sa.Index("ix_permissions_status", "status", "created_at", "request_id"),
        sa.Index("ix_permissions_scope", "scope", "session_id"),
        sa.Index("ix_permissions_created", "created_at", "request_id"),
        sa.Index("ix_permissions_updated", "last_updated", "request_id"),
        sa.Index("ix_permissions_creator", "created_by", "request_id"),
    )
