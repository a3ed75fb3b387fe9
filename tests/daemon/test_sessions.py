"""What a person does with sessions, through the front door: REST against a real daemon."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.daemon.conftest import start_session, wait_for_task
from tests.support.daemon import Daemon, running_daemon
from tests.support.repository import git


def test_a_prompt_runs_and_its_answer_is_kept(daemon: Daemon, repository: Path) -> None:
    """A prompt is answered at once with its task; the transcript then holds prompt and answer, densely numbered."""
    session = start_session(daemon, repository)
    status, task = daemon.request("POST", f"/sessions/{session['session_id']}/prompt", {"prompt": "add a README"})
    assert status == 201
    assert task["status"] == "running"
    assert task["taskId"] == task["task_id"]
    assert task["success"] is True
    done = wait_for_task(daemon, task["task_id"])
    assert done["status"] == "completed", done
    messages = daemon.call("GET", f"/messages?session_id={session['session_id']}")["data"]
    assert [message["role"] for message in messages] == ["user", "assistant"]
    assert [message["index"] for message in messages] == [0, 1]
    assert "add a README" in str(messages[1]["content"])
    assert {message["task_id"] for message in messages} == {task["task_id"]}


def test_a_task_knows_git_before_and_after(repository: Path, tmp_path: Path, environment: Any, scenario: Any) -> None:
    """A task stores the clean sha at its start, and at its end `-dirty` with what was changed."""
    scenario({"steps": [{"write": {"path": "README.md", "content": "# Demo\n"}}, {"text": "Written."}]})
    with running_daemon(tmp_path, environment=environment) as daemon:
        session = start_session(daemon, repository)
        task = daemon.call("POST", f"/sessions/{session['session_id']}/prompt", {"prompt": "add a README"})
        done = wait_for_task(daemon, task["task_id"])
        sha = git("rev-parse", "HEAD", cwd=repository)
        assert done["git_state"]["ref_at_start"] == "try-it"
        assert done["git_state"]["sha_at_start"] == sha
        assert done["git_state"]["sha_at_end"] == f"{sha}-dirty"
        assert done["git_state"]["files_changed"] == 1
        assert done["tool_use_count"] == 1
        worktree = Path(session["repo"]["cwd"])
        assert (worktree / "README.md").read_text() == "# Demo\n"
        assert not (repository / "README.md").exists()
        assert daemon.call("GET", f"/sessions/{session['session_id']}")["git_state"]["current_sha"] == f"{sha}-dirty"


def test_a_second_prompt_continues_the_conversation(daemon: Daemon, repository: Path) -> None:
    """The agent's own session is resumed, so it knows what was asked before."""
    session = start_session(daemon, repository)
    for prompt in ("add a README", "make it shorter"):
        task = daemon.call("POST", f"/sessions/{session['session_id']}/prompt", {"prompt": prompt})
        assert wait_for_task(daemon, task["task_id"])["status"] == "completed"
    messages = daemon.call("GET", f"/messages?session_id={session['session_id']}")["data"]
    assert len(messages) == 4
    assert "add a README" in str(messages[3]["content"])


def test_prompts_to_a_busy_session_wait_in_order(
    repository: Path, tmp_path: Path, environment: Any, scenario: Any
) -> None:
    """While one prompt runs the next ones are `created`; they run one after the other, in the order they came."""
    scenario(
        {"steps": [{"wait_s": 0.5}, {"text": "first"}]}, {"steps": [{"text": "second"}]}, {"steps": [{"text": "third"}]}
    )
    with running_daemon(tmp_path, environment=environment) as daemon:
        session = start_session(daemon, repository)
        path = f"/sessions/{session['session_id']}"
        tasks = [daemon.call("POST", f"{path}/prompt", {"prompt": word}) for word in ("one", "two", "three")]
        assert [task["status"] for task in tasks] == ["running", "created", "created"]
        waiting = daemon.call("GET", f"{path}/queue")
        assert [task["task_id"] for task in waiting["tasks"]] == [tasks[1]["task_id"], tasks[2]["task_id"]]
        assert waiting["paused"] is False
        ended = [wait_for_task(daemon, task["task_id"]) for task in tasks]
        assert [task["status"] for task in ended] == ["completed"] * 3
        ranges = [(task["message_range"]["start_index"], task["message_range"]["end_index"]) for task in ended]
        assert ranges == [(0, 1), (2, 3), (4, 5)]


