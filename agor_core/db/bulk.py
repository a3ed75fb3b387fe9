"""Rows stored by the hundred: in statements of many rows, on PostgreSQL by COPY.

What a row costs by itself is mostly not the row: on SQLite each statement has the index of words written out anew, by
the trigger that keeps it; a server is asked once for each.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from itertools import chain
from operator import itemgetter
from typing import Any, Final

import sqlalchemy as sa

from agor_core.db.engine import to_json
from agor_core.models.columns import Json

# Every SQLite has room for so many; with ten columns it is nearly a hundred rows, more of which would gain little.
MOST_PARAMETERS: Final = 999
# In characters. Rows that are large by themselves gain nothing, and are not to be in memory together.
MOST_TEXT: Final = 1_000_000

Values = tuple[Any, ...]


def insert(connection: sa.Connection, table: sa.Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Store rows, which all have values for the same columns; JSON as dicts and lists."""
    if len(rows) == 1:
        connection.execute(_statement(table), rows[0])
    elif rows:
        names = tuple(rows[0])
        if connection.dialect.name == "postgresql":
            _copy(connection, table, names, rows)
        else:
            _insert_together(connection, table, names, rows)


@cache
def _statement(table: sa.Table) -> sa.Insert:
    return sa.insert(table).inline()


def _insert_together(
    connection: sa.Connection, table: sa.Table, names: tuple[str, ...], rows: Sequence[Mapping[str, Any]]
) -> None:
    one = f"({', '.join('?' * len(names))})"
    begin = f"INSERT INTO {_quoted(connection, table, names)} VALUES"
    for together in _groups(table, names, rows):
        statement = f"{begin} {', '.join([one] * len(together))}"
        connection.exec_driver_sql(statement, tuple(chain.from_iterable(together)))


def _groups(table: sa.Table, names: tuple[str, ...], rows: Sequence[Mapping[str, Any]]) -> Iterator[list[Values]]:
    most_rows = MOST_PARAMETERS // len(names)
    together: list[Values] = []
    length = 0
    for values, text in _stored(table, names, rows):
        if together and (len(together) == most_rows or length + text > MOST_TEXT):
            yield together
            together, length = [], 0
        together.append(values)
        length += text
    yield together


def _copy(
    connection: sa.Connection, table: sa.Table, names: tuple[str, ...], rows: Sequence[Mapping[str, Any]]
) -> None:
    import psycopg

    statement = f"COPY {_quoted(connection, table, names)} FROM STDIN"
    driver = connection.connection.driver_connection
    assert isinstance(driver, psycopg.Connection)
    try:
        with driver.cursor() as cursor, cursor.copy(statement) as copy:
            for values, _ in _stored(table, names, rows):
                copy.write_row(values)
    except psycopg.Error as error:
        # As if SQLAlchemy had been asked: those who translate errors, or try again, know its own.
        raise sa.exc.DBAPIError.instance(statement, None, error, psycopg.Error, dialect=connection.dialect) from error


def _stored(table: sa.Table, names: tuple[str, ...], rows: Sequence[Mapping[str, Any]]) -> Iterator[tuple[Values, int]]:
    """The values of each row as a driver takes them, and the length of their texts."""
    values_of = itemgetter(*names)
    places = [place for place, name in enumerate(names) if isinstance(table.c[name].type, Json | sa.JSON)]
    for row in rows:
        values = list(values_of(row))
        for place in places:
            values[place] = to_json(values[place])
        yield tuple(values), sum(len(value) for value in values if type(value) is str)


def _quoted(connection: sa.Connection, table: sa.Table, names: tuple[str, ...]) -> str:
    preparer = connection.dialect.identifier_preparer
    return f"{preparer.format_table(table)} ({', '.join(preparer.quote(name) for name in names)})"
