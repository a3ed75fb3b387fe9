"""What the change log and sign-in keep: events, the log's head, connections that may come back, revoked tokens."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from agor_core.models.columns import Id, Json, Text, Time


class Event(SQLModel, table=True):
    """One line of the change log. `seq` ascends without gaps, in the order of the commits."""

    __tablename__ = "events"

    seq: int = Field(sa_column=sa.Column(sa.BigInteger, primary_key=True, autoincrement=False))
    epoch: str = Field(sa_type=Text, nullable=False)
    path: str = Field(sa_type=Text, nullable=False)
    event: str = Field(sa_type=Text, nullable=False)
    record_id: Id | None = Field(default=None, sa_type=Text, index=True)
    created_at: Time = Field(sa_type=sa.BigInteger, nullable=False, index=True)
    session_id: Id | None = Field(default=None, sa_type=Text, index=True)
    created_by: Id | None = Field(default=None, sa_type=Text)
    sharing: str | None = Field(default=None, sa_type=Text)
    board_id: Id | None = Field(default=None, sa_type=Text)
    payload: Any = Field(sa_column=sa.Column(Json, nullable=False))

    __table_args__ = (sa.Index("ix_events_path", "path", "seq"),)


class ChangeLogHead(SQLModel, table=True):
    """The newest `seq`; whoever appends takes this one row last, so that `seq` is the order of the commits."""

    __tablename__ = "change_log_head"

    head_id: int = Field(default=1, primary_key=True)
    epoch: str = Field(sa_type=Text, nullable=False)
    seq: int = Field(default=0, sa_type=sa.BigInteger, nullable=False)

    __table_args__ = (sa.CheckConstraint("head_id = 1", name="single"),)


class Connection(SQLModel, table=True):
    """A socket that may come back: what it has heard, and who it was."""

    __tablename__ = "connections"

    pid_hash: str = Field(primary_key=True, sa_type=Text)
    epoch: str = Field(sa_type=Text, nullable=False)
    start_seq: int = Field(sa_type=sa.BigInteger, nullable=False)
    user_id: Id | None = Field(default=None, sa_type=Text)
    token_jti: str | None = Field(default=None, sa_type=Text)
    last_seen: Time = Field(sa_type=sa.BigInteger, nullable=False, index=True)


class RevokedToken(SQLModel, table=True):
    """A token that was taken back; kept until it would have ended by itself."""

    __tablename__ = "revoked_tokens"

    jti: str = Field(primary_key=True, sa_type=Text)
    expires_at: Time = Field(sa_type=sa.BigInteger, nullable=False, index=True)
