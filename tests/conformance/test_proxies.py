"""Behind a reverse proxy: limits count by the client it speaks for, and by nobody's word but a trusted proxy's."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import aiohttp
import pytest

from agor_core.feathers import MemoryService, Params
from agor_core.feathers.authentication.attempts import Attempts
from agor_core.feathers.guard import Guard
from agor_core.feathers.observe import Observer
from agor_core.feathers.transports.patience import Patience
from agor_core.feathers.transports.proxies import Proxies
from agor_core.feathers.transports.sockets import Limits
from agor_core.feathers.web import ServerOptions, build_web
from tests.conformance.doors import serving
from tests.conformance.raw import raw, read_to_end
from tests.conformance.server import build_app
from tests.conformance.test_patience import connection

ANN = {"email": "ann@example.com", "password": "a long password"}
WRONG = {"strategy": "local", **ANN, "password": "another password"}
HEAD = "Host: x\r\nContent-Type: application/json\r\n"

ANYBODY = Guard(allowed_hosts=None, allowed_origins=None, is_loopback=True)

Open = Callable[..., Awaitable[str]]
Headers = list[tuple[str, str]]


class Slow:
    """Answers when it may."""

    def __init__(self) -> None:
        self.may = asyncio.Event()
        self.asked = 0

    async def find(self, params: Params) -> str:
        """A text, late."""
        self.asked += 1
        await self.may.wait()
        return "late"


@pytest.fixture
def slow() -> Slow:
    """The service that waits."""
    return Slow()


@pytest.fixture
async def opened(slow: Slow) -> AsyncIterator[Open]:
    """Starts a server, on loopback and with accounts, that trusts some proxies."""
    async with AsyncExitStack() as stack:

        async def start(*proxies: str, header: str = "x-forwarded-for", guard: Guard = ANYBODY, **settings: Any) -> str:
            app = build_app(attempts=Attempts(per_account=2))
            await app.service("users").create(dict(ANN))
            app.use("slow", slow)
            app.use("things", MemoryService())
            proxied = Proxies.of(proxies, header)
            options = ServerOptions(guard=guard, observer=Observer(), proxies=proxied, **settings)
            return await stack.enter_async_context(serving(build_web(app, options)))

        yield start


async def sign_in(url: str, forwarded: str | Headers | None) -> int:
    """The status of a sign-in with a wrong password, for whom a proxy names."""
    headers = [("X-Forwarded-For", forwarded)] if isinstance(forwarded, str) else forwarded
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{url}/authentication", json=WRONG, headers=headers) as response,
    ):
        return response.status


async def sign_in_by_socket(url: str, headers: Headers) -> int:
    """The same over Socket.IO."""
    address = f"{url}/socket.io/?EIO=4&transport=websocket"
    async with aiohttp.ClientSession() as session, session.ws_connect(address, headers=headers) as socket:
        await socket.receive()
        await socket.send_str("40")
        await socket.receive()
        await socket.send_json(["create", "authentication", WRONG], dumps=lambda call: "421" + json.dumps(call))
        answer = json.loads((await socket.receive()).data.removeprefix("431"))
    code: int = answer[0]["code"]
    return code


SIGN_IN = {"rest": sign_in, "socketio": sign_in_by_socket}


async def blocked(url: str, forwarded: Callable[[int], str | Headers | None]) -> bool:
    """Whether, of three failures, the third is one too many."""
    first, second, third = [await sign_in(url, forwarded(number)) for number in range(3)]
    assert (first, second) == (401, 401)
    return third == 429


def behind(forged: str, client: str) -> Callable[[int], str]:
    """What a proxy makes of a client's own word, which holds the number of its try."""
    return lambda number: f"{forged.format(number)}, {client}, 10.0.0.7"


def always(headers: Headers) -> Callable[[int], Headers]:
    """The same each time."""
    return lambda _number: headers


async def metrics(url: str) -> dict[str, int]:
    """How many were refused, by reason."""
    async with aiohttp.ClientSession() as session, session.get(f"{url}/metrics") as response:
        lines = [line for line in (await response.text()).splitlines() if line.startswith("feathers_refused_total{")]
    return {line.split('"')[1]: int(line.split()[1]) for line in lines}


async def test_a_forged_header_helps_nobody(opened: Open) -> None:
    """By default no word on where a request comes from is taken; nor is it from who is none of the proxies."""
    for proxies in ((), ("192.0.2.1", "10.0.0.0/8")):
        assert await blocked(await opened(*proxies), lambda number: f"203.0.113.{number}")
        assert await blocked(await opened(*proxies), lambda number: [("Forwarded", f"for=203.0.113.{number}")])


