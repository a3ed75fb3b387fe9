"""One request to a model, whichever API it came by, and what may be answered."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]


@dataclass(frozen=True)
class Call:
    """The model wants a tool used."""

    name: str
    arguments: Json


@dataclass(frozen=True)
class Asked:
    """`said`: all texts of the user's, oldest first. `result`: the newest message's tool result, if it is one."""

    said: list[str]
    result: str | None
    tools: list[str]
    whole: str

    @property
    def user(self) -> str:
        """What the user said last."""
        return self.said[-1] if self.said else ""


def asked_openai(body: Json) -> Asked:
    """From OpenAI's responses API."""
    said = [
        part.get("text", "") for item in body["input"] if item.get("role") == "user" for part in item.get("content", [])
    ]
    last = body["input"][-1]
    result = str(last.get("output")) if str(last.get("type", "")).endswith("_output") else None
    tools = [tool.get("name", "") for tool in body.get("tools", [])]
    return Asked(said, result, tools, json.dumps(body))


def asked_chat(body: Json) -> Asked:
    """From the chat completions API."""
    messages = body["messages"]
    said = [_chat_text(message["content"]) for message in messages if message["role"] == "user"]
    result = _chat_text(messages[-1]["content"]) if messages[-1]["role"] == "tool" else None
    tools = [tool["function"]["name"] for tool in body.get("tools", [])]
    return Asked(said, result, tools, json.dumps(body))


def asked_gemini(body: Json) -> Asked:
    """From Gemini's API."""
    parts = [(content, part) for content in body.get("contents", []) for part in content.get("parts", [])]
    said = [part["text"] for content, part in parts if content.get("role") == "user" and "text" in part]
    results = [
        json.dumps(part["functionResponse"]) for part in body["contents"][-1]["parts"] if "functionResponse" in part
    ]
    tools = [declared["name"] for tool in body.get("tools", []) for declared in tool.get("functionDeclarations", [])]
    return Asked(said, results[-1] if results else None, tools, json.dumps(body))


def _chat_text(content: Any) -> str:
    if isinstance(content, str):
        return content
    return "\n".join(part.get("text", "") for part in content)
