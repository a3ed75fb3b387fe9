"""Pages about the server itself: `/openapi.json`, `/asyncapi.json`, `/docs`, `/metrics` and `/health`."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import lru_cache
from html import escape
from typing import Any

from aiohttp import web

from agor_core.feathers.app import Feathers
from agor_core.feathers.observe import Observer, line_of, samples
from agor_core.feathers.service import ServiceHandle
from agor_core.feathers.transports.recovery import Recovery
from agor_core.feathers.transports.refusals import Refusals
from agor_core.feathers.transports.socketio import SocketDoor
from agor_core.feathers.wire import dumps

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Services = tuple[ServiceHandle, ...]

STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
code, pre { font-family: ui-monospace, monospace; } pre { overflow: auto; background: #8881; padding: .5rem; }
details { border-top: 1px solid #8884; padding: .4rem 0; }
summary { cursor: pointer; } .verb { display: inline-block; width: 4.5rem; font-weight: 600; }
@media (prefers-color-scheme: dark) { body { background: #111; color: #ddd; } a { color: #8bf; } }
"""
_CODE = re.compile(r"`([^`]+)`")

# Nothing is loaded from anywhere, no script runs, and no style but this one counts.
STYLE_HASH = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
POLICY = (
    f"default-src 'none'; style-src 'sha256-{STYLE_HASH}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


@dataclass(frozen=True, slots=True)
class ApiInfo:
    """What the API document says about the whole."""

    title: str
    version: str
    description: str = ""


def add_documents(site: web.Application, app: Feathers, info: ApiInfo, *, is_idempotent: bool) -> None:
    """Serve both API documents and a page for people. They are built on first use, and for other services anew."""

    @lru_cache(maxsize=1)
    def build_openapi(_services: Services) -> dict[str, Any]:
        # Here, not above: apispec and marshmallow are loaded by servers that document themselves only.
        from agor_core.feathers.openapi import build_document

        return build_document(app, info.title, info.version, info.description, is_idempotent=is_idempotent)

    @lru_cache(maxsize=1)
    def build_asyncapi_of(_services: Services) -> dict[str, Any]:
        from agor_core.feathers.asyncapi import build_asyncapi

        return build_asyncapi(app, info.title, info.version)

    def openapi() -> dict[str, Any]:
        return build_openapi(tuple(app.services.values()))

    def asyncapi() -> dict[str, Any]:
        return build_asyncapi_of(tuple(app.services.values()))

    async def page(_request: web.Request) -> web.Response:
        headers = {"Content-Security-Policy": POLICY}
        text = docs_page(openapi(), asyncapi())
        return web.Response(text=text, content_type="text/html", charset="utf-8", headers=headers)

    site.router.add_get("/openapi.json", _json_page(openapi))
    site.router.add_get("/asyncapi.json", _json_page(asyncapi))
    site.router.add_get("/docs", page)


def _json_page(document: Callable[[], dict[str, Any]]) -> Handler:
    async def page(_request: web.Request) -> web.Response:
        return web.Response(body=dumps(document()), content_type="application/json", charset="utf-8")

    return page


def docs_page(openapi: dict[str, Any], asyncapi: dict[str, Any]) -> str:
    """Both API documents as one page of HTML."""
    info = openapi["info"]
    tags = openapi.get("tags", [])
    links = " · ".join(f'<a href="#{escape(tag["name"])}">{escape(tag["name"])}</a>' for tag in tags)
    parts = [
        '<!doctype html><html lang="en"><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{escape(info['title'])}</title><style>{STYLE}</style>",
        f"<h1>{escape(info['title'])} {escape(info['version'])}</h1><p>{_prose(info.get('description', ''))}</p>",
        '<p>The same for machines: <a href="/openapi.json">openapi.json</a> (calls), '
        '<a href="/asyncapi.json">asyncapi.json</a> (events). Every method is also a Socket.IO event.</p>',
        f'<nav>{links} · <a href="#-events">all events</a> · <a href="#-errors">errors</a></nav>',
    ]
    for tag in tags:
        parts.append(f'<h2 id="{escape(tag["name"])}">{escape(tag["name"])}</h2><p>{_prose(tag["description"])}</p>')
        for path, operations in openapi["paths"].items():
            parts.extend(
                _operation_html(verb, path, operation)
                for verb, operation in operations.items()
                if tag["name"] in operation["tags"]
            )
    parts.append(f'<h2 id="-events">All events</h2><p>{_prose(asyncapi["info"]["description"])}</p>')
    parts.extend(_event_html(channel) for channel in asyncapi["channels"].values())
    parts.append('<h2 id="-errors">Errors</h2>')
    for answer in openapi["components"]["responses"].values():
        example = answer["content"]["application/json"]["example"]
        title = f"{example['code']} {escape(example['name'])}"
        parts.append(f'<h3 id="-{example["code"]}">{title}</h3><p>{_prose(answer["description"])}</p>{_code(example)}')
    return "\n".join(parts)


async def health_page(_request: web.Request) -> web.Response:
    """Answers as long as the server does; an application that knows more of its health has a service of that name."""
    return web.Response(body=dumps({"status": "ok"}), content_type="application/json", charset="utf-8")


def metrics_page(observer: Observer, door: SocketDoor, refusals: Refusals, recovery: Recovery | None) -> Handler:
    """A handler that answers with the metrics."""

    async def page(_request: web.Request) -> web.Response:
        counters = door.counters
        lines = [
            *observer.text(),
            *samples("gauge", door.metrics()),
            *samples(
                "counter",
                {
                    "feathers_connected_total": counters.connected,
                    "feathers_recovered_total": counters.recovered,
                    "feathers_dropped_total": counters.dropped,
                    "feathers_events_total": counters.events,
                },
            ),
            "# TYPE feathers_closed_total counter",
            *(line_of("feathers_closed_total", count, reason=reason) for reason, count in counters.reasons.items()),
            "# TYPE feathers_refused_total counter",
            *(line_of("feathers_refused_total", count, reason=reason) for reason, count in refusals.counts.items()),
        ]
        if recovery is not None:
            _, seq = await recovery.log.position()
            lines += samples("gauge", {"feathers_event_log_seq": seq})
        text = "\n".join(lines) + "\n"
        return web.Response(body=text.encode(), headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"})

    return page


def _operation_html(verb: str, path: str, operation: dict[str, Any]) -> str:
    rows = "".join(
        f"<li><code>{escape(parameter['name'])}</code> in {escape(parameter['in'])}. "
        f"{_prose(parameter.get('description', ''))}</li>"
        for parameter in operation["parameters"]
    )
    shown = f"<p>{_prose(operation.get('description', ''))}</p><ul>{rows}</ul>"
    if "requestBody" in operation:
        shown += f"<p>Send</p>{_code(operation['requestBody']['content']['application/json']['example'])}"
    (status, answer), *others = operation["responses"].items()
    shown += f"<p>Answer, {escape(status)}</p>{_code(answer['content']['application/json']['example'])}"
    shown += "".join(
        f"<p>Or {escape(code)}. {_prose(other['description'])}</p>" for code, other in others if "description" in other
    )
    errors = ", ".join(f'<a href="#-{code}">{code}</a>' for code, other in others if "$ref" in other)
    return (
        f"<details><summary><span class=verb>{escape(verb.upper())}</span> <code>{escape(path)}</code> "
        f"{_prose(operation['summary'])}</summary>{shown}<p>Errors: {errors}</p></details>"
    )


def _event_html(channel: dict[str, Any]) -> str:
    example = channel["messages"]["event"]["examples"][0]["payload"]
    return (
        f"<details><summary><code>{escape(channel['address'])}</code> {_prose(channel['summary'])}</summary>"
        f"<p>{_prose(channel['description'])}</p>{_code(example)}</details>"
    )


def _prose(text: str) -> str:
    """`text` for the page, with what stands between backticks as code."""
    return _CODE.sub(r"<code>\1</code>", escape(text))


def _code(example: Any) -> str:
    return f"<pre>{escape(json.dumps(example, indent=2, ensure_ascii=False))}</pre>"
