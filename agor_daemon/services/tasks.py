"""Tasks: prompts, and what agents did about them."""

from __future__ import annotations

from typing import Any

from typing_extensions import override

from agor_core import git
from agor_core.db import Database, Transaction
from agor_core.errors import BadRequest, Conflict, NotFound
from agor_core.feathers import Params
from agor_core.ids import short
from agor_core.models import Task
from agor_core.models.schema import load, load_as
from agor_core.models.task import summary
from agor_core.models.values import TaskGitState
from agor_core.models.wire import to_wire
from agor_daemon.runs import AgentRuns
from agor_daemon.services.importing import ImportedService
from agor_daemon.services.requests import CompleteRequest, FailRequest
from agor_daemon.services.stored import PageSize, Record, may_bypass, one, one_record, set_fields, user_id_of

FINISHED = ("completed", "failed", "stopped")
IMPORTABLE = (
    "session_id",
    "status",
    "started_at",
    "completed_at",
    "description",
    "full_prompt",
    "git_state",
    "model",
    "tool_use_count",
    "usage",
    "duration_ms",
    "error",
    "report",
)
DIFF_PAGE = 100


class TasksService(ImportedService):
    """The service `tasks`."""

    def __init__(self, database: Database, runs: AgentRuns) -> None:
        super().__init__(database, Task, PageSize(100, 1000), ("description", "full_prompt"))
        self._runs = runs

    @override
    async def add(self, records: list[Record], params: Params) -> list[Record]:
        tasks = [self._finished(record, user_id_of(params)) for record in records]
        stored: list[Record] = await self._database.write(
            lambda tx: [to_wire(task) for task in tx.tasks.add_many(tasks)]
        )
        return stored

    def _finished(self, record: Record, user_id: str | None) -> Task:
        fields = load(Task, {"status": "completed", **record}, only=IMPORTABLE)
        if fields["status"] not in FINISHED:
            raise BadRequest(
                f"only finished tasks can be created; to start one, prompt its session ({', '.join(FINISHED)})",
                errors={"status": [f"must be one of {', '.join(FINISHED)}"]},
            )
        task = Task(session_id=fields.pop("session_id"), created_by=user_id)
        fields.setdefault("description", summary(fields.get("full_prompt", "")))
        set_fields(task, fields)
        return task

    async def patch(self, id: str | None, data: Any, params: Params) -> Record:
        """Change the prompt of a task that still waits."""

        def waits(tx: Transaction, task: Task, changes: Record) -> None:
            if changes and task.status != "created":
                raise Conflict(f"task {short(task.task_id)} is {task.status}; only a waiting one can be changed")
            if "full_prompt" in changes:
                # Whose words an agent takes without asking is not for everybody to say.
                mode = task.data.permission_mode or tx.sessions.get(task.session_id).data.permission_config.mode
                may_bypass(params, mode)
                changes.setdefault("description", summary(changes["full_prompt"]))

        return await self.change(one(id, "patch"), data, params, waits)

    async def update(self, id: str | None, data: Any, params: Params) -> Record:
        """As `patch`: a client writes only the prompt of a waiting task."""
        return await self.patch(id, data, params)

    async def remove(self, id: str | None, params: Params) -> Record:
        """Delete a task that does not run; its messages stay."""
        task_id = one(id, "remove")

        def unit_of_work(tx: Transaction) -> Record:
            task = self.matching(tx, task_id, params)
            if task.status in ("running", "awaiting_permission"):
                raise Conflict(f"task {short(task_id)} runs; stop its session first", task_id=task_id)
            return to_wire(tx.tasks.remove(task_id))

        return await self._database.write(unit_of_work)

    async def complete(self, id: str, data: Any, params: Params) -> Record:
        """End a task that no agent of ours runs: well."""
        request = load_as(CompleteRequest, one_record(data or {}))
        return await self._end(id, {"status": "completed", "report": request.report})

    async def fail(self, id: str, data: Any, params: Params) -> Record:
        """End a task that no agent of ours runs: badly."""
        error = load_as(FailRequest, one_record(data)).error
        told = error if isinstance(error, dict) else {"message": str(error)}
        return await self._end(id, {"status": "failed", "error": {"kind": "unknown", **told}})

    async def _end(self, task_id: str, changes: Record) -> Record:
        def unit_of_work(tx: Transaction) -> Record:
            task = tx.tasks.get(task_id)
            if task.status in ("running", "awaiting_permission") and self._runs.is_running(task.session_id):
                raise Conflict(f"task {short(task_id)} is run by an agent; stop its session instead", task_id=task_id)
            if task.status in FINISHED:
                raise Conflict(f"task {short(task_id)} is {task.status} already", task_id=task_id)
            return to_wire(tx.tasks.patch(task_id, {**changes, "completed_at": tx.now}))

        return await self._database.write(unit_of_work)

    async def diff(self, id: str, params: Params) -> Record:
        """`{files, total}`: what exactly this task changed; while it runs, so far. NotFound where there is no git."""
        task, place, repository = await self._database.read(lambda tx: _with_place(tx, id))
        state = task.data.git_state
        against = (state.start_snapshot_id or state.sha_at_start) if state is not None else None
        until = _end_of(state) if state is not None and task.status in FINISHED else None
        # What has an end can be looked up in the repository, also when the worktree is gone by now.
        root = repository if until is not None and repository is not None else await git.root_of(place or "/")
        if against is None or root is None:
            raise NotFound(f"task {short(id)} has no git state to compare with", task_id=id)
        try:
            return await git.diff(
                root,
                against,
                until=until,
                only=params.query.get("path"),
                skip=number(params, "$skip", 0),
                limit=number(params, "$limit", DIFF_PAGE),
            )
        except NotFound as error:
            if not isinstance(error.data, dict) or "snapshot_id" not in error.data:
                raise
            raise NotFound(
                f"the snapshot that the differences of task {short(id)} are read from is there no more", task_id=id
            ) from error


def _with_place(tx: Transaction, task_id: str) -> tuple[Task, str | None, str | None]:
    """A task, the folder its session works in, and the repository if that is a worktree of ours."""
    task = tx.tasks.get(task_id)
    session = tx.sessions.get(task.session_id)
    cwd = session.data.repo.cwd if session.data.repo is not None else None
    if session.worktree_id is None:
        return task, cwd, None
    return task, cwd, tx.repos.get(tx.worktrees.get(session.worktree_id).repo_id).data.local_path


def _end_of(state: TaskGitState) -> str | None:
    """The snapshot or commit a task ended at; None if what it left uncommitted is known to the worktree only."""
    if state.end_snapshot_id is not None:
        return state.end_snapshot_id
    sha = state.sha_at_end
    return None if sha is None or sha.endswith("-dirty") else sha


def number(params: Params, name: str, default: int) -> int:
    """A whole number ≥ 0 of the query. Raises BadRequest."""
    value = params.query.get(name, default)
    if isinstance(value, str) and value.isascii() and value.isdigit():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise BadRequest(f"{name} must be a whole number")
    return value
