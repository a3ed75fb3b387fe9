"""The promise, with the real daemon: whatever is killed whenever, no byte that was in a worktree is ever lost."""

from __future__ import annotations

import asyncio
import http.client
import random
import subprocess
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from agor_core.git import remove_worktree
from tests.daemon.conftest import wait_for_task
from tests.support.daemon import Daemon, running_daemon
from tests.support.killing import blobs_of, kill
from tests.support.repository import git

LIVES = 3
NAMES = ("one", "two", "feat/three")
AGENT = {"when": "^agent", "steps": [{"write": {"path": "${prompt}.txt", "content": "${prompt}"}}, {"text": "Done."}]}


class Person:
    """Works in worktrees with an editor, plain git and the daemon, and remembers every byte they put there."""

    def __init__(self, repository: Path, environment: dict[str, str], rng: random.Random) -> None:
        self.repository, self.environment, self.rng = repository, environment, rng
        self.written: list[bytes] = []
        self.done: list[str] = []
        self.count = 0

    def live(self, daemon: Daemon, repo_id: str, killing: threading.Timer) -> None:
        """Do one thing after the other until the daemon is gone: `killing` begins after some."""
        steps_in_peace = self.rng.randint(4, 12)
        self.make(daemon, repo_id)
        self.write(self.folder(daemon) or self.repository)
        steps = (self.write, self.write, self.stage, self.commit, self.commit_aside)
        asked = (self.make, self.take_away, self.take_away, self.bring_back, self.bring_back, self.save, self.prompt)
        for number in count():
            if number == steps_in_peace:
                killing.start()
            step: Callable[..., None] = self.rng.choice((*steps, *asked))
            self.done.append(step.__name__)
            if step in asked:
                step(daemon, repo_id)
            elif (folder := self.folder(daemon)) is not None:
                step(folder)

    def folder(self, daemon: Daemon) -> Path | None:
        """One of the worktrees that are there."""
        found = daemon.call("GET", "/worktrees?status=ready")["data"]
        return Path(self.rng.choice(found)["path"]) if found else None

    def row(self, daemon: Daemon, status: str) -> dict[str, Any] | None:
        found = daemon.call("GET", f"/worktrees?status={status}")["data"]
        return self.rng.choice(found) if found else None

    # -- with an editor and plain git

    def write(self, folder: Path) -> None:
        self.count += 1
        content = f"content {self.count}".encode()
        (folder / f"file {self.count}").write_bytes(content)
        self.written.append(content)

    def stage(self, folder: Path) -> None:
        self.git(folder, "add", "-A")

    def commit(self, folder: Path) -> None:
        self.git(folder, "add", "-A")
        self.git(folder, "commit", "-q", "-m", "work")

    def commit_aside(self, folder: Path) -> None:
        """Commits that only this worktree's own history leads to."""
        self.write(folder)
        self.commit(folder)
        self.git(folder, "reset", "-q", "--keep", "HEAD~1")

    def git(self, folder: Path, *arguments: str) -> None:
        """Plain git may refuse, as it may a person, who would also take away the lock that a killed one left."""
        own = git("rev-parse", "--absolute-git-dir", cwd=folder)
        (Path(own) / "index.lock").unlink(missing_ok=True)
        subprocess.run(["git", *arguments], cwd=folder, env=self.environment, capture_output=True, check=False)

    # -- with the daemon

    def make(self, daemon: Daemon, repo_id: str) -> None:
        self.count += 1
        name = f"{self.rng.choice(NAMES)}-{self.count}"
        daemon.request("POST", "/worktrees", {"repo_id": repo_id, "name": name})

    def take_away(self, daemon: Daemon, repo_id: str) -> None:
        row = self.row(daemon, "ready")
        if row is None:
            return
        path = f"/worktrees/{row['worktree_id']}?branch={self.rng.choice(('keep', 'delete'))}"
        status, answer = daemon.request("DELETE", path)
        if status == 409 and answer["data"].get("token"):
            daemon.request("DELETE", f"{path}&force={answer['data']['token']}")

    def bring_back(self, daemon: Daemon, repo_id: str) -> None:
        row = self.row(daemon, self.rng.choice(("removed", "removed", "missing")))
        if row is not None:
            daemon.request("POST", f"/worktrees/{row['worktree_id']}/restore", {})

    def save(self, daemon: Daemon, repo_id: str) -> None:
        row = self.row(daemon, "ready")
        if row is not None:
            daemon.request("POST", f"/worktrees/{row['worktree_id']}/snapshot", {})

    def prompt(self, daemon: Daemon, repo_id: str) -> None:
        row = self.row(daemon, "ready")
        if row is None:
            return
        data = {"agent": "scripted", "worktree_id": row["worktree_id"]}
        session = daemon.call("POST", "/sessions", data)
        self.count += 1
        prompt = f"agent {self.count}"
        task = daemon.call("POST", f"/sessions/{session['session_id']}/prompt", {"prompt": prompt})
        if wait_for_task(daemon, task["task_id"])["status"] == "completed":
            self.written.append(prompt.encode())


