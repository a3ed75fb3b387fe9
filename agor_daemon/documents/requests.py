"""What each method takes: the classes that validate it, and an example that the daemon accepts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from agor_core.feathers.describe import list_of, object_of
from agor_core.models.samples import BOARD, REPO, SESSION, WORKTREE
from agor_daemon.services import messages, requests, tasks

CLASSES: Mapping[str, Mapping[str, type[BaseModel]]] = {
    "sessions": {
        "create": requests.SessionRequest,
        "prompt": requests.PromptRequest,
        "resume": requests.ResumeRequest,
        "stop": requests.Empty,
        "fork": requests.ForkRequest,
        "spawn": requests.SpawnRequest,
        "queue": requests.QueueRequest,
        "import_transcript": requests.ImportRequest,
    },
    "tasks": {"complete": requests.CompleteRequest, "fail": requests.FailRequest},
    "permissions": {"decide": requests.DecideRequest, "revoke": requests.Empty},
    "boards": {"create": requests.BoardRequest, "add_session": requests.BoardSessionRequest},
    "repos": {
        "create": requests.RepoRequest,
        "clone": requests.CloneRequest,
        "add_worktree": requests.RepoWorktreeRequest,
    },
    "worktrees": {
        "create": requests.WorktreeRequest,
        "snapshot": requests.Empty,
        "restore": requests.RestoreRequest,
    },
    "users": {"create": requests.UserRequest, "patch": requests.UserPatchRequest, "revoke": requests.Empty},
}
"""The class of what a method takes."""

SCHEMAS: Mapping[str, Mapping[str, Any]] = {
    "config": {"patch": object_of(value={"description": "What the setting is to be."})},
}
"""The same, where no class says it."""

_TASK = {
    "session_id": SESSION,
    "full_prompt": "Rename the greeting",
    "status": "completed",
    "started_at": "2026-01-31T12:00:00.000Z",
    "completed_at": "2026-01-31T12:00:41.250Z",
}
_MESSAGE = {
    "session_id": SESSION,
    "type": "user",
    "role": "user",
    "timestamp": "2026-01-31T12:00:00.000Z",
    "content": "Rename the greeting",
}

EXAMPLES: Mapping[str, Mapping[str, Any]] = {
    "sessions": {
        "create": {"agent": "claude-code", "worktree_id": WORKTREE, "title": "Fix the flaky test"},
        "update": {"title": "Fix the flaky test", "version": 1},
        "patch": {"archived": True},
        "fork": {"prompt": "Try it with a lock instead"},
        "spawn": {"prompt": "Write the tests for it"},
        "prompt": {"prompt": "Why does the test fail now and then?"},
        "resume": {},
        "stop": {},
        "queue": {"resume": True},
        "import_transcript": {"path": "/home/ann/.claude/projects/-home-ann-shop/5f3e2d1c.jsonl"},
    },
    "tasks": {
        "create": _TASK,
        "bulk": [_TASK],
        "update": {"full_prompt": "Find out why the test fails"},
        "patch": {"full_prompt": "Find out why the test fails"},
        "complete": {"report": {"summary": "The test reads the clock once now."}},
        "fail": {"error": "the build server is gone"},
    },
    "messages": {
        "create": _MESSAGE,
        "bulk": [_MESSAGE],
        "patch": {"metadata": {"model": "claude-opus-4-5"}},
    },
    "permissions": {"decide": {"allow": True, "scope": "session"}, "revoke": {}},
    "boards": {
        "create": {"name": "Release 2"},
        "update": {"description": "What has to be in it"},
        "patch": {"name": "Release 2.1"},
        "add_session": {"session_id": SESSION, "position": {"x": 240, "y": 96}},
    },
    "repos": {
        "create": {"local_path": "/home/ann/shop"},
        "patch": {"name": "The shop"},
        "clone": {"url": "https://example.com/shop.git"},
        "add_worktree": {"name": "faster-start", "ref": "main"},
    },
    "worktrees": {
        "create": {"repo_id": REPO, "name": "flaky-test", "ref": "main", "board_id": BOARD},
        "patch": {"notes": "only fails on Mondays"},
        "snapshot": {},
        "restore": {},
    },
    "users": {
        "create": {"email": "ann@example.com", "password": "correct horse battery staple", "name": "Ann"},
        "patch": {"name": "Ann Lee", "preferences": {"theme": "dark"}},
        "revoke": {},
    },
    "config": {"patch": {"value": 4}},
}
"""What a client may send."""

IMPORTED: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "tasks": (tasks.IMPORTABLE, ("session_id",)),
    "messages": (messages.IMPORTABLE, ("session_id", "type", "role")),
}
"""Of what importers send: the fields, and those that are required."""


def several(one: Any) -> dict[str, Any]:
    """The schema of a bulk call."""
    return {"anyOf": [list_of(one), object_of(records=list_of(one))]}
