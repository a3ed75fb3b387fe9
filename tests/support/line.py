"""A line to a server that can be cut and mended while both ends live on."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

PIECE_BYTES = 65_536


class Line:
    """Carries connections from a port of its own to `upstream`, a port of loopback."""

    def __init__(self, upstream: int) -> None:
        self._upstream = upstream
        self._ends: set[socket.socket] = set()
        self._is_cut = False
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        """Where its near end is."""
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def cut(self) -> None:
        """Break what is open; until it is mended, who comes is sent away."""
        with self._lock:
            self._is_cut = True
            for end in self._ends:
                with contextlib.suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)

    def mend(self) -> None:
        """Carry connections again."""
        with self._lock:
            self._is_cut = False

    def close(self) -> None:
        """End it."""
        self.cut()
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                far = socket.create_connection(("127.0.0.1", self._upstream))
                with self._lock:
                    self._ends |= {near, far}
                    if self._is_cut:
                        near.shutdown(socket.SHUT_RDWR)
                for here, there in ((near, far), (far, near)):
                    threading.Thread(target=self._carry, args=(here, there), daemon=True).start()

    def _carry(self, here: socket.socket, there: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while piece := here.recv(PIECE_BYTES):
                there.sendall(piece)
        with self._lock, contextlib.suppress(OSError):
            there.shutdown(socket.SHUT_RDWR)


@contextmanager
def line_to(url: str) -> Iterator[Line]:
    """A line to the server at `url`, for a while."""
    line = Line(int(url.rsplit(":", 1)[1]))
    try:
        yield line
    finally:
        line.close()
