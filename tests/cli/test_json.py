"""`--json`: what every command prints for programs, and nothing else."""

from __future__ import annotations

import io
import json
import shutil
import signal
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest

from agor_cli.main import main
from tests.cli.conftest import AGOR, LIMIT_S
from tests.cli.test_help import ALL
from tests.daemon.conftest import scenario, until
from tests.support.repository import make_repository

__all__ = ["scenario"]

COMMANDS = {path for path, command in ALL.items() if not isinstance(command, click.Group)}
STARTS_A_DAEMON = {"up", "daemon start", "daemon restart"}
NEEDS_NO_DAEMON = {
    "logout",
    "config list",
    "version",
    "completion",
    "daemon stop",
    "daemon status",
    "db status",
    "db upgrade",
}
ENDLESS = {"session watch"}
SAMPLE = Path(__file__).parent.parent / "samples" / "claude-2.0" / "tools.jsonl"
TURNS = [
    {"when": "ask", "steps": [{"bash": {"command": "true"}, "ask": True}]},
    {"when": "stay", "steps": [{"hang": True}]},
    {"steps": [{"text": "a walnut"}]},
]


class Commands:
    """Runs `agor … --json` in this process, and keeps account of which commands have been run."""

    def __init__(self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
        self._capsys = capsys
        self._monkeypatch = monkeypatch
        self.run: set[str] = set()

    def __call__(self, line: str, *more: str, given: str = "", code: int = 0) -> Any:
        """The one document that is all a command prints. `more`: arguments with spaces in them; `code`: how it ends."""
        arguments = [*line.split(), *more]
        found, out, err = self.outcome(arguments, given)
        assert (found, err) == (code, ""), (line, out)
        return json.loads(out)

    def refused(self, arguments: list[str], code: int) -> None:
        """All that a command prints is one line about what is wrong, and not on stdout."""
        found, out, err = self.outcome(arguments)
        assert (found, out, err.count("\n")) == (code, "", 1), (arguments, err)
        assert json.loads(err)["error"]["message"]

    def outcome(self, arguments: list[str], given: str = "") -> tuple[int, str, str]:
        """(exit code, stdout, stderr)."""
        self._monkeypatch.setattr("sys.stdin", io.StringIO(given))
        self.run.add(max((path for path in COMMANDS if " ".join(arguments).startswith(path)), key=len))
        code = main([*arguments, "--json"])
        return code, *self._capsys.readouterr()


@pytest.fixture
def agor(
    environment: dict[str, str],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    repository: Path,
    scenario: Any,
) -> Iterator[Commands]:
    """In a git repository, as a user with an empty home and a browser. A daemon that was started is stopped."""
    scenario(*TURNS)
    for name, value in {**environment, "DISPLAY": ":0", "BROWSER": shutil.which("true") or ""}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AGOR_NO_BROWSER")
    monkeypatch.chdir(repository)
    commands = Commands(capsys, monkeypatch)
    yield commands
    if Path(environment["AGOR_HOME"], "daemon.json").exists():
        main(["daemon", "stop"])


def test_every_command_prints_one_document(agor: Commands, tmp_path: Path, environment: dict[str, str]) -> None:
    """Each command that there is, run with --json, prints one JSON document with what it did or found, and not a word
    beside it, on stderr neither."""
    _look_around(agor)
    _work_in_worktrees(agor, make_repository(tmp_path / "other", environment))
    _answer(agor, _talk(agor))
    _sign_in(agor)
    _administer(agor, tmp_path)
    assert agor.run == COMMANDS - ENDLESS


def _look_around(agor: Commands) -> None:
    assert agor("up --port 0")["already_running"] is False
    assert agor("status")["status"] == "ok"
    assert agor("open")["url"].startswith("http")
    assert agor("version")["agor"]
    assert "agor" in agor("completion bash")["line"]
    assert any(one["name"] == "scripted" for one in agor("agent list"))
    assert agor("board add Release")["slug"] == "release"
    assert agor("board list")["total"] == 2
    assert agor("board show release")["name"] == "Release"
    assert agor("board rm release --yes")["name"] == "Release"
    assert agor("config set daemon.max_runs 5")["value"] == 5
    assert agor("config get daemon.max_runs")["value"] == 5
    assert agor("config unset daemon.max_runs")["was_set"] is True
    assert any(one["key"] == "daemon.port" for one in agor("config list"))


def _work_in_worktrees(agor: Commands, other: Path) -> None:
    assert agor("repo add .")["slug"] == "demo"
    assert agor(f"repo add {other}")["slug"] == "other"
    assert agor("repo list")["total"] == 2
    assert agor("repo rm other --yes")["slug"] == "other"
    assert agor("repo worktree add . a")["name"] == "a"
    assert agor("worktree add demo b")["name"] == "b"
    assert [one["name"] for one in agor("repo show .")["worktrees"]] == ["a", "b"]
    assert agor("worktree list")["total"] == 2
    assert agor("worktree show b")["ref"] == "b"
    assert agor("worktree status b")["dirty"] is False
    folder = Path(agor("worktree cd b")["path"])
    (folder / "new.txt").write_text("new")
    assert [one["path"] for one in agor("worktree diff b")["files"]] == ["new.txt"]
    assert agor("worktree rm b --force")["status"] == "removed"
    assert len(agor("worktree snapshots demo:b")) == 1
    assert agor("worktree restore demo:b")["status"] == "ready"


def _talk(agor: Commands) -> str:
    started = agor("session start --worktree a --agent scripted", "say walnut")
    assert (started["task"]["status"], started["answer"]) == ("completed", "a walnut")
    id: str = started["session"]["session_id"]
    assert agor("session list --repo demo")["total"] == 1
    assert "walnut" in agor(f"session prompt {id} again")["answer"]
    assert agor(f"session fork {id} again")["task"]["status"] == "completed"
    child = agor(f"session spawn {id}")["session"]["session_id"]
    assert len(agor(f"session tree {id}")["children"]) == 2
    agor(f"session prompt {id} stay --no-wait")
    waiting = agor(f"session prompt {id} x --no-wait")["task"]["task_id"]
    assert agor(f"task edit {waiting} y")["full_prompt"] == "y"
    assert [one["full_prompt"] for one in agor(f"session queue {id}")["tasks"]] == ["y"]
    assert agor(f"task rm {waiting}")["task_id"] == waiting
    assert agor(f"session stop {id}")["status"] == "stopped"
    assert agor(f"session resume {id}")["session_id"] == id
    agor(f"session stop {id}")
    assert agor(f"session show {id}")["session_id"] == id
    task = agor(f"task list --session {id}")["data"][0]
    assert agor(f"task show {task['task_id']}")["task_id"] == task["task_id"]
    assert agor(f"message list {id}")["total"] > 2
    assert agor("search walnut")["messages"]["total"] > 2
    assert agor(f"session archive {child}")["archived"] is True
    assert agor(f"session rm {child} --yes")["session_id"] == child
    assert agor(f"session load-claude {SAMPLE}")[0]["outcome"] == "new"
    return id


def _answer(agor: Commands, session: str) -> None:
    for answer in ("allow", "deny"):
        agor(f"session prompt {session} ask --no-wait")
        until(lambda: agor("permission list")["data"])
        request = agor("permission list")["data"][0]["request_id"]
        assert agor(f"permission {answer} {request} --scope session")["request_id"] == request
        assert agor(f"permission revoke {request}")["revoked_at"]
        until(lambda: agor(f"session show {session}")["status"] == "idle")


def _sign_in(agor: Commands) -> None:
    assert agor("user create --email me@example.com", given="correct horse\n")["role"] == "owner"
    assert agor("login --email me@example.com", given="correct horse\n")["email"] == "me@example.com"
    assert agor("user list")["total"] == 1
    assert agor("whoami")["role"] == "owner"
    assert agor("logout")["was_signed_in"] is True


def _administer(agor: Commands, folder: Path) -> None:
    copy, export = folder / "copy", folder / "all.jsonl"
    assert agor("db status")["is_current"] is True
    assert agor(f"db backup {copy}")["path"] == str(copy)
    assert agor(f"db export {export}")["records"]["sessions"] == 3
    assert agor(f"db import {export}")["added"] is not None
    assert agor("daemon logs --lines 1")["lines"]
    assert agor("daemon restart")["already_running"] is False
    assert agor("daemon start")["already_running"] is True
    assert agor("daemon status")["running"] is True
    assert agor("daemon stop")["was_running"] is True
    assert agor("daemon status", code=1)["running"] is False
    assert agor("db downgrade 0001")["current"] == "0001"
    assert agor("db upgrade")["is_current"] is True
    assert agor(f"db restore {copy}")["replaced"]


def test_watching_prints_a_document_a_line(agor: Commands) -> None:
    """`session watch` does not end by itself: each event is a line of its own, the first one that it has begun."""
    agor("up --port 0 --no-open")
    agor("repo add .")
    id = agor("session start --agent scripted")["session"]["session_id"]
    command = [*AGOR, "session", "watch", id, "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as watching:
        overdue = threading.Timer(LIMIT_S, watching.kill)
        overdue.start()
        try:
            assert watching.stdout is not None
            assert json.loads(watching.stdout.readline())["event"] == "watching"
            agor(f"session prompt {id} walnut --no-wait")
            while (told := json.loads(watching.stdout.readline()))["event"] != "messages created":
                assert told["record"]["session_id"] == id
            assert told["record"]["content"] == "walnut"
            watching.send_signal(signal.SIGINT)
            rest, errors = watching.communicate(timeout=LIMIT_S)
            assert errors == ""
            assert all(json.loads(line)["event"] for line in rest.splitlines())
        finally:
            overdue.cancel()
            watching.kill()


def test_a_wrong_command_line_is_json_too(agor: Commands) -> None:
    """What makes no sense is one line of JSON on stderr, exit code 2, whichever command it is."""
    for path in sorted(COMMANDS):
        agor.refused([*path.split(), "--nonsense"], code=2)


def test_without_a_daemon_errors_are_json(agor: Commands) -> None:
    """Each command that asks the daemon ends with one line of JSON on stderr and exit code 1 where none runs."""
    for path in sorted(COMMANDS - STARTS_A_DAEMON - NEEDS_NO_DAEMON):
        command = ALL[path]
        required = [one for one in command.params if isinstance(one, click.Argument)]
        options = ["--email=me@example.com"] if path in ("login", "user create") else []
        agor.refused([*path.split(), *("demo" for _ in required), *options], code=1)


def test_a_program_is_not_asked(agor: Commands) -> None:
    """What a person would be asked about first is refused without a question, and goes on with --yes."""
    agor("up --port 0")
    agor("board add Release")
    agor.refused(["board", "rm", "release"], code=1)
    assert agor("board rm release --yes")["slug"] == "release"
