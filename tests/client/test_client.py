"""Plain and live calls: the same answers, the same errors, against a real application."""

from __future__ import annotations

import asyncio
import json
import stat
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from agor_core.client import (
    Client,
    DaemonAddress,
    DaemonUnreachable,
    LiveClient,
    find_daemon,
    forget_token,
    keep_token,
    token_for,
)
from agor_core.client.wire import query_string
from agor_core.errors import BadRequest, Conflict, NotFound, Unavailable
from agor_core.feathers import MemoryConnectionStore, MemoryEventLog
from tests.client.conftest import Served
from tests.conformance.doors import PATIENCE_S

Ask = Callable[..., Any]


@pytest.fixture(params=["plain", "live"])
async def ask(request: pytest.FixtureRequest, served: Served) -> AsyncIterator[Ask]:
    """`await ask(method, *arguments)` on the service `notes`, over REST or over a socket."""
    if request.param == "plain":
        client = Client(served.url)

        async def plain(method: str, *arguments: Any) -> Any:
            return await asyncio.to_thread(getattr(client.service("notes"), method), *arguments)

        yield plain
        client.close()
        return
    async with LiveClient(served.url) as live:

        async def over_socket(method: str, *arguments: Any) -> Any:
            return await getattr(live.service("notes"), method)(*arguments)

        yield over_socket


async def test_the_six_methods(ask: Ask) -> None:
    """Create, get, find, patch, update and remove, over both doors."""
    made = await ask("create", {"name": "a", "id": "one/two"})
    assert await ask("get", "one/two") == made
    assert (await ask("find", {"name": "a"}))["data"] == [made]
    assert (await ask("patch", "one/two", {"name": "b"}))["name"] == "b"
    assert (await ask("update", "one/two", {"name": "c"}))["name"] == "c"
    assert (await ask("remove", "one/two"))["name"] == "c"
    assert (await ask("find"))["total"] == 0


async def test_custom_methods(ask: Ask) -> None:
    """Methods on a record that write or read, and methods on the collection."""
    await ask("create", {"name": "a", "id": "x"})
    assert (await ask("call", "rename", "x", {"name": "b"}))["name"] == "b"
    assert await ask("read", "history", "x", {"name": {"$in": ["b", "c"]}}) == {
        "id": "x",
        "query": {"name": {"$in": ["b", "c"]}},
    }


async def test_errors_are_rebuilt_as_they_were(ask: Ask) -> None:
    """Class, message and data of an error survive the way."""
    with pytest.raises(NotFound, match="nope"):
        await ask("get", "nope")
    with pytest.raises(Conflict, match="not now") as refused:
        await ask("call", "refuse", None, {"a": 1})
    assert refused.value.data == {"reason": "busy", "wanted": {"a": 1}}


async def test_an_empty_id_is_not_the_collection(served: Served) -> None:
    """A missing id is refused before it becomes a call on all records."""
    with Client(served.url) as client, pytest.raises(BadRequest, match="id is missing"):
        client.service("notes").remove("")


async def test_nobody_there_is_one_clear_error() -> None:
    """Both clients say how to start a daemon."""
    url = "http://127.0.0.1:1"
    with pytest.raises(DaemonUnreachable, match="agor up"):
        Client(url).service("notes").find()
    with pytest.raises(DaemonUnreachable, match="agor up"):
        await LiveClient(url).connect()


async def test_something_else_there_is_told_apart(served: Served) -> None:
    """An answer that is not JSON does not come from a daemon."""
    server = await asyncio.start_server(_not_agor, "127.0.0.1", 0)
    async with server:
        host, port = server.sockets[0].getsockname()[:2]
        with pytest.raises(DaemonUnreachable, match="not Agor"):
            await asyncio.to_thread(Client(f"http://{host}:{port}").service("notes").find)


