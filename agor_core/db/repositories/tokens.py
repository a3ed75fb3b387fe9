"""Tokens that were taken back before their time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from agor_core.models import RevokedToken

if TYPE_CHECKING:
    from agor_core.db.transaction import Transaction

TABLE: sa.Table = RevokedToken.__table__  # type: ignore[attr-defined]


class TokenRepository:
    """The revoked tokens, by their `jti`."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    def revoke(self, jti: str, expires_at: int) -> None:
        """Let a token count no more; revoking twice is fine. `expires_at`: when it would have ended, in ms."""
        if not self.is_revoked(jti):
            self._tx.connection.execute(sa.insert(TABLE), {"jti": jti, "expires_at": expires_at})

    def is_revoked(self, jti: str) -> bool:
        """Whether a token was taken back."""
        query = sa.select(sa.literal(1)).where(TABLE.c.jti == jti)
        return self._tx.connection.execute(query).first() is not None

    def forget(self, before: int) -> None:
        """Forget the tokens that ended by themselves before that time, in ms."""
        self._tx.connection.execute(sa.delete(TABLE).where(TABLE.c.expires_at < before))
