"""Hooks run in the order of Feathers, behind every door."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

import aiohttp
import pytest
from yarl import URL

from agor_core.feathers import Feathers, Params
from tests.conformance.doors import Door, Refused, Rest, Socket

IN = ["app-around:in", "app-before", "service-around:in", "service-before-all", "service-before"]
OUT = ["service-after-all", "service-after", "service-around:out", "app-after", "app-around:out"]


async def test_hooks_run_in_order(door: Door) -> None:
    """Around the whole, `all` before the method's own, the app outside the service."""
    result = await door.call("create", "hooked", {"mode": "trace", "text": "x"})
    assert result["trace"] == [*IN, "method", *OUT]


async def test_a_result_set_before_skips_the_method_only(door: Door) -> None:
    """After hooks run all the same."""
    result = await door.call("create", "hooked", {"mode": "skip"})
    assert result == {"skipped": True, "trace": [*IN, *OUT]}


async def test_an_error_passes_outwards(door: Door) -> None:
    """Error hooks of the method come before those for all, and around hooks see it thrown."""
    with pytest.raises(Refused, match="the method failed") as refused:
        await door.call("create", "hooked", {"mode": "fail"})
    trace = [*IN, "method", "service-error", "service-error-all", "service-around:threw", "app-error"]
    assert refused.value.error["data"] == {"trace": trace}


@pytest.mark.parametrize(
    ("mode", "name"), [("before-fail", "Forbidden"), ("after-fail", "Conflict"), ("replace", "Unavailable")]
)
async def test_hooks_may_fail_and_replace_errors(door: Door, mode: str, name: str) -> None:
    """What a hook throws, or puts in an error's place, is what the caller gets."""
    with pytest.raises(Refused) as refused:
        await door.call("create", "hooked", {"mode": mode})
    assert refused.value.name == name


async def test_an_error_hook_may_swallow_the_error(door: Door) -> None:
    """A result set by an error hook is a success."""
    assert await door.call("create", "hooked", {"mode": "swallow"}) == {"swallowed": "to be swallowed"}


async def test_a_before_hook_may_change_the_data(door: Door) -> None:
    """The method gets what the hook left."""
    result = await door.call("create", "hooked", {"mode": "change", "text": "x"})
    assert result["text"] == "changed by a before hook"


async def test_dispatch_is_for_outside(door: Door) -> None:
    """Outside callers get the dispatch, inside ones the result; for a list, each record."""
    public = {"mode": "dispatch", "text": "x"}
    secret = {} if door.name != "inside" else {"secret": "not for clients"}
    assert await door.call("create", "hooked", public) == public | secret
    assert await door.call("create", "hooked", [public, public]) == [public | secret] * 2


async def test_events_follow_the_hooks(rest: Rest, listener: Socket) -> None:
    """Events carry the dispatch, are silenced or renamed by a hook, and not sent for what failed."""
    for mode in ("dispatch", "silent", "rename", "swallow", "null"):
        await rest.call("create", "hooked", {"mode": mode, "text": "x"})
    with pytest.raises(Refused):
        await rest.call("create", "hooked", {"mode": "fail"})
    await rest.call("create", "hooked", [{"mode": "dispatch", "text": "1"}, {"mode": "dispatch", "text": "2"}])
    assert await listener.hears(6) == [
        ("hooked created", {"mode": "dispatch", "text": "x"}),
        ("hooked updated", {"mode": "rename", "text": "x", "secret": "not for clients"}),
        ("hooked created", {"swallowed": "to be swallowed"}),
        ("hooked created", None),
        ("hooked created", {"mode": "dispatch", "text": "1"}),
        ("hooked created", {"mode": "dispatch", "text": "2"}),
    ]


@pytest.mark.parametrize(
    ("mode", "status", "header"),
    [
        ("status", 202, None),
        ("header", 201, ("X-Conformance", "yes")),
        ("location", 303, ("Location", "/elsewhere")),
        ("null", 204, None),
        ("trace", 201, None),
    ],
)
async def test_hooks_shape_the_http_answer(
    rest: Rest, url: str, mode: str, status: int, header: tuple[str, str] | None
) -> None:
    """Status, headers and location are a hook's to set."""
    async with rest.session.post(f"{url}/hooked", json={"mode": mode}, allow_redirects=False) as response:
        assert response.status == status
        if header is not None:
            assert response.headers[header[0]] == header[1]


class Given:
    """Answers with what the hook puts in its place."""

    async def get(self, id: Any, _params: Params) -> Any:
        """What the id says, as JSON."""
        return json.loads(str(id))


@pytest.mark.parametrize("result", [0, False, "", "text", [], {}, 1.5])
async def test_whatever_is_not_null_is_a_result(app: Feathers, url: str, result: Any) -> None:
    """A result that is false in JavaScript is no missing one: 200 and JSON, and only null is 204."""
    app.use("given", Given())
    async with aiohttp.ClientSession() as session:
        async with session.get(URL(f"{url}/given/{quote(json.dumps(result), safe='')}", encoded=True)) as response:
            assert (response.status, response.content_type, await response.json()) == (200, "application/json", result)
        async with session.get(f"{url}/given/null") as response:
            assert (response.status, await response.read()) == (204, b"")


async def test_a_hook_need_not_ask_where_a_call_came_from(app: Feathers, door: Door) -> None:
    """`context.http` is there for every call; over a socket and from inside it has no effect."""
    for mode in ("status", "header"):
        made = await door.call("create", "hooked", {"mode": mode, "text": "t"})
        assert made["text"] == "t"
