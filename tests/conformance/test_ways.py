"""Requests to services go past aiohttp's router, and their answers past its steps: nobody can tell."""

from __future__ import annotations

import asyncio
from email.parser import BytesParser
from typing import Any
from urllib.parse import urlsplit

import aiohttp
from aiohttp import web

from agor_core.feathers import Feathers, MemoryService
from agor_core.feathers.guard import Guard
from agor_core.feathers.web import ServerOptions, build_web
from tests.conformance.doors import serving


async def _asked(url: str, text: str, *, then: str = "") -> tuple[bytes, dict[str, str], bytes]:
    """(status line, headers, body) of the answer to `text`; `then` is sent once the server waits for it."""
    address = urlsplit(url)
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    writer.write(text.replace("\n", "\r\n").encode())
    async with asyncio.timeout(30):
        if then:
            assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
            writer.write(then.encode())
        head = await reader.readuntil(b"\r\n\r\n")
        line, _, fields = head.partition(b"\r\n")
        headers = dict(BytesParser().parsebytes(fields).items())
        is_headless = text.startswith("HEAD")
        body = b"" if is_headless else await reader.readexactly(int(headers["Content-Length"]))
    writer.close()
    await writer.wait_closed()
    return line, headers, body


def _site(*routes: web.RouteDef, guard: Guard | None = None) -> tuple[Feathers, web.Application]:
    app = Feathers()
    app.use("people", MemoryService())
    return app, build_web(app, ServerOptions(guard=guard or Guard.open(), routes=routes))


async def test_an_answer_says_the_same_however_the_connection_goes_on() -> None:
    """Kept open, closed, HTTP/1.0, or asked for its head only: the same headers and body."""
    app, site = _site()
    async with serving(site) as url:
        await app.service("people").create({"name": "Ann"})
        kept = await _asked(url, "GET /people/1 HTTP/1.1\nHost: x\n\n")
        closed = await _asked(url, "GET /people/1 HTTP/1.1\nHost: x\nConnection: close\n\n")
        old = await _asked(url, "GET /people/1 HTTP/1.0\nHost: x\n\n")
        head = await _asked(url, "HEAD /people/1 HTTP/1.1\nHost: x\n\n")
    assert kept[0] == closed[0] == b"HTTP/1.1 200 OK"
    assert kept[2] == closed[2] == old[2] == b'{"name":"Ann","id":1}'
    known = {**kept[1], "Date": ""}
    assert set(known) == {"Content-Type", "Content-Length", "X-Content-Type-Options", "Date", "Server"}
    assert {**closed[1], "Date": ""} == {**known, "Connection": "close"}
    assert {**old[1], "Date": ""} == known
    assert {**head[1], "Date": ""} == known


async def test_a_body_in_pieces_is_one_body() -> None:
    """What comes behind its head is waited for, and asked for where the client expects that."""
    _, site = _site()
    sizes = "Content-Type: application/json\nContent-Length: 14"
    head = f"POST /people HTTP/1.1\nHost: x\nExpect: 100-continue\n{sizes}\n\n{{"
    async with serving(site) as url:
        line, _, body = await _asked(url, head, then='"name":"Bo"}\n')
    assert (line, body) == (b"HTTP/1.1 201 Created", b'{"name":"Bo","id":1}')


async def test_a_body_over_the_limit_that_comes_at_once_is_refused() -> None:
    """A limit below what fits into one packet holds there too, and nothing is stored."""
    app = Feathers()
    app.use("people", MemoryService())
    site = build_web(app, ServerOptions(guard=Guard.open(), max_body_bytes=20))
    async with serving(site) as url, aiohttp.ClientSession() as session:
        async with session.post(f"{url}/people", json={"name": "x" * 30}) as response:
            assert (response.status, (await response.json())["name"]) == (413, "PayloadTooLarge")
        async with session.post(f"{url}/people", json={"name": "x"}) as response:
            assert (await response.json())["id"] == 1


async def test_routes_win_over_services() -> None:
    """A route below a service's path, and one for any path of its shape, are asked before the service."""

    async def page(request: web.Request) -> web.Response:
        return web.Response(text=f"page {request.path}")

    for path in ("/people/1", "/people/{id}", "/{first}/{second}"):
        app, site = _site(web.get(path, page))
        async with serving(site) as url, aiohttp.ClientSession() as session:
            await app.service("people").create({"name": "Ann"})
            async with session.get(f"{url}/people/1") as response:
                assert await response.text() == "page /people/1", path
            async with session.get(f"{url}/people") as response:
                assert (await response.json())[0]["name"] == "Ann", path


async def test_the_guard_stands_before_services() -> None:
    """A strange host or origin does not come to a service, and changes nothing."""
    app, site = _site(guard=Guard())
    async with serving(site) as url, aiohttp.ClientSession() as session:
        strange: list[dict[str, Any]] = [{"Host": "evil.example"}, {"Origin": "http://evil.example"}]
        for headers in strange:
            async with session.post(f"{url}/people", json={}, headers=headers) as response:
                assert response.status == 403, headers
        assert await app.service("people").find() == []
