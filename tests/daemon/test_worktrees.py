"""Worktrees through the front door: made, looked into, removed without loss, brought back."""

from __future__ import annotations

import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPException
from pathlib import Path
from typing import Any

from tests.daemon.conftest import WAIT_LIMIT_S, start_session, until
from tests.support.daemon import Daemon, running_daemon
from tests.support.killing import kill
from tests.support.repository import git, make_repository


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


def test_a_snapshot_ends_by_hand_only(daemon: Daemon, repository: Path) -> None:
    """Dropping one forgets it alone; the one that a removed worktree would be restored from needs `force`."""
    session = start_session(daemon, repository)
    folder, path = Path(session["repo"]["cwd"]), f"/worktrees/{session['worktree_id']}"
    (folder / "hello.py").write_text("first\n")
    early = daemon.call("POST", f"{path}/snapshot", {})["snapshot_id"]
    (folder / "hello.py").write_text("second\n")
    assert daemon.request("DELETE", f"{path}/snapshots/nobody-knows")[0] == 404
    other = start_session(daemon, repository, "other")["worktree_id"]
    assert daemon.request("DELETE", f"/worktrees/{other}/snapshots/{early}")[0] == 404
    assert daemon.request("DELETE", f"{path}/snapshots/{early}?force=perhaps")[0] == 400
    token = daemon.request("DELETE", path)[1]["data"]["token"]
    last = daemon.call("DELETE", f"{path}?force={token}")["removal_snapshot_id"]

    assert daemon.call("DELETE", f"{path}/snapshots/{early}")["snapshot_id"] == early
    status, refusal = daemon.request("DELETE", f"{path}/snapshots/{last}")
    assert (status, "restore" in refusal["message"]) == (409, True)
    assert [one["snapshot_id"] for one in daemon.call("GET", f"{path}/snapshots")] == [last]
    daemon.call("POST", f"{path}/restore", {})
    assert (folder / "hello.py").read_text() == "second\n"
    assert daemon.call("DELETE", f"{path}/snapshots/{last}")["reason"] == "removed"  # all of it is back
    assert daemon.call("GET", path)["removal_snapshot_id"] is None

    token = daemon.request("DELETE", path)[1]["data"]["token"]
    last = daemon.call("DELETE", f"{path}?force={token}")["removal_snapshot_id"]
    assert daemon.call("DELETE", f"{path}/snapshots/{last}?force=true")["snapshot_id"] == last
    assert daemon.call("GET", path)["removal_snapshot_id"] is None
    assert daemon.call("POST", f"{path}/restore", {})["dirty"] is False
    assert git("status", "--porcelain", cwd=folder) == ""


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


def commit(daemon: Daemon, folder: Path, message: str) -> str:
    """A commit of all there is; its sha."""
    git("add", "-A", cwd=folder, environment=daemon.environment)
    git("commit", "-q", "--allow-empty", "-m", message, cwd=folder, environment=daemon.environment)
    return git("rev-parse", "HEAD", cwd=folder)


def branches(repository: Path) -> list[str]:
    """The local branches."""
    return git("branch", "--format=%(refname:short)", cwd=repository).split()


def test_a_branch_goes_with_its_worktree_if_it_is_merged(daemon: Daemon, repository: Path) -> None:
    """By default it stays; asked for, a merged one is deleted too, and restoring makes it again where it was."""
    session = start_session(daemon, repository)
    folder, path = Path(session["repo"]["cwd"]), f"/worktrees/{session['worktree_id']}"
    assert daemon.request("DELETE", f"{path}?branch=perhaps")[0] == 400
    (folder / "merged.txt").write_text("merged\n")
    sha = commit(daemon, folder, "work")
    git("merge", "-q", "--no-ff", "-m", "merge", "try-it", cwd=repository, environment=daemon.environment)
    assert daemon.call("DELETE", f"{path}?branch=delete")["status"] == "removed"
    assert branches(repository) == ["main"]
    assert daemon.call("POST", f"{path}/restore", {})["ref"] == "try-it"
    assert git("rev-parse", "try-it", cwd=repository) == sha


def test_a_branch_that_is_nowhere_else_is_kept_or_saved(daemon: Daemon, repository: Path) -> None:
    """Commits that are neither merged nor pushed refuse it; forced, a snapshot has them, and brings them back."""
    session = start_session(daemon, repository)
    folder, path = Path(session["repo"]["cwd"]), f"/worktrees/{session['worktree_id']}"
    (folder / "mine.txt").write_text("mine\n")
    sha = commit(daemon, folder, "mine")
    status, error = daemon.request("DELETE", f"{path}?branch=delete")
    assert (status, "neither merged nor pushed" in error["message"], error["data"]["commits"]) == (409, True, 1)
    assert folder.exists()
    token = error["data"]["token"]
    (folder / "later.txt").write_text("later\n")
    assert daemon.request("DELETE", f"{path}?branch=delete&force={token}")[0] == 409
    token = daemon.request("DELETE", path)[1]["data"]["token"]
    removed = daemon.call("DELETE", f"{path}?branch=delete&force={token}")
    assert (removed["status"], branches(repository), folder.exists()) == ("removed", ["main"], False)
    git("reflog", "expire", "--expire=now", "--all", cwd=repository)
    git("gc", "-q", "--prune=now", cwd=repository)
    assert daemon.call("POST", f"{path}/restore", {})["status"] == "ready"
    assert git("rev-parse", "try-it", cwd=repository) == sha
    assert ((folder / "mine.txt").read_text(), (folder / "later.txt").read_text()) == ("mine\n", "later\n")


