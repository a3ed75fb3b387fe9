"""python-socketio between the engine below and the door above: who is connected, and who is told of what has come."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any

import socketio

from agor_core.feathers.transports.engine import Engine
from agor_core.feathers.transports.packets import Packet


class Register(socketio.AsyncManager):  # type: ignore[misc]  # python-socketio has no types
    """Who is connected, without the room that each would have to itself: nothing is sent to rooms here.

    Whoever leaves is looked for in every room, so that with those rooms each goodbye costs as much as there are
    connections: a millisecond, in which nothing else happens, at a thousand.
    """

    def basic_enter_room(self, sid: str, namespace: str, room: str | None, eio_sid: str | None = None) -> None:
        """Enter the room of all, which is called None."""
        if room is None:
            super().basic_enter_room(sid, namespace, room, eio_sid=eio_sid)


class SocketServer(socketio.AsyncServer):  # type: ignore[misc]  # python-socketio has no types
    """python-socketio with our engine; what a packet means is decided by the door."""

    engine: type[Engine] = Engine

    def __init__(self, door: Any, **settings: Any) -> None:
        super().__init__(async_mode="aiohttp", client_manager=Register(), **settings)
        self._door = door

    def _engineio_server_class(self) -> type[Engine]:
        return self.engine

    def tell(self, connections: Iterable[Any], packet: Packet) -> list[Any]:
        """Send an event to those for whom that takes no more than writing; the others, here all, are returned."""
        return list(connections)

    async def _handle_eio_connect(self, eio_sid: str, environ: dict[str, Any]) -> None:
        await super()._handle_eio_connect(eio_sid, environ)
        self.environ[eio_sid] = {"aiohttp.request": environ["aiohttp.request"]}
        # Engine.IO offers no way to say of which class its sockets are.
        socket = self.eio.sockets[eio_sid]
        socket.__class__ = self.eio.socket
        socket.opened_at = time.monotonic()
        self._door.opened(socket)

    async def _handle_eio_message(self, eio_sid: str, data: Any) -> None:
        await self._door.received(eio_sid, data)

    async def _handle_eio_disconnect(self, eio_sid: str, reason: str) -> None:
        await super()._handle_eio_disconnect(eio_sid, reason)
        # Also when it went in the middle of being admitted, which python-socketio would not tell.
        await self._door.socket_gone(eio_sid)

    async def _trigger_event(self, event: str, namespace: str, sid: str, *_arguments: Any) -> None:
        # Only python-socketio itself gets here; events of clients never do, so none can be forged.
        if event == "disconnect" and namespace == "/":
            await self._door.dropped(sid)
