"""The short way of a request to a service: past aiohttp's router and the layers around it, through the same guard."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from aiohttp import web

from agor_core.feathers.app import Feathers

Handler = Callable[..., Awaitable[web.StreamResponse]]


class Shortcut:
    """Sends requests whose path begins as a service's does, and as no route's could, straight to `handle`.

    `handle` is what the router would come to by its `last` route, with all that stands before it. Whatever is not plain
    goes the long way.
    """

    def __init__(self, app: Feathers, last: web.AbstractRoute, handle: Handler) -> None:
        self._app = app
        self._last = last
        self._handle = handle

    def before(self, router: web.UrlDispatcher, long_way: Handler) -> Handler:
        """A handler that takes the short way where it can, and `long_way` elsewhere. All routes are there by now."""
        others = [resource for resource in router.resources() if resource is not self._last.resource]
        taken = {_first(resource.canonical) for resource in others}
        if any("{" in first for first in taken):
            return long_way
        names = {_first(path) for path in self._app.services} - taken
        handle = self._handle

        async def either(request: web.Request) -> web.StreamResponse:
            if _first(request.raw_path.partition("?")[0]) in names and "Expect" not in request.headers:
                return await handle(request)
            return await long_way(request)

        return either


def _first(path: str) -> str:
    return path.lstrip("/").partition("/")[0]
