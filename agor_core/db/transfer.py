"""Export and import: all that a database holds as JSON Lines, in constant memory; how one moves to another backend.

The format, one JSON object a line:

- first `{"format": "agor-export", "version": 1, "revision": …, "exported_at": …}`;
- then `{"path": "<service>", "record": {…}}` for each entity, parents before what refers to them: `record` has every
  column by its name, times in milliseconds, and `data` as it is stored, hidden fields and password hashes included;
- last `{"end": true, "counts": {"<service>": n, …}}`, so that a cut-off file is noticed.

Not exported: the change log, connections and revoked tokens, which mean nothing in another place.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import IO, TYPE_CHECKING, Any, Final

import orjson
import sqlalchemy as sa

from agor_core.db import migrate
from agor_core.db.engine import to_json
from agor_core.db.query import plain_data
from agor_core.db.repositories.base import Repository
from agor_core.db.repositories.sessions import TABLE as SESSIONS
from agor_core.errors import BadRequest

if TYPE_CHECKING:
    from agor_core.db.database import Database
    from agor_core.db.transaction import Transaction

FORMAT: Final = "agor-export"
VERSION: Final = 1
ROWS_AT_ONCE: Final = 1000

PATHS: Final = ("users", "boards", "repos", "worktrees", "sessions", "tasks", "messages", "permissions")
"""Parents first."""

Progress = Callable[[str, int, int], None]
"""Told (path, done, total) after each step."""


def export_to(database: Database, to: IO[bytes], on_progress: Progress | None = None) -> Counter[str]:
    """Write all entities, as they are at one moment, as JSON Lines; how many of each.

    Raises ConfigError for a database of another revision than this version knows: what only that one has would be lost.
    """
    migrate.check_current(database)
    return database.read_now(lambda tx: _write_all(tx, database, to, on_progress or _silent))


def import_from(database: Database, lines: Iterable[bytes], on_progress: Progress | None = None) -> Counter[str]:
    """Store what an export holds; how many records were new. What is there already, by its id, is left as it is.

    Each step of a thousand is a transaction of its own, so that others may write in between; doing it again goes on
    where it broke off. Each new record is announced as created. Raises BadRequest for what is no export, or a
    part of one: what came before the fault is stored.
    """
    told = on_progress or _silent
    added: Counter[str] = Counter()
    seen: Counter[str] = Counter()
    reader = _Reader(lines)
    for path, records in reader.batches():
        new = database.write_now(lambda tx, path=path, records=records: _store(tx, path, records))  # type: ignore[misc]
        added[path] += new
        seen[path] += len(records)
        told(path, seen[path], seen[path])
    reader.check_end(seen)
    return added


class _Reader:
    """Lines of an export, in batches of one path."""

    def __init__(self, lines: Iterable[bytes]) -> None:
        self._lines = enumerate(lines, start=1)
        self._end: Mapping[str, Any] | None = None

    def batches(self) -> Iterator[tuple[str, list[dict[str, Any]]]]:
        head = self._next()
        if head is None or head.get("format") != FORMAT or head.get("version") != VERSION:
            raise BadRequest(f"this is no export of Agor, or one of a later version than {VERSION}")
        for path, lines in itertools.groupby(self._records(), key=lambda line: line[0]):
            while batch := [record for _, record in itertools.islice(lines, ROWS_AT_ONCE)]:
                yield path, batch

    def check_end(self, seen: Mapping[str, int]) -> None:
        """Raise BadRequest unless everything that was exported came."""
        if self._end is None:
            raise BadRequest("the export ends too early; what it held so far is stored")
        if {path: count for path, count in self._end["counts"].items() if count} != dict(seen):
            raise BadRequest("the export does not hold what it says; what it held is stored", counts=dict(seen))

    def _records(self) -> Iterator[tuple[str, dict[str, Any]]]:
        while (line := self._next()) is not None:
            if line.get("end") is True:
                self._end = line
                return
            path, record = line.get("path"), line.get("record")
            if path not in PATHS or not isinstance(record, dict):
                raise BadRequest("a line of the export is neither a record nor its end", line=line)
            yield path, record

    def _next(self) -> dict[str, Any] | None:
        for number, text in self._lines:
            if not text.strip():
                continue
            try:
                line = orjson.loads(text)
            except orjson.JSONDecodeError as error:
                raise BadRequest(f"line {number} of the export is not JSON") from error
            if not isinstance(line, dict):
                raise BadRequest(f"line {number} of the export is not an object")
            return line
        return None


def _write_all(tx: Transaction, database: Database, to: IO[bytes], told: Progress) -> Counter[str]:
    head = {"format": FORMAT, "version": VERSION, "revision": database.status()["current"], "exported_at": tx.now}
    to.write(orjson.dumps(head) + b"\n")
    counts: Counter[str] = Counter()
    for path in PATHS:
        repository = tx.repository(path)
        total = tx.connection.execute(sa.select(sa.func.count()).select_from(repository.table)).scalar_one()
        for row in _rows(tx, repository):
            to.write(to_json({"path": path, "record": row}).encode() + b"\n")
            counts[path] += 1
            if counts[path] % ROWS_AT_ONCE == 0 or counts[path] == total:
                told(path, counts[path], total)
    to.write(orjson.dumps({"end": True, "counts": counts}) + b"\n")
    return counts


def _rows(tx: Transaction, repository: Repository[Any]) -> Iterator[dict[str, Any]]:
    table = repository.table
    columns = [column for column in table.columns if column.name != "data"]
    query = sa.select(*columns, plain_data(table)).limit(ROWS_AT_ONCE)
    if table is SESSIONS:
        # libsql-client loses a row at the end of each fetchmany; it has fetched them all by then anyway.
        steps = {} if tx.connection.dialect.driver == "libsql" else {"yield_per": ROWS_AT_ONCE}
        whole = tx.connection.execute(_parents_first(query.limit(None)), execution_options=steps)
        yield from map(dict, whole.mappings())
        return
    last = ""
    while rows := tx.connection.execute(_following(query, repository.id_column, last)).mappings().all():
        yield from map(dict, rows)
        last = rows[-1][repository.id_field]


def _following(query: sa.Select[Any], id: sa.ColumnElement[Any], last: str) -> sa.Select[Any]:
    return query.where(id > last).order_by(id)


def _parents_first(query: sa.Select[Any]) -> sa.Select[Any]:
    """By generation: a session refers to one of the generation before."""
    depth = (
        sa.select(SESSIONS.c.session_id.label("id"), sa.literal(0).label("depth"))
        .where(SESSIONS.c.parent_session_id.is_(None), SESSIONS.c.forked_from_session_id.is_(None))
        .cte("depth", recursive=True)
    )
    child = SESSIONS.alias("child")
    depth = depth.union_all(
        sa.select(child.c.session_id, depth.c.depth + 1).where(
            sa.or_(child.c.parent_session_id == depth.c.id, child.c.forked_from_session_id == depth.c.id)
        )
    )
    return query.join(depth, depth.c.id == SESSIONS.c.session_id).order_by(depth.c.depth, SESSIONS.c.session_id)


def _store(tx: Transaction, path: str, records: list[dict[str, Any]]) -> int:
    repository = tx.repository(path)
    ids = [record.get(repository.id_field) for record in records]
    known = set(tx.connection.execute(sa.select(repository.id_column).where(repository.id_column.in_(ids))).scalars())
    if path == "boards":
        _make_way(tx, records)
    new = [record for record in records if record.get(repository.id_field) not in known]
    if not new:
        return 0
    columns = {column.name for column in repository.table.columns}
    if any(set(record) != columns for record in new):
        raise BadRequest(f"a record of {path} has not the columns this version knows", columns=sorted(columns))
    entities = [repository.restored(record) for record in new]
    tx.connection.execute(sa.insert(repository.table), [repository.row_of(entity) for entity in entities])
    repository.make_findable(entities)
    for entity in entities:
        repository.announce("created", entity)
    return len(new)


def _make_way(tx: Transaction, records: list[dict[str, Any]]) -> None:
    """Remove an empty board that has the slug of one to come: every database begins with a `default`."""
    coming = {record.get("slug"): record.get("board_id") for record in records}
    for board in tx.boards.where(slug=[slug for slug in coming if slug is not None]):
        is_other = coming[board.slug] != board.board_id
        if is_other and tx.sessions.find_one(board_id=board.board_id) is None:
            tx.boards.remove(board.board_id)


def _silent(_path: str, _done: int, _total: int) -> None:
    pass
