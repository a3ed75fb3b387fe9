"""Feathers queries as SQL: every operator, on columns and on fields inside the JSON column; Python filters nothing.

A value that is absent is null: `$ne` and `$nin` find it, the comparisons never do. On a list of texts, equality means
that the list holds the value. Nulls sort before everything else.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import SQLModel

from agor_core.errors import BadRequest
from agor_core.models.columns import Json
from agor_core.models.schema import LARGEST_INTEGER, coerce_query, query_value
from agor_core.models.shape import Field, field_at, public_fields
from agor_core.models.wire import COMPUTED

Clause = sa.ColumnElement[bool]

_ORDERINGS: Mapping[str, str] = {"$lt": "__lt__", "$lte": "__le__", "$gt": "__gt__", "$gte": "__ge__"}
OPERATORS = frozenset({"$in", "$nin", "$ne", *_ORDERINGS})
# Enough for any GUI; SQLite itself gives up at 1,000 levels and 32,766 values.
MOST_LEVELS = 20
MOST_VALUES = 5000
_PLAIN_KEY = re.compile(r"[\w-]{1,200}")


@dataclass(frozen=True, slots=True)
class Page:
    """What of the records found is wanted."""

    limit: int
    skip: int
    wants_total: bool
    sort: tuple[tuple[str, bool], ...]
    """(field, whether descending); empty: the default order."""
    select: tuple[str, ...] | None


def read_page(cls: type[SQLModel], query: Mapping[str, Any], default: int, most: int, computed: Sequence[str]) -> Page:
    """`$limit $skip $sort $select $total` of a query. Raises BadRequest."""
    query = coerce_query(cls, query)
    limit = _count(query, "$limit", default)
    total = query.get("$total", True)
    if not isinstance(total, bool):
        raise BadRequest("$total must be true or false", total=total)
    return Page(
        limit=min(limit, most),
        skip=_count(query, "$skip", 0),
        wants_total=total,
        sort=tuple(_sort(cls, query.get("$sort"))),
        select=_select(cls, query.get("$select"), computed),
    )


def _count(query: Mapping[str, Any], name: str, default: int) -> int:
    value = query.get(name)
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise BadRequest(f"{name} must be a number, 0 or more", given=value)
    return value


def _sort(cls: type[SQLModel], given: Any) -> Iterable[tuple[str, bool]]:
    if given is None:
        return
    if not isinstance(given, Mapping):
        raise BadRequest("$sort must be an object of fields and 1 or -1")
    for name, order in given.items():
        found = field_at(cls, name)
        if found is None:
            raise _unknown(cls, name)
        if found[-1].kind in ("list", "map", "any", "object"):
            raise BadRequest(f"cannot sort by {name}", field=name)
        if isinstance(order, bool) or order not in (1, -1):
            raise BadRequest(f"$sort.{name} must be 1 or -1", field=name)
        yield name, order == -1


def _select(cls: type[SQLModel], given: Any, computed: Sequence[str]) -> tuple[str, ...] | None:
    if given is None:
        return None
    names = [given] if isinstance(given, str) else given
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise BadRequest("$select must be a list of fields")
    for name in names:
        if name not in public_fields(cls) and name not in computed:
            raise _unknown(cls, name)
    return tuple(names)


def _unknown(cls: type[SQLModel], name: str) -> BadRequest:
    return BadRequest(f"{cls.__name__} has no field {name!r}", field=name)


class Filter:
    """The conditions of a query on one entity. `special`: what a repository itself makes of other `$` keys."""

    def __init__(
        self,
        cls: type[SQLModel],
        *,
        is_postgresql: bool,
        special: Mapping[str, Callable[[Any], Clause | None]] | None = None,
    ) -> None:
        self._cls = cls
        self._table: sa.Table = cls.__table__  # type: ignore[attr-defined]
        self._is_postgresql = is_postgresql
        self._special = special or {}

    def clauses(self, query: Mapping[str, Any], level: int = 0) -> list[Clause]:
        """Conditions that hold all together. Raises BadRequest, naming what it does not know."""
        if level > MOST_LEVELS:
            raise BadRequest("the query is nested too deeply")
        found: list[Clause] = []
        for key, value in coerce_query(self._cls, query).items() if level == 0 else query.items():
            if key in ("$limit", "$skip", "$sort", "$select", "$total") and level == 0:
                continue
            if key in ("$or", "$and"):
                found.append(self._combined(key, value, level))
            elif key in self._special and level == 0:
                clause = self._special[key](value)
                found += [clause] if clause is not None else []
            elif key.startswith("$"):
                raise BadRequest(f"unknown operator {key}", operator=key)
            else:
                found += self._of_field(key, value)
        return found

    def sort_keys(self, sort: Iterable[tuple[str, bool]]) -> list[sa.ColumnElement[Any]]:
        """What to order by; nulls first, and last when descending, on every backend."""
        keys: list[sa.ColumnElement[Any]] = []
        for name, is_descending in sort:
            target = Target(self._table, name, field_at(self._cls, name) or (), self._is_postgresql)
            ordered = target.value.desc() if is_descending else target.value.asc()
            if target.may_be_null:
                ordered = ordered.nulls_last() if is_descending else ordered.nulls_first()
            keys.append(ordered)
        return keys

    def _combined(self, key: str, parts: Any, level: int) -> Clause:
        if not isinstance(parts, list) or not parts or not all(isinstance(part, Mapping) for part in parts):
            raise BadRequest(f"{key} must be a list of queries", operator=key)
        each = [sa.and_(sa.true(), *self.clauses(part, level + 1)) for part in parts]
        return sa.or_(*each) if key == "$or" else sa.and_(*each)

    def _of_field(self, name: str, condition: Any) -> list[Clause]:
        fields = field_at(self._cls, name)
        if fields is None:
            raise _unknown(self._cls, name)
        target = Target(self._table, name, fields, self._is_postgresql)
        if isinstance(condition, list):
            raise BadRequest(f"{name}: use $in for several values", field=name)
        if not isinstance(condition, Mapping):
            return [target.equals(condition)]
        if not condition:
            raise BadRequest(f"{name}: no operator", field=name)
        return [self._of_operator(target, operator, value) for operator, value in condition.items()]

    def _of_operator(self, target: Target, operator: str, value: Any) -> Clause:
        if operator not in OPERATORS:
            raise BadRequest(f"{target.name}: unknown operator {operator}", operator=operator, field=target.name)
        if operator in _ORDERINGS:
            return target.compared(_ORDERINGS[operator], value)
        if operator == "$ne":
            return target.differs(value)
        if not isinstance(value, list) or len(value) > MOST_VALUES:
            raise BadRequest(f"{target.name}: {operator} takes a list of at most {MOST_VALUES}", field=target.name)
        return target.is_one_of(value) if operator == "$in" else target.is_none_of(value)


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
        self._json: Any = sa.type_coerce(self._column, _JSON)[self._path] if self._path else None
        self.value: sa.ColumnElement[Any] = self._read() if self._path else self._column
        self.may_be_null = bool(self._path) or bool(table.c[first].nullable)

    @property
    def _is_list(self) -> bool:
        return self._field.kind == "list"

    @property
    def _is_untyped(self) -> bool:
        return self._field.kind in ("map", "any")

    def equals(self, given: Any) -> Clause:
        """Is the given value; a list is, if it holds it."""
        value = self._checked(given)
        if value is None:
            return self.value.is_(None) if self.may_be_null else sa.false()
        if self._is_list:
            return self._holds(value)
        if self._is_untyped:
            return self._is_exactly(value)
        same: Clause = self.value == value
        return same

    def differs(self, given: Any) -> Clause:
        """Is another value than the given one, or none."""
        value = self._checked(given)
        if value is None:
            return self.value.is_not(None) if self.may_be_null else sa.true()
        if self._is_list or self._is_untyped:
            return sa.not_(self.equals(given))
        different: Clause = self.value.is_distinct_from(value) if self.may_be_null else self.value != value
        return different

    def is_one_of(self, given: list[Any]) -> Clause:
        """Is one of the given values."""
        if self._is_list or self._is_untyped:
            return sa.or_(sa.false(), *(self.equals(value) for value in given))
        values = [self._checked(value) for value in given]
        known = [value for value in values if value is not None]
        found = self.value.in_(known) if known else sa.false()
        if not self.may_be_null:
            return found
        # Never NULL itself, so that it can be negated.
        is_null = self.value.is_(None)
        return sa.or_(is_null, found) if len(known) < len(values) else sa.and_(self.value.is_not(None), found)

    def is_none_of(self, given: list[Any]) -> Clause:
        """Is none of the given values."""
        return sa.not_(self.is_one_of(given))

    def compared(self, method: str, given: Any) -> Clause:
        """Stands in that order to the given value; never true of what has no value. Raises BadRequest."""
        value = self._checked(given)
        if value is None or self._is_list or self._field.kind in ("object", "boolean"):
            raise BadRequest(f"{self.name}: cannot be compared with {given!r} by order", field=self.name)
        if self._is_untyped:
            return sa.and_(self._has_type_of(value), self._ordered(method, value))
        found: Clause = getattr(self.value, method)(value)
        return sa.and_(self.value.is_not(None), found) if self.may_be_null else found

    def _checked(self, given: Any) -> Any:
        is_too_deep = self._field.kind == "object" or (
            self._field.kind == "list" and self._field.item is not None and self._field.item.kind in ("object", "any")
        )
        if given is not None and is_too_deep:
            raise BadRequest(f"{self.name}: compare one of its fields instead", field=self.name)
        try:
            value = query_value(self._field, given)
        except (ValueError, TypeError) as error:
            kind = self._field.item.kind if self._field.item is not None else self._field.kind
            raise BadRequest(f"{self.name}: {given!r} is no {kind}", field=self.name) from error
        if isinstance(value, int) and not isinstance(value, bool) and abs(value) > LARGEST_INTEGER:
            raise BadRequest(f"{self.name}: {given!r} is too large", field=self.name)
        return value

    def _read(self) -> sa.ColumnElement[Any]:
        """The place as a value of the field's type. SQLAlchemy's own accessors would cast everything to text first."""
        kind = self._field.kind
        if not self._is_postgresql:
            return sa.func.json_extract(self._column, self._sqlite_path, type_=_TYPES.get(kind, sa.Text()))
        path: sa.ColumnElement[str] = sa.literal_column("'{" + ",".join(self._path) + "}'")
        text = self._column.op("#>>", return_type=sa.Text())(path)
        return text.collate("C") if kind not in _TYPES else sa.cast(text, _TYPES[kind])

    def _holds(self, value: Any) -> Clause:
        if self._is_postgresql:
            wanted = sa.cast(sa.literal([value], _JSON), JSONB)
            return sa.func.coalesce(sa.type_coerce(self._json, JSONB).contains(wanted), sa.false())
        items = sa.func.json_each(self._column, self._sqlite_path).table_valued("value")
        return sa.exists(sa.select(sa.literal(1)).select_from(items).where(items.c.value == value))

    def _is_exactly(self, value: Any) -> Clause:
        if self._is_postgresql:
            same = sa.type_coerce(self._json, JSONB) == sa.cast(sa.literal(value, _JSON), JSONB)
            return sa.func.coalesce(same, sa.false())
        same = self._sqlite_raw == (int(value) if isinstance(value, bool) else value)
        return sa.and_(self._has_type_of(value), same)

    def _ordered(self, method: str, value: Any) -> Clause:
        if not self._is_postgresql:
            found: Clause = getattr(self._sqlite_raw, method)(value)
        elif isinstance(value, str):
            found = getattr(self.value, method)(value)
        else:
            number = sa.cast(sa.literal(value, _JSON), JSONB)
            found = getattr(sa.type_coerce(self._json, JSONB), method)(number)
        return found

    def _has_type_of(self, value: Any) -> Clause:
        """Whether what is stored has the JSON type of `value`; never NULL."""
        names: tuple[str, ...]
        if isinstance(value, bool):
            names = ("boolean",) if self._is_postgresql else (str(value).lower(),)
        elif isinstance(value, str):
            names = ("string",) if self._is_postgresql else ("text",)
        else:
            names = ("number",) if self._is_postgresql else ("integer", "real")
        kind = (
            sa.func.jsonb_typeof(self._json)
            if self._is_postgresql
            else sa.func.json_type(self._column, self._sqlite_path)
        )
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
_JSON = sa.JSON().with_variant(JSONB(), "postgresql")


def computed_fields(path: str) -> tuple[str, ...]:
    """The computed arrays of a service's records."""
    return (COMPUTED[path],) if path in COMPUTED else ()


def plain_data(table: sa.Table) -> sa.ColumnElement[Any]:
    """The JSON column as plain dicts, for records that go straight out."""
    return sa.type_coerce(table.c.data, Json).label("data")
