"""What clients may call, and what each service announces: one entry a service."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from agor_core.feathers import STANDARD, CollectionMethod, RecordMethod

Method = str | RecordMethod | CollectionMethod

READ = ("find", "get")
ALL = STANDARD
ALL_BUT_UPDATE = tuple(name for name in STANDARD if name != "update")


@dataclass(frozen=True, slots=True)
class Offer:
    """The methods of a service, and its volatile events; stored changes are announced by the change log.

    `id_field`: where a stored record keeps its id.
    """

    methods: Sequence[Method]
    events: Sequence[str] = ()
    id_field: str = "id"


def _makes(name: str) -> RecordMethod:
    """A method on one record, of the same name in Python, that makes something: 201."""
    return RecordMethod(name, write=name, creates=True)


def _does(name: str) -> RecordMethod:
    return RecordMethod(name, write=name)


def _reads(name: str) -> RecordMethod:
    return RecordMethod(name, read=name)


SESSIONS = Offer(
    (
        *ALL,
        *(_makes("fork"), _makes("spawn"), _makes("prompt"), _makes("resume"), _does("stop"), _reads("genealogy")),
        _reads("streams"),
        RecordMethod("queue", read="read_queue", write="queue"),
        CollectionMethod("import", "import_transcript", creates=True),
    ),
    id_field="session_id",
)
TASKS = Offer(
    (*ALL, _does("complete"), _does("fail"), _reads("diff"), CollectionMethod("bulk", creates=True)),
    ("tool:start", "tool:complete"),
    "task_id",
)
MESSAGES = Offer(
    (*ALL_BUT_UPDATE, _reads("partial"), CollectionMethod("bulk", creates=True)),
    ("streaming:start", "streaming:chunk", "streaming:end", "streaming:error", "thinking:chunk"),
    "message_id",
)
PERMISSIONS = Offer((*READ, _does("decide"), _does("revoke")), id_field="request_id")
BOARDS = Offer(
    (*ALL, RecordMethod("sessions", read="read_sessions", write="add_session", remove="remove_session")),
    id_field="board_id",
)
REPOS = Offer(
    (
        *ALL_BUT_UPDATE,
        RecordMethod("worktrees", "read_worktrees", "add_worktree", "remove_worktree", creates=True),
        CollectionMethod("clone", creates=True),
    ),
    ("clone:progress",),
    "repo_id",
)
WORKTREES = Offer(
    (
        *ALL_BUT_UPDATE,
        _makes("snapshot"),
        _does("restore"),
        _reads("status"),
        _reads("diff"),
        RecordMethod("snapshots", read="snapshots", remove="drop_snapshot"),
    ),
    id_field="worktree_id",
)
USERS = Offer((*ALL_BUT_UPDATE, _does("revoke")), id_field="user_id")

STORED: Mapping[str, Offer] = {
    "sessions": SESSIONS,
    "tasks": TASKS,
    "messages": MESSAGES,
    "permissions": PERMISSIONS,
    "boards": BOARDS,
    "repos": REPOS,
    "worktrees": WORKTREES,
    "users": USERS,
}
"""Services of stored entities: their changes come from the change log."""

OTHERS: Mapping[str, Offer] = {
    "authentication": Offer(("create", "remove")),
    "agents": Offer(READ),
    "transcripts": Offer(("find",)),
    "events": Offer(("find",)),
    "config": Offer(("find", "get", "patch")),
    "health": Offer(("find",)),
}
