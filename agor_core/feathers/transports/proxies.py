"""From which address a request comes, also through a reverse proxy: what limits count by."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from aiohttp import web

from agor_core.feathers.transports import forwarded

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

# Some proxies name the port, too: 192.0.2.1:4711, [2001:db8::1]:4711, [2001:db8::1]:_hidden.
_WITH_PORT = re.compile(r"([0-9.]+):(?:[0-9]+|_[\w.-]+)|\[([^\]]+)\](?::(?:[0-9]+|_[\w.-]+))?", re.ASCII)

# Whoever has an IPv6 address has all of such a network, as a rule.
IPV6_PREFIX = 64


class ProxyHeader(StrEnum):
    """In which header proxies say where a request comes from."""

    X_FORWARDED_FOR = "x-forwarded-for"
    FORWARDED = "forwarded"


_OTHER = {
    ProxyHeader.X_FORWARDED_FOR: ProxyHeader.FORWARDED,
    ProxyHeader.FORWARDED: ProxyHeader.X_FORWARDED_FOR,
}


@dataclass(frozen=True)
class Hop:
    """What one proxy says of who called it: from which address, and by which name; None where it does not tell."""

    address: Address | None
    host: str | None = None


@dataclass(frozen=True)
class Proxies:
    """Proxies whose word on where a request comes from is taken; by default nobody's.

    Each adds the address it was called from at the end of `X-Forwarded-For` or `Forwarded`, so the last one there that
    is no trusted proxy is the client's. Whatever stands before that anybody may have written. Proxies know one of the
    two and hand on the other as it came from the client: `header` is the one these write, and the other is looked at
    only where that is missing altogether.
    """

    networks: tuple[Network, ...] = ()
    header: ProxyHeader = ProxyHeader.X_FORWARDED_FOR

    @classmethod
    def of(cls, texts: Iterable[str], header: str = ProxyHeader.X_FORWARDED_FOR) -> Proxies:
        """Those at these addresses and networks: `127.0.0.1`, `10.0.0.0/8`, `::1`. Raises ValueError."""
        return cls(tuple(ipaddress.ip_network(text) for text in texts), ProxyHeader(header))

    def trusts(self, peer: str) -> bool:
        """Whether it is one of them."""
        address = _address(peer) if self.networks else None
        return address is not None and any(address in network for network in self.networks)

    def origin(self, request: web.BaseRequest) -> str:
        """The address a request comes from, as limits count it."""
        return counted(self.client(request))

    def client(self, request: web.BaseRequest) -> str:
        """The address a request comes from."""
        nearest = request.remote or ""
        if not self.networks:
            return nearest
        for hop in self._believed(request):
            if hop.address is None:
                # Nobody can say more than that it came through this proxy.
                break
            nearest = str(hop.address)
        return nearest

    def host(self, request: web.BaseRequest) -> str | None:
        """The name by which the client called the proxy farthest from here that tells it; None if none does."""
        if not self.networks:
            return None
        names = [hop.host for hop in self._believed(request) if hop.host is not None]
        return names[-1] if names else None

    def _believed(self, request: web.BaseRequest) -> Iterator[Hop]:
        """What trusted proxies say, the nearest first: each is one if the one before, or the socket, says so."""
        if not self.trusts(request.remote or ""):
            return
        for hop in self._hops(request):
            yield hop
            if hop.address is None or not self.trusts(str(hop.address)):
                return

    def _hops(self, request: web.BaseRequest) -> Iterator[Hop]:
        spoken = self.header if self.header in request.headers else _OTHER[self.header]
        lines = request.headers.getall(spoken, ())
        if spoken is ProxyHeader.FORWARDED:
            for said in forwarded.elements(lines):
                yield Hop(None) if said is None else Hop(_hop(said.get("for", "")), said.get("host"))
        else:
            for text in reversed(",".join(lines).split(",")):
                yield Hop(_hop(text.strip()))


def counted(address: str) -> str:
    """What an address counts as: itself, or the whole network of which an IPv6 address is one of many."""
    if ":" not in address:
        return address
    known = _address(address)
    if not isinstance(known, ipaddress.IPv6Address):
        return address if known is None else str(known)
    return str(ipaddress.ip_network((int(known), IPV6_PREFIX), strict=False))


def is_here(address: str) -> bool:
    """Whether it is one of this machine's own."""
    known = _address(address)
    return known is not None and known.is_loopback


def _hop(text: str) -> Address | None:
    match = _WITH_PORT.fullmatch(text)
    return _address(text if match is None else match[1] or match[2])


def _address(text: str) -> Address | None:
    """What `text` says, an IPv4 address also where it is written as one of IPv6."""
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address
