"""The short way of a request to a service: past aiohttp's router and the layers around it, through the same guard."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from aiohttp import web

from agor_core.feathers.app import Feathers

Handler = Callable[..., Awaitable[web.StreamResponse]]


class Shortcut:
    """Requests whose path begins as a service's does, and as no route's could, may go straight to `handle`.

    `handle` is what the router would come to by its `last` route, with all that stands before it; it returns an answer,
    and writes nothing by itself. Whatever is not plain goes the long way.
    """

    def __init__(self, app: Feathers, last: web.AbstractRoute, handle: Handler) -> None:
        self._app = app
        self._last = last
        self.handle = handle

    def takes(self, router: web.UrlDispatcher) -> Callable[[str, Mapping[str, str]], bool]:
        """Says of a request's path and headers whether it may go the short way. All routes are there by now."""
        others = [resource for resource in router.resources() if resource is not self._last.resource]
        taken = {_first(resource.canonical) for resource in others}
        names = {_first(path) for path in self._app.services} - taken
        if any("{" in first for first in taken):
            names = set()

        def is_short(raw_path: str, headers: Mapping[str, str]) -> bool:
            return _first(raw_path.partition("?")[0]) in names and "Expect" not in headers

        return is_short


def _first(path: str) -> str:
    return path.lstrip("/").partition("/")[0]
