"""Connections to a libSQL server whose answers may be as large as a page of messages is.

`libsql-client` leaves the limit to the library beneath it, which takes 4 MB; what is asked for here is bounded by us.
"""

from __future__ import annotations

from typing import Any

from libsql_client.dbapi2.hrana import ConnectionHrana
from typing_extensions import override


class LargeAnswers(ConnectionHrana):  # type: ignore[misc]
    """A connection without that limit."""

    @override
    def _acquire_session(self) -> Any:
        return _Unlimited(super()._acquire_session())


class _Unlimited:
    """What a connection uses of its HTTP session."""

    def __init__(self, session: Any) -> None:
        self._session = session

    async def ws_connect(self, url: str, **options: Any) -> Any:
        return await self._session.ws_connect(url, max_msg_size=0, **options)

    async def close(self) -> None:
        await self._session.close()
