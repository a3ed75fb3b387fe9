"""Ours and the official one, side by side: the same steps to each, and what came."""

from __future__ import annotations

import asyncio
import itertools
import json
import logging
import re
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
from typing_extensions import override
from yarl import URL

from agor_core.feathers import Feathers, Params
from agor_core.feathers.authentication.service import AlwaysValid
from agor_core.feathers.memory import MemoryStore
from agor_core.feathers.transports.sockets import Limits
from tests.conformance.doors import serving
from tests.conformance.raw import CLOSED, Raw, raw
from tests.conformance.server import build_app, build_site
from tests.conformance.twin import sessions
from tests.conformance.twin.wire import Answer, exchange
from tests.support.node import node_environment

FOLDER = Path(__file__).parent
HEADERS = ("Location", "X-Conformance", "Access-Control-Allow-Origin")
ANSWER_LIMIT_S = 30.0
NO_ANSWER = "never answered"
DISCONNECTED = "disconnected"
STILL_OPEN = "still open"
EVERYTHING = "heard everything"
# Servers that ask often whether clients are still there, and wait for an answer as long as a busy machine may take.
BRISK = Limits(ping_s=0.25, pong_s=15.0, change_over_s=0.5)


@dataclass(frozen=True)
class Rest:
    """A request. `body`: text and bytes as they are; anything else as JSON.

    `token`: a result of an earlier step, by its number.
    """

    verb: str
    path: str
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    token: int | None = None


@dataclass(frozen=True)
class Call:
    """A call over the socket. `may_be_ignored`: it has no answer once a later call has one."""

    method: str
    arguments: Sequence[Any] = ()
    may_be_ignored: bool = False


@dataclass(frozen=True)
class Frames:
    """A call over the socket as it is on the wire, with binary packets. It asks for the answer of `NUMBER`."""

    NUMBER = 999
    frames: Sequence[str | bytes]


@dataclass(frozen=True)
class SignIn:
    """A sign-in over the socket with a token that a function makes only now, since it will not be good for long."""

    token: Callable[[], str]


@dataclass(frozen=True)
class Ending:
    """Wait for the end of the socket, and say how it comes: `DISCONNECTED` by a packet, or just `CLOSED`.

    `STILL_OPEN` if it has not come by then.
    """

    limit_s: float = ANSWER_LIMIT_S


@dataclass(frozen=True)
class Unread:
    """Somebody else reads nothing while so many events are told, and then all there is: `EVERYTHING`, or to the end."""

    events: int
    size_bytes: int


@dataclass(frozen=True)
class Said:
    """What the server has written for its people since the script began, line by line."""


Step = Rest | Call | Frames | SignIn | Ending | Unread | Said


@dataclass
class Heard:
    """What came of a script: an outcome for each step, and the events in their order."""

    outcomes: list[Any]
    events: list[list[Any]]


class Server:
    """One of the two, with a socket that hears everything."""

    def __init__(self, name: str, url: str, session: aiohttp.ClientSession, reset: Any, said: list[str]) -> None:
        self.name, self.url = name, url
        self._said = said
        self._session, self._reset = session, reset
        self._numbers = itertools.count(1)
        self._results: list[Any] = []

    async def run(self, script: Sequence[Step]) -> Heard:
        """Send the steps one after the other, on a socket of their own, to an empty store."""
        await self._reset()
        self._said.clear()
        self._results = []
        async with raw(self.url) as socket:
            listener = _Listener(socket)
            outcomes = []
            for step in script:
                self._results.append(None)
                outcomes.append(plain(await self._outcome(listener, step)))
            await self._barrier(listener)
            return Heard(outcomes, plain(listener.events))

    async def _outcome(self, listener: _Listener, step: Step) -> Any:
        match step:
            case Rest():
                return await self._rest(step)
            case Call():
                return await self._call(listener, step)
            case Frames():
                return await listener.send(step)
            case SignIn():
                data = {"strategy": "jwt", "accessToken": step.token()}
                return await self._call(listener, Call("create", ("authentication", data, {})))
            case Ending():
                return await listener.ending(step.limit_s)
            case Unread():
                return await self._unread(listener, step)
            case Said():
                # What came before has been dealt with, and so it has been written.
                await self._barrier(listener)
                return list(self._said)

    async def _rest(self, step: Rest) -> Any:
        headers = dict(step.headers)
        body = None
        if step.body is not None:
            headers.setdefault("Content-Type", "application/json")
            body = step.body if isinstance(step.body, str | bytes) else json.dumps(step.body)
        if step.token is not None:
            headers["Authorization"] = f"Bearer {self._results[step.token]['accessToken']}"
        url = URL(self.url + step.path, encoded=True)
        async with self._session.request(step.verb, url, data=body, headers=headers, allow_redirects=False) as response:
            text = await response.text()
            is_json = response.content_type == "application/json" and text
            answer = json.loads(text) if is_json else text
            self._results[-1] = answer
            found = {name: response.headers[name] for name in HEADERS if name in response.headers}
            return {"status": response.status, "type": response.content_type if text else None, **found, "body": answer}

    async def _call(self, listener: _Listener, step: Call) -> Any:
        outcome = await listener.call([step.method, *step.arguments], may_be_ignored=step.may_be_ignored)
        self._results[-1] = outcome[1] if isinstance(outcome, list) and len(outcome) > 1 else outcome
        return outcome

    async def _unread(self, listener: _Listener, step: Unread) -> str:
        async with raw(self.url) as lazy:
            lazy.stop_reading()
            for number in range(step.events):
                await listener.call(["announce", "echo", {"number": number, "text": "x" * step.size_bytes}, {}])
            # A call may be answered before its event is told.
            await self._barrier(listener)
            lazy.read_on()
            for _ in range(step.events):
                if await lazy.receive() == CLOSED:
                    return CLOSED
            return EVERYTHING

    async def _barrier(self, listener: _Listener) -> None:
        """Events come in order, so that after this one none of the script is to come."""
        token = f"{self.name} {next(self._numbers)}"
        await listener.call(["announce", "echo", {"barrier": token}, {}])
        await listener.until(token)


