"""A server that is told to stop: what runs may finish, nothing new begins, and nothing is left."""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from agor_core.feathers import Feathers, MemoryService, Params
from agor_core.feathers.guard import Guard
from agor_core.feathers.transports.sockets import Limits
from agor_core.feathers.web import ServerOptions, build_web, runner
from tests.conformance.doors import PATIENCE_S
from tests.conformance.raw import CLOSED, raw


class Slow:
    """Calls that take as long as the test wants, and a life that is noted."""

    def __init__(self, notes: list[str], name: str) -> None:
        self.running = asyncio.Event()
        self.may_end = asyncio.Event()
        self._notes = notes
        self._name = name

    async def setup(self, _app: Feathers, _path: str) -> None:
        """Noted."""
        self._notes.append(f"{self._name} set up")

    async def teardown(self, _app: Feathers, _path: str) -> None:
        """Noted."""
        self._notes.append(f"{self._name} torn down")

    async def create(self, data: Any, _params: Params) -> Any:
        """The data, once it may end."""
        self.running.set()
        await self.may_end.wait()
        self._notes.append("call finished")
        return data


class World:
    """A server whose stop the test can watch."""

    def __init__(self, *, fast: bool, patience_s: float = 10) -> None:
        self.notes: list[str] = []
        self.first, self.second = Slow(self.notes, "first"), Slow(self.notes, "second")
        self.app = Feathers()
        self.app.use("first", self.first)
        self.app.use("second", self.second)
        self.app.use("people", MemoryService())
        limits = Limits(stall_s=patience_s)
        site = build_web(self.app, ServerOptions(guard=Guard.open(), limits=limits, fast=fast))
        self.runner = runner(site, shutdown_timeout=patience_s)

    async def start(self) -> str:
        """Serve; where."""
        await self.runner.setup()
        await web.TCPSite(self.runner, "127.0.0.1", 0).start()
        return f"http://127.0.0.1:{self.runner.addresses[0][1]}"


@pytest.fixture
def world(fast: bool) -> World:
    """A server that is not there yet."""
    return World(fast=fast)


async def test_a_running_call_finishes_and_then_its_connection_ends(world: World) -> None:
    """Its answer arrives; the socket closes, as with any transport, so that the client comes back by itself."""
    url = await world.start()
    async with raw(url) as client:
        calling = asyncio.create_task(client.call("create", "first", {"text": "hello"}))
        await world.first.running.wait()
        stopping = asyncio.create_task(world.runner.cleanup())
        await _refusing(url)
        world.first.may_end.set()
        assert await calling == [None, {"text": "hello"}]
        await stopping
        assert await client.receive() == CLOSED
    assert world.notes == ["first set up", "second set up", "call finished", "second torn down", "first torn down"]
    assert not world.app.connections


async def test_no_call_begins_while_it_stops(world: World) -> None:
    """A call over a socket that is still there is refused with Unavailable; a new connection is not made at all."""
    url = await world.start()
    async with raw(url) as busy, raw(url) as other:
        calling = asyncio.create_task(busy.call("create", "first", {}))
        await world.first.running.wait()
        stopping = asyncio.create_task(world.runner.cleanup())
        await _refusing(url)
        (error,) = await other.call("find", "people")
        assert (error["name"], error["code"], error["message"]) == ("Unavailable", 503, "the server is stopping")
        async with aiohttp.ClientSession() as session:
            with pytest.raises(aiohttp.ClientConnectionError):
                await session.get(f"{url}/people")
        world.first.may_end.set()
        await calling
        await stopping


async def test_a_running_request_finishes(world: World) -> None:
    """Over REST too: whoever was let in is answered."""
    url = await world.start()
    async with aiohttp.ClientSession() as session:
        asking = asyncio.create_task(session.post(f"{url}/first", json={"text": "hello"}))
        await world.first.running.wait()
        stopping = asyncio.create_task(world.runner.cleanup())
        await _refusing(url)
        world.first.may_end.set()
        async with await asking as response:
            assert (response.status, await response.json()) == (201, {"text": "hello"})
        await stopping


async def test_a_call_that_never_ends_does_not_hold_it_up(fast: bool) -> None:
    """After its time the call is given up, everything is closed, and no task of the server is left."""
    world = World(fast=fast, patience_s=0.2)
    before = asyncio.all_tasks()
    url = await world.start()
    async with raw(url) as client, aiohttp.ClientSession() as session:
        await client.send('420["create","first",{},{}]')
        await world.first.running.wait()
        asking = asyncio.create_task(session.post(f"{url}/second", json={}))
        await world.second.running.wait()
        async with asyncio.timeout(PATIENCE_S):
            await world.runner.cleanup()
        with pytest.raises(aiohttp.ClientConnectionError):
            await asking
        assert await client.receive() == CLOSED
    assert "call finished" not in world.notes
    assert world.notes[-2:] == ["second torn down", "first torn down"]
    left = {task for task in asyncio.all_tasks() - before if not task.done()}
    assert left == set()


async def _refusing(url: str) -> None:
    """Wait until the server takes no more connections."""
    host, port = url.removeprefix("http://").split(":")
    async with asyncio.timeout(PATIENCE_S):
        while True:
            try:
                _, writer = await asyncio.open_connection(host, int(port))
            except ConnectionError:
                return
            writer.close()