def test_a_stopped_task_pauses_the_queue(repository: Path, tmp_path: Path, environment: Any, scenario: Any) -> None:
    """Stop ends the run, leaves the session idle, and the queue paused with its reason until it is resumed."""
    scenario({"when": "one", "steps": [{"hang": True}]}, {"when": "two", "steps": [{"text": "later"}]})
    with running_daemon(tmp_path, environment=environment) as daemon:
        session = start_session(daemon, repository)
        path = f"/sessions/{session['session_id']}"
        first = daemon.call("POST", f"{path}/prompt", {"prompt": "one"})
        second = daemon.call("POST", f"{path}/prompt", {"prompt": "two"})
        stopped = daemon.call("POST", f"{path}/stop", {})
        assert stopped["task_id"] == first["task_id"]
        assert stopped["status"] == "stopped"
        assert stopped["error"]["kind"] == "stopped"
        assert daemon.call("GET", path)["status"] == "idle"
        queue = daemon.call("GET", f"{path}/queue")
        assert queue["paused"] is True
        assert "stopped" in queue["reason"]
        assert daemon.call("GET", f"/tasks/{second['task_id']}")["status"] == "created"
        daemon.call("POST", f"{path}/queue", {"resume": True})
        assert wait_for_task(daemon, second["task_id"])["status"] == "completed"
        status, error = daemon.request("POST", f"{path}/stop", {})
        assert (status, error["name"]) == (409, "Conflict")


def test_an_agent_that_has_lost_the_conversation_is_told_what_is_stored(
    repository: Path, tmp_path: Path, environment: Any, scenario: Any
) -> None:
    """The task says so where a client can read it; going on from history asks the same again, before all that waits."""
    lost = {"kind": "unknown", "message": "no such conversation", "history_lost": True}
    scenario({"steps": [{"text": "first"}]}, {"steps": [{"error": lost}]}, {"steps": [{"text": "after ${previous}"}]})
    with running_daemon(tmp_path, environment=environment) as daemon:
        session = start_session(daemon, repository)
        path = f"/sessions/{session['session_id']}"
        wait_for_task(daemon, daemon.call("POST", f"{path}/prompt", {"prompt": "one"})["task_id"])
        asked = {"prompt": "two", "denied_tools": ["Bash"]}
        failed = wait_for_task(daemon, daemon.call("POST", f"{path}/prompt", asked)["task_id"])
        said = {"kind": "unknown", "message": "no such conversation", "reason": "history_lost", "retry_at": None}
        assert failed["error"] == said
        status, error = daemon.request("POST", f"{path}/resume", {"from_history": "perhaps"})
        assert (status, error["name"]) == (400, "BadRequest")
        assert daemon.call("GET", f"/tasks?session_id={session['session_id']}")["total"] == 2
        resumed = daemon.call("POST", f"{path}/resume", {"from_history": True})
        assert (resumed["full_prompt"], resumed["from_history"]) == ("two", True)
        assert resumed["denied_tools"] == ["Bash"]
        done = wait_for_task(daemon, resumed["task_id"])
        assert (done["status"], done["error"]) == ("completed", None)
        answer = daemon.call("GET", f"/messages?task_id={done['task_id']}")["data"][-1]
        assert answer["content"] == [{"type": "text", "text": "after two"}]


