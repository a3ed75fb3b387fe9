"""A worktree is locked in git's own way while a session runs in it."""

from __future__ import annotations

import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.daemon.conftest import start_session, until, wait_for_task
from tests.support.daemon import Daemon, running_daemon
from tests.support.repository import git

TURNS = (
    {"when": "^work", "steps": [{"write": {"path": "work.txt", "content": "work\n"}}, {"hang": True}]},
    {"when": "^quick", "steps": [{"write": {"path": "quick.txt", "content": "quick\n"}}, {"text": "Done."}]},
)


@pytest.fixture
def start_daemon(scenario: Any, environment: dict[str, str], tmp_path: Path) -> Any:
    """Starts a daemon whose agent works for ever when told to `work`."""
    scenario(*TURNS)
    return lambda: running_daemon(tmp_path, environment=environment)


def lock_of(folder: str, repository: Path) -> str | None:
    """Why git keeps the worktree, if it does."""
    blocks = git("worktree", "list", "--porcelain", cwd=repository).split("\n\n")
    (block,) = [block for block in blocks if block.startswith(f"worktree {folder}\n")]
    return next((line.partition(" ")[2] for line in block.splitlines() if line.startswith("locked")), None)


def work(daemon: Daemon, session: dict[str, Any]) -> dict[str, Any]:
    """A task that has begun to write and goes on for ever."""
    task: dict[str, Any] = daemon.call("POST", f"/sessions/{session['session_id']}/prompt", {"prompt": "work"})
    wait_for_task(daemon, task["task_id"], "running")
    while not Path(session["repo"]["cwd"], "work.txt").exists():
        assert daemon.call("GET", f"/tasks/{task['task_id']}")["status"] == "running"
    return task


def test_nobody_takes_a_worktree_away_under_a_session(start_daemon: Any, repository: Path) -> None:
    """While sessions run in it git refuses to remove it, and so do we; when the last has ended it is free."""
    with start_daemon() as daemon:
        session = start_session(daemon, repository)
        folder, id = session["repo"]["cwd"], session["worktree_id"]
        other = daemon.call("POST", "/sessions", {"agent": "scripted", "worktree_id": id})
        work(daemon, session), work(daemon, other)
        assert session["session_id"][:8] in (lock_of(folder, repository) or "")
        refused = subprocess.run(
            ["git", "worktree", "remove", "--force", folder],
            cwd=repository,
            capture_output=True,
            text=True,
            check=False,
        )
        assert refused.returncode != 0
        assert "runs here" in refused.stderr
        status, error = daemon.request("DELETE", f"/worktrees/{id}")
        assert (status, sorted(error["data"]["report"]["running_sessions"])) == (
            409,
            sorted([session["session_id"], other["session_id"]]),
        )
        daemon.call("POST", f"/sessions/{session['session_id']}/stop", {})
        assert lock_of(folder, repository) is not None
        daemon.call("POST", f"/sessions/{other['session_id']}/stop", {})
        assert lock_of(folder, repository) is None
        assert Path(folder, "work.txt").read_text() == "work\n"


def test_a_lock_of_somebody_else_stays(start_daemon: Any, repository: Path) -> None:
    """What a person or another daemon locked is worked in all the same, and is as locked afterwards."""
    with start_daemon() as daemon:
        session = start_session(daemon, repository)
        folder = session["repo"]["cwd"]
        git("worktree", "lock", "--reason", "on a stick", folder, cwd=repository)
        task = daemon.call("POST", f"/sessions/{session['session_id']}/prompt", {"prompt": "quick"})
        assert wait_for_task(daemon, task["task_id"])["status"] == "completed"
        assert lock_of(folder, repository) == "on a stick"
        # Another daemon's, whose home has a name that begins like ours.
        reason = f"agor at {daemon.home}-2: a session runs here"
        git("worktree", "unlock", folder, cwd=repository)
        git("worktree", "lock", "--reason", reason, folder, cwd=repository)
        task = daemon.call("POST", f"/sessions/{session['session_id']}/prompt", {"prompt": "quick"})
        assert wait_for_task(daemon, task["task_id"])["status"] == "completed"
        assert lock_of(folder, repository) == reason
        status, error = daemon.request("DELETE", f"/worktrees/{session['worktree_id']}")
        assert (status, reason in error["message"]) == (409, True)


def test_a_killed_daemon_leaves_no_lock_for_the_next(start_daemon: Any, repository: Path) -> None:
    """The lock of a daemon that was killed is undone by its next start; that of another home is not."""
    with start_daemon() as daemon:
        session = start_session(daemon, repository)
        folder = session["repo"]["cwd"]
        work(daemon, session)
        daemon.kill()
        assert lock_of(folder, repository) is not None
    elsewhere = repository.parent / "elsewhere"
    git("worktree", "add", "-q", "-b", "elsewhere", str(elsewhere), cwd=repository, environment=daemon.environment)
    git("worktree", "lock", "--reason", "agor at /other: a session runs here", str(elsewhere), cwd=repository)
    with start_daemon() as daemon:
        assert lock_of(folder, repository) is None
        assert lock_of(str(elsewhere), repository) is not None
        status, error = daemon.request("DELETE", f"/worktrees/{session['worktree_id']}")
        assert (status, error["data"]["report"]["untracked"]) == (409, ["work.txt"])


def test_a_run_is_followed_by_a_look(start_daemon: Any, repository: Path) -> None:
    """What an agent left in its worktree is announced without anybody asking for a list."""
    with start_daemon() as daemon:
        session = start_session(daemon, repository)
        task = daemon.call("POST", f"/sessions/{session['session_id']}/prompt", {"prompt": "quick"})
        wait_for_task(daemon, task["task_id"])
        asked = "/events?path=worktrees&event=patched"
        until(lambda: daemon.call("GET", asked)["data"])
        events = daemon.call("GET", asked)["data"]
        assert (events[0]["record_id"], events[0]["payload"]["dirty"]) == (session["worktree_id"], True)


def test_a_prompt_and_a_removal_at_once(start_daemon: Any, repository: Path) -> None:
    """Either the session runs and the worktree stays, or the worktree goes and the task says that it is gone."""
    with start_daemon() as daemon, ThreadPoolExecutor(2) as pool:
        outcomes = []
        for number in range(6):
            session = start_session(daemon, repository, f"w{number}")
            prompting = pool.submit(
                daemon.request, "POST", f"/sessions/{session['session_id']}/prompt", {"prompt": "quick"}
            )
            removed, _ = daemon.request("DELETE", f"/worktrees/{session['worktree_id']}")
            _, task = prompting.result()
            task = wait_for_task(daemon, task["task_id"])
            folder = Path(session["repo"]["cwd"])
            outcomes.append((removed, task["status"], folder.exists(), (task["error"] or {}).get("kind")))
            assert not folder.exists() or (folder / "quick.txt").exists()
        assert set(outcomes) <= {(409, "completed", True, None), (200, "failed", False, "cwd_missing")}, outcomes
