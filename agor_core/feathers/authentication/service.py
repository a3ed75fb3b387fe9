"""The authentication service: create signs in, remove signs out; and who a connection is while it lasts."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from agor_core.errors import BadRequest, Conflict, NotAuthenticated, NotFound, ServiceError
from agor_core.feathers.authentication.attempts import Attempts
from agor_core.feathers.authentication.described import api_schemas
from agor_core.feathers.authentication.strategies import Strategy
from agor_core.feathers.authentication.tokens import TokenSettings, check_claims, read_token, sign_token
from agor_core.feathers.params import HookContext, Params
from agor_core.feathers.wire import dumps, loads

if TYPE_CHECKING:
    from agor_core.feathers.app import Feathers
    from agor_core.feathers.channels import Connection

logger = logging.getLogger(__name__)

NO_STRATEGY = "Invalid authentication information (no `strategy` set)"
NOT_ALLOWED = "Invalid authentication information (strategy not allowed in authStrategies)"

SCHEMES = ("bearer", "jwt")

# asyncio's timers take a day well, a century not.
LONGEST_TIMER_S = 86_400.0
# So long a connection that has lost its user is answered, as nobody's, before it is closed: who calls just then would
# else wait for ever, unless its client comes back by itself.
FAREWELL_S = 0.5


@dataclass(frozen=True, slots=True)
class AuthSettings:
    """What tokens say, and where users come from.

    `entity`: the key of the user in results. `entity_id`: the field of a user's id.
    """

    secret: str
    audience: str = "https://yourdomain.com"
    issuer: str = "feathers"
    expires_s: float = 86_400
    entity: str = "user"
    entity_service: str = "users"
    entity_id: str = "id"

    @property
    def tokens(self) -> TokenSettings:
        """The part that concerns tokens."""
        return TokenSettings(self.secret, self.audience, self.issuer, self.expires_s)


class TokenValidity(Protocol):
    """What decides, beyond signature and expiry, whether a token still counts."""

    async def claims_for(self, user: dict[str, Any]) -> dict[str, Any]:
        """Claims to add to a new token."""
        ...

    async def is_valid(self, claims: dict[str, Any], user: dict[str, Any]) -> bool:
        """Whether this token of this user still counts."""
        ...

    async def revoke(self, claims: dict[str, Any]) -> None:
        """This token was signed out."""
        ...


class AlwaysValid:
    """Tokens count until they expire, as in Feathers."""

    async def claims_for(self, user: dict[str, Any]) -> dict[str, Any]:  # the protocol's
        """None."""
        return {}

    async def is_valid(self, claims: dict[str, Any], user: dict[str, Any]) -> bool:  # the protocol's
        """Yes."""
        return True

    async def revoke(self, claims: dict[str, Any]) -> None:
        """Nothing remembers it."""


class AuthenticationService:
    """Register it as `app.use("authentication", service, methods=["create", "remove"], service_events=())`.

    `anonymous_user`: whom a caller or connection without credentials is taken for. An invalid token is an error even
    then.
    """

    def __init__(
        self,
        app: Feathers,
        settings: AuthSettings,
        strategies: Mapping[str, Strategy],
        *,
        anonymous_user: dict[str, Any] | None = None,
        validity: TokenValidity | None = None,
        attempts: Attempts | None = None,
    ) -> None:
        self._app = app
        self.settings = settings
        self.strategies = dict(strategies)
        self.anonymous_user = anonymous_user
        self._validity: TokenValidity = validity or AlwaysValid()
        self._attempts = attempts
        self._expiry: dict[Connection, asyncio.TimerHandle] = {}
        self._tasks: set[asyncio.Task[Any]] = set()
        self.api_schemas = api_schemas(settings, self.strategies)
        app.authentication = self
        app.on("disconnect", self._forget_expiry)

    async def setup(self, app: Feathers, path: str) -> None:
        """Bind connections after a sign-in, and follow what happens to users."""
        app.service(path).hooks(around={"create": [self._after_create], "remove": [self._after_remove]})
        if self.settings.entity_service in app.services:
            users = app.service(self.settings.entity_service)
            for event in ("updated", "patched", "removed"):
                users.on(event, self._user_changed)

    async def teardown(self, _app: Feathers, _path: str) -> None:
        """Stop the timers."""
        for timer in self._expiry.values():
            timer.cancel()
        self._expiry.clear()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def create(self, data: Any, params: Params) -> dict[str, Any]:
        """Sign in: `{strategy, …}`. Raises NotAuthenticated."""
        strategy = data.get("strategy") if isinstance(data, dict) else None
        if strategy is None or strategy == "":
            raise NotAuthenticated(NO_STRATEGY)
        chosen = self.strategies.get(strategy) if isinstance(strategy, str) else None
        if chosen is None:
            raise NotAuthenticated(NOT_ALLOWED)
        name = chosen.account(data)
        if self._attempts is None or name is None:
            return await chosen.authenticate(self, data, params)
        return await self._counted(self._attempts, name, lambda: chosen.authenticate(self, data, params), params)

    async def remove(self, id: Any, params: Params) -> dict[str, Any]:
        """Sign out the caller; an id must be the token. Raises NotAuthenticated."""
        authentication = params.authentication
        if authentication is None:
            raise NotAuthenticated(NO_STRATEGY)
        token = authentication.get("accessToken")
        if id is not None and id != token:
            raise NotAuthenticated("Invalid access token")
        user, claims = await self.identify(authentication)
        shown = await self.shown_user(user, params)
        await self._validity.revoke(claims)
        return {
            "accessToken": token,
            "authentication": {"strategy": "jwt", "accessToken": token, "payload": claims},
            self.settings.entity: shown,
        }

    async def _counted(
        self, attempts: Attempts, account: str, sign_in: Callable[[], Awaitable[dict[str, Any]]], params: Params
    ) -> dict[str, Any]:
        address = str(params.extra.get("address") or getattr(params.connection, "extra", {}).get("address"))
        attempts.begin(address, account)
        result = await sign_in()
        attempts.succeeded(address, account)
        return result

    # What strategies and the hook use.

    async def issue(self, user: dict[str, Any], strategy: str, params: Params) -> dict[str, Any]:
        """The result of a sign-in with a new token."""
        claims = await self._validity.claims_for(user)
        token, payload = sign_token(self.settings.tokens, str(user[self.settings.entity_id]), claims)
        shown = await self.shown_user(user, params.replace(authentication={"strategy": strategy, "payload": payload}))
        return {
            "accessToken": token,
            "authentication": {"strategy": strategy, "payload": payload},
            self.settings.entity: shown,
        }

    async def identify(self, authentication: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
        """The user, as known inside, and the claims of a token. Raises NotAuthenticated.

        A connection that was restored has no token, only claims that were checked when it had one.
        """
        if "accessToken" in authentication:
            claims = read_token(self.settings.tokens, authentication["accessToken"])
        else:
            claims = dict(authentication["payload"])
            check_claims(self.settings.tokens, claims)
        subject = claims.get("sub")
        if isinstance(subject, bool) or not isinstance(subject, str | int):
            raise NotAuthenticated("Not authenticated")
        try:
            user = await self._users().get(subject)
        except (NotFound, BadRequest, Conflict) as error:
            raise NotAuthenticated("Not authenticated") from error
        # A service may find records by more than their id; a token is for the one whose id it names.
        if not isinstance(user, dict) or str(user.get(self.settings.entity_id)) != str(subject):
            raise NotAuthenticated("Not authenticated")
        if not await self._validity.is_valid(claims, user):
            raise NotAuthenticated("Not authenticated")
        return user, claims

    async def shown_user(self, user: dict[str, Any], params: Params) -> dict[str, Any]:
        """The user as an outside caller gets it, so that whatever hides its password hides it here."""
        if params.provider is None:
            return user
        users = self._users()
        asked = params.replace(query={}, route={}, user=user, authenticated=True)
        context = await users.run(users.methods.by_attribute["get"], asked, id=user[self.settings.entity_id])
        shown: dict[str, Any] = context.answer
        return shown

    # What the transports use.

    def with_header(self, params: Params) -> Params:
        """Params with what the Authorization header says, unchecked; the anonymous user if it says nothing."""
        token = bearer_token(params.headers.get("authorization"))
        if token is not None:
            return params.replace(authentication={"strategy": "jwt", "accessToken": token})
        return params if self.anonymous_user is None else params.replace(user=self.anonymous_user)

    async def greet(self, connection: Connection) -> Any:
        """Who a new connection is: sign in by its handshake header, or be anonymous. Raises NotAuthenticated."""
        connection.user = self.anonymous_user
        token = bearer_token(connection.headers.get("authorization"))
        if token is None:
            return None
        params = Params(provider="socketio", headers=connection.headers, connection=connection)
        if "jwt" not in self.strategies:
            raise NotAuthenticated(NOT_ALLOWED)
        result = await self.strategies["jwt"].authenticate(self, {"accessToken": token}, params)
        self._bind(connection, result)
        await self._app.signal("login", result, params, None)
        return result

    async def restore(self, connection: Connection, user_id: str, kept: str | None) -> Any:
        """Give a connection that came back its user, if user and token are still valid; else None.

        The answer is what the `login` signal is to be called with.
        """
        try:
            claims = loads(kept or "")
            if not isinstance(claims, dict) or str(claims.get("sub")) != user_id:
                return None
            user, claims = await self.identify({"payload": claims})
            params = Params(provider="socketio", headers=connection.headers, connection=connection)
            authentication = {"strategy": "jwt", "payload": claims}
            shown = await self.shown_user(user, params.replace(authentication=authentication))
        except ServiceError:
            return None
        result = {"accessToken": None, "authentication": authentication, self.settings.entity: shown}
        self._bind(connection, result)
        return result, params, None

    def binding(self, connection: Connection) -> tuple[str | None, str | None]:
        """What `restore` needs to know of a connection: the user's id and the claims, which are no credential."""
        claims = (connection.authentication or {}).get("payload")
        return (None, None) if claims is None else (str(claims["sub"]), dumps(claims).decode())

    async def revalidate(self, user_id: Any) -> None:
        """Check the connections of this user; those that are no longer valid hear nothing more and are soon closed."""
        for connection in list(self._app.connections):
            claims = (connection.authentication or {}).get("payload")
            if claims is None or str(claims.get("sub")) != str(user_id):
                continue
            params = Params(provider="socketio", headers=connection.headers, connection=connection)
            try:
                user, _ = await self.identify(connection.authentication or {})
                shown = await self.shown_user(user, params.replace(authentication=connection.authentication))
                if connection.authentication is not None:
                    connection.user = shown
            except ServiceError:
                self._unbind(connection)
                self._start(self._take_leave(connection))

    # Inside.

    def _users(self) -> Any:
        return self._app.service(self.settings.entity_service)

    def _bind(self, connection: Connection, result: dict[str, Any]) -> None:
        payload = result["authentication"].get("payload")
        self._forget_expiry(connection)
        connection.user = result[self.settings.entity]
        if payload is None:
            connection.authentication = None
            return
        bound: dict[str, Any] = {"strategy": "jwt", "payload": payload}
        if result.get("accessToken"):
            bound["accessToken"] = result["accessToken"]
        connection.authentication = bound
        if isinstance(payload.get("exp"), int | float):
            self._expire_at(connection, payload["exp"])

    def _expire_at(self, connection: Connection, moment: float) -> None:
        wait = moment - time.time()
        loop = asyncio.get_running_loop()
        if wait > LONGEST_TIMER_S:
            self._expiry[connection] = loop.call_later(LONGEST_TIMER_S, self._expire_at, connection, moment)
        elif wait > 0:
            self._expiry[connection] = loop.call_later(wait, self._expire_at, connection, moment)
        else:
            # The transport is closed, not the namespace: the client comes back by itself and is not stranded.
            self._unbind(connection)
            connection.outlet.close(connection, "token expired")

    async def _take_leave(self, connection: Connection) -> None:
        await asyncio.sleep(FAREWELL_S)
        connection.outlet.close(connection, "no longer valid")

    def _unbind(self, connection: Connection) -> None:
        connection.user = self.anonymous_user
        connection.authentication = None
        self._app.channels.leave_all(connection)
        self._forget_expiry(connection)

    def _forget_expiry(self, connection: Connection) -> None:
        timer = self._expiry.pop(connection, None)
        if timer is not None:
            timer.cancel()

    def _user_changed(self, user: Any, _context: Any) -> None:
        if isinstance(user, dict) and self.settings.entity_id in user:
            self._start(self.revalidate(user[self.settings.entity_id]))

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _after_create(self, context: HookContext, call_next: Callable[[], Awaitable[None]]) -> None:
        await call_next()
        connection = context.params.connection
        if connection is not None and connection.is_open:
            self._bind(connection, context.result)
        await self._tell("login", context)

    async def _tell(self, signal: str, context: HookContext) -> None:
        """Nobody is told of what the application does itself, unless it does it for a connection."""
        if context.params.provider is not None or context.params.connection is not None:
            await self._app.signal(signal, context.result, context.params, context)

    async def _after_remove(self, context: HookContext, call_next: Callable[[], Awaitable[None]]) -> None:
        await call_next()
        connection = context.params.connection
        if connection is not None:
            self._unbind(connection)
        claims = context.result["authentication"]["payload"]
        await self._tell("logout", context)
        await self.revalidate(claims.get("sub"))


def bearer_token(header: str | None) -> str | None:
    """The token in an Authorization header: scheme Bearer or JWT in any case, or the bare token.

    As in Feathers a colon may follow the scheme, and anything the token.
    """
    words = (header or "").split(maxsplit=2)
    if len(words) < 2:
        return words[0] if words else None
    return words[1] if words[0].removesuffix(":").lower() in SCHEMES else None
