"""Real repositories, apart from whatever git configuration this machine has."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

Git = Callable[..., str]


@pytest.fixture(autouse=True)
def isolated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty home, one name to commit as, and nothing of an outer git."""
    for key in [key for key in os.environ if key.startswith(("GIT_", "SSH_"))]:
        monkeypatch.delenv(key)
    home = tmp_path / "home"
    home.mkdir()
    (home / ".gitconfig").write_text("[init]\n\tdefaultBranch = main\n[protocol]\n\tversion = 2\n")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(home / ".gitconfig"))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    for who in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{who}_NAME", "Dev")
        monkeypatch.setenv(f"GIT_{who}_EMAIL", "dev@example.com")


@pytest.fixture
def sh() -> Git:
    """`sh("commit", "-m", "x", cwd=...)`: plain git, as a person would use it; what it printed."""

    def run(*arguments: str, cwd: Path, stdin: bytes | None = None) -> str:
        done = subprocess.run(["git", *arguments], cwd=cwd, input=stdin, capture_output=True, timeout=60)
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout.decode("utf-8", "surrogateescape").strip()

    return run


@pytest.fixture
def demo(tmp_path: Path, sh: Git) -> Path:
    """A repository with one commit on `main`: `hello.py`, `docs/a.md`, and a `.gitignore` for `*.log`."""
    folder = tmp_path / "demo"
    (folder / "docs").mkdir(parents=True)
    sh("init", "-q", "-b", "main", cwd=folder)
    (folder / "hello.py").write_text('print("hello")\n')
    (folder / "docs/a.md").write_text("one\ntwo\nthree\n")
    (folder / ".gitignore").write_text("*.log\n")
    sh("add", "-A", cwd=folder)
    sh("commit", "-q", "-m", "start", cwd=folder)
    return folder


@pytest.fixture
def remote(demo: Path, tmp_path: Path, sh: Git) -> Path:
    """A bare remote with `main` and `topic`, which `demo` has as its origin, fetched."""
    bare = tmp_path / "remote.git"
    sh("clone", "-q", "--bare", str(demo), str(bare), cwd=tmp_path)
    other = tmp_path / "other"
    sh("clone", "-q", str(bare), str(other), cwd=tmp_path)
    sh("checkout", "-q", "-b", "topic", cwd=other)
    (other / "topic.txt").write_text("topic\n")
    sh("add", "-A", cwd=other)
    sh("commit", "-q", "-m", "topic", cwd=other)
    sh("push", "-q", "origin", "topic", cwd=other)
    sh("remote", "add", "origin", str(bare), cwd=demo)
    sh("fetch", "-q", "origin", cwd=demo)
    sh("remote", "set-head", "origin", "-a", cwd=demo)
    return bare
