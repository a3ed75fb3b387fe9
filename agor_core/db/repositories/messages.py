"""Messages: transcripts with dense indices, and the history a fork inherits."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple

import sqlalchemy as sa
from typing_extensions import override

from agor_core.db.engine import to_json
from agor_core.db.query import PLAIN_JSON
from agor_core.db.repositories.lists import Record
from agor_core.db.repositories.of_session import OfSession
from agor_core.db.repositories.sessions import facts_of
from agor_core.errors import BadRequest, NotFound
from agor_core.ids import short
from agor_core.models import Message, MessageRange, Session
from agor_core.models.columns import PlainData, set_unchecked
from agor_core.models.message import preview, words_of
from agor_core.models.wire import DATA, RowsReader, record_of

TABLE: sa.Table = Message.__table__  # type: ignore[attr-defined]
SESSIONS: sa.Table = Session.__table__  # type: ignore[attr-defined]

# Of a message's content, as JSON. A page of 1,000 must stay readable.
LISTED_BYTES = 1_000_000
# More than any conversation has; the open end of the youngest session's own part of a history.
NO_END = 2**31 - 1

# One statement gives the index, the count and the lock, on every backend.
_RESERVE = (
    sa.update(SESSIONS)
    .where(SESSIONS.c.session_id == sa.bindparam("id"))
    .values(
        next_index=SESSIONS.c.next_index + sa.bindparam("count"),
        message_count=SESSIONS.c.message_count + sa.bindparam("count"),
    )
    .returning(
        SESSIONS.c.next_index,
        SESSIONS.c.session_id,
        SESSIONS.c.created_by,
        SESSIONS.c.sharing,
        SESSIONS.c.board_id,
    )
)
_PLAIN: Any = sa.type_coerce(TABLE.c.data, PLAIN_JSON)
_ORIGINAL_ID = _PLAIN["metadata", "original_id"].as_string()
_PROMISE = (
    sa.update(SESSIONS)
    .where(SESSIONS.c.session_id == sa.bindparam("id"))
    .values(next_index=SESSIONS.c.next_index + 1)
    .returning(SESSIONS.c.next_index)
)
_COUNT = (
    sa.update(SESSIONS)
    .where(SESSIONS.c.session_id == sa.bindparam("id"))
    .values(message_count=SESSIONS.c.message_count + 1)
)


class Origin(NamedTuple):
    """What a message is known by to the agent that said it. `content` is None where `original_id` is enough."""

    message_id: str
    session_id: str
    task_id: str | None
    timestamp: int
    original_id: str | None
    content: Any


class MessageRepository(OfSession[Message]):
    """The messages."""

    entity, path, id_field, noun = Message, "messages", "message_id", "message"
    is_searched = True
    order = "oldest first"

    def append(self, session_id: str, message: Message) -> Message:
        """Store a message at the end of its session: the next index is its own. Raises NotFound."""
        return self.append_many(session_id, [message])[0]

    def append_many(self, session_id: str, messages: Sequence[Message]) -> list[Message]:
        """Store several in a row. The ranges of their tasks and the session's count move along, silently."""
        rows = [self.row_of(message) for message in messages]
        self.append_rows(session_id, rows)
        for message, row in zip(messages, rows, strict=True):
            _take_over(message, row)
        return list(messages)

    def append_rows(self, session_id: str, rows: Sequence[Record]) -> None:
        """The same for messages by the thousand: as values of all columns, `data` as it is stored.

        What is the database's to give is filled in: index, creator, times that are 0, and what `data` says of its
        content.
        """
        if not rows:
            return
        reserved = self.tx.connection.execute(_RESERVE, {"id": session_id, "count": len(rows)}).one_or_none()
        if reserved is None:
            raise NotFound(f"no session {short(session_id)}", id=session_id)
        next_index, *known = reserved
        facts = dict(zip(("session_id", "created_by", "sharing", "board_id"), known, strict=True))
        for index, row in enumerate(rows, next_index - len(rows)):
            self._complete(row, facts, index)
        self._insert(rows, facts)

    def promise(self, session_id: str) -> int:
        """The index of a message that is being said, and is stored with `keep_promise` once it is whole.

        Whoever promises sees to it that all promises are kept, or taken back with `unkept`. Raises NotFound.
        """
        promised = self.tx.connection.execute(_PROMISE, {"id": session_id}).one_or_none()
        if promised is None:
            raise NotFound(f"no session {short(session_id)}", id=session_id)
        return int(promised[0]) - 1

    def keep_promise(self, session_id: str, message: Message, index: int) -> Message:
        """Store the message whose index was promised."""
        self.tx.connection.execute(_COUNT, {"id": session_id})
        facts = facts_of(self.tx, session_id)
        row = self.row_of(message)
        self._complete(row, facts, index)
        self._insert([row], facts)
        _take_over(message, row)
        return message

    def unkept(self, session_id: str, first: int) -> list[int]:
        """The indices from `first` on that were promised, and lie before a message that is there; the rest is freed.

        Only to be asked while nothing is being said in the session.
        """
        session = self.tx.sessions.get(session_id)
        query = sa.select(TABLE.c.index).where(TABLE.c.session_id == session_id, TABLE.c.index >= first)
        there = set(self.tx.connection.execute(query).scalars())
        if len(there) == session.next_index - first:
            return []
        end = max(there, default=first - 1) + 1
        free = sa.update(SESSIONS).where(SESSIONS.c.session_id == session_id)
        self.tx.connection.execute(free.values(next_index=end))
        return [index for index in range(first, end) if index not in there]

    def _insert(self, rows: Sequence[Record], facts: Mapping[str, Any]) -> None:
        self.insert_rows(rows)
        self._extend_tasks(rows)
        for row in rows:
            self.tx.announce(self.path, "created", row["message_id"], facts, record_of(Message, row))

    def history(self, session_id: str) -> list[Message]:
        """All that a session's agent knows: what it inherited, then its own."""
        query = sa.select(TABLE).select_from(_INHERITED).order_by(TABLE.c.index)
        rows = self.tx.connection.execute(query, {"history_of": session_id}).mappings()
        return [self._entity(row) for row in rows]

    def origins(self, session_id: str) -> list[Origin]:
        """The same, but only what tells the messages apart: a long history is compared without being read."""
        rows = self.tx.connection.execute(_origins(), {"history_of": session_id})
        return [Origin(*row) for row in rows]

    def sessions_that_hold(self, original_id: str, between: tuple[int, int]) -> list[str]:
        """The sessions with a message that its agent calls so, of a time `between` two moments, oldest first."""
        first, last = between
        query = sa.select(TABLE.c.session_id).where(TABLE.c.timestamp.between(first, last), original_id == _ORIGINAL_ID)
        return list(dict.fromkeys(self.tx.connection.execute(query.order_by(TABLE.c.message_id)).scalars()))

    @override
    def add(self, entity: Message) -> Message:
        return self.append(entity.session_id, entity)

    @override
    def add_many(self, entities: Sequence[Message]) -> list[Message]:
        by_session: dict[str, list[Message]] = {}
        for entity in entities:
            by_session.setdefault(entity.session_id, []).append(entity)
        for session_id, messages in by_session.items():
            self.append_many(session_id, messages)
        return list(entities)

    @override
    def before_removal(self, entity: Message) -> None:
        count = sa.update(SESSIONS).where(SESSIONS.c.session_id == entity.session_id)
        self.tx.connection.execute(count.values(message_count=SESSIONS.c.message_count - 1))

    @override
    def before_change(self, entity: Message, client: bool) -> None:
        set_unchecked(entity.data, _measures(entity.data.content))

    @override
    def listed_data(self) -> sa.ColumnElement[Any]:
        """A message over 1 MB is listed with its preview; the database does not even hand out the rest."""
        short: sa.ColumnElement[Any]
        if self.tx.is_postgresql:
            short = TABLE.c.data.op("||")(sa.literal_column("""'{"content": null, "tool_uses": []}'::jsonb"""))
            is_large = TABLE.c.data.op("->")(sa.literal_column("'is_large'")) == sa.literal_column("'true'::jsonb")
        else:
            short = sa.func.json_set(TABLE.c.data, "$.content", None, "$.tool_uses", sa.func.json("[]"))
            is_large = sa.func.json_extract(TABLE.c.data, "$.is_large") == sa.literal(1)
        return sa.type_coerce(sa.case((is_large, short), else_=TABLE.c.data), PlainData()).label(DATA)

    @override
    def reader(self, names: tuple[str, ...], only: frozenset[str] | None) -> RowsReader:
        read = super().reader(names, only)
        if DATA not in names:
            return read
        place = names.index(DATA)

        def shortened(rows: Iterable[Sequence[Any]]) -> list[Record]:
            rows = list(rows)
            records = read(rows)
            for record, row in zip(records, rows, strict=True):
                if row[place].get("is_large"):
                    record["truncated"] = True
                    if "content" in record:
                        record["content"] = row[place]["content_preview"]
            return records

        return shortened

    @override
    def words(self, data: Mapping[str, Any]) -> str:
        return words_of(data)

    @override
    def source(self, query: Mapping[str, Any]) -> sa.FromClause:
        return _INHERITED if _wants_history(query) else TABLE

    @override
    def sessions_of(self, query: Mapping[str, Any]) -> sa.Select[Any] | None:
        return _LINE if _wants_history(query) else None

    @override
    def aside(self, query: Mapping[str, Any]) -> Mapping[str, Any]:
        return {"history_of": query.get("session_id")} if _wants_history(query) else {}

    @override
    def row_query(self, query: Mapping[str, Any]) -> Mapping[str, Any]:
        if "$history" not in query:
            return query
        if not _wants_history(query):
            return {key: value for key, value in query.items() if key != "$history"}
        if not isinstance(query.get("session_id"), str):
            raise BadRequest("$history needs one session_id")
        # The history ends at that session; the messages themselves are of its ancestors, too.
        return {key: value for key, value in query.items() if key not in ("$history", "session_id")}

    @override
    def default_order(self, query: Mapping[str, Any]) -> list[sa.ColumnElement[Any]]:
        if isinstance(query.get("session_id"), str):
            # Also along a history: a fork's own indices begin where those it inherits end.
            return [TABLE.c.index]
        return super().default_order(query)

    def _complete(self, row: Record, facts: Mapping[str, Any], index: int) -> None:
        row["session_id"], row["index"] = facts["session_id"], index
        row["created_by"] = row["created_by"] or facts["created_by"]
        for time in ("created_at", "last_updated", "timestamp"):
            row[time] = row[time] or self.tx.now
        row["data"].update(_measures(row["data"]["content"]))

    def _extend_tasks(self, rows: Sequence[Record]) -> None:
        by_task: dict[str, list[Record]] = {}
        for row in rows:
            if row["task_id"] is not None:
                by_task.setdefault(row["task_id"], []).append(row)
        if by_task:
            self.tx.tasks.extend_ranges({task_id: _range_of(own) for task_id, own in by_task.items()})


