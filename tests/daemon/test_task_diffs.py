"""What exactly a task did, and a fork that starts from there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.daemon.conftest import Playing, start_session, wait_for_task
from tests.support.daemon import Daemon
from tests.support.repository import git

TURNS = (
    {"when": "^first", "steps": [{"write": {"path": "one.txt", "content": "one\n"}}, {"text": "Done."}]},
    {"when": "^second", "steps": [{"write": {"path": "two.txt", "content": "two\n"}}, {"text": "Done."}]},
)


def run(daemon: Daemon, session_id: str, prompt: str) -> dict[str, Any]:
    """The task of a prompt, once it has completed."""
    task = daemon.call("POST", f"/sessions/{session_id}/prompt", {"prompt": prompt})
    done = wait_for_task(daemon, task["task_id"])
    assert done["status"] == "completed", done
    return done


def changed(daemon: Daemon, task: dict[str, Any]) -> list[str]:
    """The files a task changed."""
    return [file["path"] for file in daemon.call("GET", f"/tasks/{task['task_id']}/diff")["files"]]


def test_a_diff_is_the_tasks_own(repository: Path, playing: Playing) -> None:
    """Each of two tasks shows its own file and no other's, also after later edits and when the worktree is gone."""
    with playing(*TURNS) as daemon:
        session = start_session(daemon, repository)
        folder = Path(session["repo"]["cwd"])
        (folder / "mine.txt").write_text("from before\n")
        first = run(daemon, session["session_id"], "first")
        second = run(daemon, session["session_id"], "second")
        assert [first["git_state"]["files_changed"], second["git_state"]["files_changed"]] == [1, 1]
        (folder / "later.txt").write_text("from afterwards\n")
        assert changed(daemon, first) == ["one.txt"]
        assert changed(daemon, second) == ["two.txt"]
        patch = daemon.call("GET", f"/tasks/{second['task_id']}/diff")["files"][0]["patch"]
        assert "+two" in patch
        path = f"/worktrees/{session['worktree_id']}"
        token = daemon.request("DELETE", path)[1]["data"]["token"]
        daemon.call("DELETE", f"{path}?force={token}")
        assert changed(daemon, first) == ["one.txt"]


def test_a_snapshot_that_a_diff_needs_is_kept(repository: Path, playing: Playing) -> None:
    """Dropping it is refused with the tasks it is for, until it is forced; then their diffs say why they are gone."""
    with playing(*TURNS) as daemon:
        session = start_session(daemon, repository)
        path = f"/worktrees/{session['worktree_id']}/snapshots"
        first = run(daemon, session["session_id"], "first")
        second = run(daemon, session["session_id"], "second")
        for end in ("start_snapshot_id", "end_snapshot_id"):
            status, refusal = daemon.request("DELETE", f"{path}/{second['git_state'][end]}")
            assert (status, refusal["data"]["is_last"]) == (409, False)
            wanted = {"task_id": second["task_id"], "session_id": session["session_id"], "description": "second"}
            assert refusal["data"]["tasks"] == [wanted]
        assert changed(daemon, second) == ["two.txt"]
        last = second["git_state"]["end_snapshot_id"]
        assert daemon.call("DELETE", f"{path}/{last}?force=true")["snapshot_id"] == last
        assert changed(daemon, first) == ["one.txt"]
        status, lost = daemon.request("GET", f"/tasks/{second['task_id']}/diff")
        assert (status, "is there no more" in lost["message"]) == (404, True)


def test_a_fork_starts_where_its_task_ended(repository: Path, playing: Playing) -> None:
    """A fork with a worktree of its own has what was uncommitted when the task ended, and nothing that came later."""
    with playing(*TURNS) as daemon:
        session = start_session(daemon, repository)
        first = run(daemon, session["session_id"], "first")
        run(daemon, session["session_id"], "second")
        data = {"task_id": first["task_id"], "worktree": {"name": "other"}}
        fork = daemon.call("POST", f"/sessions/{session['session_id']}/fork", data)
        folder = Path(fork["repo"]["cwd"])
        assert (folder / "one.txt").read_text() == "one\n"
        assert not (folder / "two.txt").exists()
        assert git("branch", "--show-current", cwd=folder) == "other"
        assert git("status", "--porcelain", cwd=folder) == "?? one.txt"
