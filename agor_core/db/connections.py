"""Sockets that may come back after a drop: what they had heard, and who they were."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from agor_core.models import Connection

if TYPE_CHECKING:
    from agor_core.db.database import Database

TABLE = Connection.__table__  # type: ignore[attr-defined]


class Connections:
    """The stored connections, by the digest of their secret id."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def open(self, pid_hash: str, epoch: str, start_seq: int, now: int) -> None:
        """Remember a new connection, and where in the log it begins to listen."""
        row = {"pid_hash": pid_hash, "epoch": epoch, "start_seq": start_seq, "last_seen": now}
        await self._write(sa.insert(TABLE), row)

    async def find(self, pid_hash: str) -> Connection | None:
        """What is known about a connection."""
        query = sa.select(TABLE).where(TABLE.c.pid_hash == pid_hash)
        row = await self._database.read(lambda tx: tx.connection.execute(query).mappings().one_or_none())
        return None if row is None else Connection(**row)

    async def bind(self, pid_hash: str, user_id: str | None, token_jti: str | None) -> None:
        """Note who a connection is now; None: nobody any more."""
        await self._change(pid_hash, user_id=user_id, token_jti=token_jti)

    async def touch(self, pid_hash: str, now: int) -> None:
        """Note that a connection is still there."""
        await self._change(pid_hash, last_seen=now)

    async def forget(self, before: int) -> None:
        """Forget the connections last seen before that time."""
        await self._write(sa.delete(TABLE).where(TABLE.c.last_seen < before))

    async def _change(self, pid_hash: str, **values: Any) -> None:
        await self._write(sa.update(TABLE).where(TABLE.c.pid_hash == pid_hash).values(**values))

    async def _write(self, statement: Any, row: dict[str, Any] | None = None) -> None:
        await self._database.write(lambda tx: tx.connection.execute(statement, row) and None)
