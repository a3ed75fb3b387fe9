"""A connection over Socket.IO as its transport sees it, and what it may cost."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from agor_core.feathers.channels import Connection, Outlet
from agor_core.feathers.transports.engine import Socket
from agor_core.feathers.transports.lanes import Lane
from agor_core.feathers.transports.packets import Packet
from agor_core.feathers.transports.recovery import Start

Shorten = Callable[[str, Any], Any]
"""`(event name, payload)` gives a shorter payload that says of itself that it is."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one connection may cost.

    `frames` and `bytes` may wait unread, counted with what it costs to keep them, so that a connection costs less than
    a megabyte. One event larger than `bytes` may wait alone. `calls` run at once. `connections`: so many may be
    connected, and so many on their way to that. `connect_s`: within this time a client has to say CONNECT. `ping_s`: so
    often it is asked whether it is still there, and `pong_s`: within this time it has to answer. `change_over_s`:
    within this time a polling client is on the WebSocket it has opened, or goes on polling; as in Node.
    """

    frames: int = 2_000
    bytes: int = 900_000
    stall_s: float = 10.0
    calls: int = 256
    connections: int = 10_000
    connect_s: float = 45.0
    ping_s: float = 25.0
    pong_s: float = 20.0
    change_over_s: float = 10.0


@dataclass(slots=True)
class Held:
    """An event ready to be sent; `seq` is 0 for events of no log."""

    packet: Packet
    seq: int
    volatile: bool


class SocketConnection(Connection):
    """A connection over Socket.IO, with what its transport needs to know.

    `held`: live events wait here while the connection is being opened or catches up. `heard`: the newest seq that
    replay has dealt with; live delivery does not send those again. `lane`: where its frames go without another
    question.
    """

    __slots__ = ("heard", "held", "lane", "sid", "socket", "start", "tasks")

    def __init__(self, id: str, outlet: Outlet, headers: dict[str, str], socket: Socket, sid: str) -> None:
        super().__init__(id, outlet, headers)
        self.socket = socket
        self.sid = sid
        self.held: list[Held] | None = []
        self.heard = 0
        self.lane: Lane | None = None
        self.start: Start | None = None
        self.tasks: set[asyncio.Task[Any]] = set()


@dataclass(slots=True)
class Counters:
    """What has happened at this door, for the metrics."""

    connected: int = 0
    recovered: int = 0
    dropped: int = 0
    events: int = 0
    reasons: dict[str, int] = field(default_factory=dict)
