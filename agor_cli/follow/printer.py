"""Turns what a session says into text, in order and whole, whatever of the stream was missed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import click

from agor_cli.output import clean, one_line

TOOL_DETAIL_LENGTH = 100
# What says most about a use of a tool, best first.
TOOL_DETAILS = ("command", "file_path", "path", "pattern", "url", "query", "description", "prompt")

Write = Callable[[str], None]


class TranscriptPrinter:
    """Writes chunks as they come; a finished message adds what was missed of it.

    `shows_prompts`: whether prompts are written too, for those who did not type them.
    """

    def __init__(self, write: Write, *, shows_prompts: bool = False) -> None:
        self._write = write
        self._shows_prompts = shows_prompts
        self._said: dict[str, str] = {}
        self._chunks: dict[str, int] = {}
        self._tools: set[str] = set()
        self._finished: set[str] = set()
        self._open: str | None = None
        self._at_line_start = True
        self.last_index = -1

    def chunk(self, chunk: Mapping[str, Any]) -> None:
        """A piece of a message. After a gap the rest is left to the finished message."""
        id = chunk["message_id"]
        expected = self._chunks.get(id, 0)
        if self._is_told_elsewhere(chunk) or chunk["index"] != expected:
            return
        self._chunks[id] = expected + 1
        if self._open != id:
            self._end_line()
            self._open = id
        self._said[id] = self._said.get(id, "") + chunk["chunk"]
        self._text(chunk["chunk"])

    def misses_before(self, chunk: Mapping[str, Any]) -> bool:
        """Whether pieces that came before this one were never heard."""
        return not self._is_told_elsewhere(chunk) and chunk["index"] > self._chunks.get(chunk["message_id"], 0)

    def so_far(self, partial: Mapping[str, Any]) -> None:
        """What a message that is under way says, as `messages.partial` has it; only what is new of it is written."""
        id, text = partial["message_id"], partial["text"]
        said = self._said.get(id, "")
        if partial["chunks"] > self._chunks.get(id, 0) and text.startswith(said):
            self.chunk({**partial, "index": self._chunks.get(id, 0), "chunk": text[len(said) :]})
            self._chunks[id] = partial["chunks"]

    def message(self, message: Mapping[str, Any]) -> None:
        """A stored message, whole."""
        id = message["message_id"]
        if id in self._finished:
            return
        self._finished.add(id)
        self.last_index = max(self.last_index, message.get("index", -1))
        content = message.get("content")
        blocks = content if isinstance(content, list) else [{"type": "text", "text": content or ""}]
        if (message.get("metadata") or {}).get("is_meta"):
            return
        if message.get("role") == "assistant":
            if not message.get("parent_tool_use_id"):
                self._assistant(id, _text_of(blocks))
            for block in blocks:
                if block.get("type") == "tool_use":
                    tool = (block.get("id"), block.get("name"), block.get("input"))
                    self.tool(*tool, parent=message.get("parent_tool_use_id"))
        elif message.get("type") == "system":
            self.note(one_line(_text_of(blocks)))
        else:
            self._from_user(blocks)

    def tool(self, tool_use_id: object, name: object, given: object, *, parent: object = None) -> None:
        """The agent uses a tool; told once however often it is heard. `parent`: the tool use that called the sub-agent
        which does."""
        if str(tool_use_id) in self._tools:
            return
        self._tools.add(str(tool_use_id))
        self.note(f"{'  ' if parent else ''}• {one_line(name)}  {tool_detail(given)}".rstrip())

    def note(self, text: str, color: str | None = None) -> None:
        """A line beside the conversation."""
        self._end_line()
        self._write(click.style(text, fg=color, dim=color is None) + "\n")

    def finish(self) -> None:
        """End the line that is open."""
        self._end_line()

    def _is_told_elsewhere(self, chunk: Mapping[str, Any]) -> bool:
        """Sub-agents are heard through what their parent makes of it; a finished message has said it all."""
        return bool(chunk.get("parent_tool_use_id")) or chunk["message_id"] in self._finished

    def _assistant(self, id: str, text: str) -> None:
        said = self._said.pop(id, "")
        if not text.startswith(said):
            # What came live is not how the message ended up: say it again, whole.
            self._end_line()
            said = ""
        if self._open != id:
            self._end_line()
        self._text(text[len(said) :])
        self._open = None
        self._end_line()

    def _from_user(self, blocks: list[dict[str, Any]]) -> None:
        text = _text_of(blocks)
        if text and self._shows_prompts:
            self._end_line()
            self._write(click.style(f"> {clean(text)}", fg="cyan") + "\n")
        for block in blocks:
            if block.get("type") == "tool_result" and block.get("is_error"):
                self.note(f"  {_shortened(one_line(_result_text(block)))}", "red")

    def _text(self, text: str) -> None:
        shown = clean(text)
        if shown:
            self._write(shown)
            self._at_line_start = shown.endswith("\n")

    def _end_line(self) -> None:
        if not self._at_line_start:
            self._write("\n")
            self._at_line_start = True


def _text_of(blocks: list[dict[str, Any]]) -> str:
    return "".join(str(block.get("text") or "") for block in blocks if block.get("type") == "text")


def _result_text(block: Mapping[str, Any]) -> str:
    content = block.get("content")
    return _text_of(content) if isinstance(content, list) else str(content or "")


def tool_detail(given: object) -> str:
    """What says most about a use of a tool with the input `given`, on one line; empty if nothing does."""
    if not isinstance(given, Mapping):
        return ""
    found = next((given[name] for name in TOOL_DETAILS if isinstance(given.get(name), str)), None)
    return _shortened(one_line(found)) if found else ""


def _shortened(text: str) -> str:
    return text if len(text) <= TOOL_DETAIL_LENGTH else f"{text[: TOOL_DETAIL_LENGTH - 1]}…"
