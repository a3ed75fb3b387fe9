"""A small libSQL server for tests: Hrana 2 over WebSocket, in front of the standard sqlite3.

It answers what libsql-client asks, with one sqlite3 connection and one thread for each stream, so that streams run
side by side as on a real server. Protocol: https://github.com/tursodatabase/libsql/blob/main/docs/HRANA_2_SPEC.md
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import sqlite3
import threading
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from aiohttp import WSMsgType, web

Message = dict[str, Any]

START_LIMIT_S = 60
BUSY_LIMIT_S = 60


@contextmanager
def hrana_server(file: Path) -> Iterator[str]:
    """The `ws://` URL of a server in a thread of its own, on a free port of loopback."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="hrana", daemon=True)
    thread.start()
    runner = web.AppRunner(_app(file), shutdown_timeout=1)

    async def start() -> int:
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        return int(runner.addresses[0][1])

    port = asyncio.run_coroutine_threadsafe(start(), loop).result(START_LIMIT_S)
    try:
        yield f"ws://127.0.0.1:{port}"
    finally:
        asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result(START_LIMIT_S)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


class Stream:
    """One stream: a connection to the file, used by one thread."""

    def __init__(self, file: Path, stored_sql: dict[int, str]) -> None:
        self._connection = sqlite3.connect(file, isolation_level=None, check_same_thread=False, timeout=BUSY_LIMIT_S)
        self._connection.execute("PRAGMA foreign_keys=ON")
        self._stored_sql = stored_sql
        self.thread = ThreadPoolExecutor(1)

    def execute(self, statement: Message) -> Message:
        """Run one statement."""
        named = {one["name"].lstrip(":@$"): _inward(one["value"]) for one in statement.get("named_args") or ()}
        positional = [_inward(value) for value in statement.get("args") or ()]
        cursor = self._connection.execute(self._sql(statement), named or positional)
        rows = cursor.fetchall()
        return {
            "cols": [{"name": column[0]} for column in cursor.description or ()],
            "rows": [[_outward(value) for value in row] for row in rows] if statement.get("want_rows", True) else [],
            "affected_row_count": max(cursor.rowcount, 0),
            "last_insert_rowid": str(cursor.lastrowid) if cursor.lastrowid is not None else None,
        }

    def batch(self, batch: Message) -> Message:
        """Run the steps whose conditions hold."""
        results: list[Message | None] = []
        errors: list[Message | None] = []
        for step in batch["steps"]:
            result = error = None
            condition = step.get("condition")
            if condition is None or _holds(condition, results, errors):
                try:
                    result = self.execute(step["stmt"])
                except sqlite3.Error as problem:
                    error = _problem(problem)
            results.append(result)
            errors.append(error)
        return {"step_results": results, "step_errors": errors}

    def sequence(self, request: Message) -> None:
        """Run a script."""
        self._connection.executescript(self._sql(request))

    def close(self) -> None:
        """End the stream once what it runs is done."""
        self.thread.submit(self._connection.close)
        self.thread.shutdown(wait=False)

    def _sql(self, request: Message) -> str:
        return str(request["sql"]) if request.get("sql") is not None else self._stored_sql[request["sql_id"]]


class Socket:
    """One client: its streams, and the texts it had us keep."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._streams: dict[int, Stream] = {}
        self._sql: dict[int, str] = {}

    def begin(self, request: Message) -> Awaitable[Any] | None:
        """Begin a request, in the order of arrival: a stream may be closed right behind the statement it carries."""
        match request["type"]:
            case "open_stream":
                self._streams[request["stream_id"]] = Stream(self._file, self._sql)
            case "close_stream":
                self._streams.pop(request["stream_id"]).close()
            case "store_sql":
                self._sql[request["sql_id"]] = request["sql"]
            case "close_sql":
                self._sql.pop(request["sql_id"], None)
            case "execute":
                return self._run(request, lambda stream: stream.execute(request["stmt"]))
            case "batch":
                return self._run(request, lambda stream: stream.batch(request["batch"]))
            case "sequence":
                return self._run(request, lambda stream: stream.sequence(request))
        return None

    def close(self) -> None:
        """End all streams; what they had not committed is undone."""
        for stream in self._streams.values():
            stream.close()

    def _run(self, request: Message, work: Callable[[Stream], Any]) -> Awaitable[Any]:
        stream = self._streams[request["stream_id"]]
        return asyncio.get_running_loop().run_in_executor(stream.thread, work, stream)


def _app(file: Path) -> web.Application:
    sockets: set[web.WebSocketResponse] = set()

    async def serve(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(protocols=("hrana2",), max_msg_size=0)
        await socket.prepare(request)
        sockets.add(socket)
        try:
            await _converse(socket, Socket(file))
        finally:
            sockets.discard(socket)
        return socket

    async def close_sockets(_app: web.Application) -> None:
        for socket in list(sockets):
            await socket.close()

    app = web.Application()
    app.router.add_get("/", serve)
    app.on_shutdown.append(close_sockets)
    return app


async def _converse(socket: web.WebSocketResponse, client: Socket) -> None:
    pending: set[asyncio.Task[None]] = set()

    async def answer(request_id: int, kind: str, started: Awaitable[Any] | None) -> None:
        reply: Message
        try:
            result = await started if started is not None else None
            response = {"type": kind, **({"result": result} if result else {})}
            reply = {"type": "response_ok", "request_id": request_id, "response": response}
        except (sqlite3.Error, KeyError) as problem:
            reply = {"type": "response_error", "request_id": request_id, "error": _problem(problem)}
        with contextlib.suppress(ConnectionError):
            await socket.send_str(json.dumps(reply))

    try:
        async for frame in socket:
            if frame.type is not WSMsgType.TEXT:
                break
            message = json.loads(frame.data)
            if message["type"] == "hello":
                await socket.send_str('{"type": "hello_ok"}')
                continue
            request = message["request"]
            task = asyncio.ensure_future(answer(message["request_id"], request["type"], client.begin(request)))
            pending.add(task)
            task.add_done_callback(pending.discard)
    finally:
        client.close()


def _holds(condition: Message, results: list[Message | None], errors: list[Message | None]) -> bool:
    match condition["type"]:
        case "ok":
            return results[condition["step"]] is not None
        case "error":
            return errors[condition["step"]] is not None
        case "not":
            return not _holds(condition["cond"], results, errors)
        case "and":
            return all(_holds(inner, results, errors) for inner in condition["conds"])
        case "or":
            return any(_holds(inner, results, errors) for inner in condition["conds"])
        case unknown:
            raise KeyError(unknown)


def _problem(error: Exception) -> Message:
    return {"message": str(error), "code": getattr(error, "sqlite_errorname", None) or "SQLITE_ERROR"}


def _outward(value: Any) -> Message:
    match value:
        case None:
            return {"type": "null"}
        case int():
            return {"type": "integer", "value": str(value)}
        case float():
            return {"type": "float", "value": value}
        case bytes():
            return {"type": "blob", "base64": base64.b64encode(value).decode()}
        case _:
            return {"type": "text", "value": value}


def _inward(value: Message) -> Any:
    match value["type"]:
        case "null":
            return None
        case "integer":
            return int(value["value"])
        case "float":
            return float(value["value"])
        case "blob":
            return base64.b64decode(value["base64"] + "===")
        case _:
            return value["value"]
