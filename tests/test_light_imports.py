"""`agor --help` answers at once: no server, ORM, git or agent library is loaded for it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

HEAVY = {
    "aiohttp",
    "alembic",
    "asyncio",
    "claude_agent_sdk",
    "engineio",
    "marshmallow",
    "orjson",
    "psycopg",
    "pydantic",
    "pygit2",
    "socketio",
    "sqlalchemy",
    "sqlmodel",
    "uvloop",
}
"""Libraries that a command which asks, shows and ends has no use for."""


def loaded_by(*arguments: str, home: Path) -> set[str]:
    """The names of the packages that `agor` with these arguments had loaded when it ended."""
    program = (
        "import sys; from agor_cli.main import main; main(sys.argv[1:]);"
        "sys.stderr.write('LOADED ' + ' '.join({name.partition('.')[0] for name in sys.modules}))"
    )
    environment = {**os.environ, "AGOR_HOME": str(home), "PYTHONPATH": str(ROOT), "AGOR_NO_BROWSER": "1"}
    environment.pop("AGOR_DAEMON_URL", None)
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments], env=environment, capture_output=True, text=True, timeout=60
    )
    return set(done.stderr.partition("LOADED ")[2].split())


@pytest.mark.parametrize(
    "arguments",
    [["--help"], ["--version"], ["session", "--help"], ["session", "start", "--help"], ["worktree", "rm", "--help"]],
    ids=" ".join,
)
def test_help_loads_click_and_little_else(arguments: list[str], tmp_path: Path) -> None:
    """Neither help nor version loads anything heavy, not even what draws tables or reads YAML."""
    loaded = loaded_by(*arguments, home=tmp_path)
    assert "click" in loaded
    assert loaded & (HEAVY | {"rich", "yaml"}) == set()


@pytest.mark.parametrize("arguments", [["session", "list"], ["config", "list"], ["worktree", "list"]], ids=" ".join)
def test_a_plain_call_is_on_the_standard_library(arguments: list[str], tmp_path: Path) -> None:
    """A command that asks the daemon one thing loads no event loop and no framework, whether a daemon runs or not."""
    loaded = loaded_by(*arguments, home=tmp_path)
    assert "agor_cli" in loaded
    assert loaded & HEAVY == set()


def test_every_command_can_be_loaded_without_the_heavy_ones() -> None:
    """All command modules together load nothing heavy when imported."""
    program = (
        "import pkgutil, importlib, sys, agor_cli.commands as c;"
        "[importlib.import_module(m.name) for m in pkgutil.walk_packages(c.__path__, 'agor_cli.commands.')];"
        "print(*{name.partition('.')[0] for name in sys.modules})"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, timeout=60, check=True
    )
    assert set(done.stdout.split()) & HEAVY == set()
