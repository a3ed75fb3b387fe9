"""Which way a search goes: from the words to the records, or from what is asked of these to the words.

A word that is everywhere, and a filter that hardly anything passes: to look up hit after hit takes long, while the
index of words alone goes through a million in the time of ten thousand such looks. So where few records pass, their
documents are gathered first and hits are sought among them only; and where few do not, all hits are counted but those.
How many there are is counted, too, never further than it matters. Which way it goes changes nothing of what is found.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache, cached_property
from typing import Any, Final, NamedTuple

import sqlalchemy as sa
from sqlalchemy.sql import operators

from agor_core.db.query import Clause, Filter, Shape
from agor_core.db.search import DOCUMENTS, Search, Wanted, all_of, is_of_session_itself
from agor_core.models import Session

# What no index knows is looked up in all rows rather than in each hit where hits are at least every second row: a row
# that is passed by costs a quarter of one that is looked up.
ROWS_A_HIT: Final = 2
# So many of the newest rows tell how many pass: some 2 ms.
SAMPLED: Final = 2_000
# Where fewer than one in so many pass, the newest of those would be far.
RARE: Final = 100
# Sessions with documents are found one by one, each some 5 us.
MOST_SPEAKERS: Final = 20_000

# So few hits are looked at one by one, whatever is asked of them: some 10 ms.
FEW_HITS: Final = 5_000
# Beyond it, gathering documents takes as long as what it saves.
MOST_GATHERED: Final = 100_000
# How many hits there must be for each document that is gathered.
WORTH_IT: Final = 4
# Whether there are more hits makes no difference: counting them takes some 10 ms.
MOST_HITS: Final = WORTH_IT * MOST_GATHERED
# As many documents as that are too much to leave out.
MOST_LEFT_OUT: Final = 1_000_000

# From here on it is worth a try whether the first few records of an order have them: sorting them takes 0.1 s.
MANY_HITS: Final = 30_000
# Some 5 ms; and, if there were too few hits among them, so many times as much.
FIRST_LOOKED_AT: Final = 2_000
THEN_TIMES: Final = 4

SESSION_ID: Final = "session_id"
SESSIONS: sa.Table = Session.__table__  # type: ignore[attr-defined]
ALL_SESSIONS: Final = sa.select(sa.literal(1)).select_from(SESSIONS)


class Documents(NamedTuple):
    """Documents that can be gathered by an index, `doc` of each; `rows`: as many rows, quicker to count."""

    doc: sa.Select[Any]
    rows: sa.Select[Any]


class Scan(NamedTuple):
    """Documents that are gathered by looking at all rows, `doc` of each; `other`: of exactly those that do not pass.
    `sample`: of the newest rows those that pass, and `other_sample` those that do not; `rows`: all of them."""

    doc: sa.Select[Any]
    sample: sa.Select[Any]
    other: sa.Select[Any]
    other_sample: sa.Select[Any]
    rows: sa.Select[Any]


class Part(NamedTuple):
    """One thing that all records found must fulfil, by the documents of those that do, and may be others; and exactly
    of those that do not."""

    passing: Documents | None = None
    other: Documents | None = None
    is_named: bool = False
    """Whether the documents are those of sessions that are named, which are had at once."""
    sessions: sa.Select[Any] | None = None
    """Where it is about the sessions of the documents: those that pass, which are fewer to count."""
    is_read_through: bool = False
    """Whether all sessions have to be looked at to find these, since no index knows."""
    of_speakers: Part | None = None
    """The same, by looking only at those sessions that have documents."""
    scan: Scan | None = None


class Directions:
    """How to go about one search. `parts`: all that is asked; `values`: the parameters of their conditions."""

    def __init__(
        self, search: Search, parts: Sequence[Part], connection: sa.Connection, values: Mapping[str, Any]
    ) -> None:
        self._search = search
        self._parts = parts
        self._connection = connection
        self._values = values

    def narrowed(self, *, is_whole: bool) -> Wanted | None:
        """What is true of all that is wanted, and of so few that it is worth to begin there; None if nothing is.

        `is_whole`: whether all hits are gone through otherwise, not only until the newest are found.
        """
        named = [part.passing for part in self._parts if part.passing is not None and part.is_named]
        if any(self._upto(FEW_HITS, documents.rows) < FEW_HITS for documents in named):
            return all_of(*(self._search.among(documents.doc) for documents in named))
        if self._hits < FEW_HITS:
            return None
        most = min(int(self._hits / WORTH_IT), MOST_GATHERED)
        parts = map(self._by_speakers, self._parts)
        passing = [part.passing for part in parts if part.passing is not None and self._have_few(part, most)]
        counted = [(self._upto(most, documents.rows), documents) for documents in passing]
        count, fewest = min(counted, key=lambda one: one[0], default=(most, None))
        return self._search.among(fewest.doc) if fewest is not None and count < most else self._scanned(is_whole)

    def _scanned(self, is_whole: bool) -> Wanted | None:
        scan = next((part.scan for part in self._parts if part.scan is not None), None)
        most = int(SAMPLED / (WORTH_IT if is_whole else RARE))
        if scan is None or not self.are_many_of(scan.rows) or self._upto(most, scan.sample) >= most:
            return None
        return self._search.among(scan.doc)

    def are_many_of(self, rows: sa.Select[Any]) -> bool:
        """Whether hits are so many of all these rows that it is quicker to look at each row."""
        least = int(
            self._connection.execute(sa.select(sa.func.count()).select_from(rows.subquery("rows"))).scalar_one()
        )
        least //= ROWS_A_HIT
        hits = self._hits
        return hits >= least if hits < MOST_HITS else self._hits_upto(least) >= least

    def _has_few_others(self, scan: Scan) -> bool:
        """Whether it is quicker to look at each row for what does not pass than at each hit for what does."""
        most = int(SAMPLED / WORTH_IT)
        return self._upto(most, scan.other_sample) < most and self.are_many_of(scan.rows)

    def _by_speakers(self, part: Part) -> Part:
        """The same part by a quicker way, if that is one."""
        if part.of_speakers is None or self._sessions < self._hits:
            return part
        return part.of_speakers if self._upto(MOST_SPEAKERS, SPEAKERS) < MOST_SPEAKERS else part

    def looked_at_first(self, wanted: int) -> list[int]:
        """Of how many of the first records, in whatever order, it is worth to see whether so many hits are among them:
        of a few, then of more. None where there are so few hits that they are sorted in no time.
        """
        many = min(max(FIRST_LOOKED_AT, 4 * wanted), MOST_GATHERED)
        if many < wanted or self._hits < max(MANY_HITS, many):
            return []
        tries = [many]
        while (many := many * THEN_TIMES) <= min(MOST_GATHERED, self._hits / WORTH_IT):
            tries.append(many)
        return tries

    def all_but(self, more: Sequence[Part]) -> Wanted | None:
        """What is true of all that is wanted and of nothing else, by what is not: of the parts, and of `more`.

        None where that is not known, or would be more than there are hits.
        """
        parts = (*more, *self._parts)
        if any(part.other is None and part.scan is None for part in parts) or self._hits < FEW_HITS:
            return None
        most = self._hits if self._hits < MOST_HITS else MOST_LEFT_OUT
        left_out = []
        for part in parts:
            if part.scan is not None:
                if not self._has_few_others(part.scan):
                    return None
                left_out.append(part.scan.other)
                continue
            if part.other is None or not self._have_few(part, most, passing=False):
                return None
            count = self._upto(most, part.other.rows)
            if count == most:
                return None
            if count:
                left_out.append(part.other.doc)
        return self._search.outside(left_out)

    def _have_few(self, part: Part, most: int, *, passing: bool = True) -> bool:
        """Whether fewer sessions pass, or do not, as a session has a document or more; quickly told, if not exactly."""
        if part.sessions is None:
            return True
        if part.is_read_through and self._sessions >= self._hits:
            return False
        count = self._upto(most if passing else self._sessions, part.sessions)
        return count < most if passing else self._sessions - count < most

    @cached_property
    def _sessions(self) -> int:
        return self._upto(MOST_LEFT_OUT, ALL_SESSIONS)

    @cached_property
    def _hits(self) -> int:
        """`MOST_HITS` at most; by statistics where the database keeps them of words, for it counts no quicker than
        it finds."""
        few = self._hits_upto(FEW_HITS)
        return few if few < FEW_HITS else self._hits_upto(MOST_HITS)

    def _hits_upto(self, most: int) -> int:
        if self._search.is_postgresql:
            return min(self._estimated_hits, most)
        return self._upto(most, self._search.hits())

    @cached_property
    def _estimated_hits(self) -> int:
        return _estimated(self._connection, self._search.hits())

    def _upto(self, most: int, rows: sa.Select[Any]) -> int:
        counted = sa.select(sa.func.count()).select_from(rows.limit(sa.literal(most)).subquery("rows"))
        return int(self._connection.execute(counted, self._values).scalar_one())


def has_index(table: sa.Table, name: str) -> bool:
    """Whether an index has the rows in the order of that column."""
    return name in _indexed(table)


def _speakers() -> sa.Select[Any]:
    """The ids of the sessions that have documents, from one to the next by the index."""
    document = DOCUMENTS.alias("spoken")
    speakers = sa.select(sa.func.min(document.c.session_id).label("id")).cte("speakers", recursive=True)
    later = sa.select(sa.func.min(document.c.session_id)).where(document.c.session_id > speakers.c.id)
    speakers = speakers.union_all(sa.select(later.scalar_subquery()).where(speakers.c.id.is_not(None)))
    return sa.select(speakers.c.id).where(speakers.c.id.is_not(None))


SPEAKERS: Final = _speakers()


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


def of_sessions(conditions: Sequence[Clause], names: Iterable[str], *, are_named: bool = False) -> Part:
    """That the session of a document fulfils the conditions on these of its fields; `are_named`: which give its id."""
    names = frozenset(names)
    is_read_through = not are_named and _indexed(SESSIONS).isdisjoint(names)
    asked = sa.select(SESSIONS.c.session_id).where(*conditions)
    all_ids = sa.select(SESSIONS.c.session_id)
    is_never_null = all(name in SESSIONS.c and not SESSIONS.c[name].nullable for name in names)
    rest = (
        all_ids.where(sa.or_(sa.false(), *map(_negated, conditions))) if is_never_null else sa.except_(all_ids, asked)
    )
    passing, other = (_documents(DOCUMENTS.c.session_id.in_(ids)) for ids in (asked, rest))
    of_speakers = None
    if is_read_through:
        speakers = asked.where(SESSIONS.c.session_id.in_(SPEAKERS))
        of_speakers = Part(_documents(DOCUMENTS.c.session_id.in_(speakers)), sessions=speakers)
    return Part(passing, other, are_named, asked, is_read_through, of_speakers)


def of_few_sessions(ids: sa.Select[Any]) -> Part:
    """That the session of a document is one of these, whatever else is asked of what is in it."""
    return Part(passing=_documents(DOCUMENTS.c.session_id.in_(ids)), is_named=True)


def of_rows(table: sa.Table, id: sa.ColumnElement[Any], filter: Filter, shape: Shape) -> Iterator[Part]:
    """What a query asks of the rows themselves, but for their sessions' ids; nothing of it is left out."""
    unknown: list[Clause] = []
    for name, inner in shape:
        if name in _indexed(table):
            for clause in filter.clauses(((name, inner),)):
                other = None if table.c[name].nullable else _of_rows(table, id, _negated(clause))
                yield Part(_of_rows(table, id, clause), other)
        elif name != SESSION_ID:
            unknown += filter.clauses(((name, inner),))
    if unknown:
        yield Part(scan=_scan(table, id, sa.and_(*unknown)))


