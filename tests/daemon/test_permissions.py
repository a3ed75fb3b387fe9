"""Agents ask, people answer: on every screen at once, and the first answer counts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.daemon.conftest import pending, start_session, wait_for_task
from tests.support.daemon import running_daemon

ASKING = {"write": {"path": "asked.txt", "content": "yes"}, "ask": True}


@pytest.mark.parametrize("allow", [True, False])
def test_an_answer_reaches_the_agent(
    repository: Path, tmp_path: Path, environment: Any, scenario: Any, allow: bool
) -> None:
    """While a question waits the task says so; yes lets the tool run, no does not; a second answer is a conflict."""
    scenario({"steps": [ASKING, {"text": "Done."}]})
    with running_daemon(tmp_path, environment=environment) as daemon:
        session = start_session(daemon, repository)
        task = daemon.call("POST", f"/sessions/{session['session_id']}/prompt", {"prompt": "write it"})
        question = pending(daemon)
        assert question["task_id"] == task["task_id"]
        assert question["tool_name"] == "Write"
        assert daemon.call("GET", f"/tasks/{task['task_id']}")["status"] == "awaiting_permission"
        assert daemon.call("GET", f"/sessions/{session['session_id']}")["status"] == "awaiting_permission"
        path = f"/permissions/{question['request_id']}/decide"
        decided = daemon.call("POST", path, {"allow": allow, "reason": "because"})
        assert decided["status"] == ("approved" if allow else "denied")
        status, error = daemon.request("POST", path, {"allow": not allow})
        assert (status, error["name"]) == (409, "Conflict")
        assert wait_for_task(daemon, task["task_id"])["status"] == "completed"
        assert Path(session["repo"]["cwd"], "asked.txt").exists() is allow


def test_stopping_cancels_the_question(repository: Path, tmp_path: Path, environment: Any, scenario: Any) -> None:
    """A task that waits for an answer can be stopped; its question is cancelled and cannot be answered any more."""
    scenario({"steps": [ASKING]})
    with running_daemon(tmp_path, environment=environment) as daemon:
        session = start_session(daemon, repository)
        daemon.call("POST", f"/sessions/{session['session_id']}/prompt", {"prompt": "write it"})
        question = pending(daemon)
        stopped = daemon.call("POST", f"/sessions/{session['session_id']}/stop", {})
        assert stopped["status"] == "stopped"
        record = daemon.call("GET", f"/permissions/{question['request_id']}")
        assert record["status"] == "cancelled"
        assert daemon.request("POST", f"/permissions/{question['request_id']}/decide", {"allow": True})[0] == 409
