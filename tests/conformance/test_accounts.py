"""Signing in, out, and what is protected."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import aiohttp
import pytest
import socketio.exceptions

from agor_core.feathers import Feathers
from agor_core.feathers.authentication import Attempts, sign_token
from tests.conformance.accounts import SETTINGS
from tests.conformance.doors import PATIENCE_S, QUIET_S, Refused, Rest, Socket, connected

ANN = {"email": "ann@example.com", "password": "secret"}
LOGIN = {"strategy": "local", **ANN}


@pytest.fixture
async def ann(rest: Rest) -> dict[str, Any]:
    """A user."""
    user: dict[str, Any] = await rest.call("create", "users", ANN)
    return user


@pytest.fixture(params=["rest", "socketio"])
def outside(request: pytest.FixtureRequest, rest: Rest, listener: Socket) -> Rest | Socket:
    """Both doors from outside."""
    return rest if request.param == "rest" else listener


async def test_signing_in_gives_a_token_and_the_user_without_secrets(
    ann: dict[str, Any], outside: Rest | Socket
) -> None:
    """Neither password nor hash is in the answer; the claims are those of Feathers."""
    result = await outside.call("create", "authentication", LOGIN)
    assert result["user"] == ann == {"email": ANN["email"], "id": ann["id"]}
    payload = result["authentication"]["payload"]
    assert result["authentication"]["strategy"] == "local"
    assert (payload["sub"], payload["aud"], payload["iss"]) == (str(ann["id"]), SETTINGS.audience, SETTINGS.issuer)
    assert payload["exp"] - payload["iat"] == 86_400
    again = await outside.call("create", "authentication", {"strategy": "jwt", "accessToken": result["accessToken"]})
    assert again["accessToken"] == result["accessToken"]
    assert again["authentication"] == {
        "strategy": "jwt",
        "accessToken": result["accessToken"],
        "payload": payload,
    }


@pytest.mark.parametrize(
    "data",
    [
        LOGIN | {"password": "wrong"},
        LOGIN | {"email": "nobody@example.com"},
        {"strategy": "local"},
        LOGIN | {"email": ""},
        LOGIN | {"password": ""},
        LOGIN | {"email": {"$ne": None}},
        LOGIN | {"email": [ANN["email"]]},
        LOGIN | {"password": {"a": 1}},
        LOGIN | {"password": 5},
        LOGIN | {"password": "x" * 100_000},
    ],
)
async def test_every_failure_to_sign_in_looks_the_same(
    ann: dict[str, Any], outside: Rest | Socket, data: dict[str, Any]
) -> None:
    """Nothing tells a wrong password from an unknown name, and no query operator is a name."""
    with pytest.raises(Refused) as refused:
        await outside.call("create", "authentication", data)
    assert refused.value.error == {
        "name": "NotAuthenticated",
        "message": "Invalid login",
        "code": 401,
        "className": "not-authenticated",
    }


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({}, "Invalid authentication information (no `strategy` set)"),
        ({"strategy": "magic"}, "Invalid authentication information (strategy not allowed in authStrategies)"),
        ({"strategy": ["local"]}, "Invalid authentication information (strategy not allowed in authStrategies)"),
        ({"strategy": "jwt"}, "No access token"),
        ({"strategy": "jwt", "accessToken": "x"}, "jwt malformed"),
        ({"strategy": "jwt", "accessToken": {"a": 1}}, "jwt must be a string"),
    ],
)
async def test_what_is_wrong_with_a_request_is_said(outside: Rest | Socket, data: dict[str, Any], message: str) -> None:
    """Everything but a login fails with its reason, and 401."""
    with pytest.raises(Refused) as refused:
        await outside.call("create", "authentication", data)
    assert (refused.value.code, refused.value.message) == (401, message)


def bad_tokens(subject: str) -> dict[str, str]:
    """Tokens by what is wrong with them."""
    tokens = SETTINGS.tokens
    good, _ = sign_token(tokens, subject)
    head, body, signature = good.split(".")
    none = "eyJhbGciOiJub25lIiwidHlwIjoiYWNjZXNzIn0"
    now = int(time.time())
    return {
        "jwt expired": sign_token(tokens, subject, {"exp": now - 1})[0],
        "jwt not active": sign_token(tokens, subject, {"nbf": now + 60})[0],
        "invalid signature": f"{head}.{body}.{signature[:-2]}{'AA' if signature[-2:] != 'AA' else 'BB'}",
        "invalid algorithm": f"{none}.{body}.{signature}",
        "jwt signature is required": f"{none}.{body}.",
        "jwt malformed": good + ".x",
        f"jwt audience invalid. expected: {SETTINGS.audience}": sign_token(tokens, subject, {"aud": "else"})[0],
        f"jwt issuer invalid. expected: {SETTINGS.issuer}": sign_token(tokens, subject, {"iss": "else"})[0],
        "Not authenticated": sign_token(tokens, "999")[0],
    }


@pytest.mark.parametrize("message", list(bad_tokens("1")))
async def test_a_bad_token_is_refused_with_its_reason(ann: dict[str, Any], rest: Rest, url: str, message: str) -> None:
    """In a header, as a strategy, and on a handshake, which is then refused."""
    token = bad_tokens(str(ann["id"]))[message]
    rest.headers = {"Authorization": f"Bearer {token}"}
    with pytest.raises(Refused) as refused:
        await rest.call("find", "secrets")
    assert (refused.value.code, refused.value.message) == (401, message)
    with pytest.raises(socketio.exceptions.ConnectionError, match="One or more namespaces failed"):
        async with connected(url, headers=rest.headers):
            pass
    # A bad token matters where one is needed only.
    assert await rest.call("find", "people") == []


@pytest.mark.parametrize("scheme", ["Bearer ", "bearer ", "JWT ", "jwt ", ""])
async def test_a_header_may_name_its_scheme(ann: dict[str, Any], rest: Rest, scheme: str) -> None:
    """Bearer and JWT in any case, or the bare token."""
    token = (await rest.call("create", "authentication", LOGIN))["accessToken"]
    rest.headers = {"Authorization": scheme + token}
    assert await rest.call("find", "secrets") == []


@pytest.mark.parametrize("scheme", ["Basic ", "XBearerY "])
async def test_another_scheme_is_no_authentication(ann: dict[str, Any], rest: Rest, scheme: str) -> None:
    """Nor is a scheme that merely contains the word."""
    token = (await rest.call("create", "authentication", LOGIN))["accessToken"]
    rest.headers = {"Authorization": scheme + token}
    with pytest.raises(Refused, match="NotAuthenticated: Not authenticated"):
        await rest.call("find", "secrets")


async def test_a_sign_in_binds_its_own_connection_only(ann: dict[str, Any], url: str, listener: Socket) -> None:
    """Later calls on it need no token; its neighbour stays a stranger; a failed sign-in changes nothing."""
    async with connected(url) as neighbour:
        await listener.call("create", "authentication", LOGIN)
        with pytest.raises(Refused):
            await listener.call("create", "authentication", LOGIN | {"password": "wrong"})
        made = await listener.call("create", "secrets", {"text": "mine", "ownerId": "somebody else"})
        assert made["ownerId"] == ann["id"]
        with pytest.raises(Refused, match="Not authenticated"):
            await neighbour.call("find", "secrets")
        await asyncio.sleep(QUIET_S)
        assert neighbour.heard == []
        assert listener.heard == [("secrets created", made)]


async def test_signing_out_unbinds_and_leaves_connected(ann: dict[str, Any], rest: Rest, listener: Socket) -> None:
    """Afterwards the connection is a stranger again, and still hears what everybody hears."""
    login = await listener.call("create", "authentication", LOGIN)
    with pytest.raises(Refused, match="Invalid access token"):
        await listener.call("remove", "authentication", "another")
    result = await listener.call("remove", "authentication", None)
    assert result["accessToken"] == login["accessToken"]
    with pytest.raises(Refused, match="Not authenticated"):
        await listener.call("find", "secrets")
    with pytest.raises(Refused, match="no `strategy` set"):
        await listener.call("remove", "authentication", None)
    made = await rest.call("create", "people", {})
    assert await listener.hears(1) == [("people created", made)]


async def test_a_handshake_header_signs_in(ann: dict[str, Any], rest: Rest, url: str) -> None:
    """A good token on the handshake makes the connection its user's from the first call."""
    token = (await rest.call("create", "authentication", LOGIN))["accessToken"]
    async with connected(url, headers={"Authorization": f"Bearer {token}"}) as socket:
        assert await socket.call("find", "secrets") == []


