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
from agor_core.models.shape import Field, fields_of

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


def plain(fields: Mapping[str, Field], stored: Mapping[str, Any]) -> dict[str, Any]:
    """A stored object as it travels; fields added since it was stored have their defaults."""
    return {
        name: _outward(field, stored[name] if name in stored else _default(field))
        for name, field in fields.items()
        if not field.is_hidden
    }


Reader = Callable[[Mapping[Any, Any], Mapping[str, Any]], Any]


@cache
def _readers(cls: type[Entity]) -> tuple[tuple[str, Reader], ...]:
    return tuple((name, _reader(field)) for name, field in fields_of(cls).items() if not field.is_hidden)


def _reader(field: Field) -> Reader:
    name = field.name
    if field.is_column:
        return lambda columns, _data: _outward(field, columns[name])
    default = _default(field)
    if _is_as_stored(field):
        return lambda _columns, data: data.get(name, default)
    return lambda _columns, data: _outward(field, data.get(name, default))


def _is_as_stored(field: Field) -> bool:
    """Whether what is stored travels as it is: no time and nothing hidden inside, no defaults to add."""
    if field.kind == "list" and field.item is not None:
        return _is_as_stored(field.item)
    return field.kind not in ("time", "object")


def _outward(field: Field, value: Any) -> Any:
    if value is None or _is_as_stored(field):
        return value
    if field.kind == "time":
        return iso(value)
    if field.kind == "list" and field.item is not None:
        return [_outward(field.item, item) for item in value]
    assert field.model is not None
    return plain(fields_of(field.model), value)


def _default(field: Field) -> Any:
    return field.default.model_dump(by_alias=True) if isinstance(field.default, BaseModel) else field.default
