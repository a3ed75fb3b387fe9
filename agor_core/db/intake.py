"""A batch of an import's records: checked one by one, made to fit what is here already, stored and announced.

What cannot be stored is refused with the line it stands on, before anything of its batch is.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from operator import itemgetter
from typing import TYPE_CHECKING, Any, NamedTuple

import sqlalchemy as sa

from agor_core.db.merge import Merge, Outcome
from agor_core.db.repositories.base import Repository
from agor_core.errors import BadRequest
from agor_core.ids import is_id
from agor_core.models.task import ENDED_STATUSES
from agor_core.models.wire import DATA, record_of

if TYPE_CHECKING:
    from agor_core.db.transaction import Transaction

Record = dict[str, Any]

_WHOLE_NUMBERS = range(-(2**63), 2**63)


class Line(NamedTuple):
    """A record and the number of its line."""

    number: int
    record: Record


class Intake:
    """One import. `store` is called for each batch, users first.

    If it leaves sessions `apart`, `store_apart` is called again for all records of those, in the same order.
    """

    def __init__(self) -> None:
        self.merge = Merge()
        self._same_people: dict[str, str] = {}
        """Of the users that are here already, under another id: the id in the export, and the one here."""

    def store(self, tx: Transaction, path: str, lines: Sequence[Line]) -> Outcome:
        """Store what is not here yet, by its id, and announce it as created; for what is here see `Merge`.

        Whoever has an account here with the same address is taken for the same person. A board or repo whose slug is
        another's gets the next free one. Raises BadRequest with the line at fault.
        """
        repository = tx.repository(path)
        apart = [line for line in lines if self.merge.is_apart(path, line.record)]
        if apart and path == "messages":
            self.merge.compare(tx, [_checked(repository, line).record for line in apart])
        if apart:
            lines = [line for line in lines if not self.merge.is_apart(path, line.record)]
        new, here = self._parted(repository, lines)
        done = Outcome(added=self._add(tx, repository, new))
        self.merge.meet(tx, path, here, done)
        return done

    def store_apart(self, tx: Transaction, path: str, lines: Sequence[Line]) -> Outcome:
        """The same for the records of sessions that are apart, once all of these have been seen; the sessions, too."""
        repository, merge, done = tx.repository(path), self.merge, Outcome()
        new, here = self._parted(repository, lines)
        if path == "sessions":
            merge.take(tx, here, done)
            return done
        merge.settle(tx, path, here, done)
        done.added = self._add(tx, repository, [line for line in new if merge.wanted(path, line.record)])
        if path == "messages":
            merge.count(tx, sorted({line.record["session_id"] for line in lines}))
        return done

    def _parted(self, repository: Repository[Any], lines: Sequence[Line]) -> tuple[list[Line], list[Record]]:
        """Lines whose records are not here, and the records of those that are; people are called as they are here."""
        known = repository.id_column.in_([_id_in(repository, line) for line in lines])
        there = set(repository.tx.connection.execute(sa.select(repository.id_column).where(known)).scalars())
        checked = [_checked(repository, Line(line.number, self._renamed(line.record))) for line in lines]
        new = [line for line in checked if line.record[repository.id_field] not in there]
        return new, [line.record for line in checked if line.record[repository.id_field] in there]

    def _add(self, tx: Transaction, repository: Repository[Any], coming: list[Line]) -> int:
        path = repository.path
        if path == "users":
            coming = self._strangers(tx, coming)
        if "slug" in repository.table.c:
            _give_free_slugs(tx, repository, [line.record for line in coming])
        told = [_told(repository, line) for line in coming]
        rows = [line.record for line in coming]
        repository.insert_rows(rows)
        for row, facts, record in zip(rows, repository.facts_of(rows), told, strict=True):
            tx.announce(path, "created", row[repository.id_field], facts, record)
        return len(rows)

    def _renamed(self, record: Record) -> Record:
        """The record with the ids that people have here."""
        if not self._same_people:
            return record
        by, data = str(record.get("created_by")), record.get("data")
        renamed = {**record, "created_by": self._same_people[by]} if by in self._same_people else record
        if isinstance(data, dict) and data.get("decided_by") in self._same_people:
            renamed = {**renamed, "data": {**data, "decided_by": self._same_people[data["decided_by"]]}}
        return renamed

    def _strangers(self, tx: Transaction, users: Sequence[Line]) -> list[Line]:
        """Those of the users who have no account here; the others are remembered.

        Everybody is the owner of a daemon of their own: where there is an owner already, nobody comes as another.
        """
        known = tx.users.where(email=[user.record["email"] for user in users])
        here = {user.email: user.user_id for user in known}
        strangers = [user for user in users if user.record["email"] not in here]
        for _, user in users:
            if user["email"] in here:
                self._same_people[user["user_id"]] = here[user["email"]]
        if tx.users.find_one(role="owner") is not None:
            for _, user in strangers:
                user["role"] = "member" if user["role"] in ("owner", "admin") else user["role"]
        return strangers


def _id_in(repository: Repository[Any], line: Line) -> str:
    id = line.record.get(repository.id_field)
    if not isinstance(id, str) or not is_id(id):
        raise BadRequest(f"line {line.number} of the export holds a {repository.noun} without an id")
    return id


def _checked(repository: Repository[Any], line: Line) -> Line:
    """The line with a row as this version stores it. Raises BadRequest for one that no daemon would have stored."""
    columns = _columns_of(repository.table)
    if line.record.keys() != columns.names:
        raise BadRequest(f"{_where(line)}: a {repository.noun} has not the columns that this version knows")
    if (name := columns.misfit(line.record)) is not None:
        raise BadRequest(f"{_where(line)}: the {name} of a {repository.noun} is none", field=name)
    try:
        data = repository.data_as_stored(line.record[DATA])
        if repository.path == "tasks" and line.record["status"] not in ENDED_STATUSES:
            # Whoever runs it does so elsewhere: to this database's daemons it is one that nobody runs.
            data.update(daemon_id=None, process=None)
        return Line(line.number, {**line.record, DATA: data})
    except (TypeError, ValueError) as error:
        raise _unknown(repository, line) from error


def _told(repository: Repository[Any], line: Line) -> Record:
    """The wire record of a row. Raises BadRequest for one that could not be told."""
    try:
        return record_of(repository.entity, line.record)
    except (TypeError, ValueError, OverflowError) as error:
        raise _unknown(repository, line) from error


def _where(line: Line) -> str:
    return f"line {line.number} of the export"


def _unknown(repository: Repository[Any], line: Line) -> BadRequest:
    return BadRequest(f"{_where(line)} holds no {repository.noun} as this version knows it")


class _Columns:
    """What the columns of a table hold, `data` aside."""

    def __init__(self, table: sa.Table) -> None:
        self._kinds = {column.name: _kinds_of(column) for column in table.columns if column.name != DATA}
        self._values_of = itemgetter(*self._kinds)
        self._numbers = [name for name, kinds in self._kinds.items() if int in kinds]
        self._fitting: set[tuple[type, ...]] = set()
        self.names = self._kinds.keys() | {DATA}

    def misfit(self, record: Record) -> str | None:
        """The first column whose value in `record` is none that it can hold."""
        # Rows are alike: each mixture of kinds is looked at once.
        kinds = tuple(map(type, self._values_of(record)))
        if kinds not in self._fitting:
            for (name, fitting), kind in zip(self._kinds.items(), kinds, strict=True):
                if kind not in fitting:
                    return name
            self._fitting.add(kinds)
        for name in self._numbers:
            number = record[name]
            if number is not None and number not in _WHOLE_NUMBERS:
                return name
        return None


@cache
def _columns_of(table: sa.Table) -> _Columns:
    return _Columns(table)


def _kinds_of(column: sa.Column[Any]) -> tuple[type, ...]:
    kind = bool if isinstance(column.type, sa.Boolean) else int if isinstance(column.type, sa.Integer) else str
    return (kind, type(None)) if column.nullable else (kind,)


def _give_free_slugs(tx: Transaction, repository: Repository[Any], rows: Sequence[Record]) -> None:
    """An empty board that has the slug of one to come makes way, for every database begins with a `default`."""
    coming = {row["slug"] for row in rows}
    taken = {other.slug: other for other in repository.where(slug=list(coming))}
    for row in rows:
        other = taken.get(row["slug"])
        if other is None:
            continue
        if repository.path == "boards" and tx.sessions.find_one(board_id=other.board_id) is None:
            tx.boards.remove(other.board_id)
            continue
        slug, nth = row["slug"], 2
        while f"{slug}-{nth}" in coming or repository.find_one(slug=f"{slug}-{nth}") is not None:
            nth += 1
        row["slug"] = f"{slug}-{nth}"
        coming.add(row["slug"])
