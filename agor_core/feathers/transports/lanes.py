"""Lanes: how frames leave on the fast path, and what is traded for what.

An event to a thousand clients should cost a thousand system calls and little else. So, for a client that reads,
nothing is counted and nothing is asked: its lane *flows*, and a delivery is one `transport.write` of a frame that all
recipients share. In exchange:

- **Accounting is late.** Whether clients read is looked at once per `LOOK_BYTES` told, and every second, instead of
  with every frame. Until then a client may have that much more in its transport, never more.
- **A client that does not read changes lanes.** It falls *behind*: from then on its frames wait here, are counted, and
  are bounded by the door's limits, together with what its transport holds, which stays under `MOST_UNSENT_BYTES`, or
  one frame. It flows again once it has read everything.
- **Events wait up to `TICK_S`.** The first after a quiet spell leave at the end of their turn of the loop; those that
  follow are gathered, and leave as one write for each client, in their order. An answer to a call leaves at
  the end of its turn, and takes along what was gathered.

Order is the same in all cases: a frame is written, or put behind what waits, never before it.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Iterable
from typing import Any, Protocol, TypeVar

TICK_S = 0.002
# While clients are behind and none of them reads, there is no hurry.
BEHIND_TICK_S = 0.02
LOOK_BYTES = 64 * 1024
# A transport that holds more than this is given nothing more; with less, it is filled up to twice as much.
UNSENT_BYTES = 64 * 1024
MOST_UNSENT_BYTES = 2 * UNSENT_BYTES
# What it takes to keep a frame, beside what is in it: a small one costs more than it says.
KEPT_BYTES = 64


class Reader(Protocol):
    """Whoever is told events; `lane` is None unless it flows and the reader may be told at once."""

    lane: Lane | None


AnyReader = TypeVar("AnyReader", bound=Reader)


class Lane:
    """One client's way out. While it is behind, what waits is counted; `event_frames` and `event_bytes` are bounded."""

    __slots__ = (
        "_are_events",
        "_given_bytes",
        "_moved_at",
        "_outbox",
        "_read_bytes",
        "_transport",
        "_waiting",
        "_waiting_bytes",
        "event_bytes",
        "event_frames",
        "gathered",
        "is_behind",
        "reader",
        "write",
    )

    def __init__(self, transport: Any, outbox: Outbox) -> None:
        self._transport = transport
        self._outbox = outbox
        self.write = transport.write
        self.reader: Reader | None = None
        self.is_behind = False
        # Events of this tick, as long as it flows.
        self.gathered: list[bytes] = []
        # What waits while it is behind; of each frame, whether it is an event. Few ever are, and a deque is half a kB.
        self._waiting: deque[bytes] | tuple[()] = ()
        self._are_events: deque[bool] | tuple[()] = ()
        self._waiting_bytes = self.event_frames = self.event_bytes = 0
        self._given_bytes = self._read_bytes = 0
        self._moved_at = 0.0
        outbox.lanes.add(self)

    def let_flow(self, reader: Reader) -> None:
        """From now on `reader` is told along with everybody else, unless the client is behind."""
        if not self.is_behind:
            self.reader = reader
            reader.lane = self

    def answer(self, raw: bytes) -> None:
        """Send a frame that is no event: at the end of this turn of the loop, and with it whatever was gathered."""
        outbox = self._outbox
        outbox.spill()
        if not self.is_behind and self.unsent_bytes > UNSENT_BYTES:
            self.fall_behind()
        if self.is_behind:
            self._keep(raw, is_event=False)
            self.catch_up()
            return
        self.gathered.append(raw)
        outbox.hurry(self)

    def event(self, raw: bytes, most_frames: int, most_bytes: int) -> bool:
        """Send an event, or say that too many wait already. One of any size may wait alone."""
        if not self.is_behind:
            # Only what it is given can fill its transport; what waits here is no reason to look at all the others.
            self._outbox.note(raw)
        if not self.is_behind:
            self._outbox.pass_on(self, raw)
            return True
        # A large answer in the transport is paced, and no reason to drop its reader.
        held = min(self.unsent_bytes, MOST_UNSENT_BYTES)
        is_much = self.event_frames >= most_frames or self.event_bytes + held + len(raw) + KEPT_BYTES > most_bytes
        # Much may have come at once without anybody being slow: only what cannot be written counts.
        if self.event_frames and is_much and not self.catch_up():
            return False
        self._keep(raw, is_event=True)
        return True

    def send(self, raw: bytes) -> None:
        """Hand bytes to the transport."""
        try:
            self.write(raw)
        except RuntimeError:
            self.close()

    def fall_behind(self) -> None:
        """From now on what is sent waits here, and is counted."""
        self._outbox.spill()
        self.is_behind = True
        if self.reader is not None:
            self.reader.lane = None
        # Little, and possibly answers: it is not counted among the events that may wait.
        for raw in self.gathered:
            self._keep(raw, is_event=False)
        self.gathered = []
        self._given_bytes, self._read_bytes, self._moved_at = self.unsent_bytes, 0, time.monotonic()
        self._outbox.behind[self] = None
        self._outbox.tick_within(TICK_S)

    def catch_up(self) -> bool:
        """Give the transport what it has room for, and flow again if all is read. Whether something was given."""
        unsent = self.unsent_bytes
        if not self._waiting and not unsent:
            self.is_behind = False
            self._outbox.behind.pop(self, None)
        if not self._waiting or unsent > UNSENT_BYTES:
            return False
        batch: list[bytes] = []
        while self._waiting and self._are_events and unsent < MOST_UNSENT_BYTES:
            raw = self._waiting[0]
            if batch and unsent + len(raw) > MOST_UNSENT_BYTES:
                break
            self._waiting.popleft()
            self._count(-1, raw, self._are_events.popleft())
            unsent += len(raw)
            batch.append(raw)
        joined = b"".join(batch)
        self._given_bytes += len(joined)
        self.send(joined)
        return True

    def finish(self) -> None:
        """Hand over everything that waits, for a connection that is about to be closed in order."""
        self._outbox.spill()
        rest = [*self.gathered, *self._waiting]
        if rest:
            self.send(b"".join(rest))
        self.close()

    def close(self) -> None:
        """The connection is gone: forget what waits."""
        if self.reader is not None:
            self.reader.lane = None
        self.gathered = []
        self._waiting = self._are_events = ()
        self._outbox.lanes.discard(self)
        self._outbox.behind.pop(self, None)

    @property
    def unsent_bytes(self) -> int:
        """What the transport holds."""
        size: int = self._transport.get_write_buffer_size()
        return size

    def backlog(self) -> tuple[int, int]:
        """How many frames wait here, and how many bytes they cost here and in the transport."""
        frames, size = len(self.gathered), sum(map(len, self.gathered))
        return frames + len(self._waiting), size + self._waiting_bytes + self.unsent_bytes

    def stalled_s(self) -> float:
        """For how long a client that has something to read has read nothing."""
        unsent = self.unsent_bytes
        if not self.is_behind:
            if unsent:
                # What it reads from now on is known only if what it gets is counted.
                self.fall_behind()
            return 0.0
        read, now = self._given_bytes - unsent, time.monotonic()
        if read != self._read_bytes or not (unsent or self._waiting):
            self._read_bytes, self._moved_at = read, now
        return now - self._moved_at

    def _keep(self, raw: bytes, *, is_event: bool) -> None:
        if isinstance(self._waiting, tuple) or isinstance(self._are_events, tuple):
            self._waiting, self._are_events = deque(), deque()
        self._waiting.append(raw)
        self._are_events.append(is_event)
        self._count(1, raw, is_event)

    def _count(self, sign: int, raw: bytes, is_event: bool) -> None:
        size = sign * (len(raw) + KEPT_BYTES)
        self._waiting_bytes += size
        if is_event:
            self.event_frames += sign
            self.event_bytes += size


