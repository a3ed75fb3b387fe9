"""Sessions that work in a folder of the user's, not in a worktree."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.daemon.conftest import Playing, until, wait_for_task
from tests.support.daemon import Caller, Daemon
from tests.support.repository import git, make_repository
from tests.support.talk import Talk, say


@pytest.fixture
def repo(daemon: Daemon, repository: Path) -> dict[str, Any]:
    """A repository that is registered where it is."""
    registered: dict[str, Any] = daemon.call("POST", "/repos", {"local_path": str(repository)})
    return registered


def start_in(daemon: Caller, cwd: Path) -> dict[str, Any]:
    """A session of the scripted agent in a folder, which is made if there is none."""
    cwd.mkdir(parents=True, exist_ok=True)
    session: dict[str, Any] = daemon.call("POST", "/sessions", {"agent": "scripted", "cwd": str(cwd)})
    return session


def test_a_session_in_a_repository_knows_it(daemon: Daemon, repository: Path, repo: dict[str, Any]) -> None:
    """Started in a registered repository's own folder, in one below, in a worktree's, or imported from there: it is
    found by its repository, as those in worktrees are, and so is what was said in it."""
    linked = daemon.call("POST", "/worktrees", {"repo_id": repo["repo_id"], "name": "w"})
    folders = [repository, repository / "docs" / "new", Path(linked["path"])]
    sessions = [start_in(daemon, folder) for folder in folders]
    for folder, below, session in zip(folders, (None, "docs/new", None), sessions, strict=True):
        place = {"repo_id": repo["repo_id"], "repo_slug": "demo", "cwd": str(folder), "subfolder": below}
        assert session["repo"] == {"worktree_name": None, "managed_worktree": False, "project": None, **place}
        assert session["worktree_id"] is None
        message = {"session_id": session["session_id"], "type": "user", "role": "user", "content": "walnut"}
        daemon.call("POST", "/messages", message)
    talk = Talk(repository.parent / "talks")
    talk.say("user", "walnut?", cwd=str(repository))
    talk.say("assistant", say("walnut!"), cwd=str(repository))
    sessions.append(daemon.call("POST", "/sessions/import", {"path": str(talk.path)}))
    ids = {session["session_id"] for session in sessions}
    of_repo = f"repo.repo_id={repo['repo_id']}"
    found = daemon.call("GET", f"/sessions?{of_repo}")["data"]
    said = daemon.call("GET", f"/messages?$search=walnut&session.{of_repo}")["data"]
    assert {one["session_id"] for one in found} == {one["session_id"] for one in said} == ids


def test_a_session_elsewhere_knows_no_repository(
    daemon: Daemon, repository: Path, repo: dict[str, Any], environment: dict[str, str], tmp_path: Path
) -> None:
    """Neither one beside the repository, whose name begins the same; nor in another inside it, even as a submodule; nor
    in one that is not registered."""
    inner = make_repository(repository / "inner", environment)
    git(
        "-c",
        "protocol.file.allow=always",
        "submodule",
        "add",
        str(inner),
        "part",
        cwd=repository,
        environment=environment,
    )
    for folder in (tmp_path / "demo-2", inner, repository / "part", tmp_path):
        session = start_in(daemon, folder)
        assert (session["repo"]["repo_id"], session["repo"]["cwd"]) == (None, str(folder))
    daemon.call("POST", "/repos", {"local_path": str(inner)})
    assert daemon.call("GET", f"/sessions?repo.repo_id={repo['repo_id']}")["total"] == 0
    assert start_in(daemon, inner)["repo"]["repo_slug"] == "inner"


def test_a_repository_takes_in_the_sessions_from_before_it_was_registered(
    daemon: Daemon, repository: Path, environment: dict[str, str], tmp_path: Path
) -> None:
    """Those in its own folder, below it, through a link, or in a worktree somebody made of it, and everybody hears it;
    not those in a repository inside it, nor beside it. So it is when it was forgotten, and is registered again."""
    inner = make_repository(repository / "inner", environment)
    linked = tmp_path / "linked"
    git("worktree", "add", "-q", str(linked), cwd=repository, environment=environment)
    (tmp_path / "link").symlink_to(repository)
    folders = {repository: None, repository / "docs": "docs", tmp_path / "link" / "docs": "docs", linked: None}
    sessions = [start_in(daemon, folder) for folder in folders for _ in range(2)]
    others = [start_in(daemon, folder) for folder in (inner, tmp_path / "demo-2", tmp_path)]
    gone = start_in(daemon, tmp_path / "gone")
    Path(gone["repo"]["cwd"]).rmdir()
    before = daemon.call("GET", "/events")["data"][-1]["seq"]
    for _ in range(2):
        repo = daemon.call("POST", "/repos", {"local_path": str(repository)})
        found = daemon.call("GET", f"/sessions?repo.repo_id={repo['repo_id']}&$limit=100")["data"]
        assert {one["session_id"] for one in found} == {one["session_id"] for one in sessions}
        for one in found:
            place = one["repo"]
            assert (place["repo_slug"], place["subfolder"]) == ("demo", folders[Path(place["cwd"])])
            assert (place["project"], one["worktree_id"]) == (place["cwd"], None)
        heard = daemon.call("GET", f"/events?seq[$gt]={before}&$limit=1000")["data"]
        patched = [one["payload"] for one in heard if (one["path"], one["event"]) == ("sessions", "patched")]
        assert {one["session_id"]: one["repo"]["repo_id"] for one in patched} == {
            one["session_id"]: repo["repo_id"] for one in sessions
        }
        before = heard[-1]["seq"]
        for one in (*others, gone):
            assert daemon.call("GET", f"/sessions/{one['session_id']}")["repo"]["repo_id"] is None
        daemon.call("DELETE", f"/repos/{repo['repo_id']}")


def test_a_fork_leaves_the_folder_for_a_worktree(daemon: Daemon, repository: Path, repo: dict[str, Any]) -> None:
    """A session in a repository's own folder can be forked into a worktree, from the commit its task ended at; one that
    is in no registered repository cannot."""
    session = start_in(daemon, repository)
    prompted = daemon.call("POST", f"/sessions/{session['session_id']}/prompt", {"prompt": "x"})
    wait_for_task(daemon, prompted["task_id"])
    then = git("rev-parse", "HEAD", cwd=repository)
    git("-c", "user.name=x", "-c", "user.email=x@x", "commit", "--allow-empty", "-qm", "later", cwd=repository)
    fork = daemon.call("POST", f"/sessions/{session['session_id']}/fork", {"worktree": {"name": "forked"}})
    assert (fork["repo"]["repo_id"], fork["repo"]["worktree_name"]) == (repo["repo_id"], "forked")
    assert git("rev-parse", "HEAD", cwd=Path(fork["repo"]["cwd"])) == then
    nowhere = start_in(daemon, repository.parent)
    status, refusal = daemon.request("POST", f"/sessions/{nowhere['session_id']}/fork", {"worktree": {"name": "no"}})
    assert (status, "no registered repository" in refusal["message"]) == (400, True)


def test_a_repository_is_not_forgotten_while_a_session_runs_in_its_folder(playing: Playing, repository: Path) -> None:
    """It is refused with the session's id, and done once that has ended."""
    with playing({"steps": [{"hang": True}]}) as daemon:
        repo = daemon.call("POST", "/repos", {"local_path": str(repository)})
        session = start_in(daemon, repository)
        path = f"/sessions/{session['session_id']}"
        daemon.call("POST", f"{path}/prompt", {"prompt": "x"})
        status, refusal = daemon.request("DELETE", f"/repos/{repo['repo_id']}")
        assert (status, refusal["data"]["sessions"]) == (409, [session["session_id"]])
        daemon.call("POST", f"{path}/stop", {})
        until(lambda: daemon.call("GET", path)["status"] == "idle")
        assert daemon.call("DELETE", f"/repos/{repo['repo_id']}")["slug"] == "demo"
