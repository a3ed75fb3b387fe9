"""What becomes of a task when its agent cannot work: an error a person can act on, and everybody else goes on.

The real Claude CLI meets a model that refuses; an agent of the Agent Client Protocol misbehaves; all in one daemon.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.daemon.conftest import wait_for_task
from tests.fake_anthropic import FakeAnthropic
from tests.support.daemon import Daemon, clean_environment, running_daemon

KEY = "sk-ant-of-a-test"
FAKE_ACP = f"{sys.executable} -m tests.fake_acp.agent"


def refusal(status: int, type: str, message: str) -> dict[str, Any]:
    return {"error": {"status": status, "type": type, "message": message}}


SCENARIO = {
    "turns": [
        {"when": "for ever", "steps": [{"text": "So far."}, {"hang": True}]},
        {"when": "a file", "steps": [{"write": {"path": "a.txt", "content": "hello"}, "ask": True}]},
    ]
}
RULES = [
    {"when": {"model": "nonesuch"}, **refusal(404, "not_found_error", "model: claude-nonesuch")},
    {"when": {"user": "^wrong key"}, **refusal(401, "authentication_error", "invalid x-api-key")},
    {"when": {"user": "^overloaded"}, **refusal(529, "overloaded_error", "Overloaded")},
    {"when": {"user": "^slow down"}, **refusal(429, "rate_limit_error", "Rate limited. Please try again in 1m30s.")},
    {"when": {"user": "^limited"}, **refusal(429, "rate_limit_error", "Too many requests")},
    {"when": {"user": "^x{100}"}, **refusal(400, "invalid_request_error", "prompt is too long: 1250000 > 200000")},
]


@pytest.fixture(scope="module")
def model() -> Iterator[FakeAnthropic]:
    """A model that refuses in every way."""
    with FakeAnthropic({"rules": RULES}).in_thread() as fake:
        yield fake


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("bad-days")


@pytest.fixture(scope="module")
def daemon(model: FakeAnthropic, folder: Path) -> Iterator[Daemon]:
    """A daemon that knows the real Claude, an agent that is not there, and some that are up to no good."""
    scenario = folder / "scenario.json"
    scenario.write_text(json.dumps(SCENARIO))
    environment = clean_environment(
        folder / "home",
        **model.environment(config_dir=folder / "claude"),
        PYTHONPATH=str(Path(__file__).parents[2]),
        AGOR_AGENTS_GHOST_COMMAND="/no/such/agent --acp",
        AGOR_AGENTS_ODD_COMMAND=FAKE_ACP,
        AGOR_AGENTS_STRANGER_COMMAND=f"{FAKE_ACP} auth",
        AGOR_AGENTS_SCRIPTED_SCENARIO=str(scenario),
        AGOR_AGENTS_SCRIPTED_LIMIT="3s",
    )
    with running_daemon(folder, environment=environment) as running:
        yield running


def run(daemon: Daemon, agent: str, cwd: Path, prompt: str, **session: Any) -> dict[str, Any]:
    """The task of a prompt, once it has ended."""
    cwd.mkdir(exist_ok=True)
    made = daemon.call("POST", "/sessions", {"agent": agent, "cwd": str(cwd), **session})
    task = daemon.call("POST", f"/sessions/{made['session_id']}/prompt", {"prompt": prompt})
    return wait_for_task(daemon, task["task_id"])


@pytest.mark.claude
@pytest.mark.parametrize(
    ("prompt", "session", "kind", "words"),
    [
        ("wrong key", {}, "auth", "API key"),
        ("overloaded", {}, "overloaded", "try again"),
        ("limited", {}, "rate_limited", "try again"),
        ("hello", {"model_config": {"model": "claude-nonesuch"}}, "bad_model", "another model"),
        ("x" * 4_900_000, {}, "prompt_too_large", "shorter"),
    ],
    ids=["wrong key", "overloaded", "rate limited", "no such model", "five megabytes"],
)
def test_what_claude_cannot_do_is_told(
    daemon: Daemon, folder: Path, prompt: str, session: dict[str, Any], kind: str, words: str
) -> None:
    """What the vendor refuses is the task's error, in its kind and with advice, without the key; the next one works."""
    task = run(daemon, "claude-code", folder / "work", prompt, **session)
    assert (task["status"], task["error"]["kind"]) == ("failed", kind), task["error"]
    assert words in task["error"]["message"]
    assert KEY not in json.dumps(task["error"])
    assert run(daemon, "claude-code", folder / "work", "go on")["status"] == "completed"


