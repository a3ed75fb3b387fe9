"""A list as somebody asks for it: one statement for each shape of a query, kept, and the rows as records."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa

from agor_core.db import search, totals
from agor_core.db.page import Page
from agor_core.db.query import bound, computed_fields, fields_in, whole_row
from agor_core.db.reader import Reader
from agor_core.db.repositories.statements import KEPT, S, is_restricted, reading
from agor_core.models.shape import fields_of

if TYPE_CHECKING:
    from agor_core.db.repositories.base import Repository

Record = dict[str, Any]

# A query with hundreds of ids in it is asked once in this form.
MOST_VALUES_KEPT: Final = 50
# Of the best hits, beside those of a page, so many are looked at for those that are of another kind, or private.
SPARE_HITS: Final = 200


class Listing:
    """What a query on a repository finds for a reader. `query`: with values of the fields' types."""

    def __init__(self, repository: Repository[Any], query: Mapping[str, Any], reader: Reader | None) -> None:
        self._repository = repository
        self._query = query
        self._reader = reader
        tx = repository.tx
        self._search = search.asked_for(query, is_postgresql=tx.is_postgresql) if repository.is_searched else None
        aside = repository.aside(query)
        self._shape, values = bound(repository.entity, self._about_rows())
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
            tuple(aside),
            is_restricted(reader),
            self._asks_for_hidden,
        )
        self._is_kept = self._search is None and len(values) <= MOST_VALUES_KEPT
        self._may_keep_total = (
            self._is_kept and not aside and not tx.is_writer and totals.may_be_kept(repository.path, self._shape)
        )

    def total(self) -> int:
        """How many records it finds."""
        tx = self._repository.tx
        if not self._may_keep_total:
            return self._count()
        return tx.kept.totals.get(tx.connection, self._repository.path, (self._key, *self._values.items()), self._count)

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
        """The records of a page of a search: of all hits, or where only the rank decides, of the best of them first.

        In the index are more kinds than one, and what others keep private: a page that the best do not fill is
        looked for among all.
        """
        most = SPARE_HITS + 2 * (page.skip + page.limit)
        if not (page.sort or self._shape or self._aside):
            best = self._read(page, self._found_rows_of(found.hits(most), page))
            if len(best) == page.limit:
                return best
        return self._read(page, self._found_rows_of(found.hits(), page))

    def _read(self, page: Page, statement: sa.Select[Any]) -> list[Record]:
        window = {"limit": page.limit, "skip": page.skip}
        rows = self._repository.tx.connection.execute(statement, {**self._values, **window})
        only = None if page.select is None else frozenset((self._repository.id_field, *page.select))
        read = self._repository.reader(tuple(rows.keys()), only)
        return [read(row) for row in rows.all()]

    def _count(self) -> int:
        statement = self._statement(("total",), self._count_of)
        return int(self._repository.tx.connection.execute(statement, self._values).scalar_one())

    def _statement(self, purpose: tuple[Hashable, ...], build: Callable[[], S]) -> S:
        return KEPT.get((self._key, purpose), build) if self._is_kept else build()

    def _count_of(self) -> sa.Select[Any]:
        conditions = self._conditions(is_count=True)
        repository = self._repository
        source = repository.source(self._query)
        if self._search is not None:
            source = self._search.joined(source, repository.id_column, self._search.hits())
        return sa.select(sa.func.count()).select_from(source).where(*conditions)

    def _rows_of(self, page: Page) -> sa.Select[Any]:
        source = self._repository.source(self._query)
        return self._window(sa.select(*self._columns(page.select)).select_from(source), self._order(page))

    def _found_rows_of(self, hits: sa.Subquery, page: Page) -> sa.Select[Any]:
        """The page is chosen by ids alone: hits may be many, and their `data` is read for those on the page only."""
        repository = self._repository
        id = repository.id_column
        source = search.Search.joined(repository.source(self._query), id, hits)
        order = self._order(page) if page.sort else search.Search.best_first(hits)
        chosen = self._window(sa.select(id.label("id"), *hits.c).select_from(source), order).subquery("chosen")
        return (
            sa.select(*self._columns(page.select))
            .select_from(sa.join(chosen, repository.table, id == chosen.c.id))
            .order_by(*(self._order(page) if page.sort else search.Search.best_first(chosen)))
        )

    def _window(self, rows: sa.Select[Any], order: Sequence[sa.ColumnElement[Any]]) -> sa.Select[Any]:
        return (
            rows.where(*self._conditions(is_count=False))
            .order_by(*order)
            .limit(sa.bindparam("limit", type_=sa.Integer()))
            .offset(sa.bindparam("skip", type_=sa.Integer()))
        )

    def _conditions(self, *, is_count: bool) -> list[sa.ColumnElement[bool]]:
        repository = self._repository
        visible = repository.visible(is_count=is_count) if is_restricted(self._reader) else []
        told = repository.told(is_count=is_count) if self._asks_for_hidden else []
        return [*repository.filter.clauses(self._shape), *repository.implied(self._query), *visible, *told]

    def _about_rows(self) -> Mapping[str, Any]:
        rows = self._repository.row_query(self._query)
        return {key: value for key, value in rows.items() if key != "$search"} if self._search is not None else rows

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
