"""The servers that are compared: ours, on Node Feathers 5 on Koa and plain Socket.IO, and the floors of all of them."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.request import Request, urlopen

from tests.benchmarks import usage
from tests.benchmarks.feathers.load import PAYLOAD
from tests.support.node import node_environment

FOLDER = Path(__file__).parent
ROOT = FOLDER.parent.parent.parent

CORES = sorted(os.sched_getaffinity(0))

OURS, FEATHERS, PLAIN, STOCK, WATCHED, FLOOR, BARE = (
    "ours",
    "Feathers",
    "Socket.IO",
    "stock",
    "watched",
    "floor",
    "aiohttp",
)
COMMANDS = {
    OURS: [sys.executable, "-m", "tests.benchmarks.feathers.ours", "PORT"],
    STOCK: [sys.executable, "-m", "tests.benchmarks.feathers.ours", "PORT", "stock"],
    WATCHED: [sys.executable, "-m", "tests.benchmarks.feathers.ours", "PORT", "watched"],
    FLOOR: [sys.executable, "-m", "tests.benchmarks.feathers.floor", "PORT"],
    BARE: [sys.executable, "-m", "tests.benchmarks.feathers.bare", "PORT"],
    FEATHERS: ["node", str(FOLDER / "theirs.cjs"), "PORT"],
    PLAIN: ["node", str(FOLDER / "theirs.cjs"), "PORT", "plain"],
}


@dataclass(frozen=True, slots=True)
class Server:
    """A server that runs."""

    name: str
    port: int
    pid: int

    def cpu_s(self) -> float:
        """The CPU time it has used, all its threads together, to the nanosecond."""
        return usage.cpu_s(self.pid)

    def memory_kb(self) -> int:
        """Its resident memory."""
        return usage.memory_kb(self.pid)


@contextmanager
def running(name: str, *, port: int = 0) -> Iterator[Server]:
    """Start a server, with 25 records unless it has no services, and stop it at the end."""
    if not port:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
    command = [str(port) if word == "PORT" else word for word in COMMANDS[name]]
    process = subprocess.Popen(
        command, cwd=ROOT, env=node_environment(), stdout=subprocess.DEVNULL, preexec_fn=_take_server_core
    )
    try:
        _wait_for(port)
        if name not in (PLAIN, FLOOR):
            _fill(port)
        yield Server(name, port, process.pid)
    finally:
        process.kill()
        process.wait()


def take_core() -> None:
    """Give the load a core of its own, where there are two; servers get another."""
    if len(CORES) > 1:
        os.sched_setaffinity(0, CORES[1:2])


def _take_server_core() -> None:
    os.sched_setaffinity(0, CORES[:1])


def _fill(port: int) -> None:
    # Theirs counts from 0, ours from 1; both then have a record 1.
    body = json.dumps(PAYLOAD).encode()
    for _ in range(25):
        urlopen(Request(f"http://127.0.0.1:{port}/people", body, {"Content-Type": "application/json"})).read()


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), 0.2).close()
            return
        except OSError:
            time.sleep(0.05)
    raise RuntimeError("the server does not start")
