"""Volatile events: never stored, sent at once to who may hear, through the other daemons on this database too."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
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

_NEVER: Final = ("", 0)


@dataclass(frozen=True, slots=True)
class _Known:
    """Facts of a session, and the line of the log, (epoch, seq), up to which they hold at least."""

    facts: Facts
    upto: tuple[str, int]


class Volatile:
    """Sends volatile events, and knows who may hear them: the facts of the sessions they are about.

    Once a call that made a session private is answered, nothing its agent says goes from this daemon to others. From
    another daemon it does not either: with each event goes what its sender knows, and since when; and where a line of
    the log was committed before the event was sent, that line is read first.
    """

    def __init__(self, app: Feathers, database: Database) -> None:
        self._app = app
        self._peers = database.peers
        self._log = database.change_log
        self._known: dict[str, _Known] = {}
        self._peers.subscribe(TOPIC, self._told)
        # Early, for the agent may be quicker than the line on its way through the log; and again in order.
        self._log.subscribe_early(self._changed)
        self._log.subscribe(self._changed)
        self._log.on_break(self._forget)

    def emit(self, path: str, event: str, payload: dict[str, Any]) -> None:
        """Send an event of a service to who may hear it, on whichever daemon they are."""
        self._app.service(path).emit(event, payload, volatile=True)
        known = self._known.get(payload["session_id"]) if "session_id" in payload else None
        told = {} if known is None else {"facts": known.facts, "upto": known.upto}
        self._peers.tell(TOPIC, {"path": path, "event": event, "payload": payload, **told})

    def begin(self, session_id: str) -> None:
        """A session is about to run: what is stored of it from now on is noted; nobody else hears of it yet."""
        self._note(session_id, _Known(HIDDEN, self._log.handed_on))

    def begun(self, session_id: str, facts: Facts) -> None:
        """It runs, and these were its facts after `begin`, unless they changed since."""
        known = self._known.get(session_id)
        if known is not None and known.facts is HIDDEN:
            self._known[session_id] = _Known(facts, known.upto)

    def facts(self, session_id: str) -> Facts:
        """What decides who hears of a session's volatile events."""
        known = self._known.get(session_id)
        return HIDDEN if known is None else known.facts

    def _note(self, session_id: str, known: _Known) -> None:
        if session_id not in self._known and len(self._known) >= MOST_KNOWN:
            del self._known[next(iter(self._known))]
        self._known[session_id] = known

    def _told(self, message: dict[str, Any]) -> None:
        """Another daemon sent an event. It may not know yet what a third has committed before; we are about to."""
        self._log.once_handed_on(self._peers.newest, lambda: self._hand_on(message))

    def _hand_on(self, message: dict[str, Any]) -> None:
        payload = message["payload"]
        if "facts" in message:
            # The line that changed them may be on its way to us still; or the other daemon does not know it yet.
            self._learn(payload["session_id"], _Known(message["facts"], tuple(message["upto"])))
        self._app.service(message["path"]).emit(message["event"], payload, volatile=True)

    def _learn(self, session_id: str, told: _Known) -> None:
        known = self._known.get(session_id, _Known(HIDDEN, _NEVER))
        if told.upto[0] == self._log.handed_on[0] and (told.upto[0] != known.upto[0] or told.upto > known.upto):
            self._note(session_id, told)

    def _changed(self, batch: Sequence[LogEntry]) -> None:
        """A session that is made private in the middle of a run is heard by nobody else from then on."""
        for line in batch:
            if line.path != "sessions" or line.record_id not in self._known:
                continue
            epoch, seq = self._known[line.record_id].upto
            # News comes twice, and the first time in any order.
            if line.epoch != epoch or line.seq > seq:
                self._note(line.record_id, _Known(line.facts, (line.epoch, line.seq)))

    def _forget(self) -> None:
        """Lines were missed that may have made sessions private: admins hear of those that run, and nobody else, until
        the next line or event that tells."""
        self._known = dict.fromkeys(self._known, _Known(HIDDEN, _NEVER))
