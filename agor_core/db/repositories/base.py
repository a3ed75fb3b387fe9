"""What all repositories do alike: read, find, store, change and remove rows, each change with its event."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any, ClassVar, Generic, Literal, TypeVar

import sqlalchemy as sa
from typing_extensions import override

from agor_core.db import bulk, search, totals
from agor_core.db.page import read_page
from agor_core.db.query import Clause, Filter, Shape, bound, computed_fields, fields_in, unread_data, whole_row
from agor_core.db.reader import Reader
from agor_core.db.repositories.lists import Listing, Record
from agor_core.db.repositories.named import Named
from agor_core.db.repositories.statements import (
    KEPT,
    Members,
    array_of,
    by_id,
    delete_from,
    ids_of,
    is_restricted,
    names_of,
    reading,
    rows_where,
    update_of,
)
from agor_core.errors import BadRequest
from agor_core.ids import ANONYMOUS_ID, short
from agor_core.models.columns import Entity, TypedJson
from agor_core.models.schema import coerce_query
from agor_core.models.shape import Field, fields_of
from agor_core.models.wire import COMPUTED, DATA, RowsReader, part_reader, to_wire, whole_reader

E = TypeVar("E", bound=Entity)


class Repository(Named, Generic[E]):
    """Rows of one entity, inside one transaction."""

    order: ClassVar[Literal["oldest first", "newest first"]] = "newest first"
    is_searched: ClassVar[bool] = False
    """Whether `$search` looks into it."""
    is_of_session: ClassVar[bool] = False
    """Whether a list may ask about the sessions its records belong to, as in `session.agent`."""

    # -- entities ------------------------------------------------------------------------------------------------

    def get(self, id: str) -> E:
        """The entity. Raises NotFound.

        Inside a write the row is held until the end, so that what is read here cannot change before it is written.
        """
        query = by_id(self.entity, self.id_field, is_held=self.tx.is_writer and self.tx.is_postgresql)
        row = self.tx.connection.execute(query, {"id": id}).mappings().one_or_none()
        if row is None:
            raise self.missing(id)
        return self._entity(row)

    def find_one(self, **columns: Any) -> E | None:
        """The first entity whose columns have these values."""
        return next(iter(self.where(**columns, limit=1)), None)

    def where(self, limit: int | None = None, **columns: Any) -> list[E]:
        """All whose columns have these values, in the default order; a list or tuple stands for any of its values."""
        kinds = tuple((name, type(value) in (list, tuple), value is None) for name, value in columns.items())
        key = ("where", self.path, kinds, limit)
        query = KEPT.get(
            key, lambda: rows_where(self.table, columns).order_by(*self.default_order(columns)).limit(limit)
        )
        return [self._entity(row) for row in self.tx.connection.execute(query, columns).mappings()]

    def add(self, entity: E) -> E:
        """Store a new entity, and announce it."""
        self.fill_in(entity)
        self.insert([entity])
        self.announce("created", entity)
        return entity

    def add_many(self, entities: Sequence[E]) -> list[E]:
        """Store many at once, each announced."""
        for entity in entities:
            self.fill_in(entity)
        self.insert(entities)
        for entity in entities:
            self.announce("created", entity)
        return list(entities)

    def patch(self, id: str, changes: Mapping[str, Any], *, announce: bool = True, client: bool = False) -> E:
        """Change the fields named, columns or not, by their names on the wire. Raises NotFound.

        `client`: whether a client asked for it. An announced change moves `last_updated`.
        """
        return self.change(self.get(id), changes, "patched" if announce else None, client=client)

    def update(self, id: str, changes: Mapping[str, Any], *, client: bool = False) -> E:
        """The same, announced as `updated`."""
        return self.change(self.get(id), changes, "updated", client=client)

    def change(self, entity: E, changes: Mapping[str, Any], event: str | None, *, client: bool = False) -> E:
        """The same for an entity as this transaction has read it. `event`: what is announced, if anything."""
        before, words = dict(entity.__dict__), self.words(vars(entity.data))  # type: ignore[attr-defined]
        for name, value in changes.items():
            field = self._field(name)
            if event is None:
                totals.check_silent(self.path, field)
            setattr(entity if field.is_column else entity.data, field.attribute, value)  # type: ignore[attr-defined]
        self.before_change(entity, client)
        if event is not None:
            entity.last_updated = max(self.tx.now, entity.last_updated)
        self.store(entity, {name for name, value in before.items() if name == "data" or entity.__dict__[name] != value})
        if self.words(vars(entity.data)) != words:  # type: ignore[attr-defined]
            search.take_out(self.tx, getattr(entity, self.id_field))
            self.make_findable([{**vars(entity), DATA: vars(entity.data)}])  # type: ignore[attr-defined]
        if event is not None:
            self.announce(event, entity)
        return entity

    def remove(self, id: str) -> E:
        """Delete the entity and what belongs to it, each announced. Raises NotFound."""
        entity = self.get(id)
        self.before_removal(entity)
        self.tx.connection.execute(delete_from(self.table, self.id_field), {"old_id": id})
        if self.is_searched:
            search.take_out(self.tx, id)
        self.announce("removed", entity)
        return entity

    # -- records for clients ---------------------------------------------------------------------------------------

    def page(self, query: Mapping[str, Any], reader: Reader | None, default: int, most: int) -> Record:
        """A page of wire records: `{total, limit, skip, data}`. Raises BadRequest for what the query cannot mean.

        `default`, `most`: records on a page if nobody asks, and at most. `$total=false` leaves `total` out.
        """
        query = coerce_query(self.entity, query)
        page = read_page(self.entity, query, default, most, computed_fields(self.path))
        found = Listing(self, query, reader)
        answer: Record = {"total": found.total()} if page.wants_total else {}
        records = found.records(page) if page.limit else []
        return {**answer, "limit": page.limit, "skip": page.skip, "data": records}

    def record(self, id: str, reader: Reader | None = None, query: Mapping[str, Any] | None = None) -> Record:
        """The wire record with its computed arrays. Raises NotFound, also if it exists for others only, or does not
        match the query."""
        query = coerce_query(self.entity, query or {})
        page = read_page(self.entity, query, 1, 1, computed_fields(self.path))
        shape, values = bound(self.entity, query)
        key = ("record", self.path, self.tx.is_postgresql, shape, is_restricted(reader))
        statement = KEPT.get(key, lambda: self._whole(shape, is_restricted(reader)))
        row = self.tx.connection.execute(statement, {**values, **reading(reader), "id": id}).one_or_none()
        if row is None:
            raise self.missing(id)
        record = self.completed(whole_reader(self.entity)((row,))[0], row)
        return record if page.select is None else self._selected(record, page.select)

    def owner(self, id: str) -> tuple[str, str | None]:
        """Who may change the record: its creator, or that of its session, and how that session is shared.

        Raises NotFound.
        """
        query = KEPT.get(("owner", self.path), lambda: self.owners().where(self.id_column == sa.bindparam("id")))
        row = self.tx.connection.execute(query, {"id": id}).one_or_none()
        if row is None:
            raise self.missing(id)
        return row[0], row[1]

    # -- what repositories differ in -------------------------------------------------------------------------------

    def fill_in(self, entity: E) -> None:
        """Give a new entity the times and the creator it lacks."""
        entity.created_at = entity.created_at or self.tx.now
        entity.last_updated = entity.last_updated or self.tx.now
        entity.created_by = entity.created_by or self.creator(entity) or ANONYMOUS_ID

    def creator(self, entity: E) -> str | None:
        """Who made a new entity if nobody says so."""
        return None

    def words(self, data: Mapping[str, Any]) -> str:
        """What `$search` finds a record with this `data` by; empty: nothing."""
        return ""

    def facts(self, entity: E) -> dict[str, Any]:
        """What the rule for hearing its events needs to know."""
        return {"created_by": entity.created_by}

    def facts_of(self, rows: Sequence[Record]) -> Sequence[Mapping[str, Any]]:
        """The same for each of many rows that are stored, `data` as it is there."""
        return [self.facts(self.entity.of_columns(row)) for row in rows]  # type: ignore[arg-type]

    def owners(self) -> sa.Select[Any]:
        """`created_by` and `sharing` of what decides about each row."""
        return sa.select(self.table.c.created_by, sa.null())

    def seen_by_session(self, session_id: sa.ColumnElement[Any]) -> list[Clause]:
        """The same for a row that is only counted, told by the id of the session it is of, or is."""
        return []

    def may_be_hidden(self, field: str) -> bool:
        """Whether there are records that exist for a reader, but not with this field."""
        return False

    def told(self, *, is_count: bool) -> list[Clause]:
        """Conditions on records whose fields are all there for the parameter `reader`."""
        return []

    def implied(self, query: Mapping[str, Any]) -> list[Clause]:
        """Conditions of a list that the query does not name."""
        return []

    def row_query(self, query: Mapping[str, Any]) -> Mapping[str, Any]:
        """The part of a list's query that is about the rows; `source` may have made something of the rest."""
        return query

    def aside(self, query: Mapping[str, Any]) -> Mapping[str, Any]:
        """What `source` makes of a query, as the parameters of its statement."""
        return {}

    def sessions_of(self, query: Mapping[str, Any]) -> sa.Select[Any] | None:
        """The ids of the few sessions that all rows of `source` are of; None if it may be any."""
        return None

    def source(self, query: Mapping[str, Any]) -> sa.FromClause:
        """Where rows of a list come from."""
        return self.table

    def default_order(self, query: Mapping[str, Any]) -> list[sa.ColumnElement[Any]]:
        """The order of a list whose query names none."""
        keys = [self.table.c.created_at, self.id_column]
        return [key.desc() for key in keys] if self.order == "newest first" else [key.asc() for key in keys]

    def members(self, is_restricted: bool) -> Members:
        """The rows that the computed array names. `is_restricted`: only those that exist for the reader."""
        raise NotImplementedError(self.path)

    def computed(self, ids: Sequence[str], reader: Reader | None) -> dict[str, list[str]]:
        """The computed array of each of the records."""
        return ids_of(self.tx, self.path, self.members, ids, reader)

    def arrays(self, is_restricted: bool) -> dict[str, sa.ColumnElement[Any]]:
        """The computed arrays of the one record with the parameter `id`, by the names of their columns."""
        if self.path not in COMPUTED:
            return {}
        members = self.members(is_restricted)
        is_member = members.owner == sa.bindparam("id")
        return {COMPUTED[self.path]: array_of(members, is_member, is_postgresql=self.tx.is_postgresql)}

    def completed(self, record: Record, row: sa.Row[Any]) -> Record:
        """A record asked for by its id, with the arrays in its row, which lists do not have."""
        for name in computed_fields(self.path):
            record[name] = getattr(row, name)
        return record

    def before_removal(self, entity: E) -> None:
        """Refuse a removal, or remove first what belongs to the entity."""

    def before_change(self, entity: E, client: bool) -> None:
        """Set what follows from a change, once its own fields are set."""

    def describe(self, entity: E) -> str:
        """A few words by which a person tells it from others."""
        return short(getattr(entity, self.id_field))

    @override
    def described(self, id: str) -> str:
        return self.describe(self.get(id))

    # -- helpers ---------------------------------------------------------------------------------------------------

    def announce(self, event: str, entity: E) -> None:
        """Have the commit announce what happened to an entity."""
        self.tx.announce(self.path, event, getattr(entity, self.id_field), self.facts(entity), to_wire(entity))

    def insert(self, entities: Sequence[E]) -> None:
        """Write the rows of new entities, complete as they are, and let them be found."""
        self.insert_rows([self.row_of(entity) for entity in entities])

    def insert_rows(self, rows: Sequence[Record]) -> None:
        """The same for the values of all their columns, `data` as it is stored."""
        if rows:
            bulk.insert(self.tx.connection, self.table, rows)
            self.make_findable(rows)

    def make_findable(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Let `$search` find new records, or new words of known ones."""
        if self.is_searched:
            search.put(self.tx, ((row[self.id_field], row["session_id"], self.words(row[DATA])) for row in rows))

    def store(self, entity: E, columns: Collection[str] = ("data",)) -> None:
        """Write columns of an entity back as they are now; only what is named, for each has its indexes."""
        values = {column.name: getattr(entity, column.name) for column in self.table.columns if column.name in columns}
        values["old_id"] = getattr(entity, self.id_field)
        self.tx.connection.execute(update_of(self.table, self.id_field), values)

    def _field(self, name: str) -> Field:
        fields = fields_of(self.entity)
        if name in fields:
            return fields[name]
        for field in fields.values():
            if field.attribute == name:
                return field
        raise BadRequest(f"{self.entity.__name__} has no field {name!r}", field=name)

    def row_of(self, entity: E) -> Record:
        """An entity as the values of its columns, `data` as it is stored."""
        # Not by attribute: the mapper's own look-up takes several times as long.
        values = entity.__dict__
        row = {name: values[name] for name in names_of(self.table)}
        row[DATA] = values[DATA].model_dump(by_alias=True)
        return row

    def data_as_stored(self, given: Any) -> Record:
        """What was stored as `data`, by this version or an earlier one, as this one stores it. Raises ValueError."""
        column: TypedJson = self.table.c.data.type  # type: ignore[assignment]
        return column.shape.model_validate(given).model_dump(by_alias=True)

    def _entity(self, row: Mapping[Any, Any]) -> E:
        return self.entity.of_columns(row)  # type: ignore[return-value]

    @cached_property
    def filter(self) -> Filter:
        """Makes the conditions of queries."""
        return Filter(self.entity, is_postgresql=self.tx.is_postgresql)

    def _whole(self, shape: Shape, is_restricted: bool) -> sa.Select[Any]:
        arrays = [array.label(name) for name, array in self.arrays(is_restricted).items()]
        asks_for_hidden = is_restricted and any(map(self.may_be_hidden, fields_in(shape)))
        conditions = [
            *self.filter.clauses(shape),
            *(self.visible() if is_restricted else ()),
            *(self.told(is_count=False) if asks_for_hidden else ()),
        ]
        return sa.select(*whole_row(self.entity), *arrays).where(self.id_column == sa.bindparam("id"), *conditions)

    def listed_data(self) -> sa.ColumnElement[Any]:
        """The JSON column as lists need it."""
        return unread_data(self.table)

    def reader(self, names: tuple[str, ...], only: frozenset[str] | None) -> RowsReader:
        """What makes records of a list's rows. `names`: their columns; `only`: the fields that are wanted."""
        return whole_reader(self.entity) if only is None else part_reader(self.entity, names, only)

    def _selected(self, record: Record, select: Sequence[str]) -> Record:
        return {name: value for name, value in record.items() if name in (self.id_field, *select)}
