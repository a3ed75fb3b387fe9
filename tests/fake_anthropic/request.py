"""One request to the model, seen as a script and a test want to see it."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]

# The CLI packs context of its own into user messages, as blocks of text between these marks.
_REMINDER = re.compile(r"<system-reminder>.*?</system-reminder>\s*", re.DOTALL)
_WORKING_DIRECTORY = re.compile(r"(?:[Ww]orking directory|cwd):\s*([^\s`\"'\\]+)")


@dataclass
class ModelRequest:
    """The body of a `/v1/messages` request. `hung_up`: the client left before the answer was complete."""

    body: Json
    headers: dict[str, str] = field(default_factory=dict)
    hung_up: bool = False

    @property
    def messages(self) -> list[Json]:
        return self.body.get("messages") or []

    @property
    def model(self) -> str:
        return str(self.body.get("model", ""))

    @property
    def tools(self) -> list[str]:
        return [tool.get("name", "") for tool in self.body.get("tools") or []]

    @property
    def whole(self) -> str:
        """Everything as text: was this sent to the model?"""
        return json.dumps(self.body, ensure_ascii=False)

    @property
    def system(self) -> str:
        """The system prompt, and what is said as system among the messages."""
        inline = [text_of(message["content"]) for message in self.messages if message["role"] == "system"]
        return "\n".join([text_of(self.body.get("system")), *inline])

    @property
    def subagent(self) -> str | None:
        """The id of the sub-agent that asks; None for the main agent."""
        return next((v for k, v in self.headers.items() if k.lower() == "x-claude-code-agent-id"), None)

    @property
    def answers(self) -> int:
        """How many answers of the model the conversation holds already."""
        return sum(message["role"] == "assistant" for message in self.messages)

    @property
    def last(self) -> Json:
        """The newest user message."""
        return next((message for message in reversed(self.messages) if message["role"] == "user"), {})

    @property
    def raw(self) -> str:
        """All text of the newest user message, with what the CLI packed into it."""
        return text_of(self.last.get("content"))

    @property
    def user(self) -> str:
        """What a person, or a calling agent, said last; nothing if the newest message brings tool results.

        After an interrupt the CLI sends the old prompt, a notice and the new prompt as one message: the last text
        that is no reminder is what was said last.
        """
        if self.results:
            return ""
        said = [without_reminders(block["text"]) for block in blocks_of(self.last.get("content")) if "text" in block]
        return next(filter(None, reversed(said)), "")

    @property
    def results(self) -> list[Json]:
        """The tool results in the newest user message: name, text, is_error."""
        names = {
            block["id"]: block["name"]
            for message in self.messages
            for block in blocks_of(message["content"])
            if block.get("type") == "tool_use"
        }
        return [
            {
                "name": names.get(block["tool_use_id"], ""),
                "text": without_reminders(text_of(block.get("content"))),
                "is_error": bool(block.get("is_error")),
            }
            for block in blocks_of(self.last.get("content"))
            if block.get("type") == "tool_result"
        ]

    @property
    def cwd(self) -> str:
        """The working directory as the client told the model."""
        found = _WORKING_DIRECTORY.search(self.system) or _WORKING_DIRECTORY.search(json.dumps(self.messages[:1]))
        return found[1] if found else "."


def blocks_of(content: Any) -> list[Json]:
    """Content as blocks, in whichever of its two forms it came."""
    if isinstance(content, str):
        return [{"type": "text", "text": content}]
    return [block for block in content or [] if isinstance(block, dict)]


def text_of(content: Any) -> str:
    """The text blocks of content, joined."""
    return "\n".join(block.get("text", "") for block in blocks_of(content) if block.get("type") == "text")


def without_reminders(text: str) -> str:
    """The text a person wrote."""
    return _REMINDER.sub("", text).strip()
