"""Tokens: which count, when they stop counting, and how often one may guess at a password."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import time
from collections.abc import Iterator
from typing import Any

import aiohttp
import pytest

from agor_core.client import LiveClient
from tests.conformance.raw import CLOSED, raw
from tests.support.daemon import clean_environment
from tests.support.team import Client, Team, running_team


@pytest.fixture(scope="module")
def team(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Team]:
    """A daemon with accounts."""
    folder = tmp_path_factory.mktemp("tokens")
    with running_team(folder, clean_environment(folder / "home")) as made:
        yield made


ENDINGS: dict[str, tuple[str, str, str, Any]] = {
    "logout": ("itself", "DELETE", "/authentication", None),
    "revoke": ("itself", "POST", "/users/{id}/revoke", {}),
    "revoked by an admin": ("admin", "POST", "/users/{id}/revoke", {}),
    "new password": ("itself", "PATCH", "/users/{id}", {"password": "something else"}),
    "new role": ("owner", "PATCH", "/users/{id}", {"role": "admin"}),
    "removal": ("owner", "DELETE", "/users/{id}", None),
}


@pytest.mark.parametrize("how", ENDINGS)
async def test_what_ends_a_token_ends_its_connections(team: Team, how: str) -> None:
    """The live connection is closed and hears nothing of what happens afterwards; the token is 401 at once; nobody
    else's connection is touched."""
    email = f"{how.replace(' ', '.')}@example.com"
    who, verb, url, body = ENDINGS[how]
    account = {"email": email, "password": email, "role": "member"}
    await asyncio.to_thread(team.owner.call, "POST", "/users", account)
    ended = await asyncio.to_thread(Client, team.daemon, email)
    async with raw(team.daemon.url) as client, LiveClient(team.daemon.url, team.other.token) as bystander:
        answer = await client.call("create", "authentication", {"strategy": "jwt", "accessToken": ended.token})
        assert answer[0] is None
        pid = client.handshake["pid"]
        caller = ended if who == "itself" else team.of(who)
        status, error = await asyncio.to_thread(caller.request, verb, url.format(id=ended.user_id), body)
        assert status == 200, error
        await asyncio.to_thread(team.other.call, "POST", "/boards", {"name": "said afterwards"})
        heard = []
        while (frame := await client.receive()) != CLOSED:
            heard.append(frame)
        assert not any("said afterwards" in frame for frame in heard)
        assert bystander.is_connected
    assert (await asyncio.to_thread(ended.request, "GET", "/boards"))[0] == 401
    # Nor does what is remembered for coming back let it in again.
    async with raw(team.daemon.url, auth={"pid": pid}) as client:
        assert client.handshake["pid"] != pid
        assert (await client.call("find", "boards", {}))[0]["code"] == 401


