"""Connections, the named sets of them called channels, and what a publisher answers."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol

from agor_core.feathers.params import UNSET


class Outlet(Protocol):
    """The transport behind connections: what it is asked to send leaves in the order of asking, without waiting."""

    def send(
        self, connections: Iterable[Connection], name: str, payload: Any, offset: tuple[str, int] | None, volatile: bool
    ) -> int:
        """Send the event `name` to each of `connections`, and say how many bytes each gets.

        `offset`, (epoch, seq), only for events of a log. A `volatile` event may be shed where much waits already.
        """
        ...

    def is_behind(self) -> bool:
        """Whether some connection has much to read still; a burst of events then waits a little."""
        ...

    def close(self, connection: Connection, reason: str) -> None:
        """End a connection. It may come back and sign in again."""
        ...


class Connection:
    """One client that stays connected: who it is and where its events go.

    A connection is compared by identity. `user` and `authentication` are set by signing in. `extra` is the
    application's.
    """

    __slots__ = ("__weakref__", "authentication", "extra", "headers", "id", "is_open", "outlet", "provider", "user")

    def __init__(self, id: str, outlet: Outlet, headers: Mapping[str, str] | None = None) -> None:
        self.id = id
        self.outlet = outlet
        self.provider = "socketio"
        self.headers: Mapping[str, str] = headers or {}
        self.user: dict[str, Any] | None = None
        self.authentication: dict[str, Any] | None = None
        self.is_open = True
        self.extra: dict[str, Any] = {}

    def __repr__(self) -> str:
        return f"<Connection {self.id}>"


class Channel:
    """A set of connections, possibly with data of its own in place of the event's.

    `filter` and `send` give derived channels; joining and leaving is for the ones `app.channel` gives.
    `parts`: the channels that this one stands for, all of which whoever joins it joins.
    """

    def __init__(
        self, connections: Iterable[Connection] = (), data: Any = UNSET, parts: Sequence[Channel] = ()
    ) -> None:
        # A dict, not a set: events go out in the order in which connections joined.
        self._connections: dict[Connection, None] = dict.fromkeys(connections)
        self._parts = parts
        self.data = data

    @property
    def connections(self) -> list[Connection]:
        """The connections in the channel, in the order they joined."""
        return list(self._connections)

    def __len__(self) -> int:
        return len(self._connections)

    def __iter__(self) -> Iterator[Connection]:
        return iter(self._connections)

    def __contains__(self, connection: Connection) -> bool:
        return connection in self._connections

    def join(self, *connections: Connection | None) -> Channel:
        """Add connections; None, the connection of a REST call, is ignored, and so is one that has closed."""
        for connection in connections:
            if connection is not None and connection.is_open:
                self._connections[connection] = None
        for part in self._parts:
            part.join(*connections)
        return self

    def leave(self, *connections: Connection | Callable[[Connection], bool] | None) -> Channel:
        """Take connections out, or those for which a function is true."""
        for one in connections:
            if callable(one):
                self.leave(*filter(one, self.connections))
            elif one is not None:
                self._connections.pop(one, None)
                for part in self._parts:
                    part.leave(one)
        return self

    def filter(self, keep: Callable[[Connection], bool]) -> Channel:
        """A channel of the connections for which `keep` is true."""
        return Channel((connection for connection in self._connections if keep(connection)), self.data)

    def send(self, data: Any) -> Channel:
        """A channel of the same connections that get `data` in place of the event's."""
        return Channel(self._connections, data)


class ChannelBook:
    """The application's channels by name. Empty ones are forgotten when a connection leaves everything."""

    def __init__(self) -> None:
        self._channels: dict[str, Channel] = {}

    def channel(self, *names: str) -> Channel:
        """The channel of that name; several names give one that stands for all of them. Raises ValueError for none."""
        if not names:
            raise ValueError("a channel has a name")
        found = [self._channels.setdefault(name, Channel()) for name in names]
        return found[0] if len(found) == 1 else Channel(itertools.chain(*found), parts=found)

    @property
    def names(self) -> list[str]:
        """The names of all channels."""
        return list(self._channels)

    def leave_all(self, connection: Connection) -> None:
        """Take a connection out of every channel."""
        for name, channel in list(self._channels.items()):
            channel.leave(connection)
            if not channel:
                del self._channels[name]


def recipients(published: Any, payload: Any) -> list[tuple[Any, list[Connection]]]:
    """Who gets what: a publisher's answer as (payload, connections) pairs, each connection once.

    `published`: a channel, a list of channels (also nested), or None. A connection in several of them gets
    what the first of them sends.
    """
    channels = list(_flatten(published))
    if len(channels) == 1:
        only = channels[0]
        return [(payload if only.data is UNSET else only.data, list(only))] if only else []
    seen: set[Connection] = set()
    groups: list[tuple[Any, list[Connection]]] = []
    plain: list[Connection] | None = None
    for channel in channels:
        fresh = [connection for connection in channel if connection not in seen]
        seen.update(fresh)
        if not fresh:
            continue
        if channel.data is not UNSET:
            groups.append((channel.data, fresh))
        elif plain is None:
            plain = fresh
            groups.append((payload, plain))
        else:
            plain.extend(fresh)
    return groups


def _flatten(published: Any) -> Iterator[Channel]:
    if isinstance(published, Channel):
        yield published
    elif isinstance(published, list | tuple | set | frozenset):
        for part in published:
            yield from _flatten(part)
    elif published is not None:
        raise TypeError(f"a publisher answers channels, not {type(published).__name__}")
