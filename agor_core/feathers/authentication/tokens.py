"""JSON Web Tokens by PyJWT, HS256 only, with the claims, checks and messages of Feathers (that is, of jsonwebtoken)."""

from __future__ import annotations

import re
import time
import uuid
from dataclasses import dataclass
from typing import Any

import jwt
from jwt.types import Options

from agor_core.clock import iso
from agor_core.errors import NotAuthenticated

ALGORITHM = "HS256"

# Far above any token of ours; what is longer is not even decoded.
LONGEST_TOKEN = 16 * 1024

# Of the claims, jsonwebtoken checks nbf, exp, aud and iss.
CHECKED: Options = {"verify_iat": False, "verify_sub": False, "verify_jti": False}

# Checked before PyJWT sees it, since PyJWT takes padding and has one error for everything that is no token.
_FORM = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.(?P<signature>[A-Za-z0-9_-]*)", re.ASCII)


@dataclass(frozen=True, slots=True)
class TokenSettings:
    """What tokens are signed and checked with."""

    secret: str
    audience: str = "https://yourdomain.com"
    issuer: str = "feathers"
    expires_s: float = 86_400


def sign_token(
    settings: TokenSettings, subject: str, claims: dict[str, Any] | None = None
) -> tuple[str, dict[str, Any]]:
    """A new token for `subject`, and its claims; `claims` are added and may replace the usual ones."""
    now = int(time.time())
    payload = {
        "iat": now,
        "exp": now + int(settings.expires_s),
        "aud": settings.audience,
        "iss": settings.issuer,
        "sub": subject,
        "jti": str(uuid.uuid4()),
        **(claims or {}),
    }
    return _signed(settings, payload), payload


def read_token(settings: TokenSettings, token: Any) -> dict[str, Any]:
    """The claims of a token. Raises NotAuthenticated with jsonwebtoken's message."""
    if not isinstance(token, str):
        raise _invalid("jwt must be a string")
    if token.count(".") != 2 or len(token) > LONGEST_TOKEN:
        raise _invalid("jwt malformed")
    form = _FORM.fullmatch(token)
    if form is None:
        raise _invalid("invalid token")
    if not form["signature"]:
        raise _invalid("jwt signature is required")
    try:
        claims = _decoded(settings, token)
    except jwt.InvalidTokenError as error:
        raise _refusal(settings, token, error) from error
    _check_times(claims)
    return claims


def check_claims(settings: TokenSettings, claims: dict[str, Any]) -> None:
    """Check the nbf, exp, aud and iss of claims that were once in a token. Raises NotAuthenticated."""
    read_token(settings, _signed(settings, claims))


def _signed(settings: TokenSettings, claims: dict[str, Any]) -> str:
    return jwt.encode(claims, settings.secret, ALGORITHM, headers={"typ": "access"})


def _decoded(settings: TokenSettings, token: str, options: Options = CHECKED) -> dict[str, Any]:
    claims: dict[str, Any] = jwt.decode(
        token,
        settings.secret,
        algorithms=[ALGORITHM],
        audience=settings.audience,
        issuer=settings.issuer,
        options=options,
    )
    return claims


def _refusal(settings: TokenSettings, token: str, error: jwt.InvalidTokenError) -> NotAuthenticated:
    """What jsonwebtoken says where PyJWT says `error`."""
    missing = error.claim if isinstance(error, jwt.MissingRequiredClaimError) else None
    if isinstance(error, jwt.InvalidIssuerError) or missing == "iss":
        # jsonwebtoken looks at the audience first.
        try:
            _decoded(settings, token, {**CHECKED, "verify_iss": False})
        except (jwt.InvalidAudienceError, jwt.MissingRequiredClaimError):
            missing = "aud"
        else:
            return _invalid(f"jwt issuer invalid. expected: {settings.issuer}")
    if isinstance(error, jwt.InvalidAudienceError) or missing == "aud":
        return _invalid(f"jwt audience invalid. expected: {settings.audience}")
    if isinstance(error, jwt.ExpiredSignatureError):
        return NotAuthenticated("jwt expired", data={"name": "TokenExpiredError", "expiredAt": _moment(token, "exp")})
    if isinstance(error, jwt.ImmatureSignatureError):
        return NotAuthenticated("jwt not active", data={"name": "NotBeforeError", "date": _moment(token, "nbf")})
    if isinstance(error, jwt.InvalidSignatureError):
        return _invalid("invalid signature")
    if isinstance(error, jwt.InvalidAlgorithmError):
        return _invalid("invalid algorithm")
    return _unreadable(token)


def _unreadable(token: str) -> NotAuthenticated:
    """What it is of a token that PyJWT could not read: its header and claims, its signature, or a time in it."""
    unsigned = token.rpartition(".")[0] + "."
    try:
        header, claims = jwt.get_unverified_header(unsigned), _unverified(unsigned)
    except jwt.InvalidTokenError:
        return _invalid("invalid token")
    if header.get("alg") != ALGORITHM:
        return _invalid("invalid algorithm")
    try:
        _check_times(claims)
    except NotAuthenticated as reason:
        return reason
    return _invalid("invalid signature")


def _check_times(claims: dict[str, Any]) -> None:
    """PyJWT also reads numbers that are text, and has no error of its own for what is no number."""
    for name in ("nbf", "exp"):
        value = claims.get(name, 0)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise _invalid(f"invalid {name} value")


def _unverified(token: str) -> dict[str, Any]:
    claims: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    return claims


def _moment(token: str, claim: str) -> str:
    """The time in a claim of a token whose signature is good."""
    seconds = _unverified(token)[claim]
    try:
        return iso(int(seconds * 1000))
    except (ValueError, TypeError, OverflowError, OSError):
        return str(seconds)


def _invalid(message: str) -> NotAuthenticated:
    return NotAuthenticated(message, data={"name": "JsonWebTokenError"})
