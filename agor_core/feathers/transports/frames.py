"""Socket.IO packets (protocol 5) on the default namespace: decoded strictly, encoded once for all recipients."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from agor_core.errors import BadRequest
from agor_core.feathers.wire import MOST_CONTAINERS, InvalidJson, dumps, js_text, loads

CONNECT, DISCONNECT, EVENT, ACK, CONNECT_ERROR, BINARY_EVENT, BINARY_ACK = range(7)

# Socket.IO keeps these for itself on both sides; a client that sends one is broken or hostile.
RESERVED_EVENTS = frozenset(
    {"connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"}
)

_PACKET = re.compile(
    r"(?P<type>[0-6])(?:(?P<attachments>[0-9]{1,3})-)?(?:(?P<namespace>/[^,]*)(?:,|$))?(?P<id>[0-9]{1,18})?", re.ASCII
)


class BadPacket(Exception):
    """A packet no client library writes; the connection it came on is closed."""


@dataclass(slots=True)
class Packet:
    """A packet from a client. `attachments` binary frames follow it; `refusal` is why its data was not read."""

    type: int
    namespace: str
    id: int | None
    data: Any
    attachments: int = 0
    refusal: BadRequest | None = None


def decode(text: str, *, broken_text: bool = False, most_containers: int = MOST_CONTAINERS) -> Packet:
    """The packet in a text frame, its data read as `wire.loads` does. Raises BadPacket."""
    start = text.find("[", 1, 20)
    id_text = text[1:start]
    if text.startswith("2") and start > 0 and (not id_text or (id_text.isascii() and id_text.isdigit())):
        # An event on the main namespace, which is what nearly all are: the same as below, with less ado.
        return _event(int(id_text) if id_text else None, text[start:], broken_text, most_containers)
    match = _PACKET.match(text)
    if match is None:
        raise BadPacket("not a packet")
    kind = int(match["type"])
    is_binary = kind in (BINARY_EVENT, BINARY_ACK)
    attachments = int(match["attachments"] or 0)
    if bool(attachments) != is_binary:
        raise BadPacket("attachments on a packet without, or none on one with")
    rest = text[match.end() :]
    id = int(match["id"]) if match["id"] is not None else None
    try:
        data = loads(rest, broken_text=broken_text, most_containers=most_containers) if rest else None
    except InvalidJson as error:
        raise BadPacket(error.message) from error
    except BadRequest as error:
        # A client library wrote this: it gets an answer, if it asked for one.
        if kind == EVENT and rest.startswith("["):
            return Packet(kind, match["namespace"] or "/", id, None, refusal=error)
        raise BadPacket(error.message) from error
    if not rest and kind == EVENT:
        data = [""]  # Node takes it for an event without a name; so it is one that no service has.
    packet = Packet(kind, match["namespace"] or "/", id, data, attachments)
    if kind in (EVENT, BINARY_EVENT):
        _check_event(data)
    elif kind in (ACK, BINARY_ACK) and rest and not isinstance(data, list):
        raise BadPacket("an acknowledgement without a list")
    elif kind == CONNECT_ERROR:
        raise BadPacket("only servers refuse connections")
    return packet


def _event(id: int | None, text: str, broken_text: bool, most_containers: int) -> Packet:
    try:
        data = loads(text, broken_text=broken_text, most_containers=most_containers)
    except InvalidJson as error:
        raise BadPacket(error.message) from error
    except BadRequest as error:
        # A client library wrote this: it gets an answer, if it asked for one.
        return Packet(EVENT, "/", id, None, refusal=error)
    _check_event(data)
    return Packet(EVENT, "/", id, data)


def event_frame(name: str, payload: Any, offset: str | None, *, recovery: bool) -> bytes:
    """An event as a packet. With recovery on, a last argument that is text is an offset to the client."""
    arguments = [name, payload]
    if offset is not None:
        arguments.append(offset)
    elif recovery and isinstance(payload, str):
        arguments.append(None)
    return b"2" + dumps(arguments)


def answer_frame(id: int, result: Any) -> bytes:
    """The answer to call number `id` that succeeded."""
    return b"3%d[null,%b]" % (id, dumps(result))


def error_frame(id: int, error: dict[str, Any]) -> bytes:
    """The answer to call number `id` that failed."""
    return b"3%d[%b]" % (id, dumps(error))


def connect_frame(data: dict[str, Any]) -> bytes:
    """The answer to a CONNECT that is accepted."""
    return b"0" + dumps(data)


def refusal_frame(namespace: str, error: dict[str, Any]) -> bytes:
    """The answer to a CONNECT that is refused."""
    return b"4" + (f"{namespace},".encode() if namespace != "/" else b"") + dumps(error)


def _check_event(data: Any) -> None:
    if isinstance(data, list) and data and isinstance(data[0], int | float) and not isinstance(data[0], bool):
        data[0] = js_text(data[0])
    if not isinstance(data, list) or not data or not isinstance(data[0], str):
        raise BadPacket("an event is a list that begins with its name")
    if data[0] in RESERVED_EVENTS:
        raise BadPacket("this event name is reserved")
