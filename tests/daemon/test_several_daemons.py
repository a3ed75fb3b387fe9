"""A team's set-up: several daemons, each with a home of its own, on one PostgreSQL."""

from __future__ import annotations

import asyncio
import contextlib
import json
import math
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa

from agor_core.client import LiveClient
from agor_core.db import Transaction, open_database
from agor_core.ids import new_id
from agor_daemon import recovery
from tests.daemon.conftest import start_session, until, wait_for_task
from tests.daemon.test_live import Screen
from tests.db.test_outages import end_connections
from tests.support.claude import processes_in
from tests.support.daemon import Daemon, clean_environment, running_daemon
from tests.support.databases import MakeUrl, make_url, postgres, postgres_template, sqlite_template
from tests.support.records import a_session, a_task
from tests.support.team import Client, make_user

__all__ = ["make_url", "postgres", "postgres_template", "sqlite_template"]

pytestmark = pytest.mark.postgres
LIMIT_S = 60


class Team:
    """Starts daemons on one database."""

    def __init__(self, url: str, folder: Path) -> None:
        self.url = url
        self._folder = folder
        self._extra: dict[str, str] = {}

    def requires_signing_in(self) -> None:
        """Of everybody, on all daemons."""
        self._extra["AGOR_DAEMON_REQUIRE_AUTH"] = "true"

    def plays(self, folder: Path, *steps: dict[str, Any]) -> None:
        """What the scripted agent does on each prompt."""
        scenario = folder / "scenario.json"
        scenario.write_text(json.dumps({"pace_s": 0, "turns": [{"steps": list(steps)}]}))
        self._extra["AGOR_AGENTS_SCRIPTED_SCENARIO"] = str(scenario)

    @contextmanager
    def daemon(self, name: str) -> Iterator[Daemon]:
        """The daemon with that home, until it is left or killed."""
        home = self._folder / name
        environment = clean_environment(home, AGOR_DATABASE_URL=self.url, **self._extra)
        with running_daemon(home, environment=environment) as running:
            yield running


@pytest.fixture
def team(make_url: MakeUrl, tmp_path: Path) -> Team:
    """No daemon yet, and a database."""
    return Team(make_url("postgresql"), tmp_path)


