"""What a server says about itself, and the guard before every door."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import logging
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from marshmallow import Schema, fields

from agor_core.feathers import (
    Feathers,
    MemoryConnectionStore,
    MemoryEventLog,
    MemoryService,
    Params,
    RecordMethod,
)
from agor_core.feathers.__main__ import build_playground
from agor_core.feathers.documents import ApiInfo
from agor_core.feathers.observe import Observer
from agor_core.feathers.transports.recovery import Recovery
from agor_core.feathers.validation import validate
from agor_core.feathers.web import ServerOptions, build_web
from tests.conformance.doors import serving
from tests.conformance.raw import raw
from tests.support.documents import check_asyncapi, check_openapi, explore
from tests.support.node import find_node, install_packages

JS = Path(__file__).parent.parent / "js"


class PersonSchema(Schema):
    """A person."""

    id = fields.Integer(dump_only=True)
    name = fields.String(required=True)


@pytest.fixture
def app() -> Feathers:
    """The playground, with a service that has a schema."""
    app = build_playground(MemoryEventLog())
    food = {"type": "object", "properties": {"with": {"type": "string"}}}
    schemas = {"record": PersonSchema, "create": PersonSchema, "event:fed": food}
    pets = app.use("pets", MemoryService(), methods=["find", "create", "patch", "get"], events=["fed"], schemas=schemas)
    pets.hooks(before={"create": validate(PersonSchema), "patch": validate(PersonSchema, partial=True)})
    return app


@pytest.fixture
async def url(app: Feathers) -> AsyncIterator[str]:
    """It is served with the default guard, documents and metrics."""
    options = ServerOptions(observer=Observer(), documents=ApiInfo("Test", "1"))
    async with serving(build_web(app, options)) as address:
        yield address


async def test_the_api_document_has_every_service(url: str) -> None:
    """OpenAPI 3.1 with paths, schemas, errors and events."""
    async with aiohttp.ClientSession() as session, session.get(f"{url}/openapi.json") as response:
        document = await response.json()
    assert document["openapi"] == "3.1.0"
    assert set(document["paths"]["/pets/{id}"]) == {"get", "patch"}
    assert set(document["paths"]["/people/{id}"]) == {"get", "put", "patch", "delete"}
    # What may be done to many at once is documented where that is allowed.
    assert set(document["paths"]["/people"]) == {"get", "post", "patch", "delete"}
    assert set(document["paths"]["/pets"]) == {"get", "post"}
    assert set(document["paths"]["/authentication"]) == {"post", "delete"}
    shown = {
        path: document["paths"][path]["get"]["responses"]["200"]["content"]["application/json"]["example"]
        for path in ("/people", "/notes")
    }
    assert shown == {"/people": {"total": 1, "limit": 10, "skip": 0, "data": [{"id": 1}]}, "/notes": [{"id": 1}]}
    body = document["paths"]["/pets"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    component = document["components"]["schemas"][body["$ref"].rpartition("/")[2]]
    assert component["required"] == ["name"]
    assert check_openapi(document) > 50
    assert document["externalDocs"]["url"] == "/asyncapi.json"
    made = document["paths"]["/pets"]["post"]["responses"]["201"]["content"]["application/json"]["example"]
    assert made == {"id": 1, "name": "text"}
    sent = document["paths"]["/pets"]["post"]["requestBody"]["content"]["application/json"]["example"]
    assert sent == {"name": "text"}


async def test_data_is_validated_by_the_schema_it_is_documented_with(url: str) -> None:
    """What does not fit is a BadRequest that says what is wrong with which field, and changes nothing."""
    async with raw(url) as client:
        (refused,) = await client.call("create", "pets", {"nme": "Rex"})
        assert (refused["name"], refused["message"]) == ("BadRequest", "validation failed")
        assert refused["errors"] == {"name": ["Missing data for required field."], "nme": ["Unknown field."]}
        (refused,) = await client.call("create", "pets", "Rex")
        assert refused["message"] == "the data must be an object"
        assert await client.call("find", "pets") == [None, []]
        _, made = await client.call("create", "pets", {"name": "Rex"})
        assert await client.call("patch", "pets", made["id"], {}) == [None, made]
        (refused,) = await client.call("patch", "pets", made["id"], {"name": 7})
        assert refused["errors"] == {"name": ["Not a valid string."]}


@pytest.mark.node
async def test_the_document_of_events_has_every_event(url: str) -> None:
    """AsyncAPI 3.0, by its own definition, with what each event carries and an example."""
    folder, reason = find_node()
    if folder is None:
        pytest.skip(reason)
    definition = install_packages(JS) / "@asyncapi/specs/schemas/3.0.0.json"
    async with aiohttp.ClientSession() as session, session.get(f"{url}/asyncapi.json") as response:
        document = await response.json()
    assert check_asyncapi(document, definition) == len(document["channels"]) > 10
    channel = document["channels"]["people_created"]
    assert channel["address"] == "people created"
    assert channel["messages"]["event"]["x-logged"] is True
    pet = document["channels"]["pets_created"]["messages"]["event"]
    assert pet["examples"] == [{"payload": {"id": 1, "name": "text"}}]
    fed = document["channels"]["pets_fed"]["messages"]["event"]
    assert fed["examples"] == [{"payload": {"with": "text"}}]


async def test_the_api_is_as_its_document_says(url: str) -> None:
    """Right and wrong requests to every operation: no 500, only documented statuses, and answers of their schema."""
    async with aiohttp.ClientSession() as session:
        ids = {}
        for path in ("people", "pets"):
            async with session.post(f"{url}/{path}", json={"name": "Ann"}) as response:
                ids[path] = str((await response.json())["id"])
    seen = await asyncio.to_thread(explore, url, ids, 3)
    assert {200, 201, 400, 401, 404} <= set(seen)
    assert 500 not in seen


@pytest.mark.parametrize(
    ("verb", "path", "allowed"),
    [
        ("PUT", "/users/1", "GET, HEAD, POST"),
        ("DELETE", "/users", "POST"),
        ("PROPFIND", "/people", "GET, HEAD, POST, PATCH, DELETE"),
        ("LINK", "/people/1", "GET, HEAD, POST, PUT, PATCH, DELETE"),
        ("GET", "/authentication", "POST, DELETE"),
    ],
)
async def test_a_refused_verb_says_which_are_allowed(url: str, verb: str, path: str, allowed: str) -> None:
    """The header `Allow` of a 405 names what the path answers, as HTTP asks."""
    async with aiohttp.ClientSession() as session, session.request(verb, f"{url}{path}", json={}) as response:
        assert (response.status, response.headers["Allow"]) == (405, allowed)


async def test_an_id_may_hold_a_line_break(url: str) -> None:
    """Whatever the path, the answer is this server's own."""
    async with aiohttp.ClientSession() as session, session.get(f"{url}/people/a%0Ab") as response:
        assert (await response.json())["message"] == "No record found for id 'a\nb'"


