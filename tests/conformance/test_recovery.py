"""Coming back: what is replayed, to whom, and when a connection has to begin anew."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from agor_core.feathers import Feathers, MemoryEventLog
from agor_core.feathers.authentication import sign_token
from agor_core.feathers.transports.recovery import hash_of
from tests.conformance.doors import PATIENCE_S, QUIET_S, serving
from tests.conformance.raw import raw
from tests.conformance.recovering import SETTINGS, Recovering


@pytest.fixture
def world(fast: bool) -> Recovering:
    """What outlives a server."""
    return Recovering(fast=fast)


@pytest.fixture
def app(world: Recovering) -> Feathers:
    """The application."""
    return world.app()


@pytest.fixture
async def url(world: Recovering, app: Feathers) -> AsyncIterator[str]:
    """Where it is served."""
    async with serving(world.site(app)) as address:
        yield address


async def make(app: Feathers, *numbers: int) -> None:
    """Create people."""
    for number in numbers:
        await app.service("people").create({"n": number})


def numbers(events: list[list[Any]]) -> list[int]:
    """Which people were heard of."""
    return [data["n"] for _, data, _ in events]


async def gone(app: Feathers) -> None:
    """Wait until the server has noticed that nobody is there."""
    async with asyncio.timeout(PATIENCE_S):
        while app.connections:
            await asyncio.sleep(0.005)


async def test_logged_events_carry_ascending_offsets(app: Feathers, world: Recovering, url: str) -> None:
    """The last argument is `<epoch>.<seq>`, without gaps."""
    async with raw(url) as client:
        assert set(client.handshake) == {"sid", "pid"}
        await make(app, 1, 2, 3)
        offsets = [offset for _, _, offset in await client.events(3)]
        assert offsets == [f"{world.log.epoch}.{seq}" for seq in (1, 2, 3)]


async def test_what_was_missed_comes_first_and_once(app: Feathers, url: str) -> None:
    """With pid and offset a client hears what is later than the offset, then what happens from now on."""
    async with raw(url) as client:
        await make(app, 1, 2)
        events = await client.events(2)
        pid = client.handshake["pid"]
    await gone(app)
    await make(app, 3, 4)
    async with raw(url, auth={"pid": pid, "offset": events[0][2]}) as client:
        assert client.handshake["pid"] == pid
        await make(app, 5)
        assert numbers(await client.events(4)) == [2, 3, 4, 5]


async def test_who_heard_nothing_yet_hears_all_since_its_start(app: Feathers, url: str) -> None:
    """A pid alone is enough: the start was remembered."""
    await make(app, 0)
    async with raw(url) as client:
        pid = client.handshake["pid"]
    await gone(app)
    await make(app, 1, 2)
    async with raw(url, auth={"pid": pid}) as client:
        assert client.handshake["pid"] == pid
        assert numbers(await client.events(2)) == [1, 2]


async def test_replay_starts_at_the_later_of_offset_and_start(app: Feathers, world: Recovering, url: str) -> None:
    """A client keeps an old offset across a new pid; what was before the new one's start was fetched."""
    await make(app, 1, 2, 3)
    async with raw(url) as client:
        pid = client.handshake["pid"]
    await gone(app)
    await make(app, 4)
    async with raw(url, auth={"pid": pid, "offset": f"{world.log.epoch}.1"}) as client:
        assert numbers(await client.events(1)) == [4]


@pytest.mark.parametrize(
    "spoil",
    [
        lambda world, auth: {**auth, "pid": "x" * 43},
        lambda world, auth: {**auth, "pid": "short"},
        lambda world, auth: {**auth, "pid": 7},
        lambda world, auth: {**auth, "offset": "nonsense"},
        lambda world, auth: {**auth, "offset": 3},
        lambda world, auth: {**auth, "offset": "another.1"},
        lambda world, auth: {**auth, "offset": f"{world.log.epoch}.999"},
        lambda world, auth: {**auth, "offset": f"{world.log.epoch}.-1"},
    ],
)
async def test_who_cannot_be_known_begins_anew(app: Feathers, world: Recovering, url: str, spoil: Any) -> None:
    """A new pid tells the client to fetch; nothing is replayed."""
    async with raw(url) as client:
        await make(app, 1)
        auth = {"pid": client.handshake["pid"], "offset": (await client.events(1))[0][2]}
    await gone(app)
    await make(app, 2)
    async with raw(url, auth=spoil(world, auth)) as client:
        assert client.handshake["pid"] != auth["pid"]
        await make(app, 3)
        assert numbers(await client.events(1)) == [3]


async def test_too_far_behind_or_away_is_too_late(world: Recovering) -> None:
    """More events than are replayed, fewer than are kept, or too long ago: a new pid."""
    for changed in (
        replace(world, max_events=2),
        replace(world, log=MemoryEventLog(keep=2)),
        replace(world, window_s=0),
    ):
        app = changed.app()
        async with serving(changed.site(app)) as url:
            async with raw(url) as client:
                pid = client.handshake["pid"]
            await gone(app)
            await make(app, 1, 2, 3)
            async with raw(url, auth={"pid": pid}) as client:
                assert client.handshake["pid"] != pid


