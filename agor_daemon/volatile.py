"""Volatile events: never stored, sent at once to who may hear, through the other daemons on this database too."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from agor_core.db import Database
from agor_core.db.change_log import LogEntry
from agor_core.feathers import Feathers

# Sessions that ran lately, here or elsewhere.
MOST_KNOWN: Final = 10_000

TOPIC: Final = "event"
"""Under which other daemons hear of them."""

Facts = Mapping[str, Any]

HIDDEN: Final[Facts] = {"sharing": "private"}
"""Of a session nobody told us about: admins hear of it, and nobody else."""


class Volatile:
    """Sends volatile events, and knows who may hear them: the facts of the sessions they are about."""

    def __init__(self, app: Feathers, database: Database) -> None:
        self._app = app
        self._peers = database.peers
        self._facts: dict[str, Facts] = {}
        database.peers.subscribe(TOPIC, self._told)
        database.change_log.subscribe(self._changed)

    def emit(self, path: str, event: str, payload: dict[str, Any]) -> None:
        """Send an event of a service to who may hear it, on whichever daemon they are."""
        self._app.service(path).emit(event, payload, volatile=True)
        session_id = payload.get("session_id")
        facts = self.facts(session_id) if session_id is not None else None
        self._peers.tell(TOPIC, {"path": path, "event": event, "payload": payload, "facts": facts})

    def know(self, session_id: str, facts: Facts) -> None:
        """Note the facts of a session that is about to run."""
        if session_id not in self._facts and len(self._facts) >= MOST_KNOWN:
            del self._facts[next(iter(self._facts))]
        self._facts[session_id] = facts

    def facts(self, session_id: str) -> Facts:
        """What decides who hears of a session's volatile events."""
        return self._facts.get(session_id, HIDDEN)

    def _told(self, message: dict[str, Any]) -> None:
        """Another daemon sent an event."""
        payload = message["payload"]
        # What the log says of the session is newer than what the other daemon knew.
        if message["facts"] is not None and payload["session_id"] not in self._facts:
            self.know(payload["session_id"], message["facts"])
        self._app.service(message["path"]).emit(message["event"], payload, volatile=True)

    def _changed(self, batch: Sequence[LogEntry]) -> None:
        """A session that is made private in the middle of a run is heard by nobody else from then on."""
        for line in batch:
            if line.path == "sessions" and line.record_id in self._facts:
                self._facts[line.record_id] = line.facts
