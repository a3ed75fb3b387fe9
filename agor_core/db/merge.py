"""Records of an export that are here already, in another state: of two states the later one counts.

A session is one thing with its tasks, messages and questions: what was said after a message makes no sense without it.
So a session that has changed is left alone at first, and what the export has of it only looked at: whether it went on
there, here, or in both places. Its records are read once more then, and taken over, filled in, or left.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import sqlalchemy as sa

from agor_core.db import search
from agor_core.db.query import plain_data
from agor_core.db.repositories.base import Repository
from agor_core.db.repositories.messages import TABLE as MESSAGES
from agor_core.db.repositories.sessions import TABLE as SESSIONS
from agor_core.db.repositories.statements import update_of
from agor_core.models.session import RUNNING_STATUSES
from agor_core.models.wire import DATA, record_of

if TYPE_CHECKING:
    from agor_core.db.transaction import Transaction

Record = dict[str, Any]

OF_SESSIONS: Final = ("tasks", "messages", "permissions")
# What a place gives to a record by itself; a slug is the next free one where another has it.
_LOCAL: Final = ("slug",)


class State(NamedTuple):
    """How far a session is."""

    next_index: int
    last_updated: int
    status: str

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> State:
        """That of a row."""
        return cls(row["next_index"], row["last_updated"], row["status"])


@dataclass(slots=True)
class Apart:
    """A session that is in different states here and in an export; of these there may be very many."""

    here: State
    there: State
    collides: bool = False
    """Different messages have the same place: it went on in both."""
    is_taken: bool = False

    @property
    def goes_on_there(self) -> bool:
        """Whether all that is here is older than what the export has."""
        return self.here.status not in RUNNING_STATUSES and not self.collides and self.there[:2] > self.here[:2]


@dataclass(slots=True)
class Outcome:
    """What was done with the records of a batch."""

    added: int = 0
    updated: int = 0
    """They were here in an older state."""
    kept: int = 0
    """They are here in another state, and stay in it."""


class Merge:
    """One import's view of what is here already."""

    def __init__(self) -> None:
        self.apart: dict[str, Apart] = {}
        """The sessions to be looked at as a whole, by their ids."""

    def is_apart(self, path: str, record: Mapping[str, Any]) -> bool:
        """Whether a record belongs to such a session."""
        session_id = record.get("session_id")
        return path in OF_SESSIONS and isinstance(session_id, str) and session_id in self.apart

    def meet(self, tx: Transaction, path: str, records: Sequence[Record], done: Outcome) -> None:
        """Look at records that are here: what is older here is brought up to date, sessions are put aside."""
        if path == "users":
            # Who somebody is here, and what they may, is not an export's to say.
            return
        for record, here in _differing(tx.repository(path), records):
            if path == "sessions":
                self.apart[record["session_id"]] = Apart(State.of(here), State.of(record))
            elif is_later(record, here):
                _replace(tx, path, record, here)
                done.updated += 1
            else:
                done.kept += 1

    def compare(self, tx: Transaction, messages: Sequence[Record]) -> None:
        """Look at messages of sessions that are apart: whether their places are taken here by others."""
        by_session: dict[str, dict[int, str]] = {}
        for message in messages:
            by_session.setdefault(message["session_id"], {})[message["index"]] = message["message_id"]
        for session_id, there in by_session.items():
            query = sa.select(MESSAGES.c.index, MESSAGES.c.message_id).where(
                MESSAGES.c.session_id == session_id, MESSAGES.c.index.in_(list(there))
            )
            if any(there[index] != id for index, id in tx.connection.execute(query)):
                self.apart[session_id].collides = True

    def take(self, tx: Transaction, sessions: Sequence[Record], done: Outcome) -> None:
        """Bring the sessions up to date that went on in the export, unless they have changed since they were seen."""
        for record, here in _differing(tx.repository("sessions"), sessions):
            session = self.apart[record["session_id"]]
            if session.goes_on_there and session.here == State.of(here):
                session.is_taken = True
                _replace(tx, "sessions", record, here)
                done.updated += 1
            else:
                done.kept += 1

    def wanted(self, path: str, record: Mapping[str, Any]) -> bool:
        """Whether a record that is not here has its place in its session, which is apart."""
        session = self.apart[record["session_id"]]
        if session.is_taken:
            return True
        # What an import that was cut off did not come to, though the session went on here since.
        is_gap = path != "messages" or record["index"] < session.here.next_index
        return is_gap and not session.collides and session.there.next_index <= session.here.next_index

    def settle(self, tx: Transaction, path: str, records: Sequence[Record], done: Outcome) -> None:
        """Do with records that are here as was done with their sessions."""
        for record, here in _differing(tx.repository(path), records):
            session = self.apart[record["session_id"]]
            if session.is_taken or (not session.collides and is_later(record, here)):
                _replace(tx, path, record, here)
                done.updated += 1
            else:
                done.kept += 1

    def count(self, tx: Transaction, session_ids: Sequence[str]) -> None:
        """Have sessions know again how many messages they have."""
        count = sa.select(sa.func.count()).where(MESSAGES.c.session_id == SESSIONS.c.session_id).scalar_subquery()
        tx.connection.execute(
            sa.update(SESSIONS).where(SESSIONS.c.session_id.in_(session_ids)).values(message_count=count)
        )


def _replace(tx: Transaction, path: str, record: Record, here: Record) -> None:
    repository = tx.repository(path)
    row = {**record, **{name: here[name] for name in _LOCAL if name in here}}
    id = row[repository.id_field]
    if "version" in row[DATA]:
        # Who has seen the one of here must not be able to take this for it.
        row[DATA] = {**row[DATA], "version": max(row[DATA]["version"], here[DATA].get("version", 0))}
    tx.connection.execute(update_of(repository.table, repository.id_field), {**row, "old_id": id})
    if repository.is_searched and repository.words(row[DATA]) != repository.words(here[DATA]):
        search.take_out(tx, id)
        repository.make_findable([row])
    (facts,) = repository.facts_of([row])
    tx.announce(path, "patched", id, facts, record_of(repository.entity, row))


def is_later(there: Mapping[str, Any], here: Mapping[str, Any]) -> bool:
    """Whether of two states of a record the first was reached after the second."""
    return bool(there["last_updated"] > here["last_updated"])


def _differing(repository: Repository[Any], records: Sequence[Record]) -> list[tuple[Record, Record]]:
    """Those of the records whose row is another: (the record, the row)."""
    if not records:
        return []
    table = repository.table
    columns = [column for column in table.columns if column.name != DATA]
    ids = repository.id_column.in_([record[repository.id_field] for record in records])
    rows = repository.tx.connection.execute(sa.select(*columns, plain_data(table)).where(ids)).mappings()
    here = {row[repository.id_field]: dict(row) for row in rows}
    pairs = ((record, here.get(record[repository.id_field])) for record in records)
    return [(record, row) for record, row in pairs if row is not None and _shared(record) != _shared(row)]


def _shared(record: Mapping[str, Any]) -> Record:
    return {name: value for name, value in record.items() if name not in _LOCAL}
