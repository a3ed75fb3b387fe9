"""Live calls and events over Socket.IO, in the framing of Feathers 5, with recovery of what was missed."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Mapping
from types import TracebackType
from typing import Any, Self

import socketio
from socketio.exceptions import ConnectionError as ConnectFailed

from agor_core.client.http import DaemonUnreachable
from agor_core.client.wire import error_from, segment
from agor_core.errors import ServiceError, Timeout, Unavailable

Listener = Callable[[Any], None]
"""Called on the event loop with the record, in the order of the daemon's log."""
ReconnectListener = Callable[[bool], None]
"""Called after a reconnection; False means that something may have been missed: fetch again."""
LossListener = Callable[[ServiceError], None]
"""Called when the connection is gone for good, with why the daemon does not take it back."""

CONNECT_TIMEOUT_S = 10.0
ANSWER_TIMEOUT_S = 300.0
RECONNECT_DELAY_S = 0.2
RECONNECT_DELAY_MOST_S = 5.0

# The libraries print to stderr by themselves unless they are given a logger; what matters reaches the caller as errors.
log = logging.getLogger(__name__)
log.addHandler(logging.NullHandler())


class _RecoveringClient(socketio.AsyncClient):  # type: ignore[misc]  # the library has no types
    """Socket.IO's connection state recovery, which the library's client has not: the id and the offset it needs.

    The server's CONNECT answer has a `pid`; coming back with it and the offset last heard replays what was missed.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.pid: str | None = None
        self.offset: str | None = None
        self.recovered = False

    def auth(self) -> dict[str, str]:
        """What CONNECT carries."""
        if self.pid is None:
            return {}
        return {"pid": self.pid, **({"offset": self.offset} if self.offset is not None else {})}

    async def _handle_connect(self, namespace: str | None, data: Any) -> None:
        pid = data.get("pid") if isinstance(data, dict) else None
        self.recovered = pid is not None and pid == self.pid
        self.pid = pid
        if not self.recovered:
            self.offset = None
        await super()._handle_connect(namespace, data)


class LiveClient:
    """A live connection to the daemon at `url`: calls with answers, events, and reconnection by itself.

    A call under way when the connection breaks fails with Unavailable: it may or may not have been carried out.
    """

    def __init__(self, url: str, token: str | None = None) -> None:
        self.url = url.rstrip("/")
        self._token = token
        self._listeners: defaultdict[str, list[Listener]] = defaultdict(list)
        self._reconnect_listeners: list[ReconnectListener] = []
        self._loss_listeners: list[LossListener] = []
        self._reconnecting: asyncio.Task[None] | None = None
        self._is_closing = False
        self._loss: ServiceError | None = None
        self._is_settled = asyncio.Event()
        self._waiting: set[asyncio.Future[Any]] = set()
        self._refusal: ServiceError | None = None
        self._is_connected = False
        self._was_connected = False
        # The library comes back after a broken connection, but not after a daemon that said goodbye: we do both.
        self._socket = _RecoveringClient(reconnection=False, handle_sigint=False, logger=log, engineio_logger=log)
        self._socket.on("*", self._on_event)
        self._socket.on("connect", self._on_connect)
        self._socket.on("connect_error", self._on_refusal)
        self._socket.on("disconnect", self._on_disconnect)

    @property
    def is_connected(self) -> bool:
        """Whether the connection is up at this moment."""
        return self._is_connected

    async def until_connected(self) -> None:
        """Wait until the connection is up again. Raises what the daemon refused it with, if it did."""
        await self._is_settled.wait()
        if self._loss is not None:
            raise self._loss

    async def connect(self) -> None:
        """Open the connection. Raises DaemonUnreachable, or what the daemon refused it with."""
        headers = {"Authorization": f"Bearer {self._token}"} if self._token is not None else {}
        self._refusal = None
        try:
            await self._socket.connect(
                self.url,
                headers=headers,
                auth=self._socket.auth,
                transports=["websocket"],
                wait_timeout=CONNECT_TIMEOUT_S,
            )
        except (ConnectFailed, OSError, ValueError) as error:  # ValueError: the last connection is not yet taken down
            await self._close_http()
            raise self._refusal or DaemonUnreachable(self.url) from error

    async def close(self) -> None:
        """Close the connection for good."""
        self._is_closing = True
        if self._reconnecting is not None:
            self._reconnecting.cancel()
            await asyncio.wait([self._reconnecting])
        await self._socket.shutdown()
        await self._close_http()
        self._fail_waiting()

    async def __aenter__(self) -> Self:
        await self.connect()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def service(self, path: str) -> LiveService:
        """The service at `path`; also one nested below a record, like `sessions/<id>/genealogy`."""
        return LiveService(self, path)

    def on(self, event: str, listener: Listener) -> Callable[[], None]:
        """Call `listener` for each `event`, like `sessions created`; returns what ends that."""
        listeners = self._listeners[event]
        listeners.append(listener)

        def end() -> None:
            with contextlib.suppress(ValueError):
                listeners.remove(listener)

        return end

    def on_reconnect(self, listener: ReconnectListener) -> None:
        """Call `listener` after each reconnection, with whether everything missed has been or will be replayed."""
        self._reconnect_listeners.append(listener)

    def on_loss(self, listener: LossListener) -> None:
        """Call `listener` when the daemon will not have this connection back, since its user may no longer sign in."""
        self._loss_listeners.append(listener)

    @contextlib.asynccontextmanager
    async def events(self, *names: str) -> AsyncIterator[asyncio.Queue[tuple[str, Any]]]:
        """A queue of (event, record) for these events, in order, from now on."""
        queue: asyncio.Queue[tuple[str, Any]] = asyncio.Queue()

        def put(name: str, record: Any) -> None:
            queue.put_nowait((name, record))

        ends = [self.on(name, functools.partial(put, name)) for name in names]
        try:
            yield queue
        finally:
            for end in ends:
                end()

    async def send(self, method: str, path: str, *arguments: Any) -> Any:
        """The answer to one call: `method` on `path`, with the method's arguments and the query."""
        if not self.is_connected:
            raise Unavailable(f"the connection to {self.url} is down; it is being tried again")
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

        def acknowledged(error: Any = None, result: Any = None, *_: Any) -> None:
            if answer.done():
                return
            if error is None:
                answer.set_result(result)
            else:
                answer.set_exception(error_from(error))

        self._waiting.add(answer)
        try:
            await self._socket.emit(method, (path, *arguments), callback=acknowledged)
            async with asyncio.timeout(ANSWER_TIMEOUT_S):
                return await answer
        except TimeoutError as error:
            raise Timeout(f"the daemon at {self.url} did not answer within {ANSWER_TIMEOUT_S:.0f} s") from error
        finally:
            self._waiting.discard(answer)

    async def _close_http(self) -> None:
        """Close what the library leaves open after a connection that failed."""
        session = self._socket.eio.http
        if session is not None and not session.closed:
            await session.close()

    # Plain functions, not coroutines: the library then runs each to its end before the next, which keeps the order.

    def _on_event(self, event: str, *arguments: Any) -> None:
        record = arguments[0] if arguments else None
        for listener in list(self._listeners.get(event, ())):
            listener(record)
        if len(arguments) > 1 and isinstance(arguments[-1], str):
            self._socket.offset = arguments[-1]

    def _on_connect(self) -> None:
        is_return, self._was_connected, self._is_connected = self._was_connected, True, True
        self._is_settled.set()
        if is_return:
            for listener in list(self._reconnect_listeners):
                listener(self._socket.recovered)

    def _on_refusal(self, reason: Any = None) -> None:
        if isinstance(reason, Mapping):
            data = reason.get("data")
            named = data if isinstance(data, Mapping) and "name" in data else {}
            self._refusal = error_from({"name": "NotAuthenticated", **named, "message": reason.get("message", "")}, 401)

    def _on_disconnect(self, *_: Any) -> None:
        self._is_connected = False
        self._is_settled.clear()
        self._fail_waiting()
        if not self._is_closing and (self._reconnecting is None or self._reconnecting.done()):
            self._reconnecting = asyncio.create_task(self._reconnect(), name=f"reconnection to {self.url}")

    async def _reconnect(self) -> None:
        """Try until it works, with growing pauses, or until the daemon says no."""
        delay_s = RECONNECT_DELAY_S
        while not self._is_connected:
            await asyncio.sleep(delay_s)
            delay_s = min(2 * delay_s, RECONNECT_DELAY_MOST_S)
            try:
                await self.connect()
            except DaemonUnreachable:
                continue
            except ServiceError as error:
                self._loss = error
                self._is_settled.set()
                for listener in list(self._loss_listeners):
                    listener(error)
                return

    def _fail_waiting(self) -> None:
        for answer in self._waiting:
            if not answer.done():
                answer.set_exception(Unavailable("the connection broke off before the daemon answered"))


