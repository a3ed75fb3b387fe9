"""Permission requests: agents ask, people answer; and an answer may stand for later questions."""

from __future__ import annotations

import asyncio
from typing import Any

from agor_core.agents import PermissionAnswer
from agor_core.db import Database, Transaction
from agor_core.errors import BadRequest, Conflict, Forbidden
from agor_core.feathers import Params
from agor_core.models import PermissionRequest, Session, Task
from agor_core.models.schema import load_as
from agor_core.models.session import project_of
from agor_core.models.wire import to_wire
from agor_daemon.access import Rule, may_change
from agor_daemon.runs import AgentRuns, questions, rules
from agor_daemon.runs.questions import Decision
from agor_daemon.services.requests import DecideRequest
from agor_daemon.services.stored import (
    PageSize,
    Record,
    StoredService,
    is_trusted,
    may_bypass,
    one_record,
    user_id_of,
)


class PermissionsService(StoredService):
    """The service `permissions`."""

    def __init__(self, database: Database, runs: AgentRuns) -> None:
        super().__init__(database, PermissionRequest, PageSize(100, 1000))
        self._runs = runs

    async def decide(self, id: str, data: Any, params: Params) -> Record:
        """A person's answer. The first one counts; a second gets Conflict.

        Where the task that asked was interrupted, the session goes on with a task of its own.
        """
        request = load_as(DecideRequest, one_record(data))
        if request.updated_input is not None and not request.allow:
            raise BadRequest("`updated_input` goes with `allow: true`")
        asked, session = await self._database.read(lambda tx: _question(tx, id))
        if session is None:
            raise Conflict(f"this request was {asked.status} already", status=asked.status)
        if request.scope == "project":
            await self._check_project(project_of(session), params)
        place = session.data.repo.cwd if session.data.repo is not None else ""
        input = request.updated_input if request.updated_input is not None else asked.data.tool_input
        answer = PermissionAnswer(request.allow, reason=request.reason, updated_input=request.updated_input)
        about = await asyncio.to_thread(rules.asked, asked.data.tool_name, input, place, session.agent)
        decision = Decision(answer, request.scope, request.rules, user_id_of(params))

        def unit_of_work(tx: Transaction) -> tuple[PermissionRequest, Task | None]:
            decided, task = questions.decide(tx, id, decision, about)
            if task is not None:
                may_bypass(params, task.data.permission_mode or session.data.permission_config.mode)
            return decided, task

        decided, task = await self._database.write(unit_of_work)
        if task is not None:
            await self._runs.consider(task.session_id)
        return to_wire(decided)

    async def revoke(self, id: str, data: Any, params: Params) -> Record:
        """Let an answer stand for no more questions. Raises Conflict if it does not."""
        request, session = await self._database.read(lambda tx: _question(tx, id))
        user_id = user_id_of(params)
        if user_id is None or request.data.decided_by != user_id:
            if request.scope == "user" and not is_trusted(params):
                raise Forbidden("this rule is another user's own; an admin may revoke it")
            if request.scope == "project":
                project = request.data.project if session is None else project_of(session)
                await self._check_project(project, params)
        return await self._database.write(lambda tx: to_wire(questions.revoke(tx, id, user_id)))

    async def _check_project(self, project: str | None, params: Params) -> None:
        """Raise unless the caller may decide for everybody's sessions on this repository or in this folder."""
        if project is None:
            raise Conflict("the session has no repository and no folder, so there is no project to decide for")
        if params.user is None:
            return
        repo = await self._database.read(lambda tx: tx.repos.find_one(repo_id=project))
        if repo is None:
            is_allowed = is_trusted(params)
        else:
            is_allowed = may_change(params.user, Rule.CHANGE_CREATED, {"created_by": repo.created_by})
        if not is_allowed:
            raise Forbidden("only who may change the repository decides for all its sessions; answer for `session`")


def _question(tx: Transaction, id: str) -> tuple[PermissionRequest, Session | None]:
    """The request, and its session; None if that is gone and the answer outlived it."""
    request = tx.permissions.get(id)
    return request, tx.sessions.get(request.session_id) if request.session_id is not None else None
