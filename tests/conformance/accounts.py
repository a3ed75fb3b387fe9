"""The services of the conformance server about who somebody is: users, authentication, secrets; and who hears what."""

from __future__ import annotations

from typing import Any

from agor_core.errors import BadRequest
from agor_core.feathers import Channel, Connection, Feathers, HookContext, MemoryService, Params
from agor_core.feathers.authentication import (
    AuthenticationService,
    AuthSettings,
    JwtStrategy,
    LocalStrategy,
    Strategy,
    authenticate,
    hash_password,
)
from agor_core.feathers.authentication.attempts import Attempts
from agor_core.feathers.authentication.service import TokenValidity

SETTINGS = AuthSettings(
    secret="conformance-secret", audience="https://conformance.example", issuer="conformance", expires_s=86_400
)
EVERYBODY = "everybody"


def add_accounts(app: Feathers, attempts: Attempts | None = None, validity: TokenValidity | None = None) -> None:
    """Users, sign-in, and secrets; `attempts`: how often that may fail; `validity`: what ends a token early."""
    users = app.use("users", MemoryService())
    protected = [authenticate("jwt")]
    users.hooks(
        around=dict.fromkeys(("find", "get", "update", "patch", "remove"), protected),
        before={
            "all": [_refuse_password_query],
            "create": [_hash_password],
            "update": [_hash_password],
            "patch": [_hash_password],
        },
        after={"all": [_hide_password]},
    )

    async def find_user(email: str) -> dict[str, Any] | None:
        found = await users.find(Params(query={"email": email, "$limit": 1}))
        return found[0] if found else None

    strategies: dict[str, Strategy] = {"local": LocalStrategy(find_user), "jwt": JwtStrategy()}
    service = AuthenticationService(app, SETTINGS, strategies, validity=validity, attempts=attempts)
    app.use("authentication", service, methods=["create", "remove"], service_events=())
    app.use("secrets", MemoryService()).hooks(around={"all": protected}, before={"create": [_set_owner]})


def add_publishers(app: Feathers) -> None:
    """Everybody hears everything, except users and secrets, which only the signed-in hear."""

    def join(connection: Connection) -> None:
        app.channel(EVERYBODY).join(connection)

    def rejoin(_result: Any, params: Params, _context: Any) -> None:
        app.channel(EVERYBODY).join(params.connection)

    def signed_in(_data: Any, _context: Any) -> Channel:
        return app.channel(EVERYBODY).filter(lambda connection: connection.authentication is not None)

    app.on("connection", join)
    app.on("logout", rejoin)
    app.publish(lambda _data, _context: app.channel(EVERYBODY))
    app.service("users").publish(signed_in)
    app.service("secrets").publish(signed_in)
    app.service("authentication").publish(lambda _data, _context: None)


async def _hash_password(context: HookContext) -> None:
    for record in context.data if isinstance(context.data, list) else [context.data]:
        if not isinstance(record, dict):
            raise BadRequest("a user is a JSON object")
        password = record.get("password")
        if context.method == "patch" and "password" not in record:
            continue
        if not isinstance(password, str) or not password:
            raise BadRequest("a user has a password")
        record["password"] = await hash_password(password)


def _hide_password(context: HookContext) -> None:
    result = context.result
    context.dispatch = [_public(user) for user in result] if isinstance(result, list) else _public(result)


def _public(user: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in user.items() if key != "password"}


def _refuse_password_query(context: HookContext) -> None:
    """A hash that could be compared with would leave the server digit by digit."""
    waiting: list[Any] = [context.params.query] if context.params.provider else []
    while waiting:
        part = waiting.pop()
        if isinstance(part, dict):
            if "password" in part:
                raise BadRequest("users are not found by password")
            waiting.extend(part.values())
        elif isinstance(part, list):
            waiting.extend(part)


def _set_owner(context: HookContext) -> None:
    owner = (context.params.user or {}).get("id")
    for record in context.data if isinstance(context.data, list) else [context.data]:
        if isinstance(record, dict):
            record["ownerId"] = owner
