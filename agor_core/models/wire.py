"""Records as they travel: columns and `data` merged, times as ISO text, nothing hidden.

No validation happens on the way out: what is stored was checked on the way in.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from functools import cache
from typing import Any, Final

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


def to_wire(entity: Entity) -> dict[str, Any]:
    """The wire record of an entity, without computed arrays. What is absent is null."""
    data = getattr(entity, "data", None)
    stored = data.model_dump(by_alias=True) if isinstance(data, BaseModel) else {}
    return wire_record(type(entity), entity.__dict__, stored)


def wire_record(
    cls: type[Entity], columns: Mapping[Any, Any], data: Mapping[str, Any], *, only: Collection[str] | None = None
) -> dict[str, Any]:
    """The same from a row: `columns` by name, and the JSON column as it was read; all fields, or `only` these."""
    if only is None:
        return _whole(cls).record(columns, data)
    return {name: read(columns, data) for name, read in _readers(cls) if name in only}


Reader = Callable[[Mapping[Any, Any], Mapping[str, Any]], Any]
Outward = Callable[[Any], Any]

_LAST: Final = ("created_at", "last_updated", "created_by")


class _Whole:
    """Makes whole records of one entity. Lists spend most of their time here, so it works on all fields at once."""

    def __init__(self, cls: type[Entity]) -> None:
        columns = {field.name: _outward(field) for field in public_fields(cls).values() if field.is_column}
        self._first = tuple(name for name in columns if name not in _LAST)
        self._last = tuple(name for name in _LAST if name in columns)
        self._columns = tuple((name, outward) for name, outward in columns.items() if outward is not None)
        stored = [field for field in fields_of(cls).values() if not field.is_column]
        self._defaults = {field.name: _default(field) for field in stored}
        self._hidden = tuple(field.name for field in stored if field.is_hidden)
        shown = [(field.name, _size_if_plain(field.model), _outward(field)) for field in stored if not field.is_hidden]
        self._data = tuple((name, size, outward) for name, size, outward in shown if outward is not None)

    def record(self, columns: Mapping[Any, Any], data: Mapping[str, Any]) -> dict[str, Any]:
        record = {name: columns[name] for name in self._first}
        if data.keys() == self._defaults.keys():
            record.update(data)
        else:
            # Fields that were added since have their defaults; those that are no more are left out.
            record.update({name: data.get(name, default) for name, default in self._defaults.items()})
        for name in self._hidden:
            del record[name]
        for name in self._last:
            record[name] = columns[name]
        for name, outward in self._columns:
            if record[name] is not None:
                record[name] = outward(record[name])
        for name, size, outward in self._data:
            value = record[name]
            # Nearly all objects are whole and plain: then what was read is what travels.
            if value is not None and (size is None or len(value) != size):
                record[name] = outward(value)
        return record


_whole = cache(_Whole)


@cache
def _readers(cls: type[Entity]) -> tuple[tuple[str, Reader], ...]:
    return tuple((name, _reader(field)) for name, field in public_fields(cls).items())


def _reader(field: Field) -> Reader:
    name, outward = field.name, _outward(field)
    source = 0 if field.is_column else 1
    default = None if field.is_column else _default(field)

    def read(*sources: Mapping[Any, Any]) -> Any:
        value = sources[source].get(name, default)
        return value if value is None or outward is None else outward(value)

    return read


def _outward(field: Field) -> Outward | None:
    """How a stored value that is not null travels; None: as it is."""
    if field.kind == "time":
        return iso
    if field.kind == "boolean" and field.is_column:
        return bool
    if field.kind == "list" and field.item is not None:
        inner = _outward(field.item)
        return (lambda items: [inner(item) for item in items]) if inner is not None else None
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