async def test_each_client_of_a_proxy_counts_for_itself(opened: Open) -> None:
    """Who fails too often to sign in blocks itself, not others behind the same proxy; what it puts before the proxy's
    word changes nothing, be it an address, nonsense or another proxy's."""
    url = await opened("127.0.0.0/8", "10.0.0.0/8")
    assert not await blocked(url, lambda number: f"203.0.113.{number}")
    for number, forged in enumerate(["1.2.3.{}", "unknown-{}", "10.0.0.{}", "1.2.3.4, 10.1.1.{}", ", ,{}"]):
        client = f"198.51.100.{number}"
        assert await blocked(url, behind(forged, client))
    assert await sign_in(url, "203.0.113.77") == 401
    assert await blocked(url, lambda number: f"203.0.113.{number}, nonsense")


async def test_an_ipv6_client_counts_with_its_network(opened: Open) -> None:
    """Of a /64 everybody may have all addresses; the next network is somebody else. IPv4 in IPv6 is IPv4."""
    url = await opened("127.0.0.1")
    assert await blocked(url, lambda number: f"2001:db8:1:2::{number:x}")
    assert await sign_in(url, "2001:db8:1:3::1") == 401
    assert await blocked(url, lambda number: "::ffff:203.0.113.9")
    for same in ("203.0.113.9", "203.0.113.9:4711", "[2001:db8:1:2::77]:443"):
        assert await sign_in(url, same) == 429


async def test_a_socket_through_a_proxy_is_its_clients(opened: Open) -> None:
    """Over Socket.IO the client is who opened the socket."""
    url = await opened("127.0.0.1")
    assert await blocked(url, lambda _: "203.0.113.5")
    for client, code in (("203.0.113.5", 429), ("203.0.113.6", 401)):
        assert await sign_in_by_socket(url, [("X-Forwarded-For", client)]) == code


FROM_ANN = (
    ["for=203.0.113.9"],
    ['For="203.0.113.9:4711";Proto=https; By=_inner ;host="agor.example:443"'],
    ["for=1.2.3.4, for=203.0.113.9;proto=http,for=10.0.0.7"],
    ["for=1.2.3.4", "for=203.0.113.9, for=10.0.0.7"],
    ["for=203.0.113.9", "for=10.0.0.7"],
    ['for="203\\.0\\.113\\.9"'],
    # Quotes that a client leaves open swallow nothing of what its proxy adds.
    ['for=6.6.6.6, for="1.2.3.4, for="203.0.113.9:4711"'],
    ['for=6.6.6.6;x="', "for=203.0.113.9"],
    ['for=6.6.6.6;x="\\", for="203.0.113.9:_hidden"'],
)
FROM_ANNS_NETWORK = (
    ['for="[2001:db8:1:2::77]"'],
    ['for="[2001:db8:1:2::78]:4711"'],
    ['for="[2001:DB8:1:2::79]:_hidden";by="[2001:db8::1]"'],
)
FROM_NOBODY = (
    ["for=unknown"],
    ["for=203.0.113.9, for=_hidden;proto=http"],
    ["for=203.0.113.9, for=_0x1f"],
    ["for=203.0.113.9, proto=https;by=10.0.0.7"],
    ["for=203.0.113.9, for 203.0.113.9"],
    ["for=203.0.113.9;for=203.0.113.9"],
    ['for=203.0.113.9, for="203.0.113.9'],
    [""],
)


@pytest.mark.parametrize("door", SIGN_IN)
async def test_forwarded_is_read_as_rfc_7239_has_it(opened: Open, door: str) -> None:
    """A client is who the last proxy says, in any spelling, of all hops and lines; whom a proxy hides, does not name,
    or names in a way that nobody can read, counts as the proxy."""
    for told, those in (("203.0.113.9", FROM_ANN), ('"[2001:db8:1:2::1]"', FROM_ANNS_NETWORK), (None, FROM_NOBODY)):
        url = await opened("127.0.0.1", "10.0.0.0/8")
        headers = [] if told is None else [("Forwarded", f"for={told}")]
        assert await blocked(url, always(headers))
        for lines in those:
            assert await SIGN_IN[door](url, [("Forwarded", line) for line in lines]) == 429, lines
        assert await SIGN_IN[door](url, [("Forwarded", "for=203.0.113.8")]) == 401
        assert await SIGN_IN[door](url, [("Forwarded", 'for="[2001:db8:1:3::1]"')]) == 401


@pytest.mark.parametrize("door", SIGN_IN)
async def test_of_two_headers_the_proxys_own_counts(opened: Open, door: str) -> None:
    """A proxy writes one of the two, and hands on the other as the client wrote it: what it is said to write counts,
    and the other only where that is not there."""
    ann, bob = "203.0.113.9", "203.0.113.10"
    for header in ("x-forwarded-for", "forwarded"):
        url = await opened("127.0.0.1", header=header)
        assert await blocked(url, lambda _: [("X-Forwarded-For", ann), ("Forwarded", f"for={ann}")])
        for said_there, said_by_rfc in ((ann, bob), (bob, ann)):
            both = [("X-Forwarded-For", said_there), ("Forwarded", f"for={said_by_rfc}")]
            is_ann = (said_there if header == "x-forwarded-for" else said_by_rfc) == ann
            assert await SIGN_IN[door](url, both) == (429 if is_ann else 401), (header, both)
            assert await SIGN_IN[door](url, [("X-Forwarded-For", ann)]) == 429
            assert await SIGN_IN[door](url, [("Forwarded", f"for={ann}")]) == 429


