"""The real Claude CLI through a real daemon: what a session says reaches the model, what the model says is stored."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agor_core.agents.claude_code.transcript import find_transcript
from tests.daemon.conftest import until, wait_for_task
from tests.fake_anthropic import FakeAnthropic, ModelRequest
from tests.support.daemon import Daemon, clean_environment, running_daemon

pytestmark = pytest.mark.claude

SONNET, HAIKU = "claude-sonnet-4-5-20250929", "claude-haiku-4-5-20251001"
CALL = {
    "tool": "Agent",
    "input": {
        "description": "Count",
        "prompt": "Count the files.",
        "subagent_type": "general-purpose",
        "run_in_background": True,
    },
}
RULES: list[dict[str, Any]] = [
    {"when": {"user": "^Think"}, "reply": [{"thinking": "It is short."}, {"text": "Thought about it."}]},
    {"when": {"user": "^Slowly"}, "reply": [{"text": "word " * 400}], "pace_s": 0.05, "piece": 5},
    {"when": {"user": "^Delegate"}, "reply": [{"text": "Let a helper do it."}, CALL]},
    {"when": {"subagent": True, "user": "^Count"}, "reply": [{"text": "Counting."}], "behind": "main"},
    {"when": {"tool_result": "Agent"}, "reply": [{"text": "Delegated."}], "name": "main"},
    {"when": {"raw": "task-notification"}, "reply": [{"text": "The helper is done."}]},
]


@pytest.fixture(scope="module")
def model() -> Iterator[FakeAnthropic]:
    """A model whose every answer costs 1000 tokens in and 100 out."""
    script = {"rules": RULES, "usage": {"input_tokens": 1000, "output_tokens": 100}}
    with FakeAnthropic(script).in_thread() as fake:
        yield fake


@pytest.fixture(scope="module")
def environment(model: FakeAnthropic, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("claude")
    return clean_environment(folder / "home", **model.environment(config_dir=folder / "claude"))


@pytest.fixture(scope="module")
def daemon(environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    with running_daemon(tmp_path_factory.mktemp("daemon"), environment=environment) as running:
        yield running


def begin(daemon: Daemon, cwd: Path, **fields: Any) -> dict[str, Any]:
    fields.setdefault("model_config", {"model": SONNET})
    session: dict[str, Any] = daemon.call("POST", "/sessions", {"agent": "claude-code", "cwd": str(cwd), **fields})
    return session


def prompt(daemon: Daemon, session: dict[str, Any], text: str, **options: Any) -> dict[str, Any]:
    """The task, which must have gone well."""
    sent = daemon.call("POST", f"/sessions/{session['session_id']}/prompt", {"prompt": text, **options})
    task = wait_for_task(daemon, sent["task_id"])
    assert task["status"] == "completed", task["error"]
    return task


def asked(model: FakeAnthropic, text: str) -> ModelRequest:
    return next(request for request in reversed(model.asked) if request.user == text)


def messages_of(daemon: Daemon, session: dict[str, Any]) -> list[dict[str, Any]]:
    page = daemon.call("GET", f"/messages?session_id={session['session_id']}&$limit=1000")
    messages: list[dict[str, Any]] = page["data"]
    return messages


def as_stored(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Without their short ids, of which fewer digits are shown as they grow older."""
    return [{name: value for name, value in record.items() if name != "short_id"} for record in records]


def test_what_session_and_prompt_ask_for_reaches_the_model(
    daemon: Daemon, model: FakeAnthropic, tmp_path: Path
) -> None:
    """Model, thinking, mode and tools are the session's, else the prompt's own; the next prompt has the session's."""
    (tmp_path / "CLAUDE.md").write_text("House rule: tabs.")
    session = begin(
        daemon,
        tmp_path,
        model_config={"model": SONNET, "thinking_tokens": 2000},
        permission_config={"mode": "acceptEdits", "allowed_tools": [], "denied_tools": ["WebFetch"]},
    )
    prompt(daemon, session, "first")
    prompt(daemon, session, "second", model=HAIKU, thinking_tokens=5000, denied_tools=["Bash"], permission_mode="plan")
    prompt(daemon, session, "third")
    first, second, third = (asked(model, text) for text in ("first", "second", "third"))
    assert [request.model for request in (first, second, third)] == [SONNET, HAIKU, SONNET]
    assert [request.body["thinking"]["budget_tokens"] for request in (first, second, third)] == [2000, 5000, 2000]
    assert "WebFetch" not in first.tools
    assert "Bash" in first.tools
    assert not {"WebFetch", "Bash"} & set(second.tools)
    assert "Bash" in third.tools
    assert "Plan mode is active" in second.whole
    assert "House rule: tabs." in first.whole
    assert f"You work in session {session['session_id']} of Agor." in first.system
    assert "Claude" in first.system


def test_tokens_and_costs_are_each_tasks_own(daemon: Daemon, tmp_path: Path) -> None:
    """Equal prompts have equal usage, though the CLI counts over the conversation; a fork begins at its own first."""
    session = begin(daemon, tmp_path)
    tasks = [prompt(daemon, session, text) for text in ("one", "two", "three")]
    for task in tasks:
        assert (task["usage"]["input_tokens"], task["usage"]["output_tokens"]) == (1000, 100)
        assert task["usage"]["cost_usd"] == pytest.approx(tasks[0]["usage"]["cost_usd"])
        assert task["duration_ms"] > 0
    whole = daemon.call("GET", f"/sessions/{session['session_id']}")
    assert (whole["usage"]["input_tokens"], whole["usage"]["output_tokens"]) == (3000, 300)
    assert whole["usage"]["cost_usd"] == pytest.approx(3 * tasks[0]["usage"]["cost_usd"])
    assert whole["context"]["used_tokens"] == 1100
    assert whole["context"]["limit_tokens"] >= 200_000

    fork = daemon.call("POST", f"/sessions/{session['session_id']}/fork", {})
    task = prompt(daemon, fork, "four")
    assert task["usage"]["cost_usd"] == pytest.approx(tasks[0]["usage"]["cost_usd"])
    assert daemon.call("GET", f"/sessions/{fork['session_id']}")["usage"]["input_tokens"] == 1000