async def test_a_handshake_signs_in_before_it_connects(
    ann: dict[str, Any], app: Feathers, rest: Rest, url: str
) -> None:
    """Who is told of both hears of the login first, as in Feathers."""
    told: list[str] = []
    app.on("login", lambda *_: told.append("login"))
    token = (await rest.call("create", "authentication", LOGIN))["accessToken"]
    told.clear()
    app.on("connection", lambda _: told.append("connection"))
    async with connected(url, headers={"Authorization": f"Bearer {token}"}) as socket:
        await socket.call("find", "secrets")
    assert told == ["login", "connection"]


async def test_a_removed_user_loses_its_connections(ann: dict[str, Any], app: Feathers, listener: Socket) -> None:
    """The socket is closed by itself, not at its next call; one that is made just then is refused, not left waiting."""
    await listener.call("create", "authentication", LOGIN)
    await app.service("users").remove(ann["id"])
    with pytest.raises(Refused, match="NotAuthenticated"):
        await listener.call("find", "secrets")
    await app.service("secrets").create({"text": "not for who is gone"})
    async with asyncio.timeout(PATIENCE_S):
        while listener.client.connected:
            await asyncio.sleep(0.01)
    assert "secrets created" not in [event[0] for event in listener.heard]


async def test_a_token_expires_on_a_live_connection(ann: dict[str, Any], url: str) -> None:
    """The connection is closed when its token expires, not at its next call."""
    token, _ = sign_token(SETTINGS.tokens, str(ann["id"]), {"exp": int(time.time()) + 3})
    async with connected(url, headers={"Authorization": f"Bearer {token}"}) as socket:
        async with asyncio.timeout(PATIENCE_S):
            while socket.client.connected:
                await asyncio.sleep(0.01)


