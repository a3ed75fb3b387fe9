"""What the API document says about data: the same classes that validate it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlmodel import SQLModel

from agor_core.models import ENTITIES
from agor_core.models.schema import schema_for
from agor_daemon.services import requests

ABOUT = """Boards, repos, worktrees, sessions, tasks, messages, permission requests and users, as Feathers services:
over REST as described here, and over Socket.IO with the same names, arguments and errors. Every stored change is
an event `<path> created`, `patched`, `updated` or `removed`; what an agent is saying comes as `messages
streaming:chunk`."""

REQUESTS: Mapping[str, Mapping[str, type[SQLModel]]] = {
    "sessions": {
        "create": requests.SessionRequest,
        "prompt": requests.PromptRequest,
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


def schemas_of(path: str) -> dict[str, Any]:
    """The marshmallow schemas of a service: of its record, and of what its methods take."""
    taken: dict[str, type[SQLModel]] = {"record": ENTITIES[path], **REQUESTS.get(path, {})}
    return {name: schema_for(shape) for name, shape in taken.items()}
