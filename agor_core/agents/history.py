"""Tells an agent what was said before, when its own memory of the conversation is gone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

# About 50,000 tokens: room for the work itself in every model's context.
LONGEST_CHARS = 200_000
LONGEST_RESULT_CHARS = 2_000


def with_history(prompt: str, history: Sequence[Mapping[str, Any]] | None) -> str:
    """The prompt, after the conversation so far in plain text; the oldest of it is left out where it is too long."""
    if not history:
        return prompt
    entries: list[str] = []
    room = LONGEST_CHARS
    for message in reversed(history):
        entry = _entry(message)
        room -= len(entry)
        if room < 0:
            entries.append("(what came before is left out)")
            break
        if entry:
            entries.append(entry)
    told = "\n\n".join(reversed(entries))
    return f"<conversation-so-far>\n{told}\n</conversation-so-far>\n\n{prompt}"


def _entry(message: Mapping[str, Any]) -> str:
    content = message.get("content")
    blocks = [{"type": "text", "text": content}] if isinstance(content, str) else list(content or [])
    said = "\n".join(filter(None, map(_said, blocks)))
    return f"{message.get('role', 'user')}: {said}" if said else ""


def _said(block: Mapping[str, Any]) -> str:
    match block.get("type"):
        case "text":
            return str(block.get("text", ""))
        case "tool_use":
            return f"(used {block.get('name')}: {block.get('input')})"
        case "tool_result":
            return f"(result: {str(block.get('content'))[:LONGEST_RESULT_CHARS]})"
    return ""
