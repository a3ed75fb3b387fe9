"""Sessions: the tree they form, and the counters that move while agents work."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from typing_extensions import override

from agor_core.db import origins, search
from agor_core.db.query import PLAIN_JSON, Clause, whole_row
from agor_core.db.reader import Reader
from agor_core.db.repositories.base import Repository
from agor_core.db.repositories.boards import DEFAULT_BOARD
from agor_core.db.repositories.lists import Record
from agor_core.db.repositories.statements import Members, array_of, is_restricted, reading
from agor_core.db.short_ids import neighbours_of, shortest_beside
from agor_core.errors import Conflict
from agor_core.ids import short
from agor_core.models import Repo, Session, Usage
from agor_core.models.session import words_of_session
from agor_core.models.wire import record_of, to_wire, whole_reader

TABLE: sa.Table = Session.__table__  # type: ignore[attr-defined]
FACTS = ("session_id", "created_by", "sharing", "board_id")
MOST_FORKS_NAMED = 100
READER: sa.BindParameter[str] = sa.bindparam("reader")

_FACTS = sa.select(*(TABLE.c[name] for name in FACTS))
_FACTS_OF = _FACTS.where(TABLE.c.session_id == sa.bindparam("id"))
_FACTS_OF_MANY = _FACTS.where(TABLE.c.session_id.in_(sa.bindparam("ids", expanding=True)))


def not_private(session_id: sa.ColumnElement[Any], *, is_count: bool) -> Clause:
    """That the session of a row is none that is hidden from the parameter `reader`.

    A page asks for each of its few rows; a count looks the hidden ones up once, and needs nothing but its index.
    """
    other = TABLE.alias("hidden")
    hidden = (other.c.sharing == "private", other.c.created_by != READER)
    if is_count:
        is_seen: Clause = session_id.not_in(sa.select(other.c.session_id).where(*hidden))
    else:
        is_seen = ~sa.exists(sa.select(sa.literal(1)).where(other.c.session_id == session_id, *hidden))
    return sa.or_(session_id.is_(None), is_seen) if getattr(session_id, "nullable", True) else is_seen


def facts_of(tx: Any, session_id: str) -> dict[str, Any]:
    """What the rule for hearing needs to know of a session."""
    row = tx.connection.execute(_FACTS_OF, {"id": session_id}).mappings().one_or_none()
    return dict(row) if row is not None else {"session_id": session_id}


def facts_by_session(tx: Any, session_ids: Iterable[str]) -> dict[str, dict[str, Any]]:
    """The same of many sessions, by their ids."""
    ids = sorted(set(session_ids))
    known = {row["session_id"]: dict(row) for row in tx.connection.execute(_FACTS_OF_MANY, {"ids": ids}).mappings()}
    return {id: known.get(id, {"session_id": id}) for id in ids}


class SessionRepository(Repository[Session]):
    """The sessions."""

    entity, path, id_field, noun = Session, "sessions", "session_id", "session"
    is_searched = True

    @override
    def patch(
        self,
        id: str,
        changes: Mapping[str, Any],
        *,
        announce: bool = True,
        client: bool = False,
        expected_version: int | None = None,
    ) -> Session:
        """As for all, and: `version` grows with a client's change.

        `expected_version`: the one the client saw. Raises Conflict, with the record as it is, if it is another by now.
        """
        session = self.get(id)
        self.check_version(session, expected_version)
        return self.change(session, changes, "patched" if announce else None, client=client)

    @staticmethod
    def check_version(session: Session, expected: int | None) -> None:
        """Raises Conflict, with the record as it is, if a client expected another version than it has."""
        if expected is not None and session.data.version != expected:
            raise Conflict(
                f"session {short(session.session_id)} was changed since: it is at version {session.data.version}",
                reason="stale-version",
                current=to_wire(session),
            )

    def make(self, session: Session) -> Record:
        """Store a new session, on the default board if it names none, and announce it; its record with `short_id`.

        What `add` and look-ups before and after it would do, in one statement.
        """
        self.fill_in(session)
        row = self.row_of(session)
        asked = {"on_board": row.pop("board_id"), "own_id": session.session_id}
        session.board_id, *neighbours = self.tx.connection.execute(_MAKE, {**row, **asked}).one()
        row["board_id"] = session.board_id
        self.make_findable([row])
        record = record_of(Session, row)
        self.tx.announce(self.path, "created", session.session_id, self.facts(session), record)
        return {**record, "short_id": shortest_beside(neighbours, session.session_id, self.tx.now)}

    def count_up(self, id: str, *, tool_use_count: int = 0, usage: Usage | Mapping[str, Any] | None = None) -> None:
        """Add to the counters, silently: they change all the time while an agent works."""
        session = self.get(id)
        session.data.tool_use_count += tool_use_count
        if usage is not None:
            more = usage if isinstance(usage, Usage) else Usage.model_validate(usage)
            session.data.usage = session.data.usage.plus(more)
        self.store(session)

    def forks_of(self, id: str, reader: Reader | None = None) -> list[str]:
        """The sessions that share this one's history, oldest first; of them those that exist for the reader."""
        forks = _FORKS.where(*self.visible()) if is_restricted(reader) else _FORKS
        return list(self.tx.connection.execute(forks, {"id": id, **reading(reader)}).scalars())

    def refuse_forked(self, id: str, reader: Reader | None = None) -> None:
        """Raises Conflict for a session that has forks, with the ids of those that exist for the reader."""
        if self.forks_of(id):
            raise Conflict(
                f"session {short(id)} has forks that share its history; remove them first, or archive it",
                reason="has-forks",
                forks=self.forks_of(id, reader)[:MOST_FORKS_NAMED],
            )

    def outside_repositories(self) -> dict[str, list[str]]:
        """The ids of sessions that work in a folder, of no repository that is known, by that folder."""
        found: dict[str, list[str]] = {}
        for cwd, id in self.tx.connection.execute(_OUTSIDE):
            found.setdefault(cwd, []).append(id)
        return found

    @override
    def page(self, query: Mapping[str, Any], reader: Reader | None, default: int, most: int) -> Record:
        found = super().page(query, reader, default, most)
        return {**found, "data": origins.told_to(self.tx, found["data"], reader)}

    @override
    def record(self, id: str, reader: Reader | None = None, query: Mapping[str, Any] | None = None) -> Record:
        return origins.told_to(self.tx, [super().record(id, reader, query)], reader)[0]

    def genealogy(self, id: str, reader: Reader | None = None) -> Record:
        """`{session, ancestors, descendants, children}`: whole records, the nearest first, in one query.

        Raises NotFound. Sessions that do not exist for the reader are left out; what lies beyond them is not.
        """
        rows: Sequence[sa.Row[Any]] = self.tx.connection.execute(_FAMILY, {"root": id}).all()
        hidden: set[str] = set()
        if reader is not None and is_restricted(reader):
            hidden = {row.session_id for row in rows if not _may_read(row, reader)}
        seen = [row for row in rows if row.session_id not in hidden]
        records = origins.without_origins(whole_reader(Session)(seen), hidden)
        family = [(row.side, row.depth, record) for row, record in zip(seen, records, strict=True)]
        own = next((record for side, depth, record in family if side == "down" and depth == 0), None)
        if own is None:
            raise self.missing(id)
        below = [record for side, depth, record in family if side == "down" and depth > 0]
        return {
            "session": own,
            "ancestors": [record for side, depth, record in family if side == "up" and depth > 0],
            "descendants": below,
            "children": [record for record in below if origins.origin_of(record) == id],
        }

    @override
    def fill_in(self, entity: Session) -> None:
        super().fill_in(entity)
        self._align(entity)

    @override
    def before_change(self, entity: Session, client: bool) -> None:
        self._align(entity)
        if client:
            entity.data.version += 1

    @override
    def before_removal(self, entity: Session) -> None:
        id = entity.session_id
        self.refuse_forked(id)
        for child in self.where(parent_session_id=id):
            self.patch(child.session_id, {"parent_session_id": None})
        search.take_out_session(self.tx, id)
        self.tx.permissions.leave_session(entity)
        self.tx.messages.remove_of_session(id)
        self.tx.tasks.remove_of_session(id)

    @override
    def words(self, data: Mapping[str, Any]) -> str:
        return words_of_session(data)

    @override
    def facts(self, entity: Session) -> dict[str, Any]:
        facts = {name: getattr(entity, name) for name in FACTS}
        origin = entity.parent_session_id or entity.forked_from_session_id
        if origin is not None and (of_origin := facts_of(self.tx, origin)).get("sharing") == "private":
            facts["origin"] = of_origin
        return facts

    @override
    def facts_of(self, rows: Sequence[Record]) -> list[dict[str, Any]]:
        private = origins.private_origins(self.tx, rows)
        found = []
        for row in rows:
            facts = {name: row[name] for name in FACTS}
            if (origin := origins.origin_of(row)) in private:
                facts["origin"] = private[str(origin)]
            found.append(facts)
        return found

    @override
    def owners(self) -> sa.Select[Any]:
        return sa.select(TABLE.c.created_by, TABLE.c.sharing)

    @override
    def visible(self, *, is_count: bool = False) -> list[Clause]:
        if is_count:
            return [not_private(TABLE.c.session_id, is_count=True)]
        return [sa.or_(TABLE.c.sharing != "private", TABLE.c.created_by == READER)]

    @override
    def seen_by_session(self, session_id: sa.ColumnElement[Any]) -> list[Clause]:
        return [not_private(session_id, is_count=True)]

    @override
    def may_be_hidden(self, field: str) -> bool:
        return origins.is_about_origin(field)

    @override
    def told(self, *, is_count: bool) -> list[Clause]:
        return [not_private(TABLE.c[name], is_count=is_count) for name in origins.COLUMNS]

    def belonging_by(self, field: str, is_restricted: bool) -> Members:
        """The sessions that belong to records of another kind, which `field` names."""
        seen = self.visible() if is_restricted else ()
        return Members(TABLE.c[field], TABLE.c.session_id, TABLE.c.created_at, seen)

    @override
    def members(self, is_restricted: bool) -> Members:
        tasks = self.tx.tasks.table
        return Members(tasks.c.session_id, tasks.c.task_id, tasks.c.created_at)

    @override
    def arrays(self, is_restricted: bool) -> dict[str, sa.ColumnElement[Any]]:
        child = TABLE.alias("child")
        seen = [sa.or_(child.c.sharing != "private", child.c.created_by == READER)] if is_restricted else []
        children = Members(child.c.parent_session_id, child.c.session_id, child.c.created_at, seen)
        id: sa.BindParameter[str] = sa.bindparam("id")
        is_child = sa.or_(child.c.parent_session_id == id, child.c.forked_from_session_id == id)
        array = array_of(children, is_child, is_postgresql=self.tx.is_postgresql)
        return {**super().arrays(is_restricted), "children": array}

    @override
    def completed(self, record: Record, row: sa.Row[Any]) -> Record:
        # A new object: the one that was read may be the default of many.
        record["genealogy"] = {**record["genealogy"], "children": row.children}
        return super().completed(record, row)

    @override
    def describe(self, entity: Session) -> str:
        return entity.data.title or entity.data.description or f"{entity.agent} session, {entity.status}"

    @staticmethod
    def _align(entity: Session) -> None:
        """The origin is told twice, in columns and in `genealogy`: make both say the same."""
        origin = entity.data.genealogy
        for name in ("parent_session_id", "forked_from_session_id"):
            if getattr(origin, name) != getattr(entity, name):
                setattr(origin, name, getattr(entity, name))


