"""What Feathers promises to those who write services with it, and no client can ask for."""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
import pytest

from agor_core.errors import BadRequest, NotAuthenticated, NotFound
from agor_core.feathers import Channel, Connection, Feathers, HookContext, MemoryEventLog, MemoryService, Params
from agor_core.feathers.authentication import authenticate
from agor_core.feathers.documents import ApiInfo
from agor_core.feathers.guard import Guard
from agor_core.feathers.web import ServerOptions, build_web
from agor_core.feathers.wire import error_json
from tests.conformance.doors import PATIENCE_S, Refused, Rest, connected, serving
from tests.conformance.server import build_app, build_site

LOGIN = {"strategy": "local", "email": "ann@example.com", "password": "secret"}


def nowhere(name: str) -> Connection:
    """A connection that nothing is sent to."""
    return Connection(name, outlet=None)  # type: ignore[arg-type]  # nobody sends


def names(channel: Channel) -> list[str]:
    """Who is in it."""
    return [connection.id for connection in channel]


class Announcing(MemoryService):
    """Says itself what it has created, in its own words; of the rest the calls tell."""

    events = ("created", "waved")

    def wave(self, app: Feathers) -> None:
        """Wave."""
        app.service("people").emit("waved", {"hand": "left"})


async def test_events_that_a_service_declares_it_sends_itself() -> None:
    """A call does not send them in its place, nor does a hook that names one of them."""
    app = Feathers()
    people = app.use("people", service := Announcing())
    heard: list[Any] = []
    people.on("created", lambda data, _context: heard.append(("created", data)))
    people.on("patched", lambda data, _context: heard.append(("patched", data)))
    people.on("waved", lambda data, _context: heard.append(("waved", data)))
    await people.create({"name": "Ann"})
    await people.patch(1, {"name": "Bea"})
    people.hooks(after={"patch": [lambda context: setattr(context, "event", "waved")]})
    await people.patch(1, {"name": "Carl"})
    service.wave(app)
    people.emit("created", {"by": "hand"})
    assert heard == [
        ("patched", {"name": "Bea", "id": 1}),
        ("waved", {"hand": "left"}),
        ("created", {"by": "hand"}),
    ]


async def test_a_listener_sees_the_call_as_it_ended() -> None:
    """What is told of comes with the context, in which a hook's changes are."""
    app = Feathers()
    people = app.use("people", MemoryService())
    people.hooks(after=[lambda context: context.params.extra.update(changed=True)])
    heard: list[HookContext] = []
    people.on("created", lambda _data, context: heard.append(context))
    await people.create({"name": "Ann"})
    (context,) = heard
    assert (context.service, context.method, context.params.extra) == (people, "create", {"changed": True})


def test_a_publisher_of_an_event_that_is_not_is_a_mistake() -> None:
    """It is said at once, or a slip of the pen would keep an event from everybody."""
    app = Feathers()
    people = app.use("people", MemoryService(), events=["waved"])
    people.publish("waved", lambda _data, _context: None)
    with pytest.raises(ValueError, match="no event 'craeted'"):
        people.publish("craeted", lambda _data, _context: None)


def test_several_channels_are_joined_and_left_as_one() -> None:
    """Whoever joins channels by their names joins each, and leaves each; a function says who leaves."""
    app = Feathers()
    ann, bea, carl = map(nowhere, ("ann", "bea", "carl"))
    app.channel("left").join(ann)
    both = app.channel("left", "right")
    assert app.channels.names == ["left", "right"]
    assert names(both) == ["ann"]
    both.join(bea, carl, None)
    assert (names(both), names(app.channel("right"))) == (["ann", "bea", "carl"], ["bea", "carl"])
    both.leave(bea)
    assert (names(app.channel("left")), names(app.channel("right"))) == (["ann", "carl"], ["carl"])
    both.leave(lambda connection: connection.id == "carl")
    assert (names(both), names(app.channel("left")), names(app.channel("right"))) == (["ann"], ["ann"], [])
    with pytest.raises(ValueError, match="has a name"):
        app.channel()


