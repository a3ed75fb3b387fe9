"""Worktrees: folders of their own for sessions, on branches of their own."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from agor_core import git
from agor_core.clock import iso
from agor_core.db import Database, Transaction
from agor_core.errors import BadRequest, Conflict, NotFound
from agor_core.feathers import Params
from agor_core.models import Worktree
from agor_core.models.schema import load_as
from agor_core.models.wire import to_wire
from agor_daemon.services.requests import RestoreRequest, WorktreeRequest
from agor_daemon.services.stored import PageSize, Record, StoredService, one, one_record, user_id_of
from agor_daemon.services.tasks import DIFF_PAGE, number

PATCHABLE = ("board_id", "notes", "issue_url", "pull_request_url", "archived")
LIVE = ("preparing", "ready", "missing")
BUSY = ("running", "awaiting_permission")


class WorktreesService(StoredService):
    """The service `worktrees`. `root`: the folder under which each gets its own, by repository and name."""

    def __init__(self, database: Database, root: Path) -> None:
        super().__init__(database, Worktree, PageSize(50, 1000), PATCHABLE)
        self._root = root

    async def create(self, data: Any, params: Params, *, snapshot: str | None = None) -> Record:
        """A worktree: first its row, not listed; then git; then it is `ready`. What fails leaves neither.

        `snapshot`: begin with everything it holds, uncommitted work included, on a new branch.
        """
        request = load_as(WorktreeRequest, one_record(data))
        name = git.check_worktree_name(request.name)
        branch = git.check_ref(request.branch or name)

        def prepare(tx: Transaction) -> tuple[Worktree, str]:
            repo = tx.repos.get(request.repo_id)
            if repo.status != "ready":
                raise Conflict(f"repository {repo.slug} is {repo.status}", repo_id=repo.repo_id)
            known = tx.worktrees.find_one(repo_id=repo.repo_id, name=name)
            if known is not None and known.status != "removed":
                raise Conflict(f"{repo.slug} has a worktree {name!r} already", worktree_id=known.worktree_id, name=name)
            if known is not None:
                raise Conflict(
                    f"{repo.slug} had a worktree {name!r}, which can be restored; take another name or restore it",
                    worktree_id=known.worktree_id,
                )
            worktree = Worktree(
                repo_id=repo.repo_id,
                name=name,
                status="preparing",
                board_id=request.board_id,
                created_by=user_id_of(params),
            )
            worktree.data.path = str(git.contained(self._root, repo.slug, git.folder_name(name)))
            worktree.data.notes = request.notes
            worktree.data.ref = branch
            return tx.worktrees.add(worktree), repo.data.local_path

        worktree, repository = await self._database.write(prepare)
        try:
            await asyncio.to_thread(Path(worktree.data.path).parent.mkdir, parents=True, exist_ok=True)
            if snapshot is not None:
                facts = await git.restore(repository, snapshot, worktree.data.path, branch=branch)
            else:
                facts = await git.add_worktree(repository, worktree.data.path, branch=branch, start=request.ref)
        except BaseException:
            await self._drop(worktree.worktree_id)
            raise
        notes = "\n".join(filter(None, (request.notes, *facts.notes))) or None
        made = {
            "ref": facts.ref,
            "base_ref": facts.base_ref,
            "base_sha": facts.base_sha,
            "new_branch": facts.new_branch,
            "tracking_branch": facts.tracking_branch,
            "last_commit_sha": facts.base_sha,
            "notes": notes,
        }
        ready = await self._database.write(lambda tx: tx.worktrees.ready(worktree.worktree_id, made))
        return to_wire(ready)

    async def patch(self, id: str | None, data: Any, params: Params) -> Record:
        """Change what people note about a worktree."""
        return await self.change(one(id, "patch"), data, params)

    async def get(self, id: str, params: Params) -> Record:
        """The record, with `dirty`, `ahead`, `behind` and `last_commit_sha` as git says them now."""
        record = await super().get(id, params)
        if record.get("status") != "ready" or "path" not in record:
            return record
        try:
            state = await git.status(record["path"])
        except NotFound:
            await self._database.write(lambda tx: tx.worktrees.patch(record["worktree_id"], {"status": "missing"}))
            return {**record, "status": "missing"}
        live = {"ref": state.branch, "dirty": state.dirty, "ahead": state.ahead, "behind": state.behind}
        return {**record, **live, "last_commit_sha": state.head_sha}

    async def remove(self, id: str | None, params: Params) -> Record:
        """Remove a clean worktree's folder; its branch and its row stay. Raises Conflict with the report if it is not.

        The query's `force` must be the `token` of that report: then the work is put into a snapshot first.
        """
        worktree_id = one(id, "remove")
        token = params.query.get("force")
        if token is not None and not isinstance(token, str):
            raise BadRequest("`force` must be the token of the report")

        def find(tx: Transaction) -> tuple[Worktree, str, list[str]]:
            worktree = tx.worktrees.get(worktree_id)
            running = tx.sessions.where(worktree_id=worktree_id, status=list(BUSY))
            repository = tx.repos.get(worktree.repo_id).data.local_path
            return worktree, repository, [session.session_id for session in running]

        worktree, repository, running = await self._database.read(find)
        if worktree.status == "removed":
            raise Conflict(f"worktree {worktree.name!r} is removed already", worktree_id=worktree_id)
        if running:
            raise Conflict(
                f"sessions run in worktree {worktree.name!r}; stop them first",
                report={"running_sessions": running},
                worktree_id=worktree_id,
            )
        changes: Record = {"status": "removed", "removal_snapshot_id": None}
        if worktree.status == "ready":
            path, name = worktree.data.path, worktree.name
            saved = await git.remove_worktree(repository, path, force=token is not None, token=token, name=name)
            changes["removal_snapshot_id"] = saved.snapshot_id if saved is not None else None
        return to_wire(await self._database.write(lambda tx: tx.worktrees.patch(worktree_id, changes)))

    async def status(self, id: str, params: Params) -> Record:
        """`{branch, upstream, ahead, behind, dirty, head_sha, files}`, as git says it now."""
        state = await git.status(await self._folder(id))
        files = [
            {
                "path": file.path,
                "staged": file.staged,
                "unstaged": file.unstaged,
                "kind": file.kind,
                "old_path": file.old_path,
            }
            for file in state.files
        ]
        return {
            "branch": state.branch,
            "upstream": state.upstream,
            "ahead": state.ahead,
            "behind": state.behind,
            "dirty": state.dirty,
            "head_sha": state.head_sha,
            "files": files,
        }

    async def diff(self, id: str, params: Params) -> Record:
        """`{files, total}` against the commit the worktree began at, or the query's `against`."""
        worktree = await self._database.read(lambda tx: tx.worktrees.get(id))
        against = params.query.get("against") or worktree.data.base_sha
        if not isinstance(against, str):
            raise BadRequest("`against` must be a commit or a branch")
        return await git.diff(
            await self._folder(id),
            against,
            only=params.query.get("path"),
            staged=params.query.get("staged") in (True, "true"),
            skip=number(params, "$skip", 0),
            limit=number(params, "$limit", DIFF_PAGE),
        )

    async def snapshot(self, id: str, data: Any, params: Params) -> Record | None:
        """Save what is uncommitted, without touching it: the snapshot, or null when there is nothing to save."""
        worktree = await self._database.read(lambda tx: tx.worktrees.get(id))
        taken = await git.snapshot(await self._folder(id), "asked for", name=worktree.name)
        return None if taken is None else _shown(taken)

    async def snapshots(self, id: str, params: Params) -> list[Record]:
        """The snapshots of a worktree, newest first; also of one that was removed."""
        worktree, repository = await self._database.read(lambda tx: _with_repository(tx, id))
        return [_shown(one) for one in await git.snapshots(repository, worktree.name)]

    async def restore(self, id: str, data: Any, params: Params) -> Record:
        """Bring a removed worktree back with everything a snapshot holds; by default its newest one.

        Where nothing was uncommitted when it was removed, its branch is checked out again.
        """
        request = load_as(RestoreRequest, one_record(data or {}))
        worktree, repository = await self._database.read(lambda tx: _with_repository(tx, id))
        if worktree.status not in ("removed", "missing"):
            raise Conflict(f"worktree {worktree.name!r} is {worktree.status}; remove it first", worktree_id=id)
        taken = request.snapshot_id or await self._newest_since(repository, worktree)
        path = worktree.data.path
        if taken is not None:
            facts = await git.restore(repository, taken, path)
        else:
            facts = await git.add_worktree(repository, path, branch=worktree.data.ref or worktree.name)
        notes = "\n".join(filter(None, (worktree.data.notes, *facts.notes))) or None
        changes = {"status": "ready", "ref": facts.ref, "notes": notes}
        return to_wire(await self._database.write(lambda tx: tx.worktrees.patch(id, changes)))

    @staticmethod
    async def _newest_since(repository: str, worktree: Worktree) -> str | None:
        """The snapshot that was taken when the worktree was removed; older ones are brought back only by their id."""
        newest = next(iter(await git.snapshots(repository, worktree.name)), None)
        if newest is None or newest.snapshot_id != worktree.data.removal_snapshot_id:
            return None
        return newest.snapshot_id

    async def recover(self) -> int:
        """Take away what a killed daemon left half made, settle what it was removing; how many were half made.

        What another daemon on this database makes, in its own home, is left alone.
        """
        await git.settle_removals(self._root)
        left = await self._database.read(
            lambda tx: [(w, tx.repos.get(w.repo_id).data.local_path) for w in tx.worktrees.where(status="preparing")]
        )
        own = [(worktree, repo) for worktree, repo in left if Path(worktree.data.path).is_relative_to(self._root)]
        for worktree, repository in own:
            await git.discard_half_made(repository, worktree.data.path, worktree.data.ref or worktree.name)
            await self._drop(worktree.worktree_id)
        return len(own)

    async def _drop(self, worktree_id: str) -> None:
        await self._database.write(lambda tx: tx.worktrees.remove(worktree_id))

    async def _folder(self, id: str) -> str:
        worktree = await self._database.read(lambda tx: tx.worktrees.get(id))
        if worktree.status != "ready":
            raise Conflict(f"worktree {worktree.name!r} is {worktree.status}", worktree_id=id)
        return worktree.data.path


def _with_repository(tx: Transaction, worktree_id: str) -> tuple[Worktree, str]:
    worktree = tx.worktrees.get(worktree_id)
    return worktree, tx.repos.get(worktree.repo_id).data.local_path


def _shown(taken: git.Snapshot) -> Record:
    """A snapshot as clients see it."""
    return {
        "snapshot_id": taken.snapshot_id,
        "sha": taken.sha,
        "created_at": iso(taken.created_at),
        "reason": taken.reason,
        "branch": taken.branch,
    }
