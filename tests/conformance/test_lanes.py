"""However frames leave, on the fast path or the stock one: in order, exactly once, and bounded."""

from __future__ import annotations

import asyncio
import gc
import json
import random
import weakref
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import web

from agor_core.feathers import Feathers, Params
from agor_core.feathers.transports.sockets import Limits
from agor_core.feathers.web import DOOR
from tests.conformance.doors import PATIENCE_S, serving
from tests.conformance.raw import CLOSED, Raw, raw
from tests.conformance.server import build_site

ROOMS = ("a", "b", "c", "d")
# The default limit: what events that wait cost and what the transport holds, together.
MOST_BYTES = 900_000


class Notes:
    """What is created is told to the rooms it names, and not kept."""

    async def create(self, data: Any, params: Params) -> Any:
        """The data."""
        return data


@dataclass
class Club:
    """A server on which the connections join rooms in the order they come."""

    site: web.Application
    app: Feathers
    url: str
    rooms: list[tuple[str, ...]] = field(default_factory=list)

    def waiting_bytes(self) -> float:
        """What waits for all clients together."""
        return self.site[DOOR].metrics()["feathers_waiting_bytes"]


@pytest.fixture
async def club(fast: bool) -> AsyncIterator[Club]:
    """A server, on the fast path and on the stock one."""
    app = Feathers()
    app.use("notes", Notes())
    site = build_site(app, fast=fast)
    async with serving(site) as url:
        served = Club(site, app, url)

        def join(connection: Any) -> None:
            for room in served.rooms[len(app.connections) - 1]:
                app.channel(room).join(connection)

        app.on("connection", join)
        app.publish(lambda data, _context: [app.channel(room) for room in data["to"]])
        yield served


@pytest.mark.parametrize("seed", range(4))
async def test_each_hears_its_own_in_order(club: Club, seed: int) -> None:
    """Events to rooms that overlap, many in a moment, calls among them: each client hears its own, once, in order.

    An answer is not heard before the event that its call caused.
    """
    dice = random.Random(seed)
    club.rooms = [tuple(room for room in ROOMS if dice.random() < 0.6) for _ in range(6)]
    notes: list[dict[str, Any]] = [
        {"n": number, "to": dice.sample(ROOMS, dice.randint(1, 3)), "text": "x" * dice.choice((10, 500, 5_000))}
        for number in range(300)
    ]
    async with AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(raw(club.url)) for _ in club.rooms]
        for start in range(0, len(notes), 30):
            telling = [club.app.service("notes").create(note) for note in notes[start : start + 29]]
            await asyncio.gather(*telling)
            caller = dice.choice(clients)
            await caller.send(f"42{start}" + json.dumps(["create", "notes", notes[start + 29]]))
            # Until it was made, the next ones must not be: their order would be nobody's promise.
            await _answer(caller, start)
        for client, rooms in zip(clients, club.rooms, strict=True):
            expected = [note["n"] for note in notes if set(note["to"]) & set(rooms)]
            assert await _heard(client, len(expected)) == expected


async def test_answers_come_after_what_their_call_told(club: Club) -> None:
    """Thirty calls at once: the event of each is heard before its answer, by the one who called."""
    club.rooms = [("a",), ("a",)]
    async with raw(club.url) as caller, raw(club.url) as other:
        calls = [f"42{n}" + json.dumps(["create", "notes", {"n": n, "to": ["a"]}]) for n in range(30)]
        await caller.send(*calls)
        seen = [await caller.receive() for _ in range(60)]
        for number in range(30):
            event = next(
                place for place, frame in enumerate(seen) if frame.startswith("42[") and f":{number}," in frame
            )
            answer = next(place for place, frame in enumerate(seen) if frame.startswith(f"43{number}["))
            assert event < answer
        assert [event[1]["n"] for event in await other.events(30)] == list(range(30))


async def test_a_reader_that_pauses_hears_everything(club: Club) -> None:
    """Behind by less than the limit, it is waited for; what it missed comes in order, and then what is new."""
    club.rooms = [("a",), ("a",)]
    async with raw(club.url) as neighbour, raw(club.url) as pausing:
        for round in range(3):
            pausing.stop_reading()
            for number in range(40):
                note = {"n": round * 50 + number, "to": ["a"], "text": "x" * 20_000}
                await club.app.service("notes").create(note)
                assert (await neighbour.events(1))[0][1]["n"] == note["n"]
            pausing.read_on()
            assert [event[1]["n"] for event in await pausing.events(40)] == list(range(round * 50, round * 50 + 40))
            await club.app.service("notes").create({"n": -1, "to": ["a"]})
            assert [(await client.events(1))[0][1]["n"] for client in (pausing, neighbour)] == [-1, -1]


