"""The fast path of Socket.IO: python-socketio still admits, names and ends connections, but frames go straight through.

Stock spends, per message and recipient, a task, a queue hop, a writer's wake-up, a UTF-8 encode and a WebSocket frame.
Here a frame is built once (frames of a server are not masked, so one serves all) and written to each transport. The
first write after a quiet spell leaves at once; what follows within `TICK_S` is gathered per client and leaves as one
write, in order. Receiving is one `async for` instead of a task and a timer a message. Polling stays stock.

It relies on private parts of python-socketio and python-engineio, hence their pinned versions;
`ServerOptions(fast=False)` is the way back.
"""

from __future__ import annotations

import asyncio
import logging
import time
from typing import Any

from aiohttp import WSMsgType, web
from engineio import packet as eio_packet

from agor_core.feathers.transports.engine import Driver, Engine, Packet, Socket, SocketServer

logger = logging.getLogger(__name__)

TICK_S = 0.002
# While clients are behind, and nothing else is to be done, there is no hurry.
BEHIND_TICK_S = 0.02
# What a transport may hold unsent. More waits with us, where it is counted by frames and can be dropped.
SOFT_LIMIT_BYTES = 64 * 1024


class Outbox:
    """The sockets that have something gathered, and the timer that lets it go."""

    def __init__(self) -> None:
        self.is_ticking = False
        self.is_starting = False
        self.turn = 0
        self.dirty: dict[FastSocket, None] = {}

    def start_soon(self) -> None:
        """From the next turn of the loop on frames are gathered; until then they leave at once, for all recipients."""
        if not self.is_starting:
            self.is_starting = True
            self.turn += 1
            asyncio.get_running_loop().call_soon(self.start)

    def start(self) -> None:
        """From now on, for a tick, frames are gathered."""
        self.is_starting = False
        if not self.is_ticking:
            self.is_ticking = True
            asyncio.get_running_loop().call_later(TICK_S, self._tick)

    def _tick(self) -> None:
        dirty, self.dirty = self.dirty, {}
        behind = 0
        for socket in dirty:
            if not socket.flush():
                behind += 1
                self.dirty[socket] = None
        if not dirty:
            self.is_ticking = False
            return
        pause = BEHIND_TICK_S if behind == len(dirty) else TICK_S
        asyncio.get_running_loop().call_later(pause, self._tick)


