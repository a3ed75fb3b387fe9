"""JSON Web Tokens, HS256 only, with the claims, checks and messages of Feathers (that is, of npm's jsonwebtoken)."""

from __future__ import annotations

import base64
import binascii
import hmac
import time
import uuid
from dataclasses import dataclass
from typing import Any

from agor_core.clock import iso
from agor_core.errors import BadRequest, NotAuthenticated
from agor_core.feathers.wire import dumps, loads

# Far above any token of ours; what is longer is not even decoded.
LONGEST_TOKEN = 16 * 1024


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
    signed = f"{_encode(dumps({'alg': 'HS256', 'typ': 'access'}))}.{_encode(dumps(payload))}"
    return f"{signed}.{_encode(_signature(settings.secret, signed))}", payload


def read_token(settings: TokenSettings, token: Any) -> dict[str, Any]:
    """The claims of a token. Raises NotAuthenticated with jsonwebtoken's message."""
    if not isinstance(token, str):
        raise _invalid("jwt must be a string")
    parts = token.split(".")
    if len(parts) != 3 or len(token) > LONGEST_TOKEN:
        raise _invalid("jwt malformed")
    header = _json(parts[0])
    if not isinstance(header, dict):
        raise _invalid("invalid token")
    if not parts[2].strip():
        raise _invalid("jwt signature is required")
    if header.get("alg") != "HS256":
        raise _invalid("invalid algorithm")
    # The texts are compared, not what they decode to: several texts decode to the same bytes.
    expected = _encode(_signature(settings.secret, f"{parts[0]}.{parts[1]}"))
    if not hmac.compare_digest(parts[2].encode("utf-8", "replace"), expected.encode()):
        raise _invalid("invalid signature")
    claims = _json(parts[1])
    if not isinstance(claims, dict):
        raise _invalid("invalid token")
    check_claims(settings, claims)
    return claims


def check_claims(settings: TokenSettings, claims: dict[str, Any]) -> None:
    """Check nbf, exp, aud and iss. Raises NotAuthenticated."""
    now = time.time()
    starts, ends = _time_of(claims, "nbf"), _time_of(claims, "exp")
    if starts is not None and starts > int(now):
        raise NotAuthenticated("jwt not active", data={"name": "NotBeforeError", "date": _moment(starts)})
    if ends is not None and int(now) >= ends:
        raise NotAuthenticated("jwt expired", data={"name": "TokenExpiredError", "expiredAt": _moment(ends)})
    audience = claims.get("aud")
    if settings.audience not in (audience if isinstance(audience, list) else [audience]):
        raise _invalid(f"jwt audience invalid. expected: {settings.audience}")
    if claims.get("iss") != settings.issuer:
        raise _invalid(f"jwt issuer invalid. expected: {settings.issuer}")


def _time_of(claims: dict[str, Any], name: str) -> float | None:
    value = claims.get(name)
    if name in claims and (isinstance(value, bool) or not isinstance(value, int | float)):
        raise _invalid(f"invalid {name} value")
    return value


def _moment(seconds: float) -> str:
    try:
        return iso(int(seconds * 1000))
    except (ValueError, OverflowError, OSError):
        return str(seconds)


def _invalid(message: str) -> NotAuthenticated:
    return NotAuthenticated(message, data={"name": "JsonWebTokenError"})


def _signature(secret: str, signed: str) -> bytes:
    return hmac.digest(secret.encode(), signed.encode("utf-8", "replace"), "sha256")


def _encode(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _decode(part: str) -> bytes:
    try:
        return base64.b64decode(part + "=" * (-len(part) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return b""


def _json(part: str) -> Any:
    try:
        return loads(_decode(part) or b"!")
    except BadRequest:
        return None
