"""Nonsense at each door: a Feathers error of the right class, and nothing changes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.daemon.conftest import start_session
from tests.support.daemon import Daemon
from tests.support.repository import git, make_repository

MISSING = "01990000-0000-7000-8000-000000000000"


@pytest.mark.parametrize(
    ("method", "path", "body", "code", "name"),
    [
        ("GET", "/nowhere", None, 404, "NotFound"),
        ("GET", f"/sessions/{MISSING}", None, 404, "NotFound"),
        ("GET", "/sessions/xyz", None, 404, "NotFound"),
        ("POST", "/sessions", {}, 400, "BadRequest"),
        ("POST", "/sessions", {"agent": "nobody"}, 400, "BadRequest"),
        ("POST", "/sessions", {"agent": "scripted", "colour": "red"}, 400, "BadRequest"),
        ("POST", "/sessions", {"agent": "scripted", "cwd": "relative"}, 400, "BadRequest"),
        ("POST", "/sessions", {"agent": "scripted", "worktree_id": MISSING}, 404, "NotFound"),
        ("POST", "/sessions", [{"agent": "scripted"}], 405, "MethodNotAllowed"),
        ("PATCH", "/sessions", {"title": "all of them"}, 405, "MethodNotAllowed"),
        ("DELETE", "/sessions", None, 405, "MethodNotAllowed"),
        ("POST", f"/sessions/{MISSING}/fork", {}, 404, "NotFound"),
        ("GET", "/sessions?colour=red", None, 400, "BadRequest"),
        ("GET", "/sessions?status[$regex]=x", None, 400, "BadRequest"),
        ("POST", "/boards", {"name": ""}, 400, "BadRequest"),
        ("POST", "/boards", {"name": "x" * 10_000}, 400, "BadRequest"),
        ("POST", "/repos", {"local_path": "/no/such/folder"}, 400, "BadRequest"),
        ("POST", "/repos", {"local_path": "relative"}, 400, "BadRequest"),
        ("POST", "/repos/clone", {"url": "--upload-pack=touch /tmp/x"}, 400, "BadRequest"),
        ("POST", "/repos/clone", {"url": "ext::sh -c true"}, 400, "BadRequest"),
        ("POST", "/permissions", {}, 405, "MethodNotAllowed"),
        ("POST", "/users", {"email": "a@example.com", "password": "long enough"}, 403, "Forbidden"),
        ("PATCH", "/config/daemon.require_auth", {"value": True}, 403, "Forbidden"),
        ("POST", "/sessions/import", {"path": "/no/such/file.jsonl"}, 404, "NotFound"),
        ("POST", "/sessions/import", {}, 400, "BadRequest"),
        ("POST", "/tasks", {"session_id": MISSING, "status": "running"}, 404, "NotFound"),
    ],
)
def test_nonsense_is_refused(shared_daemon: Daemon, method: str, path: str, body: Any, code: int, name: str) -> None:
    """Each bad call gets an error of the right class, and the change log has not moved."""
    daemon = shared_daemon
    before = daemon.call("GET", "/events?$limit=0")["total"]
    status, error = daemon.request(method, path, body)
    assert (status, error["name"], error["code"]) == (code, name, code), error
    assert error["message"]
    assert daemon.call("GET", "/events?$limit=0")["total"] == before


def test_validation_names_every_field(daemon: Daemon) -> None:
    """A patch with two wrong fields is refused with a text for each of them, and stores neither."""
    board = daemon.call("POST", "/boards", {"name": "Work"})
    status, error = daemon.request("PATCH", f"/boards/{board['board_id']}", {"name": 7, "colour": "red"})
    assert status == 400
    assert set(error["errors"]) == {"name", "colour"}
    assert daemon.call("GET", f"/boards/{board['board_id']}")["name"] == "Work"


def test_a_prompt_without_a_folder_is_refused(daemon: Daemon) -> None:
    """A session that has nowhere to work says so when it is prompted."""
    session = daemon.call("POST", "/sessions", {"agent": "scripted"})
    status, error = daemon.request("POST", f"/sessions/{session['session_id']}/prompt", {"prompt": "hello"})
    assert (status, error["name"]) == (400, "BadRequest")
    assert "no working directory" in error["message"]
    assert daemon.call("GET", "/tasks")["total"] == 0


def test_a_stale_patch_is_a_conflict_with_the_current_record(daemon: Daemon) -> None:
    """Who changes an older version than the stored one is told what is stored now."""
    session = daemon.call("POST", "/sessions", {"agent": "scripted"})
    path = f"/sessions/{session['session_id']}"
    daemon.call("PATCH", path, {"title": "mine", "version": session["version"]})
    status, error = daemon.request("PATCH", path, {"title": "yours", "version": session["version"]})
    assert (status, error["name"]) == (409, "Conflict")
    assert "mine" in json.dumps(error["data"])
    assert daemon.call("GET", path)["title"] == "mine"


def test_read_only_fields_are_refused_unless_they_are_what_is_stored(daemon: Daemon) -> None:
    """Sending a record back whole is fine; claiming another status of the daemon's is not."""
    session = daemon.call("POST", "/sessions", {"agent": "scripted"})
    path = f"/sessions/{session['session_id']}"
    assert daemon.call("PATCH", path, {"agent": "scripted", "title": "named"})["title"] == "named"
    assert daemon.request("PATCH", path, {"agent": "codex"})[0] == 400
    assert daemon.request("PATCH", path, {"message_count": 7})[0] == 400
    assert daemon.request("PATCH", path, {"status": "running"})[0] == 400


