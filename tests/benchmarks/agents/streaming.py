"""Many sessions that stream at once to many sockets: how much later a piece arrives than the agent said it."""

from __future__ import annotations

import asyncio
import re
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from tests.benchmarks.feathers.load import HANDSHAKE, frame
from tests.benchmarks.usage import cpu_s, memory_kb
from tests.support.daemon import Daemon, clean_environment, running_daemon

CHUNK = re.compile(rb'"chunk":"(\d+) [^"]*"')
TICKING = Path(__file__).with_name("ticking.py")
# Longer than a frame's text around the clock's digits, where a read may cut it.
TAIL_BYTES = 512
LIMIT_S = 120


@dataclass
class Listener(asyncio.Protocol):
    """A raw Socket.IO client that notes when each piece arrived."""

    delays_ns: list[int]
    ready: asyncio.Future[None] = field(default_factory=lambda: asyncio.get_running_loop().create_future())
    rest: bytes = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Greet."""
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        transport.write(HANDSHAKE)

    def data_received(self, data: bytes) -> None:
        """Note the pieces in it."""
        now = time.monotonic_ns()
        text = self.rest + data
        if not self.ready.done():
            self.rest = text
            if b'40{"sid"' in text:
                self.ready.set_result(None)
                self.rest = b""
            elif b'0{"sid"' in text:
                self.transport.write(frame("40"))
            return
        end = 0
        for found in CHUNK.finditer(text):
            self.delays_ns.append(now - int(found[1]))
            end = found.end()
        self.rest = text[max(end, len(text) - TAIL_BYTES) :]


async def streaming(sessions: int, clients: int, pieces: int, interval_s: float) -> dict[str, float]:
    """Figures of one round: `{p50_ms, p99_ms, most_ms, pieces_per_s, cpu_percent, us_per_delivery, rss_mb}`."""
    with tempfile.TemporaryDirectory(prefix="agor-bench-") as folder:
        environment = clean_environment(
            Path(folder) / "home",
            AGOR_DAEMON_MAX_RUNS=str(sessions),
            AGOR_AGENTS_TICKING_COMMAND=f"{sys.executable} {TICKING}",
        )
        with running_daemon(Path(folder), environment=environment) as daemon:
            return await _measure(daemon, Path(folder), sessions, clients, pieces, interval_s)


async def _measure(
    daemon: Daemon, folder: Path, sessions: int, clients: int, pieces: int, interval_s: float
) -> dict[str, float]:
    delays: list[int] = []
    port = urlsplit(daemon.url).port
    assert port is not None
    loop = asyncio.get_running_loop()
    listeners = []
    for _ in range(clients):
        _, listener = await loop.create_connection(lambda: Listener(delays), "127.0.0.1", port)
        await listener.ready
        listeners.append(listener)

    def begin(sessions: int, prompt: str) -> None:
        made = [daemon.call("POST", "/sessions", {"agent": "ticking", "cwd": str(folder)}) for _ in range(sessions)]
        for session in made:
            daemon.call("POST", f"/sessions/{session['session_id']}/prompt", {"prompt": prompt})

    async def heard(expected: int) -> None:
        async with asyncio.timeout(LIMIT_S):
            while len(delays) < expected:
                await asyncio.sleep(0.1)

    pid = daemon.process.pid
    await asyncio.to_thread(begin, 1, "1 0")  # the first run loads the libraries of all
    await heard(clients)
    delays.clear()
    started, used = time.perf_counter(), cpu_s(pid)
    await asyncio.to_thread(begin, sessions, f"{pieces} {interval_s}")
    expected = sessions * clients * pieces
    await heard(expected)
    took, used = time.perf_counter() - started, cpu_s(pid) - used
    for listener in listeners:
        listener.transport.abort()
    delays.sort()
    return {
        "p50_ms": delays[len(delays) // 2] / 1e6,
        "p99_ms": delays[int(len(delays) * 0.99)] / 1e6,
        "most_ms": delays[-1] / 1e6,
        "deliveries_per_s": expected / took,
        "cpu_percent": 100 * used / took,
        "us_per_delivery": used / expected * 1e6,
        "rss_mb": memory_kb(pid) / 1024,
    }
