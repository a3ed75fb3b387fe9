"""From which address a request comes, also through a reverse proxy: what limits count by."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass

from aiohttp import web

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

# Some proxies name the port, too: 192.0.2.1:4711, [2001:db8::1]:4711.
_WITH_PORT = re.compile(r"([0-9.]+):[0-9]+|\[([^\]]+)\](?::[0-9]+)?", re.ASCII)

# Whoever has an IPv6 address has all of such a network, as a rule.
IPV6_PREFIX = 64


@dataclass(frozen=True)
class Proxies:
    """Proxies whose word on where a request comes from is taken; by default nobody's.

    Each adds the address it was called from at the end of `X-Forwarded-For`, so the last one there that is no trusted
    proxy is the client's. Whatever stands before that anybody may have written.
    """

    networks: tuple[Network, ...] = ()

    @classmethod
    def of(cls, texts: Iterable[str]) -> Proxies:
        """Those at these addresses and networks: `127.0.0.1`, `10.0.0.0/8`, `::1`. Raises ValueError."""
        return cls(tuple(ipaddress.ip_network(text) for text in texts))

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
        if not self.trusts(nearest):
            return nearest
        hops = ",".join(request.headers.getall("X-Forwarded-For", ())).split(",")
        for hop in reversed(hops):
            address = _hop(hop.strip())
            if address is None:
                # Nobody can say more than that it came through this proxy.
                break
            nearest = str(address)
            if not self.trusts(nearest):
                break
        return nearest


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