@asynccontextmanager
async def front(daemon: Daemon) -> AsyncIterator[tuple[str, list[Daemon]]]:
    """A URL that leads to the last daemon of a list, as a load balancer's would."""
    behind = [daemon]
    pumps: set[asyncio.Task[None]] = set()
    writers: list[asyncio.StreamWriter] = []

    async def pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await source.read(65536):
                sink.write(data)
                await sink.drain()
        sink.close()

    async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            inner = await asyncio.open_connection("127.0.0.1", int(behind[-1].url.rpartition(":")[2]))
        except OSError:
            writer.close()
            return
        writers.extend((writer, inner[1]))
        for pair in ((reader, inner[1]), (inner[0], writer)):
            task = asyncio.create_task(pump(*pair))
            pumps.add(task)
            task.add_done_callback(pumps.discard)

    server = await asyncio.start_server(relay, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", behind
    finally:
        server.close()
        for task in list(pumps):
            task.cancel()
        await asyncio.gather(*pumps, return_exceptions=True)
        for writer in writers:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()


async def made(daemon: Daemon, *titles: str) -> None:
    """Sessions with these titles, made one after the other."""
    for title in titles:
        await asyncio.to_thread(daemon.call, "POST", "/sessions", {"agent": "scripted", "title": title})


def titles(screen: Screen) -> list[str]:
    """Of the sessions a screen saw being made, in that order."""
    return [payload["title"] for payload in screen.of("sessions created")]


async def test_what_is_made_on_one_daemon_is_heard_on_all_in_the_same_order(team: Team) -> None:
    """Two daemons make sessions at once: a screen on each, and one that comes back to a daemon that was killed, see all
    of them once, in the order of the log."""
    names = [[f"{daemon}{nth}" for nth in range(15)] for daemon in "ab"]
    with ExitStack() as stack:
        one, other = stack.enter_context(team.daemon("one")), stack.enter_context(team.daemon("other"))
        async with LiveClient(one.url) as here, LiveClient(other.url) as there, front(other) as (url, behind):
            screens = [Screen(here), Screen(there)]
            async with LiveClient(url) as moving:
                screens.append(Screen(moving))
                recovered: list[bool] = []
                moving.on_reconnect(recovered.append)
                await asyncio.gather(made(one, *names[0]), made(other, *names[1]))
                for screen in screens:
                    for last in (names[0][-1], names[1][-1]):
                        await screen.until("sessions created", title=last)
                await asyncio.to_thread(other.kill)
                await made(one, "while away")
                behind.append(one)
                async with asyncio.timeout(LIMIT_S):
                    await screens[2].until("sessions created", title="while away")
                await made(one, "after")
                await screens[2].until("sessions created", title="after")
                assert recovered == [True]
                await screens[0].until("sessions created", title="after")
        logged = [event["payload"]["title"] for event in one.call("GET", "/events?path=sessions&$limit=1000")["data"]]
        seqs = [event["seq"] for event in one.call("GET", "/events?$limit=1000")["data"]]
    assert seqs == list(range(seqs[0], seqs[0] + len(seqs)))
    assert sorted(logged) == sorted([*names[0], *names[1], "while away", "after"])
    assert titles(screens[0]) == titles(screens[2]) == logged
    assert titles(screens[1]) == logged[: len(titles(screens[1]))]


async def test_a_daemon_that_was_killed_comes_back_and_hears_on(team: Team) -> None:
    """Started again on the same home, it announces what is made elsewhere as before."""
    with team.daemon("one") as one:
        with team.daemon("other") as other:
            await made(other, "before")
            other.kill()
        await made(one, "between")
        with team.daemon("other") as other:
            async with LiveClient(other.url) as client:
                screen = Screen(client)
                await made(one, "later")
                await screen.until("sessions created", title="later")
                assert titles(screen) == ["later"]
            assert other.call("GET", "/sessions")["total"] == 3


async def test_what_an_agent_says_on_one_daemon_is_seen_on_another_while_it_is_said(
    team: Team, repository: Path, tmp_path: Path
) -> None:
    """Chunks, long ones too, come to screens of other daemons in order, and add up to the message that follows."""
    long = "é" * 9000
    team.plays(tmp_path, {"text": f"short words, then {long} and an end"})
    with team.daemon("one") as one, team.daemon("other") as other:
        session = await asyncio.to_thread(start_session, one, repository)
        async with LiveClient(other.url) as client:
            screen = Screen(client)
            path = f"/sessions/{session['session_id']}/prompt"
            await asyncio.to_thread(one.call, "POST", path, {"prompt": "say it"})
            await screen.until("sessions patched", status="idle")
            answer = screen.of("messages created")[-1]
            await screen.until("messages streaming:end", message_id=answer["message_id"])
    chunks = screen.of("messages streaming:chunk")
    assert [chunk["index"] for chunk in chunks] == list(range(len(chunks)))
    assert {chunk["message_id"] for chunk in chunks} == {answer["message_id"]}
    said = "".join(chunk["chunk"] for chunk in chunks)
    assert long in said
    assert said == "".join(block.get("text", "") for block in answer["content"])


async def test_what_was_said_so_far_can_be_read_on_every_daemon(team: Team, repository: Path, tmp_path: Path) -> None:
    """The text so far of a message is the same wherever one asks while it streams, however long, for it or for all that
    its session says; once it is whole, or if there never was one, it is not streaming anywhere."""
    said = "é" * 70_000 + " and more"
    team.plays(tmp_path, {"text": said, "pace_s": 0}, {"text": "…", "pace_s": 300})
    with team.daemon("one") as one, team.daemon("other") as other:
        session = await asyncio.to_thread(start_session, one, repository)
        async with LiveClient(other.url) as client:
            screen = Screen(client)
            path = f"/sessions/{session['session_id']}"
            await asyncio.to_thread(one.call, "POST", f"{path}/prompt", {"prompt": "say it"})
            start = await screen.until("messages streaming:start")
            partial = f"/messages/{start['message_id']}/partial"
            await asyncio.to_thread(until, lambda: one.call("GET", partial)["text"] == f"{said}…")
            assert await asyncio.to_thread(other.call, "GET", partial) == one.call("GET", partial)
            assert await client.service("messages").read("partial", start["message_id"]) == one.call("GET", partial)
            streams = f"{path}/streams"
            for daemon in (one, other):
                assert await asyncio.to_thread(daemon.call, "GET", streams) == [one.call("GET", partial)]
            status, error = await asyncio.to_thread(other.request, "GET", f"/messages/{new_id()}/partial")
            assert (status, error["name"]) == (404, "NotFound")
            await asyncio.to_thread(other.call, "POST", f"{path}/stop", {})
            for daemon in (one, other):
                status, error = await asyncio.to_thread(daemon.request, "GET", partial)
                assert (status, error["name"]) == (404, "NotFound")
                assert await asyncio.to_thread(daemon.call, "GET", streams) == []


async def test_a_private_session_is_heard_by_nobody_else_on_any_daemon(
    team: Team, repository: Path, tmp_path: Path
) -> None:
    """What an agent says in a private session reaches its owner on both daemons, and no other member on either; nor can
    they read the text so far. Made private in the middle of an answer, not one chunk more reaches them."""
    team.requires_signing_in()
    # Said at once up to a point, then so slowly that there is always more to come.
    team.plays(tmp_path, {"text": "word " * 400, "pace_s": 0.001}, {"text": "more " * 20_000, "pace_s": 0.05})
    with ExitStack() as stack:
        daemons = [stack.enter_context(team.daemon(name)) for name in ("one", "other")]
        for email in ("owner@example.com", "member@example.com"):
            await asyncio.to_thread(make_user, daemons[0].environment, email)
        owners = [Client(daemon, "owner@example.com") for daemon in daemons]
        members = [Client(daemon, "member@example.com") for daemon in daemons]
        async with AsyncExitStack() as open_clients:

            async def screen(client: Client, daemon: Daemon) -> Screen:
                return Screen(await open_clients.enter_async_context(LiveClient(daemon.url, client.token)))

            own = [await screen(*pair) for pair in zip(owners, daemons, strict=True)]
            strange = [await screen(*pair) for pair in zip(members, daemons, strict=True)]

            async def started(sharing: str) -> tuple[str, str]:
                data = {"agent": "scripted", "cwd": str(repository), "sharing": sharing}
                session = await asyncio.to_thread(owners[0].call, "POST", "/sessions", data)
                path = f"/sessions/{session['session_id']}"
                await asyncio.to_thread(owners[0].call, "POST", f"{path}/prompt", {"prompt": "go"})
                start = await own[1].until("messages streaming:start", session_id=session["session_id"])
                return path, start["message_id"]

            _, secret = await started("private")
            for screen_of_owner in own:
                await screen_of_owner.until("messages streaming:chunk", message_id=secret, index=300)
            for member in members:
                status, _ = await asyncio.to_thread(member.request, "GET", f"/messages/{secret}/partial")
                assert status == 404
            assert (await asyncio.to_thread(owners[1].call, "GET", f"/messages/{secret}/partial"))["chunks"] > 300
            for at in (0, 1):
                path, message_id = await started("everyone")
                for each in strange:
                    await each.until("messages streaming:chunk", message_id=message_id)
                await asyncio.to_thread(owners[at].call, "PATCH", path, {"sharing": "private"})
                for each in own:
                    await each.until("sessions patched", session_id=path.rpartition("/")[2], sharing="private")
                patched = next(
                    nth
                    for nth, (_, payload) in enumerate(own[0].heard)
                    if payload.get("sharing") == "private" and path.endswith(payload["session_id"])
                )

                def later(message_id: str = message_id, patched: int = patched) -> list[int]:
                    heard = own[0].heard[patched:]
                    return [
                        payload["index"]
                        for _, payload in heard
                        if payload.get("chunk") and payload["message_id"] == message_id
                    ]

                await asyncio.to_thread(until, later)
                first = later()[0]
                for each in own:
                    await each.until("messages streaming:chunk", message_id=message_id, index=first + 10)
                for each in strange:
                    heard = [
                        one["index"] for one in each.of("messages streaming:chunk") if one["message_id"] == message_id
                    ]
                    assert max(heard) < first
        assert all(secret not in str(each.heard) for each in strange)


async def test_what_is_said_after_a_session_was_made_private_waits_for_the_news(
    team: Team, repository: Path, tmp_path: Path
) -> None:
    """It was made private elsewhere, and neither the daemon that runs it nor the one that a member looks at can read so
    yet: what the agent says from then on stays there until they have, and then does not reach the member."""
    team.requires_signing_in()
    team.plays(tmp_path, {"text": "more " * 20_000, "pace_s": 0.02})
    async with AsyncExitStack() as stack:
        one, other = (stack.enter_context(team.daemon(name)) for name in ("one", "other"))
        for email in ("owner@example.com", "member@example.com"):
            await asyncio.to_thread(make_user, one.environment, email)
        owner = Client(one, "owner@example.com")
        screens = [
            Screen(await stack.enter_async_context(LiveClient(daemon.url, Client(daemon, email).token)))
            for daemon, email in (
                (one, "owner@example.com"),
                (other, "owner@example.com"),
                (other, "member@example.com"),
            )
        ]
        here, there, strange = screens
        data = {"agent": "scripted", "cwd": str(repository)}
        session = await asyncio.to_thread(owner.call, "POST", "/sessions", data)
        await asyncio.to_thread(owner.call, "POST", f"/sessions/{session['session_id']}/prompt", {"prompt": "go"})
        for each in screens:
            start = await each.until("messages streaming:chunk", index=10)

        def newest(screen: Screen) -> int:
            return max(int(one["index"]) for one in screen.of("messages streaming:chunk"))

        with unread(team.url, lambda tx: tx.sessions.patch(session["session_id"], {"sharing": "private"})):
            # As the daemon has it: the screens have heard nothing while that was written.
            said = owner.call("GET", f"/messages/{start['message_id']}/partial")["chunks"]
            await here.until("messages streaming:chunk", index=said + 50)
            assert newest(strange) < said + 25
        await there.until("messages streaming:chunk", index=newest(here) + 10)
        assert newest(strange) < said + 25


@contextmanager
def unread(url: str, work: Callable[[Transaction], object]) -> Iterator[None]:
    """Inside, `work` is committed, and nobody can read the lines it wrote in the log."""
    with (
        psycopg.connect(url) as reading,
        psycopg.connect(url, autocommit=True) as looking,
        ThreadPoolExecutor() as pool,
    ):
        waits = "SELECT count(*) FROM pg_locks WHERE mode = 'AccessExclusiveLock' AND NOT granted"

        def write(tx: Transaction) -> Future[Any]:
            # Held now, for who waits for the whole table comes before those who read, but not before this.
            tx.connection.execute(sa.text("LOCK TABLE events IN ROW EXCLUSIVE MODE"))
            waiting = pool.submit(reading.execute, "LOCK TABLE events IN ACCESS EXCLUSIVE MODE")
            until(lambda: looking.execute(waits).fetchone() == (1,))
            work(tx)
            return waiting

        with open_database(url) as database:
            database.write_now(write).result()
        yield
        reading.rollback()


async def test_a_daemon_ends_the_runs_of_a_dead_one_and_leaves_those_of_a_living_one(
    team: Team, repository: Path, tmp_path: Path
) -> None:
    """A daemon that starts fails what a killed one ran as interrupted; what another one runs goes on, and takes its
    answers from wherever a person gives them."""
    team.plays(tmp_path, {"bash": {"command": "true"}, "ask": True}, {"text": "done"})

    def waiting(daemon: Daemon, name: str) -> str:
        session = start_session(daemon, repository, name)
        task: dict[str, Any] = daemon.call("POST", f"/sessions/{session['session_id']}/prompt", {"prompt": "go"})
        wait_for_task(daemon, task["task_id"], "awaiting_permission")
        return str(task["task_id"])

    with team.daemon("one") as one:
        with team.daemon("other") as other:
            lives = await asyncio.to_thread(waiting, one, "lives")
            dies = await asyncio.to_thread(waiting, other, "dies")
            other.kill()
        with team.daemon("other") as other:
            ended = other.call("GET", f"/tasks/{dies}")
            assert (ended["status"], ended["error"]["kind"]) == ("failed", "interrupted")
            assert other.call("GET", f"/tasks/{lives}")["status"] == "awaiting_permission"
            (question,) = one.call("GET", f"/permissions?task_id={lives}")["data"]
            other.call("POST", f"/permissions/{question['request_id']}/decide", {"allow": True})
            assert (await asyncio.to_thread(wait_for_task, one, lives))["status"] == "completed"


async def test_a_daemon_that_is_slow_to_come_back_after_a_restart_of_the_server_keeps_its_runs(
    team: Team, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who starts when the server has just started waits for the others to connect again, and no longer than that."""
    monkeypatch.setattr(recovery, "PATIENCE_S", 0)
    monkeypatch.setattr(recovery, "SETTLED_S", math.inf)
    with open_database(team.url) as slow, open_database(team.url) as starting:
        session = await a_session(starting, status="running")
        task = await a_task(starting, session.session_id, status="running")
        await starting.write(lambda tx: tx.tasks.patch(task.task_id, {"daemon_id": slow.peers.id}))
        ending = asyncio.create_task(recovery.end_orphans(starting))
        await asyncio.wait([ending], timeout=4 * recovery.LOOK_AGAIN_S)
        assert not ending.done()
        await slow.change_log.start()
        async with asyncio.timeout(LIMIT_S):
            assert await ending == recovery.Found()
        await slow.change_log.stop()
        assert (await starting.read(lambda tx: tx.tasks.get(task.task_id))).status == "running"


async def test_a_run_is_stopped_from_whichever_daemon_a_person_is_at(
    team: Team, repository: Path, tmp_path: Path
) -> None:
    """The daemon that runs it ends it, and what was said is kept; of one that was killed the caller is told. Until then
    nobody deletes the session under it."""
    team.plays(tmp_path, {"text": "said so far"}, {"bash": {"command": "sleep 300"}})

    def working(daemon: Daemon, name: str) -> tuple[str, str, Path]:
        session = start_session(daemon, repository, name)
        path, place = f"/sessions/{session['session_id']}", Path(session["repo"]["cwd"])
        task = daemon.call("POST", f"{path}/prompt", {"prompt": "go"})
        until(lambda: "said so far" in str(daemon.call("GET", f"/messages?task_id={task['task_id']}")["data"]))
        until(lambda: processes_in(place))
        return path, str(task["task_id"]), place

    with team.daemon("one") as one:
        with team.daemon("other") as other:
            path, task_id, place = await asyncio.to_thread(working, one, "stopped")
            status, error = other.request("DELETE", path)
            assert (status, error["name"]) == (409, "Conflict")
            assert "stop it first" in error["message"]
            stopped = await asyncio.to_thread(other.call, "POST", f"{path}/stop", {})
            assert (stopped["task_id"], stopped["status"]) == (task_id, "stopped")
            assert not processes_in(place)
            said = other.call("GET", f"/messages?task_id={task_id}")["data"]
            assert "said so far" in str(said[-1]["content"])
            status, error = other.request("POST", f"{path}/stop", {})
            assert (status, error["name"]) == (409, "Conflict")
            path, task_id, place = await asyncio.to_thread(working, other, "orphaned")
            other.kill()
        status, error = await asyncio.to_thread(one.request, "POST", f"{path}/stop", {})
        assert (status, error["name"]) == (409, "Conflict")
        assert "is no more" in error["message"]
        ended = one.call("GET", f"/tasks/{task_id}")
        assert (ended["status"], ended["error"]["kind"]) == ("failed", "interrupted")
        assert not processes_in(place)


def test_a_daemon_whose_server_is_away_says_so_and_goes_on_by_itself(team: Team) -> None:
    """While PostgreSQL cannot be reached every call is 503 with one line; when it is back, all works as before."""
    url = sa.make_url(team.url)
    name, server = url.database, url.set(database="postgres").render_as_string(hide_password=False)

    def let_in(may_connect: bool) -> None:
        with psycopg.connect(server, autocommit=True) as connection:
            connection.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS {may_connect}")
            if not may_connect:
                ended = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s"
                connection.execute(ended, (name,))

    with team.daemon("one") as one:
        session = one.call("POST", "/sessions", {"agent": "scripted", "title": "before"})
        let_in(False)
        for method, path, body in (
            ("GET", "/sessions", None),
            ("POST", "/sessions", {"agent": "scripted"}),
            ("GET", f"/sessions/{session['session_id']}", None),
        ):
            status, answer = one.request(method, path, body)
            assert (status, answer["name"]) == (503, "Unavailable"), answer
            assert "\n" not in answer["message"]
        let_in(True)
        assert one.call("GET", "/sessions")["total"] == 1
        assert one.call("POST", "/sessions", {"agent": "scripted", "title": "after"})["title"] == "after"
        titles = [event["payload"]["title"] for event in one.call("GET", "/events?path=sessions")["data"]]
        assert titles == ["before", "after"]


async def test_no_acknowledged_write_is_lost_when_the_server_drops_everybody(team: Team) -> None:
    """While PostgreSQL ends all connections again and again, what was answered with success is stored, once, with its
    event; what was not is a 503 in words; and whoever listens hears on, each event once and in order."""
    acknowledged: list[str] = []
    refused: list[tuple[int, str]] = []
    with team.daemon("one") as one, team.daemon("other") as other:

        def write(name: str) -> None:
            for nth in range(40):
                title = f"{name}{nth}"
                status, answer = one.request("POST", "/sessions", {"agent": "scripted", "title": title})
                if status == 201:
                    acknowledged.append(title)
                else:
                    refused.append((status, answer["message"]))

        async with LiveClient(one.url) as here, LiveClient(other.url) as there:
            screens = Screen(here), Screen(there)
            writers = [asyncio.create_task(asyncio.to_thread(write, name)) for name in "abc"]
            while len(acknowledged) + len(refused) < 90:
                await asyncio.to_thread(end_connections, team.url)
            await asyncio.gather(*writers)
            await made(other, "the last")
            for screen in screens:
                await screen.until("sessions created", title="the last")
        stored = other.call("GET", "/sessions?$limit=1000&$sort[created_at]=1")["data"]
        logged = one.call("GET", "/events?path=sessions&$limit=1000&$sort[seq]=1")["data"]
    assert {status for status, _ in refused} <= {503}
    assert not any("\n" in message for _, message in refused)
    in_log = [event["payload"]["title"] for event in logged if event["event"] == "created"]
    assert len(in_log) == len(set(in_log))
    assert sorted(in_log) == sorted(session["title"] for session in stored)
    assert set(acknowledged) <= set(in_log)
    for screen in screens:
        assert titles(screen) == in_log


async def test_a_restore_under_a_running_daemon_has_its_clients_begin_anew(team: Team, tmp_path: Path) -> None:
    """Who is connected to a daemon whose database is restored from elsewhere learns that it missed something, and finds
    what the backup held; short ids shown then are those of what is there now."""
    with team.daemon("source") as source:
        await made(source, "in the backup")
        await asyncio.to_thread(admin, "db-backup", tmp_path / "copy", source.environment)
        (session,) = source.call("GET", "/sessions")["data"]
        await asyncio.to_thread(source.call, "DELETE", f"/sessions/{session['session_id']}")
        async with LiveClient(source.url) as client:
            recovered: asyncio.Queue[bool] = asyncio.Queue()
            client.on_reconnect(recovered.put_nowait)
            screen = Screen(client)
            elsewhere = clean_environment(tmp_path / "elsewhere", AGOR_DATABASE_URL=team.url)
            await asyncio.to_thread(admin, "db-restore", tmp_path / "copy", elsewhere)
            async with asyncio.timeout(LIMIT_S):
                assert await recovered.get() is False
            found = await client.service("sessions").find({})
            assert [one["session_id"] for one in found["data"]] == [session["session_id"]]
            assert (await client.service("sessions").get(found["data"][0]["short_id"]))["title"] == "in the backup"
            await made(source, "after")
            await screen.until("sessions created", title="after")


def admin(command: str, file: Path, environment: dict[str, str]) -> None:
    """Run a command of the administrator in a home of its own."""
    subprocess.run([sys.executable, "-m", "agor_daemon.admin", command, str(file)], env=environment, check=True)
