"""The server: Messages API, streamed or whole; everything else is answered 404 and remembered."""

from __future__ import annotations

import asyncio
import itertools
import json
import threading
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

from aiohttp import web

from tests.fake_anthropic.request import Json, ModelRequest
from tests.fake_anthropic.script import Rule, Script, blocks_for

PIECE_CHARS = 24
PING_S = 0.05
LARGEST_REQUEST_BYTES = 64 * 1024 * 1024

# How each kind of block is announced empty, and in what its content then comes.
_DELTAS: dict[str, tuple[Json, str, str]] = {
    "text": ({"text": ""}, "text_delta", "text"),
    "thinking": ({"thinking": "", "signature": ""}, "thinking_delta", "thinking"),
    "tool_use": ({"input": {}}, "input_json_delta", "partial_json"),
}


class FakeAnthropic:
    """Serves while entered. `asked`: the requests to the model so far; `strays`: all other requests."""

    def __init__(self, script: Script | Mapping[str, Any] | None = None, *, port: int = 0) -> None:
        self.script = script if isinstance(script, Script) else Script(script or {})
        self.asked: list[ModelRequest] = []
        self.strays: list[str] = []
        self._port = port
        self._ids = itertools.count(1)
        self._written: defaultdict[str, asyncio.Semaphore] = defaultdict(lambda: asyncio.Semaphore(0))

    async def __aenter__(self) -> FakeAnthropic:
        app = web.Application(client_max_size=LARGEST_REQUEST_BYTES)
        app.router.add_post("/v1/messages", self._answer)
        app.router.add_post("/v1/messages/count_tokens", self._count)
        app.router.add_route("*", "/{path:.*}", self._stray)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.2)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self._port).start()
        self._port = self._runner.addresses[0][1]
        return self

    async def __aexit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        await self._runner.cleanup()

    @contextmanager
    def in_thread(self) -> Iterator[FakeAnthropic]:
        """Serve from a thread of its own, for tests that are not async."""
        ready, stop, loop = threading.Event(), asyncio.Event(), asyncio.new_event_loop()

        async def serve() -> None:
            async with self:
                ready.set()
                await stop.wait()

        thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
        thread.start()
        try:
            ready.wait()
            yield self
        finally:
            loop.call_soon_threadsafe(stop.set)
            thread.join()
            loop.close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def environment(self, *, config_dir: Path | None = None) -> dict[str, str]:
        """What leads the CLI here and keeps it from every other place.

        `config_dir` keeps its transcripts and settings out of the real home. One retry only: with the CLI's own
        number an error takes minutes to arrive.
        """
        environment = {
            "ANTHROPIC_BASE_URL": self.url,
            "ANTHROPIC_API_KEY": "sk-ant-of-a-test",
            "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
            "DISABLE_TELEMETRY": "1",
            "DISABLE_ERROR_REPORTING": "1",
            "DISABLE_AUTOUPDATER": "1",
            "CLAUDE_CODE_MAX_RETRIES": "1",
            # Whatever else it may want to reach over TLS ends here too, as a stray.
            "HTTPS_PROXY": self.url,
        }
        return {**environment, "CLAUDE_CONFIG_DIR": str(config_dir)} if config_dir else environment

    async def _answer(self, http: web.Request) -> web.StreamResponse:
        request = ModelRequest(await http.json(), dict(http.headers))
        self.asked.append(request)
        rule = self.script.rule_for(request)
        try:
            if "behind" in rule:
                await self._written[rule["behind"]].acquire()
            await asyncio.sleep(rule.get("delay_s", 0))
            if "error" in rule:
                return _error(rule["error"])
            message = self._message(rule, request)
            if not request.body.get("stream"):
                return web.json_response(message)
            response = web.StreamResponse(headers={"content-type": "text/event-stream", "request-id": message["id"]})
            await response.prepare(http)
            async for event in _events(message, rule):
                await response.write(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode())
            await response.write_eof()
            if "name" in rule:
                self._written[rule["name"]].release()
        except (ConnectionError, asyncio.CancelledError) as error:
            request.hung_up = True
            if isinstance(error, asyncio.CancelledError):
                raise
        return response

    def _message(self, rule: Rule, request: ModelRequest) -> Json:
        number = next(self._ids)
        blocks = blocks_for(rule, request, f"toolu_fake_{number:04}")
        uses_tools = any(block["type"] == "tool_use" for block in blocks)
        return {
            "id": f"msg_fake_{number:04}",
            "type": "message",
            "role": "assistant",
            "model": request.model,
            "content": blocks,
            "stop_reason": rule.get("stop_reason", "tool_use" if uses_tools else "end_turn"),
            "stop_sequence": None,
            "usage": {
                "input_tokens": 1000,
                "output_tokens": 100,
                "cache_read_input_tokens": 0,
                "cache_creation_input_tokens": 0,
                **self.script.usage,
                **rule.get("usage", {}),
            },
        }

    async def _count(self, http: web.Request) -> web.Response:
        return web.json_response({"input_tokens": max(1, len(await http.read()) // 4)})

    async def _stray(self, http: web.Request) -> web.Response:
        self.strays.append(f"{http.method} {http.path}")
        return _error({"status": 404, "type": "not_found_error", "message": f"no {http.path} here"})


def _error(error: Json) -> web.Response:
    body = {"type": error.get("type", "api_error"), "message": error.get("message", "scripted error")}
    return web.json_response(
        {"type": "error", "error": body}, status=error.get("status", 500), headers=error.get("headers", {})
    )


async def _events(message: Json, rule: Rule) -> AsyncIterator[Json]:
    """The message as the API streams it."""
    usage = message["usage"]
    begun = {**message, "content": [], "stop_reason": None, "usage": {**usage, "output_tokens": 1}}
    yield {"type": "message_start", "message": begun}
    for _ in range(round(rule.get("hang_s", 0) / PING_S)):
        await asyncio.sleep(PING_S)
        yield {"type": "ping"}
    size, pace_s = rule.get("piece", PIECE_CHARS), rule.get("pace_s", 0)
    for index, block in enumerate(message["content"]):
        empty, delta, key = _DELTAS[block["type"]]
        whole = json.dumps(block["input"]) if block["type"] == "tool_use" else block[key]
        yield {"type": "content_block_start", "index": index, "content_block": {**block, **empty}}
        for at in range(0, len(whole), size):
            piece = {"type": delta, key: whole[at : at + size]}
            yield {"type": "content_block_delta", "index": index, "delta": piece}
            await asyncio.sleep(pace_s)
        if block["type"] == "thinking":
            signature = {"type": "signature_delta", "signature": block["signature"]}
            yield {"type": "content_block_delta", "index": index, "delta": signature}
        yield {"type": "content_block_stop", "index": index}
    ended = {"stop_reason": message["stop_reason"], "stop_sequence": None}
    yield {"type": "message_delta", "delta": ended, "usage": usage}
    yield {"type": "message_stop"}