async def test_the_public_name_is_looked_at_beside_host(opened: Open) -> None:
    """The name by which a client called the outermost trusted proxy has to be allowed as `Host` has, and does not take
    its place; what anybody else says of a name says nothing."""
    guard = Guard(allowed_hosts=frozenset({"127.0.0.1", "agor.example"}), allowed_origins=None)

    async def ask(url: str, headers: Headers) -> int:
        async with aiohttp.ClientSession() as session, session.get(f"{url}/things", headers=headers) as response:
            return response.status

    url = await opened("127.0.0.1", "10.0.0.0/8", guard=guard)
    for said, status in (
        ("for=203.0.113.9;host=agor.example", 200),
        ('host="agor.example:443"', 200),
        ("for=203.0.113.9;host=agor.example, for=10.0.0.7;host=inner.example", 200),
        ("host=evil.example, for=203.0.113.9", 200),
        ("for=203.0.113.9;host=evil.example", 403),
        ('host=""', 403),
        ("for=203.0.113.9;host=evil.example, for=10.0.0.7;host=agor.example", 403),
    ):
        assert await ask(url, [("Forwarded", said)]) == status, said
    assert await ask(url, [("Forwarded", "host=agor.example"), ("Host", "evil.example")]) == 403
    assert await ask(await opened(guard=guard), [("Forwarded", "host=evil.example")]) == 200
    with pytest.raises(aiohttp.WSServerHandshakeError, match="403"):
        await sign_in_by_socket(url, [("Forwarded", "for=203.0.113.9;host=evil.example")])


@asynccontextmanager
async def asking(url: str, client: str) -> AsyncIterator[asyncio.StreamReader]:
    """A request through a proxy, which is not answered yet."""
    async with connection(url) as (reader, writer):
        writer.write(f"GET /slow HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: {client}\r\n\r\n".encode())
        yield reader


async def status(reader: asyncio.StreamReader) -> int:
    """The status of the next answer."""
    return int((await reader.readuntil(b"\r\n")).split()[1])


async def test_strangers_behind_a_proxy_have_room_each(opened: Open, slow: Slow) -> None:
    """One client may have so many requests under way; one more is 429, others behind the same proxy notice nothing, and
    once they are answered there is room again. On this machine nobody counts who comes without a proxy."""
    url = await opened("127.0.0.1", stranger_connections=2)
    async with AsyncExitStack() as stack:
        readers = [await stack.enter_async_context(asking(url, "203.0.113.5")) for _ in range(2)]
        while slow.asked < 2:
            await asyncio.sleep(0)
        async with asking(url, "203.0.113.5") as refused:
            assert await status(refused) == 429
        readers.append(await stack.enter_async_context(asking(url, "203.0.113.6")))
        direct = [await stack.enter_async_context(connection(url)) for _ in range(4)]
        assert (await metrics(url))["strangers"] == 1
        slow.may.set()
        for reader in readers:
            assert await status(reader) == 200
        for reader, writer in direct:
            writer.write(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n")
            assert await status(reader) == 200
        async with asking(url, "203.0.113.5") as again:
            assert await status(again) == 200


async def test_what_is_refused_is_counted_and_told(opened: Open, caplog: pytest.LogCaptureFixture) -> None:
    """Each reason has its counter from the start, and a line in the log, which a flood does not repeat."""
    patience = Patience(head_s=0.2, body_s=0.2)
    url = await opened(patience=patience, max_body_bytes=1_000_000, limits=Limits(connections=1))
    assert set((await metrics(url)).values()) == {0}
    with caplog.at_level("INFO", logger="agor_core.feathers.transports.refusals"):
        for said in (
            "GET /thi",
            f"POST /things HTTP/1.1\r\n{HEAD}Content-Length: 50\r\n\r\n",
            f"POST /things HTTP/1.1\r\n{HEAD}Content-Length: 300000\r\nConnection: close\r\n\r\n",
            "nonsense\r\n\r\n",
            "nonsense\r\n\r\n",
        ):
            async with connection(url) as (reader, writer):
                writer.write(said.encode())
                await read_to_end(reader)
        async with raw(url), raw(url, connect=False) as late:
            await late.send("40")
            assert (await late.receive()).startswith("44")
    found = {reason: count for reason, count in (await metrics(url)).items() if count}
    assert found == {"head_late": 1, "body_late": 1, "stranger_body": 1, "no_request": 2, "sockets": 1}
    told = [record.getMessage() for record in caplog.records if record.getMessage().startswith("refused 127.0.0.1: ")]
    assert len(told) == 5
    assert len(set(told)) == 5
