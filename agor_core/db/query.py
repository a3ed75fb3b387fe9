"""Feathers queries as SQL: every operator, on columns and on fields inside the JSON column; Python filters nothing.

A value that is absent is null: `$ne` and `$nin` find it, the comparisons never do. On a list of texts, equality means
that the list holds the value. Nulls sort before everything else.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import NoneType
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import SQLModel

from agor_core.db.page import PAGE_KEYS, unknown_field
from agor_core.errors import BadRequest
from agor_core.models.columns import Entity, PlainData, UnreadData
from agor_core.models.schema import LARGEST_INTEGER, query_value
from agor_core.models.shape import Field, field_at
from agor_core.models.wire import COMPUTED, DATA, record_columns

Clause = sa.ColumnElement[bool]

_ORDERINGS: Mapping[str, str] = {"$lt": "__lt__", "$lte": "__le__", "$gt": "__gt__", "$gte": "__ge__"}
OPERATORS = frozenset({"$in", "$nin", "$ne", *_ORDERINGS})
# Enough for any GUI; SQLite itself gives up at 1,000 levels and 32,766 values.
MOST_LEVELS = 20
MOST_VALUES = 5000
MOST_VALUES_IN_ALL = 20_000
MOST_CONDITIONS = 400
_PLAIN_KEY = re.compile(r"[\w-]{1,200}")


class Slot(NamedTuple):
    """Where a value of a query goes in its statement: the name of the parameter, and what decides about the SQL."""

    name: str
    kind: type
    """The value's Python type; that of None says that the SQL is about null."""


Condition = tuple[str, "Slot | tuple[Slot, ...]"]
"""(operator, value or values); `$eq` where the query has none."""
Shape = tuple[tuple[str, Any], ...]
"""A query without its values: (field, its conditions), or (`$or` or `$and`, shapes). Queries of one shape are one
statement."""


def bound(
    cls: type[SQLModel], query: Mapping[str, Any], beside: Mapping[str, Any] | None = None
) -> tuple[Shape, dict[str, Any]]:
    """The shape of a query, whose values have their types, and the values by their names in the statement.

    `beside`: the values of another query in the same statement, which are part of the answer. Raises BadRequest, naming
    what it does not know.
    """
    values: dict[str, Any] = dict(beside or {})
    rows = {key: value for key, value in query.items() if key not in PAGE_KEYS}
    shape = _shape(cls, rows, values, 0)
    in_all = sum(len(value) if isinstance(value, list | tuple) else 1 for value in values.values())
    if _width(shape) > MOST_CONDITIONS or in_all > MOST_VALUES_IN_ALL:
        raise BadRequest(
            f"the query is too large: at most {MOST_CONDITIONS} conditions with {MOST_VALUES_IN_ALL} values"
        )
    return shape, values


def fields_in(shape: Shape) -> Iterator[str]:
    """The fields that a query compares, by name; those of its alternatives too."""
    for key, inner in shape:
        if key in ("$or", "$and"):
            for part in inner:
                yield from fields_in(part)
        else:
            yield key


def _width(shape: Shape) -> int:
    """How many conditions a query has, empty ones counted."""
    return sum(
        sum(max(1, _width(part)) for part in inner) if key in ("$or", "$and") else len(inner) for key, inner in shape
    )


def _shape(cls: type[SQLModel], query: Mapping[str, Any], values: dict[str, Any], level: int) -> Shape:
    if level > MOST_LEVELS:
        raise BadRequest("the query is nested too deeply")
    found: list[tuple[str, Any]] = []
    for key, value in query.items():
        if key in ("$or", "$and"):
            if not isinstance(value, list) or not value or not all(isinstance(part, Mapping) for part in value):
                raise BadRequest(f"{key} must be a list of queries", operator=key)
            found.append((key, tuple(_shape(cls, part, values, level + 1) for part in value)))
        elif key.startswith("$"):
            raise BadRequest(f"unknown operator {key}", operator=key)
        else:
            found.append((key, tuple(_conditions(cls, key, value, values))))
    return tuple(found)


