"""Connections that never finish, and strangers who send much: neither stays, and nothing of it is read or changes."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from urllib.parse import urlsplit

import aiohttp
import pytest
from aiohttp import web

from agor_core.feathers import Feathers, MemoryService, Params
from agor_core.feathers.guard import Guard
from agor_core.feathers.transports.patience import Patience
from agor_core.feathers.web import ServerOptions, build_web, runner
from tests.conformance.doors import serving
from tests.conformance.raw import CLOSED, raw, read_to_end
from tests.conformance.server import build_app

HASTY = Patience(head_s=0.2, body_s=0.2, idle_s=0.2, unread_s=0.2)
HEAD = "Host: x\r\nContent-Type: application/json\r\n"
HANDSHAKE = (
    b"GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
MUCH = {"name": "x" * 300_000}
ANN = {"email": "ann@example.com", "password": "a long password"}


@asynccontextmanager
async def hasty(patience: Patience = HASTY) -> AsyncIterator[str]:
    """A server that waits for nobody."""
    app = Feathers()
    app.use("people", MemoryService())
    async with serving(build_web(app, ServerOptions(guard=Guard.open(), patience=patience))) as url:
        yield url


@asynccontextmanager
async def connection(url: str) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """TCP, by hand."""
    address = urlsplit(url)
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    try:
        async with asyncio.timeout(30):
            yield reader, writer
    finally:
        writer.close()


async def dribbled(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, piece: bytes) -> bytes:
    """What a server says that is sent `piece` every now and then until it closes."""
    closing = asyncio.ensure_future(read_to_end(reader))
    while not closing.done():
        writer.write(piece)
        await asyncio.wait([closing], timeout=0.05)
    return closing.result()


@pytest.mark.parametrize("said", ["", "GET /peo", "GET /people/2 HTTP/1.1\r\nHost: x\r\n"])
async def test_who_says_no_whole_head_is_gone(said: str) -> None:
    """A connection on which nothing comes, or half a head, is closed; so is one that adds a letter now and then."""
    async with hasty() as url:
        async with connection(url) as (reader, writer):
            writer.write(said.encode())
            assert await read_to_end(reader) == b""
        if said:
            async with connection(url) as (reader, writer):
                writer.write(said.encode())
                assert await dribbled(reader, writer, b"x") == b""


async def test_a_second_head_that_does_not_end_is_not_waited_for() -> None:
    """After a request was answered the next has as long as the first, from its first byte."""
    async with hasty(Patience(head_s=0.2, idle_s=60)) as url, connection(url) as (reader, writer):
        writer.write(b"GET /people/2 HTTP/1.1\r\nHost: x\r\n\r\n")
        assert (await reader.readuntil(b"\r\n")).startswith(b"HTTP/1.1 404 ")
        writer.write(b"GET /people/2 HTTP/1.1\r\n")
        assert b"HTTP/1.1" not in await dribbled(reader, writer, b"x: y\r\n")


async def test_an_idle_connection_is_closed() -> None:
    """Who asks nothing more is not kept."""
    async with hasty(Patience(idle_s=0.2)) as url, connection(url) as (reader, writer):
        writer.write(b"GET /people/2 HTTP/1.1\r\nHost: x\r\n\r\n")
        assert (await read_to_end(reader)).count(b"HTTP/1.1 404 ") == 1


@pytest.mark.parametrize("size", ["Content-Length: 50", "Transfer-Encoding: chunked"])
async def test_a_body_that_is_dribbled_is_refused(size: str) -> None:
    """However often something comes, the body as a whole has its time; then it is 408, and the end."""
    async with hasty(Patience(body_s=0.2)) as url, connection(url) as (reader, writer):
        writer.write(f"POST /people HTTP/1.1\r\n{HEAD}{size}\r\n\r\n".encode())
        answer = await dribbled(reader, writer, b"1\r\n \r\n" if "chunked" in size else b" ")
        assert answer.startswith(b"HTTP/1.1 408 "), answer


@asynccontextmanager
async def polled(patience: Patience, fast: bool) -> AsyncIterator[tuple[Feathers, aiohttp.ClientSession, str, str]]:
    """An application with people in it, a client, where they are served, and the path that this client polls."""
    app = Feathers()
    app.use("people", MemoryService())
    site = build_web(app, ServerOptions(guard=Guard.open(), patience=patience, fast=fast))
    async with serving(site) as url, aiohttp.ClientSession() as session:
        async with session.get(f"{url}/socket.io/?EIO=4&transport=polling") as opened:
            sid = json.loads((await opened.text())[1:])["sid"]
        yield app, session, url, f"/socket.io/?EIO=4&transport=polling&sid={sid}"


async def test_a_polling_client_that_dribbles_is_closed(fast: bool) -> None:
    """What a polling client sends has its time too."""
    async with polled(Patience(body_s=0.2), fast) as (_, session, url, path):
        async with connection(url) as (reader, writer):
            writer.write(f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 50\r\n\r\n".encode())
            assert (await dribbled(reader, writer, b"4")).startswith(b"HTTP/1.1 400 ")
        async with session.get(f"{url}{path}") as answer:
            assert answer.status == 400


async def test_what_a_polling_client_sends_in_pieces_is_one_body(fast: bool) -> None:
    """As long as all of it comes in time."""
    async with polled(Patience(), fast) as (app, session, url, path):
        call = '420["create","people",{"name":"' + "x" * 300_000 + '"}]'
        pieces = ["40\x1e" + call[:100], call[100:200_000], call[200_000:]]
        async with connection(url) as (reader, writer):
            size = sum(map(len, pieces))
            writer.write(f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {size}\r\n\r\n".encode())
            for piece in pieces:
                writer.write(piece.encode())
                await writer.drain()
            assert (await reader.readuntil(b"\r\n")).startswith(b"HTTP/1.1 200 ")
        heard = ""
        while "430[null," not in heard:
            async with session.get(f"{url}{path}") as answer:
                assert answer.status == 200
                heard += await answer.text()
        assert len(await app.service("people").find()) == 1


async def test_who_does_not_read_an_answer_is_gone() -> None:
    """Eight megabytes that nobody reads are not kept; who reads slowly gets them all."""
    app = Feathers()
    app.use("people", MemoryService())
    await app.service("people").create({"id": 1, "text": "x" * 8_000_000})
    running = runner(build_web(app, ServerOptions(guard=Guard.open(), patience=Patience(unread_s=1))))
    await running.setup()
    await web.TCPSite(running, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{running.addresses[0][1]}"
    question = b"GET /people/1 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    async with connection(url) as (reader, writer):
        writer.write(question)
        await reader.readuntil(b"\r\n")
        assert isinstance(writer.transport, asyncio.Transport)
        writer.transport.pause_reading()
        assert running.server is not None
        while running.server.connections:
            await asyncio.sleep(0.05)
        writer.transport.resume_reading()
        assert len(await read_to_end(reader)) < 8_000_000
    async with connection(url) as (reader, writer):
        writer.write(question)
        size = 0
        while piece := await reader.read(65536):
            size += len(piece)
            await asyncio.sleep(0.01)
        assert size > 8_000_000
    await running.cleanup()


async def test_sockets_outlive_all_of_it(fast: bool) -> None:
    """What is said about requests is not said about a socket, which may be silent for long."""
    app = Feathers()
    app.use("people", MemoryService())
    async with (
        serving(build_web(app, ServerOptions(guard=Guard.open(), patience=HASTY, fast=fast))) as url,
        raw(url) as client,
        connection(url) as (reader, _),
    ):
        assert await read_to_end(reader) == b""
        async with connection(url) as (later, _):
            assert await read_to_end(later) == b""
        assert (await client.call("create", "people", {"name": "Ann"}))[0] is None


@pytest.fixture
async def guarded() -> AsyncIterator[str]:
    """The services of the fixture, of which some need a signed-in user, with the limits that are usual."""
    app = build_app()
    await app.service("users").create(dict(ANN))
    async with serving(build_web(app, ServerOptions(guard=Guard.open()))) as url:
        yield url


async def test_strangers_send_little(guarded: str) -> None:
    """Of a stranger's large body nothing is waited for: 401 comes at its head, or once it is too long; so for a token
    that does not count. A small one may come, as for signing in."""
    for size in ("Content-Length: 9000000", "Transfer-Encoding: chunked"):
        async with connection(guarded) as (reader, writer):
            writer.write(f"POST /secrets HTTP/1.1\r\n{HEAD}{size}\r\n\r\n".encode())
            if "chunked" in size:
                writer.write(b"50000\r\n" + b"x" * 0x50000 + b"\r\n")
            assert (await reader.readuntil(b"\r\n")).startswith(b"HTTP/1.1 401 ")
    async with aiohttp.ClientSession() as session:
        for headers in ({}, {"Authorization": "Bearer not.a.token"}):
            async with session.post(f"{guarded}/people", json=MUCH, headers=headers) as response:
                assert (response.status, (await response.json())["name"]) == (401, "NotAuthenticated")
        async with session.post(f"{guarded}/people", json={"name": "small"}) as response:
            assert (response.status, (await response.json())["id"]) == (201, 1)


async def test_the_signed_in_send_much(guarded: str) -> None:
    """With a token that counts a body may be large, in one piece or in chunks."""
    async with aiohttp.ClientSession() as session:
        async with session.post(f"{guarded}/authentication", json={"strategy": "local", **ANN}) as response:
            headers = {"Authorization": (await response.json())["accessToken"], "Content-Type": "application/json"}
        async with session.post(f"{guarded}/secrets", json=MUCH, headers=headers) as response:
            assert response.status == 201
        pieces = io.BytesIO(json.dumps(MUCH).encode())
        async with session.post(f"{guarded}/secrets", data=pieces, headers=headers, chunked=True) as response:
            assert response.status == 201


async def test_where_everybody_is_somebody_all_send_much() -> None:
    """Without sign-in nobody is a stranger."""
    async with (
        hasty(Patience()) as url,
        aiohttp.ClientSession() as session,
        session.post(f"{url}/people", json=MUCH) as response,
    ):
        assert response.status == 201


async def test_strangers_send_little_over_sockets_too(fast: bool) -> None:
    """A long message of a stranger ends its connection, also while it is only being sent; signed in, it is a call."""
    app = build_app()
    await app.service("users").create(dict(ANN))
    async with serving(build_web(app, ServerOptions(guard=Guard.open(), fast=fast))) as url:
        async with raw(url) as client:
            assert await client.call("create", "people", {"text": "x" * 300_000}) == CLOSED
        async with connection(url) as (reader, writer):
            writer.write(HANDSHAKE)
            await reader.readuntil(b"\r\n\r\n")
            # The head of nine megabytes, and a part of them.
            writer.write(b"\x81\xff" + (9_000_000).to_bytes(8, "big") + b"\0\0\0\0" + b"x" * 600_000)
            await read_to_end(reader)
        assert await app.service("people").find(Params(paginate=False)) == []
        async with raw(url) as client:
            for number in range(20):
                assert (await client.call("create", "people", {"n": number, "text": "x" * 50_000}))[0] is None
            assert (await client.call("create", "authentication", {"strategy": "local", **ANN}))[0] is None
            assert (await client.call("create", "people", {"text": "x" * 5_000_000}))[0] is None


@pytest.fixture
async def crowded() -> AsyncIterator[str]:
    """A server for the network that takes two strangers from one address."""
    app = build_app()
    await app.service("users").create(dict(ANN))
    guard = Guard(allowed_hosts=None, is_loopback=False, is_open=lambda _method, _path: True)
    async with serving(build_web(app, ServerOptions(guard=guard, stranger_connections=2))) as url:
        yield url


async def test_one_address_has_room_for_few_strangers(crowded: str) -> None:
    """One more is closed at once, until one of the others is gone; those that are there notice nothing."""
    async with connection(crowded) as (reader, writer):
        async with connection(crowded):
            async with connection(crowded) as (refused, _):
                assert await read_to_end(refused) == b""
            writer.write(b"GET /people/1 HTTP/1.1\r\nHost: x\r\n\r\n")
            assert (await reader.readuntil(b"\r\n")).startswith(b"HTTP/1.1 404 ")
        answer = b""
        while not answer:
            # The server may not have noticed yet that one has gone.
            async with connection(crowded) as (newcomer, asking):
                asking.write(b"GET /people/1 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
                answer = await read_to_end(newcomer)
        assert answer.startswith(b"HTTP/1.1 404 ")


async def test_the_signed_in_are_no_strangers(crowded: str) -> None:
    """However many they are, over sockets and over REST, and whoever comes after them."""
    async with AsyncExitStack() as stack:
        for _ in range(4):
            client = await stack.enter_async_context(raw(crowded))
            error, result = await client.call("create", "authentication", {"strategy": "local", **ANN})
            assert error is None
        headers = {"Authorization": result["accessToken"]}
        for _ in range(4):
            session = await stack.enter_async_context(aiohttp.ClientSession())
            async with session.get(f"{crowded}/secrets", headers=headers) as response:
                assert response.status == 200
        async with connection(crowded) as (reader, writer):
            writer.write(b"GET /people/1 HTTP/1.1\r\nHost: x\r\n\r\n")
            assert (await reader.readuntil(b"\r\n")).startswith(b"HTTP/1.1 404 ")
