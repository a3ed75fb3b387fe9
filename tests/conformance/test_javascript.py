"""The official JavaScript clients from npm, and the official tests for adapters."""

from __future__ import annotations

import asyncio
import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from agor_core.feathers import Feathers, Params, RecordMethod
from tests.conformance.accounts import SETTINGS
from tests.conformance.doors import PATIENCE_S, serving
from tests.conformance.recovering import Recovering
from tests.conformance.server import build_app, build_site
from tests.support.node import find_node, install_packages, node_environment

pytestmark = pytest.mark.node

FOLDER = Path(__file__).parent.parent / "js"
DOORS = ["rest", "websocket", "polling", "upgrade"]


@pytest.fixture(scope="session")
def packages() -> Path:
    """The npm packages of tests/js."""
    folder, reason = find_node()
    if folder is None:
        pytest.skip(reason)
    return install_packages(FOLDER)


async def node(*arguments: str, **environment: str) -> str:
    """What a Node program prints. Fails with its words."""
    process = await asyncio.create_subprocess_exec(
        "node",
        *arguments,
        cwd=FOLDER,
        env=node_environment({**os.environ, **environment}),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(300):
            out, err = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == 0, f"{err.decode()}\n{out.decode()[-3000:]}"
    return out.decode()


async def scenario(name: str, url: str, door: str) -> Any:
    """What a scenario of scenarios.mjs saw."""
    return json.loads(await node("scenarios.mjs", name, url, door))


@pytest.mark.parametrize("door", DOORS)
async def test_the_client_calls_services(packages: Path, url: str, door: str) -> None:
    """Records, thirty values in a list, and errors as instances of their classes."""
    seen = await scenario("calls", url, door)
    assert seen["same"] == seen["made"]
    assert seen["found"] == [seen["made"]]
    assert seen["none"] == []
    assert seen["patched"]["age"] == 34
    assert seen["removed"] == seen["updated"] == {"name": "Bea", "id": seen["made"]["id"]}
    assert (seen["missing"]["class"], seen["missing"]["code"]) == ("NotFound", 404)
    assert (seen["refused"]["class"], seen["refused"]["message"]) == ("BadRequest", "Invalid filter value $where")


@pytest.mark.parametrize("door", DOORS)
async def test_the_client_signs_in_and_out(packages: Path, url: str, door: str) -> None:
    """Sign-in, a protected call, signing in again by token, and nothing after signing out."""
    seen = await scenario("signIn", url, door)
    assert (seen["before"]["class"], seen["before"]["message"]) == ("NotAuthenticated", "Not authenticated")
    assert seen["wrong"]["message"] == "Invalid login"
    assert seen["user"] == seen["again"] == {"email": "ann@example.com", "id": seen["user"]["id"]}
    assert seen["secret"]["ownerId"] == seen["user"]["id"]
    assert seen["after"]["class"] == "NotAuthenticated"


@pytest.mark.parametrize("door", DOORS)
async def test_the_client_calls_custom_methods(packages: Path, url: str, door: str) -> None:
    """A method that the client registered reaches the service."""
    assert (await scenario("custom", url, door))["pong"]["data"] == {"text": "hello"}


class Sessions:
    """A service with a method of one record, and one of all."""

    id = "session_id"

    async def fork(self, id: Any, data: Any, _params: Params) -> Any:
        """What arrived."""
        return {"id": id, "data": data}

    async def tidy(self, data: Any, _params: Params) -> Any:
        """What arrived."""
        return {"data": data}


@pytest.mark.parametrize("door", DOORS)
async def test_a_custom_method_is_found_in_every_way_a_client_might_try(packages: Path, door: str) -> None:
    """By its name with the id in the data, on the path it has, and over REST by address and by header."""
    app = Feathers()
    app.use("sessions", Sessions(), methods=[RecordMethod("fork", write="fork", creates=True), "tidy"])
    async with serving(build_site(app)) as url:
        seen = await scenario("addressing", url, door)
    refused = seen.pop("withoutId")
    assert (refused["class"], refused["message"]) == (
        "BadRequest",
        "'fork' needs the record's id as 'session_id' in its data",
    )
    assert seen.pop("ofAll") == [{"data": {"text": "hello"}}] * 4
    arrived = {"id": "7", "data": {"text": "hello"}}
    assert seen == {"byName": arrived, "byPath": arrived, "byAddress": arrived, "byHeader": arrived}


@pytest.mark.parametrize("door", DOORS[1:])
async def test_the_client_hears_events(packages: Path, url: str, door: str) -> None:
    """Each change is heard once, in order, with exactly one argument."""
    seen = await scenario("events", url, door)
    id = seen["id"]
    assert seen["heard"] == [
        ["created", {"name": "Ann", "id": id}],
        ["updated", {"name": "Bea", "id": id}],
        ["patched", {"name": "Bea", "id": id, "age": 1}],
        ["removed", {"name": "Bea", "id": id, "age": 1}],
    ]


@pytest.mark.parametrize("door", DOORS[1:])
async def test_the_client_recovers(packages: Path, fast: bool, door: str) -> None:
    """Cut off five times while others write, it sees `recovered` and every event exactly once, in order."""
    world = Recovering(fast=fast)
    async with serving(world.site(world.app())) as url:
        seen = await scenario("recovery", url, door)
    assert seen["first"] is False
    assert seen["rounds"] == [True] * 5
    assert seen["heard"] == list(range(seen["expected"]))


async def test_the_client_recovers_across_a_restart(packages: Path, port: int) -> None:
    """With a log that outlives the server, events from before, during and after its absence are heard once."""
    world = Recovering()
    process = None
    try:
        async with serving(world.site(app := world.app()), port=port) as url:
            process = await asyncio.create_subprocess_exec(
                "node",
                "scenarios.mjs",
                "restart",
                url,
                "websocket",
                cwd=FOLDER,
                env=node_environment(),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
            )
            assert process.stdin is not None
            assert process.stdout is not None
            assert await process.stdout.readline() == b"ready\n"
            for number in range(3):
                await app.service("people").create({"n": number})
        for number in range(3, 6):
            await app.service("people").create({"n": number})
        async with serving(world.site(app := world.app()), port=port):
            for number in range(6, 9):
                await app.service("people").create({"n": number})
            process.stdin.write(b"9\n")
            async with asyncio.timeout(PATIENCE_S):
                seen = json.loads(await process.stdout.readline())
                await process.wait()
    finally:
        if process is not None and process.returncode is None:
            process.kill()
            await process.wait()
    assert seen == {"recovered": True, "heard": list(range(9))}


async def test_an_expired_token_strands_nobody(packages: Path, app: Feathers, url: str) -> None:
    """When its token expires the client is cut off, and comes back by itself as nobody."""
    app.authentication.settings = replace(SETTINGS, expires_s=2)
    seen = await scenario("expiry", url, "websocket")
    assert seen["reason"] == "transport close"
    assert seen["refused"]["message"] == "jwt expired"
    assert seen["people"] == []


@pytest.mark.parametrize("door", ["rest", "websocket", "polling"])
@pytest.mark.parametrize("id_field", ["id", "_id"])
async def test_the_official_adapter_tests_pass(packages: Path, door: str, id_field: str) -> None:
    """MemoryService is an adapter by Feathers' own tests, over its own clients."""
    async with serving(build_site(build_app(id_field))) as url:
        report = await node(
            "node_modules/mocha/bin/mocha.js",
            "--exit",
            "--reporter=json",
            "--timeout=60000",
            "adapter.test.cjs",
            URL=url,
            DOOR=door,
            ID_FIELD=id_field,
        )
    stats = json.loads(report[report.index("{") : report.rindex("}") + 1])["stats"]
    assert stats["failures"] == 0
    assert stats["passes"] > 70
