"""The delivery promise where it is hard to keep: connections that break all the time, and a daemon that is killed."""

from __future__ import annotations

import asyncio
import json
from contextlib import ExitStack
from http.client import HTTPException
from pathlib import Path
from typing import Any

import pytest

from tests.support.daemon import Daemon, running_daemon
from tests.support.faulty import FaultyProxy, faulty_proxy
from tests.support.node import find_node, install_packages, node_environment
from tests.support.team import Client, make_user

FOLDER = Path(__file__).parent.parent / "js"

CLIENTS = 20
ROUNDS = 50
PUBLIC, PRIVATE = 150, 50  # messages a round
KILLED_IN = (15, 35)  # these rounds
# The writer waits for the slowest reader: who is more than 5,000 events behind would begin anew.
MOST_AHEAD = 2_000
LINE_BYTES = 16_000_000
STEP_LIMIT_S = 300


class Writer:
    """Writes messages to a daemon that is killed now and then, and knows how far its log is."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self._folder = folder
        self._environment = environment
        self._stack = ExitStack()
        self.daemon: Daemon = self._stack.enter_context(running_daemon(folder, environment=environment))

    @property
    def port(self) -> int:
        """Where the daemon is now."""
        return int(self.daemon.url.rpartition(":")[2])

    def sign_in(self, email: str) -> Client:
        """A client of the daemon as it is now."""
        return Client(self.daemon, email)

    def kill_and_restart(self) -> None:
        """End it as a power cut would; another one goes on with its home."""
        self.daemon.kill()
        self.daemon = self._stack.enter_context(running_daemon(self._folder, environment=self._environment))

    def close(self) -> None:
        """Stop it."""
        self._stack.close()


def messages(session_id: str, count: int) -> list[dict[str, Any]]:
    """Messages for a session."""
    return [{"session_id": session_id, "type": "user", "role": "user", "content": "said"} for _ in range(count)]


def newest(client: Client) -> int:
    """The seq of the newest event the client may hear."""
    seq: int = client.call("GET", "/events?$sort[seq]=-1&$limit=1")["data"][0]["seq"]
    return seq


def heard_by(client: Client, start: int) -> list[int]:
    """The seq of every event the client may hear, as the log has it."""
    seqs: list[int] = []
    while True:
        after = seqs[-1] if seqs else start
        page = client.call("GET", f"/events?seq[$gt]={after}&$limit=5000&$sort[seq]=1&$select[]=seq")["data"]
        if not page:
            return seqs
        seqs += [event["seq"] for event in page]


@pytest.mark.node
async def test_every_event_is_heard_once_and_in_order_whatever_breaks(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    """10,000 events, 20 official clients behind a proxy that cuts, delays and halves, and a daemon killed twice.

    Each client hears each event it may hear exactly once, in order, without ever beginning anew; half of them may not
    hear of one of the two sessions.
    """
    folder, reason = find_node()
    if folder is None:
        pytest.skip(reason)
    install_packages(FOLDER)
    environment["AGOR_DAEMON_REQUIRE_AUTH"] = "true"
    make_user(environment, "owner@example.com")
    make_user(environment, "member@example.com", role="member")
    writer = await asyncio.to_thread(Writer, tmp_path, environment)
    try:
        async with faulty_proxy(writer.port, seed=3) as proxy:
            await _run(writer, proxy)
    finally:
        await asyncio.to_thread(writer.close)


async def _run(writer: Writer, proxy: FaultyProxy) -> None:
    owner, member = writer.sign_in("owner@example.com"), writer.sign_in("member@example.com")
    public, private = (
        owner.call("POST", "/sessions", {"agent": "scripted", "sharing": sharing})["session_id"]
        for sharing in ("everyone", "private")
    )
    start = newest(owner)
    tokens = [client.signed_in["accessToken"] for client in (owner, member)] * (CLIENTS // 2)
    clients = await _clients(proxy, tokens)
    try:
        seen = await _flow(writer, proxy, clients, public, private)
    finally:
        if clients.returncode is None:
            clients.kill()
        await clients.wait()
    owner, member = writer.sign_in("owner@example.com"), writer.sign_in("member@example.com")
    may_hear = {0: heard_by(owner, start), 1: heard_by(member, start)}
    assert len(may_hear[0]) >= ROUNDS * (PUBLIC + PRIVATE)
    assert len(may_hear[0]) - len(may_hear[1]) >= ROUNDS * PRIVATE
    for number, client in enumerate(seen):
        assert [seq for seq in client["seqs"] if seq > start] == may_hear[number % 2], f"client {number}"
        assert all(client["recovered"])
        # At least each time the daemon was killed.
        assert len(client["recovered"]) >= len(KILLED_IN)
    print(f"{proxy.cuts} cuts, {proxy.halves} halves, {proxy.delays} delays, {len(may_hear[0])} events")
    assert proxy.cuts > CLIENTS
    assert proxy.halves > CLIENTS
    assert proxy.delays > CLIENTS


async def _clients(proxy: FaultyProxy, tokens: list[str]) -> asyncio.subprocess.Process:
    """The clients, signed in; from then on the proxy harms them."""
    clients = await asyncio.create_subprocess_exec(
        "node",
        "faults.mjs",
        f"http://127.0.0.1:{proxy.port}",
        *tokens,
        cwd=FOLDER,
        env=node_environment(),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=LINE_BYTES,
    )
    assert await _line(clients) == b"ready\n"
    proxy.is_faulty = True
    return clients


async def _flow(
    writer: Writer, proxy: FaultyProxy, clients: asyncio.subprocess.Process, public: str, private: str
) -> list[dict[str, Any]]:
    """Write everything, never too far ahead of the readers; what they have heard."""
    owner, reached = writer.sign_in("owner@example.com"), 0
    for number in range(ROUNDS):
        await asyncio.to_thread(owner.call, "POST", "/messages/bulk", messages(private, PRIVATE))
        writing = asyncio.to_thread(owner.call, "POST", "/messages/bulk", messages(public, PUBLIC))
        if number in KILLED_IN:
            # In the middle of it: whether these were stored is for the log to say.
            unsure = asyncio.gather(writing, return_exceptions=True)
            await asyncio.to_thread(writer.kill_and_restart)
            (outcome,) = await unsure
            assert not isinstance(outcome, BaseException) or isinstance(outcome, OSError | HTTPException), outcome
            proxy.upstream = writer.port
            owner = writer.sign_in("owner@example.com")
            await asyncio.to_thread(owner.call, "POST", "/messages/bulk", messages(public, PUBLIC))
        else:
            await writing
        end = await asyncio.to_thread(newest, owner)
        while end - reached > MOST_AHEAD:
            reached = int(await _line(clients))
    # A last one that everybody may hear: whoever has heard it has heard all.
    await asyncio.to_thread(owner.call, "POST", "/messages/bulk", messages(public, 1))
    assert clients.stdin is not None
    clients.stdin.write(f"{newest(writer.sign_in('member@example.com'))}\n".encode())
    while not (line := await _line(clients)).startswith(b"["):
        pass
    seen: list[dict[str, Any]] = json.loads(line)
    return seen


async def _line(clients: asyncio.subprocess.Process) -> bytes:
    assert clients.stdout is not None
    async with asyncio.timeout(STEP_LIMIT_S):
        line = await clients.stdout.readline()
    assert line, "the clients have ended"
    return line
