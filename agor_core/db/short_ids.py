"""Short ids: what a few digits mean, and how few digits stay unambiguous.

Ids are UUIDv7: they begin with the time. Two ids can share their first digits only if they were made close together,
so a prefix is safe to show once the clock has left the span it stands for; younger ids are shown longer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

import sqlalchemy as sa
from pydantic import BaseModel

from agor_core.errors import Conflict
from agor_core.ids import DISPLAY_LENGTH, is_id, prefix_of
from agor_core.models.shape import Field, field_at

MOST_CANDIDATES = 10
_DIGITS_OF_CLOCK = 12
# Sorts after every hexadecimal digit and hyphen.
_AFTER_ALL = "~"

PATHS: Mapping[str, str] = {
    "session_id": "sessions",
    "parent_session_id": "sessions",
    "forked_from_session_id": "sessions",
    "task_id": "tasks",
    "fork_point_task_id": "tasks",
    "spawn_point_task_id": "tasks",
    "message_id": "messages",
    "request_id": "permissions",
    "board_id": "boards",
    "repo_id": "repos",
    "worktree_id": "worktrees",
}
"""Whose id a field of that name holds."""


def range_of(text: str) -> dict[str, str] | None:
    """The parameters of `in_range` for a prefix; None for what is none."""
    prefix = prefix_of(text)
    return None if prefix is None else {"first": prefix, "end": prefix + _AFTER_ALL}


def in_range(table: sa.Table, id_field: str) -> sa.Select[Any]:
    """The ids that begin alike, at most ten; a range of the index."""
    id = table.c[id_field]
    query = sa.select(id).where(id >= sa.bindparam("first"), id < sa.bindparam("end"))
    return query.order_by(id).limit(MOST_CANDIDATES)


def only_one(found: Sequence[str], describe: Callable[[str], str], noun: str) -> str:
    """The one id there is. Raises Conflict with the candidates if there are several."""
    if len(found) == 1:
        return found[0]
    candidates = [{"id": id, "description": describe(id)} for id in found]
    raise Conflict(f"several {noun}s begin like this", reason="ambiguous-id", candidates=candidates)


def shortest(connection: sa.Connection, table: sa.Table, id_field: str, ids: Sequence[str], now: int) -> dict[str, str]:
    """For each stored id the shortest prefix, at least 8 digits, that no other id begins with, now or later."""
    rows = connection.execute(_neighbours(table, id_field), {"ids": list(ids)})
    return {own: _shown(own, (left, right), now) for own, left, right in rows}


@cache
def _neighbours(table: sa.Table, id_field: str) -> sa.Select[Any]:
    """Each id with the one before and the one behind it in the index; built once."""
    one, other = table.alias(), table.alias()
    id, neighbour = one.c[id_field], other.c[id_field]
    before = sa.select(sa.func.max(neighbour)).where(neighbour < id).scalar_subquery()
    behind = sa.select(sa.func.min(neighbour)).where(neighbour > id).scalar_subquery()
    return sa.select(id, before, behind).where(id.in_(sa.bindparam("ids", expanding=True)))


def resolved_query(
    cls: type[BaseModel], query: Mapping[str, Any], resolve: Callable[[str, str], str]
) -> dict[str, Any]:
    """`query` with full ids where short ones were compared. `resolve`: (path, text) → full id."""
    answer: dict[str, Any] = {}
    for key, value in query.items():
        if key in ("$or", "$and") and isinstance(value, list):
            parts = [resolved_query(cls, part, resolve) if isinstance(part, Mapping) else part for part in value]
            answer[key] = parts
            continue
        path = _path_of(field_at(cls, key)) if not key.startswith("$") else None
        answer[key] = value if path is None else _resolved(path, value, resolve)
    return answer


def _path_of(fields: Sequence[Field] | None) -> str | None:
    return PATHS.get(fields[-1].name) if fields and fields[-1].kind == "id" else None


def _resolved(path: str, value: Any, resolve: Callable[[str, str], str]) -> Any:
    if isinstance(value, str):
        return value if is_id(value) or value == "null" else resolve(path, value)
    if isinstance(value, Mapping) and isinstance(value.get("$in"), list):
        return {**value, "$in": [_resolved(path, one, resolve) for one in value["$in"]]}
    return value


def _shown(id: str, neighbours: Sequence[str | None], now: int) -> str:
    digits = id.replace("-", "")
    shared = max((_shared(digits, other.replace("-", "")) for other in neighbours if other is not None), default=0)
    return digits[: max(_settled(digits, now), shared + 1)]


def _shared(one: str, other: str) -> int:
    """How many leading digits two ids have in common."""
    return next((nth for nth, (a, b) in enumerate(zip(one, other, strict=True)) if a != b), len(one))


def _settled(digits: str, now: int) -> int:
    """How many leading digits no id of the future can share any more."""
    age_ms = now - int(digits[:_DIGITS_OF_CLOCK], 16)
    for length in range(DISPLAY_LENGTH, _DIGITS_OF_CLOCK):
        if age_ms >= 16 ** (_DIGITS_OF_CLOCK - length):
            return length
    return _DIGITS_OF_CLOCK
