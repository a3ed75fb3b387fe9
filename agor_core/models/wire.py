"""Records as they travel: columns and `data` merged, times as ISO text, nothing hidden.

No validation happens on the way out: what is stored was checked on the way in.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from functools import cache
from typing import Any, Final

from pydantic import BaseModel

from agor_core.clock import iso
from agor_core.models.columns import Entity
from agor_core.models.shape import Field, fields_of, public_fields

COMPUTED: Final[Mapping[str, str]] = {
    "sessions": "tasks",
    "boards": "sessions",
    "repos": "worktrees",
    "worktrees": "sessions",
}
"""The array of ids that other rows imply, by path; computed when a record is asked for, or the array selected."""


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
        return {name: read(columns, data) for name, read in _readers(cls)}
    return {name: read(columns, data) for name, read in _readers(cls) if name in only}


Reader = Callable[[Mapping[Any, Any], Mapping[str, Any]], Any]
Outward = Callable[[Any], Any]


@cache
def _readers(cls: type[Entity]) -> tuple[tuple[str, Reader], ...]:
    return tuple((name, _reader(field)) for name, field in public_fields(cls).items())


def _reader(field: Field) -> Reader:
    name, outward = field.name, _outward(field)
    if field.is_column:
        if outward is None:
            return lambda columns, _data: columns[name]
        return lambda columns, _data: None if columns[name] is None else outward(columns[name])
    default = _default(field)
    if outward is None:
        return lambda _columns, data: data.get(name, default)

    def read(_columns: Mapping[Any, Any], data: Mapping[str, Any]) -> Any:
        value = data.get(name, default)
        return None if value is None else outward(value)

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
    fields = fields_of(model)
    parts = [(name, _default(field), _outward(field)) for name, field in public_fields(model).items()]
    is_plain = len(parts) == len(fields) and all(outward is None for _, _, outward in parts)

    def convert(stored: Mapping[str, Any]) -> Any:
        # Nearly all are whole and plain: then what was read is what travels.
        if is_plain and len(stored) == len(fields):
            return stored
        values = ((name, stored.get(name, default), outward) for name, default, outward in parts)
        return {name: value if outward is None or value is None else outward(value) for name, value, outward in values}

    return convert


def _default(field: Field) -> Any:
    return field.default.model_dump(by_alias=True) if isinstance(field.default, BaseModel) else field.default
