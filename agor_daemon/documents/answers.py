"""What each method answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from agor_core.feathers import STANDARD
from agor_core.feathers.describe import RecordOf, list_of, object_of, or_null, page_of
from agor_core.models.samples import MESSAGE, OTHER_SESSION, SESSION, SNAPSHOT, TASK
from agor_daemon.hooks.short_ids import ANSWERED

_TEXT = {"type": "string"}
_COUNT = {"type": "integer", "minimum": 0}
_CLAIM = {"type": "boolean"}
_TIME = {"type": "string", "format": "date-time"}
_MAYBE_TEXT = {"type": ["string", "null"]}
_SHA = "9fceb02d0ae598e95dc970b74767f19372d61af8"


def _text(example: str, **more: Any) -> dict[str, Any]:
    return {**_TEXT, "examples": [example], **more}


def _maybe(example: Any, kind: str = "string", **more: Any) -> dict[str, Any]:
    return {"type": [kind, "null"], "examples": [example], **more}


def short_id(id: str) -> dict[str, Any]:
    """What a record has beside its id, where that is looked up."""
    return _text(id.replace("-", "")[:12], description="The beginning of the id, as long as it has to be.")


def _record(path: str) -> RecordOf:
    """A record with its short id, as lists have it."""
    return RecordOf(path, "find")


IDS = {"type": "array", "items": {**_TEXT, "format": "uuid"}}
# A session that is asked for by its id names its children too.
GENEALOGY = {
    "type": "object",
    "properties": {"children": IDS},
    "examples": [
        {
            "forked_from_session_id": None,
            "fork_point_task_id": None,
            "parent_session_id": None,
            "spawn_point_task_id": None,
            "children": [OTHER_SESSION],
        }
    ],
}

_AGENT = object_of(
    name=_text("claude-code"),
    installed=_CLAIM,
    version=_maybe("2.1.332"),
    signed_in=_maybe(False, "boolean", description="Null where that can only be found out by trying."),
    problem=_maybe("Claude Code has no API key and is not signed in", description="Null: a run could start."),
    how_to=_maybe("run `claude` once and sign in", description="What to do about the problem."),
)
_SETTING = object_of(
    key=_text("daemon.max_runs"),
    value={"examples": [8]},
    source={"enum": ["default", "file", "environment", "flag"], "examples": ["default"]},
    about=_text("agent runs at once"),
    waits_for_restart=_CLAIM | {"examples": [False]},
)
_PATCH = """diff --git a/README.md b/README.md
index 9daeafb9864cf43055ae93beb0afd6c7d144bfa4..4d26d1c5dc33ce4ed5ba8e0c5c2e5b0e16ab3b37 100644
--- a/README.md
+++ b/README.md
@@ -1 +1,2 @@
 # shop
