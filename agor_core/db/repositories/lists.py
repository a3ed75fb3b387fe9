"""A list as somebody asks for it: one statement for each shape of a query, kept, and the rows as records."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa

from agor_core.db import search, totals
from agor_core.db.page import Page
from agor_core.db.query import bound, computed_fields
from agor_core.db.reader import Reader
from agor_core.db.repositories.statements import KEPT, S, is_restricted, listed, reading
from agor_core.models.shape import fields_of

if TYPE_CHECKING:
    from agor_core.db.repositories.base import Repository

Record = dict[str, Any]

# A query with hundreds of ids in it is asked once in this form.
MOST_VALUES_KEPT: Final = 50


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
        self._values = {**values, **aside, **reading(reader)}
        self._key: Hashable = (
            repository.path,
            tx.is_postgresql,
            self._shape,
            tuple(aside),
            is_restricted(reader),
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
        statement = self._statement(("page", page.sort, page.select), lambda: self._rows_of(page))
        window = {"limit": page.limit, "skip": page.skip}
        rows = listed(self._repository.tx.connection.execute(statement, {**self._values, **window}))
        if page.select is None:
            found = [self._repository.listed(row, None) for row in rows]
        else:
            found = self._selected(rows, page.select)
        if self._search is not None:
            search.add_snippets(self._repository.tx, self._search, found, self._repository.id_field)
        return found

    def _count(self) -> int:
        statement = self._statement(("total",), self._count_of)
        return int(self._repository.tx.connection.execute(statement, self._values).scalar_one())

    def _statement(self, purpose: tuple[Hashable, ...], build: Callable[[], S]) -> S:
        return KEPT.get((self._key, purpose), build) if self._is_kept else build()

    def _count_of(self) -> sa.Select[Any]:
        conditions = self._conditions(is_count=True)
        return sa.select(sa.func.count()).select_from(self._source()).where(*conditions)

    def _rows_of(self, page: Page) -> sa.Select[Any]:
        return (
            sa.select(*self._columns(page.select))
            .select_from(self._source())
            .where(*self._conditions(is_count=False))
            .order_by(*self._order(page))
            .limit(sa.bindparam("limit", type_=sa.Integer()))
            .offset(sa.bindparam("skip", type_=sa.Integer()))
        )

    def _source(self) -> sa.FromClause:
        source = self._repository.source(self._query)
        return self._search.joined(source, self._repository.id_column) if self._search is not None else source

    def _conditions(self, *, is_count: bool) -> list[sa.ColumnElement[bool]]:
        repository = self._repository
        visible = repository.visible(is_count=is_count) if is_restricted(self._reader) else []
        return [*repository.filter.clauses(self._shape), *repository.implied(self._query), *visible]

    def _about_rows(self) -> Mapping[str, Any]:
        rows = self._repository.row_query(self._query)
        return {key: value for key, value in rows.items() if key != "$search"} if self._search is not None else rows

    def _columns(self, select: Sequence[str] | None) -> list[sa.ColumnElement[Any]]:
        """The columns to read; `data` only where a field of it is wanted."""
        repository = self._repository
        fields = fields_of(repository.entity)
        wanted = [fields[name] for name in select if name in fields] if select is not None else list(fields.values())
        names = {repository.id_field, *(field.attribute for field in wanted if field.is_column)}
        columns: list[sa.ColumnElement[Any]] = [column for column in repository.table.columns if column.name in names]
        return [*columns, repository.listed_data()] if any(not field.is_column for field in wanted) else columns

    def _order(self, page: Page) -> Sequence[sa.ColumnElement[Any]]:
        repository = self._repository
        if not page.sort and self._search is not None:
            return [self._search.best_first, repository.id_column.desc()]
        if not page.sort:
            return repository.default_order(self._query)
        # Total, so that pages neither repeat nor skip; in the direction of the last key, which an index may serve.
        tie = repository.id_column.desc() if page.sort[-1][1] else repository.id_column.asc()
        return [*repository.filter.sort_keys(page.sort), tie]

    def _selected(self, rows: Sequence[Mapping[str, Any]], select: Sequence[str]) -> list[Record]:
        repository = self._repository
        names = [name for name in select if name in fields_of(repository.entity)]
        records = [repository.listed(row, (repository.id_field, *names)) for row in rows]
        for name in set(select) & set(computed_fields(repository.path)):
            arrays = repository.computed([record[repository.id_field] for record in records], self._reader)
            for record in records:
                record[name] = arrays[record[repository.id_field]]
        return records
