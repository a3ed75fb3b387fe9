"""Socket.IO: reads packets, owns the tasks of calls, answers them, and sends events.

What waits for a client that does not read is bounded: over `Limits` of waiting events, or without progress for
`stall_s`, it is dropped and comes back. Answers and replay are paced instead: while they wait, no new call is read.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterable
from typing import Any, cast

from aiohttp import web

from agor_core.errors import BadRequest, ServiceError, Unavailable
from agor_core.feathers.app import Feathers
from agor_core.feathers.channels import Connection
from agor_core.feathers.idempotency import Idempotency
from agor_core.feathers.transports import frames
from agor_core.feathers.transports.admission import Admission
from agor_core.feathers.transports.dispatch import socket_call, socket_params
from agor_core.feathers.transports.engine import Socket, background, end
from agor_core.feathers.transports.fast import FastSocketServer
from agor_core.feathers.transports.lobby import Lobby
from agor_core.feathers.transports.packets import Packet
from agor_core.feathers.transports.proxies import Proxies
from agor_core.feathers.transports.recovery import Recovery, offset_text
from agor_core.feathers.transports.refusals import Reason, Refusals
from agor_core.feathers.transports.rounds import next_round
from agor_core.feathers.transports.server import SocketServer
from agor_core.feathers.transports.sockets import Counters, Held, Limits, Shorten, SocketConnection
from agor_core.feathers.transports.strangers import Strangers
from agor_core.feathers.wire import MOST_CONTAINERS, error_json, service_error

logger = logging.getLogger(__name__)
# Below warnings Engine.IO logs session ids, which are credentials, and every packet.
engine_logger = logging.getLogger("agor_core.feathers.engineio")
engine_logger.setLevel(logging.WARNING)

# Above this an event is sent shortened, where the application can do that; clients fetch the rest.
LONG_EVENT_BYTES = 64_000
SWEEP_S = 1.0
# How often it is looked whether a client that has to read first has read.
PACE_S = 0.01


class SocketDoor:
    """The Socket.IO door of an application."""

    def __init__(
        self,
        app: Feathers,
        recovery: Recovery | None,
        limits: Limits,
        max_frame_bytes: int,
        broken_text: bool,
        fast: bool,
        idempotency: Idempotency | None = None,
        shorten: Shorten | None = None,
        body_limit_s: float = 60.0,
        stranger_bytes: int | None = None,
        proxies: Proxies | None = None,
        refusals: Refusals | None = None,
        most_containers: int = MOST_CONTAINERS,
    ) -> None:
        self.app = app
        self._shorten = shorten
        self._idempotency = idempotency
        self.recovery = recovery
        self.limits = limits
        self.counters = Counters()
        self._broken_text = broken_text
        self._most_containers = most_containers
        self._by_socket: dict[str, SocketConnection] = {}
        self._by_sid: dict[str, SocketConnection] = {}
        self._lobby = Lobby(limits.connections, limits.connect_s)
        self._binary: dict[str, tuple[frames.Packet, int]] = {}
        self._tasks: set[asyncio.Task[Any]] = set()
        self._stopping = False
        server = FastSocketServer if fast else SocketServer
        self._server = server(
            self,
            cors_allowed_origins=[],
            max_http_buffer_size=max_frame_bytes,
            ping_interval=limits.ping_s,
            ping_timeout=limits.pong_s,
            http_compression=False,
            monitor_clients=False,
            logger=False,
            engineio_logger=engine_logger,
        )
        self._server.eio.body_limit_s = body_limit_s
        self._server.eio.change_over_s = limits.change_over_s
        self._strangers = Strangers(app, self._by_socket, stranger_bytes, proxies or Proxies(), refusals or Refusals())
        self._strangers.watch(self._server)
        self._admission = Admission(self, recovery)

    def attach(self, site: web.Application) -> None:
        """Add the path /socket.io/ to an application."""
        self._server.attach(site)
        # What else there is to refuse is refused in the protocol's words.
        site.router.add_route("*", "/socket.io/", self._server.eio.handle_request)

    async def start(self) -> None:
        """Begin to look after the connections."""
        background(self._sweep(), self._tasks, "feathers socket sweep")

    async def finish(self) -> None:
        """Refuse new connections and calls, and let running ones finish for a moment; only the first time."""
        if self._stopping:
            return
        self._stopping = True
        running = [task for connection in self._by_socket.values() for task in connection.tasks]
        if running:
            await asyncio.wait(running, timeout=self.limits.stall_s)
        for task in running:
            task.cancel()

    async def stop(self) -> None:
        """Close everything."""
        await self._server.eio.stop()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def metrics(self) -> dict[str, float]:
        """Figures of the moment, by the name of their metric."""
        waiting = [connection.socket.backlog() for connection in self._by_socket.values()]
        return {
            "feathers_connections": len(self._by_socket),
            "feathers_waiting_frames": sum(frames for frames, _ in waiting),
            "feathers_waiting_bytes": sum(size for _, size in waiting),
            "feathers_running_calls": sum(len(connection.tasks) for connection in self._by_socket.values()),
        }

    # What the engine reports.

    def opened(self, socket: Socket) -> None:
        """There is a session on which a client will say CONNECT, for the first time or once more."""
        displaced = self._lobby.enter(socket)
        if displaced is None:
            return
        if displaced.sid in self._server.environ:
            self._strangers.refuse(Reason.SOCKETS, self._server.environ[displaced.sid]["aiohttp.request"])
        background(self._show_out(displaced), self._tasks, f"closing {displaced.sid}")

    async def received(self, eio_sid: str, data: Any) -> None:
        """A message came. A packet no client library writes ends the connection it came on, and no other."""
        try:
            if isinstance(data, bytes):
                await self._attachment(eio_sid)
                return
            if not isinstance(data, str) or not data:
                raise frames.BadPacket("no packet")
            if self._binary and eio_sid in self._binary:
                raise frames.BadPacket("text where a binary frame has to come")
            if len(data) > self._strangers.most_bytes and self._strangers.includes(eio_sid):
                raise frames.BadPacket("a long message of one who has not signed in")
            packet = frames.decode(data, broken_text=self._broken_text, most_containers=self._most_containers)
            await self._packet(eio_sid, packet)
        except frames.BadPacket as problem:
            logger.info("closing a connection: %s", problem)
            self._count("bad packet")
            await self.close_socket(eio_sid)

    async def dropped(self, sid: str) -> None:
        """A connection has ended, whoever ended it."""
        connection = self._by_sid.pop(sid, None)
        if connection is None:
            return
        connection.lane = None
        self._by_socket.pop(connection.socket.sid, None)
        self._binary.pop(connection.socket.sid, None)
        if not connection.socket.closing:
            self.opened(connection.socket)
        await self._admission.ended(connection)
        await self.app.disconnected(connection)

    async def socket_gone(self, eio_sid: str) -> None:
        """An Engine.IO socket has ended."""
        connection = self._by_socket.get(eio_sid)
        if connection is not None:
            await self.dropped(connection.sid)
        self._lobby.leave(eio_sid)

    # What the application sends: the `Outlet` of its connections.

    def send(
        self,
        connections: Iterable[Connection],
        name: str,
        payload: Any,
        offset: tuple[str, int] | None,
        volatile: bool,
    ) -> int:
        """Send an event to connections of this door: encoded once, sent to each. Returns its size."""
        text = None if offset is None else offset_text(offset)
        packet = self.event_packet(name, payload, text)
        held = Held(packet, 0 if offset is None else offset[1], volatile)
        self.counters.events += 1
        # Connections that name this door as their outlet are its own; asking each would cost more than telling it.
        for connection in self._server.tell(cast("Iterable[SocketConnection]", connections), packet):
            self._deliver(connection, held)
        # Those for whom the packet waits have no use for its frame, or have one.
        packet.frame = None
        return len(packet.raw)

    def is_behind(self) -> bool:
        """Whether half of what may wait for some client does."""
        frames, size = self.limits.frames // 2, self.limits.bytes // 2
        waiting = (connection.socket.waiting_events() for connection in self._by_socket.values())
        return any(so_many > frames or so_much > size for so_many, so_much in waiting)

    def close(self, connection: Connection, reason: str) -> None:
        """End a connection; the client notices that its transport has closed, and comes back by itself."""
        if isinstance(connection, SocketConnection) and connection.is_open:
            self._count(reason)
            background(self.close_socket(connection.socket.sid), self._tasks, f"closing {connection.id}")

    def event_packet(self, name: str, payload: Any, offset: str | None) -> Packet:
        """An event as a packet, shortened if it is long."""
        text = frames.event_frame(name, payload, offset, recovery=self.recovery is not None)
        if self._shorten is not None and len(text) > LONG_EVENT_BYTES:
            shorter = self._shorten(name, payload)
            text = frames.event_frame(name, shorter, offset, recovery=self.recovery is not None)
        packet = Packet(text)
        packet.is_event = True
        return packet

    async def confirm(self, connection: SocketConnection) -> None:
        """Tell python-socketio that a connection was admitted."""
        await self._server.manager.connect(connection.sid, "/")

    # Packets.

    async def _packet(self, eio_sid: str, packet: frames.Packet) -> None:
        if packet.type == frames.CONNECT:
            await self._connect(eio_sid, packet)
            return
        connection = self._by_socket.get(eio_sid)
        if connection is None or packet.namespace != "/":
            # Node closes a client that speaks before it has said CONNECT.
            raise frames.BadPacket("not connected to this namespace")
        if packet.type == frames.DISCONNECT:
            await self._server._handle_disconnect(eio_sid, "/")
        elif packet.type == frames.EVENT:
            if self._must_wait(connection):
                await self.room(connection)
            background(self._call(connection, packet), connection.tasks, "socket call")
        elif packet.attachments:
            self._binary[eio_sid] = packet, packet.attachments

    async def _attachment(self, eio_sid: str) -> None:
        """A binary frame: part of a call that is answered with an error once it is complete."""
        packet, missing = self._binary.pop(eio_sid, (None, 0))
        connection = self._by_socket.get(eio_sid)
        if packet is None or connection is None:
            raise frames.BadPacket("a binary frame that belongs to nothing")
        if missing > 1:
            self._binary[eio_sid] = packet, missing - 1
        else:
            await self._readable(connection.socket)
            self._refuse_binary(connection, packet)

    def _refuse_binary(self, connection: SocketConnection, packet: frames.Packet) -> None:
        # An acknowledgement, which nobody waits for, may have an id, too.
        if packet.id is not None and packet.type == frames.BINARY_EVENT:
            error = error_json(BadRequest("binary data is not supported"))
            connection.socket.push(Packet(frames.error_frame(packet.id, error)))

    async def _call(self, connection: SocketConnection, packet: frames.Packet) -> None:
        try:
            if packet.refusal is not None:
                raise packet.refusal
            name, *arguments = packet.data
            if self._stopping:
                raise Unavailable("the server is stopping")
            call = socket_call(self.app, name, arguments)
            context = await call.run(socket_params(connection, call), self._idempotency)
            # An answer that is no JSON raises here: the service's mistake, which the caller is told of too.
            text = frames.answer_frame(packet.id, context.answer) if packet.id is not None else b""
        except Exception as error:
            refusal = service_error(error, expose=self.app.expose_errors)
            if packet.id is None:
                return
            text = self._refusal(packet.id, refusal)
        if packet.id is not None:
            connection.socket.push(Packet(text))

    def _refusal(self, id: int, error: ServiceError) -> bytes:
        try:
            return frames.error_frame(id, error_json(error))
        except (TypeError, ValueError) as problem:
            return frames.error_frame(id, error_json(service_error(problem, expose=self.app.expose_errors)))

    async def room(self, connection: SocketConnection) -> None:
        """Wait until this client has read enough of its answers, and has few enough calls running."""
        while connection.is_open and self._must_wait(connection):
            if len(connection.tasks) >= self.limits.calls:
                await asyncio.wait(connection.tasks, return_when=asyncio.FIRST_COMPLETED)
            else:
                await asyncio.sleep(PACE_S)

    async def _readable(self, socket: Socket) -> None:
        """Wait until this client has read enough of what it was told to be told more."""
        while not socket.closed and self._has_much_unread(socket):  # noqa: ASYNC110  # transports tell nobody
            await asyncio.sleep(PACE_S)

    def _must_wait(self, connection: SocketConnection) -> bool:
        return len(connection.tasks) >= self.limits.calls or self._has_much_unread(connection.socket)

    def _has_much_unread(self, socket: Socket) -> bool:
        waiting_frames, waiting_bytes = socket.backlog()
        return waiting_frames > self.limits.frames or waiting_bytes > self.limits.bytes

    async def _connect(self, eio_sid: str, packet: frames.Packet) -> None:
        socket: Socket | None = self._server.eio.sockets.get(eio_sid)
        if socket is None:
            return
        if packet.namespace != "/":
            await self._readable(socket)
            socket.push(Packet(frames.refusal_frame(packet.namespace, {"message": "Invalid namespace"})))
            return
        if eio_sid in self._by_socket:
            raise frames.BadPacket("connected already")
        if packet.data is not None and not isinstance(packet.data, dict):
            raise frames.BadPacket("what comes with CONNECT is an object")
        sid = await self._server.manager.pre_connect(eio_sid, "/")
        request: web.Request = self._server.environ[eio_sid]["aiohttp.request"]
        headers = {name.lower(): value for name, value in request.headers.items()}
        connection = SocketConnection(sid, self, headers, socket, sid)
        connection.extra["address"] = self._strangers.origin(request)
        try:
            is_full = len(self._by_socket) >= self.limits.connections
            if is_full:
                self._strangers.refuse(Reason.SOCKETS, request)
            if self._stopping or is_full:
                raise Unavailable("no more connections at the moment")
            self._by_socket[eio_sid] = self._by_sid[sid] = connection
            await self._admission.admit(connection, packet.data or {})
            self._lobby.leave(eio_sid)
        except Exception as error:
            await self._refuse(connection, error)

    async def _refuse(self, connection: SocketConnection, error: Exception) -> None:
        """Take back what was admitted halfway, and say why."""
        refusal = error_json(service_error(error, expose=self.app.expose_errors))
        shown = {key: value for key, value in refusal.items() if key in ("message", "data")}
        connection.socket.push(Packet(frames.refusal_frame("/", shown)))
        self._by_socket.pop(connection.socket.sid, None)
        self._by_sid.pop(connection.sid, None)
        connection.is_open = False
        self.app.connections.discard(connection)
        self.app.channels.leave_all(connection)
        await self._server.manager.disconnect(connection.sid, "/", ignore_queue=True)

    # Sending.

    def go_live(self, connection: SocketConnection, heard: int = 0) -> None:
        """From now on events are sent as they come; those up to seq `heard` have been."""
        connection.heard = heard
        held, connection.held = connection.held or [], None
        for event in held:
            self._deliver(connection, event)

    def _deliver(self, connection: SocketConnection, event: Held) -> None:
        if not connection.is_open:
            return
        limits = self.limits
        if connection.held is not None:
            if len(connection.held) < limits.frames:
                connection.held.append(event)
            elif not event.volatile:
                self._drop(connection)
        elif event.seq and event.seq <= connection.heard:
            return
        elif not connection.socket.push_event(event.packet, limits.frames, limits.bytes):
            if not event.volatile:
                self._drop(connection)
        elif event.seq or not connection.heard:
            # Live, open, and past what replay has dealt with: the next event needs no such questions.
            connection.socket.let_flow(connection)

    def _drop(self, connection: SocketConnection) -> None:
        """A client that does not read is dropped, not fed; it comes back and hears what it missed."""
        if not connection.is_open:
            return
        connection.is_open = False
        connection.lane = None
        self.counters.dropped += 1
        self._count("slow reader")
        logger.info("%s does not read: dropped", connection.id)
        background(self.close_socket(connection.socket.sid, abort=True), self._tasks, f"dropping {connection.id}")

    async def _show_out(self, socket: Socket) -> None:
        await end(socket)
        # The engine would forget it later, one every now and then, while others come.
        self._server.eio.sockets.pop(socket.sid, None)

    async def close_socket(self, eio_sid: str, *, abort: bool = False) -> None:
        """End a socket; with `abort` at once, whatever waits."""
        socket = self._server.eio.sockets.get(eio_sid)
        if socket is not None:
            await end(socket, abort=abort)

    async def _sweep(self) -> None:
        """Every second: drop who has stopped reading, or answers no ping; now and then, note who is still there."""
        noted = time.monotonic()
        while True:
            now = await next_round(SWEEP_S)
            await self._look_at_all(now)
            if self.recovery is not None and now - noted > self.recovery.window_s / 4:
                noted = now
                await self._admission.note_presence()

    async def _look_at_all(self, now: float) -> None:
        # Not in the sweep itself, which would keep the last it has looked at.
        for connection in list(self._by_socket.values()):
            if connection.socket.stalled_s() > self.limits.stall_s:
                self._drop(connection)
            elif connection.socket.is_silent():
                self._count("no pong")
                await connection.socket.close(wait=False, reason=self._server.eio.reason.PING_TIMEOUT)
        for socket in self._lobby.late(now):
            await self._show_out(socket)
        self._server.eio.forget_closed()

    def _count(self, reason: str) -> None:
        self.counters.reasons[reason] = self.counters.reasons.get(reason, 0) + 1
