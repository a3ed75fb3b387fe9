"""From an event to the connections that may hear it: one event after the other, in order.

Events of a call and events of a log go through the same publishers and the same outlets.
"""

from __future__ import annotations

import asyncio
import contextvars
import inspect
import logging
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from agor_core.feathers.channels import Connection, Outlet, recipients
from agor_core.feathers.events import EventContext, LoggedEvent
from agor_core.feathers.params import HookContext

if TYPE_CHECKING:
    from agor_core.feathers.app import Feathers
    from agor_core.feathers.service import Publisher, ServiceHandle

logger = logging.getLogger(__name__)

# A thousand records changed by one call are a thousand events in one turn of the loop, in which no socket is written
# to: without a pause now and then, those who read would be taken for those who do not.
BURST = 200
BURST_BYTES = 250_000
BREATH_S = 0.002
# Whoever is behind is waited for, but not for long: one slow reader must not hold up the others.
MOST_BREATHS = 100

# Inside a publisher: an event that its calls cause must not be waited for there, it is behind the current one.
_publishing = contextvars.ContextVar("feathers_publishing", default=False)


@dataclass(slots=True)
class Announcement:
    """One event on its way: `offset` is (epoch, seq) if it comes from a log."""

    service: ServiceHandle
    event: str
    payload: Any
    context: HookContext | EventContext
    offset: tuple[str, int] | None = None
    volatile: bool = False
    done: asyncio.Future[None] | None = None


class Delivery:
    """The queue in front of the publishers."""

    def __init__(self, app: Feathers) -> None:
        self._app = app
        self._waiting: deque[Announcement] = deque()
        self._pump: asyncio.Task[None] | None = None
        self._burst = 0
        self._burst_bytes = 0
        self._burst_since = 0.0
        self._loop_turned = True

    def is_heard(self, service: ServiceHandle, event: str) -> bool:
        """Whether there is anybody, a publisher or a listener in this process, to tell of such events."""
        return self._app.publisher(service, event) is not None or bool(service.listeners(event))

    def push(self, announcement: Announcement) -> asyncio.Future[None] | None:
        """Deliver, at once if nothing is in the way; else the answer is done once it has been delivered."""
        if not self.is_heard(announcement.service, announcement.event):
            return None
        if self._pump is None and self._in_burst():
            # Behind a pause, so that those who read have the time to.
            return self._later(announcement, None, pause=True)
        if self._pump is None:
            pending = self._publish(announcement)
            if pending is None:
                return None
            return self._later(announcement, pending)
        announcement.done = asyncio.get_running_loop().create_future()
        self._waiting.append(announcement)
        return None if _publishing.get() else announcement.done

    async def close(self) -> None:
        """Wait for what is on its way."""
        if self._pump is not None:
            await asyncio.shield(self._pump)

    async def audience(self, event: LoggedEvent, service: ServiceHandle) -> list[tuple[Any, list[Connection]]]:
        """Who may hear a logged event by today's rules; used when it is heard again."""
        publisher = self._app.publisher(service, event.event)
        if publisher is None:
            return []
        published = publisher(event.payload, event_context(self._app, event))
        if inspect.isawaitable(published):
            published = await published
        return recipients(published, event.payload)

    def _in_burst(self) -> bool:
        """Whether so much came within `BREATH_S`, or one turn of the loop, that it is time for a pause.

        Time alone does not tell: on a slow machine a turn with thousands of events may take long for each.
        """
        loop = asyncio.get_running_loop()
        now = loop.time()
        if self._loop_turned and now - self._burst_since > BREATH_S:
            self._burst_since, self._burst, self._burst_bytes, self._loop_turned = now, 0, 0, False
            loop.call_soon(self._turn)
        self._burst += 1
        return self._burst > BURST or self._burst_bytes > BURST_BYTES

    def _turn(self) -> None:
        self._loop_turned = True

    def _later(self, announcement: Announcement, pending: Any, *, pause: bool = False) -> asyncio.Future[None] | None:
        announcement.done = asyncio.get_running_loop().create_future()
        running = self._run(announcement, pending, pause)
        self._pump = asyncio.create_task(running, name="feathers event delivery")
        return None if _publishing.get() else announcement.done

    async def _run(self, announcement: Announcement, pending: Any, pause: bool) -> None:
        _publishing.set(True)
        try:
            if pause:
                await self._breathe()
                pending = self._publish(announcement)
            await self._finish(announcement, pending)
            count = 1
            while self._waiting:
                announcement = self._waiting.popleft()
                await self._finish(announcement, self._publish(announcement))
                count += 1
                if count == BURST or self._burst_bytes > BURST_BYTES:
                    await self._breathe()
                    count = 0
        finally:
            self._pump = None

    async def _breathe(self) -> None:
        self._burst_bytes = 0
        for _ in range(MOST_BREATHS):
            await asyncio.sleep(BREATH_S)
            outlets = {connection.outlet for connection in self._app.connections}
            if not any(outlet.is_behind() for outlet in outlets):
                return

    async def _finish(self, announcement: Announcement, pending: Any) -> None:
        try:
            if pending is not None:
                self._send(announcement, await pending)
        except Exception:
            logger.exception("publisher of %s %s failed", announcement.service.path, announcement.event)
        finally:
            if announcement.done is not None and not announcement.done.done():
                announcement.done.set_result(None)

    def _publish(self, announcement: Announcement) -> Any:
        """Ask the publisher; what an async one has yet to answer is returned."""
        publisher: Publisher | None = self._app.publisher(announcement.service, announcement.event)
        for listener in announcement.service.listeners(announcement.event):
            try:
                listener(announcement.payload, announcement.context)
            except Exception:
                logger.exception("listener to %s %s failed", announcement.service.path, announcement.event)
        if publisher is None:
            return None
        try:
            published = publisher(announcement.payload, announcement.context)
            if inspect.isawaitable(published):
                return published
            self._send(announcement, published)
        except Exception:
            # Nobody hears it, rather than somebody who should not; and it does not pass in silence.
            logger.exception("publisher of %s %s failed", announcement.service.path, announcement.event)
        return None

    def _send(self, announcement: Announcement, published: Any) -> None:
        name = announcement.service.event_name(announcement.event)
        for payload, connections in recipients(published, announcement.payload):
            for outlet, some in _by_outlet(connections):
                self._burst_bytes += outlet.send(some, name, payload, announcement.offset, announcement.volatile)


def _by_outlet(connections: list[Connection]) -> Iterable[tuple[Outlet, list[Connection]]]:
    # As a rule there is one, and this is where the time goes when a thousand listen.
    outlets = {connection.outlet for connection in connections}
    if len(outlets) == 1:
        return [(outlets.pop(), connections)]
    return [(outlet, [one for one in connections if one.outlet is outlet]) for outlet in outlets]


def event_context(app: Feathers, event: LoggedEvent) -> EventContext:
    """What a publisher is told about a logged event."""
    return EventContext(
        app, event.path, event.event, event.payload, event.record_id, event.facts, event.epoch, event.seq,
        event.created_at,
    )  # fmt: skip