+For everybody.
"""
_DIFF = object_of(
    files=list_of(
        object_of(
            ("old_path", "patch", "omitted"),
            path=_text("README.md"),
            status={
                "enum": ["added", "modified", "deleted", "renamed", "copied", "typechange"],
                "examples": ["modified"],
            },
            insertions=_COUNT | {"examples": [1]},
            deletions=_COUNT,
            binary=_CLAIM | {"examples": [False]},
            old_path=_text("READ.ME", description="Where a renamed or copied file came from."),
            patch=_text(_PATCH, description="As `git diff` prints it, of this file alone."),
            omitted={"enum": ["binary", "too large", "submodule"], "description": "Why there is no patch."},
        )
    ),
    total=_COUNT,
)
_DIFF_EXAMPLE = {
    "files": [
        {
            "path": "README.md",
            "status": "modified",
            "insertions": 1,
            "deletions": 0,
            "binary": False,
            "patch": _PATCH,
        }
    ],
    "total": 1,
}
_SNAPSHOT = object_of(
    snapshot_id=_text(SNAPSHOT),
    sha=_text(_SHA),
    created_at=_TIME,
    reason=_text("asked for"),
    branch=_maybe("flaky-test"),
)
_STATUS = object_of(
    branch=_maybe("flaky-test"),
    upstream=_maybe("origin/flaky-test"),
    ahead=_COUNT,
    behind=_COUNT,
    dirty=_CLAIM,
    head_sha=_maybe(_SHA),
    files=list_of(
        object_of(
            path=_text("README.md"),
            staged=_maybe(None),
            unstaged=_maybe("modified"),
            kind={"enum": ["changed", "untracked", "conflicted"]},
            old_path=_maybe(None),
        )
    ),
)
_QUEUE = object_of(
    ("reason",),
    paused=_CLAIM,
    tasks=list_of(_record("tasks")),
    reason=_text("the last task failed", description="Only where it is paused."),
)
_STARTED = {
    "allOf": [_record("tasks"), object_of(taskId={**_TEXT, "examples": [TASK]}, success=_CLAIM)],
}
_IMPORTED = object_of(
    outcome={"enum": ["new", "added", "unchanged"]},
    messages=_COUNT,
    tasks=_COUNT,
    skipped={
        **list_of(object_of(line=_maybe(12, "integer"), why=_text("no JSON"))),
        "description": "Lines that could not be read.",
        "examples": [[]],
    },
)
_PARTIAL = object_of(
    message_id=_text(MESSAGE),
    session_id=_text(SESSION),
    task_id=_text(TASK),
    message_index=_COUNT,
    parent_tool_use_id=_MAYBE_TEXT,
    text=_text("The test reads the cl"),
    thinking=_text(""),
    chunks=_COUNT,
    thinking_chunks=_COUNT,
)
_EVENT = object_of(
    ("path", "event", "record_id", "created_at", "session_id", "created_by", "sharing", "board_id", "payload", "epoch"),
    seq={**_COUNT, "description": "Ascends without gaps."},
    epoch=_text("01890a4f-0000-7000-8000-000000000001", description="Another one means another database."),
    path=_text("sessions"),
    event={"enum": ["created", "patched", "updated", "removed"]},
    record_id=_maybe(SESSION),
    created_at=_TIME,
    session_id=_maybe(SESSION),
    created_by=_maybe(None),
    sharing=_maybe("everyone"),
    board_id=_maybe(None),
    payload={"description": "The record as it was then.", "examples": [{"session_id": SESSION, "status": "idle"}]},
)
_HEALTH = object_of(
    ("recovered",),
    status=_text("ok"),
    version=_text("0.1.0"),
    started_at=_TIME,
    require_auth=_CLAIM | {"examples": [False]},
    recovered={"type": "object", "additionalProperties": _COUNT},
)
_TRANSCRIPT = object_of(
    uuid=_text("5f3e2d1c-0b9a-4f8e-8d7c-6b5a49382716"),
    path=_text("/home/ann/.claude/projects/-home-ann-shop/5f3e2d1c-0b9a-4f8e-8d7c-6b5a49382716.jsonl"),
    size_bytes=_COUNT | {"examples": [48213]},
    changed_at=_TIME,
)

ANSWERS: Mapping[str, Mapping[str, Any]] = {
    "sessions": {
        "prompt": _STARTED,
        "resume": _STARTED,
        "read_queue": _QUEUE,
        "queue": _QUEUE,
        "genealogy": object_of(
            session=_record("sessions"),
            ancestors=list_of(_record("sessions")),
            descendants=list_of(_record("sessions")),
            children=list_of(_record("sessions")),
        ),
        "streams": list_of(_PARTIAL),
        "import_transcript": {"allOf": [RecordOf("sessions", "get"), object_of(imported=_IMPORTED)]},
    },
    "tasks": {"bulk": list_of(RecordOf("tasks")), "diff": _DIFF},
    "messages": {"bulk": list_of(RecordOf("messages")), "partial": _PARTIAL},
    "boards": {"read_sessions": page_of(_record("sessions"))},
    "repos": {"read_worktrees": page_of(_record("worktrees"))},
    "worktrees": {
        "status": _STATUS,
        "diff": _DIFF,
        "snapshot": or_null(_SNAPSHOT),
        "snapshots": list_of(_SNAPSHOT),
        "drop_snapshot": _SNAPSHOT,
    },
    "agents": {"find": list_of(_AGENT), "get": _AGENT},
    "config": {"find": list_of(_SETTING), "get": _SETTING, "patch": _SETTING},
    "events": {"find": page_of(_EVENT)},
    "health": {"find": _HEALTH},
    "transcripts": {"find": list_of(_TRANSCRIPT)},
}
"""The schema of the whole answer, where that is more, or something else, than a record."""

EXAMPLES: Mapping[str, Mapping[str, Any]] = {
    "sessions": {"read_queue": {"paused": False, "tasks": []}, "queue": {"paused": False, "tasks": []}},
    "tasks": {"diff": _DIFF_EXAMPLE},
    "worktrees": {"diff": _DIFF_EXAMPLE},
    "health": {
        "find": {
            "status": "ok",
            "version": "0.1.0",
            "started_at": "2026-01-31T12:00:00.000Z",
            "require_auth": False,
        }
    },
}
"""Answers whose optional parts exclude each other, or are rare."""


def answers_of(path: str) -> dict[str, Any]:
    """`ANSWERS` of a service, and those of its custom methods that are records."""
    answered = ANSWERED.get(path, {}).items()
    return {method: _record(of) for method, of in answered if method not in STANDARD} | dict(ANSWERS.get(path, {}))
