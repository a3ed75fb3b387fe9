"""A daemon with a repository, a worktree and a session in it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, TypeVar

import pytest

from tests.support.daemon import Caller, Daemon, running_daemon

T = TypeVar("T")

# An agent of Node starts in seconds, beside everything else on two cores.
WAIT_LIMIT_S = 120

Playing = Callable[..., AbstractContextManager[Daemon]]


def pending(daemon: Caller) -> dict[str, Any]:
    """The question that waits for an answer, once it is asked."""
    give_up_at = time.monotonic() + WAIT_LIMIT_S
    while time.monotonic() < give_up_at:
        if found := daemon.call("GET", "/permissions?status=pending")["data"]:
            question: dict[str, Any] = found[0]
            return question
        time.sleep(0.02)
    raise AssertionError(f"no question was asked\n{daemon.log}")


def until(holds: Callable[[], T | None]) -> T:
    """Return once it holds: what it came to."""
    give_up_at = time.monotonic() + 2 * WAIT_LIMIT_S
    while not (found := holds()):
        assert time.monotonic() < give_up_at
        time.sleep(0.02)
    return found


def wait_for_task(daemon: Caller, task_id: str, *statuses: str) -> dict[str, Any]:
    """The task once it has one of `statuses`; by default, once it has ended."""
    wanted = statuses or ("completed", "failed", "stopped")
    give_up_at = time.monotonic() + WAIT_LIMIT_S
    while time.monotonic() < give_up_at:
        task: dict[str, Any] = daemon.call("GET", f"/tasks/{task_id}")
        if task["status"] in wanted:
            return task
        time.sleep(0.02)
    raise AssertionError(f"task did not become {wanted}: {task}\n{daemon.log}")


def start_session(daemon: Caller, repository: Path, name: str = "try-it", **fields: Any) -> dict[str, Any]:
    """A session of the scripted agent in a new worktree; the repository is registered if it is not yet."""
    known = daemon.call("GET", "/repos")["data"]
    repo = known[0] if known else daemon.call("POST", "/repos", {"local_path": str(repository)})
    worktree = daemon.call("POST", "/worktrees", {"repo_id": repo["repo_id"], "name": name})
    data = {"agent": "scripted", "worktree_id": worktree["worktree_id"], **fields}
    session: dict[str, Any] = daemon.call("POST", "/sessions", data)
    return session


@pytest.fixture
def scenario(environment: dict[str, str], tmp_path: Path) -> Any:
    """Writes the scenario that the scripted agent plays; call it before the daemon starts."""

    def write(*turns: dict[str, Any]) -> None:
        path = tmp_path / "scenario.json"
        path.write_text(json.dumps({"turns": list(turns)}))
        environment["AGOR_AGENTS_SCRIPTED_SCENARIO"] = str(path)

    return write


@pytest.fixture
def playing(tmp_path: Path, environment: dict[str, str], scenario: Any) -> Playing:
    """Runs a daemon on the test's home whose scripted agent plays these turns; without any, those of before."""

    def run(*turns: dict[str, Any]) -> AbstractContextManager[Daemon]:
        if turns:
            scenario(*turns)
        return running_daemon(tmp_path, environment=environment)

    return run
