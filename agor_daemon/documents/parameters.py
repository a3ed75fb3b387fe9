"""What else each method looks at, in query string and headers, and what errors it may end with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from agor_core.feathers.parameters import find_parameters
from agor_core.models.samples import SESSION, WORKTREE

_CLAIM = {"type": "boolean"}
_TEXT = {"type": "string"}


def _parameter(name: str, schema: Mapping[str, Any], example: Any, description: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "schema": dict(schema), "description": description, "example": example, **more}


_TOTAL = _parameter("$total", _CLAIM, False, "False: a page without its `total`, which costs least.")
_SEARCH = _parameter("$search", _TEXT, "test", "Only records with these words in their text.")
_HISTORY = _parameter("$history", _CLAIM, False, "With `session_id`: also what the session inherited as a fork.")
_IF_MATCH = _parameter(
    "If-Match",
    _TEXT,
    "1",
    "The `version` that is meant to be changed, where the data does not say it.",
    **{"in": "header"},
)
_WINDOW = tuple(one for one in find_parameters("") if one["name"] in ("$limit", "$skip"))


def _page(id_field: str, id: Any) -> tuple[dict[str, Any], ...]:
    shown = ("$limit", "$skip", "$sort", "$select")
    return tuple(one for one in find_parameters(id_field, id) if one["name"] in shown)


_PATH = _parameter("path", _TEXT, "README.md", "Only this file.")
_DIFF = (_PATH, *_WINDOW)

PARAMETERS: Mapping[str, Mapping[str, Sequence[Mapping[str, Any]]]] = {
    "tasks": {"diff": _DIFF},
    "boards": {"read_sessions": _page("session_id", SESSION)},
    "repos": {"read_worktrees": _page("worktree_id", WORKTREE)},
    "worktrees": {
        "diff": (
            *_DIFF,
            _parameter("against", _TEXT, "main", "The commit or branch to compare with, not where it began."),
            _parameter("staged", _CLAIM, False, "True: what is staged, not what is in the folder."),
        ),
        "drop_snapshot": (
            _parameter("force", _CLAIM, False, "Drop also the one that a removed worktree is restored from."),
        ),
    },
    "agents": {"find": (), "get": ()},
    "config": {"find": (), "get": (), "patch": ()},
    "health": {"find": ()},
    "events": {
        "find": (
            *_page("seq", 1),
            _TOTAL,
            _parameter("seq", {"type": "integer"}, 1, "Only this one; those after it: `seq[$gt]=1`."),
            _parameter("path", _TEXT, "sessions", "Only those of this service."),
            _parameter("record_id", _TEXT, SESSION, "Only those of this record."),
        )
    },
    "transcripts": {
        "find": (
            _parameter(
                "since",
                {"type": "string", "format": "date-time"},
                "2026-01-31T12:00:00.000Z",
                "Only those changed since then.",
            ),
        )
    },
}
"""In place of the usual ones."""

MORE: Mapping[str, Mapping[str, Sequence[Mapping[str, Any]]]] = {
    "sessions": {"find": (_TOTAL, _SEARCH), "update": (_IF_MATCH,), "patch": (_IF_MATCH,)},
    "tasks": {"find": (_TOTAL,)},
    "messages": {"find": (_TOTAL, _SEARCH, _HISTORY)},
    **{path: {"find": (_TOTAL,)} for path in ("permissions", "boards", "repos", "users")},
    "worktrees": {
        "find": (_TOTAL,),
        "remove": (
            _parameter("force", _TEXT, "", "The `token` of the report that refused it."),
            _parameter("branch", {"enum": ["keep", "delete"]}, "keep", "Whether the branch goes too."),
        ),
    },
}
"""Beside the usual ones."""

_READ = (404, 409)
_WRITE = (404, 405, 409)
_GIT = (404, 405, 409, 422)

STORED_ERRORS: Mapping[str, Sequence[int]] = {
    **dict.fromkeys(("find", "get"), _READ),
    **dict.fromkeys(("create", "update", "patch", "remove"), _WRITE),
}
"""Of the standard methods of services of stored entities, where `ERRORS` does not say otherwise."""

ERRORS: Mapping[str, Mapping[str, Sequence[int]]] = {
    "sessions": {
        **dict.fromkeys(("create", "fork", "spawn", "import_transcript"), _GIT),
        **dict.fromkeys(("prompt", "resume", "stop", "queue"), _WRITE),
        **dict.fromkeys(("read_queue", "genealogy", "streams"), _READ),
    },
    "tasks": {**dict.fromkeys(("complete", "fail", "bulk"), _WRITE), "diff": (404, 409, 422)},
    "messages": {"bulk": _WRITE, "partial": _READ},
    "permissions": {"decide": _WRITE, "revoke": _WRITE},
    "boards": {"read_sessions": _READ, "add_session": _WRITE, "remove_session": _WRITE},
    "repos": {
        **dict.fromkeys(("create", "remove", "clone", "add_worktree", "remove_worktree"), _GIT),
        "read_worktrees": _READ,
    },
    "worktrees": {
        **dict.fromkeys(("create", "remove", "snapshot", "restore", "drop_snapshot"), _GIT),
        **dict.fromkeys(("status", "diff", "snapshots"), (404, 409, 422)),
    },
    "users": {"revoke": _WRITE},
    "agents": {"find": (), "get": (404,)},
    "config": {"find": (), "get": (404,), "patch": (404, 405)},
    "health": {"find": ()},
    "events": {"find": ()},
    "transcripts": {"find": ()},
}
"""Statuses beside those that every call may end with."""