def _conditions(cls: type[SQLModel], name: str, given: Any, values: dict[str, Any]) -> Iterator[Condition]:
    fields = field_at(cls, name)
    if fields is None:
        raise unknown_field(cls, name)
    field = fields[-1]

    def slot(value: Any) -> Slot:
        value = _checked(name, field, value)
        key = f"v{len(values)}"
        values[key] = value
        return Slot(key, type(value))

    if isinstance(given, list):
        raise BadRequest(f"{name}: use $in for several values", field=name)
    if not isinstance(given, Mapping):
        yield "$eq", slot(given)
        return
    if not given:
        raise BadRequest(f"{name}: no operator", field=name)
    for operator, value in given.items():
        if operator not in OPERATORS:
            raise BadRequest(f"{name}: unknown operator {operator}", operator=operator, field=name)
        if operator not in ("$in", "$nin"):
            yield operator, slot(value)
        elif isinstance(value, list) and len(value) <= MOST_VALUES:
            yield operator, tuple(slot(one) for one in value)
        else:
            raise BadRequest(f"{name}: {operator} takes a list of at most {MOST_VALUES}", field=name)


def _checked(name: str, field: Field, given: Any) -> Any:
    """A value as the statement compares it."""
    is_too_deep = field.kind == "object" or (
        field.kind == "list" and field.item is not None and field.item.kind in ("object", "any")
    )
    if given is not None and is_too_deep:
        raise BadRequest(f"{name}: compare one of its fields instead", field=name)
    try:
        value = query_value(field, given)
    except (ValueError, TypeError) as error:
        kind = field.item.kind if field.item is not None else field.kind
        raise BadRequest(f"{name}: {given!r} is no {kind}", field=name) from error
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) > LARGEST_INTEGER:
        raise BadRequest(f"{name}: {given!r} is too large", field=name)
    return value


class Filter:
    """The conditions of a query's shape on one entity, with a parameter for each value."""

    def __init__(self, cls: type[SQLModel], *, is_postgresql: bool) -> None:
        self._cls = cls
        self._table: sa.Table = cls.__table__  # type: ignore[attr-defined]
        self._is_postgresql = is_postgresql

    def clauses(self, shape: Shape) -> list[Clause]:
        """Conditions that hold all together. Raises BadRequest for what a field cannot be compared with."""
        found: list[Clause] = []
        for key, inner in shape:
            if key in ("$or", "$and"):
                each = [sa.and_(sa.true(), *self.clauses(part)) for part in inner]
                found.append(sa.or_(*each) if key == "$or" else sa.and_(*each))
            else:
                target = self._target(key)
                found += [target.condition(operator, asked) for operator, asked in inner]
        return found

    def sort_keys(self, sort: Iterable[tuple[str, bool]]) -> list[sa.ColumnElement[Any]]:
        """What to order by; nulls first, and last when descending, on every backend."""
        keys: list[sa.ColumnElement[Any]] = []
        for name, is_descending in sort:
            target = self._target(name)
            ordered = target.value.desc() if is_descending else target.value.asc()
            if target.may_be_null:
                ordered = ordered.nulls_last() if is_descending else ordered.nulls_first()
            keys.append(ordered)
        return keys

    def _target(self, name: str) -> Target:
        return Target(self._table, name, field_at(self._cls, name) or (), self._is_postgresql)


