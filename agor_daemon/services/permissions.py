"""Permission requests: agents ask, people answer."""

from __future__ import annotations

from typing import Any

from agor_core.agents import PermissionAnswer
from agor_core.db import Database
from agor_core.errors import BadRequest
from agor_core.feathers import Params
from agor_core.models import PermissionRequest
from agor_core.models.schema import load_as
from agor_core.models.wire import to_wire
from agor_daemon.runs import AgentRuns, records
from agor_daemon.services.requests import DecideRequest
from agor_daemon.services.stored import PageSize, Record, StoredService, one_record, user_id_of


class PermissionsService(StoredService):
    """The service `permissions`."""

    def __init__(self, database: Database, runs: AgentRuns) -> None:
        super().__init__(database, PermissionRequest, PageSize(100, 1000))
        self._runs = runs

    async def decide(self, id: str, data: Any, params: Params) -> Record:
        """A person's answer. The first one counts; a second gets Conflict."""
        request = load_as(DecideRequest, one_record(data))
        if request.updated_input is not None and not request.allow:
            raise BadRequest("`updated_input` goes with `allow: true`")
        answer = PermissionAnswer(request.allow, reason=request.reason, updated_input=request.updated_input)
        decided = await self._database.write(
            lambda tx: records.decide(tx, id, answer, scope=request.scope, user_id=user_id_of(params))
        )
        self._runs.answer(decided.session_id, id, answer)
        return to_wire(decided)
