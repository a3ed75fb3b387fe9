"""Packets that are encoded once for however many recipients, and the queue in which they wait for one that polls."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from engineio import packet as eio_packet

# What it takes to keep a packet, beside what is in it.
KEPT_BYTES = 160


class Backlog(asyncio.Queue[Any]):
    """The queue of a socket, which knows what it costs that so much waits in it, and since when nothing has moved."""

    def __init__(self) -> None:
        self.size_bytes = 0
        self.event_frames = 0
        self.event_bytes = 0
        self.moved_at = time.monotonic()
        super().__init__()

    def _put(self, item: Any) -> None:
        if self.empty():
            self.moved_at = time.monotonic()
        self._count(item, 1)
        super()._put(item)

    def _get(self) -> Any:
        item = super()._get()
        self._count(item, -1)
        self.moved_at = time.monotonic()
        return item

    def _count(self, item: Any, sign: int) -> None:
        size = sign * (KEPT_BYTES + (len(item.raw) if isinstance(item, Packet) else 0))
        self.size_bytes += size
        if getattr(item, "is_event", False):
            self.event_frames += sign
            self.event_bytes += size


class NoBacklog(Backlog):
    """The queue of a socket that writes by itself: nothing waits there. What comes too late is dropped."""

    def put_nowait(self, item: Any) -> None:
        """Forget it."""

    async def put(self, item: Any) -> None:
        """Forget it."""


class Packet(eio_packet.Packet):  # type: ignore[misc]  # engineio has no types
    """A Socket.IO packet in an Engine.IO one, encoded once for however many recipients.

    `raw`: what travels. `frame`: the fast path's WebSocket frame, for as long as it is told to many. `is_event`: it
    counts towards what may wait unread; answers do not, they are paced.
    """

    frame: bytes | None = None
    is_event = False
    binary = False

    def __init__(self, payload: bytes) -> None:
        # Not by way of the parent, which looks at data that there is none of: this is done for every answer.
        self.packet_type = eio_packet.MESSAGE
        self.data = None
        self.raw = b"4" + payload

    def encode(self, b64: bool = False) -> str:
        """The text that the stock path sends; not kept, or the packet would cost those for whom it waits twice."""
        return self.raw.decode()


PING = Packet(b"")
PING.raw = b"2"
