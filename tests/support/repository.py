"""Real git repositories for tests."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path


def git(*arguments: str, cwd: Path, environment: Mapping[str, str] | None = None) -> str:
    """What git printed. Raises if it failed."""
    done = subprocess.run(
        ["git", *arguments], cwd=cwd, env=environment, check=True, capture_output=True, text=True, timeout=60
    )
    return done.stdout.strip()


def make_repository(path: Path, environment: Mapping[str, str]) -> Path:
    """A repository with one commit on `main`."""
    path.mkdir(parents=True)
    git("init", "-q", "-b", "main", cwd=path, environment=environment)
    (path / "hello.py").write_text('print("hello")\n')
    git("add", "-A", cwd=path, environment=environment)
    git("commit", "-q", "-m", "start", cwd=path, environment=environment)
    return path
