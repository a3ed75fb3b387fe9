"""Messages: transcripts with dense indices, and the history a fork inherits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

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
from agor_core.models.message import preview, words_of
from agor_core.models.wire import DATA, RowReader, to_wire

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
_INSERT = sa.insert(TABLE)
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
        if not messages:
            return []
        reserved = self.tx.connection.execute(_RESERVE, {"id": session_id, "count": len(messages)}).one_or_none()
        if reserved is None:
            raise NotFound(f"no session {short(session_id)}", id=session_id)
        next_index, *known = reserved
        facts = dict(zip(("session_id", "created_by", "sharing", "board_id"), known, strict=True))
        for nth, message in enumerate(messages):
            self._complete(message, facts, next_index - len(messages) + nth)
        self._insert(messages, facts)
        return list(messages)

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
        self._complete(message, facts, index)
        self._insert([message], facts)
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

    def _insert(self, messages: Sequence[Message], facts: Mapping[str, Any]) -> None:
        self.tx.connection.execute(_INSERT, [self.row_of(message) for message in messages])
        self.make_findable(messages)
        self._extend_tasks(messages)
        for message in messages:
            self.tx.announce(self.path, "created", message.message_id, facts, to_wire(message))

    def history(self, session_id: str) -> list[Message]:
        """All that a session's agent knows: what it inherited, then its own."""
        query = sa.select(TABLE).select_from(_INHERITED).order_by(TABLE.c.index)
        rows = self.tx.connection.execute(query, {"history_of": session_id}).mappings()
        return [self._entity(row) for row in rows]

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
        self._measure(entity)

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
        return sa.type_coerce(sa.case((is_large, short), else_=TABLE.c.data), PLAIN_JSON).label(DATA)

    @override
    def reader(self, names: tuple[str, ...], only: frozenset[str] | None) -> RowReader:
        read = super().reader(names, only)
        if DATA not in names:
            return read
        place = names.index(DATA)

        def shortened(row: Sequence[Any]) -> Record:
            record, data = read(row), row[place]
            if data.get("is_large"):
                record["truncated"] = True
                if "content" in record:
                    record["content"] = data["content_preview"]
            return record

        return shortened

    @override
    def words(self, entity: Message) -> str:
        return words_of({"content": entity.data.content})

    @override
    def source(self, query: Mapping[str, Any]) -> sa.FromClause:
        return _INHERITED if _wants_history(query) else TABLE

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

    def _complete(self, message: Message, facts: Mapping[str, Any], index: int) -> None:
        message.session_id, message.index = facts["session_id"], index
        message.created_by = message.created_by or facts["created_by"]
        message.created_at = message.created_at or self.tx.now
        message.last_updated = message.last_updated or self.tx.now
        message.timestamp = message.timestamp or self.tx.now
        self._measure(message)

    @staticmethod
    def _measure(message: Message) -> None:
        """Set what lists show of a message, and whether they show no more than that."""
        content = message.data.content
        message.data.content_preview = preview(content)
        message.data.is_large = len(to_json(content)) > LISTED_BYTES

    def _extend_tasks(self, messages: Sequence[Message]) -> None:
        by_task: dict[str, list[Message]] = {}
        for message in messages:
            if message.task_id is not None:
                by_task.setdefault(message.task_id, []).append(message)
        if by_task:
            self.tx.tasks.extend_ranges({task_id: _range_of(own) for task_id, own in by_task.items()})


def _range_of(messages: Sequence[Message]) -> MessageRange:
    times = [message.timestamp for message in messages]
    return MessageRange(
        start_index=messages[0].index,
        end_index=messages[-1].index,
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


_INHERITED = _inherited()
