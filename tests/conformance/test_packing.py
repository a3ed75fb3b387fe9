"""Bodies that come packed: taken whole or not at all, and no larger than others once they are unpacked."""

from __future__ import annotations

import asyncio
import gzip
import tracemalloc
import zlib
from collections.abc import AsyncIterator, Callable
from typing import Any

import aiohttp
import brotli
import pytest

from agor_core.feathers import Feathers
from agor_core.feathers.guard import Guard
from agor_core.feathers.web import ServerOptions, build_web
from tests.conformance.doors import serving

Pack = Callable[[bytes], bytes]

PACKED: dict[str, Pack] = {"gzip": gzip.compress, "deflate": zlib.compress, "br": brotli.compress}
JSON = b'{"name":"' + b"x" * 500 + b'","of":[1,2,3]}'
LIMIT_BYTES = 1_000_000


@pytest.fixture(params=PACKED)
def encoding(request: pytest.FixtureRequest) -> str:
    """Each way to pack that is taken."""
    name: str = request.param
    return name


async def sent(url: str, body: Any, encoding: str, path: str = "people") -> tuple[int, Any]:
    """Status and answer of a packed body."""
    headers = {"Content-Encoding": encoding, "Content-Type": "application/json"}
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{url}/{path}", data=body, headers=headers) as response,
    ):
        answer = await response.json()
        if response.status >= 400:
            assert (answer["code"], set(answer)) == (response.status, {"name", "message", "code", "className"})
        return response.status, answer


async def pieces_of(body: bytes, size: int) -> AsyncIterator[bytes]:
    """A body, so many bytes at a time."""
    for start in range(0, len(body), size):
        yield body[start : start + size]
        # What is written in one turn of the loop could arrive as one.
        await asyncio.sleep(0)


def packed_bomb(encoding: str, megabytes: int) -> bytes:
    """A short body that holds a long text."""
    packer: Any
    if encoding == "br":
        packer = brotli.Compressor(quality=1)
        return b"".join([*(packer.process(b"x" * 1_000_000) for _ in range(megabytes)), packer.finish()])
    packer = zlib.compressobj(1, wbits=31 if encoding == "gzip" else 15)
    return b"".join([*(packer.compress(b"x" * 1_000_000) for _ in range(megabytes)), packer.flush()])


@pytest.mark.parametrize("size", [1, 7, 10_000])
async def test_a_packed_body_is_taken_however_it_comes(url: str, encoding: str, size: int) -> None:
    """In whatever pieces the network brings it."""
    status, made = await sent(url, pieces_of(PACKED[encoding](JSON), size), encoding)
    assert (status, made["of"], len(made["name"])) == (201, [1, 2, 3], 500)


async def test_a_packed_body_may_be_as_large_as_others(url: str, encoding: str) -> None:
    """It is many steps until it is unpacked, of which each fills its step."""
    text = "y" * 5_000_000
    status, made = await sent(url, PACKED[encoding](b'{"name":"%b"}' % text.encode()), encoding)
    assert (status, made["name"] == text) == (201, True)


async def test_a_packed_body_that_ends_early_is_refused(url: str, encoding: str) -> None:
    """Wherever it ends, also where all of its JSON is there: nothing of it is stored."""
    packed = PACKED[encoding](JSON)
    for end in range(1, len(packed)):
        assert (await sent(url, packed[:end], encoding))[0] == 400, end
    async with aiohttp.ClientSession() as session, session.get(f"{url}/people") as response:
        assert await response.json() == []


async def test_a_packed_body_that_goes_on_is_refused(url: str, encoding: str) -> None:
    """What follows its end is no part of it, and so something is wrong."""
    assert (await sent(url, PACKED[encoding](JSON) + b"and more", encoding))[0] == 400


async def test_a_body_is_packed_once_in_a_way_that_is_known(url: str) -> None:
    """Others are 415, and the answer says what would be taken."""
    for encoding in ("zstd", "compress", "gzip, gzip", "gzip, br", "identity, gzip", "*"):
        headers = {"Content-Encoding": encoding, "Content-Type": "application/json"}
        async with (
            aiohttp.ClientSession() as session,
            session.post(f"{url}/people", data=gzip.compress(JSON), headers=headers) as response,
        ):
            assert (response.status, (await response.json())["name"]) == (415, "UnsupportedMediaType")
            assert response.headers["Accept-Encoding"] == "gzip, deflate, br"


async def test_parts_without_end_are_not_unpacked(url: str) -> None:
    """gzip allows as many as one likes, of nothing; each would cost more than it holds."""
    assert (await sent(url, gzip.compress(JSON) + gzip.compress(b"") * 200, "gzip"))[0] == 201
    assert (await sent(url, gzip.compress(b"") * 10_000 + gzip.compress(JSON), "gzip"))[0] == 400


async def test_a_bomb_is_not_unpacked_whole(app: Feathers, encoding: str) -> None:
    """Of a hundred megabytes in few kilobytes no more is unpacked than may be sent, and the next body is taken."""
    site = build_web(app, ServerOptions(guard=Guard.open(), max_body_bytes=LIMIT_BYTES, stranger_body_bytes=None))
    bomb = packed_bomb(encoding, megabytes=100)
    assert len(bomb) < LIMIT_BYTES
    async with serving(site) as url:
        tracemalloc.start()
        try:
            assert (await sent(url, bomb, encoding))[0] == 413
            _, peak_bytes = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert peak_bytes < 10 * LIMIT_BYTES
        assert (await sent(url, PACKED[encoding](JSON), encoding))[0] == 201


async def test_a_stranger_may_send_no_more_packed(app: Feathers, encoding: str) -> None:
    """What counts is what it is once it is unpacked."""
    site = build_web(app, ServerOptions(guard=Guard.open(), stranger_body_bytes=10_000))
    async with serving(site) as url:
        assert (await sent(url, PACKED[encoding](b'{"name":"%b"}' % (b"x" * 5_000)), encoding))[0] == 201
        status, refused = await sent(url, PACKED[encoding](b'{"name":"%b"}' % (b"x" * 50_000)), encoding)
        assert (status, refused["name"]) == (401, "NotAuthenticated")
