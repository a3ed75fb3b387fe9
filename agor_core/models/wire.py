"""Records as they travel: columns and `data` merged, times as ISO text, nothing hidden.

No validation happens on the way out: what is stored was checked on the way in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache, lru_cache
from operator import itemgetter
from typing import Any, Final

import orjson
from pydantic import BaseModel

from agor_core.clock import iso
from agor_core.models.columns import Data, Entity
from agor_core.models.repo import Branch
from agor_core.models.shape import Field, fields_of, public_fields

COMPUTED: Final[Mapping[str, str]] = {
    "sessions": "tasks",
    "boards": "sessions",
    "repos": "worktrees",
    "worktrees": "sessions",
}
"""The array of ids that other rows imply, by path; computed when a record is asked for, or the array selected."""

FROM_GIT: Final[Mapping[str, Mapping[str, type[Data]]]] = {"repos": {"branches": Branch}}
"""The arrays of objects that git is asked for, by path and name; only in a record that is asked for by its id."""

DATA: Final = "data"

# What is remembered of `data`; the length in characters. With what they make it is 8 MB as a rule, and 17 at most.
MOST_TEXTS: Final = 2000
LONGEST_TEXT: Final = 4000

RowsReader = Callable[[Iterable[Sequence[Any]]], list[dict[str, Any]]]
"""Makes the wire records of rows."""

Outward = Callable[[Any], Any]


def to_wire(entity: Entity) -> dict[str, Any]:
    """The wire record of an entity, without computed arrays. What is absent is null."""
    cls, values = type(entity), entity.__dict__
    data = values.get(DATA)
    stored = data.model_dump(by_alias=True) if isinstance(data, BaseModel) else {}
    return record_of(cls, {**values, DATA: stored})


def record_of(cls: type[Entity], row: Mapping[str, Any]) -> dict[str, Any]:
    """The same of the values of an entity's columns, `data` as it is stored."""
    return whole_reader(cls)((_travelling(cls)(row),))[0]


@cache
def _travelling(cls: type[Entity]) -> Callable[[Mapping[str, Any]], tuple[Any, ...]]:
    return itemgetter(*record_columns(cls), DATA)


@cache
def record_columns(cls: type[Entity]) -> tuple[str, ...]:
    """The columns that travel, `data` aside."""
    return tuple(field.attribute for field in public_fields(cls).values() if field.is_column)


@cache
def whole_reader(cls: type[Entity]) -> RowsReader:
    """What makes whole records of rows: `record_columns`, then `data`, as JSON text or read; more may follow.

    Lists spend most of their time in it, so it works on all rows, and on all fields of one, at once. What is inside a
    record may be inside others too: change the record, but nothing in it.
    """
    names = record_columns(cls)
    data_at = len(names)
    columns = [
        (name, outward)
        for name, field in public_fields(cls).items()
        if field.is_column and (outward := _outward(field))
    ]
    read_data = _data_reader(cls)

    def read(rows: Iterable[Sequence[Any]]) -> list[dict[str, Any]]:
        records = []
        for row in rows:
            data = row[data_at]
            if not isinstance(data, str):
                record = read_data(data)
            elif len(data) <= LONGEST_TEXT:
                record = _read_once(cls, data).copy()
            else:
                record = read_data(orjson.loads(data))
            # After the JSON, where a field that has become a column since may still stand as it was.
            record.update(zip(names, row))  # noqa: B905 - naming `strict`, which is False, costs a seventh of all
            for name, outward in columns:
                value = record[name]
                if value is not None:
                    record[name] = outward(value)
            records.append(record)
        return records

    return read


@cache
def part_reader(cls: type[Entity], names: tuple[str, ...], only: frozenset[str]) -> RowsReader:
    """What makes records with `only` some fields of rows with the columns `names`; of them `data`, if need be."""
    readers = [(name, _reader(field)) for name, field in public_fields(cls).items() if name in only]

    def read(row: Sequence[Any]) -> dict[str, Any]:
        columns = dict(zip(names, row, strict=False))
        data = columns.get(DATA, {})
        if isinstance(data, str):
            data = orjson.loads(data)
        return {name: read_field(columns, data) for name, read_field in readers}

    return lambda rows: [read(row) for row in rows]


@lru_cache(maxsize=MOST_TEXTS)
def _read_once(cls: type[Entity], text: str) -> dict[str, Any]:
    """The record that `data` makes, the columns still empty. The same rows are listed again and again."""
    return _data_reader(cls)(orjson.loads(text))


@cache
def _data_reader(cls: type[Entity]) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """What makes a record of `data`, the columns still empty."""
    shown = public_fields(cls)
    template: dict[str, Any] = {name: None if field.is_column else _default(field) for name, field in shown.items()}
    hidden = [name for name, field in fields_of(cls).items() if field.is_hidden and not field.is_column]
    stored = [
        (name, _size_if_plain(field.model), outward)
        for name, field in shown.items()
        if not field.is_column and (outward := _outward(field))
    ]

    def read(data: dict[str, Any]) -> dict[str, Any]:
        # Fields that were added since the row was stored keep the template's value, their default.
        record = template | data
        for name in hidden:
            record.pop(name, None)
        if len(record) != len(template):
            for name in record.keys() - template.keys():
                del record[name]  # a field that is no more
        for name, size, outward in stored:
            value = record[name]
            # Nearly all objects are whole and plain: then what was read is what travels.
            if value is not None and (size is None or len(value) != size):
                record[name] = outward(value)
        return record

    return read


def _reader(field: Field) -> Callable[[Mapping[str, Any], Mapping[str, Any]], Any]:
    name, outward = field.name, _outward(field)
    source = 0 if field.is_column else 1
    default = None if field.is_column else _default(field)

    def read(*sources: Mapping[str, Any]) -> Any:
        value = sources[source].get(name, default)
        return value if value is None or outward is None else outward(value)

    return read


def _outward(field: Field) -> Outward | None:
    """How a stored value that is not null travels; None: as it is."""
    if field.kind == "time":
        return iso
    if field.kind == "list" and field.item is not None:
        inner, size = _outward(field.item), _size_if_plain(field.item.model)
        if inner is None:
            return None
        return lambda items: [item if size == len(item) else inner(item) for item in items]
    return _object_outward(field.model) if field.model is not None else None


def _object_outward(model: type[BaseModel]) -> Outward:
    """How a stored object travels; fields added since it was stored have their defaults."""
    parts = [(name, _default(field), _outward(field)) for name, field in public_fields(model).items()]

    def convert(stored: Mapping[str, Any]) -> Any:
        values = ((name, stored.get(name, default), outward) for name, default, outward in parts)
        return {name: value if outward is None or value is None else outward(value) for name, value, outward in values}

    return convert


def _size_if_plain(model: type[BaseModel] | None) -> int | None:
    """How many fields an object has, if each of them travels as it is stored."""
    if model is None:
        return None
    fields = fields_of(model)
    is_plain = all(not field.is_hidden and _outward(field) is None for field in fields.values())
    return len(fields) if is_plain else None


def _default(field: Field) -> Any:
    return field.default.model_dump(by_alias=True) if isinstance(field.default, BaseModel) else field.default