def _documents(condition: Clause) -> Documents:
    found = sa.select(DOCUMENTS.c.doc).where(condition)
    return Documents(found, found)


def _of_rows(table: sa.Table, id: sa.ColumnElement[Any], condition: Clause) -> Documents:
    rows = sa.join(table, DOCUMENTS, DOCUMENTS.c.record_id == id)
    found = sa.select(DOCUMENTS.c.doc).select_from(rows).where(condition)
    return Documents(found, sa.select(sa.literal(1)).select_from(table).where(condition))


def _scan(table: sa.Table, id: sa.ColumnElement[Any], condition: Clause) -> Scan:
    # Gathered before documents are looked up: SQLite would begin with these.
    newest = sa.select(id).order_by(id.desc()).limit(sa.literal(SAMPLED)).subquery("newest")
    newest_rows = sa.select(sa.literal(1)).select_from(sa.join(newest, table, newest.c[id.name] == id))
    fails = sa.not_(sa.func.coalesce(condition, sa.false(), type_=sa.Boolean()))
    doc, other = (
        sa.select(DOCUMENTS.c.doc).where(DOCUMENTS.c.record_id.in_(sa.select(id).where(one)))
        for one in (condition, fails)
    )
    rows = sa.select(sa.literal(1)).select_from(table)
    return Scan(doc, newest_rows.where(condition), other, newest_rows.where(fails), rows)


def _negated(clause: Clause) -> Clause:
    """The opposite of a condition on what is never null."""
    # SQLite finds in an index what is less and what is greater, but goes through all of it for what is unequal.
    if isinstance(clause, sa.BinaryExpression) and clause.operator is operators.eq:
        return sa.or_(clause.left < clause.right, clause.left > clause.right)
    return sa.not_(clause)


@cache
def _indexed(table: sa.Table) -> frozenset[str]:
    """The columns by which rows are found at once, and counted without being read."""
    return frozenset(next(iter(index.columns)).name for index in table.indexes) - {SESSION_ID}
