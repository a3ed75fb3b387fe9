"""Addresses for servers that go and come back."""

from __future__ import annotations

import random
import socket
from collections.abc import Iterator
from contextlib import contextmanager

# Below those that the kernel gives to whoever asks for any: a port that it has just taken back is soon another's.
PORTS = range(20_000, 30_000)


@contextmanager
def kept_port() -> Iterator[int]:
    """A port of loopback that no other test is given meanwhile, whether something listens there or not."""
    with socket.socket(socket.AF_UNIX) as mark:
        yield next(port for port in random.sample(PORTS, len(PORTS)) if _is_free(port, mark))


def _is_free(port: int, mark: socket.socket) -> bool:
    """Whether nobody has it; then the mark says that somebody does, until it is closed."""
    try:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", port))
        mark.bind(f"\0agor-test-port-{port}")
    except OSError:
        return False
    return True
