"""The sessions of polling clients, by hand: requests that no client library would send, and clients that go away."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest

from agor_core.feathers import Feathers
from agor_core.feathers.transports.sockets import Limits
from agor_core.feathers.web import DOOR
from tests.conformance.doors import PATIENCE_S, connected, serving
from tests.conformance.raw import CLOSED, raw
from tests.conformance.server import build_site


class Polling:
    """One session that polls."""

    def __init__(self, session: aiohttp.ClientSession, address: str, sid: str) -> None:
        self._session = session
        self.address = f"{address}?EIO=4&transport=polling&sid={sid}"

    async def poll(self) -> tuple[int, str]:
        """Status and body of a poll."""
        async with asyncio.timeout(PATIENCE_S), self._session.get(self.address) as response:
            return response.status, await response.text()

    async def post(self, body: str | bytes, headers: dict[str, str] | None = None) -> tuple[int, str]:
        """Status and body of what sending something is answered with."""
        async with (
            asyncio.timeout(PATIENCE_S),
            self._session.post(self.address, data=body, headers=headers) as response,
        ):
            return response.status, await response.text()


@asynccontextmanager
async def polling(url: str) -> AsyncIterator[Polling]:
    """A client that polls and is connected."""
    address = f"{url}/socket.io/"
    # A connection for each request, so that a poll which is given up is one that is closed.
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True)) as session:
        async with session.get(f"{address}?EIO=4&transport=polling") as opened:
            sid = json.loads((await opened.text())[1:])["sid"]
        client = Polling(session, address, sid)
        assert (await client.post("40"))[0] == 200
        assert (await client.poll())[1].startswith("40{")
        yield client


@pytest.fixture
async def url(app: Feathers, fast: bool) -> AsyncIterator[str]:
    """Where the server is, on the fast path and on the stock one."""
    async with serving(build_site(app, fast=fast)) as address:
        yield address


async def connections(app: Feathers, count: int) -> None:
    """Wait until so many connections are told of what happens."""
    async with asyncio.timeout(PATIENCE_S):
        while len(app.channel("everybody")) != count:
            await asyncio.sleep(0.01)


async def exchange(
    url: str, start: str, headers: dict[str, str], body: bytes, length: int, *, hangs_up: bool = False
) -> str:
    """All that the server says on a connection on which a request is sent, whatever its length is said to be."""
    host, port = url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    lines = [f"{start} HTTP/1.1", f"Host: {host}:{port}", *(f"{name}: {value}" for name, value in headers.items())]
    writer.write("\r\n".join([*lines, f"Content-Length: {length}", "", ""]).encode() + body)
    if hangs_up:
        writer.write_eof()
    async with asyncio.timeout(PATIENCE_S):
        answer = await reader.read()
    writer.close()
    return answer.decode()


def said(answer: tuple[int, str]) -> tuple[int, Any]:
    """Status and JSON of an answer."""
    return answer[0], json.loads(answer[1])


@pytest.mark.parametrize("packet", ["4", "42[]", "40", "1", "46", '42["connect"]', "bZm9v"])
async def test_a_session_that_was_closed_is_unknown_from_then_on(url: str, packet: str) -> None:
    """Whoever has sent what no client sends is told so at its next request, in the protocol's words."""
    async with polling(url) as client, polling(url) as neighbour:
        assert (await client.post(packet))[0] == 200
        assert said(await client.post('421["find","people"]')) == (400, {"code": 1, "message": "Session ID unknown"})
        assert said(await client.poll()) == (400, {"code": 1, "message": "Session ID unknown"})
        assert (await neighbour.post('421["find","people"]'))[0] == 200
        assert (await neighbour.poll())[1] == "431[null,[]]"


@pytest.mark.parametrize("packet", ["2", "7", "9", "x", "\x1e", 'd=421["find","people"]'])
async def test_what_is_no_packet_ends_its_session(url: str, packet: str) -> None:
    """It is refused, and the session with it; nobody else notices."""
    async with polling(url) as client:
        assert said(await client.post(packet)) == (400, {"code": 3, "message": "Bad request"})
        assert said(await client.poll())[0] == 400


@pytest.mark.parametrize("packet", ["0", "5", "6", "3"])
async def test_a_packet_that_says_nothing_is_no_harm(url: str, packet: str) -> None:
    """As over a WebSocket."""
    async with polling(url) as client:
        assert (await client.post(packet + '\x1e421["find","people"]'))[0] == 200
        assert (await client.poll())[1] == "431[null,[]]"