@pytest.mark.parametrize("seed", [5, 6])
def test_no_kill_of_the_daemon_loses_anything(
    seed: int, repository: Path, tmp_path: Path, environment: dict[str, str], scenario: Any
) -> None:
    """Killed at any moment, again and again, with or without the git it was running: every byte is in a commit or
    a snapshot once the worktrees are removed, no worktree is half made, and none is locked."""
    scenario(AGENT)
    rng = random.Random(seed)
    root = Path(environment["AGOR_HOME"]) / "worktrees/demo"
    person = Person(repository, environment, rng)
    for _ in range(LIVES):
        with running_daemon(tmp_path, environment=environment) as daemon:
            repo_id = repo_of(daemon, repository)
            how = {"with_children": rng.random() < 0.5}
            killing = threading.Timer(rng.uniform(0, 1), kill, [daemon.process], how)
            with pytest.raises((OSError, http.client.HTTPException, ValueError)):
                person.live(daemon, repo_id, killing)
            killing.join()
    with running_daemon(tmp_path, environment=environment) as daemon:
        ready = daemon.call("GET", "/worktrees?status=ready&$limit=1000")["data"]
        assert daemon.call("GET", "/worktrees?status=preparing")["total"] == 0
        check_folders(repository, root, [row["path"] for row in ready])
        # What only a worktree's own history leads to is kept when that goes.
        for row in ready:
            daemon.request("DELETE", force_of(daemon, f"/worktrees/{row['worktree_id']}"))
        assert daemon.call("GET", "/worktrees?status=ready")["total"] == 0
    assert len(person.written) >= LIVES, person.done
    stored = blobs_of(repository)
    assert [content for content in person.written if content not in stored] == [], person.done


def force_of(daemon: Daemon, path: str) -> str:
    """The path that removes a worktree, whatever is in it."""
    status, answer = daemon.request("DELETE", path)
    return f"{path}?force={answer['data']['token']}" if status == 409 else path


def check_folders(repository: Path, root: Path, ready: list[str]) -> None:
    """The folders that are there, those that git knows, and those that lists show are the same."""
    listed = git("worktree", "list", "--porcelain", cwd=repository)
    assert "locked" not in listed
    folders = sorted(str(path) for path in root.iterdir()) if root.exists() else []
    assert folders == sorted(ready)
    assert all(f"worktree {folder}\n" in listed for folder in folders)


def repo_of(daemon: Daemon, repository: Path) -> str:
    """The id of the repository, which is registered if it is not yet."""
    known = daemon.call("GET", "/repos")["data"]
    repo = known[0] if known else daemon.call("POST", "/repos", {"local_path": str(repository)})
    return str(repo["repo_id"])


def test_a_daemon_killed_over_a_restore_leaves_it_to_be_restored(
    repository: Path, tmp_path: Path, environment: dict[str, str]
) -> None:
    """A worktree that was half back is not shown as one: it is removed as before, and comes back whole."""
    begun, hook = tmp_path / "begun", repository / ".git/hooks/post-checkout"
    with running_daemon(tmp_path, environment=environment) as daemon:
        row = made_with_draft(daemon, repository)
        daemon.request("DELETE", force_of(daemon, f"/worktrees/{row['worktree_id']}"))
        hook.write_text(f"#!/bin/sh\ntouch {begun}\nexec sleep 60\n")
        hook.chmod(0o755)
        with ThreadPoolExecutor(1) as pool:
            restoring = pool.submit(daemon.request, "POST", f"/worktrees/{row['worktree_id']}/restore", {})
            while not begun.exists():
                assert not restoring.done()
            kill(daemon.process, with_children=True)
            with pytest.raises((OSError, http.client.HTTPException)):
                restoring.result()
    hook.unlink()
    with running_daemon(tmp_path, environment=environment) as daemon:
        assert daemon.call("GET", f"/worktrees/{row['worktree_id']}")["status"] == "removed"
        assert not Path(row["path"]).exists()
        assert daemon.call("POST", f"/worktrees/{row['worktree_id']}/restore", {})["status"] == "ready"
        assert Path(row["path"], "draft.txt").read_text() == "draft\n"


def test_a_daemon_killed_after_a_removal_knows_what_it_saved(
    repository: Path, tmp_path: Path, environment: dict[str, str]
) -> None:
    """Where git had let go of the worktree but no row said so yet, restoring brings back what was uncommitted too."""
    with running_daemon(tmp_path, environment=environment) as daemon:
        row = made_with_draft(daemon, repository)
        kill(daemon.process, with_children=False)
    # What the daemon does before it writes the row.
    asyncio.run(remove_worktree(repository, row["path"], force=True, name="draft"))
    with running_daemon(tmp_path, environment=environment) as daemon:
        assert daemon.call("GET", f"/worktrees/{row['worktree_id']}")["status"] == "removed"
        daemon.call("POST", f"/worktrees/{row['worktree_id']}/restore", {})
        assert Path(row["path"], "draft.txt").read_text() == "draft\n"


def made_with_draft(daemon: Daemon, repository: Path) -> dict[str, Any]:
    """A worktree with an uncommitted file in it."""
    data = {"repo_id": repo_of(daemon, repository), "name": "draft"}
    row: dict[str, Any] = daemon.call("POST", "/worktrees", data)
    Path(row["path"], "draft.txt").write_text("draft\n")
    return row
