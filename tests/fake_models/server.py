"""Serves OpenAI's two APIs and Gemini's; everything else is 404 and remembered."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from typing import Any

from aiohttp import web

from tests.fake_models.asked import Asked, Call, Json, asked_chat, asked_gemini, asked_openai

Answer = Callable[[Asked], str | Call]

LARGEST_REQUEST_BYTES = 64 * 1024 * 1024


class FakeModels:
    """Serves while entered. `asked`: the requests that offered tools, and so came from an agent at work."""

    def __init__(self, answer: Answer) -> None:
        self.asked: list[Asked] = []
        self.strays: list[str] = []
        self._answer = answer
        self._ids = itertools.count(1)

    async def __aenter__(self) -> FakeModels:
        app = web.Application(client_max_size=LARGEST_REQUEST_BYTES)
        app.router.add_post("/v1/responses", self._responses)
        app.router.add_post("/v1/chat/completions", self._chat)
        app.router.add_get("/v1/models", self._models)
        app.router.add_post("/v1beta/models/{call:.*}", self._gemini)
        app.router.add_route("*", "/{path:.*}", self._stray)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.2)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    def _reply(self, asked: Asked) -> str | Call:
        if not asked.tools:
            # Titles, summaries and the choice of a model: the agent's own business.
            return "ok"
        self.asked.append(asked)
        return self._answer(asked)

    async def _responses(self, http: web.Request) -> web.StreamResponse:
        reply, number = self._reply(asked_openai(await http.json())), next(self._ids)
        item: Json
        if isinstance(reply, Call):
            called = {"name": reply.name, "arguments": json.dumps(reply.arguments), "call_id": f"call_{number}"}
            item = {"type": "function_call", "id": f"fc_{number}", "status": "completed", **called}
        else:
            content = [{"type": "output_text", "text": reply, "annotations": []}]
            item = {
                "type": "message",
                "id": f"msg_{number}",
                "role": "assistant",
                "status": "completed",
                "content": content,
            }
        usage = {
            "input_tokens": 100,
            "input_tokens_details": {"cached_tokens": 0},
            "output_tokens": 10,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": 110,
        }
        response = {"id": f"resp_{number}", "object": "response"}
        begun = {**item, "content": []} if "content" in item else item
        events: list[Json] = [
            {"type": "response.created", "response": {**response, "status": "in_progress", "output": []}},
            {"type": "response.output_item.added", "output_index": 0, "item": begun},
        ]
        if isinstance(reply, str):
            place = {"item_id": item["id"], "output_index": 0, "content_index": 0}
            events += [{"type": "response.output_text.delta", **place, "delta": piece} for piece in _pieces(reply)]
        done = {**response, "status": "completed", "output": [item], "usage": usage}
        events += [
            {"type": "response.output_item.done", "output_index": 0, "item": item},
            {"type": "response.completed", "response": done},
        ]
        return await _stream(http, events, named=True)

    async def _chat(self, http: web.Request) -> web.StreamResponse:
        body = await http.json()
        reply, number = self._reply(asked_chat(body)), next(self._ids)
        deltas: list[Json] = [{"role": "assistant", "content": ""}]
        if isinstance(reply, Call):
            function = {"name": reply.name, "arguments": json.dumps(reply.arguments)}
            deltas.append(
                {"tool_calls": [{"index": 0, "id": f"call_{number}", "type": "function", "function": function}]}
            )
        else:
            deltas += [{"content": piece} for piece in _pieces(reply)]
        base = {"id": f"chat_{number}", "object": "chat.completion.chunk", "created": 1, "model": body["model"]}
        reason = "tool_calls" if isinstance(reply, Call) else "stop"
        usage = {"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110}
        events = [{**base, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]} for delta in deltas]
        events.append({**base, "choices": [{"index": 0, "delta": {}, "finish_reason": reason}], "usage": usage})
        return await _stream(http, events, named=False)

    async def _gemini(self, http: web.Request) -> web.StreamResponse:
        if "countTokens" in http.path:
            return web.json_response({"totalTokens": 10})
        body = await http.json()
        reply = self._reply(asked_gemini(body))
        part: Json = {"text": reply}
        if isinstance(reply, Call):
            part = {"functionCall": {"name": reply.name, "args": reply.arguments}}
        elif body.get("generationConfig", {}).get("responseMimeType") == "application/json":
            # Asked which of its models to take, in a schema of its own.
            part = {"text": json.dumps({"reasoning": "small", "model_choice": "flash", "complexity_score": 1})}
        counts = {"promptTokenCount": 100, "candidatesTokenCount": 10, "totalTokenCount": 110}
        candidate = {"content": {"role": "model", "parts": [part]}, "finishReason": "STOP", "index": 0}
        message = {"candidates": [candidate], "usageMetadata": counts}
        if "stream" in http.path:
            return await _stream(http, [message], named=False)
        return web.json_response(message)

    async def _models(self, _: web.Request) -> web.Response:
        return web.json_response({"object": "list", "data": [{"id": "fake", "object": "model"}], "models": []})

    async def _stray(self, http: web.Request) -> web.Response:
        self.strays.append(f"{http.method} {http.path}")
        return web.json_response({"error": {"message": f"no {http.path} here"}}, status=404)


def _pieces(text: str) -> list[str]:
    middle = len(text) // 2
    return [text[:middle], text[middle:]]


async def _stream(http: web.Request, events: list[Any], *, named: bool) -> web.StreamResponse:
    response = web.StreamResponse(headers={"content-type": "text/event-stream"})
    await response.prepare(http)
    for event in events:
        head = f"event: {event['type']}\n" if named else ""
        await response.write(f"{head}data: {json.dumps(event)}\n\n".encode())
    await response.write_eof()
    return response
