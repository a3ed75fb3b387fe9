"""A list as somebody asks for it: one statement for each shape of a query, kept, and the rows as records."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa

from agor_core.db import search, totals
from agor_core.db.page import Page
from agor_core.db.query import Filter, Shape, bound, computed_fields, fields_in, whole_row
from agor_core.db.reader import Reader
from agor_core.db.repositories import directions
from agor_core.db.repositories.statements import KEPT, S, is_restricted, reading
from agor_core.models import Session
from agor_core.models.schema import coerce_query
from agor_core.models.shape import fields_of

if TYPE_CHECKING:
    from agor_core.db.repositories.base import Repository

Record = dict[str, Any]
SESSIONS: sa.Table = Session.__table__  # type: ignore[attr-defined]

OF_SESSION: Final = "session."
"""How a list of what belongs to sessions asks about these: `session.agent`, `session.repo.repo_id`."""

# A query with hundreds of ids in it is asked once in this form.
MOST_VALUES_KEPT: Final = 50


class Listing:
    """What a query on a repository finds for a reader. `query`: with values of the fields' types."""

    def __init__(self, repository: Repository[Any], query: Mapping[str, Any], reader: Reader | None) -> None:
        self._repository = repository
        self._query = query
        self._reader = reader
        tx = repository.tx
        aside = repository.aside(query)
        rows, sessions = self._about_rows()
        self._search = None
        if repository.is_searched:
            self._search = search.asked_for(query, is_postgresql=tx.is_postgresql)
        self._shape, values = bound(repository.entity, rows)
        self._of_session, values = bound(Session, sessions, values)
        self._aside = aside
        self._values = {**values, **aside, **reading(reader)}
        # What a reader may not know must not be found out by comparing or sorting either.
        self._asks_for_hidden = is_restricted(reader) and any(
            repository.may_be_hidden(name) for name in (*fields_in(self._shape), *(query.get("$sort") or ()))
        )
        self._key: Hashable = (
            repository.path,
            tx.is_postgresql,
            self._shape,
            self._of_session,
            tuple(aside),
            is_restricted(reader),
            self._asks_for_hidden,
        )
        self._is_kept = self._search is None and len(values) <= MOST_VALUES_KEPT
        self._may_keep_total = (
            len(values) <= MOST_VALUES_KEPT
            and not (aside or self._of_session or tx.is_writer)
            and totals.may_be_kept(repository.path, self._shape)
        )

    def total(self) -> int:
        """How many records it finds."""
        tx = self._repository.tx
        if not self._may_keep_total:
            return self._count()
        key = (self._key, self._query.get("$search"), *self._values.items())
        return tx.kept.totals.get(tx.connection, self._repository.path, key, self._count)

    def records(self, page: Page) -> list[Record]:
        """The records of a page."""
        if self._search is None:
            found = self._read(page, self._statement(("page", page.sort, page.select), lambda: self._rows_of(page)))
        else:
            found = self._searched(self._search, page)
        if page.select is not None:
            self._add_arrays(found, page.select)
        if self._search is not None:
            search.add_snippets(self._repository.tx, self._search, found, self._repository.id_field)
        return found

    def _searched(self, found: search.Search, page: Page) -> list[Record]:
        """The page is chosen by ids alone: hits may be many, and their `data` is read for those on the page only."""
        repository = self._repository
        id = repository.id_column
        narrowed = self._directions.narrowed(is_whole=bool(page.sort))
        if page.sort:
            for first in self._first_in_order(page) if narrowed is None else ():
                records = self._read(page, self._in_order(found, page, found.among(first)))
                if len(records) == page.limit:
                    return records
            return self._read(page, self._in_order(found, page, narrowed))
        is_wanted = search.all_of(narrowed, self._wanted(found, is_count=False))
        if page.skip >= search.MOST_RANKED:
            if not (self._shape or self._of_session):  # else what is left out may be more than what is passed by
                is_wanted = self._counted(found, narrowed)
            chosen = found.older(is_wanted, _window).subquery("chosen")
            order: list[sa.ColumnElement[Any]] = [chosen.c.doc.desc()]
        else:
            chosen = _window(found.best(is_wanted, page.skip + page.limit)).subquery("chosen")
            order = search.Search.best_first(chosen.c)
        rows = sa.join(chosen, repository.table, id == chosen.c.id)
        return self._read(page, sa.select(*self._columns(page.select)).select_from(rows).order_by(*order))

    def _in_order(self, found: search.Search, page: Page, narrowed: search.Wanted | None) -> sa.Select[Any]:
        """The rows of a page in the order it asks for, of all hits."""
        repository = self._repository
        id = repository.id_column
        hits = found.all(narrowed).subquery("hits")
        source = repository.source(self._query)
        asked = [*self._conditions(is_count=True), *self._is_of_such_session(repository.table.c.session_id)]
        all_found = sa.select(hits.c.id).select_from(sa.join(hits, source, id == hits.c.id)).where(*asked)
        chosen = _window(all_found.order_by(*self._order(page))).subquery("chosen")
        rows = sa.join(chosen, repository.table, id == chosen.c.id)
        return sa.select(*self._columns(page.select)).select_from(rows).order_by(*self._order(page))

    def _first_in_order(self, page: Page) -> Iterator[sa.Select[Any]]:
        """The documents of what comes first in the order of a page, by an index or, where hits are many of all rows, by
        a look at each row: if the page is full of hits among them that are wanted, it is the page. Of more and more,
        for the newest rows may well be those without the words; none where there are too few hits for that to be
        likely.
        """
        repository = self._repository
        if self._aside or not repository.is_of_session:
            return
        looked_at = self._directions.looked_at_first(page.skip + page.limit)
        is_known = directions.has_index(repository.table, page.sort[0][0])
        if looked_at and not is_known:
            is_likely = self._directions.are_many_of(sa.select(sa.literal(1)).select_from(repository.table))
            looked_at = looked_at[:1] if is_likely else []  # each further try would read all rows again
        rows = sa.select(repository.id_column.label("id")).order_by(*self._order(page))
        if is_known:
            # Where a page begins behind a time, so does the index. Whatever else is asked is asked of the hits: the
            # first rows that fulfil it might be far.
            rows = rows.where(
                *repository.filter.clauses(tuple(one for one in self._shape if one[0] == page.sort[0][0]))
            )
        for many in looked_at:
            first = rows.limit(sa.literal(many)).subquery("first")
            # Not joined: SQLite would go through all documents there are.
            yield sa.select(search.DOCUMENTS.c.doc).where(search.DOCUMENTS.c.record_id.in_(sa.select(first.c.id)))

    def _wanted(self, found: search.Search, *, is_count: bool) -> search.Wanted:
        if self._is_about_sessions:
            return found.of_kind(self._repository.id_column, self._told_by_session)
        source = self._repository.source(self._query)
        conditions = self._conditions(is_count=is_count)
        return found.wanted(source, self._repository.id_column, conditions, self._is_of_such_session)

    def _counted(self, found: search.Search, narrowed: search.Wanted | None) -> search.Wanted:
        """The same as `_wanted(is_count=True)`, by the quickest way to all of them. `narrowed`: what directions say."""
        # PostgreSQL reads the document of each hit anyway, and sees what it is, and of which session.
        is_known = found.is_postgresql and self._is_about_sessions
        is_whole = self._repository.is_of_session and not (self._aside or self._asks_for_hidden)
        if narrowed is None and is_whole and not is_known:
            is_wanted = self._directions.all_but([] if found.is_postgresql else self._unseen())
            if is_wanted is not None:
                kind = found.of_kind(self._repository.id_column, self._seen) if found.is_postgresql else None
                return search.all_of(is_wanted, kind)
        return search.all_of(narrowed, self._wanted(found, is_count=True))

    def _unseen(self) -> list[directions.Part]:
        """That a hit is no session itself, and that its session is none that is hidden from the reader."""
        hidden = [sa.not_(clause) for clause in self._seen(search.DOCUMENTS.c.session_id)]
        return [directions.of_kind(self._repository.entity), *map(directions.but_for, hidden)]

    def _seen(self, id: sa.ColumnElement[Any]) -> list[sa.ColumnElement[bool]]:
        return self._repository.seen_by_session(id) if is_restricted(self._reader) else []

    @cached_property
    def _is_about_sessions(self) -> bool:
        """Whether all that is asked is about the sessions of the records, and a document alone can tell."""
        asked = {name for name, _ in self._shape} - (
            {directions.SESSION_ID} if self._repository.is_of_session else set()
        )
        return not (asked or self._aside or self._asks_for_hidden)

    def _told_by_session(self, id: sa.ColumnElement[Any]) -> list[sa.ColumnElement[bool]]:
        return [*self._seen(id), *self._is_of_such_session(id, self._of_ids)]

    @cached_property
    def _of_ids(self) -> Shape:
        """What of the query is about the ids of the sessions."""
        return tuple(one for one in self._shape if one[0] == directions.SESSION_ID)

    @cached_property
    def _directions(self) -> directions.Directions:
        repository = self._repository
        assert self._search is not None
        if repository.is_of_session:
            parts = list(directions.of_rows(repository.table, repository.id_column, repository.filter, self._shape))
            if self._of_ids:
                clauses = Filter(Session, is_postgresql=repository.tx.is_postgresql).clauses(self._of_ids)
                are_named = all(operator in ("$eq", "$in") for _, asked in self._of_ids for operator, _ in asked)
                parts.append(directions.of_sessions(clauses, [directions.SESSION_ID], are_named=are_named))
            if self._of_session:
                parts.append(directions.of_sessions(self._asked_of_session(), fields_in(self._of_session)))
            if (few := repository.sessions_of(self._query)) is not None:
                parts.append(directions.of_few_sessions(few))
        else:
            parts = [directions.of_kind(repository.entity)]
        return directions.Directions(self._search, parts, repository.tx.connection, self._values)

    def _number(self, statement: sa.Select[Any]) -> int:
        return int(self._repository.tx.connection.execute(statement, self._values).scalar_one())

    def _read(self, page: Page, statement: sa.Select[Any]) -> list[Record]:
        window = {"limit": page.limit, "skip": page.skip}
        rows = self._repository.tx.connection.execute(statement, {**self._values, **window})
        only = None if page.select is None else frozenset((self._repository.id_field, *page.select))
        return self._repository.reader(tuple(rows.keys()), only)(rows.all())

    def _count(self) -> int:
        return self._number(self._statement(("total",), self._count_of))

    def _statement(self, purpose: tuple[Hashable, ...], build: Callable[[], S]) -> S:
        return KEPT.get((self._key, purpose), build) if self._is_kept else build()

    def _count_of(self) -> sa.Select[Any]:
        if self._search is not None:
            narrowed = self._directions.narrowed(is_whole=True)
            return self._search.count(self._counted(self._search, narrowed))
        source = self._repository.source(self._query)
        return sa.select(sa.func.count()).select_from(source).where(*self._conditions(is_count=True))

    def _rows_of(self, page: Page) -> sa.Select[Any]:
        rows = sa.select(*self._columns(page.select)).select_from(self._repository.source(self._query))
        return _window(rows.where(*self._conditions(is_count=False)).order_by(*self._order(page)))

    def _conditions(self, *, is_count: bool) -> list[sa.ColumnElement[bool]]:
        repository = self._repository
        visible = repository.visible(is_count=is_count) if is_restricted(self._reader) else []
        told = repository.told(is_count=is_count) if self._asks_for_hidden else []
        asked = repository.filter.clauses(self._shape)
        if self._of_session and self._search is None:
            sessions = sa.select(SESSIONS.c.session_id).where(*self._asked_of_session())
            asked.append(repository.table.c.session_id.in_(sessions))
        return [*asked, *repository.implied(self._query), *visible, *told]

    def _is_of_such_session(self, id: sa.ColumnElement[Any], more: Shape = ()) -> list[sa.ColumnElement[bool]]:
        """The same for one hit after the other: there are seldom as many as there are sessions."""
        if not (self._of_session or more):
            return []
        asked = [SESSIONS.c.session_id == id, *self._asked_of_session(more)]
        return [sa.exists(sa.select(sa.literal(1)).where(*asked))]

    def _asked_of_session(self, more: Shape = ()) -> list[sa.ColumnElement[bool]]:
        """The conditions on the sessions that the records belong to."""
        tx = self._repository.tx
        clauses = Filter(Session, is_postgresql=tx.is_postgresql).clauses((*self._of_session, *more))
        if is_restricted(self._reader) and any(map(tx.sessions.may_be_hidden, fields_in(self._of_session))):
            clauses += tx.sessions.told(is_count=True)
        return clauses

    def _about_rows(self) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
        """What the query asks of the rows, and of the sessions they belong to."""
        rows = dict(self._repository.row_query(self._query))
        if self._repository.is_searched:
            rows.pop("$search", None)
        if not self._repository.is_of_session:
            return rows, {}
        named = [key for key in rows if key.startswith(OF_SESSION) and not key.startswith(f"{OF_SESSION}$")]
        return rows, coerce_query(Session, {key.removeprefix(OF_SESSION): rows.pop(key) for key in named})

    def _columns(self, select: Sequence[str] | None) -> list[sa.ColumnElement[Any]]:
        """The columns to read; `data` only where a field of it is wanted."""
        repository = self._repository
        if select is None:
            return whole_row(repository.entity, repository.listed_data())
        fields = fields_of(repository.entity)
        wanted = [fields[name] for name in select if name in fields]
        names = {repository.id_field, *(field.attribute for field in wanted if field.is_column)}
        columns: list[sa.ColumnElement[Any]] = [column for column in repository.table.columns if column.name in names]
        return [*columns, repository.listed_data()] if any(not field.is_column for field in wanted) else columns

    def _order(self, page: Page) -> Sequence[sa.ColumnElement[Any]]:
        repository = self._repository
        if not page.sort:
            return repository.default_order(self._query)
        # Total, so that pages neither repeat nor skip; in the direction of the last key, which an index may serve.
        tie = repository.id_column.desc() if page.sort[-1][1] else repository.id_column.asc()
        return [*repository.filter.sort_keys(page.sort), tie]

    def _add_arrays(self, records: Sequence[Record], select: Sequence[str]) -> None:
        """The computed arrays that are wanted; lists have them only then."""
        repository = self._repository
        for name in set(select) & set(computed_fields(repository.path)):
            arrays = repository.computed([record[repository.id_field] for record in records], self._reader)
            for record in records:
                record[name] = arrays[record[repository.id_field]]


def _window(rows: sa.Select[Any]) -> sa.Select[Any]:
    limit, skip = (sa.bindparam(name, type_=sa.Integer()) for name in ("limit", "skip"))
    return rows.limit(limit).offset(skip)
