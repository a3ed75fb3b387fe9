"""How many records a query finds, kept until a change that may alter it.

Counting reads as many rows of an index as it finds, again for each page that is asked for. What is counted is kept
with a stamp: where the change log stood for all that the count depends on. A change by whatever process moves the
stamp in its own transaction, so that a total that is kept is as true as one that is counted. Silent changes move
none: queries that look at what changes silently are counted each time.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Iterable
from functools import cache
from typing import Any, Final

import sqlalchemy as sa

from agor_core.db.change_log import EVENTS, HEAD
from agor_core.db.query import Shape, fields_in
from agor_core.models import ENTITIES
from agor_core.models.shape import Field, fields_of

MOST_KEPT: Final = 1000
# Columns that move without an event, and a kind of record that exists before it is announced.
_SILENT: Final = frozenset({"message_count"})
_UNANNOUNCED: Final = frozenset({"worktrees"})


class Totals:
    """The totals that one process keeps."""

    def __init__(self) -> None:
        self._kept: dict[Hashable, tuple[Any, int]] = {}
        self._lock = threading.Lock()

    def get(self, connection: sa.Connection, path: str, key: Hashable, count: Callable[[], int]) -> int:
        """The total that `key` stands for, of records of `path`; counted unless nothing has changed since."""
        # Read before counting: a change in between makes the total newer than its stamp, never older.
        stamp = tuple(connection.execute(_stamp(path)).one())
        known = self._kept.get(key)
        if known is not None and known[0] == stamp:
            return known[1]
        total = count()
        with self._lock:
            if key not in self._kept and len(self._kept) >= MOST_KEPT:
                del self._kept[next(iter(self._kept))]
            self._kept[key] = stamp, total
        return total


def may_be_kept(path: str, shape: Shape) -> bool:
    """Whether all that a query of this shape looks at changes with an event only."""
    if path in _UNANNOUNCED:
        return False
    fields = fields_of(ENTITIES[path])
    return all(name in fields and fields[name].is_column and name not in _SILENT for name in fields_in(shape))


def check_silent(path: str, field: Field) -> None:
    """Raise ValueError for a field that must not change without an event: totals that are kept would not notice."""
    if field.is_column and path not in _UNANNOUNCED and field.name not in _SILENT:
        raise ValueError(f"{field.name} of {path} changes with an event, or totals lie")


@cache
def _stamp(path: str) -> sa.Select[Any]:
    """Where the log stands for records of `path` and what they refer to."""
    # Once all events of a path are pruned, the oldest that is left tells the present from an earlier such moment.
    oldest = sa.func.coalesce(sa.select(sa.func.min(EVENTS.c.seq)).scalar_subquery(), HEAD.c.seq + 1)
    newest = [
        sa.select(sa.func.max(EVENTS.c.seq)).where(EVENTS.c.path == sa.literal(one, literal_execute=True))
        for one in sorted(_closure(path))
    ]
    return sa.select(HEAD.c.epoch, oldest, *(query.scalar_subquery() for query in newest))


def _closure(path: str) -> set[str]:
    """The paths whose records decide about those of `path`: itself, and what its tables refer to."""
    paths = {cls.__table__.name: path for path, cls in ENTITIES.items()}  # type: ignore[attr-defined]
    found: set[str] = set()
    left = [path]
    while left:
        one = left.pop()
        if one not in found:
            found.add(one)
            left += _referred_to(one, paths)
    return found


def _referred_to(path: str, paths: dict[str, str]) -> Iterable[str]:
    table: sa.Table = ENTITIES[path].__table__  # type: ignore[attr-defined]
    return [paths[key.column.table.name] for key in table.foreign_keys]
