"""The Engine.IO layer under python-socketio, with its edges made safe. The stock path; `fast.py` builds on it.

Changed: broken frames end their own connection instead of leaking it; what waits for a reader is counted and bounded;
background tasks have an owner; no compression, which costs more than it saves on one machine.
"""

from __future__ import annotations

import asyncio
import json
import socket as sockets
import time
from collections.abc import Callable, Coroutine
from typing import Any

import engineio
from aiohttp import WSMsgType, web
from engineio import async_socket, exceptions
from engineio import packet as eio_packet
from engineio.async_drivers import aiohttp as driver
from engineio.payload import Payload

from agor_core.errors import ServiceError
from agor_core.feathers.transports.bodies import body_of
from agor_core.feathers.transports.handshakes import Problem, asks_for_websocket, problem_of
from agor_core.feathers.transports.packets import PING, Backlog, Packet
from agor_core.feathers.transports.patience import HttpConnection
from agor_core.feathers.transports.refusals import Reason

# What a client may send that says nothing, as in Node: the opening of a session, and no-operation.
SILENT = (eio_packet.OPEN, eio_packet.NOOP)
# Stock is 16: a polling client that has 17 calls to make at once would be cut off. Clients send all they have in one.
MAX_PACKETS_PER_POST = 10_000
SEND_BUFFER_BYTES = 256 * 1024
# What any page can send anywhere; stock takes it for what is in it.
JSONP_FORM = b"d="
# An answer that nobody reads costs as much once more as what it holds.
MOST_PER_POLL_BYTES = 128 * 1024


class Driver(driver.WebSocket):  # type: ignore[misc]  # engineio has no types
    """A WebSocket that gives Engine.IO only frames it can read."""

    async def __call__(self, environ: dict[str, Any]) -> web.WebSocketResponse:
        request: web.Request = environ["aiohttp.request"]
        self._sock = web.WebSocketResponse(max_msg_size=self.server.max_http_buffer_size, compress=False)
        await self._sock.prepare(request)
        # Its headers once more, which nobody asks for any longer but would be kept as long as the connection lives.
        environ.clear()
        socket = request.transport.get_extra_info("socket") if request.transport is not None else None
        if socket is not None:
            # The kernel would by itself buffer megabytes for a client that does not read.
            socket.setsockopt(sockets.SOL_SOCKET, sockets.SO_SNDBUF, SEND_BUFFER_BYTES)
        self.transport = request.transport
        socket_of_engine = self.handler.__self__
        socket_of_engine.transport = request.transport
        if isinstance(request.protocol, HttpConnection):
            socket_of_engine.connection = request.protocol
            self.server.meet(socket_of_engine.sid, request.protocol)
        await self.run()
        return self._sock

    async def run(self) -> None:
        """Serve until the client goes; the fast path takes over here."""
        await self.handler(self)

    async def wait(self) -> str | bytes:
        """The next frame. Raises OSError, which ends the connection, when there is none or it is broken."""
        message = await self._sock.receive()
        self.handler.__self__.heard()
        while message.type is WSMsgType.TEXT and message.data[:1] in tuple("06"):
            # As in Node, what says nothing is no harm.
            message = await self._sock.receive()
        if message.type is WSMsgType.BINARY:
            return bytes(message.data)
        # A ping is the server's to send, but for the one that probes.
        is_probe = message.data == "2probe" and not self.handler.__self__.upgraded
        if message.type is not WSMsgType.TEXT or not (is_probe or message.data[:1] in tuple("1345")):
            raise OSError("not an Engine.IO frame")
        return str(message.data)