def test_a_failed_run_says_why(repository: Path, tmp_path: Path, environment: Any, scenario: Any) -> None:
    """An error of the agent ends in a failed task with a kind and a message, and a failed session that can go on."""
    scenario(
        {"steps": [{"error": {"kind": "overloaded", "message": "try again later"}}]}, {"steps": [{"text": "better"}]}
    )
    with running_daemon(tmp_path, environment=environment) as daemon:
        session = start_session(daemon, repository)
        path = f"/sessions/{session['session_id']}"
        task = daemon.call("POST", f"{path}/prompt", {"prompt": "one"})
        failed = wait_for_task(daemon, task["task_id"])
        assert failed["status"] == "failed"
        assert failed["error"] == {"kind": "overloaded", "message": "try again later", "reason": None, "retry_at": None}
        assert daemon.call("GET", path)["status"] == "failed"
        again = daemon.call("POST", f"{path}/prompt", {"prompt": "two"})
        assert wait_for_task(daemon, again["task_id"])["status"] == "completed"
        assert daemon.call("GET", path)["status"] == "idle"


def test_a_vanished_folder_is_told(daemon: Daemon, repository: Path) -> None:
    """A worktree that is gone from disk fails the task with `cwd_missing`; nothing runs in another checkout."""
    session = start_session(daemon, repository)
    git("worktree", "remove", "--force", session["repo"]["cwd"], cwd=repository)
    task = daemon.call("POST", f"/sessions/{session['session_id']}/prompt", {"prompt": "hello"})
    failed = wait_for_task(daemon, task["task_id"])
    assert failed["status"] == "failed"
    assert failed["error"]["kind"] == "cwd_missing"


def test_a_killed_daemon_leaves_no_task_running(
    repository: Path, tmp_path: Path, environment: Any, scenario: Any
) -> None:
    """After a kill, the next start fails what ran as `interrupted`, keeps what was stored, and the session goes on."""
    scenario({"when": "one", "steps": [{"hang": True}]}, {"when": "two", "steps": [{"text": "again"}]})
    with running_daemon(tmp_path, environment=environment) as daemon:
        session = start_session(daemon, repository)
        path = f"/sessions/{session['session_id']}"
        task = daemon.call("POST", f"{path}/prompt", {"prompt": "one"})
        daemon.kill()
    with running_daemon(tmp_path, environment=environment) as daemon:
        failed = daemon.call("GET", f"/tasks/{task['task_id']}")
        assert failed["status"] == "failed"
        assert failed["error"]["kind"] == "interrupted"
        assert daemon.call("GET", path)["status"] == "failed"
        assert daemon.call("GET", f"/messages?session_id={session['session_id']}")["data"][0]["content"] == "one"
        again = daemon.call("POST", f"{path}/prompt", {"prompt": "two"})
        assert wait_for_task(daemon, again["task_id"])["status"] == "completed"


def test_a_stopped_daemon_ends_its_runs(repository: Path, tmp_path: Path, environment: Any, scenario: Any) -> None:
    """SIGTERM ends runs as `interrupted`, exits 0, and takes back what it said about itself."""
    scenario({"steps": [{"hang": True}]})
    with running_daemon(tmp_path, environment=environment) as daemon:
        session = start_session(daemon, repository)
        task = daemon.call("POST", f"/sessions/{session['session_id']}/prompt", {"prompt": "one"})
        assert daemon.stop() == 0
        assert not (daemon.home / "daemon.json").exists()
    with running_daemon(tmp_path, environment=environment) as daemon:
        assert daemon.call("GET", f"/tasks/{task['task_id']}")["error"]["kind"] == "interrupted"


def test_an_agent_that_is_gone_fails_its_task(repository: Path, tmp_path: Path, environment: Any) -> None:
    """A session whose agent is no longer configured fails its next task with words, and never stays running."""
    environment["AGOR_AGENTS_HOUSE_COMMAND"] = "no-such-program acp"
    with running_daemon(tmp_path, environment=environment) as daemon:
        session = start_session(daemon, repository, agent="house")
    del environment["AGOR_AGENTS_HOUSE_COMMAND"]
    with running_daemon(tmp_path, environment=environment) as daemon:
        task = daemon.call("POST", f"/sessions/{session['session_id']}/prompt", {"prompt": "hello"})
        failed = wait_for_task(daemon, task["task_id"])
        assert (failed["status"], failed["error"]["kind"]) == ("failed", "no_cli")
        assert "house" in failed["error"]["message"]
        assert daemon.call("GET", f"/sessions/{session['session_id']}")["status"] == "failed"
