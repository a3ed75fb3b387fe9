"""Messages: the entries of transcripts."""

from __future__ import annotations

from itertools import groupby
from typing import Any

from typing_extensions import override

from agor_core.db import Database, Transaction
from agor_core.errors import NotFound
from agor_core.feathers import Params
from agor_core.ids import short
from agor_core.models import Message
from agor_core.models.schema import load
from agor_core.models.wire import to_wire
from agor_daemon.runs import AgentRuns
from agor_daemon.services.importing import ImportedService
from agor_daemon.services.stored import PageSize, Record, one, reader_of, set_fields, user_id_of

IMPORTABLE = (
    "session_id",
    "task_id",
    "type",
    "role",
    "timestamp",
    "parent_tool_use_id",
    "content",
    "tool_uses",
    "metadata",
)


class MessagesService(ImportedService):
    """The service `messages`. Indices are the database's; a client that sends one gets 400."""

    def __init__(self, database: Database, runs: AgentRuns) -> None:
        super().__init__(database, Message, PageSize(100, 1000), ("metadata",))
        self._runs = runs

    @override
    async def add(self, records: list[Record], params: Params) -> list[Record]:
        """At the end of their sessions' transcripts."""
        loaded = [load(Message, record, only=IMPORTABLE) for record in records]

        def unit_of_work(tx: Transaction) -> list[Record]:
            stored: list[Record] = []
            for session_id, group in groupby(loaded, key=lambda fields: str(fields["session_id"])):
                messages = [_message(tx, fields, user_id_of(params)) for fields in group]
                stored += [to_wire(message) for message in tx.messages.append_many(session_id, messages)]
            return stored

        return await self._database.write(unit_of_work)

    async def patch(self, id: str | None, data: Any, params: Params) -> Record:
        """Change the metadata; what was said stays as it was said."""
        return await self.change(one(id, "patch"), data, params)

    async def remove(self, id: str | None, params: Params) -> Record:
        """Delete a message."""
        message_id = one(id, "remove")
        return await self._database.write(lambda tx: self.removed(tx, message_id, params))

    async def partial(self, id: str, params: Params) -> Record:
        """The text so far of a message that is streaming now. Raises NotFound when it is not."""
        partial = await self._runs.partial(id)
        reader = reader_of(params)
        try:
            # What is being said is as private as the session is now, on whichever daemon that was decided.
            await self._database.read(lambda tx: tx.sessions.resolve(partial["session_id"], reader))
        except NotFound as error:
            raise NotFound(f"message {short(id)} is not streaming", message_id=id) from error
        return partial


def _message(tx: Transaction, fields: Record, user_id: str | None) -> Message:
    message = Message(
        session_id=fields["session_id"],
        type=fields["type"],
        role=fields["role"],
        timestamp=fields.get("timestamp") or tx.now,
        created_by=user_id,
    )
    set_fields(message, {name: value for name, value in fields.items() if name != "session_id"})
    return message
