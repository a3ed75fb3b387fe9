"""One prompt to the real Claude CLI, by itself and through the daemon, against the same scripted model."""

from __future__ import annotations

import asyncio
import statistics
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

from agor_core.agents.claude_code.cli import find_cli
from agor_core.client import LiveClient
from tests.benchmarks.usage import cpu_s
from tests.fake_anthropic import FakeAnthropic
from tests.support.daemon import Daemon, clean_environment, running_daemon

SCRIPT = {"rules": [{"when": {"user": "hello"}, "reply": [{"text": "Hello to you, in a sentence of some length."}]}]}
DIRECT = (
    "-p",
    "--output-format",
    "stream-json",
    "--verbose",
    "--include-partial-messages",
    "--setting-sources=project",
)


async def overhead(times: int) -> dict[str, float]:
    """Medians: `{direct_ms, daemon_ms, added_ms, direct_first_ms, daemon_first_ms, added_first_ms, daemon_cpu_ms}`.

    `first`: until the first words of the answer; else until the CLI has ended, and the task is completed.
    """
    with tempfile.TemporaryDirectory(prefix="agor-bench-") as name:
        folder = Path(name)
        async with FakeAnthropic(SCRIPT) as fake:
            environment = clean_environment(folder / "home", **fake.environment(config_dir=folder / "claude"))
            with running_daemon(folder, environment=environment) as daemon:
                async with LiveClient(daemon.url) as live:
                    return await _measure(daemon, live, folder, environment, times)


async def _measure(
    daemon: Daemon, live: LiveClient, folder: Path, environment: dict[str, str], times: int
) -> dict[str, float]:
    work = folder / "work"
    work.mkdir()
    direct, ours, cpu = [], [], []
    for _ in range(times + 1):  # one after the other, so that a busy machine hits both alike
        direct.append(await asyncio.to_thread(_direct, work, environment))
        used = cpu_s(daemon.process.pid)
        ours.append(await _through(live, work))
        cpu.append((cpu_s(daemon.process.pid) - used) * 1000)
    # The first of each loads programs and libraries into memory.
    direct_first, direct_ms = (statistics.median(column) for column in zip(*direct[1:], strict=True))
    first, whole = (statistics.median(column) for column in zip(*ours[1:], strict=True))
    return {
        "direct_ms": direct_ms,
        "daemon_ms": whole,
        "added_ms": whole - direct_ms,
        "direct_first_ms": direct_first,
        "daemon_first_ms": first,
        "added_first_ms": first - direct_first,
        "daemon_cpu_ms": statistics.median(cpu[1:]),
    }


def _direct(work: Path, environment: dict[str, str]) -> tuple[float, float]:
    started, first = time.perf_counter(), 0.0
    command = [*find_cli([], environment), *DIRECT, "hello"]
    with subprocess.Popen(command, cwd=work, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as cli:
        assert cli.stdout is not None
        for line in cli.stdout:
            if not first and b"text_delta" in line:
                first = time.perf_counter() - started
    return first * 1000, (time.perf_counter() - started) * 1000


async def _through(live: LiveClient, work: Path) -> tuple[float, float]:
    session = await live.service("sessions").create({"agent": "claude-code", "cwd": str(work)})
    first = 0.0
    async with live.events("messages streaming:chunk", "tasks patched") as queue:
        started = time.perf_counter()
        await live.service("sessions").call("prompt", session["session_id"], {"prompt": "hello"})
        while True:
            event, record = await queue.get()
            if not _is_of(record, session["session_id"]):
                continue
            if event == "messages streaming:chunk":
                first = first or time.perf_counter() - started
            elif record["status"] in ("completed", "failed"):
                assert record["status"] == "completed", record["error"]
                return first * 1000, (time.perf_counter() - started) * 1000


def _is_of(record: Any, session_id: str) -> bool:
    return isinstance(record, dict) and record.get("session_id") == session_id
