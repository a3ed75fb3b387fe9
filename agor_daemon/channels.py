"""Who hears what: every connection is asked, for each event, by the same rule that guards reading."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from agor_core.db import without_origin
from agor_core.feathers import Channel, Connection, EventContext, Feathers
from agor_daemon.access import may_hear

EVERYBODY = "everybody"
"""All open connections, signed in or not; the rule decides, so nobody has to join or leave at login."""

VolatileFacts = Callable[[str], Mapping[str, Any] | None]
"""The facts of a running session, by its id; volatile events carry no facts of their own."""


def set_up_channels(app: Feathers, facts_of_running: VolatileFacts) -> None:
    """Have every connection join, and every event published to those who may hear it."""

    def join(connection: Connection) -> None:
        app.channel(EVERYBODY).join(connection)

    def rejoin(_result: Any, params: Any, _context: Any) -> None:
        app.channel(EVERYBODY).join(params.connection)  # logging out takes a connection out of all channels

    def publish(data: Any, context: EventContext) -> Channel | list[Channel]:
        facts = _facts(data, context, facts_of_running)
        heard = app.channel(EVERYBODY).filter(lambda connection: may_hear(connection.user, context.path, facts))
        origin = facts.get("origin")
        if origin is None:
            return heard
        # Of a session that comes from a private one, who may not know that one hears as if there were none.
        knowing = heard.filter(lambda connection: may_hear(connection.user, context.path, origin))
        return [knowing, heard.send(without_origin(data))]

    app.on("connection", join)
    app.on("logout", rejoin)
    app.publish(publish)


def have_all_come_back(app: Feathers) -> None:
    """End all connections after a break in the log: their clients come back, learn that they missed something, and
    fetch everything anew."""
    for connection in list(app.connections):
        connection.outlet.close(connection, "broken log")


def _facts(data: Any, context: EventContext, facts_of_running: VolatileFacts) -> Mapping[str, Any]:
    if context.seq:
        return {**context.facts, "record_id": context.record_id}
    session_id = data.get("session_id") if isinstance(data, dict) else None
    return (facts_of_running(session_id) if session_id is not None else None) or {}
