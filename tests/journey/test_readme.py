"""The README, done to the letter: what it tells a new user to type works as it stands there."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.daemon import clean_environment
from tests.support.databases import new_postgres_database
from tests.support.repository import make_repository

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
LIMIT_S = 900


def shell_block(heading: str) -> str:
    """The first block of shell commands below a heading."""
    section = README.partition(f"\n## {heading}\n")[2]
    found = re.search(r"```sh\n(.*?)```", section, re.DOTALL)
    assert found is not None, heading
    return found[1].strip()


def run(commands: str, folder: Path, environment: dict[str, str]) -> str:
    """What the commands print, in a shell that stops at the first one that fails."""
    done = subprocess.run(
        ["sh", "-euc", commands],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    assert done.returncode == 0, f"{commands}\n{done.stdout}\n{done.stderr}"
    return done.stdout + done.stderr


@pytest.fixture
def user(tmp_path: Path) -> Iterator[dict[str, str]]:
    """A new user's environment, with the installed `agor` on the PATH; what it started is stopped."""
    programs = Path(sys.executable).parent
    environment = clean_environment(
        tmp_path / "home", PATH=f"{programs}{os.pathsep}{os.environ['PATH']}", AGOR_DAEMON_PORT="0", NO_COLOR="1"
    )
    yield environment
    run("agor daemon stop", tmp_path, environment)


def test_the_first_minute(user: dict[str, str], tmp_path: Path) -> None:
    """After `agor up` the README's first minute works in a git repository, and shows what it promises."""
    started = run("agor up", tmp_path, user)
    assert re.search(r"http://127\.0\.0\.1:\d+", started), started
    assert "agor repo add" in started
    repository = make_repository(tmp_path / "demo", user)
    output = run(shell_block("The first minute"), repository, user)
    assert "add a README" in output
    assert "try-it" in output
    assert "completed" in output or "idle" in output
    again = run("agor up", tmp_path, user)
    assert "already" in again or "runs" in again
    assert re.search(r"http://127\.0\.0\.1:\d+", again)


@pytest.fixture
def empty_database(postgres: str) -> Iterator[str]:
    """The URL of a new database on a PostgreSQL server."""
    with new_postgres_database(postgres) as url:
        yield url


@pytest.mark.postgres
def test_moving_to_a_database_server(empty_database: str, user: dict[str, str], tmp_path: Path) -> None:
    """The commands for it, with another URL, take a session along, which then goes on there."""
    run("agor up", tmp_path, user)
    repository = make_repository(tmp_path / "demo", user)
    run("agor repo add . && agor session start --agent scripted 'before the move'", repository, user)
    commands = shell_block("On a database server")
    url = "postgresql://agor:secret@localhost/agor"
    assert commands.count(url) == 1
    assert "1 sessions" in run(commands.replace(url, f"'{empty_database}'"), tmp_path, user)
    assert "backend     postgresql" in run("agor db status", tmp_path, user)
    assert "before the move" in run("agor session list", tmp_path, user)
    assert "added  nothing" in run("agor db import agor.jsonl", tmp_path, user)


def test_the_start_on_a_fresh_machine(tmp_path: Path) -> None:
    """The one command under Start installs from a clean copy into a fresh environment and starts the daemon."""
    copy = tmp_path / "agor"
    files = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    for name in filter(None, files.split("\0")):
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, copy / name)
    subprocess.run([sys.executable, "-m", "venv", str(tmp_path / "venv")], check=True)
    environment = clean_environment(
        tmp_path / "home",
        PATH=f"{tmp_path / 'venv' / 'bin'}{os.pathsep}{os.environ['PATH']}",
        VIRTUAL_ENV=str(tmp_path / "venv"),
        AGOR_DAEMON_PORT="0",
        NO_COLOR="1",
    )
    command = shell_block("Start")
    assert command == "pip install . && agor up"
    try:
        output = run(command, copy, environment)
        url = re.search(r"http://127\.0\.0\.1:\d+", output)
        assert url is not None, output
        page = run(
            f"python -c \"import urllib.request as u; print(u.urlopen('{url[0]}').read().decode())\"", copy, environment
        )
        assert "/assets/" in page
    finally:
        run("agor daemon stop", tmp_path, environment)
