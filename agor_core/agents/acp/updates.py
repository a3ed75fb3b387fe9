"""Turns what an ACP agent tells into our events.

ACP streams chunks and tool calls and never says that a message is complete. One ends where something else begins:
a tool that runs, a thought after text, another message id, the end of the turn.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from acp import schema

from agor_core.agents.process import Flood
from agor_core.agents.protocol import (
    AgentEvent,
    AgentMessage,
    Block,
    ContextUsed,
    TextDelta,
    ThinkingDelta,
    ToolFinished,
    ToolStarted,
)
from agor_core.ids import new_id

LONGEST_MESSAGE_CHARS = 16 * 1024 * 1024

TOOL_NAMES = {
    "read": "Read",
    "edit": "Edit",
    "delete": "Delete",
    "move": "Move",
    "search": "Search",
    "execute": "Bash",
    "think": "Think",
    "fetch": "Fetch",
    "switch_mode": "SwitchMode",
}
"""What we call ACP's kinds of tools: the names rules and people know from Claude, where there is one."""

UNFINISHED = "The tool did not finish."

ToolUpdate = schema.ToolCallStart | schema.ToolCallProgress | schema.ToolCallUpdate


@dataclass(slots=True)
class ToolCall:
    """What is known of a tool call so far; agents tell it in parts. `block` is its place in the transcript."""

    id: str
    title: str = ""
    kind: str = "other"
    input: dict[str, Any] = field(default_factory=dict)
    output: str = ""
    block: Block = field(default_factory=dict)
    paths: set[str] = field(default_factory=set)

    @property
    def name(self) -> str:
        return TOOL_NAMES.get(self.kind, "Tool")

    def learn(self, update: ToolUpdate) -> None:
        """Take over what `update` adds."""
        self.title = update.title or self.title
        self.kind = update.kind or self.kind
        if isinstance(update.raw_input, dict):
            self.input = update.raw_input
        told = "\n".join(filter(None, map(_content_text, update.content or [])))
        self.output = told or _raw_text(update.raw_output) or self.output
        edited = {content.path for content in update.content or [] if _is_edit(content)}
        self.paths = edited or self.paths
        given = self.input.values()
        shown = {"title": self.title, **self.input} if self.title else dict(self.input)
        # Not every agent says in its input which file it is about to change.
        if len(self.paths) == 1 and not any(isinstance(value, str) and value in self.paths for value in given):
            shown["file_path"] = min(self.paths)
        self.block.update({"type": "tool_use", "id": self.id, "name": self.name, "input": shown})


class Conversation:
    """One turn. `answer` is the text of the last message told; `cost_usd` the session's, where the agent counts it.

    `model`: what answers, if we know it.
    """

    def __init__(self) -> None:
        self.answer: str | None = None
        self.cost_usd: float | None = None
        self.model: str | None = None
        self._message_id: str | None = None
        self._blocks: list[Block] = []
        self._size = 0
        self._calls: dict[str, ToolCall] = {}
        self._told: set[str] = set()
        self._open: set[str] = set()

    def learn(self, update: ToolUpdate) -> ToolCall:
        """The call that `update` is about, with what it adds. To be called as updates arrive, before `translate`."""
        call = self._calls.setdefault(update.tool_call_id, ToolCall(update.tool_call_id))
        call.learn(update)
        return call

    def translate(self, update: Any) -> Iterator[AgentEvent]:
        """The events that `update` brings. Raises Flood for a message without end."""
        match update:
            case schema.AgentMessageChunk() | schema.AgentThoughtChunk():
                yield from self._chunk(update)
            case schema.ToolCallUpdate() | schema.ToolCallStart() | schema.ToolCallProgress():
                yield from self._tool(update)
            case schema.UsageUpdate():
                yield ContextUsed(update.used, update.size)
                if update.cost is not None and update.cost.currency == "USD":
                    self.cost_usd = update.cost.amount

    def end(self) -> Iterator[AgentEvent]:
        """The turn is over: what was said and not told yet, and a result for every tool that has none."""
        yield from self._flush()
        for id in sorted(self._open):
            yield from self._result(self._calls[id], UNFINISHED, is_error=True)

    def _chunk(self, chunk: schema.AgentMessageChunk | schema.AgentThoughtChunk) -> Iterator[AgentEvent]:
        kind = "text" if isinstance(chunk, schema.AgentMessageChunk) else "thinking"
        follows = self._blocks and self._blocks[-1]["type"] == "tool_use"
        if follows or (chunk.message_id and self._message_id and chunk.message_id != self._message_id):
            yield from self._flush()
        self._message_id = chunk.message_id or self._message_id
        text = _text(chunk.content)
        self._size += len(text)
        if self._size > LONGEST_MESSAGE_CHARS:
            raise Flood(f"it wrote a message of more than {LONGEST_MESSAGE_CHARS // 1024 // 1024} MB")
        if not self._blocks or self._blocks[-1]["type"] != kind:
            self._blocks.append({"type": kind, kind: []})
        self._blocks[-1][kind].append(text)
        yield TextDelta(text) if kind == "text" else ThinkingDelta(text)

    def _tool(self, update: ToolUpdate) -> Iterator[AgentEvent]:
        call = self._calls[update.tool_call_id]
        if call.id not in self._told:
            self._told.add(call.id)
            self._blocks.append(call.block)
            self._open.add(call.id)
            yield ToolStarted(call.id, call.name, call.block["input"])
        # A question about the call is put: what it is about should be there to read.
        if type(update) is schema.ToolCallUpdate:
            yield from self._flush()
        if update.status in ("completed", "failed") and call.id in self._open:
            yield from self._flush()
            yield from self._result(call, call.output, is_error=update.status == "failed")

    def _result(self, call: ToolCall, text: str, *, is_error: bool) -> Iterator[AgentEvent]:
        self._open.discard(call.id)
        yield ToolFinished(call.id, is_error)
        block = {"type": "tool_result", "tool_use_id": call.id, "content": text, "is_error": is_error}
        yield AgentMessage("user", [block], new_id())

    def _flush(self) -> Iterator[AgentEvent]:
        if not self._blocks:
            return
        blocks = [_joined(block) for block in self._blocks]
        self._blocks, self._message_id, self._size = [], None, 0
        said = "\n\n".join(block["text"] for block in blocks if block["type"] == "text")
        self.answer = said or self.answer
        yield AgentMessage("assistant", blocks, new_id(), self.model)


def _joined(block: Block) -> Block:
    """The block with its chunks made one text."""
    kind = block["type"]
    return {**block, kind: "".join(block[kind])} if kind in ("text", "thinking") else dict(block)


def _text(content: Any) -> str:
    if isinstance(content, schema.TextContentBlock):
        return content.text
    if isinstance(content, schema.ResourceContentBlock):
        return f"[{content.name}]({content.uri})"
    return f"({content.type})"


def _is_edit(content: Any) -> bool:
    return isinstance(content, schema.FileEditToolCallContent)


def _content_text(content: Any) -> str:
    if isinstance(content, schema.ContentToolCallContent):
        return _text(content.content)
    if _is_edit(content):
        return f"{content.path}: {len(content.new_text.splitlines())} lines"
    return ""


def _raw_text(raw: Any) -> str:
    if raw is None or isinstance(raw, str):
        return raw or ""
    return json.dumps(raw, ensure_ascii=False)