async def test_no_hash_leaves_in_answers_events_or_by_questions(
    ann: dict[str, Any], rest: Rest, listener: Socket
) -> None:
    """Users are shown without password, and cannot be searched by it."""
    token = (await listener.call("create", "authentication", LOGIN))["accessToken"]
    rest.headers = {"Authorization": f"Bearer {token}"}
    assert await rest.call("find", "users") == [ann]
    assert await rest.call("patch", "users", ann["id"], {"password": "other"}) == ann
    assert await listener.hears(1) == [("users patched", ann)]
    for query in ({"password": {"$gt": "$2b$"}}, {"$or": [{"password": "x"}]}):
        with pytest.raises(Refused, match="BadRequest"):
            await rest.call("find", "users", query=query)


async def test_errors_on_a_handshake_say_why(url: str) -> None:
    """A refused CONNECT carries the message and the data of the error."""
    async with aiohttp.ClientSession() as session:
        headers = {"Authorization": "Bearer nonsense"}
        address = f"{url}/socket.io/?EIO=4&transport=websocket"
        async with session.ws_connect(address, headers=headers) as websocket:
            await websocket.receive_str()
            await websocket.send_str("40")
            assert await websocket.receive_str() == (
                '44{"message":"jwt malformed","data":{"name":"JsonWebTokenError"}}'
            )


async def test_who_guesses_is_stopped_and_nobody_else(ann: dict[str, Any], app: Feathers, url: str) -> None:
    """Too many failures on one account from one address are 429; the account elsewhere, and others here, go on."""
    app.authentication._attempts = Attempts(per_account=3)
    await app.service("users").create({"email": "bea@example.com", "password": "secret"})

    async def sign_in(address: str, email: str, password: str) -> tuple[int, str | None]:
        connector = aiohttp.TCPConnector(local_addr=(address, 0))
        data = {"strategy": "local", "email": email, "password": password}
        async with (
            aiohttp.ClientSession(connector=connector) as session,
            session.post(f"{url}/authentication", json=data) as response,
        ):
            return response.status, response.headers.get("Retry-After")

    right = LOGIN["password"]
    for _ in range(3):
        assert await sign_in("127.0.0.1", ann["email"], "wrong") == (401, None)
    status, wait = await sign_in("127.0.0.1", ann["email"], right)
    assert status == 429
    assert 0 < int(wait or 0) <= 60
    assert await sign_in("127.0.0.1", "bea@example.com", "secret") == (201, None)
    assert await sign_in("127.0.0.2", ann["email"], right) == (201, None)
