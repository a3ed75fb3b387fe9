"""Broken and hostile input: it is answered or its own connection is closed; nobody else notices."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import pytest
from yarl import URL

from agor_core.feathers import Feathers
from agor_core.feathers.guard import Guard
from agor_core.feathers.transports.patience import Patience
from agor_core.feathers.transports.sockets import Limits
from agor_core.feathers.web import DOOR, ServerOptions, build_web
from tests.conformance.doors import PATIENCE_S, QUIET_S, serving
from tests.conformance.raw import CLOSED, raw
from tests.conformance.server import build_app, build_site

JSON = {"Content-Type": "application/json"}


@pytest.fixture
async def both_urls(app: Feathers, fast: bool) -> AsyncIterator[str]:
    """Where the server is, on the fast path and on the stock one."""
    async with serving(build_site(app, fast=fast)) as address:
        yield address


@pytest.mark.parametrize(
    "frames",
    [
        ["9"],
        ["x"],
        ["4"],
        ["49"],
        ["40"],
        ["2"],
        ["42[]"],
        ["42{}"],
        ["42[true]"],
        ['42[null,"people"]'],
        ['42["find","people"'],
        ['420["find",NaN]'],
        ['42["connect",{}]'],
        ['420["disconnect"]'],
        ['420["disconnecting"]'],
        ['42["newListener"]'],
        ["43{}"],
        ["44{}"],
        ['42/admin,0["find","people"]'],
        ['4299999999999999999999["find","people"]'],
        ['45["find","people"]'],
        [b"\x00\x01"],
        ['450-1["find","people"]'],
        ['451-1["find",{"_placeholder":true,"num":0}]', '42["find","people"]'],
        ['451-["find",{"_placeholder":true,"num":0}]', b"", b""],
        ["4" + "[" * 100_000],
    ],
    ids=lambda frames: repr(frames[0])[:30],
)
async def test_a_broken_frame_ends_its_connection_only(both_urls: str, frames: list[Any]) -> None:
    """Such a connection is closed, its neighbour goes on."""
    async with raw(both_urls) as neighbour, raw(both_urls) as hostile:
        await hostile.send(*frames)
        assert await hostile.receive() == CLOSED
        assert await neighbour.call("find", "people") == [None, []]


@pytest.mark.parametrize(
    "frames",
    [
        *(["0"], ["5"], ["6"], ["42"], ["43"], ['42[7,"people"]'], ['42["people created","people"]']),
        ['461-1[{"_placeholder":true,"num":0}]', b"an acknowledgement"],
    ],
    ids=lambda frames: repr(frames[0])[:30],
)
async def test_an_odd_frame_is_no_harm(both_urls: str, frames: list[Any]) -> None:
    """What Node lets pass passes: the connection that sent it goes on, and hears nothing of it."""
    async with raw(both_urls) as client:
        await client.send(*frames, '427["find","people"]')
        assert await client.receive() == "437[null,[]]"
        assert await client.call("find", "people") == [None, []]


@pytest.mark.parametrize(
    ("call", "name", "message"),
    [
        (["nope", "people"], "MethodNotAllowed", "Method 'nope' not allowed on service 'people'"),
        (["setup", "people"], "MethodNotAllowed", "Method 'setup' not allowed on service 'people'"),
        (["internal", "echo"], "MethodNotAllowed", "Method 'internal' not allowed on service 'echo'"),
        (["create", "errors", {}], "MethodNotAllowed", "Method 'create' not allowed on service 'errors'"),
        (["find"], "NotFound", "Invalid service path"),
        (["find", None], "NotFound", "Invalid service path"),
        (["find", {}], "NotFound", "Invalid service path"),
        (["find", 7], "NotFound", "Invalid service path"),
        (["find", ""], "NotFound", "Service '' not found"),
        (["find", "nope"], "NotFound", "Service 'nope' not found"),
        (["find", "__proto__"], "NotFound", "Service '__proto__' not found"),
        ([7, "people"], "MethodNotAllowed", "Method '7' not allowed on service 'people'"),
        (["find", "people", {}, {}], "BadRequest", "Too many arguments for 'find' method"),
        (["get", "people", 1, {}, {}], "BadRequest", "Too many arguments for 'get' method"),
        (["patch", "people", 1, {}, {}, {}], "BadRequest", "Too many arguments for 'patch' method"),
        (["ping", "echo", {}, {}, {}], "BadRequest", "Too many arguments for 'ping' method"),
        (["remove", "people-multi"], "NotFound", "No record found for id 'undefined'"),
        (["patch", "people-multi"], "NotFound", "No record found for id 'undefined'"),
        (["get", "people"], "NotFound", "No record found for id 'undefined'"),
        (["get", "people", {"a": 1}], "NotFound", "No record found for id '[object Object]'"),
        (["get", "people", True], "NotFound", "No record found for id 'true'"),
        (["remove", "people-multi", None, "all"], "BadRequest", "the query must be an object"),
        (["create", "people"], "BadRequest", "a record is a JSON object"),
        (["create", "people", "text"], "BadRequest", "a record is a JSON object"),
    ],
)
async def test_every_call_is_answered(url: str, call: list[Any], name: str, message: str) -> None:
    """No call waits for ever, whatever it asks for."""
    async with raw(url) as client:
        await client.call("create", "people-multi", {})
        (error,) = await client.call(*call)
        assert (error["name"], error["message"]) == (name, message)
        assert set(error) <= {"name", "message", "code", "className", "data", "errors"}
        assert len((await client.call("find", "people"))[1]) == 1


@pytest.mark.parametrize("text", ["1e999", "[" * 1000 + "]" * 1000, "[" * 300 + "]" * 300])
async def test_refused_json_is_answered(both_urls: str, text: str) -> None:
    """JSON that is too much is refused where it was asked, and poisons nothing."""
    async with raw(both_urls) as client:
        await client.send(f'420["create","people",{{"a":{text}}}]')
        assert json.loads((await client.receive())[3:])[0]["name"] == "BadRequest"
        assert await client.call("find", "people") == [None, []]


async def test_lists_without_end_are_refused_before_they_are_made(both_urls: str) -> None:
    """Through either door, in an answer to who sent them; text may have as many brackets as it likes."""
    many, text = "[]," * 600_000 + "0", "[" * 600_000
    async with raw(both_urls) as client, aiohttp.ClientSession() as session:
        await client.send(f'420["create","people",{{"a":[{many}]}}]')
        assert json.loads((await client.receive())[3:])[0]["name"] == "BadRequest"
        body = io.BytesIO(f'{{"a":[{many}]}}'.encode())
        async with session.post(f"{both_urls}/people", data=body, headers=JSON) as answer:
            assert (answer.status, (await answer.json())["name"]) == (400, "BadRequest")
        assert await client.call("find", "people") == [None, []]
        async with session.post(f"{both_urls}/people", json={"a": text}) as answer:
            assert answer.status == 201
        assert (await client.call("create", "people", {"a": text}))[1]["a"] == text


async def test_binary_data_is_refused_in_words(both_urls: str) -> None:
    """A call with binary attachments is answered once it is complete."""
    async with raw(both_urls) as client:
        await client.send('451-5["create","people",{"_placeholder":true,"num":0}]', b"data")
        assert json.loads((await client.receive())[3:])[0]["message"] == "binary data is not supported"


NOWHERE = "/" + "x" * 1_000


@pytest.mark.parametrize(
    ("frames", "times", "answer"),
    [
        ([f"40{NOWHERE},"], 2_000, f'44{NOWHERE},{{"message":"Invalid namespace"}}'),
        (['451-7["find",{"_placeholder":true,"num":0}]', b"data"], 12_000, '437[{"name":"BadRequest",'),
    ],
    ids=["namespaces", "binary data"],
)
async def test_what_is_refused_is_paced(app: Feathers, fast: bool, frames: list[Any], times: int, answer: str) -> None:
    """Whoever does not read how it is refused is read no further; who reads late gets all of it."""
    site = build_site(app, fast=fast, limits=Limits(frames=100, stall_s=3600))
    waiting = "feathers_waiting_frames"
    async with serving(site) as url, raw(url) as neighbour, raw(url) as lazy:
        lazy.stop_reading()
        sending = asyncio.create_task(lazy.send(*frames * times, '42["create","people",{}]'))
        async with asyncio.timeout(PATIENCE_S):
            while site[DOOR].metrics()[waiting] < 100:
                await asyncio.sleep(0.01)
        await asyncio.sleep(QUIET_S)
        assert site[DOOR].metrics()[waiting] < 200
        assert await neighbour.call("find", "people") == [None, []]
        lazy.read_on()
        for _ in range(times):
            assert (await lazy.receive()).startswith(answer)
        assert (await lazy.events(1))[0][0] == "people created"
        await sending


async def test_half_a_surrogate_pair_travels_as_it_came(both_urls: str) -> None:
    """What JavaScript can write arrives where a server allows it, in answers and events."""
    async with raw(both_urls) as client:
        await client.send('420["create","people",{"a":"\\ud800"}]')
        assert '"\\ud800"' in await client.receive()
        assert '"\\ud800"' in await client.receive()


async def test_half_a_surrogate_pair_is_refused_where_nothing_else_is_said(app: Feathers) -> None:
    """No database takes it, so that both doors refuse it, and nothing is stored."""
    text = '{"a":"\\ud800"}'
    async with serving(build_web(app, ServerOptions(guard=Guard.open()))) as url:
        async with raw(url) as client:
            await client.send(f'420["create","people",{text}]')
            assert json.loads((await client.receive())[3:])[0]["name"] == "BadRequest"
        headers = {"Content-Type": "application/json"}
        async with (
            aiohttp.ClientSession() as session,
            session.post(f"{url}/people", data=text, headers=headers) as response,
        ):
            assert (response.status, (await response.json())["name"]) == (400, "BadRequest")
    assert await app.service("people").find() == []


async def test_calls_of_one_connection_run_at_once(both_urls: str) -> None:
    """Answers come in the order in which calls end."""
    async with raw(both_urls) as client:
        await client.send('420["create","echo",{"delay":200}]', '421["get","echo",1]')
        frames = [await client.receive() for _ in range(3)]
        assert [frame[:3] for frame in frames if frame.startswith("43")] == ["431", "430"]


async def test_many_slow_calls_hold_up_nothing(both_urls: str) -> None:
    """A thousand calls of one connection take their time together; one that is made behind them does not wait."""
    async with raw(both_urls) as client:
        await client.send(*(f'42{number}["ping","echo",{{"delay":1500}}]' for number in range(1000)))
        await client.send('421000["get","echo",1]')
        answered = [(await client.receive()).partition("[")[0] for _ in range(1001)]
        assert sorted(answered) == sorted(f"43{number}" for number in range(1001))
        # As a rule it is the first; on a machine that stands still meanwhile some of the others are over by then.
        assert answered.index("431000") < 500


async def test_another_namespace_is_refused(url: str) -> None:
    """There is one namespace."""
    async with raw(url) as client:
        await client.send("40/admin,{}")
        assert await client.receive() == '44/admin,{"message":"Invalid namespace"}'


async def test_the_largest_frame_is_taken_and_a_larger_one_ends_its_connection(both_urls: str) -> None:
    """Nine megabytes arrive; eleven do not, and the server lives on."""
    async with raw(both_urls) as client:
        [_, made] = await client.call("create", "echo", {"text": "x" * 9_000_000})
        assert len(made["data"]["text"]) == 9_000_000
    async with raw(both_urls) as neighbour:
        async with raw(both_urls) as client:
            with contextlib.suppress(ConnectionError):
                await client.send('420["create","echo",{"text":"' + "x" * 11_000_000 + '"}]')
            assert await client.receive() == CLOSED
        assert await neighbour.call("find", "people") == [None, []]


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        ("{", "application/json", 400),
        ("5", "application/json", 400),
        ("null", "application/json", 400),
        ('"text"', "application/json", 400),
        ('{"a":NaN}', "application/json", 400),
        ('{"a":1e999}', "application/json", 400),
        ("[" * 5000 + "]" * 5000, "application/json", 400),
        (b"\xff\xfe", "application/json", 400),
        ("x=1", "text/plain", 400),
        ("", "application/json", 201),
        ("{}", "application/json", 201),
        (b"\xef\xbb\xbf{}", "application/json", 201),
        ("a[b]=1", "application/x-www-form-urlencoded", 201),
    ],
    ids=lambda value: str(value)[:20],
)
async def test_a_bad_body_is_the_callers_mistake(url: str, body: str | bytes, content_type: str, status: int) -> None:
    """400 with a JSON error, never a 500."""
    async with aiohttp.ClientSession() as session:
        headers = {"Content-Type": content_type}
        async with session.post(f"{url}/people", data=body, headers=headers) as response:
            assert response.status == status
            answer = await response.json()
            assert status == 201 or answer["name"] == "BadRequest"


async def test_a_body_over_the_limit_is_refused(url: str) -> None:
    """More than ten megabytes are a 413."""
    body = io.BytesIO(b'{"a":"' + b"x" * 11_000_000 + b'"}')
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{url}/people", data=body, headers={"Content-Type": "application/json"}) as response,
    ):
        assert response.status == 413
        assert (await response.json())["name"] == "PayloadTooLarge"


@pytest.mark.parametrize("verb", ["OPTIONS", "PROPFIND", "TRACE", "LINK"])
async def test_other_verbs_are_405(url: str, verb: str) -> None:
    """They are refused by name."""
    async with aiohttp.ClientSession() as session, session.request(verb, f"{url}/people") as response:
        assert response.status == 405
        assert (await response.json())["message"] == f"Method {verb} not allowed"


async def test_a_whole_address_is_a_path_too(url: str) -> None:
    """HTTP lets a client name the whole address in its request, as clients of proxies do."""
    host, port = url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(f"GET {url}/people?$limit=0 HTTP/1.1\r\nHost: {host}:{port}\r\nConnection: close\r\n\r\n".encode())
    async with asyncio.timeout(PATIENCE_S):
        answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    assert answer.startswith(b"HTTP/1.1 200")
    assert answer.endswith(b"\r\n\r\n[]")


async def test_an_empty_method_header_is_none(url: str) -> None:
    """`X-Service-Method` without a value asks for nothing: the request is what it is without."""
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{url}/people", json={}, headers={"X-Service-Method": ""}) as response,
    ):
        assert response.status == 201


async def test_an_unexpected_exception_shows_no_stack(app: Feathers, url: str) -> None:
    """Outsiders get a GeneralError; unless the application says otherwise, with a reference and nothing more."""
    for expose, message in ((True, "plain failure"), (False, "something went wrong")):
        app.expose_errors = expose
        async with raw(url) as client:
            (error,) = await client.call("get", "errors", "Plain")
            assert error["message"].startswith(message)
            assert (error["name"], error["code"]) == ("GeneralError", 500)
            assert "Traceback" not in json.dumps(error)


async def test_ids_and_parameters_are_decoded(url: str) -> None:
    """What the client encodes arrives decoded, slashes included."""
    async with aiohttp.ClientSession() as session:
        for sent, id in (("a%20b%2Fc", "a b/c"), ("%E4%BD%A0", "你"), ("%25", "%"), ("100%", "100%")):
            async with session.get(URL(f"{url}/rooms/{sent}/echo/{sent}", encoded=True)) as response:
                answer = await response.json()
                assert (answer["id"], answer["route"]) == (id, {"roomId": id})


async def test_a_reader_that_stops_is_dropped_and_nobody_else(app: Feathers, fast: bool) -> None:
    """A client that does not read costs a bounded amount and is closed; its neighbour hears everything."""
    people = app.service("people")
    text = "x" * 50_000
    # That it makes no progress is not what it is dropped for.
    site = build_site(app, fast=fast, limits=Limits(stall_s=3600))
    async with serving(site) as url, raw(url) as neighbour, raw(url) as lazy:
        lazy.stop_reading()
        for number in range(200):
            made = await people.create({"text": text})
            assert (await neighbour.events(1))[0][1]["id"] == made["id"] == number + 1
        async with asyncio.timeout(PATIENCE_S):
            while len(app.connections) > 1:
                await asyncio.sleep(0.01)
        lazy.read_on()


async def test_a_reader_without_progress_is_dropped(app: Feathers, fast: bool) -> None:
    """Little waits for it, but it has read nothing for the time that is allowed; where it has longer, it stays."""
    patient = build_app()
    async with AsyncExitStack() as stack:
        readers = []
        for each, stall_s in ((app, 0.5), (patient, 3600)):
            url = await stack.enter_async_context(serving(build_site(each, fast=fast, limits=Limits(stall_s=stall_s))))
            readers.append(await stack.enter_async_context(raw(url)))
        for lazy in readers:
            lazy.stop_reading()
        for each in (app, patient):
            for _ in range(16):
                await each.service("people").create({"text": "x" * 50_000})
        async with asyncio.timeout(PATIENCE_S):
            while app.connections:
                await asyncio.sleep(0.01)
        assert len(patient.connections) == 1
        for lazy in readers:
            lazy.read_on()


async def test_answers_are_paced_by_their_reader(both_urls: str) -> None:
    """Who asks for much and reads late gets it all; it is not dropped for it."""
    async with raw(both_urls) as client:
        await client.send('420["ping","echo",{"text":"' + "x" * 300_000 + '"}]')
        await client.receive()
        client.stop_reading()
        for number in range(20):
            await client.send(f'42{number}["ping","echo",{{"text":"{"x" * 300_000}"}}]')
        client.read_on()
        answers = 0
        while answers < 20:
            frame = await client.receive()
            assert frame != CLOSED
            answers += frame.startswith("43")


async def test_a_burst_is_no_reason_to_drop_a_reader(url: str) -> None:
    """One call that changes thousands of records is heard by those who read, event by event."""
    async with raw(url) as client, raw(url) as writer:
        records = [{"n": number, "text": "x" * 300} for number in range(6_000)]
        writing = asyncio.create_task(writer.call("create", "people-multi", records))
        assert [event[1]["n"] for event in await client.events(6_000)] == list(range(6_000))
        assert len((await writing)[1]) == 6_000


async def test_a_large_event_and_a_large_answer_drop_nobody(both_urls: str) -> None:
    """Eight megabytes to oneself, as an event and as an answer, and then small talk."""
    async with raw(both_urls) as client, raw(both_urls) as listener:
        calling = asyncio.create_task(client.call("create", "echo", {"text": "x" * 8_000_000}))
        assert len((await listener.events(1))[0][1]["data"]["text"]) == 8_000_000
        assert len((await calling)[1]["data"]["text"]) == 8_000_000
        assert (await client.call("create", "people", {}))[0] is None


async def test_a_body_that_does_not_come_is_not_waited_for(app: Feathers) -> None:
    """Who announces a body and dribbles is answered 408 and closed: it holds no connection for ever."""
    site = build_web(app, ServerOptions(guard=Guard.open(), patience=Patience(body_s=0.2)))
    async with serving(site) as url:
        address = urlsplit(url)
        reader, writer = await asyncio.open_connection(address.hostname, address.port)
        head = "POST /people HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 50\r\n\r\n"
        writer.write(f"{head}{{".encode())
        async with asyncio.timeout(30):
            answer = await reader.read()
        assert answer.startswith(b"HTTP/1.1 408 "), answer
        writer.close()
