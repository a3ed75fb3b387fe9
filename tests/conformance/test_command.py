"""The conformance server as it is started: by its command."""

from __future__ import annotations

import asyncio
import resource
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from tests.conformance.doors import PATIENCE_S
from tests.conformance.raw import raw

ROOT = Path(__file__).parents[2]
FEW_FILES = 64


def allow_few_files() -> None:
    """As systems do that grant more only to who asks."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (FEW_FILES, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))


@asynccontextmanager
async def started(module: str, before: Callable[[], None] | None = None) -> AsyncIterator[str]:
    """Where a server is that was started by its command, on a free port; it ends when it is told to."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", module, "--port", "0", cwd=ROOT, stdout=asyncio.subprocess.PIPE, preexec_fn=before
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(PATIENCE_S):
            line = (await process.stdout.readline()).decode()
        yield line.removeprefix("listening on ").split(",")[0].strip()
    finally:
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(PATIENCE_S):
            assert await process.wait() == 0


@pytest.mark.parametrize("module", ["tests.conformance.server", "agor_core.feathers"])
async def test_more_clients_are_served_than_the_system_first_grants_files(module: str) -> None:
    """Where a process begins with few files, it asks for as many as it may have."""
    async with started(module, allow_few_files) as url, AsyncExitStack() as stack:
        async with asyncio.timeout(PATIENCE_S):
            clients = [await stack.enter_async_context(raw(url)) for _ in range(2 * FEW_FILES)]
            answers = [await client.call("find", "no-such-service") for client in clients]
        assert {error["message"] for (error,) in answers} == {"Service 'no-such-service' not found"}
