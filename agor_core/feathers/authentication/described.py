"""What the API documents say about signing in and out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from agor_core.feathers.describe import RecordOf, object_of

if TYPE_CHECKING:
    from agor_core.feathers.authentication.service import AuthSettings
    from agor_core.feathers.authentication.strategies import Strategy

_TOKEN = {"type": "string", "examples": ["eyJhbGciOiJIUzI1NiIsInR5cCI6ImFjY2VzcyJ9…"]}


def api_schemas(settings: AuthSettings, strategies: Mapping[str, Strategy]) -> dict[str, Any]:
    """The schemas of the authentication service, see `describe`."""
    ways = [
        object_of(strategy={"type": "string", "const": name, "examples": [name]}, **getattr(strategy, "takes", {}))
        for name, strategy in strategies.items()
    ]
    claims = object_of(
        sub={"type": "string", "description": "the user's id", "examples": ["01890a5d-ac96-774b-bcce-b302099a8051"]},
        aud={"type": "string", "examples": [settings.audience]},
        iss={"type": "string", "examples": [settings.issuer]},
        iat={"type": "integer", "description": "when it was issued, in seconds since 1970", "examples": [1769860800]},
        exp={"type": "integer", "description": "when it expires", "examples": [1769860800 + round(settings.expires_s)]},
        jti={"type": "string", "format": "uuid"},
    )
    user = {
        "anyOf": [RecordOf(settings.entity_service, "get"), {"type": "object"}],
        "description": "As the caller sees it.",
    }
    way = {"type": "string", "examples": [next(iter(strategies), "local")]}
    signed_in = object_of(
        accessToken={**_TOKEN, "type": ["string", "null"], "description": "Null for who is nobody in particular."},
        authentication=object_of(("payload",), strategy=way, payload=claims),
        **{settings.entity: user},
    )
    with_token = object_of(strategy={**way, "examples": ["jwt"]}, accessToken=_TOKEN, payload=claims)
    signed_out = object_of(accessToken=_TOKEN, authentication=with_token, **{settings.entity: user})
    return {
        "about": "Signing in and out. A token goes into the header `Authorization: Bearer …`; over Socket.IO the "
        "connection itself is signed in, and stays so until it signs out or the token ends.",
        "create:about": "Sign in, by one of the strategies "
        + ", ".join(f"`{name}`" for name in strategies)
        + ".\nWhat is wrong with the name or the password is not told apart: `NotAuthenticated`. Who fails too often "
        "has to wait: `TooManyRequests`, with `retry_after_s`.",
        "create": {"anyOf": ways},
        "create:result": signed_in,
        "create:parameters": (),
        "create:errors": (405, 429),
        "remove:about": "Sign out: the token that the call comes with is ended.\n`NotAuthenticated` without a valid "
        "one, and for an id in the path that is another token.",
        "remove:result": signed_out,
        "remove:parameters": (),
        "remove:errors": (),
        "multi": ("remove",),
        "id:about": "The token itself.",
        "id:example": _TOKEN["examples"][0],
    }
