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
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Any, Final, NamedTuple

import orjson
import sqlalchemy as sa

from agor_core.db import migrate
from agor_core.db.engine import to_json
from agor_core.db.intake import Intake, Line
from agor_core.db.merge import Outcome
from agor_core.db.query import plain_data
from agor_core.db.repositories.base import Repository
from agor_core.db.repositories.sessions import TABLE as SESSIONS
from agor_core.errors import BadRequest, Conflict

if TYPE_CHECKING:
    from agor_core.db.database import Database
    from agor_core.db.transaction import Transaction

FORMAT: Final = "agor-export"
VERSION: Final = 1
ROWS_AT_ONCE: Final = 1000
_STORED_BEFORE: Final = "; batches before it are stored, and importing a whole export goes on there"

PATHS: Final = ("users", "boards", "repos", "worktrees", "sessions", "tasks", "messages", "permissions")
"""Parents first."""

Progress = Callable[[str, int, int], None]
"""Told (path, done, total) after each step."""


class Imported(NamedTuple):
    """What an import has done, as numbers of records by path, and the ids of sessions it could not bring together."""

    added: Counter[str]
    updated: Counter[str]
    kept: Counter[str]
    apart: list[str]
    """They went on in both places, and are as they were here."""


def export_to(database: Database, to: IO[bytes], on_progress: Progress | None = None) -> Counter[str]:
    """Write all entities, as they are at one moment, as JSON Lines; how many of each.

    Raises ConfigError for a database of another revision than this version knows: what only that one has would be lost.
    """
    migrate.check_current(database)
    return database.read_now(lambda tx: _write_all(tx, database, to, on_progress or _silent))


def import_from(
    database: Database, lines: Sequence[bytes] | IO[bytes], on_progress: Progress | None = None
) -> Imported:
    """Store what an export holds. Of what is here already, by its id, the later state counts; see `merge`.

    Each step of a thousand is a transaction of its own, so that others may write in between; doing it again goes on
    where it broke off. Each new record is announced as created; see `Intake.store` for what is made to fit. Raises
    BadRequest or Conflict for what is no export, or a part of one, and says where; what came before that is stored.
    """
    told = on_progress or _silent
    seen: Counter[str] = Counter()
    done = Imported(Counter(), Counter(), Counter(), [])

    def store(work: Callable[[Transaction, str, Sequence[Line]], Outcome], path: str, batch: Sequence[Line]) -> None:
        with _said_where(batch):
            outcome = database.write_now(lambda tx: work(tx, path, batch))
        done.added[path] += outcome.added
        done.updated[path] += outcome.updated
        done.kept[path] += outcome.kept

    reader, intake = _Reader(lines), Intake()
    for path, batch in reader.batches():
        store(intake.store, path, batch)
        seen[path] += len(batch)
        told(path, seen[path], seen[path])
    database.tidy()  # or those who write next would wait for it
    reader.check_end(seen)
    if apart := intake.merge.apart:
        for path, batch in _Reader(_from_the_start(lines)).batches():
            whole = [line for line in batch if line.record.get("session_id") in apart]
            if whole:
                store(intake.store_apart, path, whole)
            told(path, seen[path], seen[path])
        database.tidy()
    done.apart.extend(id for id, session in apart.items() if session.collides)
    return done


def _from_the_start(lines: Sequence[bytes] | IO[bytes]) -> Iterable[bytes]:
    if not isinstance(lines, Sequence):
        lines.seek(0)
    return lines


@contextmanager
def _said_where(batch: Sequence[Line]) -> Iterator[None]:
    """Have what the database refuses named by the lines it came from."""
    try:
        yield
    except (BadRequest, Conflict) as error:
        where = "" if error.message.startswith("line ") else f"lines {batch[0].number} to {batch[-1].number}: "
        raise type(error)(f"{where}{error.message}{_STORED_BEFORE}", data=error.data) from error


class _Reader:
    """Lines of an export, in batches of one path."""

    def __init__(self, lines: Iterable[bytes]) -> None:
        self._lines = enumerate(lines, start=1)
        self._end: Mapping[str, Any] | None = None

    def batches(self) -> Iterator[tuple[str, list[Line]]]:
        self._check_head(self._next())
        for path, records in itertools.groupby(self._records(), key=lambda found: found[0]):
            while batch := [line for _, line in itertools.islice(records, ROWS_AT_ONCE)]:
                yield path, batch

    def check_end(self, seen: Mapping[str, int]) -> None:
        """Raise BadRequest unless everything that was exported came."""
        if self._end is None:
            raise BadRequest("the export ends too early; what it held so far is stored")
        counts = self._end.get("counts")
        if not isinstance(counts, dict) or {path: count for path, count in counts.items() if count} != dict(seen):
            raise BadRequest("the export does not hold what it says; what it held is stored", counts=dict(seen))

    @staticmethod
    def _check_head(found: tuple[int, dict[str, Any]] | None) -> None:
        head = found[1] if found is not None else {}
        if head.get("format") != FORMAT or not isinstance(head.get("revision"), str):
            raise BadRequest("this is no export of Agor")
        if head.get("version") != VERSION or head["revision"] not in migrate.revisions():
            raise BadRequest(f"the export was made by a newer Agor (revision {head['revision']}): upgrade Agor")

    def _records(self) -> Iterator[tuple[str, Line]]:
        while (found := self._next()) is not None:
            number, line = found
            if line.get("end") is True:
                self._end = line
                return
            path, record = line.get("path"), line.get("record")
            if path not in PATHS or not isinstance(record, dict):
                raise BadRequest(f"line {number} of the export is neither a record nor its end{_STORED_BEFORE}")
            yield path, Line(number, record)

    def _next(self) -> tuple[int, dict[str, Any]] | None:
        for number, text in self._lines:
            if not text.strip():
                continue
            try:
                line = orjson.loads(text)
            except orjson.JSONDecodeError as error:
                raise BadRequest(f"line {number} of the export is not JSON{_STORED_BEFORE}") from error
            if not isinstance(line, dict):
                raise BadRequest(f"line {number} of the export is not an object{_STORED_BEFORE}")
            return number, line
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


def _silent(_path: str, _done: int, _total: int) -> None:
    pass
