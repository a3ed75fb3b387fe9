"""HTTP by hand: any bytes to a server, and the answers that come until it closes the connection."""

from __future__ import annotations

import asyncio
import http.client
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from typing_extensions import override

from tests.conformance.raw import read_to_end

PATIENCE_S = 20.0


@dataclass(frozen=True)
class Answer:
    """One answer. `body`: what its JSON says, or else its text."""

    status: int
    type: str | None
    body: Any


def request(line: str | bytes, *headers: str | bytes, body: bytes = b"", host: str | None = "x") -> bytes:
    """A request as it is on the wire."""
    first = line if isinstance(line, bytes) else line.encode()
    named = [] if host is None else [f"Host: {host}".encode()]
    rest = [header if isinstance(header, bytes) else header.encode() for header in headers]
    return b"\r\n".join([first, *named, *rest, b"", body])


# Sent behind what is tried: it is answered where a connection goes on, which then ends.
FOLLOWS = request("GET /echo?follows HTTP/1.1", "Connection: close")


async def exchange(url: str, pieces: Sequence[bytes]) -> list[Answer]:
    """What a server says to this until it closes the connection; each piece is sent when the one before is there."""
    address = urlsplit(url)
    async with asyncio.timeout(PATIENCE_S):
        reader, writer = await asyncio.open_connection(address.hostname, address.port)
        said = asyncio.create_task(read_to_end(reader))
        try:
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
                if len(pieces) > 1:
                    # Else they would arrive as one. Nothing depends on how long it takes.
                    await asyncio.sleep(0.05)
        except ConnectionError:
            # It has heard enough.
            pass
        raw = await said
        writer.close()
    # Which verb was asked decides whether an answer has a body.
    verbs = [piece.split(b" ", 1)[0] for piece in pieces]
    return _answers(raw, "HEAD" if verbs[0] == b"HEAD" else "GET")


def _answers(raw: bytes, first_verb: str) -> list[Answer]:
    stream = _Stream(raw)
    found: list[Answer] = []
    while stream.tell() < len(raw):
        response = http.client.HTTPResponse(stream, method="GET" if found else first_verb)  # type: ignore[arg-type]  # it wants `makefile` only
        response.begin()
        if response.status == 101:
            return [*found, Answer(101, None, None)]
        text = response.read().decode("utf-8", "replace")
        kind = response.getheader("Content-Type")
        kind = kind and kind.partition(";")[0]
        found.append(Answer(response.status, kind, json.loads(text) if kind == "application/json" and text else text))
    return found


class _Stream(io.BytesIO):
    """What was said, as a socket that several responses are read from."""

    def makefile(self, *_args: Any, **_settings: Any) -> io.BytesIO:
        return self

    @override
    def close(self) -> None:
        """Not after the first response."""
