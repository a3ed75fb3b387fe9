"""What the API document says about data: the same classes that validate it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlmodel import SQLModel

from agor_core.models import ENTITIES
from agor_core.models.schema import record_schema, schema_for
from agor_daemon.services import requests

ABOUT = """Boards, repos, worktrees, sessions, tasks, messages, permission requests and users, as Feathers services:
over REST as described here, and over Socket.IO with the same names, arguments and errors. Every stored change is
an event `<path> created`, `patched`, `updated` or `removed`; what an agent is saying comes as `messages
streaming:chunk`.

`$search` finds sessions and messages by their words, the best first, each with a `snippet`: all words, in any order;
`"several words"` in quotes follow each other; `word*` is a beginning. Lists of what belongs to sessions are narrowed by
these, too: `session.agent=codex`, `session.repo.repo_id=…`. Of very many hits the newest 3,000 are ranked, and older
ones follow, the newest first, so that a word that is everywhere costs no more; `total` still counts them all, unless
`$total=false`."""

REQUESTS: Mapping[str, Mapping[str, type[SQLModel]]] = {
    "sessions": {
        "create": requests.SessionRequest,
        "prompt": requests.PromptRequest,
        "resume": requests.ResumeRequest,
        "fork": requests.ForkRequest,
        "spawn": requests.SpawnRequest,
        "queue": requests.QueueRequest,
        "import_transcript": requests.ImportRequest,
    },
    "tasks": {"complete": requests.CompleteRequest, "fail": requests.FailRequest},
    "permissions": {"decide": requests.DecideRequest},
    "boards": {"create": requests.BoardRequest, "add_session": requests.BoardSessionRequest},
    "repos": {
        "create": requests.RepoRequest,
        "clone": requests.CloneRequest,
        "add_worktree": requests.RepoWorktreeRequest,
    },
    "worktrees": {"create": requests.WorktreeRequest},
    "users": {"create": requests.UserRequest, "patch": requests.UserPatchRequest},
}
"""What each method takes, where that is not the record itself."""


_ID = {"type": "string", "format": "uuid"}
_COUNT = {"type": "integer", "minimum": 0}
_TEXT = {"type": "string"}
_STREAM = {
    "message_id": _ID,
    "session_id": _ID,
    "message_index": _COUNT,
    "parent_tool_use_id": {"type": ["string", "null"]},
}
_TOOL = {
    "task_id": _ID,
    "session_id": _ID,
    "tool_use_id": _TEXT,
    "parent_tool_use_id": {"type": ["string", "null"]},
}

EVENTS: Mapping[str, Mapping[str, Mapping[str, Any]]] = {
    "messages": {
        "streaming:start": {**_STREAM, "task_id": _ID, "role": {"type": "string", "enum": ["assistant"]}},
        "streaming:chunk": {**_STREAM, "index": _COUNT, "chunk": _TEXT},
        "streaming:end": {**_STREAM, "chunks": _COUNT},
        "streaming:error": {**_STREAM, "error": _TEXT},
        "thinking:chunk": {**_STREAM, "index": _COUNT, "chunk": _TEXT},
    },
    "tasks": {
        "tool:start": {**_TOOL, "name": _TEXT, "input": {"type": "object"}},
        "tool:complete": {**_TOOL, "is_error": {"type": "boolean"}},
    },
    "repos": {
        "clone:progress": {
            "repo_id": _ID,
            "stage": _TEXT,
            "done": _COUNT,
            "total": _COUNT,
            "percent": {"type": "integer", "minimum": 0, "maximum": 100},
            "received_bytes": _COUNT,
        }
    },
}
"""What the volatile events carry, by field."""


EXAMPLES: Mapping[str, Mapping[str, Any]] = {
    "sessions": {
        "create": {"agent": "claude-code", "title": "Fix the flaky test"},
        "update": {"title": "Fix the flaky test", "version": 3},
        "patch": {"archived": True},
        "fork": {"prompt": "Try it with a lock instead"},
        "spawn": {"prompt": "Write the tests for it"},
        "prompt": {"prompt": "Why does the test fail now and then?"},
        "queue": {"resume": True},
    },
    "tasks": {"patch": {"description": "Find out why it fails"}},
    "boards": {"create": {"name": "Release 2"}, "patch": {"name": "Release 2.1"}},
    "repos": {"create": {"local_path": "/home/ann/shop"}, "clone": {"url": "https://example.com/shop.git"}},
    "permissions": {"decide": {"allow": True, "scope": "session"}},
    "users": {"create": {"email": "ann@example.com", "password": "correct horse battery staple"}},
}
"""What clients may send, where a made-up example would say little."""


def schemas_of(path: str) -> dict[str, Any]:
    """The schemas of a service: of its record, of what its methods take, and of its volatile events."""
    taken = REQUESTS.get(path, {})
    events = {
        f"event:{name}": {"type": "object", "properties": fields, "required": list(fields)}
        for name, fields in EVENTS.get(path, {}).items()
    }
    examples = {f"{name}:example": data for name, data in EXAMPLES.get(path, {}).items()}
    requests = {name: schema_for(shape) for name, shape in taken.items()}
    return {"record": record_schema(path, ENTITIES[path]), **requests, **events, **examples}
