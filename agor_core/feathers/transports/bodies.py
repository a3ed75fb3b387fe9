"""The body of a request: all of it, unpacked, but neither too much nor for too long."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from aiohttp import web

from agor_core.errors import ServiceError, Timeout
from agor_core.feathers.transports.packing import BrokenBody, unpacker_of
from agor_core.feathers.transports.refusals import Reason


class PayloadTooLarge(ServiceError):
    """413: a body over the limit."""

    code, name, class_name = 413, "PayloadTooLarge", "payload-too-large"


async def body_of(
    request: web.Request,
    most_bytes: int,
    limit_s: float,
    refused: Callable[[Reason], None],
    over: Reason = Reason.BODY_TOO_LARGE,
) -> bytes:
    """What a request brings, unpacked. Raises PayloadTooLarge, before it is read if its size is known, and Timeout.

    `refused` is told of both; of one that is too large as `over`. Raises BrokenBody, after which the connection is to
    be closed, and UnsupportedEncoding.
    """
    try:
        return await _body_of(request, most_bytes, limit_s)
    except (web.RequestPayloadError, ConnectionError) as error:
        # Else aiohttp would read on after the answer, and log what it meets as an error of ours.
        request.content.feed_eof()
        request.protocol.close()
        raise BrokenBody("the body ended early, or is not framed as its head says") from error
    except PayloadTooLarge:
        refused(over)
        raise
    except Timeout:
        refused(Reason.BODY_LATE)
        raise


async def _body_of(request: web.Request, most_bytes: int, limit_s: float) -> bytes:
    if (request.content_length or 0) > most_bytes:
        raise _too_large(most_bytes)
    unpacker = unpacker_of(request)
    # Most bodies came together with their head: nothing is to be waited for.
    if unpacker is None and request.content.is_eof():
        raw = request.content.read_nowait()
        if len(raw) > most_bytes:
            raise _too_large(most_bytes)
        return raw
    body = bytearray()
    received_bytes = 0
    try:
        async with asyncio.timeout(limit_s):
            async for piece in request.content.iter_any():
                received_bytes += len(piece)
                for part in [piece] if unpacker is None else unpacker.unpack(piece):
                    body += part
                    if max(len(body), received_bytes) > most_bytes:
                        raise _too_large(most_bytes)
                    if unpacker is not None:
                        # A few bytes may hold megabytes: meanwhile others have their turn.
                        await asyncio.sleep(0)
    except TimeoutError as error:
        # Whoever dribbles a body holds memory and a connection that others need.
        raise Timeout(f"the body did not arrive within {limit_s:g} s") from error
    if unpacker is not None:
        unpacker.finish()
    return bytes(body)


def _too_large(most_bytes: int) -> PayloadTooLarge:
    return PayloadTooLarge(f"the body is larger than {most_bytes} bytes")
