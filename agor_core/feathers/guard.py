"""The guard before every door: Host allow-list, then Origin rule, then a token where the network is not trusted.

The threat is any web page in a browser on this machine, and DNS names rebound to loopback. Origin equal to Host
proves nothing; an origin is allowed because it is on the list.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from agor_core.errors import Forbidden, NotAuthenticated

LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "[::1]"})

_HOST = re.compile(r"(?P<name>\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+)(:(?P<port>[0-9]{1,5}))?")


@dataclass(frozen=True)
class Guard:
    """Who may knock.

    `allowed_hosts`: names a request's Host may have, without port, or with one to allow that port only; None is
    any. `allowed_origins`: whole origins (`http://localhost:3000`), None is any. On a server that `is_loopback`,
    requests without Origin are let in, as programs send none, unless the browser says they come from another site.
    Elsewhere they need a bearer token, except where `is_open(method, path)`.
    """

    allowed_hosts: frozenset[str] | None = LOOPBACK_NAMES
    allowed_origins: frozenset[str] | None = frozenset()
    is_loopback: bool = True
    is_open: Callable[[str, str], bool] = field(default=lambda _method, _path: False)

    @classmethod
    def open(cls) -> Guard:
        """A guard that lets everybody in; for tests and playgrounds."""
        return cls(allowed_hosts=None, allowed_origins=None)

    @classmethod
    def of(cls, hosts: Iterable[str], origins: Iterable[str], *, is_loopback: bool) -> Guard:
        """A guard for these hosts and origins."""
        return cls(frozenset(host.lower() for host in hosts), frozenset(origins), is_loopback)

    def check(self, method: str, path: str, headers: Mapping[str, str]) -> None:
        """Raises Forbidden or NotAuthenticated for a request that may not come in.

        Header names are in lower case, or in a mapping that does not care.
        """
        self.check_host(headers.get("host", ""))
        origin = headers.get("origin")
        if origin is not None:
            if self.allowed_origins is not None and origin not in self.allowed_origins:
                raise Forbidden("this origin is not allowed")
            return
        if self.allowed_origins is None:
            return
        if headers.get("sec-fetch-site") in ("cross-site", "same-site") and not self._is_navigation(
            method, path, headers
        ):
            raise Forbidden("requests from other sites are not allowed")
        if not self.is_loopback and not self.is_open(method, path) and not headers.get("authorization"):
            raise NotAuthenticated("Not authenticated")

    def check_host(self, host: str) -> None:
        """Raises Forbidden for a name that is not one of this server's."""
        if self.allowed_hosts is None:
            return
        match = _HOST.fullmatch(host)
        if match is None or not (host.lower() in self.allowed_hosts or match["name"].lower() in self.allowed_hosts):
            raise Forbidden("this host name is not allowed")

    def _is_navigation(self, method: str, path: str, headers: Mapping[str, str]) -> bool:
        """A link somewhere else that leads to the start page; what it gets is the same for everybody."""
        return (
            method == "GET"
            and path == "/"
            and headers.get("sec-fetch-mode") == "navigate"
            and headers.get("sec-fetch-dest") == "document"
        )


def is_loopback_address(host: str) -> bool:
    """Whether a server bound to `host` is reachable from this machine only."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