class Socket(async_socket.AsyncSocket):  # type: ignore[misc]  # engineio has no types
    """A socket that takes packets without waiting, and says how much of them waits.

    Closing it also ends a poll that is under way, which would else hang for a ping's time.
    """

    connected: bool
    upgraded: bool
    upgrading: bool
    last_ping: float | None
    # The WebSocket's, once there is one; what it holds unsent, and since when that has not changed.
    transport: Any = None
    connection: HttpConnection | None = None
    unsent_before = 0
    still_since = 0.0
    opened_at = 0.0
    is_polled = False
    # A WebSocket has been let in, to change over to or for good.
    has_websocket = False
    # When it is next asked whether it is still there.
    asking: asyncio.TimerHandle | None = None

    def schedule_ping(self) -> None:
        """Ask after a while whether the client is still there, once it has answered the last time.

        Stock has a task wait for that, which outlives the socket.
        """
        if self.last_ping:
            self.last_ping = None
            self.asking = asyncio.get_running_loop().call_later(self.server.ping_interval, self._ask)

    def _ask(self) -> None:
        # On a clock that nobody sets.
        self.last_ping = time.monotonic()
        self.push(PING)

    async def handle_get_request(self, environ: dict[str, Any]) -> Any:
        """Answer a poll, or change over to a WebSocket.

        Of two polls at a time nobody could say which gets what, and what a poll took whose client has gone is lost:
        both end the session, so that the client comes back.
        """
        if asks_for_websocket(environ["aiohttp.request"]):
            self.has_websocket = True
            try:
                return await super().handle_get_request(environ)
            finally:
                self.has_websocket = False
        if self.is_polled:
            raise exceptions.UnknownPacketError("two polls at once")
        connection = environ["aiohttp.request"].protocol
        self.is_polled = True
        try:
            if isinstance(connection, HttpConnection):
                connection.when_lost = self._give_up_poll
            packets = await self._packets()
        finally:
            self.is_polled = False
            if isinstance(connection, HttpConnection):
                connection.when_lost = None
        is_needed = not self._changes_over() or any(one.packet_type not in SILENT for one in packets)
        if connection.transport is None and is_needed:
            await self.close(abort=True, reason=self.server.reason.TRANSPORT_CLOSE)
        return packets

    async def _packets(self) -> list[Any]:
        """What a poll is answered with, which waits for it."""
        if self.upgraded or (self.upgrading and self.queue.empty()):
            # The client waits for the end of its poll to go over to its WebSocket.
            return [eio_packet.Packet(eio_packet.NOOP)]
        return await self.poll()

    async def poll(self) -> list[Any]:
        """What waits, once there is something; nothing once it is closed.

        No more than one answer may hold, unless it is the last. Stock ends the session where nothing comes for long.
        But pings come, and who answers none is closed.
        """
        queue: Backlog = self.queue
        most_left = queue.size_bytes - MOST_PER_POLL_BYTES
        packets = [await queue.get()]
        queue.task_done()
        while packets[-1] is not None and not queue.empty() and (queue.size_bytes > most_left or self.closing):
            packets.append(queue.get_nowait())
            queue.task_done()
        if packets[-1] is None:
            packets.pop()
            if packets:
                # The next poll, or the writer to a WebSocket, has to hear of the end, too.
                self.queue.put_nowait(None)
        return packets

    async def change_over(self, driver: Driver) -> bool:
        """The dance by which a polling client goes over to a WebSocket; whether it did.

        Until its last step, which is the client's, it polls: some proxies let a WebSocket open, and nothing through.
        """
        try:
            async with asyncio.timeout(self.server.change_over_s):
                while (said := await driver.wait()) == "2probe":
                    self.upgrading = True
                    await driver.send("3probe")
                    if self.is_polled:
                        self.queue.put_nowait(eio_packet.Packet(eio_packet.NOOP))
                return self.upgrading and said == "5"
        except (OSError, TimeoutError):
            return False
        finally:
            self.upgrading = False

    async def _websocket_handler(self, ws: Driver) -> None:
        if self.connected:
            if not await self.change_over(ws):
                return
            # What follows takes it for a new one, else it would dance once more.
            self.connected = False
        await super()._websocket_handler(ws)

    def _changes_over(self) -> bool:
        return self.upgrading or self.upgraded

    def _give_up_poll(self) -> None:
        # On a WebSocket this would end that.
        if not self.upgraded:
            self.queue.put_nowait(None)

    async def handle_post_request(self, environ: dict[str, Any]) -> None:
        """Take what a polling client sends, all of it. What is no payload ends its connection, in silence."""
        try:
            await self._take_payload(environ)
        except exceptions.EngineIOError:
            # Of a session that has ended meanwhile there is nothing left to end, over which stock would stumble.
            if not self.closed:
                raise

    async def _take_payload(self, environ: dict[str, Any]) -> None:
        engine, request = self.server, environ["aiohttp.request"]
        try:
            body = await body_of(
                request,
                engine.max_http_buffer_size,
                engine.body_limit_s,
                lambda reason: engine.refused(reason, request),
            )
            if not body or body.startswith(JSONP_FORM):
                raise exceptions.UnknownPacketError("nothing, or for JSONP")
            packets = Payload(encoded_payload=body.decode()).packets
        except (ValueError, ServiceError) as error:
            raise exceptions.UnknownPacketError("not a payload") from error
        for packet in packets:
            if packet.packet_type not in SILENT:
                await self.receive(packet)

    async def receive(self, pkt: eio_packet.Packet) -> None:
        """Do what a packet says. Raises UnknownPacketError for one of no known type."""
        if pkt.packet_type >= len(eio_packet.packet_names):
            raise exceptions.UnknownPacketError("no packet of Engine.IO")
        # Who is on its WebSocket, or stays with polling, has nothing to change over to.
        if pkt.packet_type != eio_packet.UPGRADE:
            await super().receive(pkt)

    def push(self, packet: Packet) -> None:
        """Send a packet behind whatever waits."""
        if not self.closed:
            self.queue.put_nowait(packet)

    def push_event(self, packet: Packet, most_frames: int, most_bytes: int) -> bool:
        """Send an event, or say that too much waits already. One packet of any size may wait alone."""
        queue: Backlog = self.queue
        waiting = queue.event_frames
        if waiting and (waiting >= most_frames or queue.event_bytes + len(packet.raw) > most_bytes):
            return False
        self.push(packet)
        return True

    def heard(self) -> None:
        """A whole message has come."""
        if self.connection is not None:
            self.connection.heard()

    def let_flow(self, reader: Any) -> None:
        """Nothing: there is no shorter way than the queue."""

    def waiting_events(self) -> tuple[int, int]:
        """How many events, and how many bytes of them, wait for the client."""
        return self.queue.event_frames, self.queue.event_bytes

    def backlog(self) -> tuple[int, int]:
        """How many frames and bytes wait for the client."""
        return self.queue.qsize(), self.queue.size_bytes

    def stalled_s(self) -> float:
        """For how long a client that has something to read has read nothing. A poll that is awaited is no stall."""
        now = time.monotonic()
        unsent = self.transport.get_write_buffer_size() if self.transport is not None else 0
        queue: Backlog = self.queue
        if not self.upgraded or unsent != self.unsent_before or not (unsent or queue.qsize()):
            self.unsent_before, self.still_since = unsent, now
        return now - max(self.still_since, queue.moved_at)

    def is_silent(self) -> bool:
        """Whether it is open and has left a ping unanswered for too long."""
        return not self.closing and self._is_late()

    async def check_ping_timeout(self) -> bool:
        """Whether it may be written to. Raises SocketIsClosedError.

        Engine.IO would close a silent one here; that is the door's to do, which knows whether it was late itself.
        """
        if self.closed:
            raise exceptions.SocketIsClosedError
        # No goodbye is said to who answers nothing.
        return not (self.closing and self._is_late())

    def _is_late(self) -> bool:
        return bool(self.last_ping and time.monotonic() - self.last_ping > self.server.ping_timeout)

    async def close(self, wait: bool = True, abort: bool = False, reason: Any = None) -> None:
        """Close it, once; with `abort` nothing is said to the client."""
        if self.closed or self.closing:
            return
        if self.asking is not None:
            self.asking.cancel()
        await super().close(wait=False, abort=abort, reason=reason)
        self._hang_up(abort=abort)

    def _hang_up(self, *, abort: bool) -> None:
        """Let whoever writes to the client end, after what waits."""
        if abort:
            self.queue.put_nowait(eio_packet.Packet(eio_packet.NOOP))
        self.queue.put_nowait(None)


