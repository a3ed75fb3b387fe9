"""A real daemon in a process of its own, with an empty home, on a free port."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from tests.support.small_disk import SmallDisk

START_LIMIT_S = 180
STOP_LIMIT_S = 60

# What an agent, a CLI or git would otherwise pick up from whoever runs the tests.
FOREIGN = ("AGOR_", "ANTHROPIC_", "CLAUDE", "OPENAI_", "GEMINI_", "GIT_")


def clean_environment(home: Path, **extra: str) -> dict[str, str]:
    """The environment of a user with an empty home: no keys, no sign-in, no git configuration but a name."""
    home.mkdir(parents=True, exist_ok=True)
    kept = {key: value for key, value in os.environ.items() if not key.startswith(FOREIGN)}
    identity = {
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_AUTHOR_NAME": "Dev",
        "GIT_AUTHOR_EMAIL": "dev@example.com",
        "GIT_COMMITTER_NAME": "Dev",
        "GIT_COMMITTER_EMAIL": "dev@example.com",
    }
    return {
        **kept,
        **identity,
        "HOME": str(home),
        "AGOR_HOME": str(home / ".agor"),
        "AGOR_NO_BROWSER": "1",
        "AGOR_LIMITS_GIT_S": "120",  # what a list shows is of now, however slow the machine is
        **extra,
    }


class Caller(Protocol):
    """Whoever calls a daemon: anybody, or somebody who is signed in."""

    @property
    def log(self) -> str: ...

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """The decoded answer; an error status is an AssertionError."""
        ...


@dataclass
class Daemon:
    """A running daemon: where it is, and how to talk to it in plain HTTP."""

    url: str
    home: Path
    environment: dict[str, str]
    process: subprocess.Popen[bytes] = field(repr=False)
    output: Path = field(repr=False)

    @property
    def log(self) -> str:
        """What the daemon has printed so far."""
        return self.output.read_text()

    def request(
        self, method: str, path: str, body: Any = None, *, headers: Mapping[str, str] | None = None
    ) -> tuple[int, Any]:
        """(status, decoded JSON body or None)."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, method=method)
        request.add_header("Content-Type", "application/json")
        for name, value in (headers or {}).items():
            request.add_header(name, value)
        try:
            with urllib.request.urlopen(request, timeout=180) as answer:
                status, text = answer.status, answer.read()
        except urllib.error.HTTPError as error:
            with error:
                status, text = error.code, error.read()
        return status, json.loads(text) if text else None

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """The decoded answer; an error status is an AssertionError that shows it."""
        status, answer = self.request(method, path, body)
        assert status < 400, f"{method} {path}: {status} {answer}"
        return answer

    def stop(self) -> int:
        """End it as a user would; its exit code."""
        self.process.terminate()
        return self.process.wait(STOP_LIMIT_S)

    def kill(self) -> None:
        """End it as a power cut would."""
        self.process.kill()
        self.process.wait(STOP_LIMIT_S)


@contextlib.contextmanager
def running_daemon(
    folder: Path,
    *flags: str,
    environment: Mapping[str, str] | None = None,
    disk: SmallDisk | None = None,
    output: Path | None = None,
) -> Iterator[Daemon]:
    """A daemon with its home in `folder`; on leaving it is stopped, if it still runs.

    `disk`: the home is on it. `output`: where the daemon prints to, if not into its home.
    """
    env = dict(environment) if environment is not None else clean_environment(folder)
    home = Path(env["AGOR_HOME"])
    home = home if disk is None else disk.seen(home)
    home.mkdir(parents=True, exist_ok=True)
    command = [*(() if disk is None else disk.inside), sys.executable, "-m", "agor_daemon", "--port=0", *flags]
    output = output or home / "test-output.log"
    with output.open("ab") as file:
        process = subprocess.Popen(command, env=env, stdout=file, stderr=file, cwd=folder)
    try:
        yield Daemon(_url_of(process, home, output), home, env, process, output)
    finally:
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(STOP_LIMIT_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                raise


def _url_of(process: subprocess.Popen[bytes], home: Path, output: Path) -> str:
    give_up_at = time.monotonic() + START_LIMIT_S
    while time.monotonic() < give_up_at:
        with contextlib.suppress(OSError, ValueError):
            facts = json.loads((home / "daemon.json").read_text())
            if facts["pid"] == process.pid:
                return str(facts["url"])
        if process.poll() is not None:
            break
        time.sleep(0.02)
    raise AssertionError(f"the daemon did not start: {output.read_text()}")
