"""Whatever a client sends: an answer of the family, never a 500, never a hang."""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from agor_core.errors import BadRequest, ServiceError
from agor_core.feathers.channels import Connection
from agor_core.feathers.params import Params
from agor_core.feathers.querystring import parse_query
from agor_core.feathers.transports import frames
from agor_core.feathers.transports.dispatch import rest_call, socket_call, socket_params
from agor_core.feathers.wire import dumps, error_json
from tests.conformance.doors import PATIENCE_S
from tests.conformance.server import build_app

NAMES = st.sampled_from(
    ["find", "get", "create", "update", "patch", "remove", "ping", "announce", "internal", "setup", "__init__"]
)
PATHS = st.sampled_from(
    [
        "people",
        "people-multi",
        "people-paged",
        "echo",
        "echo/ping",
        "rooms/1/echo",
        "errors",
        "hooked",
        "users",
        "secrets",
        "authentication",
        "people/1",
        "/people/",
        "",
        "/",
        "..",
    ]
)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
KEYS = st.sampled_from(
    [
        "$in",
        "$or",
        "$and",
        "$sort",
        "$limit",
        "$skip",
        "$select",
        "$ne",
        "$gt",
        "$foo",
        "id",
        "age",
        "name",
        "a.b",
        "mode",
    ]
) | st.text(max_size=3)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=10,
)
# One loop for all examples: the application's objects belong to it.
LOOP = asyncio.new_event_loop()
APP = build_app()


class Nowhere:
    """An outlet that leads nowhere."""

    def send(self, *_event: Any) -> int:
        """To nobody."""
        return 0

    def is_behind(self) -> bool:
        """Never."""
        return False

    def close(self, *_connection: Any) -> None:
        """Nothing."""


def teardown_module() -> None:
    """Close the loop."""
    LOOP.close()


def judge(error: ServiceError, path: Any) -> None:
    """The caller's mistake, unless the service's purpose is to fail; and JSON."""
    assert error.code < 500 or path in ("errors", "hooked")
    dumps(error_json(error))


async def answered(name: str, arguments: list[Any]) -> None:
    """Call as a socket does; whatever comes back is JSON."""
    connection = Connection("c", Nowhere())
    try:
        call = socket_call(APP, name, arguments)
        async with asyncio.timeout(PATIENCE_S):
            context = await call.run(socket_params(connection, call))
        dumps(context.answer)
    except ServiceError as error:
        judge(error, arguments[0])


@given(NAMES | st.text(max_size=5), PATHS | VALUES, st.lists(VALUES, max_size=4))
def test_any_call_over_a_socket_is_answered(name: str, path: Any, arguments: list[Any]) -> None:
    """Any name, any path, any arguments."""
    LOOP.run_until_complete(answered(name, [path, *arguments]))


@given(
    st.sampled_from(["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "BREW"]),
    PATHS,
    st.lists(st.text(max_size=5), max_size=3),
    st.none() | NAMES,
    VALUES,
    st.text(max_size=30),
)
def test_any_request_is_answered(
    verb: str, path: str, tail: list[str], custom: str | None, body: Any, query: str
) -> None:
    """Any verb, path, header, body and query string."""

    async def run() -> None:
        try:
            call = rest_call(APP, verb, [*path.strip("/").split("/"), *tail], custom, body)
            if call is not None:
                async with asyncio.timeout(PATIENCE_S):
                    context = await call.run(Params(query=parse_query(query), provider="rest", route=call.route))
                dumps(context.answer)
        except ServiceError as error:
            judge(error, path)

    LOOP.run_until_complete(run())


@given(st.text() | VALUES.map(json.dumps).map(lambda text: f"42{text}"[1:]) | st.from_regex(r"\A[0-6]?[0-9-]*[/\[{].*"))
def test_any_frame_is_read_or_refused(text: str) -> None:
    """A packet, or BadPacket; nothing else comes of a frame."""
    with contextlib.suppress(frames.BadPacket):
        packet = frames.decode(text)
        assert packet.type in range(7)
        assert packet.refusal is None or isinstance(packet.refusal, BadRequest)
