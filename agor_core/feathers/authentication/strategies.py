"""Strategies: from what somebody says to who they are."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, Protocol

from agor_core.errors import NotAuthenticated
from agor_core.feathers.authentication.passwords import DUMMY_HASH, verify_password
from agor_core.feathers.params import Params

if TYPE_CHECKING:
    from agor_core.feathers.authentication.service import AuthenticationService


_TEXT: Mapping[str, Any] = {"type": "string", "minLength": 1}
_PASSWORD: Mapping[str, Any] = {**_TEXT, "format": "password", "examples": ["correct horse battery staple"]}

# Of an account whose failures are remembered.
LONGEST_NAME = 320


class Strategy(Protocol):
    """One way to sign in.

    Its attribute `takes`, if it has one, is what the API documents say that it needs: JSON schemas by field.
    """

    async def authenticate(
        self, service: AuthenticationService, data: dict[str, Any], params: Params
    ) -> dict[str, Any]:
        """The result of signing in, with `accessToken`, `authentication` and the user. Raises NotAuthenticated."""
        ...

    def account(self, data: dict[str, Any]) -> str | None:
        """The account whose failures are counted; None where there is nothing to guess."""
        ...


class LocalStrategy:
    """A name and a password. Every failure is the same `Invalid login`, and takes as long.

    `find_user` gives the whole record, its hash under `hash_field`, for exactly this name, or None.
    """

    def __init__(
        self,
        find_user: Callable[[str], Awaitable[dict[str, Any] | None]],
        *,
        username_field: str = "email",
        password_field: str = "password",  # noqa: S107  # the name of a field
        hash_field: str = "password",  # the name of a field
    ) -> None:
        self._find_user = find_user
        self._username_field = username_field
        self._password_field = password_field
        self._hash_field = hash_field
        self.takes = {username_field: {**_TEXT, "examples": ["ann@example.com"]}, password_field: _PASSWORD}

    async def authenticate(
        self, service: AuthenticationService, data: dict[str, Any], params: Params
    ) -> dict[str, Any]:
        """Check the password and issue a token."""
        name, password = data.get(self._username_field), data.get(self._password_field)
        # Only text is a name: as a query operator it would find somebody.
        if not isinstance(name, str) or not isinstance(password, str) or not name or not password:
            raise NotAuthenticated("Invalid login")
        user = await self._find_user(name)
        hash = (user or {}).get(self._hash_field)
        is_right = await verify_password(password, hash if isinstance(hash, str) else DUMMY_HASH)
        if user is None or not isinstance(hash, str) or not is_right:
            raise NotAuthenticated("Invalid login")
        return await service.issue(user, "local", params)

    def account(self, data: dict[str, Any]) -> str | None:
        """The name, however it is spelled: no spelling is a way around the limit, no length a way to fill memory."""
        return str(data.get(self._username_field)).strip().casefold()[:LONGEST_NAME]


class JwtStrategy:
    """A token that was issued before."""

    takes: Mapping[str, Any] = {"accessToken": {**_TEXT, "examples": ["eyJhbGciOiJIUzI1NiIsInR5cCI6ImFjY2VzcyJ9…"]}}

    async def authenticate(
        self, service: AuthenticationService, data: dict[str, Any], params: Params
    ) -> dict[str, Any]:
        """Check the token; the answer has the same one."""
        token = data.get("accessToken")
        if token is None or token == "":
            raise NotAuthenticated("No access token")
        user, claims = await service.identify({"strategy": "jwt", "accessToken": token})
        shown = await service.shown_user(user, params)
        return {
            "accessToken": token,
            "authentication": {"strategy": "jwt", "accessToken": token, "payload": claims},
            service.settings.entity: shown,
        }

    def account(self, data: dict[str, Any]) -> str | None:  # the protocol's
        """None: a signature cannot be guessed."""
        return None


class AnonymousStrategy:
    """Nobody in particular: a fixed user for whoever asks, without a token."""

    def __init__(self, user: dict[str, Any]) -> None:
        self._user = user

    async def authenticate(
        self,
        service: AuthenticationService,
        data: dict[str, Any],
        params: Params,  # the protocol's
    ) -> dict[str, Any]:
        """The fixed user."""
        return {"accessToken": None, "authentication": {"strategy": "anonymous"}, service.settings.entity: self._user}

    def account(self, data: dict[str, Any]) -> str | None:  # the protocol's
        """None: everybody may."""
        return None
