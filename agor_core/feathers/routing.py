"""From a path to a service: concrete segments win over parameters, longer paths over shorter ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from agor_core.feathers.service import ServiceHandle

# What may follow a service's path: an id, a custom method and the id of a part.
LONGEST_TAIL = 3


class Match(NamedTuple):
    """A service, the parameters in its path, and the segments after it."""

    service: ServiceHandle
    route: dict[str, str]
    tail: tuple[str, ...]


class Router:
    """The registered paths."""

    def __init__(self) -> None:
        self._static: dict[tuple[str, ...], ServiceHandle] = {}
        self._exact: dict[str, ServiceHandle] = {}
        self._patterns: list[tuple[tuple[str, ...], ServiceHandle]] = []

    def add(self, path: str, service: ServiceHandle) -> None:
        """Register a path; segments that begin with a colon are parameters."""
        segments = _segments(path)
        if any(segment.startswith(":") for segment in segments):
            self._patterns.append((segments, service))
            # A concrete segment before a parameter, from the left.
            self._patterns.sort(key=lambda entry: [segment.startswith(":") for segment in entry[0]])
        else:
            self._static[segments] = self._exact[path] = service

    def remove(self, path: str) -> None:
        """Forget a path that was registered."""
        segments = _segments(path)
        self._static.pop(segments, None)
        self._exact.pop(path, None)
        self._patterns = [entry for entry in self._patterns if entry[0] != segments]

    def find(self, path: str) -> Match | None:
        """The service with the longest path that begins `path`, which is not encoded."""
        # A service's own path is what nearly all calls over a socket name.
        service = self._exact.get(path)
        return Match(service, {}, ()) if service is not None else self.match(_segments(path.strip("/")))

    def match(self, segments: Sequence[str]) -> Match | None:
        """The service with the longest path that begins `segments`."""
        segments = () if segments == [""] else tuple(segments)
        whole = self._static.get(segments)
        if whole is not None:
            return Match(whole, {}, ())
        for tail in range(min(LONGEST_TAIL, len(segments)) + 1):
            head = segments[: len(segments) - tail]
            service = self._static.get(head)
            if service is not None:
                return Match(service, {}, segments[len(head) :])
            for pattern, service in self._patterns:
                route = _route(pattern, head)
                if route is not None:
                    return Match(service, route, segments[len(head) :])
        return None


def _segments(path: str) -> tuple[str, ...]:
    """Its parts: none for the root, which a service may have, too."""
    return tuple(path.split("/")) if path else ()


def _route(pattern: tuple[str, ...], segments: tuple[str, ...]) -> dict[str, str] | None:
    if len(pattern) != len(segments):
        return None
    route: dict[str, str] = {}
    for expected, segment in zip(pattern, segments, strict=True):
        if expected.startswith(":"):
            if not segment:
                return None
            route[expected[1:]] = segment
        elif expected != segment:
            return None
    return route