async def test_a_reader_that_stops_costs_a_bounded_amount(club: Club) -> None:
    """Until it is dropped no more waits for it than may, however much is told; its neighbours hear it all."""
    club.rooms = [("a",), ("a",), ("a",)]
    async with raw(club.url) as one, raw(club.url) as other, raw(club.url) as lazy:
        lazy.stop_reading()
        most = 0.0
        for number in range(300):
            await club.app.service("notes").create({"n": number, "to": ["a"], "text": "x" * 20_000})
            for neighbour in (one, other):
                assert (await neighbour.events(1))[0][1]["n"] == number
            # The neighbours have read it all, so what still waits is the lazy one's.
            most = max(most, club.waiting_bytes())
        # Six megabytes were told.
        assert 500_000 < most < MOST_BYTES
        async with asyncio.timeout(PATIENCE_S):
            while len(club.app.connections) > 2:
                await asyncio.sleep(0.01)
        lazy.read_on()


async def test_small_events_count_for_what_they_cost(fast: bool) -> None:
    """To keep one costs as much again as what is in it: a reader is dropped long before they say so much."""
    app = Feathers()
    app.use("notes", Notes())
    app.on("connection", lambda connection: app.channel("all").join(connection))
    app.publish(lambda _data, _context: app.channel("all"))
    limits = Limits(frames=1_000_000, bytes=300_000, stall_s=3600)
    site = build_site(app, fast=fast, limits=limits)
    frame = len('42["notes created",{"n":10000}]')
    async with serving(site) as url, raw(url) as lazy:
        lazy.stop_reading()
        most, number = 0.0, 10_000
        while app.connections:
            await app.service("notes").create({"n": number})
            most = max(most, site[DOOR].metrics()["feathers_waiting_frames"])
            number += 1
        assert 1_000 < most < limits.bytes / (2 * frame)
        lazy.read_on()


async def test_large_records_at_once_drop_nobody(club: Club) -> None:
    """Three megabytes, told within a moment, are no reason to drop those who read."""
    club.rooms = [("a",), ("a",)]
    async with raw(club.url) as client, raw(club.url) as other:
        records = [{"n": number, "to": ["a"], "text": "x" * 20_000} for number in range(150)]
        writing = asyncio.create_task(_told(club, records))
        for heard in await asyncio.gather(client.events(150), other.events(150)):
            assert [event[1]["n"] for event in heard] == list(range(150))
        await writing


async def test_nothing_is_kept_of_those_who_have_gone(club: Club) -> None:
    """Once the server has looked, whether they said goodbye or not, and though nothing is told after them."""
    club.rooms = [("a",)] * 10
    seen: list[weakref.ref[Any]] = []
    club.app.on("connection", lambda connection: seen.append(weakref.ref(connection)))
    async with AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(raw(club.url)) for _ in club.rooms]
        await club.app.service("notes").create({"n": 1, "to": ["a"]})
        for client in clients:
            assert await client.events(1)
        for client in clients[::2]:
            client.hang_up()
    async with asyncio.timeout(PATIENCE_S):
        while any(reference() is not None for reference in seen):
            await asyncio.sleep(0.1)
            gc.collect()
    assert len(seen) == len(clients)


async def _told(club: Club, records: list[dict[str, Any]]) -> None:
    for record in records:
        club.app.service("notes").emit("created", record)


async def _answer(client: Raw, id: int) -> None:
    """Wait for an answer; the events before it are put aside for `_heard`."""
    async with asyncio.timeout(PATIENCE_S):
        while not (frame := await client.receive()).startswith(f"43{id}["):
            assert frame != CLOSED
            _aside(client).append(json.loads(frame[2:])[1]["n"])


async def _heard(client: Raw, count: int) -> list[int]:
    """The numbers of all events the client has heard and will have heard, and that there is no other."""
    heard = _aside(client)
    heard += [event[1]["n"] for event in await client.events(count - len(heard))]
    assert await client.call("find", "nowhere") != CLOSED
    return heard


def _aside(client: Raw) -> list[int]:
    found: list[int] = client.__dict__.setdefault("aside", [])
    return found
