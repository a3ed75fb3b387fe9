"""JSON-RPC messages to and from an agent's process, read no faster than they are used."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from agor_core.agents.process import MOST_NOISE_BYTES, ChildProcess, Flood

# Enough to keep a fast stream flowing; a flood waits in the pipe, and so in the agent.
MOST_UNREAD = 256


class ProcessTransport:
    """The library's transport over a process. `problem` says why it ended before its time, if it did."""

    def __init__(self, process: ChildProcess, inbox: asyncio.Queue[Any]) -> None:
        self.problem: str | None = None
        self._process = process
        self._inbox = inbox
        self._writing = asyncio.Lock()
        self._room = asyncio.Event()
        self._room.set()
        self._noise_bytes = 0

    def taken(self) -> None:
        """Something was taken out of the inbox."""
        if self._inbox.qsize() < MOST_UNREAD:
            self._room.set()

    async def send(self, message: dict[str, Any]) -> None:
        """Write one message. Raises ConnectionError if the agent is gone."""
        data = json.dumps(message, separators=(",", ":")).encode() + b"\n"
        async with self._writing:
            await self._process.write(data)

    async def receive(self) -> dict[str, Any] | None:
        """The next message; None at the end. What is no message is passed over, within reason."""
        while True:
            if self._inbox.qsize() >= MOST_UNREAD:
                self._room.clear()
            await self._room.wait()
            try:
                line = await self._process.read_line()
            except Flood as flood:
                self.problem = str(flood)
                return None
            if not line:
                return None
            message = _message(line)
            if message is not None:
                return message
            self._noise_bytes += len(line)
            if self._noise_bytes > MOST_NOISE_BYTES:
                self.problem = f"it wrote {MOST_NOISE_BYTES // 1024 // 1024} MB that are no messages"
                return None

    async def close(self) -> None:
        """Nothing to do: the process is its owner's to end."""


def _message(line: bytes) -> dict[str, Any] | None:
    try:
        message = json.loads(line)
    except ValueError:
        return None
    return message if isinstance(message, dict) else None
