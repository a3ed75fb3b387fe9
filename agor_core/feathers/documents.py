"""Pages about the server itself: `/openapi.json`, `/docs` and `/metrics`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from html import escape
from typing import Any

from aiohttp import web

from agor_core.feathers.app import Feathers
from agor_core.feathers.observe import Observer, line_of, samples
from agor_core.feathers.transports.recovery import Recovery
from agor_core.feathers.transports.socketio import SocketDoor
from agor_core.feathers.wire import dumps

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
code { font-family: ui-monospace, monospace; } details { border-top: 1px solid #8884; padding: .4rem 0; }
summary { cursor: pointer; } .verb { display: inline-block; width: 4.5rem; font-weight: 600; }
@media (prefers-color-scheme: dark) { body { background: #111; color: #ddd; } a { color: #8bf; } }
"""
# Nothing is loaded from anywhere; the style is the only thing inline.
POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"


@dataclass(frozen=True, slots=True)
class ApiInfo:
    """What the API document says about the whole."""

    title: str
    version: str
    description: str = ""


def add_documents(site: web.Application, app: Feathers, info: ApiInfo) -> None:
    """Serve the API document and a page for people. The document is built once, on first use."""
    built: list[dict[str, Any]] = []

    def document() -> dict[str, Any]:
        if not built:
            # Here, not above: apispec and marshmallow are loaded by servers that document themselves only.
            from agor_core.feathers.openapi import build_document

            built.append(build_document(app, info.title, info.version, info.description))
        return built[0]

    async def openapi(_request: web.Request) -> web.Response:
        return web.Response(body=dumps(document()), content_type="application/json", charset="utf-8")

    async def page(_request: web.Request) -> web.Response:
        headers = {"Content-Security-Policy": POLICY}
        return web.Response(text=docs_page(document()), content_type="text/html", charset="utf-8", headers=headers)

    site.router.add_get("/openapi.json", openapi)
    site.router.add_get("/docs", page)


def docs_page(document: dict[str, Any]) -> str:
    """The API document as one page of HTML."""
    info = document["info"]
    parts = [
        "<!doctype html><html lang=en><meta charset=utf-8>",
        f"<title>{escape(info['title'])}</title><style>{STYLE}</style>",
        f"<h1>{escape(info['title'])} {escape(info['version'])}</h1><p>{escape(info.get('description', ''))}</p>",
        "<p>The same for machines: <a href=/openapi.json>openapi.json</a>. Every method is also a Socket.IO event; "
        "what is announced there is listed at the end.</p>",
    ]
    for tag in document.get("tags", []):
        parts.append(f"<h2>{escape(tag['name'])}</h2><p>{escape(tag['description'])}</p>")
        for path, operations in document["paths"].items():
            parts.extend(
                _operation_html(verb, path, operation)
                for verb, operation in operations.items()
                if tag["name"] in operation["tags"]
            )
    parts.append("<h2>Events</h2>")
    for name, event in document["x-events"].items():
        logged = "logged: heard again after a reconnect" if event["logged"] else "volatile"
        parts.append(f"<p><code>{escape(name)}</code> {escape(event['description'])} ({logged})</p>")
    return "\n".join(parts)


def metrics_page(observer: Observer, door: SocketDoor, recovery: Recovery | None) -> Handler:
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
        ]
        if recovery is not None:
            _, seq = await recovery.log.position()
            lines += samples("gauge", {"feathers_event_log_seq": seq})
        text = "\n".join(lines) + "\n"
        return web.Response(body=text.encode(), headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"})

    return page


def _operation_html(verb: str, path: str, operation: dict[str, Any]) -> str:
    rows = "".join(
        f"<li><code>{escape(parameter['name'])}</code> in {escape(parameter['in'])}"
        f" {escape(parameter.get('description', ''))}</li>"
        for parameter in operation["parameters"]
    )
    text = escape(operation.get("description", ""))
    return (
        f"<details><summary><span class=verb>{escape(verb.upper())}</span> <code>{escape(path)}</code> "
        f"{escape(operation['summary'])}</summary><p>{text}</p><ul>{rows}</ul></details>"
    )
