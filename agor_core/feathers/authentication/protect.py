"""The hook that protects a service."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from agor_core.errors import NotAuthenticated
from agor_core.feathers.params import HookContext


def authenticate(*strategies: str) -> Callable[..., Awaitable[None]]:
    """A hook, for around or before: outside callers must be signed in by one of `strategies`.

    Calls from inside pass, unless they say on whose behalf they are made. Each call is checked anew: the token, that
    its user still exists, and that it is still valid. Sets `params.user`, `params.authentication`,
    `params.authenticated`. Where there is an anonymous user, a caller without credentials is that user. Raises
    ValueError without a strategy.
    """
    if not strategies:
        raise ValueError("authenticate needs at least one strategy")

    async def check(context: HookContext, call_next: Callable[[], Awaitable[None]] | None = None) -> None:
        context.params = await _checked(context, strategies)
        if call_next is not None:
            await call_next()

    return check


async def _checked(context: HookContext, strategies: tuple[str, ...]) -> Any:
    params = context.params
    if params.authenticated or (params.provider is None and params.authentication is None):
        return params
    service = context.app.authentication
    if service is None:
        raise NotAuthenticated("Not authenticated")
    if params.authentication is None:
        if service.anonymous_user is None:
            raise NotAuthenticated("Not authenticated")
        return params.replace(user=service.anonymous_user, authenticated=True)
    if params.authentication.get("strategy") not in strategies:
        raise NotAuthenticated("Invalid authentication information (strategy not allowed in authStrategies)")
    user, claims = await service.identify(params.authentication)
    shown = await service.shown_user(user, params)
    return params.replace(user=shown, authenticated=True, authentication={**params.authentication, "payload": claims})