class LiveService:
    """One service over a live connection: as `Service`, awaited, with its events."""

    def __init__(self, client: LiveClient, path: str) -> None:
        self._client = client
        self.path = path.strip("/")

    def on(self, event: str, listener: Listener) -> Callable[[], None]:
        """Call `listener` for each `event` (`created`, `patched`, …) of this service; returns what ends that."""
        return self._client.on(f"{self.path} {event}", listener)

    async def find(self, query: Mapping[str, Any] | None = None) -> Any:
        """A page `{total, limit, skip, data}`, or what the service answers instead."""
        return await self._client.send("find", self.path, dict(query or {}))

    async def get(self, id: str, query: Mapping[str, Any] | None = None) -> Any:
        """One record."""
        return await self._client.send("get", self.path, id, dict(query or {}))

    async def create(self, data: Any, query: Mapping[str, Any] | None = None) -> Any:
        """The new record."""
        return await self._client.send("create", self.path, data, dict(query or {}))

    async def update(self, id: str, data: Any, query: Mapping[str, Any] | None = None) -> Any:
        """The record, replaced."""
        return await self._client.send("update", self.path, id, data, dict(query or {}))

    async def patch(self, id: str, data: Any, query: Mapping[str, Any] | None = None) -> Any:
        """The record, with the fields in `data` changed."""
        return await self._client.send("patch", self.path, id, data, dict(query or {}))

    async def remove(self, id: str, query: Mapping[str, Any] | None = None) -> Any:
        """The record that was."""
        return await self._client.send("remove", self.path, id, dict(query or {}))

    async def call(self, method: str, id: str | None = None, data: Any = None) -> Any:
        """A custom method, on the record `id` or, without one, on the collection."""
        if id is None:
            return await self._client.send(method, self.path, {} if data is None else data, {})
        path = f"{self.path}/{segment(id)}/{method}"
        return await self._client.send("create", path, {} if data is None else data, {})

    async def read(self, method: str, id: str, query: Mapping[str, Any] | None = None) -> Any:
        """A custom method that only reads, on the record `id`."""
        return await self._client.send("find", f"{self.path}/{segment(id)}/{method}", dict(query or {}))
