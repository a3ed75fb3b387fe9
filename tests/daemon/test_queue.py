"""The prompts that wait: visible, in order, changed, taken out, put off; and sessions that wait for a free place."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Agor
from tests.daemon.conftest import start_session, wait_for_task
from tests.support.claude import processes_in
from tests.support.daemon import Daemon, running_daemon

TURNS = [
    {"when": "^hold", "steps": [{"hang": True}]},
    {"when": "^fail", "steps": [{"error": {"kind": "overloaded", "message": "busy"}}]},
    {"when": "^tool", "steps": [{"bash": {"command": "sleep 300 & sleep 300"}}]},
]


def prompt(daemon: Daemon, session: dict[str, Any], text: str) -> str:
    return str(daemon.call("POST", f"/sessions/{session['session_id']}/prompt", {"prompt": text})["task_id"])


def prompts_waiting(daemon: Daemon, session: dict[str, Any]) -> list[str]:
    queue = daemon.call("GET", f"/sessions/{session['session_id']}/queue")
    return [task["full_prompt"] for task in queue["tasks"]]


def test_what_waits_can_be_changed(repository: Path, tmp_path: Path, environment: Any, scenario: Any) -> None:
    """A waiting prompt can be edited, moved and taken out, one that runs cannot; they run as they are in the end."""
    scenario(*TURNS)
    with running_daemon(tmp_path, environment=environment) as daemon:
        session = start_session(daemon, repository)
        path = f"/sessions/{session['session_id']}"
        running = prompt(daemon, session, "hold")
        one, two, three = (prompt(daemon, session, word) for word in ("one", "two", "three"))
        edited = daemon.call("PATCH", f"/tasks/{one}", {"full_prompt": "uno\nand more"})
        assert edited["description"] == "uno"
        assert daemon.request("PATCH", f"/tasks/{running}", {"full_prompt": "x"})[0] == 409
        assert daemon.request("DELETE", f"/tasks/{running}")[0] == 409
        daemon.call("DELETE", f"/tasks/{two}")
        for order in ([three], [three, one, two], [three, three], [one, running]):
            status, error = daemon.request("POST", f"{path}/queue", {"order": order})
            assert (status, error["name"]) == (400, "BadRequest")
        daemon.call("POST", f"{path}/queue", {"order": [three, one]})
        four = prompt(daemon, session, "four")
        assert prompts_waiting(daemon, session) == ["three", "uno\nand more", "four"]
        daemon.call("POST", f"{path}/stop", {})
        daemon.call("POST", f"{path}/queue", {"resume": True})
        started = [wait_for_task(daemon, task)["started_at"] for task in (three, one, four)]
        assert started == sorted(started)
        asked = daemon.call("GET", f"/messages?session_id={session['session_id']}&role=user")["data"]
        assert [message["content"] for message in asked] == ["hold", "three", "uno\nand more", "four"]


@pytest.mark.parametrize(("first", "reason"), [("fail", "failed"), ("hold", "stopped")])
def test_the_command_line_shows_and_steers_the_queue(
    repository: Path, tmp_path: Path, environment: Any, scenario: Any, first: str, reason: str
) -> None:
    """`agor session queue` says what waits, and why it does not go on; tasks are edited, moved, removed, resumed."""
    scenario(*TURNS)
    with running_daemon(tmp_path, environment=environment) as daemon:
        agor, session = Agor(repository, environment), start_session(daemon, repository)
        id = session["session_id"]
        holding = prompt(daemon, session, "hold")
        tasks = [prompt(daemon, session, word) for word in (first, "one", "two", "three")]
        assert "four" in agor("task", "edit", tasks[3], "four").out
        agor("task", "rm", tasks[2])
        agor("session", "queue", id, "--order", f"{tasks[0]},{tasks[3]},{tasks[1]}")
        assert "only a waiting one" in agor("task", "edit", holding, "x", code=1).err
        agor("session", "stop", id)
        agor("session", "queue", id, "--resume")
        wait_for_task(daemon, tasks[0], "failed", "running")
        if first == "hold":
            agor("session", "stop", id)
        wait_for_task(daemon, tasks[0])
        shown = agor("session", "queue", id).out
        assert reason in shown
        assert shown.index("four") < shown.index("one")
        assert "two" not in shown
        agor("session", "queue", id, "--resume")
        assert wait_for_task(daemon, tasks[1])["status"] == "completed"
        assert "Nothing waits" in agor("session", "queue", id).out


def test_places_are_given_in_turn(repository: Path, tmp_path: Path, environment: Any, scenario: Any) -> None:
    """With one place for three sessions, a session with many prompts does not keep the others waiting."""
    scenario(*TURNS)
    environment["AGOR_DAEMON_MAX_RUNS"] = "1"
    with running_daemon(tmp_path, environment=environment) as daemon:
        holder, busy, second, third = (start_session(daemon, repository, name) for name in "habc")
        prompt(daemon, holder, "hold")
        first = [prompt(daemon, busy, f"brief {n}") for n in range(3)]
        others = [prompt(daemon, second, "brief"), prompt(daemon, third, "brief")]
        daemon.call("POST", f"/sessions/{holder['session_id']}/stop", {})
        done = [wait_for_task(daemon, task) for task in (first[0], *others, first[1], first[2])]
        started = [task["started_at"] for task in done]
        assert started == sorted(started)
        for earlier, later in itertools.pairwise(done):
            assert earlier["completed_at"] <= later["started_at"]


def test_what_waits_for_a_place_can_be_stopped(
    repository: Path, tmp_path: Path, environment: Any, scenario: Any
) -> None:
    """It is `stopped` without ever having run, what waits behind it is paused, and others are not disturbed."""
    scenario(*TURNS)
    environment["AGOR_DAEMON_MAX_RUNS"] = "1"
    with running_daemon(tmp_path, environment=environment) as daemon:
        holder, session = start_session(daemon, repository, "a"), start_session(daemon, repository, "b")
        held = prompt(daemon, holder, "hold")
        waits, behind = prompt(daemon, session, "one"), prompt(daemon, session, "two")
        stopped = daemon.call("POST", f"/sessions/{session['session_id']}/stop", {})
        assert (stopped["task_id"], stopped["status"], stopped["error"]["kind"]) == (waits, "stopped", "stopped")
        queue = daemon.call("GET", f"/sessions/{session['session_id']}/queue")
        assert "stopped" in queue["reason"]
        assert [task["task_id"] for task in queue["tasks"]] == [behind]
        assert daemon.request("POST", f"/sessions/{session['session_id']}/stop", {})[0] == 409
        assert daemon.call("GET", f"/tasks/{held}")["status"] == "running"
        daemon.call("POST", f"/sessions/{holder['session_id']}/stop", {})
        daemon.call("POST", f"/sessions/{session['session_id']}/queue", {"resume": True})
        assert wait_for_task(daemon, behind)["status"] == "completed"
        assert daemon.call("GET", f"/messages?task_id={waits}")["total"] == 0


def test_stopping_inside_a_tool_leaves_no_process(
    repository: Path, tmp_path: Path, environment: Any, scenario: Any
) -> None:
    """When the stop is answered, the tool's whole process group is gone."""
    scenario(*TURNS)
    with running_daemon(tmp_path, environment=environment) as daemon:
        session = start_session(daemon, repository)
        place = Path(session["repo"]["cwd"])
        prompt(daemon, session, "tool")
        while len(processes_in(place)) < 2:
            assert daemon.call("GET", f"/sessions/{session['session_id']}")["status"] in ("idle", "running")
        assert daemon.call("POST", f"/sessions/{session['session_id']}/stop", {})["status"] == "stopped"
        assert not processes_in(place)
