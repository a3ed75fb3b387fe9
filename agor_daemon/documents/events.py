"""What the volatile events carry, and when they come."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from agor_core.feathers.describe import object_of
from agor_core.models.samples import MESSAGE, REPO, SESSION, TASK

_COUNT = {"type": "integer", "minimum": 0}
_TEXT = {"type": "string"}


def _id(example: str) -> dict[str, Any]:
    return {"type": "string", "format": "uuid", "examples": [example]}


_STREAM: dict[str, Any] = {
    "message_id": _id(MESSAGE),
    "session_id": _id(SESSION),
    "message_index": _COUNT,
    "parent_tool_use_id": {"type": ["string", "null"]},
}
_TOOL: dict[str, Any] = {
    "task_id": _id(TASK),
    "session_id": _id(SESSION),
    "tool_use_id": {**_TEXT, "examples": ["toolu_02"]},
    "parent_tool_use_id": {"type": ["string", "null"]},
}
_CHUNK = {**_TEXT, "examples": ["The test "]}

EVENTS: Mapping[str, Mapping[str, Mapping[str, Any]]] = {
    "messages": {
        "streaming:start": object_of(**_STREAM, task_id=_id(TASK), role={"type": "string", "enum": ["assistant"]}),
        "streaming:chunk": object_of(**_STREAM, index=_COUNT, chunk=_CHUNK),
        "streaming:end": object_of(**_STREAM, chunks=_COUNT),
        "streaming:error": object_of(**_STREAM, error={**_TEXT, "examples": ["the agent was stopped"]}),
        "thinking:chunk": object_of(**_STREAM, index=_COUNT, chunk=_CHUNK),
    },
    "tasks": {
        "tool:start": object_of(
            **_TOOL,
            name={**_TEXT, "examples": ["Bash"]},
            input={"type": "object", "examples": [{"command": "npm test"}]},
        ),
        "tool:complete": object_of(**_TOOL, is_error={"type": "boolean", "examples": [False]}),
    },
    "repos": {
        "clone:progress": object_of(
            repo_id=_id(REPO),
            stage={**_TEXT, "examples": ["receiving objects"]},
            done=_COUNT,
            total=_COUNT,
            percent={"type": "integer", "minimum": 0, "maximum": 100},
            received_bytes=_COUNT,
        )
    },
}

ABOUT: Mapping[str, Mapping[str, str]] = {
    "messages": {
        "streaming:start": "An agent began to say something: the message of this id and index.",
        "streaming:chunk": "More of what it says; `index` counts the pieces of a message.",
        "streaming:end": "It has said all of it; `messages created` follows with the whole.",
        "streaming:error": "It broke off; what was said until then is stored.",
        "thinking:chunk": "More of what it thinks, before or between what it says.",
    },
    "tasks": {
        "tool:start": "An agent uses a tool.",
        "tool:complete": "The tool is done.",
    },
    "repos": {"clone:progress": "How far a clone is. `total` is 0 as long as nobody knows."},
}
