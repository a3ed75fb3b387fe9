"""What the change log says of the product's changes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.daemon.conftest import start_session, wait_for_task
from tests.support.daemon import Caller, Daemon

Line = tuple[str, str]


def lines(daemon: Caller, after: int = 0) -> list[dict[str, Any]]:
    """The change log after `after`, oldest first."""
    events: list[dict[str, Any]] = daemon.call("GET", f"/events?seq[$gt]={after}&$sort[seq]=1&$limit=5000")["data"]
    return events


def test_every_change_is_announced_once_in_order(daemon: Daemon, repository: Path) -> None:
    """A prompt's changes are in the log without a gap: task before run, run before answer, end last."""
    session = start_session(daemon, repository)
    before = lines(daemon)[-1]["seq"]
    task = daemon.call("POST", f"/sessions/{session['session_id']}/prompt", {"prompt": "hello"})
    wait_for_task(daemon, task["task_id"])
    after = lines(daemon, before)
    assert [event["seq"] for event in after] == list(range(before + 1, before + 1 + len(after)))
    assert [(event["path"], event["event"]) for event in after] == [
        ("tasks", "created"),
        ("tasks", "patched"),  # running
        ("sessions", "patched"),  # running
        ("messages", "created"),  # the prompt
        ("tasks", "patched"),  # git at its start
        ("messages", "created"),  # the answer
        ("tasks", "patched"),  # completed
        ("sessions", "patched"),  # idle
    ]
    assert after[-1]["payload"]["status"] == "idle"
    assert after[-1]["payload"]["message_count"] == 2


def test_a_worktree_is_announced_when_it_is_there_and_not_before(daemon: Daemon, repository: Path) -> None:
    """A worktree that could be made is one event, one that could not is none."""
    session = start_session(daemon, repository)
    seen = [event for event in lines(daemon) if event["path"] == "worktrees"]
    assert [event["event"] for event in seen] == ["created"]
    assert seen[0]["payload"]["status"] == "ready"
    bad = {"repo_id": session["repo"]["repo_id"], "name": "other", "ref": "no-such-ref"}
    assert daemon.request("POST", "/worktrees", bad)[0] >= 400
    assert [event for event in lines(daemon) if event["path"] == "worktrees"] == seen


def test_deleting_a_session_announces_all_that_goes_with_it(daemon: Daemon, repository: Path) -> None:
    """Session, tasks and messages that are deleted together are each announced as removed."""
    session = start_session(daemon, repository)
    task = daemon.call("POST", f"/sessions/{session['session_id']}/prompt", {"prompt": "hello"})
    wait_for_task(daemon, task["task_id"])
    before = lines(daemon)[-1]["seq"]
    daemon.call("DELETE", f"/sessions/{session['session_id']}")
    removed = [event["path"] for event in lines(daemon, before) if event["event"] == "removed"]
    assert sorted(removed) == ["messages", "messages", "sessions", "tasks"]


def test_a_board_goes_and_its_sessions_stay(daemon: Daemon) -> None:
    """Deleting a board leaves its sessions, on no board, and says so."""
    board = daemon.call("POST", "/boards", {"name": "Work"})
    session = daemon.call("POST", "/sessions", {"agent": "scripted", "board_id": "work"})
    assert session["board_id"] == board["board_id"]
    daemon.call("DELETE", f"/boards/{board['board_id']}")
    assert daemon.call("GET", f"/sessions/{session['session_id']}")["board_id"] is None
    last = [event for event in lines(daemon) if event["path"] == "sessions"][-1]
    assert (last["event"], last["payload"]["board_id"]) == ("patched", None)
