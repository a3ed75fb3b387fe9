"""Worktrees that go, what was saved of them, and how they come back: nothing that was in them is lost on the way."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from agor_core import git
from agor_core.clock import iso
from agor_core.db import Database, Transaction
from agor_core.errors import BadRequest, Conflict, NotFound
from agor_core.feathers import Params
from agor_core.models import Session, Worktree
from agor_core.models.wire import to_wire
from agor_daemon.services.adoption import Adoption
from agor_daemon.services.requests import RestoreRequest
from agor_daemon.services.stored import Record, known_of
from agor_daemon.services.worktree_rows import forget, identity_of, joined

MOST_TASKS_NAMED = 100
QUERY_OF_REMOVE = ("force", "branch")
"""What a removal reads of its query; the rest is a condition, and none that holds while git does its part."""

BUSY = ("running", "awaiting_permission")


class Removal:
    """Removes worktrees, and restores them."""

    def __init__(self, database: Database, adoption: Adoption) -> None:
        self._database = database
        self._adoption = adoption

    async def remove(self, worktree_id: str, params: Params) -> Record:
        """See the service: `force` and `branch` are in the query."""
        token, with_branch = params.query.get("force"), params.query.get("branch", "keep")
        if token is not None and not isinstance(token, str):
            raise BadRequest("`force` must be the token of the report")
        if with_branch not in ("keep", "delete"):
            raise BadRequest("`branch` must be `keep` or `delete`", errors={"branch": ["keep or delete"]})

        def find(tx: Transaction) -> tuple[Worktree, str, list[Session]]:
            worktree, repository = _with_repository(tx, worktree_id)
            running = tx.sessions.where(worktree_id=worktree_id, status=list(BUSY))
            return worktree, repository, running

        await self._adoption.settle_around(worktree_id)
        worktree, repository, running = await self._database.read(find)
        if worktree.status == "removed":
            raise Conflict(f"worktree {worktree.name!r} is removed already", worktree_id=worktree_id)
        if worktree.status == "preparing":
            raise Conflict(f"worktree {worktree.name!r} is just being made", worktree_id=worktree_id)
        if running:
            raise Conflict(
                f"sessions run in worktree {worktree.name!r}; stop them first",
                report={"running_sessions": known_of(params, running)},
                worktree_id=worktree_id,
            )
        with self._adoption.at_work(worktree.repo_id):
            changes = await self._take_away(worktree, repository, token, with_branch=with_branch == "delete")
            return to_wire(await self._database.write(lambda tx: tx.worktrees.patch(worktree_id, changes)))

    @staticmethod
    async def _take_away(worktree: Worktree, repository: str, token: str | None, *, with_branch: bool) -> Record:
        path, name = worktree.data.path, worktree.name
        changes: Record = {"status": "removed", "removal_snapshot_id": None, "dirty": False}
        try:
            if worktree.status == "ready":
                changes["last_commit_sha"] = await git.sha_of(path, "HEAD")
            saved = await git.remove_worktree(
                repository, path, force=token is not None, token=token, name=name, with_branch=with_branch
            )
        except NotFound:
            if worktree.status != "missing":
                raise
            return changes  # git knows nothing of it any more, or is gone itself
        return {**changes, "removal_snapshot_id": saved.snapshot_id if saved is not None else None}

    async def snapshots(self, id: str) -> list[Record]:
        """Those of a worktree, newest first; also of one that was removed."""
        worktree, repository = await self._database.read(lambda tx: _with_repository(tx, id))
        return [shown(one) for one in await git.snapshots(repository, worktree.name)]

    async def drop_snapshot(self, id: str, sub: str, params: Params) -> Record:
        """See the service: `force` is in the query."""
        force = params.query.get("force", False)
        if force not in (True, False, "true", "false"):
            raise BadRequest("`force` must be true or false", errors={"force": ["true or false"]})
        await self._adoption.settle_around(id)
        worktree, repository = await self._database.read(lambda tx: _with_repository(tx, id))
        if worktree.status == "preparing":
            raise Conflict(f"worktree {worktree.name!r} is just being made or restored", worktree_id=id)
        dropped = next((one for one in await git.snapshots(repository, worktree.name) if one.snapshot_id == sub), None)
        if dropped is None:
            raise NotFound(f"worktree {worktree.name!r} has no snapshot {sub}", worktree_id=id, snapshot_id=sub)
        is_of_removal = sub == worktree.data.removal_snapshot_id
        if force not in (True, "true"):
            tasks = await self._database.read(lambda tx: _tasks_needing(tx, id, sub, params))
            _refuse_needed(worktree, sub, is_last=is_of_removal and worktree.status != "ready", tasks=tasks)
        with self._adoption.at_work(worktree.repo_id):
            await git.drop_snapshot(repository, sub)
            if is_of_removal:
                await self._database.write(lambda tx: tx.worktrees.patch(id, {"removal_snapshot_id": None}))
        return shown(dropped)

    async def restore(self, id: str, request: RestoreRequest) -> Record:
        """See the service."""
        await self._adoption.settle_around(id)
        worktree, repository = await self._database.read(lambda tx: _with_repository(tx, id))
        if worktree.status not in ("removed", "missing"):
            raise Conflict(f"worktree {worktree.name!r} is {worktree.status}; only a removed one is restored")
        path = Path(worktree.data.path)
        if await asyncio.to_thread(os.path.lexists, path):
            raise Conflict(f"{path} exists already; move it out of the way first", path=str(path))
        with self._adoption.at_work(worktree.repo_id):
            staged = None
            if worktree.status == "missing":
                # Its folder is gone, but what was staged in it may still be there.
                gone = await self._take_away(worktree, repository, None, with_branch=False)
                staged = gone["removal_snapshot_id"]
                await self._database.write(lambda tx: tx.worktrees.patch(id, gone))
            taken = request.snapshot_id or staged or await self._newest_since(repository, worktree)
            # A daemon killed over this knows by the row what to take away again.
            begun = {"status": "preparing", "is_restored": True}
            await self._database.write(lambda tx: tx.worktrees.patch(id, begun, announce=False))
            try:
                facts = await self._bring_back(repository, worktree, taken)
            except BaseException:
                await asyncio.shield(forget(self._database, id))
                raise
            changes = {
                "status": "ready",
                "is_restored": False,
                "ref": facts.ref,
                "dirty": taken is not None,
                "git_identity": await identity_of(repository, path),
                "notes": joined(worktree.data.notes, facts.notes),
            }
            return to_wire(await self._database.write(lambda tx: tx.worktrees.patch(id, changes)))

    @staticmethod
    async def _bring_back(repository: str, worktree: Worktree, snapshot: str | None) -> git.WorktreeFacts:
        path = Path(worktree.data.path)
        await asyncio.to_thread(path.parent.mkdir, parents=True, exist_ok=True)
        if snapshot is not None:
            return await git.restore(repository, snapshot, path)
        branch, sha = worktree.data.ref or worktree.name, worktree.data.last_commit_sha
        return await git.check_out_again(repository, path, branch=branch, sha=sha)

    @staticmethod
    async def _newest_since(repository: str, worktree: Worktree) -> str | None:
        """The snapshot that was taken when the worktree was removed; older ones are brought back only by their id."""
        newest = next(iter(await git.snapshots(repository, worktree.name)), None)
        if newest is None or newest.snapshot_id != worktree.data.removal_snapshot_id:
            return None
        return newest.snapshot_id


def _with_repository(tx: Transaction, worktree_id: str) -> tuple[Worktree, str]:
    worktree = tx.worktrees.get(worktree_id)
    return worktree, tx.repos.get(worktree.repo_id).data.local_path


def _tasks_needing(tx: Transaction, worktree_id: str, snapshot_id: str, params: Params) -> list[Record | None]:
    """Those whose differences need a snapshot; None for each that does not exist for the caller."""
    tasks = tx.tasks.needing_snapshot(snapshot_id, worktree_id)
    sessions = [tx.sessions.get(id) for id in {task.session_id for task in tasks}]
    known = set(known_of(params, sessions))
    return [
        {"task_id": task.task_id, "session_id": task.session_id, "description": task.data.description}
        if task.session_id in known
        else None
        for task in tasks
    ]


def _refuse_needed(worktree: Worktree, snapshot_id: str, *, is_last: bool, tasks: list[Record | None]) -> None:
    """Raises Conflict with what is lost with a snapshot: what restoring begins with, the differences of tasks."""
    lost = []
    if is_last:
        lost.append(
            f"worktree {worktree.name!r} is gone from the disk, and only this snapshot can restore what was in it"
        )
    if tasks:
        whose = "a task" if len(tasks) == 1 else f"{len(tasks)} tasks"
        lost.append(f"the differences of {whose} are read from this snapshot")
    if lost:
        raise Conflict(
            f"{'; and '.join(lost)}; with `force` it is dropped all the same",
            worktree_id=worktree.worktree_id,
            snapshot_id=snapshot_id,
            is_last=is_last,
            tasks=[task for task in tasks if task is not None][:MOST_TASKS_NAMED],
        )


def shown(taken: git.Snapshot) -> Record:
    """A snapshot as clients see it."""
    return {
        "snapshot_id": taken.snapshot_id,
        "sha": taken.sha,
        "created_at": iso(taken.created_at),
        "reason": taken.reason,
        "branch": taken.branch,
    }
