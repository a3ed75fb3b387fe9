"""The fields of an entity as the outside sees them: columns and `data` side by side.

Everything that must agree with an entity is derived from this one description: marshmallow schemas, queries, wire
records, and the generated Python and TypeScript types.
"""

from __future__ import annotations

import types
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Le, MaxLen, MinLen
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined
from sqlmodel import SQLModel

from agor_core.models.columns import HIDDEN, REFERENCE, TIME, Data, Mark

Kind = Literal["text", "id", "time", "integer", "number", "boolean", "object", "list", "map", "any"]

_PLAIN: Mapping[Any, Kind] = {str: "text", int: "integer", float: "number", bool: "boolean", dict: "map", Any: "any"}
_MARKED: Mapping[Mark, Kind] = {TIME: "time", REFERENCE: "id"}


@dataclass(frozen=True)
class Field:
    """One field. `name` is that of the wire and of the JSON column; `attribute` that of the Python object."""

    name: str
    attribute: str
    kind: Kind
    is_nullable: bool
    is_required: bool
    is_column: bool
    """Whether it is a column of its own, and not part of `data`."""
    is_hidden: bool
    default: Any
    choices: tuple[str, ...] = ()
    item: Field | None = None
    """What a list holds."""
    model: type[BaseModel] | None = None
    """What an object is."""
    limits: tuple[Any, ...] = ()
    description: str | None = None


@cache
def fields_of(cls: type[BaseModel]) -> Mapping[str, Field]:
    """The fields of an entity, or of any pydantic class, by their name on the wire; hidden ones too.

    An entity's id comes first, what it is next, when and by whom it was made last.
    """
    columns = {}
    for attribute, info in cls.model_fields.items():
        field = _of_info(cls, attribute, info)
        columns[field.name] = field
    data = cls.model_fields.get("data")
    shape = data.annotation if data is not None else None
    if not (isinstance(shape, type) and issubclass(shape, Data)):
        return columns
    del columns["data"]
    last = {name: columns.pop(name) for name in ("created_at", "last_updated", "created_by")}
    return {**columns, **fields_of(shape), **last}


@cache
def public_fields(cls: type[BaseModel]) -> Mapping[str, Field]:
    """Those that may leave the database."""
    return {name: field for name, field in fields_of(cls).items() if not field.is_hidden}


@lru_cache(maxsize=4096)
def field_at(cls: type[BaseModel], path: str) -> tuple[Field, ...] | None:
    """The fields along a dotted path, from the outermost in; None if there is no such public field.

    Below a `map` or `any` everything is possible: the path's last known field ends the answer.
    """
    first, *rest = path.split(".")
    field = public_fields(cls).get(first)
    if field is None:
        return None
    found = [field]
    for part in rest:
        if field.kind in ("map", "any"):
            break
        inner = public_fields(field.model).get(part) if field.model is not None else None
        if inner is None:
            return None
        found.append(inner)
        field = inner
    return tuple(found)


def _of_info(cls: type[BaseModel], attribute: str, info: FieldInfo) -> Field:
    marks = [mark for mark in info.metadata if isinstance(mark, Mark)]
    default = None if info.default is PydanticUndefined else info.default
    if info.default_factory is not None and not issubclass(cls, SQLModel):
        default = info.get_default(call_default_factory=True, validated_data={})
    kind, nullable, extra = _kind(info.annotation, marks)
    table = getattr(cls, "__table__", None)
    if table is not None:
        nullable = nullable and table.c[attribute].nullable
    return Field(
        name=info.serialization_alias or info.alias or attribute,
        attribute=attribute,
        kind=kind,
        is_nullable=nullable,
        is_required=info.is_required(),
        is_column=table is not None,
        is_hidden=HIDDEN in marks,
        default=default,
        limits=tuple(limit for limit in info.metadata if isinstance(limit, Ge | Le | MinLen | MaxLen)),
        description=info.description,
        **extra,
    )


def _kind(annotation: Any, marks: list[Mark]) -> tuple[Kind, bool, dict[str, Any]]:
    """(kind, whether null is allowed, what else is known: choices, item, model)."""
    origin, args = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _kind(args[0], marks + [mark for mark in args[1:] if isinstance(mark, Mark)])
    if origin in (Union, types.UnionType):
        rest = [arg for arg in args if arg is not type(None)]
        if len(rest) > 1:
            return "any", True, {}
        kind, _, extra = _kind(rest[0], marks)
        return kind, True, extra
    if origin is Literal:
        return "text", False, {"choices": args}
    if origin is list or annotation is list:
        return "list", False, {"item": _item(args[0] if args else Any)}
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return "object", False, {"model": annotation}
    for mark in marks:
        if mark in _MARKED:
            return _MARKED[mark], False, {}
    kind = _PLAIN[origin or annotation]
    return kind, kind == "any", {}


def _item(annotation: Any) -> Field:
    kind, nullable, extra = _kind(annotation, [])
    return Field("", "", kind, nullable, True, False, False, None, **extra)
