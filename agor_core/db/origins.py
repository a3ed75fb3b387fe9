"""Where a session comes from, for who may know: the ids of an origin that is private to others do not travel."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from agor_core.db.reader import Reader
from agor_core.models import Session
from agor_core.models.session import Origin

if TYPE_CHECKING:
    from agor_core.db.transaction import Transaction

Record = dict[str, Any]
SESSIONS: sa.Table = Session.__table__  # type: ignore[attr-defined]

COLUMNS = ("parent_session_id", "forked_from_session_id")
_PRIVATE = sa.select(SESSIONS.c.session_id, SESSIONS.c.created_by, SESSIONS.c.sharing).where(
    SESSIONS.c.session_id.in_(sa.bindparam("ids", expanding=True)), SESSIONS.c.sharing == "private"
)

_READER: sa.BindParameter[str] = sa.bindparam("reader", type_=SESSIONS.c.created_by.type)
# Two ranges of the index, so that the reader's own private sessions need not be passed over one by one.
_HIDES_ANY = sa.select(
    sa.or_(
        *(
            sa.exists(sa.select(sa.literal(1)).where(SESSIONS.c.sharing == "private", others))
            for others in (SESSIONS.c.created_by < _READER, SESSIONS.c.created_by > _READER)
        )
    )
)


def is_about_origin(field: str) -> bool:
    """Whether a field of a session, or one inside it, tells where the session comes from."""
    return field.split(".")[0] in (*COLUMNS, "genealogy")


def origin_of(record: Mapping[str, Any]) -> str | None:
    """The id of the session that a session's record says it comes from, whichever of its fields the record has."""
    get = record.get  # each record of a list is asked: the names are spelled out
    id: str | None = get("parent_session_id") or get("forked_from_session_id")
    if id is None and (genealogy := get("genealogy")):
        id = genealogy.get("parent_session_id") or genealogy.get("forked_from_session_id")
    return id or None


def without_origin(record: Record) -> Record:
    """The record as of a session that comes from nowhere."""
    shown = {**record, **{name: None for name in COLUMNS if name in record}}
    if "genealogy" in record:
        shown["genealogy"] = {**record["genealogy"], **Origin().model_dump()}
    return shown


def private_origins(tx: Transaction, records: Iterable[Mapping[str, Any]]) -> dict[str, Record]:
    """Of the origins of these records those that are private, by id: `{session_id, created_by, sharing}`."""
    ids = {id for record in records if (id := origin_of(record)) is not None}
    rows = tx.connection.execute(_PRIVATE, {"ids": sorted(ids)}).mappings() if ids else ()
    return {row["session_id"]: dict(row) for row in rows}


def told_to(tx: Transaction, records: list[Record], reader: Reader | None) -> list[Record]:
    """The records as this reader sees them."""
    if reader is None or reader.sees_private or not any(map(origin_of, records)) or not _hides_any(tx, reader):
        return records
    private = private_origins(tx, records)
    hidden = {id for id, facts in private.items() if facts["created_by"] != reader.user_id}
    return without_origins(records, hidden)


def _hides_any(tx: Transaction, reader: Reader) -> bool:
    """Whether there is any session that is private to others; seldom is there one, and the index knows at once."""
    return bool(tx.connection.execute(_HIDES_ANY, {"reader": reader.user_id or ""}).scalar())


def without_origins(records: list[Record], hidden: Collection[str]) -> list[Record]:
    """The records, those that come from one of the `hidden` sessions without saying so."""
    if not hidden:
        return records
    return [without_origin(record) if origin_of(record) in hidden else record for record in records]
