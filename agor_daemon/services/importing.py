"""What importers send: finished records, one or many at a time, which start nothing."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

from agor_core.errors import BadRequest
from agor_core.feathers import Params
from agor_daemon.services.stored import Record, StoredService, one_record

BULK_LIMIT = 10_000


class ImportedService(StoredService):
    """A service of stored entities that are made by agents, or taken over as they are."""

    async def create(self, data: Any, params: Params) -> Record:
        """A finished record."""
        return (await self.add([one_record(data)], params))[0]

    async def bulk(self, data: Any, params: Params) -> list[Record]:
        """Many finished records at once: a list, or `{records: […]}`."""
        return await self.add(_records_in(data), params)

    @abstractmethod
    async def add(self, records: list[Record], params: Params) -> list[Record]:
        """Check the records, and store all of them or none. Raises BadRequest."""


def _records_in(data: Any) -> list[Record]:
    """The records of a bulk call: a list, or an object that holds it under `records`."""
    records = data.get("records") if isinstance(data, dict) else data
    if not isinstance(records, list) or not all(isinstance(record, dict) for record in records):
        raise BadRequest("the data must be a list of records")
    if len(records) > BULK_LIMIT:
        raise BadRequest(f"at most {BULK_LIMIT} records at once; send them in several calls")
    return records
