"""Requests sent one after the other without waiting: their answers come in order, whole, and none waits for a later."""

from __future__ import annotations

import asyncio
import contextvars
import json
import re
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from aiohttp import web

from agor_core.feathers import Feathers, HookContext, MemoryService, Params
from agor_core.feathers.guard import Guard
from agor_core.feathers.web import ServerOptions, build_web
from tests.conformance.doors import serving


class Slow:
    """Answers when it may."""

    def __init__(self) -> None:
        self.is_asked, self.may = asyncio.Event(), asyncio.Event()

    async def find(self, params: Params) -> str:
        """A text, late."""
        self.is_asked.set()
        await self.may.wait()
        return "late"


WHOSE = contextvars.ContextVar("whose", default="nobody's")


class Named:
    """Says whose turn it is, and makes it another's."""

    async def get(self, id: str, params: Params) -> str:
        """Whose it was."""
        before = WHOSE.get()
        WHOSE.set(id)
        await asyncio.sleep(0)
        return f"{before}, now {WHOSE.get()}"


class Hurried:
    """Gives itself so many seconds for what takes a day."""

    async def get(self, id: str, params: Params) -> str:
        """Whether it was cut short."""
        task = asyncio.current_task()
        assert task is not None
        try:
            async with asyncio.timeout(float(id)):
                await asyncio.sleep(86_400)
        except TimeoutError:
            return f"cut short, {task.cancelling()} times cancelled"
        return "a day later"


def split_head(context: HookContext) -> None:
    """What a careless hook could do with a client's text."""
    context.http.headers["X-Said"] = "one\r\nX-Forged: two"


async def page(request: web.Request) -> web.StreamResponse:
    """A route that writes by itself."""
    response = web.StreamResponse(headers={"Content-Length": "5"})
    await response.prepare(request)
    await response.write(b"by ")
    await response.write(b"me")
    return response


@pytest.fixture
def slow() -> Slow:
    """The service that waits."""
    return Slow()


