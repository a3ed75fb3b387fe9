"""Which requests Engine.IO turns away before it looks at them closer, with the codes that its clients know."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Any

from aiohttp import web

TRANSPORTS = ("polling", "websocket")
PROTOCOL = "4"


class Problem(Enum):
    """What is wrong with a request: its code and the protocol's words for it."""

    TRANSPORT = 0, "Transport unknown"
    SESSION = 1, "Session ID unknown"
    METHOD = 2, "Bad handshake method"
    REQUEST = 3, "Bad request"
    VERSION = 5, "Unsupported protocol version"

    def said(self, message: str | None = None) -> dict[str, Any]:
        """The body of the answer; `message`: more exactly what it is about."""
        code, words = self.value
        return {"code": code, "message": message or words}


def problem_of(request: web.Request, sockets: Mapping[str, Any]) -> Problem | None:
    """Why a request can neither open a session nor belong to one that is open; None if it may."""
    query = request.query
    transports = query.getall("transport", [])
    if not transports or transports[0] not in TRANSPORTS:
        return Problem.TRANSPORT
    sid = query.get("sid")
    if sid:
        socket = sockets.get(sid)
        if socket is None or socket.closed:
            return Problem.SESSION
        if request.method not in ("GET", "POST"):
            return Problem.METHOD
        if socket.has_websocket and asks_for_websocket(request):
            # Of two to change over to, nobody could say which is told what.
            return Problem.REQUEST
    elif request.method != "GET":
        return Problem.METHOD
    elif query.getall("EIO", []) != [PROTOCOL]:
        return Problem.VERSION
    is_websocket = transports == ["websocket"] or (sid and asks_for_websocket(request))
    # Else a session would be opened for it first, and left behind when it turns out that there is no WebSocket.
    if len(transports) > 1 or (is_websocket and not web.WebSocketResponse().can_prepare(request)):
        return Problem.REQUEST
    return None


def asks_for_websocket(request: web.BaseRequest) -> bool:
    """Whether a request wants its connection to become a WebSocket. Others may ask for HTTP/2, which is for nobody."""
    return request.headers.get("Upgrade", "").lower() == "websocket"
