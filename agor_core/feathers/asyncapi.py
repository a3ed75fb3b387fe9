"""The document of events: AsyncAPI 3.0 for everything that is announced over Socket.IO."""

from __future__ import annotations

import re
from typing import Any

from agor_core.feathers.app import Feathers
from agor_core.feathers.components import Schema, Spec
from agor_core.feathers.service import ServiceHandle

HOW = """Each event is a Socket.IO event of the default namespace at `/socket.io/`, named `<service> <event>`, with the
payload as its first argument. A logged event has its offset, `<epoch>.<seq>`, as second argument; a client that comes
back with it (socket.io-client since 4.6 does so by itself) hears what it missed. The others are volatile: not kept, and
the first to go where somebody reads slowly."""

HOST = "The server this document came from, by Socket.IO (Engine.IO 4), over WebSocket or polling."


def build_asyncapi(app: Feathers, title: str, version: str) -> dict[str, Any]:
    """The AsyncAPI document of an application as it is now."""
    spec = Spec(title, version)
    channels: dict[str, Any] = {}
    operations: dict[str, Any] = {}
    for path, service in sorted(app.services.items()):
        for event in sorted(service.service_events):
            name = re.sub(r"[^A-Za-z0-9_-]+", "_", f"{path} {event}")
            channels[name] = _channel(spec, app, service, event)
            operations[f"hear_{name}"] = {
                "action": "send",
                "channel": {"$ref": f"#/channels/{name}"},
                "summary": channels[name]["summary"],
            }
    return {
        "asyncapi": "3.0.0",
        "info": {"title": f"{title}: events", "version": version, "description": HOW},
        "defaultContentType": "application/json",
        "servers": {"here": {"host": "localhost", "protocol": "ws", "pathname": "/socket.io/", "description": HOST}},
        "channels": channels,
        "operations": operations,
        "components": {"schemas": dict(spec.schemas)},
    }


def _channel(spec: Spec, app: Feathers, service: ServiceHandle, event: str) -> dict[str, Any]:
    is_custom = event in service.events
    made_up = f"A custom event of {service.path}." if is_custom else f"A record of {service.path} was {event}."
    summary = service.schemas.get(f"event:{event}:about", made_up)
    payload: Schema = (spec.registered(service, f"event:{event}") if is_custom else spec.record(service)) or {}
    # A storage's own log holds its changes; the framework's, whatever is not emitted as volatile.
    is_logged = not is_custom if service.events_from is not None else app.event_log is not None
    return {
        "address": service.event_name(event),
        "summary": summary,
        "description": "Logged: heard again by who comes back." if is_logged else "Volatile: heard once or not at all.",
        "messages": {
            "event": {
                "name": service.event_name(event),
                "summary": summary,
                "payload": payload,
                "examples": [{"payload": spec.example(payload)}],
                "x-logged": is_logged,
            }
        },
    }
