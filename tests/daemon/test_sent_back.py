"""Records that clients change and send back whole."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.support.daemon import Daemon


@pytest.fixture
def ids(daemon: Daemon, repository: Path) -> dict[str, str]:
    """By path, the id of a record that others belong to: a board with sessions, a session with a child and a task."""
    repo = daemon.call("POST", "/repos", {"local_path": str(repository)})
    worktree = daemon.call("POST", "/worktrees", {"repo_id": repo["repo_id"], "name": "w"})
    session = daemon.call("POST", "/sessions", {"agent": "scripted", "worktree_id": worktree["worktree_id"]})
    daemon.call("POST", f"/sessions/{session['session_id']}/spawn", {})
    daemon.call("POST", "/tasks", {"session_id": session["session_id"], "full_prompt": "x"})
    return {
        "boards": session["board_id"],
        "worktrees": worktree["worktree_id"],
        "sessions": session["session_id"],
    }


def of_a_list(daemon: Daemon, path: str, id: str) -> dict[str, Any]:
    """The record as a list has it."""
    (found,) = (one for one in daemon.call("GET", f"/{path}")["data"] if next(iter(one.values())) == id)
    return dict(found)


def test_a_record_is_taken_back_as_it_was_got(daemon: Daemon, ids: dict[str, str]) -> None:
    """Whoever changes one field of what `get` or a list gave them changes that field alone: what is computed, too,
    counts as unchanged, and is refused with any other value."""
    fields = {"boards": "name", "worktrees": "notes", "sessions": "title"}
    for path, field in fields.items():
        where = f"/{path}/{ids[path]}"
        for words in ("as got", "as listed"):
            got = daemon.call("GET", where) if words == "as got" else of_a_list(daemon, path, ids[path])
            assert daemon.call("PATCH", where, {**got, field: words})[field] == words
            now = daemon.call("GET", where)
            # `get` alone has the children in it.
            compared = got.keys() - {"last_updated", "version", "genealogy"}
            assert {name for name in compared if now[name] != got[name]} == {field}
        status, refusal = daemon.request("PATCH", where, {field: "x", "short_id": "0000"})
        assert (status, refusal["errors"]) == (400, {"short_id": ["Read-only."]})
    status, refusal = daemon.request("PATCH", f"/sessions/{ids['sessions']}", {"tasks": []})
    assert (status, refusal["errors"]) == (400, {"tasks": ["Read-only."]})


def test_a_record_that_is_sent_back_late_is_a_conflict(daemon: Daemon, ids: dict[str, str]) -> None:
    """Of a whole record that was changed meanwhile it is the version that is at fault; the answer has the new one."""
    where = f"/sessions/{ids['sessions']}"
    got = daemon.call("GET", where)
    daemon.call("PATCH", where, {"title": "first"})
    status, refusal = daemon.request("PUT", where, {**got, "title": "late"})
    assert (status, refusal["data"]["current"]["title"]) == (409, "first")
