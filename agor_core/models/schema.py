"""What is accepted from outside: marshmallow schemas derived from the entities, and queries made typed.

Types are strict in data, which is JSON, and lenient in queries, which over REST are text.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from functools import cache
from typing import Any, TypeVar

from annotated_types import Ge, Le, MaxLen, MinLen
from marshmallow import RAISE, Schema, ValidationError, fields, validate
from pydantic import BaseModel
from typing_extensions import override

from agor_core.clock import iso, parse_iso
from agor_core.errors import BadRequest
from agor_core.models.samples import samples_of
from agor_core.models.shape import Field, field_at, public_fields

Shape = TypeVar("Shape", bound=BaseModel)

# Beyond it JavaScript, and so the GUI, no longer counts by ones.
LARGEST_INTEGER = 2**53 - 1

READ_ONLY = "Read-only."
"""What is wrong with a field that only the daemon writes."""


class Moment(fields.Field[int]):
    """A time: ISO 8601 text outside, milliseconds since 1970 inside."""

    default_error_messages = {"invalid": "Not a valid time."}

    @override
    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> int:
        if not isinstance(value, str):
            raise self.make_error("invalid")
        try:
            return parse_iso(value)
        except ValueError as error:
            raise self.make_error("invalid") from error

    @override
    def _serialize(self, value: int | None, attr: str | None, obj: Any, **kwargs: Any) -> str | None:
        return None if value is None else iso(value)


class Whole(fields.Integer):
    """An integer; text that looks like one is not one."""

    @override
    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int):
            raise self.make_error("invalid", input=value)
        return value


class Number(fields.Float):
    """A number; text that looks like one is not one."""

    @override
    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise self.make_error("invalid", input=value)
        return float(value)


class Claim(fields.Boolean):
    """True or false, and nothing that resembles them."""

    @override
    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> bool:
        if not isinstance(value, bool):
            raise self.make_error("invalid", input=value)
        return value


def storable(text: str) -> None:
    """Refuse text that not every database can keep."""
    if not _is_storable(text):
        raise ValidationError("Contains characters that cannot be stored.")


def _is_storable(text: str) -> bool:
    """Whether it has neither NUL nor half surrogate pairs. Prompts are long: no step for each character."""
    if "\0" in text:
        return False
    try:
        return text.isascii() or bool(text.encode())
    except UnicodeEncodeError:
        return False


@cache
def schema_for(cls: type[BaseModel]) -> type[Schema]:
    """The marshmallow schema of an entity's public fields, or of any pydantic class such as a request body."""
    made = {name: _field(field, cls.__name__) for name, field in public_fields(cls).items()}
    return Schema.from_dict(made, name=cls.__name__)


@cache
def part_schema(cls: type[BaseModel], names: tuple[str, ...], required: tuple[str, ...] = ()) -> type[Schema]:
    """The schema of some fields of an entity: what a patch may change, or an importer send."""
    fields = public_fields(cls)
    made = {name: _field(replace(fields[name], is_required=name in required), cls.__name__) for name in names}
    return Schema.from_dict(made, name=f"{cls.__name__}Part")


def load(
    cls: type[BaseModel],
    data: Any,
    *,
    partial: bool = False,
    only: Collection[str] | None = None,
    read_only: Collection[str] = (),
    shown: Sequence[Mapping[str, Any]] = (),
) -> dict[str, Any]:
    """`data` checked: the names of the wire, Python's values, times in milliseconds.

    `only`: what a client may send, by default everything but `read_only`. Another field that exists is left out of the
    answer if it is sent as it is in one of the ways in which the client was `shown` the record, and refused otherwise.
    Raises BadRequest with `errors`, a list of texts by field, nested ones dotted.
    """
    if not isinstance(data, dict):
        raise BadRequest("the data must be an object")
    allowed = (set(public_fields(cls)) if only is None else set(only)) - set(read_only)
    known = {*public_fields(cls), *(name for record in shown for name in record)}
    sent, errors = dict(data), {}
    for name in [name for name in data if name in known and name not in allowed]:
        value = sent.pop(name)
        if not any(record.get(name) == value for record in shown):
            errors[name] = [READ_ONLY]
    try:
        # The names, not True: an object inside is replaced whole, and so must be whole.
        loaded = _schema(cls).load(sent, partial=tuple(public_fields(cls)) if partial else False, unknown=RAISE)
    except ValidationError as error:
        errors.update(_flat(error.messages))
    if errors:
        raise BadRequest("validation failed", errors=errors)
    return dict(loaded)


