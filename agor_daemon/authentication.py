"""Signing in to the daemon: accounts by email and password, tokens that can be ended, and nobody in particular."""

from __future__ import annotations

from typing import Any

from agor_core.config import Settings, jwt_secret
from agor_core.db import Database, Transaction
from agor_core.errors import NotAuthenticated
from agor_core.feathers import Feathers, Params
from agor_core.feathers.authentication import (
    AnonymousStrategy,
    Attempts,
    AuthenticationService,
    AuthSettings,
    JwtStrategy,
    LocalStrategy,
)
from agor_core.models.wire import to_wire
from agor_daemon.access import ANONYMOUS

AUDIENCE = "https://agor.dev"
ISSUER = "agor"
GENERATION = "gen"
"""The claim that a new password, a new role or `revoke` makes void."""


class NoAnonymous:
    """Where signing in is required, being anonymous is refused, and the refusal says what to do."""

    async def authenticate(
        self, service: AuthenticationService, data: dict[str, Any], params: Params
    ) -> dict[str, Any]:
        """Never. Raises NotAuthenticated."""
        raise NotAuthenticated("this daemon requires signing in with an email and a password")

    def account(self, data: dict[str, Any]) -> str | None:
        """None: there is nothing to guess."""
        return None


class Tokens:
    """Which tokens still count: not those signed out, nor those from before the account's last big change."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def claims_for(self, user: dict[str, Any]) -> dict[str, Any]:
        """The account's present generation."""
        user_id = user["user_id"]
        return {GENERATION: await self._database.read(lambda tx: tx.users.get(user_id).data.token_generation)}

    async def is_valid(self, claims: dict[str, Any], user: dict[str, Any]) -> bool:
        """Whether this token of this user still counts."""

        def unit_of_work(tx: Transaction) -> bool:
            account = tx.users.find_one(user_id=user["user_id"])
            if account is None or claims.get(GENERATION) != account.data.token_generation:
                return False
            return not tx.tokens.is_revoked(str(claims.get("jti")))

        return await self._database.read(unit_of_work)

    async def revoke(self, claims: dict[str, Any]) -> None:
        """Remember a signed-out token until it would have expired by itself."""
        await self._database.write(lambda tx: tx.tokens.revoke(str(claims["jti"]), int(claims["exp"]) * 1000))


def build_authentication(app: Feathers, settings: Settings, database: Database) -> AuthenticationService:
    """The service `authentication` as the configuration wants it."""

    async def find_user(email: str) -> dict[str, Any] | None:
        user = await database.read(lambda tx: tx.users.find_one(email=email.strip().lower()))
        return None if user is None else {**to_wire(user), "password": user.password}

    anonymous = None if settings.daemon.require_auth else dict(ANONYMOUS)
    return AuthenticationService(
        app,
        AuthSettings(
            secret=jwt_secret(settings),
            audience=AUDIENCE,
            issuer=ISSUER,
            expires_s=settings.daemon.jwt_expires_s,
            entity_service="users",
            entity_id="user_id",
        ),
        {
            "local": LocalStrategy(find_user),
            "jwt": JwtStrategy(),
            "anonymous": AnonymousStrategy(anonymous) if anonymous is not None else NoAnonymous(),
        },
        anonymous_user=anonymous,
        validity=Tokens(database),
        attempts=Attempts(),
    )
