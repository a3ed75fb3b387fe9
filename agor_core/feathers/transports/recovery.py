"""Coming back without a gap: Socket.IO's connection state recovery over an event log.

A connection gets a `pid`, 256 random bits, and each logged event its offset, `<epoch>.<seq>`, as last argument; the
official client sends both when it reconnects. The pid is a credential: only its hash is kept, and it is never logged.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from dataclasses import dataclass
from typing import Any

from agor_core.clock import Clock, now_ms
from agor_core.errors import Gone
from agor_core.feathers.events import ConnectionStore, EventLog, StoredConnection

_OFFSET = re.compile(r"(?P<epoch>[^.]{1,100})\.(?P<seq>[0-9]{1,18})", re.ASCII)

# The official client stores any text as its pid and sends it back; ours have exactly this length.
_PID = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Start:
    """Where a connection's hearing begins: after `seq`. `stored` is what is known of one that came back."""

    pid: str
    pid_hash: str
    epoch: str
    seq: int
    stored: StoredConnection | None = None


@dataclass(frozen=True)
class Recovery:
    """The settings of recovery.

    `window_s`: how long after a drop a connection may come back. `max_events`: one that is further behind than this
    starts anew, since fetching is cheaper then.
    """

    log: EventLog
    store: ConnectionStore
    window_s: float = 300.0
    max_events: int = 5_000
    clock: Clock = now_ms

    async def begin(self) -> Start:
        """A new connection, remembered from now on."""
        pid = secrets.token_urlsafe(32)
        epoch, seq = await self.log.position()
        start = Start(pid, hash_of(pid), epoch, seq)
        await self.store.open(start.pid_hash, epoch, seq, self.clock())
        return start

    async def resume(self, auth: Any) -> Start | None:
        """Where a connection that comes back goes on; None if it cannot and must begin anew.

        It cannot if its pid is unknown or too old, its epoch is another, its offset unreadable or of the future, or it
        is too far behind. The client keeps an old offset across a new pid, so the later of offset and start counts.
        """
        if not isinstance(auth, dict):
            return None
        pid, offset = auth.get("pid"), auth.get("offset")
        if not isinstance(pid, str) or _PID.fullmatch(pid) is None:
            return None
        stored = await self.store.find(hash_of(pid))
        if stored is None or self.clock() - stored.last_seen > self.window_s * 1000:
            return None
        epoch, newest = await self.log.position()
        seq: int | None = stored.start_seq
        if offset is not None:
            heard = _seq_of(offset, epoch)
            seq = None if heard is None else max(heard, stored.start_seq)
        if stored.epoch != epoch or seq is None or not newest - self.max_events <= seq <= newest:
            return None
        try:
            await self.log.after(seq, 1)
        except Gone:
            return None
        return Start(pid, stored.pid_hash, epoch, seq, stored)


def hash_of(pid: str) -> str:
    """What is kept of a pid."""
    return hashlib.sha256(pid.encode()).hexdigest()


def offset_text(offset: tuple[str, int]) -> str:
    """An offset as it travels."""
    return f"{offset[0]}.{offset[1]}"


def _seq_of(offset: Any, epoch: str) -> int | None:
    match = _OFFSET.fullmatch(offset) if isinstance(offset, str) else None
    return int(match["seq"]) if match is not None and match["epoch"] == epoch else None
