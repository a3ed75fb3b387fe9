"""Who is at the socket door: from which address, and whether somebody has signed in; what is refused of strangers.

A stranger is who has not signed in, on a server where nobody is anonymous: it may send little.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

from aiohttp import web

from agor_core.feathers.app import Feathers
from agor_core.feathers.transports.patience import HttpConnection
from agor_core.feathers.transports.proxies import Proxies
from agor_core.feathers.transports.refusals import Reason, Refusals
from agor_core.feathers.transports.server import SocketServer
from agor_core.feathers.transports.sockets import SocketConnection


class Strangers:
    """Tells them from those who have signed in, on the connections of one door.

    `connections`: of the door, by their Engine.IO socket, as they come and go. `most_bytes`: what a stranger may send
    in one message; None for as much as anybody.
    """

    def __init__(
        self,
        app: Feathers,
        connections: Mapping[str, SocketConnection],
        most_bytes: int | None,
        proxies: Proxies,
        refusals: Refusals,
    ) -> None:
        self._app = app
        self._connections = connections
        self._may_send_little = most_bytes is not None
        self.most_bytes = sys.maxsize if most_bytes is None else most_bytes
        """In one message of a stranger."""
        self._proxies = proxies
        self._refusals = refusals
        app.on("login", self._signed_in)

    def watch(self, server: SocketServer) -> None:
        """Hear from the engine who comes, and whom it refuses."""
        server.eio.meet = self._meet
        server.eio.refused = self.refuse

    def origin(self, request: web.BaseRequest) -> str:
        """The address a request comes from, as limits count it."""
        return self._proxies.origin(request)

    def refuse(self, reason: Reason, request: web.BaseRequest) -> None:
        """Note that a request was refused."""
        self._refusals.note(reason, self._proxies.client(request))

    def includes(self, eio_sid: str) -> bool:
        """Whether who is at that end of the engine is one."""
        if self._app.authentication is None or self._app.authentication.anonymous_user is not None:
            return False
        connection = self._connections.get(eio_sid)
        return connection is None or connection.user is None

    def _meet(self, eio_sid: str, connection: HttpConnection) -> None:
        if not self.includes(eio_sid):
            connection.know()
        elif self._may_send_little:
            connection.mistrust(self.most_bytes)

    def _signed_in(self, _result: Any, params: Any, _context: Any) -> None:
        connection = params.connection
        if isinstance(connection, SocketConnection) and connection.socket.connection is not None:
            connection.socket.connection.know()
