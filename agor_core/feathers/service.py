"""A registered service: the only way to call it with its hooks, from inside as from outside."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from agor_core.errors import MethodNotAllowed
from agor_core.feathers.delivery import Announcement
from agor_core.feathers.events import EventContext, EventLog
from agor_core.feathers.hooks import Hooks, HookTable, Run, pipeline
from agor_core.feathers.methods import STANDARD_EVENTS, CollectionMethod, Method, MethodTable, RecordMethod
from agor_core.feathers.params import UNSET, HookContext, Params

if TYPE_CHECKING:
    from agor_core.feathers.app import Feathers

Publisher = Callable[[Any, Any], Any]
"""`(data, context)` gives a channel, a list of channels, or None; sync or async."""


class ServiceHandle:
    """A service under a path: its methods with their hooks, its events, and who hears them."""

    def __init__(
        self,
        app: Feathers,
        path: str,
        service: Any,
        *,
        methods: Iterable[str | RecordMethod | CollectionMethod] | None = None,
        events: Iterable[str] | None = None,
        service_events: Iterable[str] | None = None,
        events_from: EventLog | None = None,
        id_field: str | None = None,
        schemas: Mapping[str, Any] | None = None,
    ) -> None:
        self.app = app
        self.path = path
        self.object = service
        self.methods = MethodTable(service, methods)
        self.events = frozenset(getattr(service, "events", ()) if events is None else events)
        standard = STANDARD_EVENTS.values() if service_events is None else service_events
        self.service_events = frozenset(standard) | self.events
        self.events_from = events_from
        self.id_field: str = id_field or getattr(service, "id", None) or "id"
        self.schemas: Mapping[str, Any] = {**getattr(service, "api_schemas", {}), **(schemas or {})}
        self.publishers: dict[str, Publisher] = {}
        self.hook_table = HookTable()
        self._pipelines: dict[str, Run] = {}
        self._pipelines_version = -1
        self._listeners: dict[str, list[Callable[[Any, Any], Any]]] = {}

    def __repr__(self) -> str:
        return f"<service {self.path}>"

    def hooks(
        self, *, around: Hooks = None, before: Hooks = None, after: Hooks = None, error: Hooks = None
    ) -> ServiceHandle:
        """Register hooks of this service. Raises ValueError for a method it does not have."""
        known = self.methods.by_attribute
        self.hook_table.add("around", around, known)
        self.hook_table.add("before", before, known)
        self.hook_table.add("after", after, known)
        self.hook_table.add("error", error, known)
        self.app.hooks_version += 1
        return self

    def publish(self, event: str | Publisher, publisher: Publisher | None = None) -> ServiceHandle:
        """Say who hears the events of this service, or one of them: `publish(fn)`, `publish("created", fn)`.

        Raises ValueError for an event that it does not have, of which nobody would ever hear.
        """
        if isinstance(event, str) and event not in self.service_events:
            raise ValueError(f"{self.path} has no event {event!r}")
        add_publisher(self.publishers, event, publisher)
        return self

    def event_name(self, event: str) -> str:
        """What sockets hear it as; the service at the root has a slash for a name."""
        return f"{self.path or '/'} {event}"

    def on(self, event: str, listener: Callable[[Any, Any], Any]) -> None:
        """Have `listener(data, context)` called in this process for each such event."""
        self._listeners.setdefault(event, []).append(listener)

    def listeners(self, event: str) -> list[Callable[[Any, Any], Any]]:
        """Who listens in this process."""
        return self._listeners.get(event, [])

    async def find(self, params: Params | None = None) -> Any:
        """Call `find` from inside."""
        return await self.call("find", params)

    async def get(self, id: Any, params: Params | None = None) -> Any:
        """Call `get` from inside."""
        return await self.call("get", id, params)

    async def create(self, data: Any, params: Params | None = None) -> Any:
        """Call `create` from inside."""
        return await self.call("create", data, params)

    async def update(self, id: Any, data: Any, params: Params | None = None) -> Any:
        """Call `update` from inside."""
        return await self.call("update", id, data, params)

    async def patch(self, id: Any, data: Any, params: Params | None = None) -> Any:
        """Call `patch` from inside; id None means all that match."""
        return await self.call("patch", id, data, params)

    async def remove(self, id: Any, params: Params | None = None) -> Any:
        """Call `remove` from inside; id None means all that match."""
        return await self.call("remove", id, params)

    async def call(self, method: str, *arguments: Any) -> Any:
        """Call any method by the name of its attribute, arguments in its order; params may be left out."""
        found = self.methods.by_attribute.get(method)
        if found is None:
            raise MethodNotAllowed(f"Method '{method}' not allowed on service '{self.path}'")
        named = dict(zip(found.arguments, arguments, strict=False))
        params = named.pop("params", None) or Params()
        return (await self.run(found, params, **named)).result

    async def run(
        self, method: Method, params: Params, *, id: Any = UNSET, data: Any = UNSET, sub: Any = UNSET
    ) -> HookContext:
        """Carry out one call: hooks, method, hooks, then its events. The context has the result."""
        context = HookContext(self, method, params, id=id, data=data, sub=sub)
        if self._pipelines_version != self.app.hooks_version:
            self._pipelines.clear()
            self._pipelines_version = self.app.hooks_version
        run = self._pipelines.get(method.name)
        if run is None:
            run = self._pipelines[method.name] = pipeline(method.name, self.app.hook_table, self.hook_table)
        if self.app.observers and params.provider is not None:
            await self._observed(run, context)
        else:
            await run(context)
        if context.event is not None and self._announces(context.event):
            done = self._announce(context, context.event)
            if done is not None:
                await done
        return context

    def emit(self, event: str, data: Any, volatile: bool = False) -> None:
        """Send an event of this service as it is, a list as one. Raises ValueError if the service has no such event.

        With `volatile` it is not logged and may be shed. Stored changes are announced by the call or the log.
        """
        if event not in self.service_events:
            raise ValueError(f"{self.path} has no event {event!r}")
        log = self.app.event_log
        if log is not None and not volatile and self.events_from is None:
            log.append(self.path, event, data)
            return
        context = EventContext(self.app, self.path, event, data)
        self.app.delivery.push(Announcement(self, event, data, context, volatile=volatile))

    def _announces(self, event: str) -> bool:
        """Whether a call sends this event. Those that the service declares it sends itself, as its log does."""
        return self.events_from is None and event in self.service_events and event not in self.events

    async def _observed(self, run: Run, context: HookContext) -> None:
        started, error = time.perf_counter(), None
        try:
            await run(context)
        except BaseException as failure:
            error = failure
            raise
        finally:
            seconds = time.perf_counter() - started
            for observer in self.app.observers:
                observer(context, seconds, error)

    def _announce(self, context: HookContext, event: str) -> Awaitable[None] | None:
        """Tell of what a call has done; what is returned is done once the last of it has been delivered."""
        log = self.app.event_log
        if log is None and not self.app.delivery.is_heard(self, event):
            return None
        answer = context.answer
        # The result decides whether it was one record or several; what is sent is the dispatch.
        many = isinstance(context.result, list) and isinstance(answer, list)
        done: Awaitable[None] | None = None
        for record in answer if many else [answer]:
            if log is not None:
                record_id = record.get(self.id_field) if isinstance(record, dict) else None
                log.append(self.path, event, record, None if record_id is None else str(record_id))
            else:
                done = self.app.delivery.push(Announcement(self, event, record, context))
        return done


def add_publisher(table: dict[str, Publisher], event: str | Publisher, publisher: Publisher | None) -> None:
    """Enter `publish(fn)` under `all`, or `publish(event, fn)` under the event."""
    if isinstance(event, str):
        if publisher is None:
            raise TypeError("publish(event, publisher) needs a publisher")
        table[event] = publisher
    else:
        table["all"] = event