@pytest.mark.claude
@pytest.mark.parametrize(
    ("agent", "prompt"),
    [("claude-code", "slow down"), ("odd", "fail -32603 Too many requests, please try again in 90 s")],
    ids=["Claude", "ACP"],
)
def test_a_limit_says_when_it_is_over(daemon: Daemon, folder: Path, agent: str, prompt: str) -> None:
    """The time that an agent tells, in whatever words, is in the task's error as a time."""
    task = run(daemon, agent, folder / "work", prompt)
    assert task["error"]["kind"] == "rate_limited", task["error"]
    waits = datetime.fromisoformat(task["error"]["retry_at"]) - datetime.fromisoformat(task["completed_at"])
    assert timedelta(seconds=30) < waits <= timedelta(seconds=90)


@pytest.mark.parametrize(
    ("agent", "prompt", "kind", "words"),
    [
        ("ghost", "hello", "no_cli", "/no/such/agent"),
        ("stranger", "hello", "no_key", "Sign in with a browser"),
        ("odd", "say So far.\ndie", "agent_crashed", "exit code 3"),
        ("odd", "flood", "agent_crashed", "MB"),
        ("odd", "noise", "agent_crashed", "MB"),
        ("scripted", "work for ever", "timed_out", "agents.<name>.limit"),
    ],
    ids=["not there", "not signed in", "crashes", "floods", "makes noise", "never ends"],
)
def test_an_agent_that_misbehaves_fails_its_own_task(
    daemon: Daemon, folder: Path, agent: str, prompt: str, kind: str, words: str
) -> None:
    """The task fails with words that help, what was said is kept, and a neighbour's prompt is not disturbed."""
    neighbour = daemon.call("POST", "/sessions", {"agent": "odd", "cwd": str(folder)})  # has no limit
    task = run(daemon, agent, folder / "work", prompt)
    assert (task["status"], task["error"]["kind"]) == ("failed", kind), task["error"]
    assert words in task["error"]["message"]
    if kind in ("timed_out", "agent_crashed") and "MB" not in words:
        said = daemon.call("GET", f"/messages?task_id={task['task_id']}&role=assistant")["data"]
        assert [message["content_preview"] for message in said] == ["So far."]
    went_on = daemon.call("POST", f"/sessions/{neighbour['session_id']}/prompt", {"prompt": "say I am."})
    assert wait_for_task(daemon, went_on["task_id"])["status"] == "completed"


def test_a_folder_that_is_gone(daemon: Daemon, folder: Path) -> None:
    """A working directory that went away fails the next task, and is named."""
    lost = folder / "lost"
    lost.mkdir()
    session = daemon.call("POST", "/sessions", {"agent": "odd", "cwd": str(lost)})
    lost.rmdir()
    task = daemon.call("POST", f"/sessions/{session['session_id']}/prompt", {"prompt": "say hi"})
    ended = wait_for_task(daemon, task["task_id"])
    assert (ended["status"], ended["error"]["kind"]) == ("failed", "cwd_missing")
    assert str(lost) in ended["error"]["message"]


def test_a_person_may_think_longer_than_the_limit(daemon: Daemon, folder: Path) -> None:
    """The time a question waits for its answer is not the agent's: it is not ended for it."""
    work = folder / "asks"
    work.mkdir()
    permissions = {"mode": "default"}
    session = daemon.call(
        "POST", "/sessions", {"agent": "scripted", "cwd": str(work), "permission_config": permissions}
    )
    task = daemon.call("POST", f"/sessions/{session['session_id']}/prompt", {"prompt": "make a file"})
    wait_for_task(daemon, task["task_id"], "awaiting_permission")
    # The limit is three seconds of work: another run to its end takes as long, so that no test sleeps.
    assert run(daemon, "scripted", folder / "work", "for ever")["error"]["kind"] == "timed_out"
    (question,) = daemon.call("GET", f"/permissions?task_id={task['task_id']}")["data"]
    daemon.call("POST", f"/permissions/{question['request_id']}/decide", {"allow": True})
    assert wait_for_task(daemon, task["task_id"])["status"] == "completed"
    assert (work / "a.txt").read_text() == "hello"


@pytest.mark.claude
def test_without_key_or_program(folder: Path) -> None:
    """No key, and no CLI where the configuration says: two errors, each with what to do about it."""
    for name, extra, kind, words in (
        ("keyless", {}, "no_key", "ANTHROPIC_API_KEY"),
        (
            "programless",
            {"ANTHROPIC_API_KEY": KEY, "AGOR_AGENTS_CLAUDE_CODE_COMMAND": "/no/such/claude"},
            "no_cli",
            "/no/such/claude",
        ),
    ):
        with running_daemon(folder, environment=clean_environment(folder / name, **extra)) as running:
            task = run(running, "claude-code", folder / "work", "hello")
            assert (task["status"], task["error"]["kind"]) == ("failed", kind), task["error"]
            assert words in task["error"]["message"]