def test_a_helper_in_the_background_is_waited_for(daemon: Daemon, model: FakeAnthropic, tmp_path: Path) -> None:
    """Its messages name the call, its tokens count, the task ends after its last word; a second import adds nothing."""
    before = len(model.asked)
    session = begin(daemon, tmp_path)
    task = prompt(daemon, session, "Delegate it")
    messages = messages_of(daemon, session)
    (call,) = [use["id"] for message in messages for use in message["tool_uses"]]
    helped = [message for message in messages if message["parent_tool_use_id"] == call]
    assert helped[-1]["content"] == [{"type": "text", "text": "Counting."}]
    assert messages[-1]["content"] == [{"type": "text", "text": "The helper is done."}]
    assert [message["index"] for message in messages] == list(range(len(messages)))
    assert {message["task_id"] for message in messages} == {task["task_id"]}
    assert task["usage"]["input_tokens"] == 1000 * (len(model.asked) - before)
    assert (task["tool_use_count"], task["message_range"]["end_index"]) == (1, len(messages) - 1)

    again = daemon.call("GET", f"/sessions/{session['session_id']}")["agent_session_id"]
    imported = daemon.call("POST", "/sessions/import", {"uuid": again})["imported"]
    assert imported == {"outcome": "unchanged", "messages": 0, "tasks": 0, "skipped": []}


def test_what_was_stopped_here_is_not_imported_behind_what_came_after(
    daemon: Daemon, model: FakeAnthropic, tmp_path: Path
) -> None:
    """Claude's own notes of a run that was stopped add nothing to it, whose place is taken by the next prompt."""
    session = begin(daemon, tmp_path)
    stopped = daemon.call("POST", f"/sessions/{session['session_id']}/prompt", {"prompt": "Slowly"})
    until(lambda: daemon.call("GET", f"/sessions/{session['session_id']}")["agent_session_id"])
    until(lambda: any(request.user == "Slowly" for request in model.asked))
    daemon.call("POST", f"/sessions/{session['session_id']}/stop", {})
    wait_for_task(daemon, stopped["task_id"], "stopped")
    prompt(daemon, session, "go on")
    before = as_stored(messages_of(daemon, session))
    id = daemon.call("GET", f"/sessions/{session['session_id']}")["agent_session_id"]
    assert daemon.call("POST", "/sessions/import", {"uuid": id})["imported"]["outcome"] == "unchanged"
    assert as_stored(messages_of(daemon, session)) == before


def test_a_fork_is_not_imported_twice_either(daemon: Daemon, environment: dict[str, str], tmp_path: Path) -> None:
    """The transcript of a fork repeats what it shares; that stays its origin's."""
    session = begin(daemon, tmp_path)
    prompt(daemon, session, "Think of one")
    fork = daemon.call("POST", f"/sessions/{session['session_id']}/fork", {})
    prompt(daemon, fork, "two")
    id = daemon.call("GET", f"/sessions/{fork['session_id']}")["agent_session_id"]
    assert "Think of one" in find_transcript(id, environment).read_text()
    loaded = daemon.call("POST", "/sessions/import", {"uuid": id})
    assert (loaded["session_id"], loaded["imported"]["outcome"]) == (fork["session_id"], "unchanged")


def test_a_conversation_that_claude_has_lost_is_told_again(
    daemon: Daemon, model: FakeAnthropic, environment: dict[str, str], tmp_path: Path
) -> None:
    """Without its transcript nothing is sent to the model: the task says so, and `resume` tells it what is stored."""
    session = begin(daemon, tmp_path)
    prompt(daemon, session, "Think of the past")
    id = daemon.call("GET", f"/sessions/{session['session_id']}")["agent_session_id"]
    find_transcript(id, environment).unlink()
    before = len(model.asked)
    sent = daemon.call("POST", f"/sessions/{session['session_id']}/prompt", {"prompt": "and now"})
    failed = wait_for_task(daemon, sent["task_id"])
    assert (failed["status"], failed["error"]["reason"]) == ("failed", "history_lost")
    assert id in failed["error"]["message"]
    assert len(model.asked) == before

    again = daemon.call("POST", f"/sessions/{session['session_id']}/resume", {"from_history": True})
    assert wait_for_task(daemon, again["task_id"])["status"] == "completed"
    told = model.asked[-1]
    assert "Think of the past" in told.whole
    assert "Thought about it." in told.whole
    assert told.user.endswith("and now")
    # From here on Claude remembers by itself, in a conversation of its own.
    prompt(daemon, session, "go on")
    assert "Thought about it." in asked(model, "go on").whole
    assert daemon.call("GET", f"/sessions/{session['session_id']}")["agent_session_id"] != id


def test_a_conversation_goes_on_after_a_restart(
    environment: dict[str, str], model: FakeAnthropic, tmp_path: Path
) -> None:
    """Another daemon on the same home resumes what the first began: the model is sent all that was said."""
    home = {**environment, "AGOR_HOME": str(tmp_path / "agor")}
    with running_daemon(tmp_path, environment=home) as first:
        session = begin(first, tmp_path)
        prompt(first, session, "Think first")
    with running_daemon(tmp_path, environment=home) as second:
        prompt(second, session, "and then")
        known = second.call("GET", f"/sessions/{session['session_id']}")
    assert "Thought about it." in asked(model, "and then").whole
    assert known["message_count"] == 4
