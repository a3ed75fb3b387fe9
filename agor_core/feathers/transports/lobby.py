"""Sessions that were opened, and on which nobody has said CONNECT yet: not too many, and not for too long."""

from __future__ import annotations

from agor_core.feathers.transports.engine import Socket


class Lobby:
    """Whoever has opened a session costs memory, and has not said a word; clients say CONNECT at once.

    At most `most` are here, and none for longer than `limit_s`.
    """

    def __init__(self, most: int, limit_s: float) -> None:
        self._most = most
        self._limit_s = limit_s
        # In the order in which they came.
        self._sockets: dict[str, Socket] = {}

    def enter(self, socket: Socket) -> Socket | None:
        """One more; who has to go for it, if there are too many: the one that has been here for longest."""
        self._sockets[socket.sid] = socket
        if len(self._sockets) <= self._most:
            return None
        return self._sockets.pop(next(iter(self._sockets)))

    def leave(self, eio_sid: str) -> None:
        """It has said CONNECT, or is gone."""
        self._sockets.pop(eio_sid, None)

    def late(self, now: float) -> list[Socket]:
        """Who has been open for too long, by `time.monotonic`; they are here no longer."""
        found = [socket for socket in self._sockets.values() if now - socket.opened_at > self._limit_s]
        for socket in found:
            self.leave(socket.sid)
        return found
