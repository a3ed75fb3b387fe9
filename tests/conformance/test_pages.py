"""What a server says about itself, and the guard before every door."""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncIterator

import aiohttp
import pytest
from marshmallow import Schema, fields

from agor_core.feathers import Feathers, MemoryEventLog, MemoryService
from agor_core.feathers.__main__ import build_playground
from agor_core.feathers.documents import ApiInfo
from agor_core.feathers.observe import Observer
from agor_core.feathers.web import ServerOptions, build_web
from tests.conformance.doors import serving
from tests.conformance.raw import raw


class PersonSchema(Schema):
    """A person."""

    id = fields.Integer(dump_only=True)
    name = fields.String(required=True)


@pytest.fixture
def app() -> Feathers:
    """The playground, with a service that has a schema."""
    app = build_playground(MemoryEventLog())
    app.use("pets", MemoryService(), schemas={"record": PersonSchema, "create": PersonSchema})
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
    assert set(document["paths"]["/pets/{id}"]) == {"get", "put", "patch", "delete"}
    body = document["paths"]["/pets"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    component = document["components"]["schemas"][body["$ref"].rpartition("/")[2]]
    assert component["required"] == ["name"]
    assert document["x-events"]["people created"]["logged"] is True
    references = [part.split('"')[0] for part in json.dumps(document).split('"$ref": "#/components/')[1:]]
    for reference in references:
        kind, name = reference.split("/")
        assert name in document["components"][kind]


async def test_the_page_for_people_loads_nothing_from_elsewhere(url: str) -> None:
    """It lists the operations, under a policy that forbids everything else."""
    async with aiohttp.ClientSession() as session, session.get(f"{url}/docs") as response:
        page = await response.text()
        assert "default-src 'none'" in response.headers["Content-Security-Policy"]
    assert "/pets/{id}" in page
    assert "src=" not in page
    assert "http" not in page.replace("https://", "http").partition("<h2>")[0]


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


@pytest.mark.parametrize(
    "path", ["/people", "/socket.io/?EIO=4&transport=polling", "/docs", "/openapi.json", "/metrics", "/nothing"]
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


async def test_jsonp_does_not_exist(url: str) -> None:
    """No page can read a poll as a script."""
    address = f"{url}/socket.io/?EIO=4&transport=polling&j=0"
    async with aiohttp.ClientSession() as session, session.get(address) as response:
        assert response.status == 400
