"""Worktrees: folders of their own for sessions, on branches of their own."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from agor_core import git
from agor_core.db import Database, Transaction
from agor_core.errors import BadRequest, Conflict, ServiceError
from agor_core.feathers import Params
from agor_core.models import Repo, Worktree
from agor_core.models.schema import load_as
from agor_core.models.wire import to_wire
from agor_daemon.services.adoption import Adoption
from agor_daemon.services.removal import QUERY_OF_REMOVE, Removal, shown
from agor_daemon.services.requests import RestoreRequest, WorktreeRequest
from agor_daemon.services.standing import FIELDS, Standing
from agor_daemon.services.stored import PageSize, Record, StoredService, one, one_record, user_id_of
from agor_daemon.services.tasks import DIFF_PAGE, number
from agor_daemon.services.worktree_rows import forget, identity_of, joined
from agor_daemon.supervisor import Supervisor

log = logging.getLogger(__name__)

PATCHABLE = ("board_id", "notes", "issue_url", "pull_request_url", "archived")


class WorktreesService(StoredService):
    """The service `worktrees`. `root`: the folder under which each gets its own, by repository and name.

    `owner`: what the locks of this daemon begin with. `limit_s`: how long a list waits for git.
    """

    def __init__(self, database: Database, supervisor: Supervisor, root: Path, owner: str, limit_s: float) -> None:
        super().__init__(database, Worktree, PageSize(50, 1000), PATCHABLE)
        self._root = root
        self._owner = owner
        self._adoption = Adoption(database, root, limit_s)
        self._removal = Removal(database, self._adoption)
        self._standing = Standing(database, supervisor, limit_s)

    async def settle(self, repo_id: str | None = None) -> None:
        """Bring the rows of one repository, or of all, up to date with what was done there with plain git."""
        await self._adoption.settle(repo_id)

    async def find(self, params: Params) -> Record:
        """A page, as git says it now: also what somebody made, moved or removed with plain git is in it."""
        repo_id = params.query.get("repo_id")
        await self.settle(repo_id if isinstance(repo_id, str) else None)
        page = await super().find(params)
        select = params.query.get("$select")
        if select is None or not {*select}.isdisjoint((*FIELDS, "status")):
            page["data"] = await self._as_they_stand(page["data"])
        return page

    async def _as_they_stand(self, records: list[Record]) -> list[Record]:
        ids = [record["worktree_id"] for record in records]
        rows = await self._database.read(lambda tx: tx.worktrees.where(worktree_id=ids, status="ready"))
        found = await self._standing.of(rows)
        return [_with_facts(record, found.get(record["worktree_id"], {})) for record in records]

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

        with self._adoption.at_work(request.repo_id):
            worktree, repository = await self._database.write(prepare)
            try:
                await asyncio.to_thread(Path(worktree.data.path).parent.mkdir, parents=True, exist_ok=True)
                if snapshot is not None:
                    facts = await git.restore(repository, snapshot, worktree.data.path, branch=branch)
                else:
                    facts = await git.add_worktree(repository, worktree.data.path, branch=branch, start=request.ref)
            except BaseException:
                await forget(self._database, worktree.worktree_id)
                raise
            made = {
                "ref": facts.ref,
                "base_ref": facts.base_ref,
                "base_sha": facts.base_sha,
                "new_branch": facts.new_branch,
                "tracking_branch": facts.tracking_branch,
                "last_commit_sha": facts.base_sha,
                "dirty": snapshot is not None,
                "git_identity": await identity_of(repository, facts.path),
                "notes": joined(request.notes, facts.notes),
            }
            ready = await self._database.write(lambda tx: tx.worktrees.ready(worktree.worktree_id, made))
        return to_wire(ready)

    async def patch(self, id: str | None, data: Any, params: Params) -> Record:
        """Change what people note about a worktree."""
        return await self.change(one(id, "patch"), data, params)

    async def get(self, id: str, params: Params) -> Record:
        """The record, with `dirty`, `ahead`, `behind` and `last_commit_sha` as git says them now."""
        await self._adoption.settle_around(id)
        record = await super().get(id, params)
        (standing,) = await self._as_they_stand([record])
        return standing

    async def remove(self, id: str | None, params: Params) -> Record:
        """Remove a clean worktree's folder; its branch and its row stay. Raises Conflict with the report if it is not.

        The query's `force` must be the `token` of that report: then the work is put into a snapshot first.
        `branch=delete` deletes the branch too, which must be merged or pushed, or is in the snapshot.
        """
        worktree_id = one(id, "remove")
        await self._database.read(lambda tx: self.matching(tx, worktree_id, params, QUERY_OF_REMOVE))
        return await self._removal.remove(worktree_id, params)

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
        return None if taken is None else shown(taken)

    async def snapshots(self, id: str, params: Params) -> list[Record]:
        """The snapshots of a worktree, newest first; also of one that was removed."""
        return await self._removal.snapshots(id)

    async def drop_snapshot(self, id: str, sub: str, params: Params) -> Record:
        """Forget a snapshot of the worktree for good; what it was.

        Raises NotFound if the worktree has no such one. Conflict, unless the query says `force=true`, for one that
        restoring a removed worktree begins with, or that the differences of tasks are read from: `{is_last, tasks:
        [{task_id, session_id, description}]}`.
        """
        return await self._removal.drop_snapshot(id, sub, params)

    async def restore(self, id: str, data: Any, params: Params) -> Record:
        """Bring a removed worktree back with everything a snapshot holds; by default its newest one.

        Where nothing was uncommitted when it was removed, its branch is checked out again.
        """
        return await self._removal.restore(id, load_as(RestoreRequest, one_record(data or {})))

    async def look_after_run(self, session_id: str) -> None:
        """Ask git how the worktree of a session stands now that its agent is done; what changed is announced."""

        def find(tx: Transaction) -> list[Worktree]:
            session = tx.sessions.find_one(session_id=session_id)
            if session is None or session.worktree_id is None:
                return []
            found: list[Worktree] = tx.worktrees.where(worktree_id=session.worktree_id, status="ready")
            return found

        await self._standing.of(await self._database.read(find))

    async def recover(self) -> int:
        """Take away what a killed daemon left half made, settle what it was removing; how many were taken away.

        What another daemon on this database makes, in its own home, is left alone. One that a person has to look at
        keeps nobody from working elsewhere: it is left as it is, and tried again at the next start.
        """
        await git.settle_removals(self._root)
        await self._unlock()
        left = await self._database.read(
            lambda tx: [(w, tx.repos.get(w.repo_id).data.local_path) for w in tx.worktrees.where(status="preparing")]
        )
        own = [(worktree, repo) for worktree, repo in left if Path(worktree.data.path).is_relative_to(self._root)]
        cleared = 0
        for worktree, repository in own:
            try:
                await git.discard_half_made(repository, worktree.data.path, worktree.data.ref or worktree.name)
            except ServiceError as error:
                log.warning("cannot take away the half-made worktree %s: %s", worktree.name, error)
                continue
            await forget(self._database, worktree.worktree_id)
            cleared += 1
        return cleared

    async def _unlock(self) -> None:
        """Undo the locks of runs that a killed daemon could not."""
        repos: list[Repo] = await self._database.read(lambda tx: tx.repos.where(status="ready"))
        for repo in repos:
            try:
                await git.release_leftovers(repo.data.local_path, self._owner)
            except ServiceError as error:
                log.warning("cannot look for locks in %s: %s", repo.slug, error)

    async def _folder(self, id: str) -> str:
        worktree = await self._database.read(lambda tx: tx.worktrees.get(id))
        if worktree.status != "ready":
            raise Conflict(f"worktree {worktree.name!r} is {worktree.status}", worktree_id=id)
        return worktree.data.path


def _with_facts(record: Record, facts: Mapping[str, Any]) -> Record:
    return {**record, **{name: value for name, value in facts.items() if name in record}}
