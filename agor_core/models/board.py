"""A board: a canvas on which sessions lie."""

from __future__ import annotations

from typing import Any, Final

import sqlalchemy as sa
from pydantic import Field as DataField
from sqlmodel import Field

from agor_core.ids import new_id
from agor_core.models.columns import Data, Entity, Id, Text, data_column

DEFAULT_NAME: Final = "Default"
DEFAULT_SLUG: Final = "default"


class BoardData(Data):
    """What no list is filtered or sorted by."""

    description: str | None = DataField(default=None, max_length=10_000)
    icon: str | None = DataField(default=None, max_length=200)
    color: str | None = DataField(default=None, max_length=100)
    objects: dict[str, Any] = DataField(default_factory=dict, description="zones and notes by their id")


class Board(Entity, table=True):
    """A canvas; its sessions are those that name it."""

    __tablename__ = "boards"

    board_id: Id = Field(primary_key=True, sa_type=Text, default_factory=new_id)
    name: str = Field(sa_type=Text, nullable=False, index=True, min_length=1, max_length=200)
    slug: str = Field(sa_type=Text, nullable=False, unique=True, min_length=1, max_length=200)
    data: BoardData = Field(default_factory=BoardData, sa_column=data_column(BoardData))

    __table_args__ = (
        sa.Index("ix_boards_created", "created_at", "board_id"),
        sa.Index("ix_boards_updated", "last_updated", "board_id"),
        sa.Index("ix_boards_creator", "created_by", "board_id"),
    )
