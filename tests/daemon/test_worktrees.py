"""Worktrees through the front door: made, looked into, removed without loss, brought back."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from tests.daemon.conftest import WAIT_LIMIT_S, start_session
from tests.support.daemon import Daemon
from tests.support.repository import git


def test_forced_removal_can_be_undone(daemon: Daemon, repository: Path) -> None:
    """With the token of the report a dirty worktree goes, into a snapshot; restoring brings every byte back."""
    session = start_session(daemon, repository)
    folder, path = Path(session["repo"]["cwd"]), f"/worktrees/{session['worktree_id']}"
    (folder / "hello.py").write_text("changed\n")
    (folder / "new.txt").write_text("untracked\n")
    token = daemon.request("DELETE", path)[1]["data"]["token"]
    (folder / "later.txt").write_text("since the report\n")
    assert daemon.request("DELETE", f"{path}?force={token}")[0] == 409  # the report is no longer true
    token = daemon.request("DELETE", path)[1]["data"]["token"]
    assert daemon.call("DELETE", f"{path}?force={token}")["status"] == "removed"
    assert not folder.exists()
    (snapshot,) = daemon.call("GET", f"{path}/snapshots")
    assert set(snapshot) >= {"snapshot_id", "sha", "created_at", "reason"}
    assert daemon.call("POST", f"{path}/restore", {})["status"] == "ready"
    assert (folder / "hello.py").read_text() == "changed\n"
    assert (folder / "new.txt").read_text() == "untracked\n"
    assert (folder / "later.txt").read_text() == "since the report\n"
    assert git("branch", "--show-current", cwd=folder) == "try-it"


def test_a_clean_worktree_is_removed_and_comes_back(daemon: Daemon, repository: Path) -> None:
    """Removing a clean one keeps its branch with its commits; restoring checks it out again."""
    session = start_session(daemon, repository)
    folder, path = Path(session["repo"]["cwd"]), f"/worktrees/{session['worktree_id']}"
    (folder / "new.txt").write_text("committed\n")
    git("add", "-A", cwd=folder, environment=daemon.environment)
    git("commit", "-q", "-m", "work", cwd=folder, environment=daemon.environment)
    status, answer = daemon.request("DELETE", path)
    if status == 409:  # commits that are nowhere else are worth a question
        answer = daemon.call("DELETE", f"{path}?force={answer['data']['token']}")
    assert answer["status"] == "removed"
    assert "try-it" in git("branch", "--format=%(refname:short)", cwd=repository).split()
    daemon.call("POST", f"{path}/restore", {})
    assert (folder / "new.txt").read_text() == "committed\n"


def test_a_worktree_tells_its_state(daemon: Daemon, repository: Path) -> None:
    """Status, diff and the record itself say what git says at this moment."""
    session = start_session(daemon, repository)
    folder, path = Path(session["repo"]["cwd"]), f"/worktrees/{session['worktree_id']}"
    assert daemon.call("GET", path)["dirty"] is False
    (folder / "hello.py").write_text("changed\n")
    assert daemon.call("GET", path)["dirty"] is True
    status = daemon.call("GET", f"{path}/status")
    assert (status["branch"], status["dirty"]) == ("try-it", True)
    assert [file["path"] for file in status["files"]] == ["hello.py"]
    diff = daemon.call("GET", f"{path}/diff")
    assert (diff["total"], diff["files"][0]["path"]) == (1, "hello.py")
    assert "+changed" in diff["files"][0]["patch"]
    assert daemon.request("GET", f"{path}/diff?against=--output=/tmp/x")[0] == 400


def test_a_snapshot_leaves_the_files_alone(daemon: Daemon, repository: Path) -> None:
    """Taking a snapshot changes nothing in the worktree; of a clean one there is none."""
    session = start_session(daemon, repository)
    folder, path = Path(session["repo"]["cwd"]), f"/worktrees/{session['worktree_id']}"
    assert daemon.request("POST", f"{path}/snapshot", {}) == (204, None)
    (folder / "new.txt").write_text("untracked\n")
    status, snapshot = daemon.request("POST", f"{path}/snapshot", {})
    assert status == 201
    assert git("status", "--porcelain", cwd=folder) == "?? new.txt"
    assert [one["snapshot_id"] for one in daemon.call("GET", f"{path}/snapshots")] == [snapshot["snapshot_id"]]


def test_a_clone_is_told_and_gets_its_first_worktree(daemon: Daemon, repository: Path) -> None:
    """A clone is `cloning` at once, `ready` later, and then has a worktree of its default branch."""
    status, repo = daemon.request("POST", "/repos/clone", {"url": str(repository), "slug": "copy"})
    assert (status, repo["status"], repo["managed_by_agor"]) == (201, "cloning", True)
    worktree = _wait_for_worktree(daemon, repo["repo_id"])
    assert worktree["name"] == "main"
    assert Path(worktree["path"], "hello.py").is_file()
    assert daemon.call("GET", "/repos/copy")["status"] == "ready"


def test_a_clone_that_fails_says_why(daemon: Daemon, tmp_path: Path) -> None:
    """A repository that is not there makes a failed record with git's words, and no folder."""
    _, repo = daemon.request("POST", "/repos/clone", {"url": str(tmp_path / "nowhere"), "slug": "gone"})
    if "repo_id" in repo:
        give_up_at = time.monotonic() + WAIT_LIMIT_S
        while (record := daemon.call("GET", "/repos/gone"))["status"] == "cloning":
            assert time.monotonic() < give_up_at
        assert record["status"] == "failed"
        assert record["error"]
    assert not (daemon.home / "repos" / "gone").exists()


def _wait_for_worktree(daemon: Daemon, repo_id: str) -> dict[str, Any]:
    give_up_at = time.monotonic() + WAIT_LIMIT_S
    while time.monotonic() < give_up_at:
        found = daemon.call("GET", f"/worktrees?repo_id={repo_id}")["data"]
        if found:
            worktree: dict[str, Any] = found[0]
            return worktree
        time.sleep(0.05)
    raise AssertionError(daemon.log)