def test_a_dirty_worktree_is_not_removed(daemon: Daemon, repository: Path) -> None:
    """Removing a worktree with work in it is a conflict with the report; the files stay; a clean one goes."""
    session = start_session(daemon, repository)
    folder = Path(session["repo"]["cwd"])
    (folder / "notes.txt").write_text("not committed")
    status, error = daemon.request("DELETE", f"/worktrees/{session['worktree_id']}")
    assert (status, error["name"]) == (409, "Conflict")
    assert error["data"]["report"]["untracked"] == ["notes.txt"]
    assert error["data"]["token"]
    assert (folder / "notes.txt").read_text() == "not committed"
    (folder / "notes.txt").unlink()
    assert daemon.call("DELETE", f"/worktrees/{session['worktree_id']}")["status"] == "removed"
    assert not folder.exists()
    assert "try-it" in git("branch", cwd=repository)


def test_worktrees_that_cannot_be_are_refused(daemon: Daemon, repository: Path) -> None:
    """Bad names and refs are 400, a taken name 409; none leaves a row, a folder or a branch."""
    session = start_session(daemon, repository)
    repo_id = session["repo"]["repo_id"]
    for name, code in (("-x", 400), ("a..b", 400), ("a--b", 400), ("../up", 400), ("try-it", 409)):
        status, error = daemon.request("POST", "/worktrees", {"repo_id": repo_id, "name": name})
        assert status == code, (name, error)
    status, _ = daemon.request("POST", "/worktrees", {"repo_id": repo_id, "name": "fine", "ref": "no-such-ref"})
    assert status in (400, 404, 422)
    assert daemon.call("GET", "/worktrees")["total"] == 1
    assert git("branch", "--format=%(refname:short)", cwd=repository).split() == ["main", "try-it"]