class _Listener:
    """Reads one socket: answers by number, and events in order."""

    def __init__(self, socket: Raw) -> None:
        self.socket = socket
        self.events: list[list[Any]] = []
        self.is_open = True
        self._last = ""
        self._numbers = itertools.count(0)

    async def call(self, arguments: list[Any], *, may_be_ignored: bool = False) -> Any:
        if not self.is_open:
            return CLOSED
        wanted = [await self._send(arguments)]
        if may_be_ignored:
            # Both refuse what they refuse at once, and so before they have looked up anything.
            wanted.append(await self._send(["find", "people", {}]))
        async with asyncio.timeout(ANSWER_LIMIT_S):
            answer = await self._answer(wanted)
        return NO_ANSWER if answer is None else answer

    async def send(self, step: Frames) -> Any:
        await self.socket.send(*step.frames)
        async with asyncio.timeout(ANSWER_LIMIT_S):
            return await self._answer([f"43{step.NUMBER}["])

    async def ending(self, limit_s: float) -> str:
        try:
            async with asyncio.timeout(limit_s):
                while self.is_open:
                    await self._read()
        except TimeoutError:
            return STILL_OPEN
        return DISCONNECTED if self._last.startswith("41") else CLOSED

    async def _send(self, arguments: list[Any]) -> str:
        """How the answer will begin."""
        number = next(self._numbers)
        await self.socket.send(f"42{number}{json.dumps(arguments)}")
        return f"43{number}["

    async def until(self, token: str) -> None:
        async with asyncio.timeout(ANSWER_LIMIT_S):
            while self.is_open and not self._is_there(token):
                await self._read()
        self.events = [event for event in self.events if not _is_barrier(event)]

    def _is_there(self, token: str) -> bool:
        return any(_is_barrier(event) and event[1]["barrier"] == token for event in self.events)

    async def _answer(self, wanted: list[str]) -> Any:
        """What the first of `wanted` is answered with; None if another is answered before."""
        while self.is_open:
            frame = await self._read()
            for prefix in wanted:
                if frame.startswith(prefix):
                    return json.loads(frame[len(prefix) - 1 :]) if prefix == wanted[0] else None
        return CLOSED

    async def _read(self) -> str:
        frame = self._last = await self.socket.receive()
        if frame == CLOSED or frame.startswith("41"):
            self.is_open = False
        elif frame.startswith("42["):
            self.events.append(json.loads(frame[2:]))
        return frame


def _is_barrier(event: list[Any]) -> bool:
    return event[0] == "echo notice" and isinstance(event[1], dict) and "barrier" in event[1]


_TOKEN = re.compile(r"eyJ[\w-]+\.[\w-]+\.[\w-]+")
_MOMENTS = ("iat", "exp", "jti", "expiredAt")


