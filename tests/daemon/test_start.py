"""Starts that cannot be: one clear line, exit code 1, nothing harmed."""

from __future__ import annotations

import json
import socket
import sqlite3
import stat
import subprocess
import sys
from pathlib import Path

from tests.support.daemon import Daemon, running_daemon

LIMIT_S = 60


def refused(environment: dict[str, str], folder: Path, *flags: str) -> str:
    """The one line with which a daemon that cannot start says why."""
    done = subprocess.run(
        [sys.executable, "-m", "agor_daemon", *flags],
        env=environment,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    assert done.returncode == 1, done.stderr
    lines = [line for line in done.stderr.splitlines() if line.startswith("agor: ")]
    assert len(lines) == 1, done.stderr
    assert "Traceback" not in done.stderr
    return lines[0]


def test_a_port_in_use_is_named(environment: dict[str, str], tmp_path: Path) -> None:
    """Somebody else's port is named, with what to do; nothing says that a daemon runs."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        line = refused(environment, tmp_path, f"--port={port}")
        assert str(port) in line
        assert "--port" in line
        done = subprocess.run(
            [sys.executable, "-m", "agor_daemon.admin", "start", f"--port={port}"],
            env=environment,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=LIMIT_S,
            check=False,
        )
    assert done.returncode == 1
    error = json.loads(done.stdout.splitlines()[-1])
    assert error["event"] == "error"
    assert str(port) in error["message"]
    assert not Path(environment["AGOR_HOME"], "daemon.json").exists()


def test_a_home_that_cannot_be_written_is_named(environment: dict[str, str], tmp_path: Path) -> None:
    """A home below a file cannot be made, and the line says which one it is."""
    (tmp_path / "file").write_text("")
    environment["AGOR_HOME"] = str(tmp_path / "file" / "home")
    assert str(tmp_path / "file" / "home") in refused(environment, tmp_path, "--port=0")


def test_a_second_daemon_names_the_first(daemon: Daemon, tmp_path: Path) -> None:
    """On a home that is held, a second daemon says whose it is; the first one goes on."""
    line = refused(daemon.environment, tmp_path, "--port=0")
    assert str(daemon.process.pid) in line
    assert daemon.call("GET", "/health")["status"] == "ok"


def test_a_newer_database_is_left_alone(environment: dict[str, str], tmp_path: Path) -> None:
    """A database of a later version is refused as such, and stays byte for byte what it was."""
    with running_daemon(tmp_path, environment=environment) as daemon:
        assert daemon.stop() == 0
    path = Path(environment["AGOR_HOME"]) / "agor.db"
    with sqlite3.connect(path) as database:
        database.execute("UPDATE alembic_version SET version_num = '9999'")
    database.close()
    before = path.read_bytes()
    assert "newer" in refused(environment, tmp_path, "--port=0")
    assert path.read_bytes() == before


def test_a_file_that_is_no_database_is_left_alone(environment: dict[str, str], tmp_path: Path) -> None:
    """What is not a database is named as such, and not overwritten."""
    home = Path(environment["AGOR_HOME"])
    home.mkdir(parents=True)
    (home / "agor.db").write_text("my notes\n" * 1000)
    assert "agor.db" in refused(environment, tmp_path, "--port=0")
    assert (home / "agor.db").read_text().startswith("my notes")


def test_an_unknown_setting_names_the_nearest(environment: dict[str, str], tmp_path: Path) -> None:
    """A misspelt key in the file stops the start, and the right spelling is offered."""
    home = Path(environment["AGOR_HOME"])
    home.mkdir(parents=True)
    (home / "config.yaml").write_text("daemon:\n  prot: 3031\n")
    assert "daemon.port" in refused(environment, tmp_path, "--port=0")


def test_what_is_secret_is_the_owners_only(daemon: Daemon) -> None:
    """The home can be entered by its owner only, and nothing in it is readable for others."""
    assert stat.S_IMODE(daemon.home.stat().st_mode) == 0o700
    ours = ("agor.db", "daemon.json", "daemon.lock")
    for name in ours:
        assert stat.S_IMODE((daemon.home / name).stat().st_mode) & 0o077 == 0, name
