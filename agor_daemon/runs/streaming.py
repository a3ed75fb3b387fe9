"""What an agent says while it is still saying it: volatile events, and the text so far for who comes late."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from agor_core.agents import TextDelta, ThinkingDelta
from agor_core.ids import new_id

Emit = Callable[[str, str, dict[str, Any]], None]
"""(service path, event, payload): sent at once to who may hear, never stored."""


@dataclass
class StreamedMessage:
    """A message under way. `message_id` and `index` become those of the stored one."""

    session_id: str
    task_id: str
    index: int
    parent_tool_use_id: str | None
    message_id: str = field(default_factory=new_id)
    text: str = ""
    thinking: str = ""
    chunks: int = 0
    thinking_chunks: int = 0

    @property
    def content(self) -> list[dict[str, Any]]:
        """What was said so far, as blocks of a message; empty if nothing was."""
        blocks: list[dict[str, Any]] = []
        if self.thinking:
            blocks.append({"type": "thinking", "thinking": self.thinking})
        if self.text:
            blocks.append({"type": "text", "text": self.text})
        return blocks

    def describe(self) -> dict[str, Any]:
        """The answer to `messages.partial`, and one of those to `sessions.streams`."""
        return {
            "message_id": self.message_id,
            "session_id": self.session_id,
            "task_id": self.task_id,
            "message_index": self.index,
            "parent_tool_use_id": self.parent_tool_use_id,
            "text": self.text,
            "thinking": self.thinking,
            "chunks": self.chunks,
            "thinking_chunks": self.thinking_chunks,
        }


class Stream:
    """The messages of one run that are being said; at most one for the agent and one for each of its sub-agents."""

    def __init__(self, session_id: str, task_id: str, emit: Emit) -> None:
        self._session_id = session_id
        self._task_id = task_id
        self._emit = emit
        self._open: dict[str | None, StreamedMessage] = {}

    def begins(self, delta: TextDelta | ThinkingDelta) -> bool:
        """Whether this piece is the first of a message, which has to be opened for it."""
        return bool(delta.text) and delta.parent_tool_use_id not in self._open

    def open(self, parent_tool_use_id: str | None, index: int) -> None:
        """Announce a message under the index that it will have."""
        message = StreamedMessage(self._session_id, self._task_id, index, parent_tool_use_id)
        self._open[parent_tool_use_id] = message
        self._tell("streaming:start", message, task_id=self._task_id, role="assistant")

    def say(self, delta: TextDelta | ThinkingDelta) -> None:
        """Pass on a piece of a message that is open."""
        message = self._open.get(delta.parent_tool_use_id)
        if message is None:
            return  # an empty piece before anything was said
        if isinstance(delta, TextDelta):
            self._tell("streaming:chunk", message, index=message.chunks, chunk=delta.text)
            message.text += delta.text
            message.chunks += 1
        else:
            self._tell("thinking:chunk", message, index=message.thinking_chunks, chunk=delta.text)
            message.thinking += delta.text
            message.thinking_chunks += 1

    def finish(self, parent_tool_use_id: str | None) -> StreamedMessage | None:
        """Take out the message that is complete now; its whole text follows as a stored message."""
        message = self._open.pop(parent_tool_use_id, None)
        if message is not None:
            self._tell("streaming:end", message, chunks=message.chunks)
        return message

    def break_off(self, reason: str) -> list[StreamedMessage]:
        """Take out all that was never completed."""
        left = [message for message in self._open.values() if message.content]
        for message in self._open.values():
            self._tell("streaming:error", message, error=reason)
        self._open.clear()
        return left

    def messages(self) -> list[StreamedMessage]:
        """Those that are open."""
        return list(self._open.values())

    def _tell(self, event: str, message: StreamedMessage, **facts: Any) -> None:
        self._emit(
            "messages",
            event,
            {
                "message_id": message.message_id,
                "session_id": message.session_id,
                "message_index": message.index,
                "parent_tool_use_id": message.parent_tool_use_id,
                **facts,
            },
        )
