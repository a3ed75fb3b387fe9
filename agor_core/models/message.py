"""A message: one entry of a session's transcript."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

import sqlalchemy as sa
from pydantic import Field as DataField
from sqlmodel import Field

from agor_core.ids import new_id
from agor_core.models.columns import HIDDEN, Data, Entity, Id, Text, Time, data_column, one_of, reference
from agor_core.models.values import MessageMetadata, ToolUse

MessageType = Literal["user", "assistant", "system", "permission_request", "file-history-snapshot"]
Role = Literal["user", "assistant", "system"]

PREVIEW_LENGTH: Final = 200


class MessageData(Data):
    """What no list is filtered or sorted by."""

    content_preview: str = ""
    content: Any = DataField(default="", description="text, or blocks: text, thinking, image, tool_use, tool_result")
    tool_uses: list[ToolUse] = []
    metadata: MessageMetadata = DataField(default_factory=MessageMetadata)
    is_large: Annotated[bool, HIDDEN] = False


class Message(Entity, table=True):
    """One entry of a transcript. `index` is given by the database, from the session's counter."""

    __tablename__ = "messages"

    message_id: Id = Field(primary_key=True, sa_type=Text, default_factory=new_id)
    session_id: Id = Field(sa_column=reference("sessions.session_id", "CASCADE", index=False))
    task_id: Id | None = Field(
        default=None, sa_column=reference("tasks.task_id", "SET NULL", nullable=True, index=False)
    )
    index: int = Field(default=-1, nullable=False)
    type: MessageType = Field(sa_type=Text, nullable=False)
    role: Role = Field(sa_type=Text, nullable=False)
    timestamp: Time = Field(default=0, sa_type=sa.BigInteger, nullable=False, index=True)
    parent_tool_use_id: str | None = Field(default=None, sa_type=Text, index=True)
    data: MessageData = Field(default_factory=MessageData, sa_column=data_column(MessageData))

    __table_args__ = (
        one_of("type", MessageType),
        one_of("role", Role),
        sa.CheckConstraint('"index" >= 0', name="index"),
        sa.UniqueConstraint("session_id", "index", name="uq_messages_session_id_index"),
        sa.Index("ix_messages_task", "task_id", "index"),
        sa.Index("ix_messages_created", "created_at", "message_id"),
        sa.Index("ix_messages_type", "type", "created_at", "message_id"),
        sa.Index("ix_messages_role", "role", "created_at", "message_id"),
        sa.Index("ix_messages_updated", "last_updated", "message_id"),
        sa.Index("ix_messages_creator", "created_by", "message_id"),
    )


def preview(content: Any) -> str:
    """The first 200 characters of what a message says, on one line; of a message without words, what it does."""
    if isinstance(content, str):
        return " ".join(content[: 4 * PREVIEW_LENGTH].split())[:PREVIEW_LENGTH]
    if not isinstance(content, list):
        return ""
    for told in (_text, _deed):
        if said := " ".join(words for block in content if isinstance(block, dict) and (words := told(block))):
            return preview(said)
    return ""


def words_of(data: Mapping[str, Any]) -> str:
    """All that can be searched of a message's stored `data`: what was said and thought, what tools got and gave."""
    found: list[str] = []
    _gather_words(data.get("content"), found)
    return "\n".join(found)


def _gather_words(content: Any, found: list[str]) -> None:
    """Every text inside, however deep; not what is an image, nor ids."""
    if isinstance(content, str):
        found.append(content)
    elif isinstance(content, list):
        for item in content:
            _gather_words(item, found)
    elif isinstance(content, dict) and content.get("type") != "image":
        for name, inner in content.items():
            if name not in _WITHOUT_WORDS:
                _gather_words(inner, found)


_WITHOUT_WORDS = frozenset({"type", "id", "tool_use_id", "signature", "cache_control", "data"})


def _text(block: dict[str, Any]) -> str:
    return str(block.get("text") or "")[: 4 * PREVIEW_LENGTH]


def _deed(block: dict[str, Any]) -> str:
    match block.get("type"):
        case "tool_use":
            return f"[{block.get('name')}]"
        case "tool_result":
            return preview(block.get("content"))
        case "thinking":
            return str(block.get("thinking") or "")[: 4 * PREVIEW_LENGTH]
        case kind:
            return f"[{kind}]"