class Outbox:
    """All lanes of a server, what they have to pass on, and the timer that lets it go.

    Events to the same lanes, which is the rule, are kept once for all of them; as soon as anything else happens
    to one of these lanes, each gets its own list (`spill`).
    """

    def __init__(self) -> None:
        self.lanes: set[Lane] = set()
        self.behind: dict[Lane, None] = {}
        self._frames: list[bytes] = []
        self._audience: list[Lane] = []
        # Lanes with a list of their own; the urgent ones have an answer in it.
        self._dirty: list[Lane] = []
        self._urgent: list[Lane] = []
        self._unlooked_bytes = 0
        self._timer: asyncio.TimerHandle | None = None
        # Until then what comes is gathered.
        self._quiet_at = 0.0

    def tell(self, readers: Iterable[AnyReader], raw: bytes) -> list[AnyReader]:
        """Send an event to all who flow. Those who do not are returned: they need a closer look."""
        readers = list(readers)
        self.note(raw)
        lanes: list[Any] = [reader.lane for reader in readers]
        others: list[AnyReader] = []
        if not all(lanes):
            others = [reader for reader in readers if reader.lane is None]
            lanes = [lane for lane in lanes if lane is not None]
        if lanes:
            self._pass_on(lanes, raw)
        return others

    def pass_on(self, lane: Lane, raw: bytes) -> None:
        """Send an event to one that flows."""
        self._pass_on([lane], raw)

    def spill(self) -> None:
        """Give each lane what it has to pass on in a list of its own."""
        frames, audience = self._taken()
        if frames:
            for lane in audience:
                if not lane.gathered:
                    self._dirty.append(lane)
                lane.gathered.extend(frames)

    def hurry(self, lane: Lane) -> None:
        """Let go what a lane has gathered at the end of this turn of the loop."""
        if not self._urgent:
            asyncio.get_running_loop().call_soon(self._flush_urgent)
        self._urgent.append(lane)

    def note(self, raw: bytes) -> None:
        """An event is about to be told; now and then it is looked who does not read."""
        self._unlooked_bytes += len(raw)
        if self._unlooked_bytes <= LOOK_BYTES:
            return
        self._unlooked_bytes = 0
        self._flush()
        for lane in list(self.lanes):
            if not lane.is_behind and lane.unsent_bytes > UNSENT_BYTES:
                lane.fall_behind()

    def tick_within(self, seconds: float) -> None:
        """See to it that what waits is looked at within this time."""
        loop = asyncio.get_running_loop()
        if self._timer is not None:
            if self._timer.when() <= loop.time() + seconds:
                return
            self._timer.cancel()
        self._timer = loop.call_later(seconds, self._tick)

    def _pass_on(self, lanes: list[Lane], raw: bytes) -> None:
        self._leave_soon()
        if not self._frames and not self._dirty:
            self._audience, self._frames = lanes, [raw]
        elif self._frames and lanes == self._audience:
            self._frames.append(raw)
        else:
            self.spill()
            for lane in lanes:
                if not lane.gathered:
                    self._dirty.append(lane)
                lane.gathered.append(raw)

    def _taken(self) -> tuple[list[bytes], list[Lane]]:
        """What is kept for all, and who they are; both are forgotten, or those who go would be kept till the next."""
        taken = self._frames, self._audience
        self._frames, self._audience = [], []
        return taken

    def _leave_soon(self) -> None:
        """At the end of this turn of the loop after a quiet spell, so that what comes together leaves together."""
        if self._frames or self._dirty:
            return
        loop = asyncio.get_running_loop()
        if loop.time() >= self._quiet_at:
            loop.call_soon(self._tick)
        else:
            self.tick_within(TICK_S)

    def _tick(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._frames or self._dirty:
            self._flush()
            self._quiet_at = asyncio.get_running_loop().time() + TICK_S
        moved = [lane for lane in list(self.behind) if lane.catch_up()]
        if self.behind:
            self.tick_within(TICK_S if moved else BEHIND_TICK_S)

    def _flush(self) -> None:
        """Write what was gathered: the loop in which the time of a fan-out goes."""
        self._flush_urgent()
        frames, audience = self._taken()
        if frames:
            raw = frames[0] if len(frames) == 1 else b"".join(frames)
            for lane in audience:
                write = lane.write
                try:
                    write(raw)
                except RuntimeError:
                    # uvloop raises once a transport is closed; the others must still get theirs.
                    lane.close()
        dirty, self._dirty = self._dirty, []
        _write_gathered(dirty)

    def _flush_urgent(self) -> None:
        urgent, self._urgent = self._urgent, []
        _write_gathered(urgent)


def _write_gathered(lanes: list[Lane]) -> None:
    # As a rule all have gathered the same, and one copy serves all.
    last: list[bytes] = []
    joined = b""
    for lane in lanes:
        gathered = lane.gathered
        if not gathered:
            # It has been written already, or the client is behind, or gone.
            continue
        lane.gathered = []
        if gathered != last:
            last, joined = gathered, gathered[0] if len(gathered) == 1 else b"".join(gathered)
        lane.send(joined)
