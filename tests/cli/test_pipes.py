"""In a pipe whose reader has seen enough: `agor … | head`."""

from __future__ import annotations

import subprocess

import pytest

from tests.cli.conftest import AGOR, LIMIT_S, Agor
from tests.support.daemon import Daemon

ENDED_BY_SIGPIPE = 141
"""As a shell tells of `git log | head`."""

# In bytes; a pipe takes some 64 kB before anybody has read any of it.
MESSAGES, EACH = 500, 1000


@pytest.fixture
def long_session(daemon: Daemon) -> str:
    """The id of a session in which more was said than a pipe takes."""
    id: str = daemon.call("POST", "/sessions", {"agent": "scripted", "title": "long"})["session_id"]
    said = {"session_id": id, "type": "assistant", "role": "assistant", "content": "walnut " * (EACH // 7)}
    daemon.call("POST", "/messages/bulk", [said] * MESSAGES)
    return id


@pytest.mark.parametrize(
    "command",
    [
        ("message", "list", "{id}", "--limit", "500"),
        ("message", "list", "{id}", "--limit", "500", "--json"),
        ("search", "walnut", "--limit", "500"),
        ("session", "watch", "{id}", "--last", "500"),
    ],
)
def test_a_reader_may_leave_early(agor: Agor, long_session: str, command: tuple[str, ...]) -> None:
    """The command ends without a word, like other programs', whatever way it prints; live ones, too."""
    with subprocess.Popen(
        [*AGOR, *(part.format(id=long_session) for part in command)],
        cwd=agor.folder,
        # Unbuffered, Python takes a piece that the pipe took for the whole, and notices nothing.
        env={name: value for name, value in agor.environment.items() if name != "PYTHONUNBUFFERED"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stderr is not None
            assert process.stdout.readline().strip()
            process.stdout.close()
            assert (process.stderr.read(), process.wait(LIMIT_S)) == ("", ENDED_BY_SIGPIPE)
        finally:
            process.kill()