def _may_read(row: sa.Row[Any], reader: Reader) -> bool:
    return bool(row.sharing != "private" or row.created_by == reader.user_id)


def _family() -> sa.CompoundSelect[Any]:
    # Each recursion begins at a row of the table, not at a literal, whose collation PostgreSQL would not match.
    start = sa.select(TABLE.c.session_id.label("id"), sa.literal(0).label("depth")).where(
        TABLE.c.session_id == sa.bindparam("root")
    )
    down = start.cte("down", recursive=True)
    down = down.union(
        sa.select(TABLE.c.session_id, down.c.depth + 1).where(
            sa.or_(TABLE.c.parent_session_id == down.c.id, TABLE.c.forked_from_session_id == down.c.id)
        )
    )
    up = start.cte("up", recursive=True)
    child = TABLE.alias("child")
    up = up.union(
        sa.select(sa.func.coalesce(child.c.parent_session_id, child.c.forked_from_session_id), up.c.depth + 1).where(
            child.c.session_id == up.c.id,
            sa.func.coalesce(child.c.parent_session_id, child.c.forked_from_session_id).is_not(None),
        )
    )
    sides = [
        sa.select(*whole_row(Session), sa.literal(side).label("side"), family.c.depth).where(
            TABLE.c.session_id == family.c.id
        )
        for side, family in (("up", up), ("down", down))
    ]
    return sa.union_all(*sides).order_by("depth", "created_at", "session_id")


