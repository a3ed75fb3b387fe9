"""Event logs: what a storage offers so that its changes are announced once, in order, and can be heard again.

The protocols are satisfied structurally; the in-memory classes are for services without a log of their own.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import TYPE_CHECKING, Any, Protocol

from agor_core.clock import Clock, now_ms
from agor_core.errors import Gone
from agor_core.ids import new_id

if TYPE_CHECKING:
    from agor_core.feathers.app import Feathers

Listener = Callable[[Sequence["LoggedEvent"]], None]


class LoggedEvent(Protocol):
    """An event as a log keeps it: `seq` ascends without gaps within an `epoch`.

    `facts`: what publishers need to decide who may hear it, also when the record is gone.
    """

    @property
    def epoch(self) -> str: ...
    @property
    def seq(self) -> int: ...
    @property
    def path(self) -> str: ...
    @property
    def event(self) -> str: ...
    @property
    def record_id(self) -> str | None: ...
    @property
    def created_at(self) -> int: ...
    @property
    def facts(self) -> Mapping[str, Any]: ...
    @property
    def payload(self) -> Any: ...


class EventLog(Protocol):
    """A log of events in the order in which they became true."""

    async def position(self) -> tuple[str, int]:
        """The epoch and the newest seq, 0 for a log in which nothing happened yet."""
        ...

    async def after(self, seq: int, limit: int) -> Sequence[LoggedEvent]:
        """Up to `limit` events later than `seq`, oldest first. Raises Gone if some of them are no longer kept."""
        ...

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Hear every event once, in order, on the event loop; returns what ends that."""
        ...


@dataclass(frozen=True, slots=True)
class StoredConnection:
    """What is known of a connection that may come back. The pid itself is a credential and is not kept."""

    pid_hash: str
    epoch: str
    start_seq: int
    user_id: str | None
    token_jti: str | None
    last_seen: int


class ConnectionStore(Protocol):
    """Where connections are remembered beyond the process that served them. Times are milliseconds since 1970."""

    async def open(self, pid_hash: str, epoch: str, start_seq: int, now: int) -> None:
        """Remember a new connection, which hears what comes after `start_seq`."""
        ...

    async def find(self, pid_hash: str) -> Any:
        """What is remembered of a connection, or None."""
        ...

    async def bind(self, pid_hash: str, user_id: str | None, token_jti: str | None) -> None:
        """Remember who signed in on a connection; None for nobody."""
        ...

    async def touch(self, pid_hash: str, now: int) -> None:
        """Remember that the connection was there at `now`."""
        ...

    async def forget(self, before: int) -> None:
        """Forget connections last seen before that moment."""
        ...


@dataclass(frozen=True, slots=True)
class EventContext:
    """What a publisher is told about an event that comes from a log, or was emitted by hand."""

    app: Feathers
    path: str
    event: str
    payload: Any
    record_id: str | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)
    epoch: str = ""
    seq: int = 0
    created_at: int = 0


@dataclass(frozen=True, slots=True)
class MemoryEvent:
    """A `LoggedEvent` of the in-memory log."""

    epoch: str
    seq: int
    path: str
    event: str
    record_id: str | None
    created_at: int
    facts: Mapping[str, Any]
    payload: Any


class MemoryEventLog:
    """An event log in memory; it keeps the newest `keep` events and starts a new epoch with each process."""

    def __init__(self, keep: int = 10_000, clock: Clock = now_ms) -> None:
        self.epoch = new_id().replace("-", "")[-12:]
        self._events: deque[MemoryEvent] = deque(maxlen=keep)
        self._seq = 0
        self._listeners: list[Listener] = []
        self._clock = clock

    async def position(self) -> tuple[str, int]:
        """The epoch and the newest seq."""
        return self.epoch, self._seq

    async def after(self, seq: int, limit: int) -> list[MemoryEvent]:
        """Up to `limit` events later than `seq`, oldest first. Raises Gone."""
        first = self._seq - len(self._events)
        if seq < first:
            raise Gone("these events are no longer kept", oldest=first + 1)
        return list(islice(self._events, seq - first, seq - first + limit))

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Hear every event from now on."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def append(
        self, path: str, event: str, payload: Any, record_id: str | None = None, facts: Mapping[str, Any] | None = None
    ) -> MemoryEvent:
        """Log an event and tell the listeners, at once."""
        self._seq += 1
        logged = MemoryEvent(self.epoch, self._seq, path, event, record_id, self._clock(), facts or {}, payload)
        self._events.append(logged)
        for listener in list(self._listeners):
            listener([logged])
        return logged


class MemoryConnectionStore:
    """A connection store in memory."""

    def __init__(self) -> None:
        self._rows: dict[str, StoredConnection] = {}

    async def open(self, pid_hash: str, epoch: str, start_seq: int, now: int) -> None:
        """Remember a new connection."""
        self._rows[pid_hash] = StoredConnection(pid_hash, epoch, start_seq, None, None, now)

    async def find(self, pid_hash: str) -> StoredConnection | None:
        """What is known of it."""
        return self._rows.get(pid_hash)

    async def bind(self, pid_hash: str, user_id: str | None, token_jti: str | None) -> None:
        """Remember who signed in on it, or with None that nobody is."""
        if pid_hash in self._rows:
            self._rows[pid_hash] = replace(self._rows[pid_hash], user_id=user_id, token_jti=token_jti)

    async def touch(self, pid_hash: str, now: int) -> None:
        """It was there at `now`."""
        if pid_hash in self._rows:
            self._rows[pid_hash] = replace(self._rows[pid_hash], last_seen=now)

    async def forget(self, before: int) -> None:
        """Forget those last seen before `before`."""
        self._rows = {key: row for key, row in self._rows.items() if row.last_seen >= before}