async def test_the_page_for_people_loads_nothing_from_elsewhere(url: str) -> None:
    """It lists the operations, under a policy that forbids everything else."""
    async with aiohttp.ClientSession() as session, session.get(f"{url}/docs") as response:
        page = await response.text()
        policy = response.headers["Content-Security-Policy"]
    style = page.partition("<style>")[2].partition("</style>")[0]
    allowed = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert policy.startswith(f"default-src 'none'; style-src 'sha256-{allowed}'; ")
    assert "unsafe" not in policy
    assert "style=" not in page
    assert "/pets/{id}" in page
    assert "pets patched" in page
    assert "/asyncapi.json" in page
    assert "No record found for id" in page
    loaded = [part for name in ("src=", "<script", "<link", "@import", "url(") if (part := name) in page]
    assert loaded == []
    assert {link.split('"')[0][:1] for link in page.split('href="')[1:]} <= {"/", "#"}


async def test_each_link_of_the_page_for_people_leads_to_one_place(url: str) -> None:
    """Whatever services are called, every chapter has an anchor of its own; what is code is set as code."""
    async with aiohttp.ClientSession() as session, session.get(f"{url}/docs") as response:
        page = await response.text()
    anchors = re.findall(r' id="([^"]*)"', page)
    assert sorted(set(anchors)) == sorted(anchors)
    assert set(re.findall(r'href="#([^"]*)"', page)) == set(anchors)
    assert "`" not in re.sub(r"<pre>.*?</pre>", "", page, flags=re.DOTALL)


async def test_calls_are_counted_and_logged_without_what_they_say(url: str, caplog: pytest.LogCaptureFixture) -> None:
    """One line a call, and metrics; neither has data or tokens."""
    caplog.set_level(logging.INFO, "agor_core.feathers.calls")
    async with raw(url) as client, aiohttp.ClientSession() as session:
        await client.call("create", "people", {"name": "a secret"})
        await client.call("get", "people", 77)
        headers = {"Authorization": "Bearer a.secret.token"}
        async with session.get(f"{url}/notes", headers=headers) as response:
            assert response.status == 401
        async with session.get(f"{url}/metrics") as response:
            metrics = await response.text()
    lines = [json.loads(record.getMessage()) for record in caplog.records if record.name.endswith("calls")]
    assert [(line["path"], line["method"], line["code"]) for line in lines] == [
        ("people", "create", 200),
        ("people", "get", 404),
        ("notes", "find", 401),
    ]
    assert "secret" not in caplog.text
    assert 'feathers_calls_total{path="people",method="get",code="404"} 1' in metrics
    assert "feathers_connections 1" in metrics