class Target:
    """What a condition is about: a column, or a place inside the JSON column."""

    def __init__(self, table: sa.Table, name: str, fields: Sequence[Field], is_postgresql: bool) -> None:
        self.name = name
        self._is_postgresql = is_postgresql
        self._field = fields[-1]
        first, *rest = name.split(".")
        self._column: sa.ColumnElement[Any] = table.c[first] if fields[0].is_column else table.c.data
        self._path = tuple(rest) if fields[0].is_column else (first, *rest)
        if not all(_PLAIN_KEY.fullmatch(part) for part in self._path):
            raise BadRequest(f"cannot look up {name!r}", field=name)
        self._json: Any = sa.type_coerce(self._column, PLAIN_JSON)[self._path] if self._path else None
        self.value: sa.ColumnElement[Any] = self._read() if self._path else self._column
        self.may_be_null = bool(self._path) or bool(table.c[first].nullable)

    @property
    def _is_list(self) -> bool:
        return self._field.kind == "list"

    @property
    def _is_untyped(self) -> bool:
        return self._field.kind in ("map", "any")

    def condition(self, operator: str, asked: Slot | tuple[Slot, ...]) -> Clause:
        """What an operator and its value, or values, mean here. Raises BadRequest."""
        if isinstance(asked, Slot):
            match operator:
                case "$eq":
                    return self._equals(asked)
                case "$ne":
                    return self._differs(asked)
                case _:
                    return self._compared(_ORDERINGS[operator], asked)
        one_of = self._is_one_of(asked)
        return one_of if operator == "$in" else sa.not_(one_of)

    def _equals(self, slot: Slot) -> Clause:
        """Is the given value; a list is, if it holds it."""
        if slot.kind is NoneType:
            return self.value.is_(None) if self.may_be_null else sa.false()
        if self._is_list:
            return self._holds(slot)
        if self._is_untyped:
            return self._is_exactly(slot)
        same: Clause = self.value == self._parameter(slot)
        return same

    def _differs(self, slot: Slot) -> Clause:
        """Is another value than the given one, or none."""
        if slot.kind is NoneType:
            return self.value.is_not(None) if self.may_be_null else sa.true()
        if self._is_list or self._is_untyped:
            return sa.not_(self._equals(slot))
        other = self._parameter(slot)
        different: Clause = self.value.is_distinct_from(other) if self.may_be_null else self.value != other
        return different

    def _is_one_of(self, slots: tuple[Slot, ...]) -> Clause:
        """Is one of the given values."""
        if self._is_list or self._is_untyped:
            return sa.or_(sa.false(), *(self._equals(slot) for slot in slots))
        known = [self._parameter(slot) for slot in slots if slot.kind is not NoneType]
        found = self.value.in_(known) if known else sa.false()
        if not self.may_be_null:
            return found
        # Never NULL itself, so that it can be negated.
        is_null = self.value.is_(None)
        return sa.or_(is_null, found) if len(known) < len(slots) else sa.and_(self.value.is_not(None), found)

    def _compared(self, method: str, slot: Slot) -> Clause:
        """Stands in that order to the given value; never true of what has no value. Raises BadRequest."""
        if slot.kind is NoneType or self._is_list or self._field.kind in ("object", "boolean"):
            raise BadRequest(f"{self.name}: cannot be compared by order", field=self.name)
        if self._is_untyped:
            return sa.and_(self._has_type_of(slot), self._ordered(method, slot))
        found: Clause = getattr(self.value, method)(self._parameter(slot))
        return sa.and_(self.value.is_not(None), found) if self.may_be_null else found

    def _parameter(self, slot: Slot) -> sa.BindParameter[Any]:
        return sa.bindparam(slot.name, type_=self.value.type)

    @staticmethod
    def _json_parameter(slot: Slot) -> sa.ColumnElement[Any]:
        return sa.cast(sa.bindparam(slot.name, type_=PLAIN_JSON), JSONB)

    @staticmethod
    def _plain_parameter(slot: Slot) -> sa.BindParameter[Any]:
        return sa.bindparam(slot.name, type_=_PLAIN_TYPES[slot.kind])

    def _read(self) -> sa.ColumnElement[Any]:
        """The place as a value of the field's type. SQLAlchemy's own accessors would cast everything to text first."""
        kind = self._field.kind
        if not self._is_postgresql:
            return sa.func.json_extract(self._column, self._sqlite_path, type_=_TYPES.get(kind, sa.Text()))
        path: sa.ColumnElement[str] = sa.literal_column("'{" + ",".join(self._path) + "}'")
        text = self._column.op("#>>", return_type=sa.Text())(path)
        return text.collate("C") if kind not in _TYPES else sa.cast(text, _TYPES[kind])

    def _holds(self, slot: Slot) -> Clause:
        if self._is_postgresql:
            held = sa.type_coerce(self._json, JSONB).contains(self._json_parameter(slot))
            return sa.func.coalesce(held, sa.false())
        items = sa.func.json_each(self._column, self._sqlite_path).table_valued("value")
        found = items.c.value == self._plain_parameter(slot)
        return sa.exists(sa.select(sa.literal(1)).select_from(items).where(found))

    def _is_exactly(self, slot: Slot) -> Clause:
        if self._is_postgresql:
            same = sa.type_coerce(self._json, JSONB) == self._json_parameter(slot)
            return sa.func.coalesce(same, sa.false())
        return sa.and_(self._has_type_of(slot), self._sqlite_raw == self._plain_parameter(slot))

    def _ordered(self, method: str, slot: Slot) -> Clause:
        if not self._is_postgresql:
            found: Clause = getattr(self._sqlite_raw, method)(self._plain_parameter(slot))
        elif slot.kind is str:
            found = getattr(self.value, method)(self._parameter(slot))
        else:
            found = getattr(sa.type_coerce(self._json, JSONB), method)(self._json_parameter(slot))
        return found

    def _has_type_of(self, slot: Slot) -> Clause:
        """Whether what is stored has the JSON type of the value; never NULL."""
        if self._is_postgresql:
            kind = sa.func.jsonb_typeof(self._json)
            names: tuple[str, ...] = {bool: ("boolean",), str: ("string",)}.get(slot.kind, ("number",))
        else:
            kind = sa.func.json_type(self._column, self._sqlite_path)
            names = {bool: ("true", "false"), str: ("text",)}.get(slot.kind, ("integer", "real"))
        return sa.func.coalesce(kind, "").in_(names)

    @property
    def _sqlite_path(self) -> sa.ColumnElement[str]:
        # In the statement itself, not a parameter, so that an index on the expression is recognised. The parts were
        # checked to be plain.
        return sa.literal_column("'$" + "".join(f'."{part}"' for part in self._path) + "'")

    @property
    def _sqlite_raw(self) -> sa.ColumnElement[Any]:
        return sa.func.json_extract(self._column, self._sqlite_path)


