"""Tokens: what is refused, and in whose words."""

from __future__ import annotations

import base64
import hmac
import json
import time
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agor_core.errors import NotAuthenticated
from agor_core.feathers.authentication import TokenSettings, read_token, sign_token

SETTINGS = TokenSettings("a secret of at least thirty-two bytes", audience="https://agor.example", issuer="agor")
WRONG_AUDIENCE = "jwt audience invalid. expected: https://agor.example"
WRONG_ISSUER = "jwt issuer invalid. expected: agor"


def encoded(value: Any) -> str:
    """One part of a token."""
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def token(claims: Any = None, header: Any = None, *, secret: str = SETTINGS.secret, **changes: Any) -> str:
    """A token made by hand; a claim that is changed to `...` is left out."""
    if claims is None:
        claims = {"exp": int(time.time()) + 60, "aud": SETTINGS.audience, "iss": SETTINGS.issuer, "sub": "1", **changes}
        claims = {name: value for name, value in claims.items() if value is not ...}
    signed = f"{encoded(header or {'alg': 'HS256', 'typ': 'access'})}.{encoded(claims)}"
    return f"{signed}.{encoded(hmac.digest(secret.encode(), signed.encode(), 'sha256'))}"


def refused_tokens() -> dict[str, tuple[Any, str]]:
    """Names of what is refused: the token, and the words of jsonwebtoken 9 as Feathers 5.0.50 uses it.

    Made anew each time, since they expire a minute later.
    """
    good = token()
    return {
        "no text": (7, "jwt must be a string"),
        "two parts": (good.rpartition(".")[0], "jwt malformed"),
        "four parts": (good + ".x", "jwt malformed"),
        "much too long": ("a" * 20_000 + ".b.c", "jwt malformed"),
        "three letters": ("a.b.c", "invalid token"),
        "nothing between dots": ("..", "invalid token"),
        "padding": (good + "=", "invalid token"),
        "letters of no alphabet": (good[:-1] + "\u00e9", "invalid token"),
        "half a surrogate pair": (good[:-1] + "\ud800", "invalid token"),
        "a header that is no JSON": (token({}, b"hello"), "invalid token"),
        "no signature": (good.rpartition(".")[0] + ".", "jwt signature is required"),
        "the signature of another": (token(secret="another secret of thirty-two bytes or more"), "invalid signature"),
        "half a signature": (good[:-4], "invalid signature"),
        "a signature with another end": (good[:-1] + ("B" if good[-1] != "B" else "C"), "invalid signature"),
        "a signature that is no text of bytes": (good[:-2], "invalid signature"),
        "no algorithm": (token(header={"alg": "none"}), "invalid algorithm"),
        "another of the family": (token(header={"alg": "HS512"}), "invalid algorithm"),
        "an algorithm with two keys": (token(header={"alg": "RS256"}), "invalid algorithm"),
        "a header without algorithm": (token(header={"typ": "access"}), "invalid algorithm"),
        "expired": (token(exp=1_000_000_000), "jwt expired"),
        "expired this second": (token(exp=int(time.time())), "jwt expired"),
        "an end that is text": (token(exp="never"), "invalid exp value"),
        "an end that is a number in text": (token(exp="99999999999"), "invalid exp value"),
        "an end that is null": (token(exp=None), "invalid exp value"),
        "not yet valid": (token(nbf=4_000_000_000), "jwt not active"),
        "a start that is text": (token(nbf="soon"), "invalid nbf value"),
        "not yet valid, and expired": (token(nbf=4_000_000_000, exp=1), "jwt not active"),
        "another audience": (token(aud="else"), WRONG_AUDIENCE),
        "no audience": (token(aud=...), WRONG_AUDIENCE),
        "audiences of others": (token(aud=["else"]), WRONG_AUDIENCE),
        "an audience that is a number": (token(aud=7), WRONG_AUDIENCE),
        "another issuer": (token(iss="else"), WRONG_ISSUER),
        "no issuer": (token(iss=...), WRONG_ISSUER),
        "another audience and issuer": (token(aud="else", iss="else"), WRONG_AUDIENCE),
        "neither audience nor issuer": (token(aud=..., iss=...), WRONG_AUDIENCE),
        "expired, of another issuer": (token(exp=1, iss="else"), "jwt expired"),
    }


@pytest.mark.parametrize("case", refused_tokens())
def test_what_is_refused_is_refused_in_the_words_of_jsonwebtoken(case: str) -> None:
    """Clients show and compare these messages; the data says which kind of error it was."""
    text, message = refused_tokens()[case]
    with pytest.raises(NotAuthenticated) as refused:
        read_token(SETTINGS, text)
    kind = {"jwt expired": "TokenExpiredError", "jwt not active": "NotBeforeError"}.get(message, "JsonWebTokenError")
    assert isinstance(refused.value.data, dict)
    assert (refused.value.message, refused.value.data["name"]) == (message, kind)


@pytest.mark.parametrize(
    ("changes", "field"), [({"exp": 1_000_000_000}, "expiredAt"), ({"nbf": 4_000_000_000}, "date")]
)
def test_a_token_out_of_its_time_says_when_that_is(changes: dict[str, Any], field: str) -> None:
    """`expiredAt` and `date` are moments as JavaScript writes them."""
    with pytest.raises(NotAuthenticated) as refused:
        read_token(SETTINGS, token(**changes))
    assert isinstance(refused.value.data, dict)
    assert set(refused.value.data) == {"name", field}
    moment = refused.value.data[field]
    assert moment.endswith(".000Z")
    assert datetime.fromisoformat(moment).timestamp() == next(iter(changes.values()))


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"exp": ...},
        {"nbf": 1},
        {"iat": 4_000_000_000},
        {"sub": 1},
        {"jti": 7},
        {"aud": ["else", SETTINGS.audience]},
    ],
    ids=str,
)
def test_what_jsonwebtoken_does_not_mind_is_accepted(changes: dict[str, Any]) -> None:
    """The claims come back as they were signed."""
    assert read_token(SETTINGS, token(**changes))["iss"] == "agor"


def test_a_signed_token_says_what_feathers_says() -> None:
    """The header and claims of a new token, and that it is read again."""
    text, claims = sign_token(SETTINGS, "7", {"role": "admin"})
    header = json.loads(base64.urlsafe_b64decode(text.partition(".")[0] + "=="))
    assert header == {"alg": "HS256", "typ": "access"}
    assert set(claims) == {"iat", "exp", "aud", "iss", "sub", "jti", "role"}
    assert claims["exp"] - claims["iat"] == 86_400
    assert read_token(SETTINGS, text) == claims


@given(st.text() | st.lists(st.text(alphabet="abcXYZ09-_=.", max_size=20), max_size=4).map(".".join))
def test_no_text_is_taken_for_a_token(text: str) -> None:
    """Whatever is read, only what was signed is accepted."""
    with pytest.raises(NotAuthenticated):
        read_token(SETTINGS, text)