async def test_the_metrics_say_how_it_is(app: Feathers) -> None:
    """Calls, latencies, connections, queues, dropped clients and the newest offset; `/health` for who watches."""
    assert app.event_log is not None
    recovery = Recovery(app.event_log, MemoryConnectionStore())
    options = ServerOptions(observer=Observer(), recovery=recovery)
    async with serving(build_web(app, options)) as url, raw(url) as client, aiohttp.ClientSession() as session:
        for _ in range(3):
            await client.call("create", "people", {})
        async with session.get(f"{url}/metrics") as response:
            lines = dict(line.rsplit(" ", 1) for line in (await response.text()).splitlines() if line[:1] != "#")
        async with session.get(f"{url}/health") as response:
            assert (response.status, await response.json()) == (200, {"status": "ok"})
    assert lines['feathers_calls_total{path="people",method="create",code="200"}'] == "3"
    assert lines['feathers_call_seconds_count{path="people",method="create"}'] == "3"
    assert lines['feathers_call_seconds_bucket{path="people",method="create",le="+Inf"}'] == "3"
    assert float(lines['feathers_call_seconds_sum{path="people",method="create"}']) > 0
    expected = {"connections": 1, "connected_total": 1, "recovered_total": 0, "dropped_total": 0, "events_total": 3}
    expected |= {"event_log_seq": 3, "waiting_frames": 0, "waiting_bytes": 0, "running_calls": 0}
    assert {name: float(lines[f"feathers_{name}"]) for name in expected} == expected


@pytest.mark.parametrize(
    "path",
    [
        "/people",
        "/socket.io/?EIO=4&transport=polling",
        "/docs",
        "/openapi.json",
        "/asyncapi.json",
        "/metrics",
        "/health",
        "/nothing",
    ],
)
@pytest.mark.parametrize("headers", [{"Host": "evil.example"}, {"Origin": "http://evil.example"}, {"Origin": "null"}])
async def test_the_guard_is_before_every_door(url: str, path: str, headers: dict[str, str]) -> None:
    """A foreign host or origin gets nothing, wherever it knocks."""
    async with aiohttp.ClientSession() as session, session.get(f"{url}{path}", headers=headers) as response:
        assert response.status == 403
        assert (await response.json())["name"] == "Forbidden"


async def test_a_key_makes_a_write_happen_once(url: str) -> None:
    """Over REST by header, over a socket in the query; other data with the same key is a conflict."""
    async with aiohttp.ClientSession() as session, raw(url) as client:
        headers = {"Idempotency-Key": "one"}
        made = []
        for _ in range(2):
            async with session.post(f"{url}/people", json={"a": 1}, headers=headers) as response:
                assert response.status == 201
                made.append(await response.json())
        assert made[0] == made[1]
        async with session.post(f"{url}/people", json={"a": 2}, headers=headers) as response:
            assert response.status == 409
        first, second = [await client.call("create", "people", {}, {"$idempotencyKey": "two"}) for _ in range(2)]
        assert first == second
        assert (await client.call("find", "people", {"$limit": 0}))[1]["total"] == 2


class Clock:
    """Reads differently each time."""

    def __init__(self) -> None:
        self.reads = 0

    async def read(self, id: str, params: Params) -> dict[str, Any]:
        """How often it was read."""
        self.reads += 1
        return {"reads": self.reads}


async def test_a_key_does_nothing_to_what_only_reads(app: Feathers, url: str) -> None:
    """The answer of a reading method of one record is as things are now, whatever key it comes with."""
    app.use("clocks", Clock(), methods=[RecordMethod("time", read="read")])
    async with aiohttp.ClientSession() as session:
        for count in (1, 2):
            async with session.get(f"{url}/clocks/1/time", headers={"Idempotency-Key": "one"}) as response:
                assert await response.json() == {"reads": count}


async def test_jsonp_does_not_exist(url: str) -> None:
    """No page can read a poll as a script."""
    address = f"{url}/socket.io/?EIO=4&transport=polling&j=0"
    async with aiohttp.ClientSession() as session, session.get(address) as response:
        assert response.status == 400
