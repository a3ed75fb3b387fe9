"""What is measured: each measure takes a server and a time, and gives figures.

`us` is the server's CPU time per operation, which holds up on a busy machine; `per_s`, `p50_ms` and `p99_ms` are wall
time and do not.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from tests.benchmarks.feathers.load import (
    PAYLOAD,
    Crowd,
    call_all,
    count_answers,
    count_responses,
    event_bytes,
    frame,
    request,
    socket_call,
    tell_all,
)
from tests.benchmarks.feathers.servers import BARE, FEATHERS, FLOOR, OURS, PLAIN, Server

Figures = dict[str, float]

TELL = frame("42" + json.dumps(["create", "news", PAYLOAD, {}]))
# Engines compile and caches fill before anything is counted; of calls, which are the most code, so much of the server's
# CPU time goes by, since on a busy machine a time on the wall says little, or so long.
WARM_UP_S = 0.3
CALLS_WARM_UP_S = 1.0
LONGEST_WARM_UP_S = 6.0
EVENTS_PER_S = 20
STORM = 1000
QUERY = {"kind": "message", "$limit": 10}


@dataclass(frozen=True, slots=True)
class Measure:
    """One line of the table: how it is called, on which servers, and the most that ours may cost of theirs."""

    label: str
    run: Callable[[Server, float], Figures]
    goals: dict[str, float]
    servers: tuple[str, ...] = (OURS, FEATHERS)
    # What ratios are taken of.
    figure: str = "us"


def measures() -> Iterator[Measure]:
    """All of them. The first needs a server to which nothing has happened yet."""
    yield Measure("memory of an idle connection", idle, {FEATHERS: 0.8}, (OURS, FEATHERS, PLAIN), "kb")
    yield Measure(f"connect storm of {STORM}", storm, {}, (OURS, FEATHERS, PLAIN))
    yield Measure("memory of one after a storm", idle, {FEATHERS: 0.8}, (OURS, FEATHERS, PLAIN), "kb")
    for clients in (100, 500, 1000):
        for manner, settings in (
            ("one at a time", {"window": 1}),
            ("4 under way", {"window": 4}),
            ("32 under way", {"window": 32}),
            (f"{EVENTS_PER_S} a second", {"rate": EVENTS_PER_S}),
        ):
            # An event that comes alone costs a system call for each reader, on any server, and that is most of what
            # Socket.IO takes for it: no goal but the floor.
            is_alone = settings.get("window") == 1
            yield Measure(
                f"fan-out to {clients}, {manner}",
                _fan_out(clients, settings),
                {PLAIN: 0.5, FEATHERS: 0.2} if settings.get("window", 1) > 1 else {},
                (OURS, FEATHERS, PLAIN, *([FLOOR] if is_alone else [])),
            )
    calls: tuple[tuple[str, list[Any]], ...] = (
        ("get", ["get", "people", 1, {}]),
        ("find", ["find", "people", QUERY]),
        ("create", ["create", "notes", PAYLOAD, {}]),
        ("patch", ["patch", "people", 1, {"n": 1}, {}]),
    )
    for name, call in calls:
        for label, clients, in_flight in (("1", 1, 1), ("16", 16, 1), ("64", 64, 1), ("1 x 32", 1, 32)):
            yield Measure(f"socket {name}, {label}", _calls(clients, in_flight, socket_call(*call)), {FEATHERS: 1.0})
    requests = (
        ("get", request("GET", "/people/1")),
        ("find", request("GET", "/people?kind=message&%24limit=10")),
        ("create", request("POST", "/notes", PAYLOAD)),
        ("patch", request("PATCH", "/people/1", {"n": 1})),
    )
    for name, message in requests:
        for label, clients, in_flight in (("1", 1, 1), ("16", 16, 1), ("64", 64, 1), ("1 x 32", 1, 32)):
            # The last is pipelining: one connection, 32 requests under way on it, answered in their order.
            yield Measure(
                f"REST {name}, {label}",
                _requests(clients, in_flight, message),
                {FEATHERS: 0.8},
                (OURS, FEATHERS, BARE),
            )


def storm(server: Server, _seconds: float) -> Figures:
    """A thousand clients come at once."""
    with Crowd(server.port) as crowd:
        started, used = time.perf_counter(), server.cpu_s()
        crowd.join(STORM)
        took = time.perf_counter() - started
        return {"us": (server.cpu_s() - used) / STORM * 1e6, "per_s": STORM / took}


def idle(server: Server, _seconds: float) -> Figures:
    """What a connection that does nothing costs in memory; after a storm, whose garbage is used again, less."""
    with Crowd(server.port) as crowd:
        before = server.memory_kb()
        crowd.join(STORM)
        crowd.quiet(0.5)
        return {"kb": (server.memory_kb() - before) / STORM}


def _fan_out(clients: int, settings: dict[str, Any]) -> Callable[[Server, float], Figures]:
    def run(server: Server, seconds: float) -> Figures:
        with Crowd(server.port) as crowd:
            readers = crowd.join(clients)
            size = event_bytes(crowd, readers, TELL)
            tell_all(crowd, readers, TELL, size, WARM_UP_S, **settings)
            used = server.cpu_s()
            heard = tell_all(crowd, readers, TELL, size, seconds, **settings)
            used = server.cpu_s() - used
        return {
            "us": used / heard.deliveries * 1e6,
            "per_s": heard.deliveries / heard.took_s,
            "p50_ms": heard.delays.at(0.5),
            "p99_ms": heard.delays.at(0.99),
        }

    return run


def _calls(clients: int, in_flight: int, message: bytes) -> Callable[[Server, float], Figures]:
    def run(server: Server, seconds: float) -> Figures:
        with Crowd(server.port) as crowd:
            peers = crowd.join(clients)
            return _closed_loop(server, crowd, peers, message, in_flight, seconds, count_answers)

    return run


def _requests(clients: int, in_flight: int, message: bytes) -> Callable[[Server, float], Figures]:
    def run(server: Server, seconds: float) -> Figures:
        with Crowd(server.port) as crowd:
            peers = [crowd.open() for _ in range(clients)]
            return _closed_loop(server, crowd, peers, message, in_flight, seconds, count_responses)

    return run


def _closed_loop(
    server: Server,
    crowd: Crowd,
    peers: list[Any],
    message: bytes,
    in_flight: int,
    seconds: float,
    count: Callable[[bytes], tuple[int, bytes]],
) -> Figures:
    started, used = time.perf_counter(), server.cpu_s()
    while server.cpu_s() - used < CALLS_WARM_UP_S and time.perf_counter() - started < LONGEST_WARM_UP_S:
        call_all(crowd, peers, message, in_flight, WARM_UP_S / 3, count)
    used = server.cpu_s()
    done = call_all(crowd, peers, message, in_flight, seconds, count)
    used = server.cpu_s() - used
    return {
        "us": used / done.answers * 1e6,
        "per_s": done.answers / done.took_s,
        "p50_ms": done.delays.at(0.5),
        "p99_ms": done.delays.at(0.99),
    }
