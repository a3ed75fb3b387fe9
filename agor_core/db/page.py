"""What of the records found a query wants: `$limit $skip $sort $select $total`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlmodel import SQLModel

from agor_core.errors import BadRequest
from agor_core.models.shape import field_at, public_fields

PAGE_KEYS: Final = frozenset({"$limit", "$skip", "$sort", "$select", "$total"})


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
    """The page that a query, whose values have their types, asks for. Raises BadRequest."""
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
            raise unknown_field(cls, name)
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
            raise unknown_field(cls, name)
    return tuple(names)


def unknown_field(cls: type[SQLModel], name: str) -> BadRequest:
    """The error that says an entity has no such field."""
    return BadRequest(f"{cls.__name__} has no field {name!r}", field=name)
