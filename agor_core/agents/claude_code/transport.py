"""Connects the SDK to a CLI that we started."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

from claude_agent_sdk import ProcessError, Transport

from agor_core.agents.process import MOST_NOISE_BYTES, ChildProcess, Flood

# At its end the CLI writes down what the conversation has cost; that takes it some 0.2 s, more on a busy machine.
LAST_WORDS_S = 5.0


class CliTransport(Transport):
    """JSON lines to and from a running CLI. Closing it is its owner's business, who knows how much haste there is."""

    def __init__(self, process: ChildProcess) -> None:
        self._process = process
        self._open = True

    async def connect(self) -> None:
        """It runs already."""

    async def write(self, data: str) -> None:
        """Write one message. Raises ConnectionError if the CLI is gone."""
        await self._process.write(data.encode())

    def read_messages(self) -> AsyncIterator[dict[str, Any]]:
        """Messages until the CLI ends. Raises ProcessError if it ends badly, Flood if it floods."""
        return self._messages()

    async def _messages(self) -> AsyncIterator[dict[str, Any]]:
        noise_bytes = 0
        while line := await self._process.read_line():
            # Some builds print notes of their own beside the messages; a message cut off in the middle is the last.
            try:
                message = json.loads(line)
            except ValueError:
                message = None
            if isinstance(message, dict):
                yield message
                continue
            noise_bytes += len(line)
            if noise_bytes > MOST_NOISE_BYTES:
                raise Flood(f"it wrote {MOST_NOISE_BYTES // 1024 // 1024} MB that are no messages")
        code = await self._process.wait()
        if code != 0 and self._open:
            raise ProcessError("the CLI ended", exit_code=code)

    async def end_input(self) -> None:
        """Tell the CLI that nothing more will come."""
        self._process.stdin.close()

    async def close(self) -> None:
        """Stop talking; the process is left to its owner."""
        self._open = False

    def is_ready(self) -> bool:
        """Whether messages can be written."""
        return self._open and self._process.returncode is None
