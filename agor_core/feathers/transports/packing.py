"""Bodies that come packed: gzip, deflate or Brotli, unpacked step by step, so that a small one never becomes huge.

What is taken is what Feathers takes on Koa: one of these names, and for either of the first two both formats.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import Protocol

from aiohttp import hdrs, web

from agor_core.errors import BadRequest, ServiceError

ENCODINGS = ("gzip", "deflate", "br")
"""Names that `Content-Encoding` may have."""

# So much is unpacked in one step; the loop has a turn between two.
STEP_BYTES = 256 * 1024
# zlib's `wbits`: the largest window, and either a gzip head or zlib's own, whichever is there.
_EITHER_HEAD = 32 + zlib.MAX_WBITS
# gzip allows files behind each other; each costs more than the little it may hold, and what follows it is copied.
MOST_MEMBERS = 256


class BrokenBody(BadRequest):
    """A body that ended early or is not packed as its head says."""


class UnsupportedEncoding(ServiceError):
    """415: a body that is packed in a way that is not taken."""

    code, name, class_name = 415, "UnsupportedMediaType", "unsupported-media-type"


class Unpacker(Protocol):
    """Unpacks one body, piece by piece."""

    def unpack(self, packed: bytes) -> Iterator[bytes]:
        """What the next piece holds, at most about `STEP_BYTES` at a time. Raises BrokenBody."""
        ...

    def finish(self) -> None:
        """There is nothing more. Raises BrokenBody if there should be."""
        ...


def is_packed(request: web.BaseRequest) -> bool:
    """Whether the head of a request says anything of how its body is packed."""
    return hdrs.CONTENT_ENCODING in request.headers


def unpacker_of(request: web.BaseRequest) -> Unpacker | None:
    """What unpacks the body of a request; None if it is not packed. Raises UnsupportedEncoding."""
    if not is_packed(request):
        return None
    encoding = ", ".join(request.headers.getall(hdrs.CONTENT_ENCODING)).strip().lower()
    if encoding in ("", "identity"):
        return None
    if encoding in ("gzip", "deflate"):
        return _Zlib()
    if encoding == "br":
        return _Brotli()
    raise UnsupportedEncoding(f"a body is packed as one of {', '.join(ENCODINGS)}, once, or not at all")


class _Zlib:
    def __init__(self) -> None:
        self._stream = zlib.decompressobj(_EITHER_HEAD)
        self._members = 1

    def unpack(self, packed: bytes) -> Iterator[bytes]:
        is_more_held = False
        while packed or is_more_held:
            if self._stream.eof:
                # Zeros behind the end are padding, which tape drives and some tools leave there.
                packed = packed.lstrip(b"\0")
                if not packed:
                    return
                self._begin_again()
            try:
                piece = self._stream.decompress(packed, STEP_BYTES)
            except zlib.error as error:
                raise _broken() from error
            packed = self._stream.unused_data or self._stream.unconsumed_tail
            is_more_held = len(piece) == STEP_BYTES and not self._stream.eof
            if piece:
                yield piece

    def finish(self) -> None:
        if not self._stream.eof:
            raise _broken()

    def _begin_again(self) -> None:
        self._members += 1
        if self._members > MOST_MEMBERS:
            raise BrokenBody(f"the body is packed in more than {MOST_MEMBERS} parts")
        self._stream = zlib.decompressobj(_EITHER_HEAD)


class _Brotli:
    def __init__(self) -> None:
        # A megabyte of tables, which few servers are ever asked for.
        import brotli

        self._stream = brotli.Decompressor()
        self._error = brotli.error

    def unpack(self, packed: bytes) -> Iterator[bytes]:
        try:
            piece = self._stream.process(packed, output_buffer_limit=STEP_BYTES)
            while piece or not self._stream.can_accept_more_data():
                yield piece
                piece = self._stream.process(b"", output_buffer_limit=STEP_BYTES)
        except self._error as error:
            raise _broken() from error

    def finish(self) -> None:
        if not self._stream.is_finished():
            raise _broken()


def _broken() -> BrokenBody:
    return BrokenBody("the body ended early, or its Content-Encoding is another")
