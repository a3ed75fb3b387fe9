"""A user: somebody with an account on this daemon."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import sqlalchemy as sa
from pydantic import Field as DataField
from sqlmodel import Field

from agor_core.ids import new_id
from agor_core.models.columns import HIDDEN, Data, Entity, Id, Text, data_column, one_of

Role = Literal["owner", "admin", "member", "viewer"]


class UserData(Data):
    """What no list is filtered or sorted by."""

    name: str = DataField(default="", max_length=200)
    avatar: str | None = DataField(default=None, max_length=100_000)
    preferences: dict[str, Any] = DataField(default_factory=dict)
    token_generation: Annotated[int, HIDDEN] = DataField(default=0, description="tokens of an earlier one are void")


class User(Entity, table=True):
    """An account. `password` is a bcrypt hash, and never leaves the database."""

    __tablename__ = "users"

    user_id: Id = Field(primary_key=True, sa_type=Text, default_factory=new_id)
    email: str = Field(sa_type=Text, nullable=False, unique=True, min_length=3, max_length=320)
    password: Annotated[str, HIDDEN] = Field(sa_type=Text, nullable=False)
    role: Role = Field(default="member", sa_type=Text, nullable=False, index=True)
    data: UserData = Field(default_factory=UserData, sa_column=data_column(UserData))

    __table_args__ = (
        one_of("role", Role),
        sa.Index("ix_users_created", "created_at", "user_id"),
        sa.Index("ix_users_updated", "last_updated", "user_id"),
        sa.Index("ix_users_creator", "created_by", "user_id"),
    )
