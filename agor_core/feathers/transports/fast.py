"""The fast path of Socket.IO: python-socketio still admits, names and ends connections, but frames go straight through.

Stock spends, per message and recipient, a task, a queue hop, a writer's wake-up, a UTF-8 encode and a WebSocket frame.
Here a frame is built once (frames of a server are not masked, so one serves all) and each client's lane writes it to
its transport; `lanes.py` says when, and what is traded for it. Receiving is one `async for` instead of a task and a
timer a message. Polling stays stock.

It relies on private parts of python-socketio and python-engineio, hence their pinned versions;
`ServerOptions(fast=False)` is the way back.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from typing import Any

from aiohttp import WSMsgType, web
from engineio import packet as eio_packet

from agor_core.feathers.transports.engine import Driver, Engine, Socket
from agor_core.feathers.transports.lanes import Lane, Outbox, Reader
from agor_core.feathers.transports.packets import Backlog, NoBacklog, Packet
from agor_core.feathers.transports.server import SocketServer
from agor_core.feathers.transports.sockets import SocketConnection

logger = logging.getLogger(__name__)


class FastSocket(Socket):
    """A socket on WebSocket whose frames go to the transport without a queue; until the upgrade it is stock."""

    queue: Backlog
    # None while the client is still polling, and again once the transport is gone.
    lane: Lane | None = None
    # Its WebSocket, and what closes that once one of us goes.
    websocket: web.WebSocketResponse | None = None
    farewell: asyncio.Task[Any] | None = None

    def push(self, packet: Packet) -> None:
        """Send an answer: at the end of this turn of the loop, and with it whatever was gathered."""
        if self.lane is None:
            super().push(packet)
        else:
            self.lane.answer(frame_of(packet))

    def push_event(self, packet: Packet, most_frames: int, most_bytes: int) -> bool:
        """Send an event: as soon after a quiet spell, else with the others of this tick."""
        if self.lane is None:
            return self.closed or super().push_event(packet, most_frames, most_bytes)
        return self.lane.event(frame_of(packet), most_frames, most_bytes)

    def let_flow(self, reader: Reader) -> None:
        """From now on `reader` may be told along with everybody else, as long as it reads."""
        if self.lane is not None:
            self.lane.let_flow(reader)

    def waiting_events(self) -> tuple[int, int]:
        """How many events, and how many bytes of them, wait for the client."""
        return super().waiting_events() if self.lane is None else (self.lane.event_frames, self.lane.event_bytes)

    def backlog(self) -> tuple[int, int]:
        """How many frames and bytes wait for the client."""
        return super().backlog() if self.lane is None else self.lane.backlog()

    def stalled_s(self) -> float:
        """For how long a client that has something to read has read nothing."""
        return super().stalled_s() if self.lane is None else self.lane.stalled_s()

    async def send(self, pkt: eio_packet.Packet) -> None:
        """Send one of Engine.IO's own packets."""
        if self.lane is None:
            await super().send(pkt)
        elif await self.check_ping_timeout():
            self.lane.answer(frame(pkt.encode().encode()))

    async def serve(self, driver: FastDriver) -> None:
        """Talk to the client over its WebSocket until one of us goes."""
        if self.connected and not await self.change_over(driver):
            return
        self.connected = self.upgraded = True
        self._take_over(driver)
        try:
            await self._read(driver.socket)
        except Exception:
            logger.exception("reading from a client failed")
        finally:
            self._leave_lane()
            self._hang_up(abort=True)
        if self.farewell is not None:
            await self.farewell
        await self.close(wait=False, abort=True, reason=self.server.reason.TRANSPORT_CLOSE)

    async def _read(self, websocket: web.WebSocketResponse) -> None:
        received = self.server.handlers["message"]
        async for message in websocket:
            self.heard()
            if message.type is WSMsgType.TEXT:
                text: str = message.data
                if text[:1] == "4":
                    await received(self.sid, text[1:])
                elif text[:1] in tuple("135"):
                    await self.receive(eio_packet.Packet(encoded_packet=text))
                elif text[:1] not in tuple("06"):
                    # A ping is the server's to send. The rest, as in Node, says nothing and is no harm.
                    return
            elif message.type is WSMsgType.BINARY:
                await received(self.sid, bytes(message.data))
            if self.closed:
                return

    def _take_over(self, driver: FastDriver) -> None:
        self.transport = driver.transport
        self.websocket = driver.socket
        self.lane = Lane(self.transport, self.server.outbox)
        while not self.queue.empty():
            packet = self.queue.get_nowait()
            self.queue.task_done()
            if packet is not None and packet.packet_type != eio_packet.NOOP:
                self.lane.answer(frame(packet.encode().encode()))
        # A poll that came too late for the change may still wait there.
        self.queue.put_nowait(eio_packet.Packet(eio_packet.NOOP))
        # A queue, and a task that waits for what comes through it, would be an eighth of what an idle connection costs.
        self.queue = self.server.no_backlog

    def _leave_lane(self) -> None:
        if self.lane is not None:
            self.lane.close()
            self.lane = None

    def _hang_up(self, *, abort: bool) -> None:
        if self.websocket is None:
            super()._hang_up(abort=abort)
        elif self.farewell is None:
            if self.lane is not None:
                self.lane.finish()
                self.lane = None
            self.farewell = asyncio.ensure_future(self.websocket.close())


class FastDriver(Driver):
    """Hands the WebSocket to a `FastSocket`."""

    @property
    def socket(self) -> web.WebSocketResponse:
        """aiohttp's side of the connection."""
        websocket: web.WebSocketResponse = self._sock
        return websocket

    async def run(self) -> None:
        """Serve until the client goes."""
        owner: FastSocket = self.handler.__self__
        await owner.serve(self)


class FastEngine(Engine):
    """Engine.IO with fast sockets."""

    driver = FastDriver
    socket = FastSocket

    def __init__(self, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self.outbox = Outbox()
        self.no_backlog = NoBacklog()


class FastSocketServer(SocketServer):
    """python-socketio on the fast engine."""

    engine = FastEngine

    def tell(self, connections: Iterable[SocketConnection], packet: Packet) -> list[SocketConnection]:
        """Send an event to all whose frames flow; the others are returned."""
        outbox: Outbox = self.eio.outbox
        return outbox.tell(connections, frame_of(packet))


def frame(payload: bytes) -> bytes:
    """A text frame of RFC 6455, unmasked, as servers send it."""
    size = len(payload)
    if size < 126:
        return bytes((0x81, size)) + payload
    if size < 65_536:
        return b"\x81\x7e" + size.to_bytes(2, "big") + payload
    return b"\x81\x7f" + size.to_bytes(8, "big") + payload


def frame_of(packet: Packet) -> bytes:
    """The frame of a packet, made once."""
    if packet.frame is None:
        packet.frame = frame(packet.raw)
    return packet.frame
