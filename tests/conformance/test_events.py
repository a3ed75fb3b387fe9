"""Who hears what, in which shape and order."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from agor_core.feathers import Feathers
from tests.conformance.doors import PATIENCE_S, QUIET_S, Rest, Socket, connected


async def test_changes_are_heard_once_whoever_made_them(rest: Rest, listener: Socket) -> None:
    """Events of REST and socket calls arrive with exactly one argument, the record, in order."""
    made = await rest.call("create", "people", {"name": "Ann"})
    await listener.call("patch", "people", made["id"], {"age": 1})
    await rest.call("remove", "people", made["id"])
    assert await listener.hears(3) == [
        ("people created", made),
        ("people patched", made | {"age": 1}),
        ("people removed", made | {"age": 1}),
    ]


async def test_many_records_are_many_events(rest: Rest, listener: Socket) -> None:
    """A list sends one event per record, in order; an empty one none."""
    await rest.call("create", "people-multi", [])
    made = await rest.call("create", "people-multi", [{"n": 1}, {"n": 2}])
    await rest.call("patch", "people-multi", None, {"x": True})
    assert await listener.hears(4) == [
        *(("people-multi created", record) for record in made),
        *(("people-multi patched", record | {"x": True}) for record in made),
    ]


async def test_reading_and_custom_methods_are_silent(rest: Rest, listener: Socket) -> None:
    """find, get and custom methods send no event; neither does a call that fails."""
    await rest.call("find", "people")
    await rest.call("ping", "echo", {})
    with pytest.raises(Exception, match="NotFound"):
        await rest.call("remove", "people", "nope")
    await asyncio.sleep(QUIET_S)
    assert listener.heard == []


@pytest.mark.parametrize("payload", [{"a": 1}, [1, 2], []])
async def test_custom_events_carry_what_was_given(rest: Rest, listener: Socket, payload: Any) -> None:
    """A list is one event, sent as it is."""
    assert await rest.call("announce", "echo", payload) == {"announced": True}
    assert await listener.hears(1) == [("echo notice", payload)]


async def test_paths_with_parameters_keep_them_in_event_names(listener: Socket) -> None:
    """The event is named by the path as it was registered."""
    answer = await listener.call("create", "rooms/42/echo", {"a": 1})
    assert answer["route"] == {"roomId": "42"}
    assert (await listener.hears(1))[0][0] == "rooms/:roomId/echo created"


async def test_the_callers_event_comes_before_its_answer(listener: Socket) -> None:
    """Once the answer is there, the own event has been heard."""
    made = await listener.call("create", "people", {})
    await asyncio.sleep(0)
    assert listener.heard == [("people created", made)]


async def test_several_channels_give_one_event(app: Feathers, rest: Rest, listener: Socket) -> None:
    """A connection in several of the returned channels hears the first only."""
    everybody = app.channel("everybody")
    app.service("people").publish(
        lambda data, _context: [everybody, [everybody.send({"other": True}), None], everybody]
    )
    made = await rest.call("create", "people", {})
    await rest.call("announce", "echo", {})
    assert await listener.hears(2) == [("people created", made), ("echo notice", {})]


async def test_the_most_specific_publisher_decides(app: Feathers, rest: Rest, listener: Socket) -> None:
    """Service and event before service, before the app's event, before the app."""
    people = app.service("people")
    app.publish("removed", lambda _data, _context: None)
    people.publish("created", lambda data, _context: app.channel("everybody").send({"from": "event"}))
    made = await rest.call("create", "people", {})
    await rest.call("remove", "people", made["id"])
    people.publish(lambda data, _context: app.channel("everybody").send({"from": "service"}))
    made = await rest.call("create", "people", {})
    await rest.call("remove", "people", made["id"])
    assert await listener.hears(3) == [
        ("people created", {"from": "event"}),
        ("people created", {"from": "event"}),
        ("people removed", {"from": "service"}),
    ]


async def test_events_keep_their_order_while_publishers_take_their_time(
    app: Feathers, rest: Rest, listener: Socket
) -> None:
    """An async publisher delays the events behind it; it does not let them pass."""

    async def slowly(data: Any, _context: Any) -> Any:
        for _ in range(10 - data["n"]):
            await asyncio.sleep(0)
        return app.channel("everybody")

    app.service("people").publish(slowly)
    await asyncio.gather(*(app.service("people").create({"n": number}) for number in range(10)))
    assert [data["n"] for _, data in await listener.hears(10)] == list(range(10))


async def test_a_publisher_that_fails_is_nobodys_event(
    app: Feathers, rest: Rest, listener: Socket, caplog: pytest.LogCaptureFixture
) -> None:
    """The call succeeds, nobody hears, and the log says so."""
    app.service("people").publish(lambda data, _context: 1 / 0)
    await rest.call("create", "people", {})
    await rest.call("announce", "echo", {})
    assert await listener.hears(1) == [("echo notice", {})]
    assert "publisher of people created failed" in caplog.text


async def test_a_publisher_may_call_services(app: Feathers, listener: Socket) -> None:
    """An event caused inside a publisher waits its turn and blocks nothing."""

    async def logging(data: Any, _context: Any) -> Any:
        if "copy" not in data:
            await app.service("people").create({"copy": data["id"]})
        return app.channel("everybody")

    app.service("people").publish(logging)
    async with asyncio.timeout(PATIENCE_S):
        made = await app.service("people").create({})
    assert [data for _, data in await listener.hears(2)] == [made, {"copy": made["id"], "id": made["id"] + 1}]


async def test_who_has_gone_hears_nothing(app: Feathers, url: str) -> None:
    """A connection leaves every channel when it ends."""
    async with connected(url) as socket:
        await socket.call("find", "people")
        assert len(app.channel("everybody")) == 1
    async with asyncio.timeout(PATIENCE_S):
        while app.connections:
            await asyncio.sleep(0.01)
    assert len(app.channel("everybody")) == 0