def plain(value: Any) -> Any:
    """`value` without what no two servers have alike: tokens, and when they were issued."""
    if isinstance(value, dict):
        return {key: "…" if key in _MOMENTS else plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [plain(part) for part in value]
    return _TOKEN.sub("<token>", value) if isinstance(value, str) else value


class Results:
    """Gives what it is asked for, as it is."""

    async def get(self, id: str, params: Params) -> Any:
        """The value of a JSON text."""
        return json.loads(id)


class Unheard:
    """What is made here is told to nobody, since its publisher fails."""

    async def create(self, data: Any, params: Params) -> Any:
        """The data."""
        return data


class SignedOut(AlwaysValid):
    """What the framework asks of an application that wants signing out to end a token."""

    def __init__(self) -> None:
        self.tokens: set[str] = set()

    @override
    async def is_valid(self, claims: dict[str, Any], user: dict[str, Any]) -> bool:
        return claims["jti"] not in self.tokens

    @override
    async def revoke(self, claims: dict[str, Any]) -> None:
        self.tokens.add(claims["jti"])


@asynccontextmanager
async def ours(
    session: aiohttp.ClientSession, *, broken_text: bool = True, fast: bool = True, limits: Limits | None = None
) -> AsyncIterator[Server]:
    """Our conformance server, in this process; `broken_text` as the fixture asks for it, or as is usual."""
    validity = SignedOut()
    app = build_app(validity=validity)
    app.use("results", Results())
    app.use("unheard", Unheard())
    app.service("unheard").publish(lambda _data, _context: 1 / 0)

    async def reset() -> None:
        for store in _stores(app):
            store.__init__()  # type: ignore[misc]  # as new
        validity.tokens.clear()

    said: list[str] = []
    log = logging.getLogger("agor_core.feathers")
    log.addHandler(handler := _Collected(said))
    try:
        async with serving(build_site(app, fast=fast, limits=limits, broken_text=broken_text)) as url:
            yield Server("ours", url, session, reset, said)
    finally:
        log.removeHandler(handler)


class _Collected(logging.Handler):
    def __init__(self, lines: list[str]) -> None:
        super().__init__(logging.WARNING)
        self._lines = lines

    @override
    def emit(self, record: logging.LogRecord) -> None:
        self._lines.append(record.getMessage())


def _stores(app: Feathers) -> list[MemoryStore]:
    found = {id(store): store for one in app.services.values() if (store := getattr(one.object, "store", None))}
    return list(found.values())


@asynccontextmanager
async def theirs(session: aiohttp.ClientSession, limits: Limits | None = None) -> AsyncIterator[Server]:
    """The one on the official packages, in a process of its own."""
    given = limits or Limits()
    times_ms = (str(int(seconds * 1000)) for seconds in (given.ping_s, given.pong_s, given.change_over_s))
    process = await asyncio.create_subprocess_exec(
        "node", "server.cjs", *times_ms,
        cwd=FOLDER, env=node_environment(), stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    assert process.stdout is not None
    try:
        async with asyncio.timeout(60):
            url = f"http://127.0.0.1:{int(await process.stdout.readline())}"

        async def reset() -> None:
            async with session.post(f"{url}/-reset") as response:
                assert response.status == 200

        said: list[str] = []
        reading = asyncio.create_task(_collect(process.stdout, said))
        yield Server("theirs", url, session, reset, said)
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()
        await reading


async def _collect(stream: asyncio.StreamReader, lines: list[str]) -> None:
    async for line in stream:
        lines.append(line.decode())


@dataclass(frozen=True)
class Twins:
    """Both."""

    ours: Server
    strict: Server
    stock: Server
    theirs: Server
    brisk: Sequence[Server]

    async def run(self, script: Sequence[Step], *, strict: bool = False) -> tuple[Heard, Heard]:
        """What came of it here and there; `strict`: here with text that is whole, as is usual."""
        return await (self.strict if strict else self.ours).run(script), await self.theirs.run(script)

    async def exchange(self, pieces: Sequence[bytes]) -> tuple[list[Answer], list[Answer]]:
        """What each says on a connection of its own on which this is sent."""
        return await exchange(self.ours.url, pieces), await exchange(self.theirs.url, pieces)

    async def session(self, script: Sequence[sessions.Step], *, brisk: bool) -> list[list[Any]]:
        """What a session comes to on our fast path, on our stock one, and there."""
        servers = self.brisk if brisk else (self.ours, self.stock, self.theirs)
        return await asyncio.gather(*(sessions.run(server.url, script) for server in servers))


@asynccontextmanager
async def twins() -> AsyncIterator[Twins]:
    """Both servers, for a while."""
    async with (
        aiohttp.ClientSession() as session,
        ours(session) as mine,
        ours(session, broken_text=False) as strict,
        ours(session, fast=False) as stock,
        theirs(session) as other,
        ours(session, limits=BRISK) as brisk,
        ours(session, fast=False, limits=BRISK) as brisk_stock,
        theirs(session, BRISK) as brisk_other,
    ):
        yield Twins(mine, strict, stock, other, (brisk, brisk_stock, brisk_other))
