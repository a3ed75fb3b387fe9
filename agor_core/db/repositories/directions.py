"""Which way a search goes: from the words to the records, or from what is asked of these to the words.

A word that is everywhere, and a filter that hardly anything passes: to look up hit after hit takes long, while the
index of words alone goes through a million in the time of ten thousand such looks. So where few records pass, their
documents are gathered first and hits are sought among them only; and where few do not, all hits are counted but those.
How many there are is counted, too, never further than it matters. Which way it goes changes nothing of what is found.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cache, cached_property
from typing import Any, Final, NamedTuple

import sqlalchemy as sa

from agor_core.db.query import Clause, Filter, Shape
from agor_core.db.search import DOCUMENTS, Search, Wanted, all_of, is_of_session_itself
from agor_core.models import Session

# So few hits are looked at one by one, whatever is asked of them: some 10 ms.
FEW_HITS: Final = 5_000
# Beyond it, gathering documents takes as long as what it saves.
MOST_GATHERED: Final = 100_000
# How many hits there must be for each document that is gathered.
WORTH_IT: Final = 4
# As many documents as that are too much to leave out.
MOST_LEFT_OUT: Final = 1_000_000

SESSION_ID: Final = "session_id"
SESSIONS: sa.Table = Session.__table__  # type: ignore[attr-defined]


class Documents(NamedTuple):
    """Documents that can be gathered by an index, `doc` of each; `rows`: as many rows, quicker to count."""

    doc: sa.Select[Any]
    rows: sa.Select[Any]


class Part(NamedTuple):
    """One thing that all records found must fulfil, by the documents of those that do, and may be others; and exactly
    of those that do not."""

    passing: Documents | None = None
    other: Documents | None = None
    is_named: bool = False
    """Whether the documents are those of sessions that are named, which are had at once."""


class Directions:
    """How to go about one search. `parts`: all that is asked; `values`: the parameters of their conditions."""

    def __init__(
        self, search: Search, parts: Sequence[Part], connection: sa.Connection, values: Mapping[str, Any]
    ) -> None:
        self._search = search
        self._parts = parts
        self._connection = connection
        self._values = values

    def narrowed(self) -> Wanted | None:
        """What is true of all that is wanted, and of so few that it is worth to begin there; None if nothing is."""
        named = [part.passing for part in self._parts if part.passing is not None and part.is_named]
        if any(self._upto(FEW_HITS, documents.rows) < FEW_HITS for documents in named):
            return all_of(*(self._search.among(documents.doc) for documents in named))
        passing = [part.passing for part in self._parts if part.passing is not None]
        if not passing or not self._has_many_hits:
            return None
        counted = [(self._upto(MOST_GATHERED, documents.rows), documents) for documents in passing]
        count, fewest = min(counted, key=lambda one: one[0])
        is_worth_it = count < MOST_GATHERED and self._has_hits(WORTH_IT * count)
        return self._search.among(fewest.doc) if is_worth_it else None

    def all_but(self, more: Sequence[Part]) -> Wanted | None:
        """What is true of all that is wanted and of nothing else, by what is not: of the parts, and of `more`.

        None where that is not known, or would be more than there are hits.
        """
        parts = (*more, *self._parts)
        if any(part.other is None for part in parts) or not self._has_many_hits:
            return None
        left_out = []
        for part in parts:
            if part.other is not None and (count := self._upto(MOST_LEFT_OUT, part.other.rows)):
                if count == MOST_LEFT_OUT or not self._has_hits(count):
                    return None
                left_out.append(part.other.doc)
        return self._search.outside(left_out)

    @cached_property
    def _has_many_hits(self) -> bool:
        return self._has_hits(FEW_HITS)

    def _has_hits(self, count: int) -> bool:
        estimated = self._estimated_hits
        return estimated >= count if estimated is not None else self._upto(count, self._search.hits()) == count

    @cached_property
    def _estimated_hits(self) -> int | None:
        """Where the database keeps statistics of words, and counts no quicker than it finds: None elsewhere."""
        return _estimated(self._connection, self._search.hits()) if self._search.is_postgresql else None

    def _upto(self, most: int, rows: sa.Select[Any]) -> int:
        counted = sa.select(sa.func.count()).select_from(rows.limit(sa.literal(most)).subquery("rows"))
        return int(self._connection.execute(counted, self._values).scalar_one())


def _estimated(connection: sa.Connection, rows: sa.Select[Any]) -> int:
    """How many rows PostgreSQL believes there are."""
    statement = rows.compile(connection)
    explained = connection.exec_driver_sql(f"EXPLAIN (FORMAT JSON) {statement}", statement.params)
    return int(explained.scalar_one()[0]["Plan"]["Plan Rows"])


def of_kind(kind: type[Any]) -> Part:
    """That a document is of this kind, sessions or what is in them."""
    sessions = _documents(is_of_session_itself(DOCUMENTS))
    return Part(passing=sessions) if kind is Session else Part(other=sessions)


def but_for(condition: Clause) -> Part:
    """That a document, by the id of its session, is none of these."""
    return Part(other=_documents(condition))


def of_sessions(conditions: Sequence[Clause], *, are_named: bool = False) -> Part:
    """That the session of a document fulfils the conditions on its columns; `are_named`: which give its id."""
    asked = sa.select(SESSIONS.c.session_id).where(*conditions)
    rest = sa.except_(sa.select(SESSIONS.c.session_id), asked)
    passing, other = (_documents(DOCUMENTS.c.session_id.in_(ids)) for ids in (asked, rest))
    return Part(passing, other, are_named)


def of_rows(table: sa.Table, id: sa.ColumnElement[Any], filter: Filter, shape: Shape) -> Iterator[Part]:
    """What a query asks of the rows themselves, but for their sessions' ids; nothing of it is left out."""
    for name, inner in shape:
        if name in _indexed(table):
            for clause in filter.clauses(((name, inner),)):
                other = None if table.c[name].nullable else _of_rows(table, id, sa.not_(clause))
                yield Part(_of_rows(table, id, clause), other)
        elif name != SESSION_ID:
            yield Part()


def _documents(condition: Clause) -> Documents:
    found = sa.select(DOCUMENTS.c.doc).where(condition)
    return Documents(found, found)


def _of_rows(table: sa.Table, id: sa.ColumnElement[Any], condition: Clause) -> Documents:
    rows = sa.join(table, DOCUMENTS, DOCUMENTS.c.record_id == id)
    found = sa.select(DOCUMENTS.c.doc).select_from(rows).where(condition)
    return Documents(found, sa.select(sa.literal(1)).select_from(table).where(condition))


@cache
def _indexed(table: sa.Table) -> frozenset[str]:
    """The columns by which rows are found at once, and counted without being read."""
    return frozenset(next(iter(index.columns)).name for index in table.indexes) - {SESSION_ID}