def load_patch(
    cls: type[BaseModel], data: Any, writable: Collection[str], shown: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    """What a client's patch changes. `writable`: the fields it may change; `shown`: the record as the client saw it."""
    return load(cls, data, partial=True, only=writable, shown=shown)


def load_as(cls: type[Shape], data: Any) -> Shape:
    """A request body as an object of the class that declares it. Raises BadRequest like `load`."""
    return cls.model_validate(load(cls, data if data is not None else {}))


def coerce_query(cls: type[BaseModel], query: Mapping[str, Any]) -> dict[str, Any]:
    """A query whose values have the types of the entity's fields, at any depth; times stay ISO text.

    What a field's type cannot be read from, and what no field is known for, is left for the query's own check.
    """
    coerced: dict[str, Any] = {}
    for key, value in query.items():
        if key in ("$or", "$and") and isinstance(value, list):
            coerced[key] = [coerce_query(cls, part) if isinstance(part, Mapping) else part for part in value]
        elif key in ("$limit", "$skip"):
            coerced[key] = _or_same(_integer, value)
        elif key == "$sort" and isinstance(value, Mapping):
            coerced[key] = {name: _or_same(_integer, order) for name, order in value.items()}
        elif key in ("$total", "$history"):
            coerced[key] = _or_same(_boolean, value)
        elif not key.startswith("$") and (found := field_at(cls, key)) is not None:
            coerced[key] = _coerced_condition(found[-1], value)
        else:
            coerced[key] = value
    return coerced


def query_value(field: Field, value: Any) -> Any:
    """`value` as a query compares it with `field`: times in milliseconds. Raises ValueError for another type."""
    if value is None:
        return None
    kind = field.item.kind if field.kind == "list" and field.item is not None else field.kind
    match kind:
        case "time":
            return parse_iso(_text(value))
        case "integer":
            return _integer(value)
        case "number":
            return _number(value)
        case "boolean":
            return _boolean(value)
        case "text" | "id":
            return _text(value)
        case _:
            if isinstance(value, str | int | float | bool):
                return value
            raise ValueError(value)


def _coerced_condition(field: Field, value: Any) -> Any:
    if isinstance(value, Mapping):
        return {operator: _coerced_condition(field, inner) for operator, inner in value.items()}
    if isinstance(value, list):
        return [_coerced_condition(field, inner) for inner in value]
    if value == "null" and field.is_nullable and field.kind not in ("text", "any", "map"):
        return None
    if field.kind == "time":
        return value
    return _or_same(lambda given: query_value(field, given), value)


def _or_same(read: Any, value: Any) -> Any:
    try:
        return read(value)
    except ValueError:
        return value


def _text(value: Any) -> str:
    if isinstance(value, str) and _is_storable(value):
        return value
    raise ValueError(value)


def _integer(value: Any) -> int:
    if isinstance(value, bool) or (isinstance(value, float) and not value.is_integer()):
        raise ValueError(value)
    if not isinstance(value, int | float | str):
        raise ValueError(value)
    read = int(value)
    if abs(read) > LARGEST_INTEGER:
        raise ValueError(value)
    return read


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError(value)
    read = float(value)
    if not math.isfinite(read):
        raise ValueError(value)
    return read


def _boolean(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if value in ("true", "false"):
        return bool(value == "true")
    raise ValueError(value)


@cache
def _schema(cls: type[BaseModel]) -> Schema:
    return schema_for(cls)()


def _field(field: Field, owner: str = "") -> fields.Field[Any]:
    samples = samples_of(owner, field.name)
    options: dict[str, Any] = {
        "required": field.is_required,
        "allow_none": field.is_nullable,
        "metadata": {
            **({"description": field.description} if field.description else {}),
            **({"examples": samples} if samples else {}),
        },
        "validate": _validators(field),
    }
    match field.kind:
        case "text" | "id":
            return fields.String(**options)
        case "time":
            options["metadata"] |= {"type": "string", "format": "date-time"}
            return Moment(**options)
        case "integer":
            return Whole(**options)
        case "number":
            return Number(**options)
        case "boolean":
            return Claim(**options)
        case "list":
            assert field.item is not None
            return fields.List(_field(field.item), **options)
        case "object":
            assert field.model is not None
            return fields.Nested(schema_for(field.model), **options)
        case "map":
            return fields.Dict(keys=fields.String(), **options)
        case "any":
            return fields.Raw(**options)


def _validators(field: Field) -> list[Any]:
    checks: list[Any] = [storable] if field.kind in ("text", "id") else []
    if field.choices:
        checks.append(validate.OneOf(field.choices))
    if field.kind == "integer":
        checks.append(validate.Range(-LARGEST_INTEGER, LARGEST_INTEGER))
    for limit in field.limits:
        match limit:
            case MinLen(min_length=least):
                checks.append(validate.Length(min=least))
            case MaxLen(max_length=most):
                checks.append(validate.Length(max=most))
            case Ge(ge=least):
                checks.append(validate.Range(min=least))
            case Le(le=most):
                checks.append(validate.Range(max=most))
    return checks


def _flat(messages: Any, prefix: str = "") -> dict[str, list[str]]:
    """marshmallow's nested messages, by dotted path."""
    if isinstance(messages, list):
        return {prefix or "_schema": [str(text) for text in messages]}
    found: dict[str, list[str]] = {}
    for key, inner in messages.items():
        path = prefix if key == "_schema" and prefix else f"{prefix}.{key}" if prefix else str(key)
        found.update(_flat(inner, path))
    return found


__all__ = [
    "LARGEST_INTEGER",
    "coerce_query",
    "load",
    "load_as",
    "load_patch",
    "part_schema",
    "query_value",
    "schema_for",
]