class Engine(engineio.AsyncServer):  # type: ignore[misc]  # engineio has no types
    """Engine.IO whose background tasks can be stopped."""

    driver: type[Driver] = Driver
    socket: type[Socket] = Socket
    # Within this time the body of a polling client's request has to be there.
    body_limit_s = 60.0
    # Within this time a polling client is on its WebSocket, or goes on polling.
    change_over_s = 10.0
    # Who is told of what was not taken.
    refused: Callable[[Reason, web.Request], None] = staticmethod(lambda _reason, _request: None)
    # What to do with the connection of a new WebSocket, by the id of its socket.
    meet: Callable[[str, HttpConnection], None] = staticmethod(lambda _sid, _connection: None)

    def __init__(self, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self._async: dict[str, Any] = {**self._async, "websocket": self.driver}
        self._background: set[asyncio.Task[Any]] = set()
        Payload.max_decode_packets = max(Payload.max_decode_packets, MAX_PACKETS_PER_POST)

    async def handle_request(self, request: web.Request) -> web.StreamResponse:
        """Answer a request of the transport. JSONP, which any page may read, does not exist."""
        if "j" in request.query:
            return _refused(Problem.REQUEST.said("JSONP is not supported"))
        problem = problem_of(request, self.sockets)
        if problem is not None:
            return _refused(problem.said())
        response: web.StreamResponse = await super().handle_request(request)
        return response

    def _ok(self, packets: Any = None, headers: Any = None, jsonp_index: Any = None) -> dict[str, Any]:
        answer: dict[str, Any] = super()._ok(packets, headers, jsonp_index)
        # In the protocol's letters, which some clients compare.
        return answer if packets is not None else {**answer, "response": b"ok"}

    def _bad_request(self, message: str | None = None) -> dict[str, Any]:
        body = json.dumps(Problem.REQUEST.said(message)).encode()
        return {"status": "400 BAD REQUEST", "headers": [("Content-Type", "application/json")], "response": body}

    def create_queue(self, *_args: Any, **_settings: Any) -> Backlog:
        """A queue that is measured."""
        return Backlog()

    def start_background_task(self, target: Any, *args: Any, **settings: Any) -> asyncio.Task[Any]:
        """Start a task that ends with the server."""
        task = asyncio.get_running_loop().create_task(target(*args, **settings))
        self._background.add(task)
        task.add_done_callback(self._background.discard)
        return task

    def forget_closed(self) -> None:
        """Forget those who have gone. Stock comes to one after the other, and keeps them all until it has."""
        for sid, socket in list(self.sockets.items()):
            if socket.closed:
                del self.sockets[sid]

    async def stop(self) -> None:
        """End every connection and every background task."""
        for socket in list(self.sockets.values()):
            await end(socket)
        self.sockets.clear()
        tasks = list(self._background)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _refused(said: dict[str, Any]) -> web.Response:
    return web.json_response(said, status=400)


async def end(socket: Any, *, abort: bool = False) -> None:
    """Close a socket from our side, so that the client sees its transport close and comes back by itself.

    With `abort` not even waiting frames are written: for a client that does not read.
    """
    transport = getattr(socket, "transport", None)
    if abort and transport is not None:
        transport.abort()
    await socket.close(wait=False, abort=abort)


def background(coroutine: Coroutine[Any, Any, Any], tasks: set[asyncio.Task[Any]], name: str) -> asyncio.Task[Any]:
    """A task that `tasks` owns until it is done."""
    # Past `create_task`, which a loop may take longer over than the task takes.
    task = asyncio.Task(coroutine, loop=asyncio.get_running_loop(), name=name)
    tasks.add(task)
    task.add_done_callback(tasks.discard)
    return task