_TYPES: Mapping[str, sa.types.TypeEngine[Any]] = {
    "integer": sa.BigInteger(),
    "time": sa.BigInteger(),
    "number": sa.Double(),
    "boolean": sa.Boolean(),
}
_PLAIN_TYPES: Mapping[type, sa.types.TypeEngine[Any]] = {
    bool: sa.Boolean(),
    int: sa.BigInteger(),
    float: sa.Double(),
    str: sa.Text(),
}
PLAIN_JSON = sa.JSON().with_variant(JSONB(), "postgresql")
"""JSON as plain dicts and lists; it may be null, as `PlainData` may not."""


def computed_fields(path: str) -> tuple[str, ...]:
    """The computed arrays of a service's records."""
    return (COMPUTED[path],) if path in COMPUTED else ()


def plain_data(table: sa.Table) -> sa.ColumnElement[Any]:
    """The JSON column as plain dicts, for records that go straight out."""
    return sa.type_coerce(table.c.data, PlainData()).label(DATA)


def unread_data(table: sa.Table) -> sa.ColumnElement[Any]:
    """The JSON column for `whole_reader` and `part_reader`, who read it themselves where its driver has not."""
    return sa.type_coerce(table.c.data, UnreadData()).label(DATA)


def whole_row(cls: type[Entity], data: sa.ColumnElement[Any] | None = None) -> list[sa.ColumnElement[Any]]:
    """The columns of a whole record, as `whole_reader` takes them. `data`: what to read in place of the JSON column."""
    table: sa.Table = cls.__table__  # type: ignore[attr-defined]
    return [*(table.c[name] for name in record_columns(cls)), unread_data(table) if data is None else data]