@pytest.mark.parametrize("service", [None, object(), print])
def test_what_has_no_methods_is_no_service(service: Any) -> None:
    """It is said when it is registered."""
    with pytest.raises(ValueError, match="is no service"):
        Feathers().use("things", service)


class Lively(MemoryService):
    """Takes its time to be set up, and may not manage."""

    def __init__(self, told: list[str], *, fails: bool = False) -> None:
        super().__init__()
        self._told, self._fails = told, fails

    async def setup(self, _app: Feathers, path: str) -> None:
        """Later."""
        await asyncio.sleep(0)
        if self._fails:
            raise RuntimeError("cannot")
        self._told.append(f"+{path}")

    async def teardown(self, _app: Feathers, path: str) -> None:
        """Gone."""
        self._told.append(f"-{path}")


async def test_a_service_that_comes_late_is_set_up_too(caplog: pytest.LogCaptureFixture) -> None:
    """Before it is torn down in any case; that one fails is logged; and its log is listened to."""
    told: list[str] = []
    app, log = Feathers(), MemoryEventLog()
    app.use("early", Lively(told))
    await app.setup()
    app.use("late", Lively(told), events_from=log).on("created", lambda data, _context: told.append(data))
    app.use("broken", Lively(told, fails=True))
    log.append("late", "created", "heard")
    await app.teardown()
    assert told == ["+early", "heard", "+late", "-broken", "-late", "-early"]
    assert "the setup of a service failed" in caplog.text


class Closing(MemoryService):
    """Knows how far it has come."""

    def __init__(self) -> None:
        super().__init__()
        self.life: list[str] = []

    async def setup(self, _app: Feathers, path: str) -> None:
        """Begin."""
        self.life.append(f"{path} is set up")

    async def teardown(self, _app: Feathers, path: str) -> None:
        """End."""
        self.life.append(f"{path} is torn down")


async def test_a_service_can_be_taken_away_and_another_put_in_its_place() -> None:
    """On connections that are open, too: calls of it are NotFound through every door, and then reach the other."""
    app = Feathers()
    app.on("connection", lambda connection: app.channel("all").join(connection))
    app.publish(lambda _data, _context: app.channel("all"))
    cases = (("people", "people", "/people"), ("rooms/:roomId/people", "rooms/1/people", "/rooms/{roomId}/people"))
    site = build_web(app, ServerOptions(guard=Guard.open(), documents=ApiInfo("people", "1")))
    async with serving(site) as url, aiohttp.ClientSession() as session, connected(url) as socket:
        rest = Rest(session, url)
        for path, called, documented in cases:
            app.use(path, first := Closing())
            assert (await socket.call("create", called, {"name": "Ann"}))["id"] == 1
            assert (await app.unuse(f"/{path}/")).object is first
            assert first.life == [f"{path} is set up", f"{path} is torn down"]
            for door in (socket, rest):
                with pytest.raises(Refused, match="NotFound"):
                    await door.call("find", called)
            with pytest.raises(NotFound):
                app.service(path)
            with pytest.raises(NotFound):
                await app.unuse(path)
            async with session.get(f"{url}/openapi.json") as document:
                assert documented not in (await document.json())["paths"]
            app.use(path, MemoryService())
            for door in (socket, rest):
                assert await door.call("find", called) == []
            assert (await rest.call("create", called, {"name": "Bea"}))["id"] == 1
            assert await socket.hears(2) == [(f"{path} created", {"name": name, "id": 1}) for name in ("Ann", "Bea")]
            socket.heard.clear()
            async with session.get(f"{url}/openapi.json") as document:
                assert documented in (await document.json())["paths"]


async def test_an_error_says_something_in_any_case() -> None:
    """Without words it is an `Error`; and its data are there as soon as there is a detail of any kind."""
    assert error_json(NotFound())["message"] == "Error"
    detailed = error_json(BadRequest("no", data={"errors": {"name": "missing"}}))
    assert (detailed["data"], detailed["errors"]) == ({}, {"name": "missing"})
    assert "data" not in error_json(BadRequest("no"))