async def test_replay_asks_todays_publishers(app: Feathers, world: Recovering, url: str) -> None:
    """What may no longer be heard is not replayed, though it was once allowed."""
    async with raw(url) as client:
        pid = client.handshake["pid"]
    await gone(app)
    await make(app, 1, 2, 3)
    world.hidden = {2}
    async with raw(url, auth={"pid": pid}) as client:
        assert numbers(await client.events(2)) == [1, 3]


async def test_a_pid_is_one_connection_at_a_time(app: Feathers, url: str) -> None:
    """Who comes back before its old connection was missed takes over from it."""
    async with raw(url) as old:
        pid = old.handshake["pid"]
        async with raw(url, auth={"pid": pid}) as new:
            assert new.handshake["pid"] == pid
            assert await old.receive() == "closed"
            await make(app, 1)
            assert numbers(await new.events(1)) == [1]


async def test_a_pid_is_stored_as_a_hash(world: Recovering, url: str) -> None:
    """It is a credential: 256 bits, kept by hash."""
    async with raw(url) as client:
        pid = client.handshake["pid"]
        assert len(pid) == 43
        stored = await world.store.find(hash_of(pid))
        assert stored is not None
        assert pid not in repr(stored)


@pytest.mark.parametrize("spoiled", [None, "removed", "expired"])
async def test_a_user_comes_back_with_its_connection(
    app: Feathers, world: Recovering, url: str, spoiled: str | None
) -> None:
    """Who was signed in is so again, before anything is replayed; unless user or token no longer count."""
    user = await app.service("users").create({"email": "ann@example.com"})
    async with raw(url) as client:
        token, _ = sign_token(SETTINGS.tokens, str(user["id"]))
        pid = client.handshake["pid"]
        assert (await client.call("create", "authentication", {"strategy": "jwt", "accessToken": token}))[0] is None
        await app.service("secrets").create({"n": 1})
        last = (await client.events(1))[-1]
    await gone(app)
    if spoiled == "removed":
        await app.service("users").remove(user["id"])
    if spoiled == "expired":
        stored = await world.store.find(hash_of(pid))
        assert stored is not None
        claims = json.loads(stored.token_jti or "") | {"exp": int(time.time()) - 1}
        await world.store.bind(hash_of(pid), stored.user_id, json.dumps(claims))
    await app.service("secrets").create({"n": 2})
    async with raw(url, auth={"pid": pid, "offset": last[2]}) as client:
        if spoiled is None:
            assert client.handshake["pid"] == pid
            assert numbers(await client.events(1)) == [2]
            (connection,) = app.connections
            assert connection.user == user
        else:
            assert client.handshake["pid"] != pid
            await make(app, 3)
            assert (await client.events(1))[0][0] == "people created"


async def test_who_signed_out_comes_back_as_nobody(app: Feathers, url: str) -> None:
    """Signing out is remembered too."""
    user = await app.service("users").create({})
    token, _ = sign_token(SETTINGS.tokens, str(user["id"]))
    async with raw(url) as client:
        pid = client.handshake["pid"]
        await client.call("create", "authentication", {"strategy": "jwt", "accessToken": token})
        await client.call("remove", "authentication", None)
    await gone(app)
    await app.service("secrets").create({"n": 1})
    await make(app, 2)
    async with raw(url, auth={"pid": pid}) as client:
        assert client.handshake["pid"] == pid
        # On signing out it left every channel; a new connection joins again.
        assert numbers(await client.events(1)) == [2]


@pytest.mark.parametrize("payload", ["text", {"a": 1}, None])
async def test_volatile_events_have_no_offset(app: Feathers, url: str, payload: Any) -> None:
    """They are not logged; one that is text is followed by null, or the client would take it for an offset."""
    async with raw(url) as client:
        app.service("people").emit("waved", payload, volatile=True)
        await make(app, 1)
        waved, made = await client.events(2)
        assert waved == ["people waved", payload, *([None] if isinstance(payload, str) else [])]
        assert made[2].endswith(".1")


async def test_a_storm_of_events_during_replay_stays_in_order(app: Feathers, url: str) -> None:
    """Live events wait until the replay is out; none is lost, doubled or out of order."""
    async with raw(url) as client:
        pid = client.handshake["pid"]
    await gone(app)
    await make(app, *range(1000))

    async def go_on() -> None:
        for number in range(1000, 1500):
            await make(app, number)
            await asyncio.sleep(0)

    writing = asyncio.create_task(go_on())
    async with raw(url, auth={"pid": pid}) as client:
        assert numbers(await client.events(1500)) == list(range(1500))
        await writing
        await asyncio.sleep(QUIET_S)
        await make(app, 1500)
        assert numbers(await client.events(1)) == [1500]