def _part(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def forged(secret: str, claims: dict[str, Any], header: dict[str, Any] | None = None, digest: str = "sha256") -> str:
    """A token with these claims, signed with `secret`."""
    signed = f"{_part({'alg': 'HS256', 'typ': 'access', **(header or {})})}.{_part(claims)}"
    signature = base64.urlsafe_b64encode(hmac.digest(secret.encode(), signed.encode(), digest)).rstrip(b"=").decode()
    return f"{signed}.{signature}"


async def test_only_our_own_tokens_count(team: Team) -> None:
    """Another algorithm, key, audience, issuer, time or subject is 401 by request, by handshake and by sign-in."""
    secret = (team.daemon.home / "jwt-secret").read_text().strip()
    claims = team.owner.signed_in["authentication"]["payload"]
    now = int(time.time())
    genuine = forged(secret, claims)
    assert team.daemon.request("GET", "/boards", headers={"Authorization": f"Bearer {genuine}"})[0] == 200
    unsigned = f"{_part({'alg': 'none'})}.{_part(claims)}."
    public = hashlib.sha256(b"").hexdigest()
    bad = {
        "alg none": unsigned,
        "alg None, signed": forged(secret, claims, {"alg": "None"}),
        "another digest": forged(secret, claims, {"alg": "HS512"}, "sha512"),
        "digest of another": forged(secret, claims, digest="sha512"),
        "an asymmetric name": forged(secret, claims, {"alg": "RS256"}),
        "an empty key by kid": forged("", claims, {"kid": "/dev/null"}),
        "a key of its own": forged(public, claims, {"jwk": {"kty": "oct", "k": public}}),
        "a key from elsewhere": forged(public, claims, {"jku": "https://evil.example/keys"}),
        "expired": forged(secret, {**claims, "exp": now - 1}),
        "not yet": forged(secret, {**claims, "nbf": now + 600}),
        "time as text": forged(secret, {**claims, "exp": str(now + 600)}),
        "another audience": forged(secret, {**claims, "aud": "https://evil.example"}),
        "another issuer": forged(secret, {**claims, "iss": "evil"}),
        "nobody": forged(secret, {**claims, "sub": "01990000-0000-7000-8000-000000000000"}),
        "anonymous": forged(secret, {**claims, "sub": "00000000-0000-7000-8000-000000000000"}),
        "a short id": forged(secret, {**claims, "sub": claims["sub"][:8]}),
        "a query": forged(secret, {**claims, "sub": {"$ne": None}}),
        "an old generation": forged(secret, {**claims, "gen": -1}),
        "no generation": forged(secret, {name: value for name, value in claims.items() if name != "gen"}),
        "half of it": genuine[: len(genuine) // 2],
        "more of it": f"{genuine}A",
    }
    for name, token in bad.items():
        headers = {"Authorization": f"Bearer {token}"}
        status, error = await asyncio.to_thread(lambda: team.daemon.request("GET", "/boards", headers=headers))  # noqa: B023
        assert (status, error["name"]) == (401, "NotAuthenticated"), name
        data = {"strategy": "jwt", "accessToken": token}
        assert (await asyncio.to_thread(team.daemon.request, "POST", "/authentication", data))[0] == 401, name
        assert secret not in json.dumps(error)
        async with aiohttp.ClientSession(headers=headers) as session:
            address = f"{team.daemon.url}/socket.io/?EIO=4&transport=websocket"
            async with session.ws_connect(address) as websocket:
                await websocket.receive()
                await websocket.send_str("40")
                assert (await websocket.receive()).data.startswith("44"), name


def test_a_token_in_an_address_is_no_token(team: Team) -> None:
    """What stands in a URL ends up in logs and histories, so nothing there signs anybody in."""
    for query in (f"accessToken={team.owner.token}", f"token={team.owner.token}", f"access_token={team.owner.token}"):
        assert team.daemon.request("GET", f"/boards?{query}")[0] == 401
    assert team.owner.token not in team.daemon.log


def test_a_kept_answer_is_not_for_a_dead_token(team: Team) -> None:
    """A write that is repeated under its idempotency key is answered again, but not once the token has ended."""
    team.owner.call("POST", "/users", {"email": "k@example.com", "password": "k@example.com", "role": "member"})
    caller = Client(team.daemon, "k@example.com")
    key = {"Idempotency-Key": "the same"}
    answers = [caller.request("POST", "/boards", {"name": "Once"}, headers=key) for _ in range(2)]
    assert answers[0] == answers[1]
    assert [caller.request("DELETE", "/authentication", headers=key)[0] for _ in range(2)] == [200, 200]
    assert caller.request("POST", "/boards", {"name": "Once"}, headers=key)[0] == 401
    assert team.owner.call("GET", "/boards?name=Once")["total"] == 1


def test_guessing_a_password_ends_soon_and_locks_nobody_else_out(team: Team) -> None:
    """After ten failures an account takes no more from that address, however its name is spelled and whatever address
    is claimed; others sign in."""
    spellings = ("guessed@example.com", "GUESSED@example.com", " guessed@Example.com ")
    account = {"email": spellings[0], "password": "a long secret", "role": "member"}
    team.owner.call("POST", "/users", account)
    statuses = [
        team.daemon.request(
            "POST",
            "/authentication",
            {"strategy": "local", "email": spellings[number % 3], "password": "wrong"},
            headers={"X-Forwarded-For": f"203.0.113.{number}"},
        )[0]
        for number in range(12)
    ]
    assert statuses == [401] * 10 + [429] * 2
    for spelling in spellings:
        data = {"strategy": "local", "email": spelling, "password": "a long secret"}
        status, error = team.daemon.request("POST", "/authentication", data)
        assert (status, error["data"]["retry_after_s"] > 0) == (429, True)
    assert Client(team.daemon, "member@example.com").user_id == team.member.user_id


def test_an_unknown_account_is_refused_like_a_known_one(team: Team) -> None:
    """A wrong password, an account that is not there and one with an odd name get the very same answer."""
    answers = {
        json.dumps(
            team.daemon.request("POST", "/authentication", {"strategy": "local", "email": email, "password": "x"})
        )
        for email in ("viewer@example.com", "nobody@example.com", "\u0000", "x" * 100_000, "viewer@example.com\u0000")
    }
    assert len(answers) == 1