class FastSocket(Socket):
    """A socket on WebSocket whose frames go to the transport without a queue; until the upgrade it is stock."""

    connected: bool
    # None while the client is still polling, and again once the transport is gone.
    write: Any = None
    outbox: Outbox
    waiting: list[bytes]
    waiting_bytes: int
    # Of what waits, the events: they are bounded, answers are paced.
    event_frames: int
    event_bytes: int
    written_bytes: int
    sent_before: int
    turn = -1
    moved_at: float

    def push(self, packet: Packet) -> None:
        """Send an answer: at once, and with it whatever was gathered."""
        if self.write is None:
            super().push(packet)
        elif self.waiting:
            self._wait(_frame_of(packet))
            self.flush()
        else:
            self._direct(_frame_of(packet))

    def push_event(self, packet: Packet, most_frames: int, most_bytes: int) -> bool:
        """Send an event: at once after a quiet spell, else with the others of this tick."""
        if self.write is None:
            return self.closed or super().push_event(packet, most_frames, most_bytes)
        raw = packet.frame or _frame_of(packet)
        outbox = self.outbox
        if not self.waiting and not outbox.is_ticking and not (outbox.is_starting and self.turn == outbox.turn):
            self._direct(raw)
            # The first event of a turn leaves at once to all its recipients: the tick is for what comes later.
            outbox.start_soon()
            self.turn = outbox.turn
            return True
        is_much = self.event_frames >= most_frames or self.event_bytes + len(raw) > most_bytes
        # Much may have been gathered without anybody being slow: only what cannot be written counts.
        if self.event_frames and is_much and not self.flush():
            return False
        self._wait(raw)
        self.event_frames += 1
        self.event_bytes += len(raw)
        return True

    def waiting_events(self) -> tuple[int, int]:
        """How many events, and how many bytes of them, wait for the client."""
        return super().waiting_events() if self.write is None else (self.event_frames, self.event_bytes)

    def backlog(self) -> tuple[int, int]:
        """How many frames and bytes wait for the client."""
        if self.write is None:
            return super().backlog()
        return len(self.waiting), self.waiting_bytes + self.transport.get_write_buffer_size()

    def stalled_s(self) -> float:
        """For how long a client that has something to read has read nothing."""
        if self.write is None:
            return super().stalled_s()
        unsent = self.transport.get_write_buffer_size()
        sent = self.written_bytes - unsent
        now = time.monotonic()
        if sent != self.sent_before or (not unsent and not self.waiting):
            self.sent_before, self.moved_at = sent, now
        return now - self.moved_at

    def flush(self) -> bool:
        """Write what was gathered; False if the client is behind and it has to wait on."""
        if self.write is None or not self.waiting:
            return True
        if self.transport.get_write_buffer_size() > SOFT_LIMIT_BYTES:
            return False
        frames, self.waiting = self.waiting, []
        self.waiting_bytes = self.event_frames = self.event_bytes = 0
        self._write(frames[0] if len(frames) == 1 else b"".join(frames))
        return True

    async def send(self, pkt: eio_packet.Packet) -> None:
        """Send one of Engine.IO's own packets."""
        if self.write is None:
            await super().send(pkt)
        elif await self.check_ping_timeout():
            raw = frame(pkt.encode().encode())
            self._wait(raw)
            self.flush()

    async def serve(self, driver: FastDriver) -> None:
        """Talk to the client over its WebSocket until one of us goes."""
        if self.connected and not await self._upgrade(driver):
            return
        self.connected = self.upgraded = True
        self.upgrading = False
        self._take_over(driver.transport)
        closer = asyncio.ensure_future(self._until_closed(driver))
        try:
            await self._read(driver.socket)
        except Exception:
            logger.exception("reading from a client failed")
        finally:
            self.write = None
            self.waiting.clear()
            self.queue.put_nowait(None)
        await closer
        await self.close(wait=False, abort=True, reason=self.server.reason.TRANSPORT_CLOSE)

    async def _read(self, websocket: web.WebSocketResponse) -> None:
        received = self.server.handlers["message"]
        async for message in websocket:
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

    async def _upgrade(self, driver: FastDriver) -> bool:
        """The dance by which a polling client changes over; what is sent meanwhile stays in the queue."""
        self.upgrading = True
        try:
            if await driver.wait() != "2probe":
                return False
            await driver.send("3probe")
            self.queue.put_nowait(eio_packet.Packet(eio_packet.NOOP))
            return await driver.wait() == "5"
        except OSError:
            return False
        finally:
            self.upgrading = False

    def _take_over(self, transport: Any) -> None:
        self.outbox = self.server.outbox
        self.waiting, self.written_bytes, self.sent_before = [], 0, 0
        self.waiting_bytes = self.event_frames = self.event_bytes = 0
        self.moved_at = time.monotonic()
        self.transport, self.write = transport, transport.write
        while not self.queue.empty():
            packet = self.queue.get_nowait()
            self.queue.task_done()
            if packet is not None and packet.packet_type != eio_packet.NOOP:
                self._direct(frame(packet.encode().encode()))

    async def _until_closed(self, driver: FastDriver) -> None:
        while await self.queue.get() is not None:
            self.queue.task_done()
        self.queue.task_done()
        self.flush()
        self.write = None
        await driver.close()

    def _wait(self, raw: bytes) -> None:
        self.waiting.append(raw)
        self.waiting_bytes += len(raw)
        self.outbox.dirty[self] = None
        self.outbox.start()

    def _direct(self, raw: bytes) -> None:
        if self.transport.get_write_buffer_size() > SOFT_LIMIT_BYTES:
            self._wait(raw)
        else:
            self._write(raw)

    def _write(self, raw: bytes) -> None:
        try:
            self.write(raw)
            self.written_bytes += len(raw)
        except (RuntimeError, TypeError, AttributeError):
            # uvloop raises once a transport is closed; the others must still get theirs.
            self.write = None


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


class FastSocketServer(SocketServer):
    """python-socketio on the fast engine."""

    engine = FastEngine


def frame(payload: bytes) -> bytes:
    """A text frame of RFC 6455, unmasked, as servers send it."""
    size = len(payload)
    if size < 126:
        return bytes((0x81, size)) + payload
    if size < 65_536:
        return b"\x81\x7e" + size.to_bytes(2, "big") + payload
    return b"\x81\x7f" + size.to_bytes(8, "big") + payload


def _frame_of(packet: Packet) -> bytes:
    if packet.frame is None:
        packet.frame = frame(packet.encode_cache.encode())
    return packet.frame
