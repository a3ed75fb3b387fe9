"""`python -m tests.benchmarks.feathers [--rounds N] [--seconds S] [--json FILE]`: ours against Feathers 5 from npm.

Server CPU time per operation, the least of several interleaved rounds, and its ratio to theirs.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import socket
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from tests.benchmarks.feathers.load import PAYLOAD, calls, fan_out, idle, requests
from tests.support.node import install_packages, node_environment

FOLDER = Path(__file__).parent
ROOT = FOLDER.parent.parent.parent

Measure = Callable[[int, int, float], Awaitable[dict[str, float]]]

SERVERS = {
    "ours": [sys.executable, "-m", "tests.benchmarks.feathers.ours"],
    "feathers": ["node", str(FOLDER / "theirs.cjs")],
    "socket.io": ["node", str(FOLDER / "theirs.cjs")],
}


def measures() -> dict[str, tuple[Measure, tuple[str, ...]]]:
    """What is measured, and on which servers."""
    found: dict[str, tuple[Measure, tuple[str, ...]]] = {}
    all_three, two = tuple(SERVERS), ("ours", "feathers")
    for clients in (100, 500, 1000):
        found[f"fan-out {clients}"] = (_fan_out(clients), all_three)
    get: list[Any] = ["get", "people", 1, {}]
    find: list[Any] = ["find", "people", {"kind": "message", "$limit": 10}]
    for label, clients, in_flight in (("1", 1, 1), ("16", 16, 1), ("64", 64, 1), ("1x32", 1, 32)):
        found[f"socket get {label}"] = (_calls(clients, in_flight, get), two)
    found["socket find 16"] = (_calls(16, 1, find), two)
    found["socket patch 16"] = (_calls(16, 1, ["patch", "people", 1, {"n": 1}, {}]), two)
    for label, verb, path, body in (
        ("get", "GET", "/people/1", None),
        ("find", "GET", "/people?kind=message&%24limit=10", None),
        ("patch", "PATCH", "/people/1", {"n": 1}),
    ):
        for clients in (1, 16, 64):
            found[f"rest {label} {clients}"] = (_requests(clients, verb, path, body), two)
    found["idle connection"] = (lambda port, pid, _seconds: idle(port, pid, 1000), two)
    return found


def _fan_out(clients: int) -> Measure:
    return lambda port, pid, seconds: fan_out(port, pid, clients, seconds)


def _calls(clients: int, in_flight: int, call: list[Any]) -> Measure:
    return lambda port, pid, seconds: calls(port, pid, clients, in_flight, call, seconds)


def _requests(clients: int, verb: str, path: str, body: Any) -> Measure:
    return lambda port, pid, seconds: requests(port, pid, clients, verb, path, body, seconds)


def measured(name: str, measure: Measure, seconds: float) -> dict[str, float]:
    """Start a server, fill it, measure, stop it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [*SERVERS[name], str(port), *(["plain"] if name == "socket.io" else [])]
    server = subprocess.Popen(command, cwd=ROOT, env=node_environment(), stdout=subprocess.DEVNULL)
    try:
        _wait_for(port)
        if name != "socket.io":
            asyncio.run(_fill(port, server.pid))
        return asyncio.run(measure(port, server.pid, seconds))
    finally:
        server.kill()
        server.wait()


async def _fill(port: int, pid: int) -> None:
    # Theirs counts from 0, ours from 1; both then have a record 1.
    from urllib.request import Request, urlopen

    body = json.dumps(PAYLOAD).encode()
    for _ in range(25):
        request = Request(f"http://127.0.0.1:{port}/people", body, {"Content-Type": "application/json"})
        await asyncio.to_thread(lambda request=request: urlopen(request).read())


def _wait_for(port: int) -> None:
    for _ in range(400):
        try:
            socket.create_connection(("127.0.0.1", port), 0.2).close()
            return
        except OSError:
            time.sleep(0.05)
    raise RuntimeError("the server does not start")


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--only", default="")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    install_packages(FOLDER)
    results: dict[str, dict[str, list[dict[str, float]]]] = {}
    chosen = {label: entry for label, entry in measures().items() if arguments.only in label}
    for _ in range(arguments.rounds):
        for label, (measure, servers) in chosen.items():
            for server in servers:
                found = measured(server, measure, arguments.seconds)
                results.setdefault(label, {}).setdefault(server, []).append(found)
    print(f"{'':18} {'ours µs':>9} {'Feathers':>9} {'ratio':>6} {'plain':>7} {'ratio':>6}   ours per s, and more")
    for label, by_server in results.items():
        least = {server: min(run["us"] for run in runs) for server, runs in by_server.items()}
        plain = least.get("socket.io")
        best = max(by_server["ours"], key=lambda run: run["per_s"])
        print(
            f"{label:18} {least['ours']:9.1f} {least['feathers']:9.1f} {least['ours'] / least['feathers']:6.2f} "
            + (f"{plain:7.1f} {least['ours'] / plain:6.2f}   " if plain else f"{'':14}   ")
            + " ".join(f"{name}={value:.1f}" for name, value in best.items() if name != "us")
        )
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
