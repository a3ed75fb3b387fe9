"""After a daemon's death: nothing runs on, nothing is lost, questions can be answered, and everything can go on."""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Agor
from tests.daemon.conftest import Playing, pending, start_session, until, wait_for_task
from tests.support.claude import claude_api, processes_in
from tests.support.daemon import Daemon, clean_environment, running_daemon

KILLS = 10
LATEST_KILL_S = 0.5

COMMAND = {"bash": {"command": "echo done >> said"}, "ask": True}
ASKING = [
    {"when": "^ask", "steps": [{"text": "May I?"}, COMMAND, {"text": "Done."}]},
    {"when": "interrupted", "steps": [COMMAND, {"text": "Went on."}]},
]

Restart = Callable[[], Any]


def prompt(daemon: Daemon, session: dict[str, Any], text: str, **more: Any) -> dict[str, Any]:
    task: dict[str, Any] = daemon.call("POST", f"/sessions/{session['session_id']}/prompt", {"prompt": text, **more})
    return task


def wait_for_a_process_in(folder: Path) -> None:
    until(lambda: processes_in(folder))


def session_now(daemon: Daemon, session: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = daemon.call("GET", f"/sessions/{session['session_id']}")
    return found


def last_task(daemon: Daemon, session: dict[str, Any]) -> dict[str, Any]:
    tasks = daemon.call("GET", f"/tasks?session_id={session['session_id']}&$sort[task_id]=-1&$limit=1")["data"]
    task: dict[str, Any] = tasks[0]
    return task


def messages_of(daemon: Daemon, session: dict[str, Any]) -> list[dict[str, Any]]:
    page = daemon.call("GET", f"/messages?session_id={session['session_id']}&$limit=1000")
    # A short id may become shorter, the older a record is.
    return [{name: value for name, value in message.items() if name != "short_id"} for message in page["data"]]


@pytest.mark.parametrize("end", ["kill", "stop"])
def test_a_question_outlives_the_daemon(repository: Path, end: str, playing: Playing) -> None:
    """Its task is `interrupted`, the session says so, and a yes makes it go on: the agent asks again, and is told."""
    with playing(*ASKING) as daemon:
        session = start_session(daemon, repository)
        asked = prompt(daemon, session, "ask me")
        waits = prompt(daemon, session, "and this later")
        question = pending(daemon)
        getattr(daemon, end)()
    with playing() as daemon:
        assert daemon.call("GET", f"/tasks/{asked['task_id']}")["error"]["kind"] == "interrupted"
        assert session_now(daemon, session)["status"] == "failed"
        assert pending(daemon)["request_id"] == question["request_id"]
        decided = daemon.call("POST", f"/permissions/{question['request_id']}/decide", {"allow": True})
        assert decided["status"] == "approved"
        assert wait_for_task(daemon, waits["task_id"])["status"] == "completed"
        first, waiting, going_on = daemon.call("GET", f"/tasks?session_id={session['session_id']}")["data"]
        assert [first["status"], waiting["status"], going_on["status"]] == ["failed", "completed", "completed"]
        assert going_on["answers_request_id"] == question["request_id"]
        assert going_on["message_range"]["end_index"] < waiting["message_range"]["start_index"]
        again = daemon.call("GET", f"/permissions?task_id={going_on['task_id']}")["data"]
        assert [(one["status"], one["rule_request_id"]) for one in again] == [("approved", question["request_id"])]
        assert Path(session["repo"]["cwd"], "said").read_text() == "done\n"
        assert session_now(daemon, session)["status"] == "idle"
        status, error = daemon.request("POST", f"/permissions/{question['request_id']}/decide", {"allow": False})
        assert (status, error["name"]) == (409, "Conflict")


def test_a_no_after_the_interruption_is_told_with_its_reason(repository: Path, playing: Playing) -> None:
    """The agent goes on with the reason, and is refused if it tries again nevertheless."""
    with playing(*ASKING) as daemon:
        session = start_session(daemon, repository)
        prompt(daemon, session, "ask me")
        question = pending(daemon)
        daemon.kill()
    with playing() as daemon:
        answer = {"allow": False, "reason": "not on a Friday"}
        daemon.call("POST", f"/permissions/{question['request_id']}/decide", answer)
        task = wait_for_task(daemon, last_task(daemon, session)["task_id"])
        assert task["status"] == "completed"
        assert "not on a Friday" in task["full_prompt"]
        (again,) = daemon.call("GET", f"/permissions?task_id={task['task_id']}")["data"]
        assert again["status"] == "denied"
        assert not Path(session["repo"]["cwd"], "said").exists()


def test_a_changed_answer_is_carried_over_and_only_once(repository: Path, playing: Playing) -> None:
    """What a person changed in the input is what runs after the interruption; a second question is asked again."""
    with playing(
        {"when": "^ask", "steps": [COMMAND]}, {"when": "interrupted", "steps": [COMMAND, COMMAND, {"text": "Done."}]}
    ) as daemon:
        session = start_session(daemon, repository)
        prompt(daemon, session, "ask me")
        question = pending(daemon)
        daemon.kill()
    with playing() as daemon:
        answer = {"allow": True, "updated_input": {"command": "echo mine >> said"}}
        daemon.call("POST", f"/permissions/{question['request_id']}/decide", answer)
        second = pending(daemon)
        assert second["rule_request_id"] is None
        assert Path(session["repo"]["cwd"], "said").read_text() == "mine\n"
        daemon.call("POST", f"/permissions/{second['request_id']}/decide", {"allow": True})
        assert wait_for_task(daemon, second["task_id"])["status"] == "completed"
        assert Path(session["repo"]["cwd"], "said").read_text() == "mine\ndone\n"


@pytest.mark.parametrize("how", ["prompt", "stop", "resume"])
def test_a_question_left_behind_can_be_withdrawn(repository: Path, how: str, playing: Playing) -> None:
    """Whoever goes on without answering it, or stops the session, takes it off every screen."""
    with playing(*ASKING, {"when": "something else", "steps": [{"text": "Done."}]}) as daemon:
        session = start_session(daemon, repository)
        prompt(daemon, session, "ask me")
        question = pending(daemon)
        daemon.kill()
    with playing() as daemon:
        path = f"/sessions/{session['session_id']}/{how}"
        daemon.call("POST", path, {"prompt": "something else"} if how == "prompt" else {})
        found = daemon.call("GET", f"/permissions/{question['request_id']}")
        assert found["status"] == "cancelled"
        assert found["reason"]
        if how == "resume":  # the agent asks anew
            assert pending(daemon)["task_id"] != question["task_id"]


def test_all_that_was_interrupted_goes_on_with_one_command(
    repository: Path, tmp_path: Path, environment: Any, playing: Playing
) -> None:
    """The log and `agor status` name what was found and done; `session resume --interrupted` continues it all."""
    with playing({"when": "^work", "steps": [{"text": "On it."}, {"bash": {"command": "sleep 300"}}]}) as daemon:
        agor = Agor(repository, environment)
        sessions = [start_session(daemon, repository, name) for name in ("a", "b", "c")]
        for session in sessions:
            prompt(daemon, session, "work")
            wait_for_a_process_in(Path(session["repo"]["cwd"]))
        agor("session", "stop", sessions[2]["session_id"])
        daemon.kill()
    with playing() as daemon:
        assert not processes_in(tmp_path / "home")
        assert "2 task(s) failed as interrupted" in daemon.log
        assert "2 process(es) ended" in daemon.log
        told = agor("status").out
        assert "2 tasks were interrupted, 2 processes were ended" in told
        assert "session resume --interrupted" in told
        resumed = agor("session", "resume", "--interrupted", "--json").json["resumed"]
        ids = {session["session_id"] for session in sessions[:2]}
        assert {task["session_id"] for task in resumed} == ids
        for task in resumed:
            done = wait_for_task(daemon, task["task_id"])
            assert done["status"] == "completed"
            assert "interrupted" in done["full_prompt"]
        assert "Nothing was interrupted" in agor("session", "resume", "--interrupted").out
        assert agor("status", "--json").json["interrupted"] == 0
        # One that was stopped goes on when it is named; one that is done has nothing to go on with.
        assert "goes on" in agor("session", "resume", sessions[2]["session_id"]).out
        until(lambda: session_now(daemon, sessions[2])["status"] == "idle")
        assert "nothing was broken off" in agor("session", "resume", sessions[2]["session_id"], code=1).err


def test_a_claude_that_asked_goes_on_after_a_kill(
    repository: Path, tmp_path: Path, environment: Any, playing: Playing
) -> None:
    """The real CLI, resumed, asks the same again and is answered from what was decided meanwhile."""
    write = {"tool": "Write", "input": {"file_path": "${cwd}/a.txt", "content": "theirs"}}
    rules = (
        {"when": {"tool_result": "Write"}, "reply": [{"text": "Written."}]},
        {"when": {"user": "make a file"}, "reply": [{"text": "I will."}, write]},
        {"when": {"user": "It is given now"}, "reply": [write]},
    )
    with claude_api(*rules) as fake:
        environment.update(fake.environment(config_dir=tmp_path / "claude"))
        with playing() as daemon:
            session = start_session(daemon, repository, agent="claude-code", permission_config={"mode": "default"})
            prompt(daemon, session, "make a file")
            question = pending(daemon)
            assert question["rules"] == ["Edit(./**)"]
            daemon.kill()
        with playing() as daemon:
            assert not processes_in(Path(session["repo"]["cwd"]))
            daemon.call("POST", f"/permissions/{question['request_id']}/decide", {"allow": True})
            task = wait_for_task(daemon, last_task(daemon, session)["task_id"])
            assert task["status"] == "completed", task
            assert Path(session["repo"]["cwd"], "a.txt").read_text() == "theirs"
            said = messages_of(daemon, session)
            assert "Written." in str(said[-1]["content"])
            assert [message["index"] for message in said] == list(range(len(said)))
        assert any("make a file" in asked.whole and "It is given now" in asked.user for asked in fake.asked)


def test_what_runs_elsewhere_is_imported_as_interrupted(
    repository: Path, tmp_path: Path, environment: dict[str, str], playing: Playing
) -> None:
    """A daemon that goes on meanwhile has it failed at once, not running for ever; the agent it is of is let be."""
    with playing({"when": "long", "steps": [{"bash": {"command": "sleep 600"}}]}) as there:
        session = start_session(there, repository)
        folder = Path(session["repo"]["cwd"])
        task = prompt(there, session, "long")
        prompt(there, session, "and then")
        wait_for_a_process_in(folder)
        Agor(tmp_path, environment)("db", "export", "all.jsonl")
        elsewhere = clean_environment(tmp_path / "elsewhere")
        with running_daemon(tmp_path, environment=elsewhere) as here:
            Agor(tmp_path, elsewhere)("db", "import", "all.jsonl")
            found = here.call("GET", f"/tasks/{task['task_id']}")
            assert (found["status"], found["error"]["kind"]) == ("failed", "interrupted")
            now = session_now(here, session)
            assert now["status"] == "failed"
            assert "elsewhere" in now["queue_paused"]
        with running_daemon(tmp_path, environment=elsewhere) as here:
            assert [one["status"] for one in here.call("GET", "/tasks")["data"]].count("failed") == 1
            assert processes_in(folder)
        assert session_now(there, session)["status"] == "running"
        there.call("POST", f"/sessions/{session['session_id']}/stop", {})
        until(lambda: not processes_in(folder))


# Thirty kills in all, in three parts that can run beside each other.
@pytest.mark.parametrize(("seed", "claude_kill"), [(20_251_125, 6), (20_251_126, 5), (20_251_127, 4)])
def test_ten_kills(
    repository: Path, tmp_path: Path, environment: Any, scenario: Any, seed: int, claude_kill: int, playing: Playing
) -> None:
    """Killed at any point of a run, a daemon leaves no process, loses nothing it told, and every session goes on."""
    tick = "while :; do echo tick >> ticks; sleep 0.02; done"
    scenario(
        {"when": "^talk", "steps": [{"text": "word " * 40, "pace_s": 0.005}, {"text": "more " * 40, "pace_s": 0.005}]},
        {"when": "^work", "steps": [{"text": "Working."}, {"bash": {"command": tick}}]},
        {"when": "^ask", "steps": [{"thinking": "hm " * 5}, COMMAND]},
        {"when": "^end", "steps": [{"text": "Done."}]},
    )
    bash = {"tool": "Bash", "input": {"command": tick, "description": "tick"}}
    chance = random.Random(seed)
    with claude_api({"when": {"user": "^work"}, "reply": [{"text": "On it."}, bash]}) as fake:
        environment.update(fake.environment(config_dir=tmp_path / "claude"))
        sessions: dict[str, dict[str, Any]] = {}
        told: dict[str, dict[str, Any]] = {}
        tasks: set[str] = set()
        left: dict[int, str] = {}
        for kill in range(KILLS + 1):
            with playing() as daemon:
                if not sessions:
                    sessions = {word: start_session(daemon, repository, word) for word in ("talk", "work", "ask")}
                    tools = {"permission_config": {"mode": "default", "allowed_tools": ["Bash"]}}
                    sessions["claude"] = start_session(daemon, repository, "claude", agent="claude-code", **tools)
                # A prompt that was only taken down when the kill came runs by now; what ran then does not.
                assert not left.keys() & processes_in(tmp_path / "home").keys(), left
                _check(daemon, sessions, told, tasks)
                if kill == KILLS:
                    break
                for word in ("talk", "work", "ask", "end"):
                    session = sessions.get(word, sessions["talk"])
                    daemon.call("POST", f"/sessions/{session['session_id']}/queue", {"resume": True})
                    tasks.add(prompt(daemon, session, word)["task_id"])
                if kill == claude_kill:
                    tasks.add(prompt(daemon, sessions["claude"], "work")["task_id"])
                    place = Path(sessions["claude"]["repo"]["cwd"], "ticks")
                    place.unlink(missing_ok=True)
                    until(place.exists)
                time.sleep(chance.uniform(0, LATEST_KILL_S))
                for session in sessions.values():
                    told.update((message["message_id"], message) for message in messages_of(daemon, session))
                daemon.process.send_signal(signal.SIGKILL)
                daemon.process.wait()
                left = processes_in(tmp_path / "home")
        with playing() as daemon:
            for session in list(sessions.values())[:3]:
                daemon.call("POST", f"/sessions/{session['session_id']}/queue", {"resume": True})
                assert wait_for_task(daemon, prompt(daemon, session, "end")["task_id"])["status"] == "completed"


def _check(
    daemon: Daemon,
    sessions: dict[str, dict[str, Any]],
    told: dict[str, dict[str, Any]],
    tasks: set[str],
) -> None:
    """What holds right after a start."""
    started_at = daemon.call("GET", "/health")["started_at"]
    stored: dict[str, dict[str, Any]] = {}
    for session in sessions.values():
        messages = messages_of(daemon, session)
        assert [message["index"] for message in messages] == list(range(len(messages)))
        stored.update((message["message_id"], message) for message in messages)
    for id, message in told.items():
        assert stored[id] == message
    found = {task["task_id"]: task for task in daemon.call("GET", "/tasks?$limit=1000")["data"]}
    for id in tasks:
        task = found[id]
        if task["status"] in ("running", "awaiting_permission"):
            assert task["started_at"] >= started_at, task
        elif task["status"] == "failed":
            assert task["error"]["kind"] == "interrupted", task