_FAMILY = _family()
_REPO: Any = sa.type_coerce(TABLE.c.data, PLAIN_JSON)
_REPOS: sa.Table = Repo.__table__  # type: ignore[attr-defined]
_REPO_ID, _WORKTREE_NAME, _CWD = (_REPO["repo", name].as_string() for name in ("repo_id", "worktree_name", "cwd"))
_OUTSIDE = sa.select(_CWD, TABLE.c.session_id).where(
    TABLE.c.worktree_id.is_(None),
    _WORKTREE_NAME.is_(None),
    _CWD > "",
    sa.or_(_REPO_ID.is_(None), ~sa.exists(sa.select(sa.literal(1)).where(_REPOS.c.repo_id == _REPO_ID))),
)
_MAKE = (
    sa.insert(TABLE)
    .values(board_id=sa.func.coalesce(sa.bindparam("on_board", type_=TABLE.c.board_id.type), DEFAULT_BOARD))
    .returning(TABLE.c.board_id, *neighbours_of(sa.bindparam("own_id"), TABLE.c.session_id))
)
_FORKS = (
    sa.select(TABLE.c.session_id)
    .where(TABLE.c.forked_from_session_id == sa.bindparam("id"))
    .order_by(TABLE.c.created_at, TABLE.c.session_id)
)