def test_a_worktree_whose_folder_was_deleted_comes_back(daemon: Daemon, repository: Path) -> None:
    """What was staged or committed in it is there again; nothing that is at its path meanwhile is overwritten."""
    session = start_session(daemon, repository)
    folder, path = Path(session["repo"]["cwd"]), f"/worktrees/{session['worktree_id']}"
    (folder / "committed.txt").write_text("committed\n")
    commit(daemon, folder, "work")
    (folder / "staged.txt").write_text("staged\n")
    git("add", "staged.txt", cwd=folder, environment=daemon.environment)
    shutil.rmtree(folder)
    assert daemon.call("GET", path)["status"] == "missing"
    folder.write_text("something else")
    assert daemon.request("POST", f"{path}/restore", {})[0] == 409
    assert folder.read_text() == "something else"
    folder.unlink()
    assert daemon.call("POST", f"{path}/restore", {})["status"] == "ready"
    assert (folder / "committed.txt").read_text() == "committed\n"
    assert (folder / "staged.txt").read_text() == "staged\n"
    assert daemon.request("POST", f"{path}/restore", {})[0] == 409


def test_one_of_two_at_once_is_made(daemon: Daemon, repository: Path) -> None:
    """Of several who ask at the same time for the same name one gets it; for one branch likewise; so with removals."""
    repo = daemon.call("POST", "/repos", {"local_path": str(repository)})["repo_id"]

    def at_once(*calls: tuple[str, str, Any]) -> list[int]:
        with ThreadPoolExecutor(len(calls)) as pool:
            return sorted(status for status, _ in pool.map(lambda call: daemon.request(*call), calls))

    same = ("POST", "/worktrees", {"repo_id": repo, "name": "same"})
    assert at_once(same, same, same) == [201, 409, 409]
    others = [("POST", "/worktrees", {"repo_id": repo, "name": name, "branch": "one"}) for name in ("x", "y", "z")]
    assert at_once(*others) == [201, 409, 409]
    found = daemon.call("GET", "/worktrees?status[$ne]=x")["data"]
    assert sorted(one["status"] for one in found) == ["ready", "ready"]
    assert sorted(branches(repository)) == ["main", "one", "same"]
    removal = ("DELETE", f"/worktrees/{found[0]['worktree_id']}", None)
    statuses = at_once(removal, removal, ("GET", "/worktrees", None))
    assert statuses[:2] == [200, 200]
    assert statuses[2] in (404, 409)
    assert daemon.call("GET", f"/worktrees/{found[0]['worktree_id']}")["status"] == "removed"


def test_a_half_made_worktree_to_look_at_keeps_nobody_from_working(
    environment: dict[str, str], repository: Path, tmp_path: Path
) -> None:
    """What a killed daemon left half made, and somebody has put a repository into, stays; the next one starts without
    it, says so in its log, and clears it once that is gone."""
    reached = tmp_path / "reached"
    (repository / ".gitattributes").write_text("hello.py filter=slow\n")
    git("add", "-A", cwd=repository, environment=environment)
    git("commit", "-q", "-m", "attributes", cwd=repository, environment=environment)
    git("config", "filter.slow.smudge", f"touch {reached}; exec sleep 300", cwd=repository)
    with ThreadPoolExecutor(1) as pool, running_daemon(tmp_path, environment=environment) as daemon:
        repo = daemon.call("POST", "/repos", {"local_path": str(repository)})["repo_id"]
        making = pool.submit(daemon.request, "POST", "/worktrees", {"repo_id": repo, "name": "half"})
        until(reached.exists)
        kill(daemon.process, with_children=True)
        assert isinstance(making.exception(), OSError | HTTPException)
    git("config", "--unset", "filter.slow.smudge", cwd=repository)
    folder = Path(environment["AGOR_HOME"]) / "worktrees/demo/half"
    inner = make_repository(folder / "inner", environment)
    with running_daemon(tmp_path, environment=environment) as daemon:
        assert "cannot take away the half-made worktree half" in daemon.log
        assert (inner / "hello.py").exists()
        assert daemon.call("GET", "/worktrees?status=preparing")["total"] == 1
        assert daemon.call("POST", "/worktrees", {"repo_id": repo, "name": "another"})["status"] == "ready"
    shutil.rmtree(inner)
    with running_daemon(tmp_path, environment=environment) as daemon:
        assert daemon.call("GET", "/worktrees?status=preparing")["total"] == 0
        assert not folder.exists()