async def test_a_second_poll_ends_the_session(url: str) -> None:
    """Of two at a time nobody could say which is told what: the first hears the goodbye, the second is refused."""
    async with polling(url) as client:
        first = asyncio.create_task(client.poll())
        second = asyncio.create_task(client.poll())
        answers = await asyncio.gather(first, second)
        assert sorted(status for status, _ in answers) == [200, 400]
        assert "1" in [body for status, body in answers if status == 200]
        assert said(await client.poll()) == (400, {"code": 1, "message": "Session ID unknown"})


async def test_a_client_whose_poll_breaks_off_is_gone_at_once(url: str, app: Feathers) -> None:
    """What such a poll would take is lost, so that the session ends, long before a ping goes unanswered."""
    async with polling(url) as client:
        await connections(app, 1)
        given_up = asyncio.create_task(client.poll())
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.shield(given_up), 0.1)
        given_up.cancel()
        await connections(app, 0)
        assert said(await client.poll()) == (400, {"code": 1, "message": "Session ID unknown"})


@pytest.mark.parametrize("transport", ["websocket", "polling"])
async def test_who_answers_no_ping_is_gone(app: Feathers, fast: bool, transport: str) -> None:
    """A connection on which nobody answers is closed; one on which somebody does stays."""
    site = build_site(app, fast=fast, limits=Limits(ping_s=1.0, pong_s=1.0))
    async with serving(site) as url, connected(url, transport=transport) as there:
        # The client would give up, too, were it to hear nothing on a machine that stands still.
        there.client.eio.ping_timeout = PATIENCE_S
        if transport == "websocket":
            async with raw(url) as silent:
                assert await silent.receive() == CLOSED
        else:
            async with polling(url) as asked:
                assert await asked.poll() == (200, "2")
                await connections(app, 1)
                assert said(await asked.poll())[0] == 400
        assert await there.call("find", "people") == []


@pytest.mark.parametrize("transport", ["websocket", "polling"])
async def test_who_stood_still_with_the_server_has_time_to_answer(app: Feathers, transport: str) -> None:
    """A machine that stands still for longer than an answer may take, with a ping on its way, costs no connection."""
    loop = asyncio.get_running_loop()
    site = build_site(app, limits=Limits(ping_s=0.2, pong_s=0.5))
    async with serving(site) as url, raw(url) as client, polling(url) as polled:
        if transport == "websocket":
            while (await client.websocket.receive()).data != "2":
                pass
        else:
            assert await polled.poll() == (200, "2")
            polls = asyncio.create_task(polled.poll())
        loop.call_soon(time.sleep, 1.6)
        # The server goes on first, and looks who is late.
        for _ in range(20):
            await asyncio.sleep(0)
        if transport == "websocket":
            await client.send("3")
            assert await client.call("find", "people") == [None, []]
        else:
            assert (await polled.post('3\x1e421["find","people"]'))[0] == 200
            assert await polls == (200, "431[null,[]]")


async def test_sessions_on_which_nothing_is_said_make_way(app: Feathers, fast: bool) -> None:
    """However many are opened, so many are kept: the oldest goes, and nobody else notices."""
    site = build_site(app, fast=fast, limits=Limits(connections=3))
    async with serving(site) as url, raw(url) as neighbour, aiohttp.ClientSession() as session:
        address = f"{url}/socket.io/"
        opened: list[Polling] = []
        for _ in range(5):
            async with session.get(f"{address}?EIO=4&transport=polling") as response:
                sid = json.loads((await response.text())[1:])["sid"]
            opened.append(Polling(session, address, sid))
        first, second, third, *_ = opened
        for gone in (first, second):
            status, body = await gone.post("40")
            assert (status, json.loads(body)["code"]) == (400, 1)
        assert (await third.post("40"))[0] == 200
        assert (await third.poll())[1].startswith("40{")
        assert await neighbour.call("find", "people") == [None, []]
        # Who goes away is not counted any longer, nor is who has said CONNECT.
        await third.post("41")
        await connections(app, 1)
        async with raw(url), raw(url):
            assert (await opened[4].post("40"))[0] == 200
            assert "no more connections" in (await opened[4].poll())[1]


async def test_much_comes_in_several_answers(app: Feathers, url: str) -> None:
    """Whoever reads none of an answer has cost no more than that; whoever does hears all of it, in order."""
    async with polling(url) as client:
        for number in range(30):
            await app.service("echo").create({"number": number, "text": "x" * 20_000})
        heard: list[int] = []
        while len(heard) < 30:
            status, body = await client.poll()
            assert (status, len(body) < 200_000) == (200, True)
            events = [packet for packet in body.split("\x1e") if packet.startswith("42")]
            heard += [json.loads(event[2:])[1]["data"]["number"] for event in events]
        assert heard == list(range(30))


