"""How a connection begins: who it is, where its hearing starts, what it missed; and what is remembered of it."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from agor_core.errors import ServiceError
from agor_core.feathers.events import LoggedEvent
from agor_core.feathers.transports import frames
from agor_core.feathers.transports.engine import background
from agor_core.feathers.transports.packets import Packet
from agor_core.feathers.transports.recovery import Recovery, Start, offset_text
from agor_core.feathers.transports.sockets import SocketConnection

if TYPE_CHECKING:
    from agor_core.feathers.transports.socketio import SocketDoor

logger = logging.getLogger(__name__)

REPLAY_BATCH = 200


class Admission:
    """Admits connections to a door, and lets those who come back go on where they were."""

    def __init__(self, door: SocketDoor, recovery: Recovery | None) -> None:
        self._door = door
        self._app = door.app
        self._recovery = recovery
        self._by_pid: dict[str, SocketConnection] = {}
        self._app.on("login", self._binding_changed)
        self._app.on("logout", self._binding_changed)

    async def admit(self, connection: SocketConnection, auth: dict[str, Any]) -> None:
        """Identify, admit, answer CONNECT, replay, then go live, in this order. Raises what refuses it."""
        authentication = self._app.authentication
        login = await authentication.greet(connection) if authentication is not None else None
        start, restored = await self._start(connection, auth, is_signed_in=login is not None)
        await self._app.connected(connection)
        if restored is not None:
            await self._app.signal("login", *restored)
        if not connection.is_open:
            return
        await self._door.confirm(connection)
        shown = {"sid": connection.sid}
        if start is not None:
            shown["pid"] = start.pid
        connection.socket.push(Packet(frames.connect_frame(shown)))
        self._door.counters.connected += 1
        if self._recovery is not None and start is not None and start.stored is not None:
            self._door.counters.recovered += 1
            # On a task of its own: the client may call while it catches up, and has to answer pings.
            catching_up = self._catch_up(self._recovery, connection, start.seq)
            background(catching_up, connection.tasks, f"replay to {connection.id}")
        else:
            self._door.go_live(connection)

    async def ended(self, connection: SocketConnection) -> None:
        """A connection has ended: from now on it may come back."""
        start = connection.start
        if self._recovery is None or start is None or self._by_pid.get(start.pid_hash) is not connection:
            return
        del self._by_pid[start.pid_hash]
        await self._recovery.store.touch(start.pid_hash, self._recovery.clock())

    async def note_presence(self) -> None:
        """Note who is there: a daemon that is killed leaves rows that are recent enough to come back to."""
        recovery = self._recovery
        if recovery is None:
            return
        moment = recovery.clock()
        try:
            for pid_hash in list(self._by_pid):
                await recovery.store.touch(pid_hash, moment)
            await recovery.store.forget(int(moment - recovery.window_s * 2000))
        except ServiceError:
            logger.exception("could not note which connections are there")

    async def _start(
        self, connection: SocketConnection, auth: dict[str, Any], *, is_signed_in: bool
    ) -> tuple[Start | None, Any]:
        """Where this connection begins to hear, and the login that coming back gave it."""
        recovery = self._recovery
        if recovery is None:
            return None, None
        start = await recovery.resume(auth)
        restored = None
        if start is not None and start.stored is not None:
            before = self._by_pid.get(start.pid_hash)
            if before is not None:
                # The same client came back before we noticed that it was gone: one connection at a time.
                await self._door.close_socket(before.socket.sid, abort=True)
            if start.stored.user_id is not None and not is_signed_in:
                restored = await self._restored(connection, start.stored.user_id, start.stored.token_jti)
                start = start if restored is not None else None
        if start is None:
            start = await recovery.begin()
        connection.start = start
        self._by_pid[start.pid_hash] = connection
        await self._remember(connection)
        return start, restored

    async def _restored(self, connection: SocketConnection, user_id: str, token: str | None) -> Any:
        authentication = self._app.authentication
        return None if authentication is None else await authentication.restore(connection, user_id, token)

    async def _catch_up(self, recovery: Recovery, connection: SocketConnection, seq: int) -> None:
        try:
            while events := await recovery.log.after(seq, REPLAY_BATCH):
                for event in events:
                    await self._replay(connection, event)
                    seq = event.seq
                await self._door.room(connection)
                if not connection.is_open:
                    return
        except Exception:
            logger.exception("replay failed; the connection is closed and begins anew")
            self._door.close(connection, "replay failed")
            return
        self._door.go_live(connection, seq)

    async def _replay(self, connection: SocketConnection, event: LoggedEvent) -> None:
        service = self._app.services.get(event.path)
        if service is None or event.event not in service.service_events:
            return
        for payload, connections in await self._app.delivery.audience(event, service):
            if connection in connections:
                name, offset = service.event_name(event.event), offset_text((event.epoch, event.seq))
                connection.socket.push(self._door.event_packet(name, payload, offset))

    async def _binding_changed(self, _result: Any, params: Any, _context: Any) -> None:
        if isinstance(params.connection, SocketConnection):
            await self._remember(params.connection)

    async def _remember(self, connection: SocketConnection) -> None:
        """Note who is signed in on it, or that nobody is."""
        if self._recovery is None or connection.start is None or self._app.authentication is None:
            return
        user_id, token = self._app.authentication.binding(connection)
        await self._recovery.store.bind(connection.start.pid_hash, user_id, token)
