"""Clients that stop reading, among others that do: what the others notice, what each costs, and when it is gone.

Rounds with and without such a client take turns on one server, in turning order, and their medians and the least of
each are shown: on a machine with other work the 99th percentile of one round says more about that work than about us.
What does not depend on it is how long our server does nothing but one thing, in CPU time: its *holds*.
"""

from __future__ import annotations

import json
import socket
import statistics
from urllib.request import urlopen

from tests.benchmarks.feathers.load import PAYLOAD, STEP_BYTES, Crowd, event_bytes, frame, tell_all
from tests.benchmarks.feathers.measures import WARM_UP_S, Figures
from tests.benchmarks.feathers.servers import FEATHERS, WATCHED, Server, running

# Small, so that what the client does not read waits with the server, and not with the client's kernel.
LAZY_BUFFER_BYTES = 4096
# Four times the usual event: at a rate that leaves both cores idle most of the time, the client still is a megabyte
# behind long before the round is over.
EVENT = frame("42" + json.dumps(["create", "news", {**PAYLOAD, "text": PAYLOAD["text"] * 4}, {}]))
# No round may be so long that the server pings: the load does not answer.
QUICK = {"readers": 100, "rate": 100.0, "seconds": 5.0}
FULL = {"readers": 1000, "rate": 25.0, "seconds": 14.0}


def report_slow_reader(*, quick: bool, rounds: int) -> dict[str, list[Figures]]:
    """Measure and print it, on our server and on Feathers."""
    settings = QUICK if quick else FULL
    sent_mb = settings["rate"] * settings["seconds"] * len(EVENT) / 1e6
    print(
        f"\nslow reader: {settings['readers']} who read, {settings['rate']:g} events a second for"
        f" {settings['seconds']:g} s ({sent_mb:.1f} MB to each), medians of {rounds} rounds"
    )
    found: dict[str, list[Figures]] = {}
    for name in (WATCHED, FEATHERS):
        alone: list[Figures] = []
        beside: list[Figures] = []
        with running(name) as server:
            for number in range(rounds):
                for lazy in (0, 1) if number % 2 else (1, 0):
                    (beside if lazy else alone).append(slow_reader(server, lazy=lazy, **settings))
        _print(name, "alone", alone)
        _print(name, "and one who does not", beside)
        found[name] = [*alone, *beside]
    return found


def slow_reader(server: Server, *, readers: float, rate: float, seconds: float, lazy: int) -> Figures:
    """Events at a steady rate to `readers` who read and to `lazy` more who do not."""
    with Crowd(server.port) as crowd, Crowd(server.port) as others:
        connected = crowd.join(int(readers))
        size = event_bytes(crowd, connected, EVENT)
        tell_all(crowd, connected, EVENT, size, WARM_UP_S, rate=rate)
        stalled = others.join(lazy, receive_bytes=LAZY_BUFFER_BYTES)
        _holds(server)
        before, used = server.memory_kb(), server.cpu_s()
        heard = tell_all(crowd, connected, EVENT, size, seconds, rate=rate)
        figures = {
            "p50_ms": heard.delays.at(0.5),
            "p99_ms": heard.delays.at(0.99),
            "us": (server.cpu_s() - used) / heard.deliveries * 1e6,
            "grown_kb": server.memory_kb() - before,
        }
        figures |= _holds(server)
        for client in stalled:
            size_bytes, is_gone = _left_for(client)
            figures |= {"left_kb": size_bytes / 1000, "is_gone": is_gone}
    return figures


def _holds(server: Server) -> Figures:
    """How long our server did nothing but one thing since it was last asked, in CPU time."""
    if server.name != WATCHED:
        return {}
    with urlopen(f"http://127.0.0.1:{server.port}/holds") as response:
        found = json.load(response)
    return {"hold_p99_ms": found["p99_ms"], "hold_most_ms": found["longest_ms"]}


def _left_for(stalled: socket.socket) -> tuple[int, bool]:
    """How much can still be read of what a client did not read, and whether there is an end to it."""
    stalled.settimeout(1.0)
    size = 0
    try:
        while said := stalled.recv(STEP_BYTES):
            size += len(said)
    except TimeoutError:
        return size, False
    except ConnectionResetError:
        pass
    return size, True


def _print(name: str, label: str, runs: list[Figures]) -> None:
    line = f"  {name:10} {label:22}"
    for key in runs[0]:
        values = [run[key] for run in runs]
        line += f" {key}={statistics.median(values):.2f}"
        if key == "p99_ms":
            line += f" (least {min(values):.2f})"
    print(line)