async def test_a_burst_of_calls_comes_in_one_request(url: str) -> None:
    """However many calls a client has to make, it sends them together; each is answered."""
    async with polling(url) as client:
        calls = [f'42{number}["get","echo",{number}]' for number in range(3000)]
        sent = asyncio.create_task(client.post("\x1e".join(calls)))
        answers: list[str] = []
        while len(answers) < len(calls):
            status, body = await client.poll()
            assert status == 200
            answers += [packet for packet in body.split("\x1e") if packet.startswith("43")]
        assert (await sent)[0] == 200
        assert {answer.partition("[")[0] for answer in answers} == {f"43{number}" for number in range(3000)}


@pytest.mark.parametrize(
    ("verb", "query", "code"),
    [
        ("GET", "EIO=4&transport=flash", 0),
        ("GET", "EIO=4", 0),
        ("GET", "EIO=4&transport=polling&sid=nope", 1),
        ("POST", "EIO=4&transport=polling&sid=nope", 1),
        ("POST", "EIO=4&transport=polling", 2),
        ("PUT", "EIO=4&transport=polling", 2),
        ("DELETE", "EIO=4&transport=polling", 2),
        ("GET", "EIO=4&transport=websocket", 3),
        ("GET", "EIO=4&transport=polling&j=0", 3),
        ("GET", "EIO=3&transport=polling", 5),
        ("GET", "transport=polling", 5),
    ],
)
async def test_a_handshake_that_cannot_be_is_refused_with_its_code(url: str, verb: str, query: str, code: int) -> None:
    """Engine.IO numbers what may be wrong; clients show it."""
    async with aiohttp.ClientSession() as session, session.request(verb, f"{url}/socket.io/?{query}") as response:
        assert (response.status, (await response.json())["code"]) == (400, code)


async def test_a_body_that_is_not_packed_as_its_head_says_is_refused(
    url: str, caplog: pytest.LogCaptureFixture
) -> None:
    """It is a bad request over both doors, and no fault of the server's. Its connection ends with the answer."""
    headers = {"Content-Encoding": "gzip", "Content-Type": "application/json"}
    async with polling(url) as client:
        assert (await client.post(b"not packed", headers))[0] == 400
    follows = b"not packedGET /people HTTP/1.1\r\nHost: x\r\n\r\n"
    answer = await exchange(url, "POST /people", headers, follows, len("not packed"))
    assert answer.startswith("HTTP/1.1 400 Bad Request\r\n")
    assert (answer.count("HTTP/1.1"), "Connection: close" in answer, "BadRequest" in answer) == (1, True, True)
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


async def test_a_body_that_ends_early_is_no_fault_of_the_servers(url: str, caplog: pytest.LogCaptureFixture) -> None:
    """A client that goes in the middle of what it sends leaves no error in the log, and nothing in the data."""
    headers = {"Content-Type": "application/json"}
    await exchange(url, "POST /people", headers, b'{"a":1}', 50, hangs_up=True)
    async with aiohttp.ClientSession() as session, session.get(f"{url}/people") as answer:
        assert await answer.json() == []
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


@pytest.mark.parametrize(
    "head",
    [
        "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n",
        "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: x\r\n",
        "Upgrade: h2c\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n",
    ],
    ids=["without a key", "with no key", "HTTP/2"],
)
async def test_a_websocket_that_cannot_be_leaves_no_session_behind(app: Feathers, fast: bool, head: str) -> None:
    """It is refused before there is anything that would have to be taken back."""
    site = build_site(app, fast=fast)
    async with serving(site) as url, polling(url) as neighbour:
        host, port = url.removeprefix("http://").split(":")
        for session in ("", neighbour.address.partition("&transport=polling")[2]):
            start = f"GET /socket.io/?EIO=4&transport=websocket{session} HTTP/1.1\r\nHost: x\r\n"
            reader, writer = await asyncio.open_connection(host, int(port))
            writer.write(f"{start}{head}\r\n".encode())
            async with asyncio.timeout(PATIENCE_S):
                assert (await reader.readline()).startswith(b"HTTP/1.1 400 ")
            writer.close()
        assert len(site[DOOR]._server.eio.sockets) == 1
        assert (await neighbour.post('421["find","people"]'))[0] == 200
        assert (await neighbour.poll())[1] == "431[null,[]]"


async def test_a_poll_that_also_asks_for_http2_is_a_poll(url: str) -> None:
    """Some clients ask for it with every request; they are answered as others are."""
    headers = {"Connection": "Upgrade, HTTP2-Settings", "Upgrade": "h2c", "HTTP2-Settings": "AAMAAABkAARAAAAAAAIAAAAA"}
    async with polling(url) as client, aiohttp.ClientSession() as session:
        assert (await client.post('421["find","people"]', headers))[0] == 200
        async with session.get(client.address, headers=headers) as answer:
            assert (answer.status, await answer.text()) == (200, "431[null,[]]")
