"""Short ids: what a few digits mean, and how few digits stay unambiguous.

Ids are UUIDv7: they begin with the time. Two ids can share their first digits only if they were made close together,
so a prefix is safe to show once the clock has left the span it stands for; younger ids are shown longer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from math import inf
from typing import Any

import sqlalchemy as sa
from pydantic import BaseModel

from agor_core.errors import Conflict
from agor_core.ids import DISPLAY_LENGTH, is_id, prefix_of
from agor_core.models import ENTITIES
from agor_core.models.shape import Field, field_at, fields_of

MOST_CANDIDATES = 10
# Some 4 MB.
MOST_KNOWN = 20_000
# News of what was stored just now may take a moment.
LATEST_MS = 5000
_DIGITS_OF_CLOCK = 12
# From which age in milliseconds on how many digits are settled: the clock has moved on beyond what they leave open.
_SETTLED = tuple((16 ** (_DIGITS_OF_CLOCK - length), length) for length in range(DISPLAY_LENGTH, _DIGITS_OF_CLOCK))
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


def shortest_beside(neighbours: Sequence[str | None], id: str, now: int) -> str:
    """The shortest prefix of `id` that neither of its neighbours in the index begins with, and no id will."""
    return _shown(id, neighbours, _settled(id, now)[0])


class ShortIds:
    """The shortest prefixes that are known, which need not be looked up again until they may be shorter.

    An id of later shares too few digits to matter, but an import may bring one of earlier: only where `noticed` is told
    of all that is stored, by any process, can one rely on what is known.
    """

    def __init__(self) -> None:
        self._known: dict[str, tuple[float, float, str]] = {}
        """For each id from when until when as many digits are settled as when it was looked up, and the prefix."""
        self.is_noticing = False
        """Whether someone tells of everything that is stored."""

    def shortest(
        self, connection: sa.Connection, table: sa.Table, id_field: str, ids: Sequence[str], now: int
    ) -> dict[str, str]:
        """For each stored id the shortest prefix, at least 8 digits, that no other id begins with, now or later."""
        # If something is noticed meanwhile, what is found here goes with the dict that is then forgotten.
        kept = self._known
        found: dict[str, str] = {}
        unknown: list[str] = []
        for id in ids:
            known = kept.get(id)
            if known is not None and known[0] <= now < known[1]:
                found[id] = known[2]
            elif id not in unknown:
                unknown.append(id)
        if not unknown:
            return found
        query = _neighbours(table, id_field, is_one=len(unknown) == 1)
        given = {"id": unknown[0]} if len(unknown) == 1 else {"ids": unknown}
        for own, left, right in connection.execute(query, given).all():
            settled, since, until = _settled(own, now)
            found[own] = _shown(own, (left, right), settled)
            if self.is_noticing:
                kept[own] = since, until, found[own]
        if len(kept) > MOST_KNOWN:
            self._known = {}
        return found

    def noticed(self, record_ids: Iterable[str | None], now: int) -> None:
        """Records with these ids were stored. One that is not of now may be the new neighbour of a known one."""
        for id in record_ids:
            if id is not None and is_id(id) and now - _time_of(id) > LATEST_MS:
                self.forget()
                return

    def forget(self) -> None:
        """Know nothing any more: something was stored, or put in place of what was, of which nobody told."""
        self._known = {}


@cache
def _neighbours(table: sa.Table, id_field: str, *, is_one: bool) -> sa.Select[Any]:
    """Each id with the one before and the one behind it in the index; built once.

    `is_one`: of one id, as after each insert; SQLAlchemy writes a statement with a list anew each time.
    """
    id = table.alias().c[id_field]
    asked = id == sa.bindparam("id") if is_one else id.in_(sa.bindparam("ids", expanding=True))
    return sa.select(id, *neighbours_of(id, table.c[id_field])).where(asked)


def neighbours_of(id: sa.ColumnElement[Any], ids: sa.Column[Any]) -> tuple[sa.ScalarSelect[Any], sa.ScalarSelect[Any]]:
    """The ids before and behind `id` in the index of the column `ids`, within another statement."""
    neighbour = ids.table.alias().c[ids.name]
    before = sa.select(sa.func.max(neighbour)).where(neighbour < id)
    behind = sa.select(sa.func.min(neighbour)).where(neighbour > id)
    return before.scalar_subquery(), behind.scalar_subquery()


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
        path = _path_of(_named(cls, key)) if not key.startswith("$") else None
        answer[key] = value if path is None else _resolved(path, value, resolve)
    return answer


def has_short_ids(cls: type[BaseModel], query: Mapping[str, Any]) -> bool:
    """Whether `resolved_query` would have anything to look up."""
    for key, value in query.items():
        if key in ("$or", "$and") and isinstance(value, list):
            if any(has_short_ids(cls, part) for part in value if isinstance(part, Mapping)):
                return True
        elif not key.startswith("$") and _path_of(_named(cls, key)) is not None:
            named = value.get("$in") if isinstance(value, Mapping) else value
            texts = named if isinstance(named, list) else [named]
            if any(isinstance(text, str) and not _is_whole(text) for text in texts):
                return True
    return False


def _named(cls: type[BaseModel], key: str) -> Sequence[Field] | None:
    """The field that a query names; of what belongs to a session, also of that, as in `session.board_id`."""
    found = field_at(cls, key)
    if found is None and key.startswith("session.") and "session_id" in fields_of(cls):
        return field_at(ENTITIES["sessions"], key.removeprefix("session."))
    return found


def _is_whole(text: str) -> bool:
    return is_id(text) or text == "null"


def _path_of(fields: Sequence[Field] | None) -> str | None:
    return PATHS.get(fields[-1].name) if fields and fields[-1].kind == "id" else None


def _resolved(path: str, value: Any, resolve: Callable[[str, str], str]) -> Any:
    if isinstance(value, str):
        return value if _is_whole(value) else resolve(path, value)
    if isinstance(value, Mapping) and isinstance(value.get("$in"), list):
        return {**value, "$in": [_resolved(path, one, resolve) for one in value["$in"]]}
    return value


def _shown(id: str, neighbours: Sequence[str | None], settled: int) -> str:
    digits = id.replace("-", "")
    shared = max((_shared(digits, other.replace("-", "")) for other in neighbours if other is not None), default=0)
    return digits[: max(settled, shared + 1)]


def _shared(one: str, other: str) -> int:
    """How many leading digits two ids of 32 have in common."""
    # As numbers: the first bit in which they differ is in the first digit that differs.
    return (128 - (int(one, 16) ^ int(other, 16)).bit_length()) // 4


def _settled(id: str, now: int) -> tuple[int, float, float]:
    """How many leading digits no id of the future can share any more; from when, and until when there are as many."""
    made = _time_of(id)
    until = inf
    for least_ms, length in _SETTLED:
        if now - made >= least_ms:
            return length, made + least_ms, until
        until = made + least_ms
    return _DIGITS_OF_CLOCK, -inf, until


def _time_of(id: str) -> int:
    """When a UUIDv7, with or without hyphens, was made, in milliseconds."""
    return int(id.replace("-", "")[:_DIGITS_OF_CLOCK], 16)
