"""A client that stops reading, among others that do: what they notice of it, what it costs, and when it is gone."""

from __future__ import annotations

import socket

from tests.benchmarks.feathers.load import STEP_BYTES, Crowd, event_bytes, tell_all
from tests.benchmarks.feathers.measures import TELL, Figures
from tests.benchmarks.feathers.servers import FEATHERS, OURS, Server, running

# Small, so that what the client does not read waits with the server, and not with the client's kernel.
LAZY_BUFFER_BYTES = 4096


def slow_reader(server: Server, readers: int, rate: float, seconds: float, *, with_lazy: bool) -> Figures:
    """Events at a steady rate to `readers` who read and, perhaps, to one more who does not."""
    with Crowd(server.port) as crowd, Crowd(server.port) as lazy:
        connected = crowd.join(readers)
        size = event_bytes(crowd, connected, TELL)
        tell_all(crowd, connected, TELL, size, 1.0, rate=rate)
        before, used = server.memory_kb(), server.cpu_s()
        if with_lazy:
            stalled = lazy.join(1, receive_bytes=LAZY_BUFFER_BYTES)[0]
        heard = tell_all(crowd, connected, TELL, size, seconds, rate=rate)
        figures = {
            "p50_ms": heard.delays.at(0.5),
            "p99_ms": heard.delays.at(0.99),
            "us": (server.cpu_s() - used) / heard.deliveries * 1e6,
            "grown_kb": server.memory_kb() - before,
        }
        if with_lazy:
            size_bytes, is_gone = _left_for(stalled)
            figures |= {"left_kb": size_bytes / 1000, "is_gone": is_gone}
    return figures


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


def report_slow_reader(*, quick: bool) -> dict[str, list[Figures]]:
    """Measure and print it, on our server and on Feathers."""
    readers, rate, seconds = (100, 300.0, 5.0) if quick else (1000, 30.0, 32.0)
    sent_mb = rate * seconds * 1.5 / 1000
    print(f"\nslow reader: {readers} who read, {rate:g} events a second for {seconds:g} s ({sent_mb:.1f} MB to each)")
    found: dict[str, list[Figures]] = {}
    for name in (OURS, FEATHERS):
        for with_lazy in (False, True):
            with running(name) as server:
                figures = slow_reader(server, readers, rate, seconds, with_lazy=with_lazy)
            found.setdefault(name, []).append(figures)
            print(
                f"  {name:10} {'and one who does not' if with_lazy else 'alone':22}"
                + "".join(f" {label}={value:.2f}" for label, value in figures.items())
            )
    return found
