"""The change log, for programs that follow it without a socket."""

from __future__ import annotations

from typing import Any

from agor_core.db import Database
from agor_core.feathers import Params
from agor_daemon.access import may_hear
from agor_daemon.services.stored import PageSize, Record, reader_of


class EventsService:
    """The service `events`: `find` only, oldest first when asked with `seq: {$gt: …}`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._page = PageSize(500, 5000)

    async def find(self, params: Params) -> Record:
        """A page of events the caller may hear."""
        reader, query, page = reader_of(params), params.query, self._page
        found: dict[str, Any] = await self._database.read(
            lambda tx: tx.events.page(query, reader, page.default, page.most)
        )
        if params.user is None:
            return found
        user = params.user
        visible = [
            event
            for event in found["data"]
            if "path" not in event or may_hear(user, event["path"], {**event, "record_id": event.get("record_id")})
        ]
        return {**found, "data": visible}