def test_a_repository_is_registered_once(daemon: Daemon, repository: Path, environment: dict[str, str]) -> None:
    """The same checkout a second time is a conflict; another of the same name gets a slug of its own."""
    first = daemon.call("POST", "/repos", {"local_path": str(repository)})
    assert first["slug"] == "demo"
    assert daemon.request("POST", "/repos", {"local_path": str(repository / ".")})[0] == 409
    other = make_repository(repository.parent / "elsewhere" / "demo", environment)
    assert daemon.call("POST", "/repos", {"local_path": str(other)})["slug"] == "demo-2"
    inside = daemon.home / "mine"
    make_repository(inside, environment)
    assert daemon.request("POST", "/repos", {"local_path": str(inside)})[0] == 400


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({"Host": "evil.example"}, 403),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Authorization": "Bearer nonsense"}, 401),
        ({}, 200),
    ],
)
def test_the_guard_stands_before_every_door(shared_daemon: Daemon, headers: dict[str, str], code: int) -> None:
    """Foreign hosts, origins and sites are refused on every path, and a bad token is never anonymous."""
    doors = ["/sessions", "/boards"]
    if code == 403:
        doors += ["/", "/assets/x.js", "/health", "/socket.io/?EIO=4&transport=polling", "/nowhere"]
    for door in doors:
        status, _ = shared_daemon.request("GET", door, headers=headers)
        assert status == code, door


def test_odd_places_and_states_are_refused_or_work(daemon: Daemon, repository: Path, tmp_path: Path) -> None:
    """A link in place of our folder leads nowhere, a detached checkout is a start like any other, nothing is nested."""
    session = start_session(daemon, repository)
    repo_id = session["repo"]["repo_id"]
    git("checkout", "-q", "--detach", cwd=repository)
    made = daemon.call("POST", "/worktrees", {"repo_id": repo_id, "name": "from-a-commit"})
    assert (made["ref"], made["base_ref"]) == ("from-a-commit", "HEAD")
    status, error = daemon.request("POST", "/worktrees", {"repo_id": repo_id, "name": "try-it/more"})
    assert (status, "choose another name" in error["message"]) == (409, True)
    folder, outside = daemon.home / "worktrees/demo", tmp_path / "outside"
    folder.rename(outside)
    folder.symlink_to(outside)
    status, error = daemon.request("POST", "/worktrees", {"repo_id": repo_id, "name": "led-astray"})
    assert (status, "leads out" in error["message"]) == (400, True)
    assert not (outside / "led-astray").exists()
    folder.unlink()
    outside.rename(folder)
    status, error = daemon.request("POST", "/repos", {"local_path": made["path"]})
    assert (status, "inside Agor's own home" in error["message"]) == (400, True)
    inner = Path(made["path"], "inner")
    git("init", "-q", str(inner), cwd=Path(made["path"]))
    status, error = daemon.request("DELETE", f"/worktrees/{made['worktree_id']}")
    assert (status, "inner/" in error["message"]) == (409, True)
    token = error["data"]["token"]
    assert daemon.request("DELETE", f"/worktrees/{made['worktree_id']}?force={token}")[0] == 409
    assert inner.is_dir()
    assert daemon.call("GET", "/worktrees?status[$ne]=x")["total"] == 2


def test_a_change_of_what_one_did_not_see_is_refused(daemon: Daemon) -> None:
    """A PATCH or PUT with a version that is not the present one, in the data or as `If-Match`, is a 409 with the record
    as it is; a header that can be no version is a 400; and neither changes anything."""
    session = daemon.call("POST", "/sessions", {"agent": "scripted", "title": "first"})
    path = f"/sessions/{session['session_id']}"
    seen = daemon.call("PATCH", path, {"title": "second"})["version"]
    data, headers = {"title": "wrong"}, {"If-Match": str(seen - 1)}
    for method in ("PATCH", "PUT"):
        for status, answer in (
            daemon.request(method, path, data, headers=headers),
            daemon.request(method, path, {**data, "version": seen - 1}),
        ):
            assert (status, answer["data"]["reason"]) == (409, "stale-version")
            assert answer["data"]["current"]["title"] == "second"
        for odd in ("abc", "-1", "", '""', "1, 2", "9" * 5000):
            assert daemon.request(method, path, data, headers={"If-Match": odd})[0] == 400
        assert daemon.request(method, path, {**data, "version": True})[0] == 400
    assert daemon.call("GET", path)["title"] == "second"
    for header in (f'"{seen}"', f'W/"{seen + 1}"', "*"):
        assert daemon.request("PATCH", path, {"title": "third"}, headers={"If-Match": header})[0] == 200
