"""Sessions: conversations with agents, and what can be done with one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from agor_core.agents import Agent
from agor_core.db import Database, Transaction
from agor_core.errors import BadRequest, Conflict, Forbidden
from agor_core.feathers import Params
from agor_core.ids import short
from agor_core.models import ModelConfig, PermissionConfig, Session, SessionData, Task, forked, spawned
from agor_core.models.schema import load_as
from agor_core.models.session import RUNNING_STATUSES
from agor_core.models.wire import to_wire
from agor_daemon.imports import Importer
from agor_daemon.runs import AgentRuns
from agor_daemon.runs.questions import go_on
from agor_daemon.services.placement import folder_at, place_in_folder, place_in_worktree
from agor_daemon.services.queue import change_queue, fork_point, queue_of, queue_prompt
from agor_daemon.services.requests import (
    ForkRequest,
    ImportRequest,
    PromptRequest,
    QueueRequest,
    ResumeRequest,
    SessionRequest,
    SpawnRequest,
)
from agor_daemon.services.stored import (
    BYPASS,
    PageSize,
    Record,
    StoredService,
    is_trusted,
    may_bypass,
    may_touch_disk,
    one,
    one_record,
    reader_of,
    user_id_of,
)
from agor_daemon.services.worktrees import WorktreesService

PATCHABLE = (
    "title",
    "description",
    "board_id",
    "archived",
    "position",
    "concepts",
    "permission_config",
    "model_config",
    "sharing",
    "status",
)


class SessionsService(StoredService):
    """The service `sessions`."""

    def __init__(
        self,
        database: Database,
        runs: AgentRuns,
        agents: Mapping[str, Agent],
        worktrees: WorktreesService,
        importer: Importer,
    ) -> None:
        super().__init__(database, Session, PageSize(50, 1000), PATCHABLE)
        self._runs = runs
        self._agents = agents
        self._worktrees = worktrees
        self._importer = importer

    async def create(self, data: Any, params: Params) -> Record:
        """A session without a prompt yet."""
        request = load_as(SessionRequest, one_record(data))
        self._check_agent(request.agent)
        if request.cwd is not None:
            may_touch_disk(params, "set `cwd`")
        may_bypass(params, request.permission_config.mode if request.permission_config else None)
        folder = await folder_at(request.cwd) if request.cwd is not None else None

        def unit_of_work(tx: Transaction) -> Record:
            session = Session(
                agent=request.agent,
                board_id=request.board_id,
                sharing=request.sharing,
                created_by=user_id_of(params),
                data=SessionData(title=request.title, description=request.description),
            )
            if request.permission_config is not None:
                session.data.permission_config = PermissionConfig(**request.permission_config.model_dump())
            if request.llm_config is not None:
                session.data.llm_config = ModelConfig(**request.llm_config.model_dump())
            if request.worktree_id is not None:
                place_in_worktree(tx, session, request.worktree_id)
            elif folder is not None:
                place_in_folder(tx, session, folder)
            return tx.sessions.make(session)

        return await self._database.write(unit_of_work)

    async def patch(self, id: str | None, data: Any, params: Params) -> Record:
        """Change what clients may change. Raises Conflict if `version` or `If-Match` names an older record."""

        def check(tx: Transaction, session: Session, changes: Record) -> None:
            may_bypass(params, (changes.get("permission_config") or {}).get("mode"))
            _check_status(session, changes)
            _check_sharing(session, changes, params)

        return await self.change(one(id, "patch"), data, params, check)

    async def update(self, id: str | None, data: Any, params: Params) -> Record:
        """As `patch`: what only the daemon may write stays as it is; what a client may write and leaves out is kept."""
        return await self.patch(id, data, params)

    async def remove(self, id: str | None, params: Params) -> Record:
        """Delete a session with its tasks and messages. Raises Conflict while it runs, or while forks live from it."""
        session_id = one(id, "remove")
        if self._runs.is_running(session_id):
            raise _runs(session_id)

        def unit_of_work(tx: Transaction) -> Record:
            # Asked again here: another daemon may run it, or its next prompt may just have begun.
            if self.matching(tx, session_id, params).status in RUNNING_STATUSES:
                raise _runs(session_id)
            tx.sessions.refuse_forked(session_id, reader_of(params))
            return to_wire(tx.sessions.remove(session_id))

        return await self._database.write(unit_of_work)

    async def prompt(self, id: str, data: Any, params: Params) -> Record:
        """A prompt: the task at once, `running`, or `created` while others come first."""
        request = load_as(PromptRequest, one_record(data))

        def unit_of_work(tx: Transaction) -> Task:
            may_bypass(params, request.permission_mode or tx.sessions.get(id).data.permission_config.mode)
            return queue_prompt(tx, id, request, user_id_of(params))

        task = await self._database.write(unit_of_work)
        return await self._started(task)

    async def resume(self, id: str, data: Any, params: Params) -> Record:
        """Take up a task that was interrupted, failed or stopped: the new task, before all that wait.

        Raises Conflict where nothing was broken off. A question nobody answered is withdrawn: the agent asks again.
        """
        request = load_as(ResumeRequest, one_record(data or {}))

        def unit_of_work(tx: Transaction) -> Task:
            task = go_on(tx, id, user_id_of(params), from_history=request.from_history)
            may_bypass(params, task.data.permission_mode or tx.sessions.get(id).data.permission_config.mode)
            return task

        return await self._started(await self._database.write(unit_of_work))

    async def stop(self, id: str, data: Any, params: Params) -> Record:
        """End what the session runs, or waits to run; the task, `stopped`. Raises Conflict if there is nothing."""
        task_id = await self._runs.stop(id)
        return await self._database.read(lambda tx: to_wire(tx.tasks.get(task_id)))

    async def fork(self, id: str, data: Any, params: Params) -> Record:
        """A new session that shares this one's history up to a task; with a prompt, it runs."""
        request = load_as(ForkRequest, one_record(data or {}))

        def make(tx: Transaction) -> Session:
            parent = tx.sessions.get(id)
            point = fork_point(tx, parent, request.task_id)
            return _without_bypass(forked(parent, point=point, created_by=user_id_of(params)), params)

        return await self._offspring(id, make, request, params)

    async def spawn(self, id: str, data: Any, params: Params) -> Record:
        """A child with a fresh context; with a prompt, it runs. When it ends, its last answer goes to this session."""
        request = load_as(SpawnRequest, one_record(data or {}))
        may_bypass(params, request.permission_mode)
        if request.agent is not None:
            self._check_agent(request.agent)

        def make(tx: Transaction) -> Session:
            parent = tx.sessions.get(id)
            child = spawned(
                parent,
                point=fork_point(tx, parent, request.task_id),
                agent=request.agent,
                model=request.model,
                permission_mode=request.permission_mode,
                created_by=user_id_of(params),
            )
            return _without_bypass(child, params)

        return await self._offspring(id, make, request, params)

    async def read_queue(self, id: str, params: Params) -> Record:
        """`{paused, reason?, tasks}`: what waits, in order."""

        def unit_of_work(tx: Transaction) -> Record:
            queue = queue_of(tx, id)
            if params.provider:
                tx.tasks.add_short_ids(queue["tasks"])
            return queue

        return await self._database.read(unit_of_work)

    async def queue(self, id: str, data: Any, params: Params) -> Record:
        """Change the order of what waits, or let a paused queue go on; then as `read_queue`."""
        request = load_as(QueueRequest, one_record(data or {}))
        await self._database.write(lambda tx: change_queue(tx, id, request))
        if request.resume:
            await self._runs.consider(id)
        return await self.read_queue(id, params)

    async def genealogy(self, id: str, params: Params) -> Record:
        """`{session, ancestors, descendants, children}`, whole sessions of any depth."""
        reader = reader_of(params)

        def unit_of_work(tx: Transaction) -> Record:
            family = tx.sessions.genealogy(id, reader)
            if params.provider:
                tx.sessions.add_short_ids([family["session"], *family["ancestors"], *family["descendants"]])
            return family

        return await self._database.read(unit_of_work)

    async def streams(self, id: str, params: Params) -> list[Record]:
        """The messages that are streaming now, as `messages.partial` has them; none where nothing is being said."""
        return await self._runs.partials_of(id)

    async def import_transcript(self, data: Any, params: Params) -> Record:
        """A session out of a Claude Code transcript on the daemon's machine; a second time only adds what is new."""
        request = load_as(ImportRequest, one_record(data))
        return await self._importer.load(request, user_id_of(params))

    async def _offspring(
        self,
        parent_id: str,
        make: Callable[[Transaction], Session],
        request: ForkRequest | SpawnRequest,
        params: Params,
    ) -> Record:
        """Store what `make` makes, in a worktree of its own if that is asked, and start its prompt if there is one."""
        place = await self._own_worktree(parent_id, request, params)

        def unit_of_work(tx: Transaction) -> str:
            session = make(tx)
            if place is not None:
                place_in_worktree(tx, session, place)
            session_id = tx.sessions.add(session).session_id
            if request.prompt is not None:
                prompt = PromptRequest(prompt=request.prompt, model=None, thinking_tokens=None)
                queue_prompt(tx, session_id, prompt, user_id_of(params))
            return session_id

        session_id = await self._database.write(unit_of_work)
        if request.prompt is not None:
            await self._runs.consider(session_id)
        return await self._database.read(lambda tx: to_wire(tx.sessions.get(session_id)))

    async def _own_worktree(self, parent_id: str, request: ForkRequest | SpawnRequest, params: Params) -> str | None:
        """The id of the new worktree that was asked for, as the task left the old one; None if none was."""
        wanted = request.worktree
        if wanted is None:
            return None

        def find(tx: Transaction) -> tuple[str, str | None, str | None, str | None]:
            parent = tx.sessions.get(parent_id)
            repo_id = parent.data.repo.repo_id if parent.data.repo is not None else None
            if repo_id is None:
                raise BadRequest("the session is in no registered repository, so a new worktree has none to come from")
            point = fork_point(tx, parent, request.task_id)
            state = point.data.git_state if point is not None else None
            sha = (state.sha_at_end or state.sha_at_start) if state is not None else None
            snapshot = state.end_snapshot_id if state is not None and wanted.ref is None else None
            return repo_id, sha.removesuffix("-dirty") if sha else None, snapshot, parent.board_id

        repo_id, sha, snapshot, board_id = await self._database.read(find)
        data = {"repo_id": repo_id, "name": wanted.name, "branch": wanted.branch, "ref": wanted.ref or sha}
        made = await self._worktrees.create({**data, "board_id": board_id}, params, snapshot=snapshot)
        return str(made["worktree_id"])

    async def _started(self, task: Task) -> Record:
        """The task as it is once its turn has been considered; with the names older clients look for."""
        started = await self._runs.consider(task.session_id)
        shown = started if started is not None and started.task_id == task.task_id else task
        record = await self._database.read(lambda tx: to_wire(tx.tasks.get(shown.task_id)))
        return {**record, "taskId": task.task_id, "success": True}

    def _check_agent(self, name: str) -> None:
        if name not in self._agents:
            raise BadRequest(
                f"no agent {name!r}; there are {', '.join(self._agents)}",
                errors={"agent": [f"must be one of {', '.join(self._agents)}"]},
            )


def _runs(session_id: str) -> Conflict:
    return Conflict(f"session {short(session_id)} runs; stop it first", session_id=session_id)


def _check_status(session: Session, changes: Record) -> None:
    """A person may only say that a session is done, or not done after all; the rest follows its tasks."""
    status = changes.get("status")
    if status is None:
        return
    if status not in ("completed", "idle"):
        raise BadRequest("validation failed", errors={"status": ["a client may set completed or idle"]})
    if session.status in RUNNING_STATUSES:
        raise _runs(session.session_id)


def _check_sharing(session: Session, changes: Record, params: Params) -> None:
    """Who may work with another's session may not take it out of everyone's sight."""
    if "sharing" not in changes or params.user is None:
        return
    if session.created_by != params.user["user_id"] and not is_trusted(params):
        raise Forbidden("only who made a session, or an admin, decides who sees it", session_id=session.session_id)


def _without_bypass(session: Session, params: Params) -> Session:
    """A fork or child of a session that asks nobody, with the usual mode if its maker may not have such a one."""
    config = session.data.permission_config
    if config.mode == BYPASS and not is_trusted(params):
        config.mode = PermissionConfig().mode
    return session
