"""The application: services by path, hooks and publishers for all, channels, and its life from setup to teardown."""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from agor_core.errors import NotFound
from agor_core.feathers.channels import Channel, ChannelBook, Connection
from agor_core.feathers.delivery import Announcement, Delivery, event_context
from agor_core.feathers.events import EventLog, LoggedEvent, MemoryEventLog
from agor_core.feathers.hooks import Hooks, HookTable
from agor_core.feathers.methods import CollectionMethod, RecordMethod
from agor_core.feathers.params import HookContext
from agor_core.feathers.routing import Router
from agor_core.feathers.service import Publisher, ServiceHandle, add_publisher

SIGNALS = ("connection", "disconnect", "login", "logout")

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class LifeContext:
    """What hooks around setup and teardown get."""

    app: Feathers
    method: str


class Feathers:
    """A Feathers application.

    `event_log`: where services without a log of their own log their events; without one these have no offset
    and cannot be heard again. `expose_errors`: whether an unexpected exception's message reaches clients.
    """

    def __init__(self, event_log: MemoryEventLog | None = None, *, expose_errors: bool = False) -> None:
        self.event_log = event_log
        self.expose_errors = expose_errors
        self.services: dict[str, ServiceHandle] = {}
        self.router = Router()
        self.hook_table = HookTable()
        self.hooks_version = 0
        self.channels = ChannelBook()
        self.delivery = Delivery(self)
        self.settings: dict[str, Any] = {}
        self.connections: set[Connection] = set()
        self.authentication: Any = None
        self.observers: list[Callable[[HookContext, float, BaseException | None], None]] = []
        self._life_hooks: dict[str, list[Callable[..., Any]]] = {"setup": [], "teardown": []}
        self._publishers: dict[str, Publisher] = {}
        self._signals: dict[str, list[Callable[..., Any]]] = {name: [] for name in SIGNALS}
        self._logs: list[EventLog] = []
        self._unsubscribe: list[Callable[[], None]] = []
        self._is_set_up = False
        self._late: set[asyncio.Future[Any]] = set()
        if event_log is not None:
            # At once, not at setup: the framework itself writes this log.
            event_log.subscribe(self._hear)

    def use(
        self,
        path: str,
        service: Any,
        *,
        methods: Iterable[str | RecordMethod | CollectionMethod] | None = None,
        events: Iterable[str] | None = None,
        service_events: Iterable[str] | None = None,
        events_from: EventLog | None = None,
        id_field: str | None = None,
        schemas: Mapping[str, Any] | None = None,
    ) -> ServiceHandle:
        """Register a service under a path, which may hold parameters (`rooms/:roomId/echo`).

        `methods`: what clients may call; by default the standard methods it has. `events`: what it sends by `emit`
        alone, by default the service's own `events`. `service_events`: all standard events it sends, by default the
        four. `events_from`: the log that announces its stored changes, in place of the calls. `id_field`: where a
        record keeps its id. `schemas`: what the API documents are to say of it, see `describe`.

        A service that comes after `setup` is set up at once. Raises ValueError for a path that is taken, and for what
        is no service.
        """
        path = path.strip("/")
        if path in self.services:
            raise ValueError(f"there is a service {path!r} already")
        handle = ServiceHandle(
            self, path, service, methods=methods, events=events, service_events=service_events,
            events_from=events_from, id_field=id_field, schemas=schemas,
        )  # fmt: skip
        self.services[path] = handle
        self.router.add(path, handle)
        if events_from is not None and not any(log is events_from for log in self._logs):
            self._logs.append(events_from)
            if self._is_set_up:
                self._unsubscribe.append(events_from.subscribe(self._hear))
        if self._is_set_up:
            self._set_up_late(path, handle)
        return handle

    async def unuse(self, path: str) -> ServiceHandle:
        """Take a service away and tear it down; its path is free again, and calls of it are NotFound from now on.

        Calls that run go on to their end. Raises NotFound.
        """
        handle = self.service(path)
        del self.services[handle.path]
        self.router.remove(handle.path)
        if self._is_set_up:
            # It may be among those whose setup still takes its time.
            await asyncio.gather(*self._late, return_exceptions=True)
            outcome = self._tear_down(handle.path, handle)
            if inspect.isawaitable(outcome):
                await outcome
        return handle

    def service(self, path: str) -> ServiceHandle:
        """The service registered under `path`. Raises NotFound."""
        found = self.services.get(path.strip("/"))
        if found is None:
            raise NotFound(f"Service '{path}' not found")
        return found

    def hooks(
        self,
        *,
        around: Hooks = None,
        before: Hooks = None,
        after: Hooks = None,
        error: Hooks = None,
        setup: Sequence[Callable[..., Any]] = (),
        teardown: Sequence[Callable[..., Any]] = (),
    ) -> Feathers:
        """Register hooks for every service; `setup` and `teardown` are around hooks of those two."""
        self.hook_table.add("around", around)
        self.hook_table.add("before", before)
        self.hook_table.add("after", after)
        self.hook_table.add("error", error)
        self._life_hooks["setup"].extend(setup)
        self._life_hooks["teardown"].extend(teardown)
        self.hooks_version += 1
        return self

    def publish(self, event: str | Publisher, publisher: Publisher | None = None) -> Feathers:
        """Say who hears events for which no service has a publisher."""
        add_publisher(self._publishers, event, publisher)
        return self

    def publisher(self, service: ServiceHandle, event: str) -> Publisher | None:
        """The most specific publisher: of the service and event, of the service, of the app and event, of the app."""
        own = service.publishers
        return own.get(event) or own.get("all") or self._publishers.get(event) or self._publishers.get("all")

    def channel(self, *names: str) -> Channel:
        """The channel of that name; several names give the connections of all."""
        return self.channels.channel(*names)

    def on(self, signal: str, listener: Callable[..., Any]) -> None:
        """Listen to `connection` and `disconnect` `(connection)`, `login` and `logout` `(result, params, context)`."""
        if signal not in self._signals:
            raise ValueError(f"no signal {signal!r}; there are {', '.join(SIGNALS)}")
        self._signals[signal].append(listener)

    async def signal(self, signal: str, *arguments: Any) -> None:
        """Tell the listeners; one that fails is logged and does not stop the others."""
        for listener in self._signals[signal]:
            try:
                outcome = listener(*arguments)
                if inspect.isawaitable(outcome):
                    await outcome
            except Exception:
                logger.exception("listener to %s failed", signal)

    async def connected(self, connection: Connection) -> None:
        """A transport has a new connection."""
        self.connections.add(connection)
        await self.signal("connection", connection)

    async def disconnected(self, connection: Connection) -> None:
        """A transport has lost a connection: it leaves every channel."""
        connection.is_open = False
        self.connections.discard(connection)
        self.channels.leave_all(connection)
        await self.signal("disconnect", connection)

    async def setup(self) -> None:
        """Set services up in the order of their registration, and start hearing the logs."""
        await self._live("setup", self._setup)

    async def teardown(self) -> None:
        """Tear services down in reverse order; a failing one does not stop the others."""
        await self._live("teardown", self._teardown)

    async def revalidate(self, user_id: Any) -> None:
        """Check whoever is signed in as this user; live connections that are no longer valid are closed."""
        if self.authentication is not None:
            await self.authentication.revalidate(user_id)

    async def _setup(self) -> None:
        if self._is_set_up:
            return
        self._is_set_up = True
        for log in self._logs:
            self._unsubscribe.append(log.subscribe(self._hear))
        for path, handle in list(self.services.items()):
            outcome = self._set_up(path, handle)
            if inspect.isawaitable(outcome):
                await outcome

    def _set_up(self, path: str, handle: ServiceHandle) -> Any:
        return handle.object.setup(self, path) if callable(getattr(handle.object, "setup", None)) else None

    def _tear_down(self, path: str, handle: ServiceHandle) -> Any:
        return handle.object.teardown(self, path) if callable(getattr(handle.object, "teardown", None)) else None

    def _set_up_late(self, path: str, handle: ServiceHandle) -> None:
        """Set up a service that came after the others; what takes its time is over before any is torn down."""
        outcome = self._set_up(path, handle)
        if inspect.isawaitable(outcome):
            task = asyncio.ensure_future(outcome)
            self._late.add(task)
            task.add_done_callback(self._late_is_over)

    def _late_is_over(self, task: asyncio.Future[Any]) -> None:
        self._late.discard(task)
        if not task.cancelled() and task.exception() is not None:
            logger.error("the setup of a service failed", exc_info=task.exception())

    async def _teardown(self) -> None:
        if not self._is_set_up:
            return
        self._is_set_up = False
        await asyncio.gather(*self._late, return_exceptions=True)
        failures: list[Exception] = []
        for path, handle in reversed(list(self.services.items())):
            try:
                outcome = self._tear_down(path, handle)
                if inspect.isawaitable(outcome):
                    await outcome
            except Exception as failure:
                failures.append(failure)
        for unsubscribe in self._unsubscribe:
            unsubscribe()
        self._unsubscribe.clear()
        await self.delivery.close()
        if failures:
            raise ExceptionGroup("teardown", failures)

    async def _live(self, name: str, inner: Callable[[], Any]) -> None:
        context = LifeContext(self, name)
        run: Callable[[], Any] = inner
        for hook in reversed(self._life_hooks[name]):
            run = _around_life(hook, context, run)
        await run()

    def _hear(self, events: Sequence[LoggedEvent]) -> None:
        for event in events:
            handle = self.services.get(event.path)
            if handle is None or event.event not in handle.service_events:
                continue
            self.delivery.push(
                Announcement(handle, event.event, event.payload, event_context(self, event), (event.epoch, event.seq))
            )


def _around_life(hook: Callable[..., Any], context: LifeContext, inner: Callable[[], Any]) -> Callable[[], Any]:
    async def run() -> None:
        outcome = hook(context, inner)
        if inspect.isawaitable(outcome):
            await outcome

    return run
