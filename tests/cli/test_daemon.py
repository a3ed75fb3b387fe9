"""`agor up`, `agor daemon`, settings and accounts: what a user does before and around sessions."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import Agor


@pytest.fixture
def alone(environment: dict[str, str], repository: Path) -> Iterator[Agor]:
    """`agor` where no daemon runs yet; one that was started is stopped."""
    agor = Agor(repository, environment)
    yield agor
    agor("daemon", "stop")


def test_up_starts_once_and_says_what_to_type(alone: Agor) -> None:
    """The first `up` starts a daemon; a second says that it runs; both print the URL and exit with 0."""
    first = alone("up", "--port", "0")
    home = Path(alone.environment["AGOR_HOME"])
    url = json.loads((home / "daemon.json").read_text())["url"]
    assert f"GUI: {url}" in first.out
    assert "agor repo add ." in first.out
    assert "agor session start" in first.out
    second = alone("up")
    assert "already runs" in second.out
    assert url in second.out
    assert alone("status", "--json").json["url"] == url
    assert "running" in alone("daemon", "status").out
    assert alone("daemon", "logs").out
    assert alone("version", "--json").json["daemon"] is not None
    assert "Stopped" in alone("daemon", "stop").out
    assert not (home / "daemon.json").exists()
    assert "No daemon was running" in alone("daemon", "stop").out
    alone("daemon", "status", code=1)
    assert "start it with `agor up`" in alone("session", "list", code=1).err


def test_a_daemon_that_an_upgrade_left_running_is_told(alone: Agor) -> None:
    """Where the daemon that runs is of another version, it is said how to bring it to this one."""
    facts = Path(alone.environment["AGOR_HOME"], "daemon.json")
    assert "restart" not in alone("daemon", "start", "--port", "0").out
    facts.write_text(json.dumps({**json.loads(facts.read_text()), "version": "0.0.1"}))
    assert "The daemon is 0.0.1" in alone("daemon", "start").out
    assert "`agor daemon restart`" in alone("up").out
    alone("daemon", "stop")


def test_a_restart_keeps_what_was_there(alone: Agor, port: int) -> None:
    """Sessions survive; so does the port it was given; a new setting counts from the restart on."""
    alone("up", "--port", str(port))
    alone("repo", "add", ".")
    alone("session", "start", "--worktree", "w", "--agent", "scripted", "hello")
    assert "next start" in alone("config", "set", "events.recovery_s", "60").out
    url = alone("status", "--json").json["url"]
    alone("daemon", "restart")
    assert alone("status", "--json").json["url"] == url
    (session,) = alone("session", "list", "--json").json["data"]
    assert session["status"] == "idle"
    assert "goes on" not in alone("session", "prompt", session["short_id"], "again").out


def test_what_cannot_start_is_one_clear_line(alone: Agor, tmp_path: Path) -> None:
    """A port in use, an open host, a wrong setting: exit code 1 and what to do about it."""
    alone("up", "--port", "0")
    port = alone("daemon", "status", "--json").json["url"].rpartition(":")[2]
    other = Agor(alone.folder, {**alone.environment, "AGOR_HOME": str(tmp_path / "other")})
    in_use = other("up", "--port", port, code=1)
    assert f"port {port}" in in_use.err
    assert in_use.err.count("\n") == 1
    assert "require_auth" in other("up", "--host", "0.0.0.0", code=1).err
    (tmp_path / "other" / "config.yaml").write_text("daemon: {prot: 1}\n")
    assert "did you mean 'daemon.port'?" in other("up", code=1).err


def test_a_home_that_cannot_be_written_is_told(alone: Agor, tmp_path: Path) -> None:
    """One line that names the folder and AGOR_HOME."""
    in_the_way = tmp_path / "file"
    in_the_way.touch()
    other = Agor(alone.folder, {**alone.environment, "AGOR_HOME": str(in_the_way / "home")})
    refused = other("up", code=1)
    assert str(in_the_way) in refused.err
    assert "AGOR_HOME" in refused.err
    assert refused.err.count("\n") == 1


def test_settings_are_shown_with_their_source(alone: Agor) -> None:
    """Set, get, list and unset, without a daemon; secrets are never printed."""
    assert alone("config", "set", "daemon.port", "4000").out == "daemon.port = 4000\n"
    alone("config", "set", "credentials.ANTHROPIC_API_KEY", "-", given="sk-ant-0123456789abcdef\n")
    listed = alone("config", "list").out
    assert "0123456789" not in listed
    assert "0123456789" not in alone("config", "list", "--json").out
    by_key = {one["key"]: one for one in alone("config", "list", "--json").json}
    assert by_key["daemon.port"]["source"] == "file"
    assert by_key["daemon.host"]["source"] == "default"
    other = Agor(alone.folder, {**alone.environment, "AGOR_DAEMON_PORT": "5000"})
    assert other("config", "get", "daemon.port").out == "5000\n"
    assert "which wins" in other("config", "set", "daemon.port", "4001").out
    alone("config", "unset", "daemon.port")
    assert alone("config", "get", "daemon.port").out == "3030\n"
    assert "did you mean 'daemon.port'?" in alone("config", "set", "daemon.prot", "1", code=1).err


def test_a_running_daemon_goes_by_a_new_setting(alone: Agor) -> None:
    """What need not wait for the next start counts as soon as `config set` has ended; taken out, it is gone again."""
    alone("up", "--port", "0")
    assert "from now on" in alone("config", "set", "agents.mine.command", "no-such-program --acp").out
    assert "no-such-program" in alone("agent", "list", "--json").out
    assert "from now on" in alone("config", "unset", "agents.mine.command").out
    assert "no-such-program" not in alone("agent", "list", "--json").out


def test_more_runs_are_let_in_at_once(alone: Agor, tmp_path: Path) -> None:
    """A raised `daemon.max_runs` starts the session that waits for a slot, while the first still runs."""
    (tmp_path / "scenario.json").write_text(json.dumps({"turns": [{"when": "for ever", "steps": [{"hang": True}]}]}))
    alone("config", "set", "daemon.max_runs", "1")
    alone("config", "set", "agents.scripted.scenario", str(tmp_path / "scenario.json"))
    alone("up", "--port", "0")
    alone("repo", "add", ".")
    start = ("session", "start", "--agent", "scripted", "--no-wait", "--worktree")
    alone(*start, "one", "work for ever")
    alone(*start, "two", "hello")
    tasks = {one["description"]: one for one in alone("task", "list", "--json").json["data"]}
    assert {name: task["status"] for name, task in tasks.items()} == {"work for ever": "running", "hello": "created"}
    alone("config", "set", "daemon.max_runs", "2")
    assert "before it you asked: “hello”" in alone("session", "prompt", tasks["hello"]["session_id"], "again").out


def test_a_file_that_cannot_be_used_changes_nothing(alone: Agor) -> None:
    """A running daemon that is told to read a broken file stays with its settings and says so."""
    alone("up", "--port", "0")
    (Path(alone.environment["AGOR_HOME"]) / "config.yaml").write_text("daemon:\n  allowed_hosts: [1]\n")
    told = subprocess.run(
        [sys.executable, "-m", "agor_daemon.admin", "reload"],
        env=alone.environment,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert told.returncode == 1
    assert "allowed_hosts" in json.loads(told.stdout)["message"]
    (Path(alone.environment["AGOR_HOME"]) / "config.yaml").unlink()
    assert alone("status", "--json").json["url"]


def test_accounts_and_signing_in(alone: Agor) -> None:
    """The first account is the owner; with require_auth nobody else gets in; logging out makes the token void."""
    made = alone("user", "create", "--email", "me@example.com", given="correct horse\n")
    assert "me@example.com, owner" in made.out
    alone("config", "set", "daemon.require_auth", "true")
    alone("up", "--port", "0")
    refused = alone("session", "list", code=1)
    assert "agor login" in refused.err
    wrong = alone("login", "--email", "me@example.com", given="wrong password\n", code=1)
    assert "wrong email or password" in wrong.err
    assert "owner" in alone("login", "--email", "me@example.com", given="correct horse\n").out
    token_file = Path(alone.environment["AGOR_HOME"]) / "credentials.json"
    assert token_file.stat().st_mode & 0o777 == 0o600
    assert "me@example.com" in alone("whoami").out
    alone("repo", "add", ".")
    assert "completed" in alone("session", "start", "--worktree", "w", "--agent", "scripted", "hello").out
    assert "me@example.com" in alone("user", "list").out
    kept = token_file.read_text()
    assert "Signed out" in alone("logout").out
    token_file.write_text(kept)
    assert "agor login" in alone("session", "list", code=1).err


def test_signing_in_without_anybody_there_says_how_to(alone: Agor) -> None:
    """Where no address and no password come, it is said how to give them."""
    alone("daemon", "start", "--port", "0")
    assert "agor login --email ADDRESS < password.txt" in alone("login", code=1).err
    assert "first line of standard input" in alone("login", "--email", "ann@example.com", code=1).err
    alone("daemon", "stop")


def test_who_is_signed_out_stops_watching(alone: Agor) -> None:
    """A live view ends with one line once its token is void; it does not try for ever."""
    alone("user", "create", "--email", "me@example.com", given="correct horse\n")
    alone("config", "set", "daemon.require_auth", "true")
    alone("up", "--port", "0")
    alone("login", "--email", "me@example.com", given="correct horse\n")
    alone("repo", "add", ".")
    alone("session", "start", "--worktree", "w", "--agent", "scripted", "hello")
    (session,) = alone("session", "list", "--json").json["data"]
    with alone.at_terminal("session", "watch", session["short_id"]) as terminal:
        terminal.wait_for("> hello", "You asked")
        alone("logout")
        assert terminal.end() == 1
        assert "agor login" in terminal.text


def test_short_passwords_are_refused(alone: Agor) -> None:
    """An account needs a password of some length; nothing is made otherwise."""
    refused = alone("user", "create", "--email", "me@example.com", given="short\n", code=1)
    assert "password" in refused.err
    assert refused.err.count("\n") == 1