def _measures(content: Any) -> Record:
    """What lists show of a message with this content, and whether they show no more than that."""
    return {"content_preview": preview(content), "is_large": len(to_json(content)) > LISTED_BYTES}


def _take_over(message: Message, row: Record) -> None:
    """Let a message be what was stored of it."""
    columns = {name: value for name, value in row.items() if name != "data"}
    set_unchecked(message, columns)
    set_unchecked(message.data, {name: row["data"][name] for name in ("content_preview", "is_large")})


def _range_of(rows: Sequence[Record]) -> MessageRange:
    times = [row["timestamp"] for row in rows]
    return MessageRange(
        start_index=rows[0]["index"],
        end_index=rows[-1]["index"],
        start_timestamp=min(times),
        end_timestamp=max(times),
    )


def _wants_history(query: Mapping[str, Any]) -> bool:
    value = query.get("$history", False)
    if value not in (True, False, "true", "false"):
        raise BadRequest("$history must be true or false")
    return value in (True, "true")


def _inherited() -> sa.Join:
    """The messages, joined with the sessions whose part of the history of `history_of` they are, and where it ends."""
    start = sa.select(SESSIONS.c.session_id.label("id"), sa.literal(NO_END).label("end"), sa.literal(0).label("depth"))
    line = start.where(SESSIONS.c.session_id == sa.bindparam("history_of")).cte("line", recursive=True)
    child = SESSIONS.alias("child")
    earlier = sa.case((child.c.first_index < line.c.end, child.c.first_index), else_=line.c.end)
    line = line.union_all(
        sa.select(child.c.forked_from_session_id, earlier, line.c.depth + 1).where(
            child.c.session_id == line.c.id, child.c.forked_from_session_id.is_not(None)
        )
    )
    return sa.join(TABLE, line, sa.and_(TABLE.c.session_id == line.c.id, TABLE.c.index < line.c.end))


def _line() -> sa.Select[Any]:
    """The ids of those sessions."""
    start = sa.select(SESSIONS.c.session_id.label("id")).where(SESSIONS.c.session_id == sa.bindparam("history_of"))
    line = start.cte("ancestors", recursive=True)
    child = SESSIONS.alias("descendant")
    origin = child.c.forked_from_session_id
    line = line.union_all(sa.select(origin).where(child.c.session_id == line.c.id, origin.is_not(None)))
    return sa.select(line.c.id)


_INHERITED = _inherited()
_LINE = _line()


@cache
def _origins() -> sa.Select[Any]:
    table = TABLE.c
    content = sa.case((_ORIGINAL_ID.is_(None), _PLAIN["content"]), else_=sa.null())
    query = sa.select(
        table.message_id,
        table.session_id,
        table.task_id,
        table.timestamp,
        _ORIGINAL_ID,
        sa.type_coerce(content, PLAIN_JSON),
    )
    return query.select_from(_INHERITED).order_by(table.index)
