"""A batch of an import's records: checked one by one, made to fit what is there already, stored and announced.

What cannot be stored is refused with the line it stands on, before anything of its batch is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import sqlalchemy as sa

from agor_core.db.repositories.base import Repository
from agor_core.errors import BadRequest
from agor_core.ids import is_id
from agor_core.models.columns import Entity
from agor_core.models.wire import to_wire

if TYPE_CHECKING:
    from agor_core.db.transaction import Transaction

Record = dict[str, Any]

_WHOLE_NUMBERS = range(-(2**63), 2**63)


class Line(NamedTuple):
    """A record and the number of its line."""

    number: int
    record: Record


class Intake:
    """One import. `store` is called for each batch, users first."""

    def __init__(self) -> None:
        self._same_people: dict[str, str] = {}
        """Of the users that are here already, under another id: the id in the export, and the one here."""

    def store(self, tx: Transaction, path: str, lines: Sequence[Line]) -> int:
        """Store what is not there yet, by its id, and announce it as created; how many records that were.

        Whoever has an account here with the same address is taken for the same person. A board or repo whose slug is
        another's gets the next free one. Raises BadRequest with the line at fault.
        """
        repository = tx.repository(path)
        for line in lines:
            _check_id(repository, line)
        known = repository.id_column.in_([line.record[repository.id_field] for line in lines])
        there = set(tx.connection.execute(sa.select(repository.id_column).where(known)).scalars())
        new = [line for line in lines if line.record[repository.id_field] not in there]
        entities = [_entity(repository, Line(line.number, self._renamed(line.record))) for line in new]
        if path == "users":
            entities = self._strangers(tx, entities)
        if "slug" in repository.table.c:
            _give_free_slugs(tx, repository, entities)
        if not entities:
            return 0
        tx.connection.execute(sa.insert(repository.table), [repository.row_of(entity) for entity in entities])
        repository.make_findable(entities)
        _announce(tx, repository, entities)
        return len(entities)

    def _renamed(self, record: Record) -> Record:
        """The record with the ids that people have here."""
        if not self._same_people:
            return record
        by, data = str(record.get("created_by")), record.get("data")
        renamed = {**record, "created_by": self._same_people[by]} if by in self._same_people else record
        if isinstance(data, dict) and data.get("decided_by") in self._same_people:
            renamed = {**renamed, "data": {**data, "decided_by": self._same_people[data["decided_by"]]}}
        return renamed

    def _strangers(self, tx: Transaction, users: Sequence[Any]) -> list[Any]:
        """Those of the users who have no account here; the others are remembered.

        Everybody is the owner of a daemon of their own: where there is an owner already, nobody comes as another.
        """
        here = {user.email: user.user_id for user in tx.users.where(email=[user.email for user in users])}
        self._same_people.update({user.user_id: here[user.email] for user in users if user.email in here})
        strangers = [user for user in users if user.email not in here]
        if tx.users.find_one(role="owner") is not None:
            for user in strangers:
                user.role = "member" if user.role in ("owner", "admin") else user.role
        return strangers


def _check_id(repository: Repository[Any], line: Line) -> None:
    id = line.record.get(repository.id_field)
    if not isinstance(id, str) or not is_id(id):
        raise BadRequest(f"line {line.number} of the export holds a {repository.noun} without an id")


def _entity(repository: Repository[Any], line: Line) -> Entity:
    """The entity of a line. Raises BadRequest for one that no daemon would have stored."""
    where = f"line {line.number} of the export"
    columns = repository.table.columns
    if set(line.record) != set(columns.keys()):
        raise BadRequest(f"{where}: a {repository.noun} has not the columns that this version knows")
    for column in columns:
        if column.name != "data" and not _fits(column, line.record[column.name]):
            raise BadRequest(f"{where}: the {column.name} of a {repository.noun} is none", field=column.name)
    try:
        entity: Entity = repository.restored(line.record)
        to_wire(entity)
    except (TypeError, ValueError, OverflowError) as error:
        raise BadRequest(f"{where} holds no {repository.noun} as this version knows it") from error
    return entity


def _fits(column: sa.Column[Any], value: Any) -> bool:
    if value is None:
        return bool(column.nullable)
    if isinstance(column.type, sa.Boolean):
        return isinstance(value, bool)
    if isinstance(column.type, sa.Integer):
        return type(value) is int and value in _WHOLE_NUMBERS
    return isinstance(value, str)


def _give_free_slugs(tx: Transaction, repository: Repository[Any], entities: Sequence[Any]) -> None:
    """An empty board that has the slug of one to come makes way, for every database begins with a `default`."""
    coming = {entity.slug for entity in entities}
    taken = {other.slug: other for other in repository.where(slug=list(coming))}
    for entity in entities:
        other = taken.get(entity.slug)
        if other is None:
            continue
        if repository.path == "boards" and tx.sessions.find_one(board_id=other.board_id) is None:
            tx.boards.remove(other.board_id)
            continue
        slug, nth = entity.slug, 2
        while f"{slug}-{nth}" in coming or repository.find_one(slug=f"{slug}-{nth}") is not None:
            nth += 1
        entity.slug = f"{slug}-{nth}"
        coming.add(entity.slug)


def _announce(tx: Transaction, repository: Repository[Any], entities: Sequence[Any]) -> None:
    # What belongs to a session has its facts: many records are of few sessions, whose facts are looked up once.
    of_session: dict[str, Mapping[str, Any]] = {}
    for entity in entities:
        id = getattr(entity, repository.id_field)
        if repository.id_field == "session_id" or not hasattr(entity, "session_id"):
            facts: Mapping[str, Any] = repository.facts(entity)
        else:
            if entity.session_id not in of_session:
                of_session[entity.session_id] = repository.facts(entity)
            facts = of_session[entity.session_id]
        tx.announce(repository.path, "created", id, facts, to_wire(entity))