@pytest.fixture(params=[True, False], ids=["fast", "stock"])
async def client(
    slow: Slow, request: pytest.FixtureRequest
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A connection to a server that knows it."""
    app = Feathers()
    app.use("people", MemoryService())
    app.use("slow", slow)
    app.use("named", Named())
    app.use("split", MemoryService()).hooks(after={"find": [split_head]})
    await app.service("people").create({"id": 1, "name": "Ann"})
    await app.service("people").create({"id": 2, "name": "x" * 100_000})
    app.use("hurried", Hurried())
    site = build_web(app, ServerOptions(guard=Guard.open(), routes=[web.get("/page", page)], fast=request.param))
    async with serving(site) as url, asyncio.timeout(30):
        reader, writer = await asyncio.open_connection(urlsplit(url).hostname, urlsplit(url).port, limit=1_000_000)
        yield reader, writer
        writer.close()


async def answer(reader: asyncio.StreamReader, *, has_body: bool = True) -> tuple[int, dict[str, str], bytes]:
    """The next answer: status, headers, body."""
    status, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().strip().split("\r\n")
    headers = dict(line.lower().split(": ", 1) for line in lines)
    body = await reader.readexactly(int(headers.get("content-length", 0))) if has_body else b""
    return int(status.split()[1]), headers, body


def asked(verb: str, path: str, body: str = "") -> bytes:
    """A request."""
    kind = f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n" if body else ""
    return f"{verb} {path} HTTP/1.1\r\nHost: x\r\n{kind}\r\n{body}".encode()


async def test_all_kinds_of_answers_keep_their_order(client: Any) -> None:
    """Records, errors, routes that write by themselves, heads without a body and large bodies: each in its turn."""
    reader, writer = client
    kinds = [
        (asked("GET", "/people/1"), 200, rb'\{"id":1,"name":"Ann"\}'),
        (asked("GET", "/people/99"), 404, rb'\{"name":"NotFound".*'),
        (asked("POST", "/people", '{"name":"Ben"}'), 201, rb'\{"name":"Ben","id":\d+\}'),
        (asked("GET", "/page"), 200, rb"by me"),
        (asked("PUT", "/people", "{}"), 400, rb"\{.*"),
        (asked("HEAD", "/people/1"), 200, rb""),
        (asked("GET", "/people/2"), 200, rb'\{"id":2,"name":"x{100000}"\}'),
        (asked("OPTIONS", "/people"), 405, rb"\{.*"),
        (asked("GET", "/people/1?$select=name"), 200, rb'\{"id":1,"name":"Ann"\}'),
    ]
    for times in (1, 8):
        writer.write(b"".join(request for request, _, _ in kinds) * times)
        for request, status, text in kinds * times:
            got, headers, body = await answer(reader, has_body=not request.startswith(b"HEAD"))
            assert (got, bool(re.fullmatch(text, body))) == (status, True), (request, body[:200])
            assert headers.keys() >= {"date", "server"}


async def test_bodies_that_came_late_hold_up_nothing_later(client: Any) -> None:
    """However many requests were taken up before their body was there, all that come together later are answered."""
    reader, writer = client
    for _ in range(40):
        post = asked("POST", "/people", '{"name":"Ben"}')
        head, body = post[:-14], post[-14:]
        writer.write(asked("GET", "/people/1") + head)
        assert (await answer(reader))[0] == 200
        writer.write(body)
        assert (await answer(reader))[0] == 201
    gets, posts = asked("GET", "/people/1") * 40, asked("POST", "/people", '{"name":"Ben"}') * 40
    for together, status in ((gets, 200), (posts, 201), (gets, 200)):
        writer.write(together)
        assert [(await answer(reader))[0] for _ in range(40)] == [status] * 40


async def test_no_answer_waits_for_a_later_one(client: Any, slow: Slow) -> None:
    """What is asked before something slow is answered before it."""
    reader, writer = client
    writer.write(asked("GET", "/people/1") * 3 + asked("GET", "/slow") + asked("GET", "/people/1"))
    for _ in range(3):
        assert (await answer(reader))[0] == 200
    slow.may.set()
    assert (await answer(reader))[2] == b'"late"'
    assert (await answer(reader))[2] == b'{"id":1,"name":"Ann"}'


@pytest.mark.parametrize("seconds", ["0", "0.01"])
async def test_a_call_that_limits_its_own_time_is_cut_short_and_nothing_else(client: Any, seconds: str) -> None:
    """It is told in time, even if that is over at once; its answer and those to other calls come as ever."""
    reader, writer = client
    for _ in range(2):
        writer.write(asked("GET", f"/hurried/{seconds}") + asked("GET", "/people/1"))
        assert (await answer(reader))[2] == b'"cut short, 0 times cancelled"'
        assert (await answer(reader))[2] == b'{"id":1,"name":"Ann"}'


async def test_requests_on_one_connection_share_no_context(client: Any) -> None:
    """What a call puts into its context variables is its own, also after it has waited."""
    reader, writer = client
    writer.write(asked("GET", "/named/ann") + asked("GET", "/named/ben"))
    assert [(await answer(reader))[2] for _ in range(2)] == [b'"nobody\'s, now ann"', b'"nobody\'s, now ben"']


async def test_an_answer_before_nonsense_is_sent(client: Any, slow: Slow) -> None:
    """What is no request gets its refusal after the answer to what was asked before."""
    reader, writer = client
    writer.write(asked("GET", "/slow"))
    await slow.is_asked.wait()
    writer.write(b"nonsense\r\n\r\n")
    # By the time another has its answer, the nonsense has been read.
    other, asking = await asyncio.open_connection(*writer.get_extra_info("peername"))
    asking.write(asked("GET", "/people/1"))
    assert (await answer(other))[0] == 200
    asking.close()
    slow.may.set()
    assert [(await answer(reader))[0] for _ in range(2)] == [200, 400]
    assert await reader.read() == b""


@pytest.mark.parametrize(
    "said",
    [
        "GET /people/é HTTP/1.1\r\nHost: x\r\n\r\n",
        "nonsense\r\n\r\n",
        "GET /people HTTP/9.9\r\nHost: x\r\n\r\n",
        "GET /people HTTP/1.1\r\nHost x\r\n\r\n",
        "POST /people HTTP/1.1\r\nHost: x\r\nContent-Length: x\r\n\r\n",
    ],
    ids=["letters beyond ASCII", "no method", "no version", "no colon", "no length"],
)
async def test_what_is_no_request_gets_an_error_of_the_family(client: Any, said: str) -> None:
    """What aiohttp cannot read at all is a BadRequest in JSON like every other, and the end of the connection."""
    reader, writer = client
    writer.write(said.encode())
    status, headers, body = await answer(reader)
    error = json.loads(body)
    assert (status, error["name"], error["code"], error["className"]) == (400, "BadRequest", 400, "bad-request")
    assert error["message"].startswith("this is no HTTP request")
    assert headers["content-type"] == "application/json; charset=utf-8"
    assert await reader.read() == b""


async def test_a_line_break_in_a_header_makes_no_second_header(client: Any) -> None:
    """Such an answer is never sent; the connection ends."""
    reader, writer = client
    writer.write(asked("GET", "/people/1") + asked("GET", "/split"))
    assert (await answer(reader))[0] == 200
    assert await reader.read() == b""
