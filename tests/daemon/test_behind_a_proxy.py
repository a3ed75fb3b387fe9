"""A daemon behind a real nginx, and a real Caddy, that speak TLS for it: set up with what the README says."""

from __future__ import annotations

import asyncio
import io
import json
import socket
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from tests.support.fronts import NAME, OWNER, Front
from tests.support.node import find_node, install_packages, node_environment
from tests.support.team import Client

FOLDER = Path(__file__).parent.parent / "js"
LIMIT_S = 180
ORIGIN = f"https://{NAME}"
BOARDS = "/boards"
WRONG = {"strategy": "local", "email": OWNER, "password": "wrong"}


class Here(AbstractResolver):
    """Every name is this machine's."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """127.0.0.1."""
        return [ResolveResult(hostname=host, host="127.0.0.1", port=port, family=socket.AF_INET, proto=0, flags=0)]

    async def close(self) -> None:
        """Nothing to close."""


@asynccontextmanager
async def browsing(front: Front, address: str = "127.0.0.1", **settings: Any) -> AsyncIterator[aiohttp.ClientSession]:
    """Somebody at that address of this machine, who calls the proxy by its public name."""
    connector = aiohttp.TCPConnector(resolver=Here(), local_addr=(address, 0), ssl=front.tls)
    async with aiohttp.ClientSession(front.url, connector=connector, **settings) as session:
        yield session


def signed_in(front: Front) -> dict[str, str]:
    """What an owner sends along."""
    return {"Authorization": f"Bearer {Client(front.daemon, OWNER).token}"}


async def asked(session: aiohttp.ClientSession, path: str, **headers: str) -> tuple[int, bytes]:
    """(status, body)."""
    async with session.get(path, headers=headers) as response:
        return response.status, await response.read()


async def upgraded(session: aiohttp.ClientSession, **headers: str) -> bool:
    """Whether a WebSocket is let in."""
    try:
        async with session.ws_connect("/socket.io/?EIO=4&transport=websocket", headers=headers) as websocket:
            return (await websocket.receive_str()).startswith("0{")
    except aiohttp.WSServerHandshakeError as error:
        if error.status != 403:
            raise
        return False


@pytest.mark.node
@pytest.mark.parametrize("transports", ["websocket", "polling", "polling,websocket"])
def test_the_official_client_notices_no_proxy(front: Front, transports: str) -> None:
    """By any transport it signs in, creates, forks, hears each session once, and after a cut hears what it missed."""
    seen = json.loads(_node(front, "daemon.mjs", transports).communicate(timeout=LIMIT_S)[0])
    assert seen["user"]["email"] == OWNER
    assert seen["heard"] == seen["made"]
    assert seen["recovered"] == [True]


@pytest.mark.node
def test_clients_sit_out_a_restart_behind_a_proxy(front: Front) -> None:
    """A daemon ends in order though its proxy holds connections to it; meanwhile there is an error, and when it is back
    its clients go on by themselves where they were."""
    with _node(front, "restarted.mjs") as clients:
        assert clients.stdout is not None
        assert clients.stdout.readline() == "listening\n"
        assert front.daemon.stop() == 0
        assert asyncio.run(_status(front, "/health")) == 502
        front.daemon = front.start()
        Client(front.daemon, OWNER).call("POST", BOARDS, {"name": "after"})
        seen = json.loads(clients.communicate(timeout=LIMIT_S)[0])
    for door, names in seen["heard"].items():
        assert names == ["before", "after"], door
        assert seen["recovered"][door] == [True], door
    assert asyncio.run(_status(front, "/health")) == 200


async def test_who_calls_is_who_the_proxy_says(front: Front) -> None:
    """Limits and the log go by the address the proxy was called from, whatever a client claims of itself; others are
    not touched by what one does."""
    names = [f"203.0.113.{number}" for number in range(12)]
    async with browsing(front, "127.0.0.2") as forger, browsing(front, "127.0.0.3") as other:
        codes = []
        for name in names:
            claims = {"X-Forwarded-For": name, "Forwarded": f"for={name};host=evil.example", "X-Real-IP": name}
            async with forger.post("/authentication", json=WRONG, headers=claims) as response:
                codes.append(response.status)
        assert codes == [401] * 10 + [429] * 2
        async with other.post("/authentication", json=WRONG) as response:
            assert response.status == 401
        async with forger.post("/authentication", json={**WRONG, "more": "x" * 300_000}) as response:
            assert response.status == 401
    assert "refused 127.0.0.2: too much was sent by somebody who has not signed in" in front.daemon.log


async def test_the_guard_goes_by_the_public_name(front: Front) -> None:
    """The page of the public name gets in, those of others do not, over REST and sockets; and who has no token gets no
    more through the proxy than from a daemon on the network."""
    token = signed_in(front)
    async with browsing(front) as session:
        assert (await asked(session, "/", Host=NAME))[0] == 200
        assert (await asked(session, "/health"))[0] == 200
        for door in (BOARDS, "/metrics", "/docs", "/openapi.json"):
            assert (await asked(session, door))[0] == 401, door
            assert (await asked(session, door, **token))[0] == 200, door
        assert (await asked(session, BOARDS, Origin=ORIGIN, **token))[0] == 200
        assert await upgraded(session, Origin=ORIGIN)
        for foreign in (f"http://{NAME}", f"{ORIGIN}.evil.example", "https://evil.example", "null"):
            assert (await asked(session, "/", Origin=foreign))[0] == 403, foreign
            assert not await upgraded(session, Origin=foreign)
        status, said = await asked(session, "/health", Host="evil.example")
        # Caddy serves the names it is given, and has nothing to say for others.
        assert (status == 403) if front.proxy == "nginx" else (said == b"")


async def test_what_is_large_or_oddly_written_comes_through(front: Front) -> None:
    """A body of up to 10 MB, a query of 30 kB, an encoded slash, an answer of megabytes. What is too large is refused
    by the daemon, in JSON."""
    headers = {**signed_in(front), "Content-Type": "application/json"}

    def body_of(data: dict[str, Any]) -> io.BytesIO:
        return io.BytesIO(json.dumps(data, ensure_ascii=False).encode())

    async with browsing(front, headers=headers) as session:
        async with session.post("/sessions", json={"agent": "scripted"}) as response:
            made = await response.json()
        large = {"session_id": made["session_id"], "role": "user", "type": "user", "content": "é" * 4_000_000}
        async with session.post("/messages", data=body_of(large)) as response:
            assert response.status == 201, await response.text()
            message = await response.json()
        status, body = await asked(session, f"/messages/{message['message_id']}")
        assert (status, json.loads(body)["content"]) == (200, large["content"])
        async with session.post(BOARDS, data=body_of({"name": "x" * 10_100_000})) as response:
            assert (response.status, (await response.json())["name"]) == (413, "PayloadTooLarge")
        many = "&".join(f"session_id[$in][]={made['session_id']}" for _ in range(500))
        status, body = await asked(session, f"/sessions?{many}")
        assert (status, json.loads(body)["total"]) == (200, 1)
        odd = URL(f"{front.url}/boards/no%2Fsuch%20%25board", encoded=True)
        async with session.get(odd) as response:
            assert response.status == 404
            assert "no/such %board" in (await response.json())["message"]


async def _status(front: Front, path: str) -> int:
    async with browsing(front) as session:
        return (await asked(session, path))[0]


def _node(front: Front, script: str, *arguments: str) -> subprocess.Popen[str]:
    folder, reason = find_node()
    if folder is None:
        pytest.skip(reason)
    install_packages(FOLDER)
    return subprocess.Popen(
        ["node", "--require", "./here.cjs", script, front.url, OWNER, OWNER, *arguments],
        cwd=FOLDER,
        env=node_environment({**front.daemon.environment, "NODE_EXTRA_CA_CERTS": str(front.authority)}),
        stdout=subprocess.PIPE,
        text=True,
    )