async def _not_agor(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")
    await writer.drain()
    writer.close()


async def test_events_are_heard_in_order(served: Served) -> None:
    """A listener hears each event of its name once, in order, until it is ended."""
    heard: list[str] = []
    async with LiveClient(served.url) as live:
        service = live.service("notes")
        end = service.on("created", lambda record: heard.append(record["name"]))
        for number in range(20):
            await service.create({"name": str(number)})
        await _until(lambda: len(heard) == 20)
        end()
        await service.create({"name": "unheard"})
        async with live.events("notes patched") as queue:
            await service.patch("1", {"name": "changed"})
            assert (await queue.get())[1]["name"] == "changed"
    assert heard == [str(number) for number in range(20)]


@asynccontextmanager
async def listening(served: Served) -> AsyncIterator[tuple[LiveClient, list[str], asyncio.Queue[bool]]]:
    """A client, the names of the notes it has heard of, `before` to begin with, and how each of its returns went."""
    heard: list[str] = []
    returned: asyncio.Queue[bool] = asyncio.Queue()
    async with LiveClient(served.url) as live:
        live.service("notes").on("created", lambda record: heard.append(record["name"]))
        live.on_reconnect(returned.put_nowait)
        await live.service("notes").create({"name": "before"})
        await _until(lambda: heard == ["before"])
        yield live, heard, returned


async def test_what_was_missed_is_heard_after_reconnecting(served: Served) -> None:
    """A connection that breaks comes back by itself and hears what happened meanwhile, once."""
    async with listening(served) as (live, heard, returned):
        await served.cut()
        await served.app.service("notes").create({"name": "meanwhile"})
        assert await asyncio.wait_for(returned.get(), PATIENCE_S) is True
        await live.service("notes").create({"name": "after"})
        await _until(lambda: "after" in heard)
    assert heard == ["before", "meanwhile", "after"]


@pytest.mark.parametrize("is_same_log", [True, False], ids=["with its log", "with another log"])
async def test_it_comes_back_after_a_restart(served: Served, is_same_log: bool) -> None:
    """A server that says goodbye and returns is found again; whether all was recovered is told truthfully."""
    async with listening(served) as (live, heard, returned):
        await served.stop()
        with pytest.raises(Unavailable, match="being tried again"):
            await live.service("notes").find()
        if not is_same_log:
            served.log, served.store = MemoryEventLog(), MemoryConnectionStore()
        await served.start()
        await served.app.service("notes").create({"name": "while away"})
        assert await asyncio.wait_for(returned.get(), PATIENCE_S) is is_same_log
        await live.service("notes").create({"name": "after"})
        await _until(lambda: "after" in heard)
    assert heard == (["before", "while away", "after"] if is_same_log else ["before", "after"])


async def test_a_call_under_way_fails_when_the_connection_breaks(served: Served) -> None:
    """Nobody waits for an answer that cannot come."""
    async with LiveClient(served.url) as live:
        call = asyncio.create_task(live.service("notes").call("hang"))
        await live.service("notes").find()
        await served.cut()
        with pytest.raises(Unavailable, match="broke off"):
            await asyncio.wait_for(call, PATIENCE_S)


def test_queries_are_written_as_feathers_clients_do() -> None:
    """Brackets for nesting, indices for lists, words for booleans."""
    query = {"a": {"$in": [1, 2]}, "$sort": {"b": -1}, "done": False, "$or": [{"x": "y z"}]}
    assert (
        query_string(query)
        == "?a%5B%24in%5D%5B0%5D=1&a%5B%24in%5D%5B1%5D=2&%24sort%5Bb%5D=-1&done=false&%24or%5B0%5D%5Bx%5D=y+z"
    )
    assert query_string({}) == ""


def test_a_daemon_is_found_where_the_environment_the_home_or_the_settings_say(tmp_path: Path) -> None:
    """AGOR_DAEMON_URL beats the running daemon's own word, that beats the configuration."""
    environ = {"AGOR_HOME": str(tmp_path)}
    assert find_daemon(environ).url == "http://127.0.0.1:3030"
    (tmp_path / "config.yaml").write_text("daemon: {port: 4000, host: '::1'}\n")
    assert find_daemon(environ).url == "http://[::1]:4000"
    (tmp_path / "daemon.json").write_text(json.dumps({"url": "http://127.0.0.1:5000"}))
    assert find_daemon(environ).url == "http://127.0.0.1:5000"
    assert find_daemon({**environ, "AGOR_DAEMON_URL": "https://agor.example/"}) == DaemonAddress(
        "https://agor.example", tmp_path, is_remote=True
    )


def test_tokens_are_kept_for_their_daemon_and_their_user(tmp_path: Path) -> None:
    """A token is found for the URL it was kept for, in a file for the user alone, until it is forgotten."""
    here, there = DaemonAddress("http://a", tmp_path), DaemonAddress("http://b", tmp_path)
    keep_token(here, "secret")
    keep_token(there, "other")
    assert (token_for(here), token_for(there)) == ("secret", "other")
    assert stat.S_IMODE((tmp_path / "credentials.json").stat().st_mode) == 0o600
    forget_token(here)
    assert (token_for(here), token_for(there)) == (None, "other")


async def _until(is_true: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not is_true():
            await asyncio.sleep(0.01)
