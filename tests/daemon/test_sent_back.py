"""Records that clients change and send back whole."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.daemon.conftest import until
from tests.support.daemon import running_daemon
from tests.support.team import Client, make_user

UPDATED = ("sessions", "tasks", "boards")


@pytest.fixture
def daemon(environment: dict[str, str], tmp_path: Path) -> Iterator[Client]:
    """The owner of a daemon."""
    make_user(environment, "owner@example.com")
    with running_daemon(tmp_path, environment=environment) as running:
        yield Client(running, "owner@example.com")


@pytest.fixture
def ids(daemon: Client, repository: Path) -> dict[str, str]:
    """By path, the id of a record that can be changed, and that others belong to: a board with sessions, a session with
    a child and a task."""
    repo = daemon.call("POST", "/repos", {"local_path": str(repository)})
    worktree = daemon.call("POST", "/worktrees", {"repo_id": repo["repo_id"], "name": "w"})
    session = daemon.call("POST", "/sessions", {"agent": "scripted", "worktree_id": worktree["worktree_id"]})
    daemon.call("POST", f"/sessions/{session['session_id']}/spawn", {})
    task = daemon.call("POST", "/tasks", {"session_id": session["session_id"], "full_prompt": "x"})
    said = {"session_id": session["session_id"], "type": "user", "role": "user", "content": "x"}
    user = {"email": "ann@example.com", "password": "correct horse", "name": "Ann"}
    return {
        "boards": session["board_id"],
        "repos": repo["repo_id"],
        "worktrees": worktree["worktree_id"],
        "sessions": session["session_id"],
        "tasks": task["task_id"],
        "messages": daemon.call("POST", "/messages", said)["message_id"],
        "users": daemon.call("POST", "/users", user)["user_id"],
    }


def of_a_list(daemon: Client, path: str, id: str) -> dict[str, Any]:
    """The record as a list has it."""
    (found,) = (one for one in daemon.call("GET", f"/{path}")["data"] if next(iter(one.values())) == id)
    return dict(found)


def test_a_record_that_is_sent_back_unchanged_stays_as_it_is(daemon: Client, ids: dict[str, str]) -> None:
    """Whatever `get` tells, or a list, of whichever service, is taken back whole and changes nothing; also what could
    not be changed any more, such as the prompt of a task that has ended."""
    for path, id in ids.items():
        where = f"/{path}/{id}"
        before = daemon.call("GET", where)
        for method in ("PATCH", *(["PUT"] if path in UPDATED else [])):
            for got in (daemon.call("GET", where), of_a_list(daemon, path, id)):
                # When it last changed is no field of its own: it says that the first has come back.
                moved = {name: daemon.call("GET", where)[name] for name in ("last_updated", "version") if name in got}
                status, answer = daemon.request(method, where, {**got, **moved})
                assert status == 200, (method, path, answer)
        after = daemon.call("GET", where)
        compared = before.keys() - {"last_updated", "version", "short_id"}
        assert {name for name in compared if after[name] != before[name]} == set()
    status, refusal = daemon.request("PATCH", f"/repos/{ids['repos']}", {"branches": []})
    assert (status, refusal["errors"]) == (400, {"branches": ["Read-only."]})
    status, refusal = daemon.request("PUT", f"/tasks/{ids['tasks']}", {"full_prompt": "y"})
    assert (status, "only a waiting one" in refusal["message"]) == (409, True)


def test_a_record_is_taken_back_as_it_was_got(daemon: Client, ids: dict[str, str]) -> None:
    """Whoever changes one field of what `get` or a list gave them changes that field alone: what is computed, too,
    counts as unchanged, and is refused with any other value."""
    fields = {"boards": "name", "repos": "name", "worktrees": "notes", "sessions": "title", "users": "name"}
    for path, field in fields.items():
        where = f"/{path}/{ids[path]}"
        for words in ("as got", "as listed"):
            got = daemon.call("GET", where) if words == "as got" else of_a_list(daemon, path, ids[path])
            assert daemon.call("PATCH", where, {**got, field: words})[field] == words
            now = daemon.call("GET", where)
            # `get` alone has the children in it.
            compared = got.keys() - {"last_updated", "version", "genealogy", "short_id"}
            assert {name for name in compared if now[name] != got[name]} == {field}
        status, refusal = daemon.request("PATCH", where, {field: "x", "short_id": "0000"})
        assert (status, refusal["errors"]) == (400, {"short_id": ["Read-only."]})
    status, refusal = daemon.request("PATCH", f"/sessions/{ids['sessions']}", {"tasks": []})
    assert (status, refusal["errors"]) == (400, {"tasks": ["Read-only."]})


def test_an_account_has_no_field_that_is_null(daemon: Client, ids: dict[str, str]) -> None:
    """What an account cannot be without is not taken away by a null; a picture is."""
    where = f"/users/{ids['users']}"
    before = daemon.call("GET", where)
    for field in ("name", "email", "role", "password", "preferences"):
        status, refusal = daemon.request("PATCH", where, {field: None})
        assert (status, list(refusal["errors"])) == (400, [field])
    now = daemon.call("GET", where)
    assert now == {**before, "short_id": now["short_id"]}
    assert daemon.call("PATCH", where, {"avatar": None})["avatar"] is None


def test_a_record_that_is_sent_back_late_is_a_conflict(daemon: Client, ids: dict[str, str]) -> None:
    """Of a whole record that was changed meanwhile it is the version that is at fault; the answer has the new one."""
    where = f"/sessions/{ids['sessions']}"
    got = daemon.call("GET", where)
    daemon.call("PATCH", where, {"title": "first"})
    status, refusal = daemon.request("PUT", where, {**got, "title": "late"})
    assert (status, refusal["data"]["current"]["title"]) == (409, "first")


def test_an_old_copy_is_a_conflict_wherever_it_is_sent_back(daemon: Client, ids: dict[str, str]) -> None:
    """Of whichever service, as `get` or a list gave it, also without a version: the answer is a 409 with the record as
    it is, and nothing is changed. What was never so is a 400, however old the copy says it is."""
    sent = {
        "boards": {"name": "first"},
        "repos": {"name": "first"},
        "worktrees": {"notes": "first"},
        "sessions": {"title": "first"},
        "messages": {"metadata": {"is_meta": True}},
        "users": {"name": "first"},
    }
    for path, change in sent.items():
        where, key = f"/{path}/{ids[path]}", next(iter(daemon.call("GET", f"/{path}")["data"][0]))
        copies = [daemon.call("GET", where), of_a_list(daemon, path, ids[path])]
        daemon.call("PATCH", where, change)
        now = of_a_list(daemon, path, ids[path])
        for copy in copies:
            copy.pop("version", None)
            for method in ("PATCH", *(["PUT"] if path in UPDATED else [])):
                status, refusal = daemon.request(method, where, copy)
                assert (status, refusal["data"]["reason"]) == (409, "stale-record"), (path, refusal)
                assert refusal["data"]["current"].items() <= now.items()
            later = {**copy, "last_updated": "2999-01-01T00:00:00.000Z"}
            earlier = {**copy, "last_updated": "1999-01-01T00:00:00.000Z"}
            another = {**copy, key: ids["boards" if path != "boards" else "repos"]}
            odd = {**copy, "last_updated": "yesterday"}
            for never in (later, earlier, another, odd, {**copy, "created_by": None}, {**copy, "no_such_field": 1}):
                status, refusal = daemon.request("PATCH", where, never)
                assert (status, refusal["name"]) == (400, "BadRequest"), (path, refusal)
        after = of_a_list(daemon, path, ids[path])
        assert {name for name in now if after[name] != now[name]} <= {"short_id"}


def test_a_copy_of_a_task_from_before_its_end_is_old(daemon: Client, ids: dict[str, str]) -> None:
    """Whoever read it while it waited and sends it back once it is done gets a 409 with the task as it is."""
    task = daemon.call("POST", f"/sessions/{ids['sessions']}/prompt", {"prompt": "x"})
    where = f"/tasks/{task['task_id']}"
    until(lambda: daemon.call("GET", where)["status"] == "completed")
    done = of_a_list(daemon, "tasks", task["task_id"])
    before = {"status": "created", "started_at": None, "completed_at": None, "last_updated": done["created_at"]}
    for method in ("PATCH", "PUT"):
        status, refusal = daemon.request(method, where, {**done, **before})
        assert (status, refusal["data"]["reason"]) == (409, "stale-record")
        assert refusal["data"]["current"]["status"] == "completed"


def test_a_copy_from_before_something_was_counted_is_old_too(daemon: Client, ids: dict[str, str]) -> None:
    """Counters and arrays of ids change without a word, so that an old copy has the present `last_updated`: it is a 409
    all the same; whoever writes anything else that is read-only gets a 400."""
    where, board = f"/sessions/{ids['sessions']}", f"/boards/{ids['boards']}"
    session, on_board = daemon.call("GET", where), daemon.call("GET", board)
    said = {"session_id": ids["sessions"], "type": "user", "role": "user", "content": "more"}
    daemon.call("POST", "/messages", said)
    daemon.call("POST", f"{where}/spawn", {})
    for path, copy in ((where, session), (board, on_board)):
        copy.pop("version", None)
        assert daemon.call("GET", path)["last_updated"] == copy["last_updated"]
        status, refusal = daemon.request("PUT", path, copy)
        assert (status, refusal["data"]["reason"]) == (409, "stale-record")
    status, refusal = daemon.request(
        "PUT", where, {**daemon.call("GET", where), "agent_version": "x", "agent": "codex"}
    )
    assert (status, set(refusal["errors"])) == (400, {"agent", "agent_version"})
    assert daemon.request("PATCH", where, {"message_count": 0})[0] == 400
    copy = {name: value for name, value in session.items() if name not in ("message_count", "genealogy", "tasks")}
    status, refusal = daemon.request("PUT", where, {**copy, "worktree_id": None})
    assert (status, list(refusal["errors"])) == (400, ["worktree_id"])
