"""The conformance server, and clients of it, for the tests of this folder."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import aiohttp
import pytest

from agor_core.feathers import Feathers
from tests.conformance.doors import Door, Inside, Rest, Socket, connected, serving
from tests.conformance.server import build_app, build_site


@pytest.fixture
def app() -> Feathers:
    """The application of the fixture."""
    return build_app()


@pytest.fixture(params=[True, False], ids=["fast", "stock"])
def fast(request: pytest.FixtureRequest) -> bool:
    """Socket.IO on the fast path, and on the stock one."""
    value: bool = request.param
    return value


@pytest.fixture
async def url(app: Feathers) -> AsyncIterator[str]:
    """Where it is served."""
    async with serving(build_site(app)) as address:
        yield address


@pytest.fixture
async def rest(url: str) -> AsyncIterator[Rest]:
    """A client over REST."""
    async with aiohttp.ClientSession() as session:
        yield Rest(session, url)


@pytest.fixture
async def listener(url: str) -> AsyncIterator[Socket]:
    """A client over Socket.IO."""
    async with connected(url) as socket:
        yield socket


@pytest.fixture(params=["inside", "rest", "websocket", "polling"])
async def door(request: pytest.FixtureRequest, app: Feathers, url: str) -> AsyncIterator[Door]:
    """Every way to call a service, one after the other."""
    async with AsyncExitStack() as stack:
        if request.param == "inside":
            yield Inside(app)
        elif request.param == "rest":
            yield Rest(await stack.enter_async_context(aiohttp.ClientSession()), url)
        else:
            yield await stack.enter_async_context(connected(url, transport=request.param))