async def test_a_hook_may_say_several_headers() -> None:
    """A list is as many headers; a `Location` among them sends the client on."""
    app = Feathers()
    people = app.use("people", MemoryService())

    def say(context: HookContext) -> None:
        context.http.headers |= {"X-Said": ["one", "two"], "Content-Type": "text/plain", "Location": "/there"}

    people.hooks(after=[say])
    async with (
        serving(build_site(app)) as url,
        aiohttp.ClientSession() as session,
        session.post(f"{url}/people", json={}, allow_redirects=False) as response,
    ):
        assert response.status == 303
        assert response.headers.getall("X-Said") == ["one", "two"]
        assert response.headers.getall("Content-Type") == ["text/plain"]
        assert response.headers["Location"] == "/there"


async def test_a_service_at_the_root_is_one_like_others() -> None:
    """Its paths are `/` and `/<id>`, and sockets know it, and hear of it, as `/`."""
    app = Feathers()
    app.use("/", MemoryService(multi=True))
    app.use("people", MemoryService())
    app.on("connection", lambda connection: app.channel("all").join(connection))
    app.publish(lambda _data, _context: app.channel("all"))
    site = build_web(app, ServerOptions(guard=Guard.open(), documents=ApiInfo("Root", "1")))
    async with serving(site) as url, aiohttp.ClientSession() as session, connected(url) as socket:
        rest = Rest(session, url)
        made = await socket.call("create", "/", {"name": "Ann"})
        assert await rest.call("find", "") == [made]
        async with session.get(f"{url}/1") as response:
            assert await response.json() == made
        async with session.patch(f"{url}/1", json={"name": "Bea"}) as response:
            assert await response.json() == {"name": "Bea", "id": 1}
        assert await rest.call("find", "people") == []
        async with session.get(f"{url}/openapi.json") as response:
            assert {"/", "/{id}", "/people/{id}"} <= (await response.json())["paths"].keys()
        assert await socket.hears(2) == [("/ created", made), ("/ patched", {"name": "Bea", "id": 1})]


async def test_signals_of_sign_in_are_of_clients() -> None:
    """What the application itself signs in or out tells nobody, unless it is for a connection."""
    app = build_app()
    told: list[str] = []
    app.on("login", lambda *_: told.append("login"))
    app.on("logout", lambda *_: told.append("logout"))
    async with serving(build_site(app)) as url, connected(url) as socket:
        await app.service("users").create({"email": "ann@example.com", "password": "secret"})
        result = await app.service("authentication").create(LOGIN)
        said = {"strategy": "jwt", "accessToken": result["accessToken"]}
        await app.service("authentication").remove(None, Params(authentication=said))
        assert told == []
        await socket.call("create", "authentication", LOGIN)
        await socket.call("remove", "authentication", None)
        async with asyncio.timeout(PATIENCE_S):
            while told != ["login", "logout"]:
                await asyncio.sleep(0.01)


async def test_who_a_call_from_inside_is_for_is_checked() -> None:
    """A call from inside needs nobody; one that names somebody is theirs, or is refused."""
    app = build_app()
    seen: list[Any] = []
    app.use("diary", MemoryService()).hooks(
        around=[authenticate("jwt")], before=[lambda context: seen.append(context.params.user)]
    )
    await app.setup()
    try:
        user = await app.service("users").create({"email": "ann@example.com", "password": "secret"})
        token = (await app.service("authentication").create(LOGIN))["accessToken"]
        await app.service("diary").find()
        await app.service("diary").find(Params(authentication={"strategy": "jwt", "accessToken": token}))
        with pytest.raises(NotAuthenticated, match="jwt malformed"):
            await app.service("diary").find(Params(authentication={"strategy": "jwt", "accessToken": "x"}))
        assert [None if one is None else one["id"] for one in seen] == [None, user["id"]]
    finally:
        await app.teardown()
    with pytest.raises(ValueError, match="at least one strategy"):
        authenticate()
