"""What the daemon keeps of its change log, and whoever was away for longer; what is larger than a list shows."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from agor_core.client import LiveClient
from agor_core.config import load_settings
from agor_core.db import Database, engine, export_to, open_database
from agor_core.models import Session
from agor_daemon import lifespan
from agor_daemon.live_settings import LiveSettings
from tests.daemon.conftest import until
from tests.daemon.test_live import Screen
from tests.daemon.test_several_daemons import front, made, titles
from tests.support.daemon import Daemon, running_daemon
from tests.support.databases import MakeUrl, make_url, sqlite_template

__all__ = ["make_url", "sqlite_template"]

LIMIT_S = 60
KEPT = 1000
"""Lines of the log, as few as one can ask for."""


async def test_who_was_away_for_longer_than_the_log_is_kept_begins_anew(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    """A daemon prunes its log by itself; a client that comes back to it from before learns that it missed something,
    finds all there is, and hears on."""
    with running_daemon(tmp_path, environment=environment) as daemon:
        async with front(daemon) as (url, behind), LiveClient(url) as client:
            screen = Screen(client)
            recovered: asyncio.Queue[bool] = asyncio.Queue()
            client.on_reconnect(recovered.put_nowait)
            await made(daemon, "before")
            await screen.until("sessions created", title="before")
            await asyncio.to_thread(daemon.kill)
            with running_daemon(tmp_path, environment=environment) as meanwhile:
                await made(meanwhile, "missed")
                (session,) = meanwhile.call("GET", "/sessions?title=missed")["data"]
                message = {"session_id": session["session_id"], "type": "user", "role": "user", "content": "much"}
                await asyncio.to_thread(meanwhile.call, "POST", "/messages/bulk", [message] * KEPT)
            environment["AGOR_EVENTS_KEEP_ROWS"] = str(KEPT)
            with running_daemon(tmp_path, environment=environment) as daemon:
                await asyncio.to_thread(until, lambda: daemon.call("GET", "/events")["total"] == KEPT)
                behind.append(daemon)
                async with asyncio.timeout(LIMIT_S):
                    assert await recovered.get() is False
                found = await client.service("sessions").find({})
                assert [one["title"] for one in found["data"]] == ["missed", "before"]
                await made(daemon, "after")
                await screen.until("sessions created", title="after")
                assert titles(screen) == ["before", "after"]


async def test_upkeep_goes_on_after_an_outage(
    make_url: MakeUrl, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A database that cannot be written when the log is to be pruned is pruned once it can."""
    monkeypatch.setattr(engine, "_PRAGMAS", ("journal_mode=WAL", "busy_timeout=20"))
    monkeypatch.setattr(lifespan, "PRUNE_EVERY_S", 0.05)
    live = LiveSettings(load_settings(tmp_path, flags={"events.keep_rows": KEPT}))
    with open_database(make_url("sqlite")) as database:
        await database.write(lambda tx: tx.sessions.add_many([Session(agent="x") for _ in range(KEPT + 10)]))
        refused = asyncio.Event()
        monkeypatch.setattr(lifespan.log, "warning", lambda *_: refused.set())
        assert database.file is not None
        with contextlib.closing(sqlite3.connect(database.file, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            upkeep = asyncio.create_task(lifespan._prune(live, database))
            await asyncio.wait_for(refused.wait(), LIMIT_S)
            other.execute("ROLLBACK")
        _, newest = await database.change_log.position()
        async with asyncio.timeout(LIMIT_S):
            while await _oldest(database) != newest - KEPT + 1:
                await asyncio.sleep(0.01)
        upkeep.cancel()


async def _oldest(database: Database) -> int:
    page = await database.read(lambda tx: tx.events.page({"$sort": {"seq": 1}, "$limit": 1}, None, 1, 1))
    return int(page["data"][0]["seq"])


async def test_a_message_of_more_than_a_megabyte_is_whole_where_it_is_asked_for(daemon: Daemon) -> None:
    """It is listed with its preview and found by its words; `get` gives all of it, over both doors, and so does an
    export."""
    content = "needle " + "ö" * 1_200_000
    session = await asyncio.to_thread(daemon.call, "POST", "/sessions", {"agent": "scripted"})
    data = {"session_id": session["session_id"], "type": "user", "role": "user", "content": content}
    async with LiveClient(daemon.url) as live:
        screen = Screen(live)

        async def over_http(id: str) -> Any:
            return await asyncio.to_thread(daemon.call, "GET", f"/messages/{id}")

        async def listed_over_http(query: str) -> Any:
            return await asyncio.to_thread(daemon.call, "GET", f"/messages?{query}")

        messages = live.service("messages")
        stored = [await messages.create(data), await asyncio.to_thread(daemon.call, "POST", "/messages", data)]
        for message in stored:
            heard = await screen.until("messages created", message_id=message["message_id"])
            assert (heard["truncated"], len(heard["content"])) == (True, 200)
            for get in (over_http, messages.get):
                assert (await get(message["message_id"]))["content"] == content
        query = {"session_id": session["session_id"], "$search": "needle"}
        lists = [
            await messages.find(query),
            await listed_over_http(f"session_id={session['session_id']}"),
            await listed_over_http("$search=needle"),
        ]
        for found in lists:
            assert found["total"] == 2
            assert {(one["truncated"], len(one["content"])) for one in found["data"]} == {(True, 200)}
    exported = io.BytesIO()
    with open_database(f"sqlite:///{daemon.home}/agor.db") as database:
        export_to(database, exported)
    lines = [json.loads(line) for line in exported.getvalue().splitlines()]
    whole = [line["record"]["data"]["content"] for line in lines if line.get("path") == "messages"]
    assert whole == [content, content]
