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
    if request.method == "OPTIONS":
        return None
    query = request.query
    if query.get("transport") not in TRANSPORTS:
        return Problem.TRANSPORT
    sid = query.get("sid")
    if sid:
        socket = sockets.get(sid)
        if socket is None or socket.closed:
            return Problem.SESSION
        return None if request.method in ("GET", "POST") else Problem.METHOD
    if request.method != "GET":
        return Problem.METHOD
    return None if query.get("EIO") == PROTOCOL else Problem.VERSION
