"""`agor` as a user runs it: a program of its own, beside a real daemon, in a pipe or at a terminal."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.support.daemon import Daemon, running_daemon

LIMIT_S = 120

AGOR = [sys.executable, "-m", "agor_cli"]


@dataclass(frozen=True)
class Done:
    """What a command printed, and how it ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Its output, decoded."""
        return json.loads(self.out)


class Agor:
    """Runs `agor` in a folder, as the user of a daemon."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self.folder = folder
        self.environment = environment

    def __call__(self, *arguments: str, code: int = 0, given: str | None = None, cwd: Path | None = None) -> Done:
        """Run one command to its end, in a pipe. `code`: how it must end."""
        done = subprocess.run(
            [*AGOR, *arguments],
            cwd=cwd or self.folder,
            env=self.environment,
            input=given or "",
            capture_output=True,
            text=True,
            timeout=LIMIT_S,
        )
        assert done.returncode == code, f"agor {' '.join(arguments)}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return Done(done.returncode, done.stdout, done.stderr)

    @contextlib.contextmanager
    def at_terminal(self, *arguments: str, kind: str = "dumb", columns: int = 120) -> Iterator[Terminal]:
        """Start one command at a terminal of that `kind`; on leaving it is ended, if it still runs."""
        ours, theirs = pty.openpty()
        process = subprocess.Popen(
            [*AGOR, *arguments],
            cwd=self.folder,
            env={**self.environment, "TERM": kind, "COLUMNS": str(columns)},
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
        )
        os.close(theirs)
        try:
            yield Terminal(process, ours)
        finally:
            if process.poll() is None:
                process.kill()
            process.wait(LIMIT_S)
            os.close(ours)


@dataclass
class Terminal:
    """A program at a terminal, and what it has shown so far."""

    process: subprocess.Popen[bytes]
    descriptor: int
    _shown: bytes = field(default=b"", repr=False)

    @property
    def text(self) -> str:
        """All of it; a letter may come in pieces, and so may the end of a line."""
        return self._shown.decode(errors="replace").replace("\r\n", "\n")

    def wait_for(self, *texts: str) -> str:
        """What is shown once all of `texts` are there."""
        give_up_at = time.monotonic() + LIMIT_S
        while not all(text in self.text for text in texts):
            assert self._read(give_up_at), f"{texts} did not appear in:\n{self.text}"
        return self.text

    def type(self, line: str) -> None:
        """Type a line."""
        os.write(self.descriptor, f"{line}\n".encode())

    def interrupt(self) -> None:
        """Press Ctrl-C."""
        self.process.send_signal(signal.SIGINT)

    def end(self) -> int:
        """Its exit code, once it has ended."""
        give_up_at = time.monotonic() + LIMIT_S
        while self._read(give_up_at):
            pass
        return self.process.wait(LIMIT_S)

    def _read(self, give_up_at: float) -> bool:
        """Read a piece; False at the end, or when the time is over."""
        ready, _, _ = select.select([self.descriptor], [], [], max(0.0, give_up_at - time.monotonic()))
        if not ready:
            return False
        try:
            piece = os.read(self.descriptor, 65_536)
        except OSError:  # the other end is closed
            return False
        self._shown += piece
        return bool(piece)


@pytest.fixture
def agor(daemon: Daemon, repository: Path) -> Agor:
    """`agor` in a git repository, with a daemon that has nothing yet."""
    return Agor(repository, daemon.environment)


@pytest.fixture
def scripted(environment: dict[str, str], tmp_path: Path, repository: Path) -> Iterator[Callable[..., Agor]]:
    """`agor` beside a daemon, with more flags if it needs any, whose scripted agent plays the given scenario, in a
    repository that is known."""
    with contextlib.ExitStack() as stack:

        def begin(scenario: dict[str, Any], *flags: str) -> Agor:
            path = tmp_path / "scenario.json"
            path.write_text(json.dumps(scenario))
            with_scenario = {**environment, "AGOR_AGENTS_SCRIPTED_SCENARIO": str(path)}
            daemon = stack.enter_context(running_daemon(tmp_path, *flags, environment=with_scenario))
            started = Agor(repository, daemon.environment)
            started("repo", "add", ".")
            return started

        yield begin
