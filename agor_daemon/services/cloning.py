"""Clones in the background, each told as it goes; a failed one leaves nothing behind but its reason."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

from agor_core import git
from agor_core.db import Database, Transaction
from agor_core.errors import ServiceError
from agor_core.feathers import Params
from agor_core.models import Repo
from agor_core.models.wire import to_wire
from agor_daemon.services.requests import CloneRequest
from agor_daemon.services.stored import Record, user_id_of
from agor_daemon.services.worktrees import WorktreesService
from agor_daemon.supervisor import Supervisor

log = logging.getLogger(__name__)

# Between the others, but never taken for one: no slug begins with a dot.
_REMOVED = ".removed-"

Emit = Callable[[str, str, dict[str, Any]], None]


class Cloning:
    """Owns clones. `root`: the folder under which each gets its own, named by its slug."""

    def __init__(
        self, database: Database, supervisor: Supervisor, root: Path, emit: Emit, worktrees: WorktreesService
    ) -> None:
        self._worktrees = worktrees
        self._database = database
        self._supervisor = supervisor
        self._root = root
        self._emit = emit
        self._running: dict[str, asyncio.Task[None]] = {}
        self._cancelled: set[str] = set()

    async def begin(self, request: CloneRequest, params: Params) -> Record:
        """The repository as `cloning`. Raises BadRequest for a bad URL, Conflict for a slug that is taken."""
        from agor_daemon.services.repos import slug_for  # the services of both need the other

        url = git.check_url(request.url)

        def unit_of_work(tx: Transaction) -> Repo:
            slug = slug_for(tx, request.slug, url)
            repo = Repo(slug=slug, status="cloning", created_by=user_id_of(params))
            repo.data.name = slug
            repo.data.remote_url = git.scrub_url(url)
            repo.data.local_path = str(git.contained(self._root, slug))
            repo.data.managed_by_agor = True
            return tx.repos.add(repo)

        repo = await self._database.write(unit_of_work)
        running = self._supervisor.start(self._clone(repo, url, params), name=f"clone of {repo.slug}")
        self._running[repo.repo_id] = running
        running.add_done_callback(lambda _: self._running.pop(repo.repo_id))
        return to_wire(repo)

    async def cancel(self, repo_id: str) -> None:
        """End the clone of a repository, if it is still going on; nothing of it stays on the disk."""
        running = self._running.get(repo_id)
        status = (await self._database.read(lambda tx: tx.repos.get(repo_id))).status
        if running is None or status != "cloning":
            return
        self._cancelled.add(repo_id)
        running.cancel()
        await asyncio.wait([running])
        self._cancelled.discard(repo_id)

    async def put_aside(self, repo: Repo) -> Path | None:
        """Take a clone of ours out of the way; where it is now. None if there is none on the disk."""
        folder = Path(repo.data.local_path)
        if not await asyncio.to_thread(folder.is_dir):
            return None
        aside = folder.with_name(f"{_REMOVED}{folder.name}-{repo.repo_id}")
        await asyncio.to_thread(folder.rename, aside)
        return aside

    async def put_back(self, repo: Repo, aside: Path) -> None:
        """Undo `put_aside`."""
        await asyncio.to_thread(aside.rename, repo.data.local_path)

    async def delete_if_pushed(self, aside: Path) -> None:
        """Delete a clone that was put aside, unless it has anything that its remote has not; then it stays there."""
        if not await git.has_own_work(aside):
            await git.delete_clone(aside)
        else:
            log.warning("%s has work that was never pushed; it is kept", aside)

    async def _clone(self, repo: Repo, url: str, params: Params) -> None:
        def tell(progress: git.CloneProgress) -> None:
            facts = {"stage": progress.stage, "done": progress.done, "total": progress.total}
            bytes_and_share = {"percent": progress.percent, "received_bytes": progress.received_bytes}
            self._emit("repos", "clone:progress", {"repo_id": repo.repo_id, **facts, **bytes_and_share})

        changes: dict[str, Any] = {"status": "failed", "error": "the daemon was stopped while it cloned"}
        try:
            await asyncio.to_thread(Path(repo.data.local_path).parent.mkdir, parents=True, exist_ok=True)
            facts = await git.clone(url, repo.data.local_path, tell)
            changes = {"status": "ready", "default_branch": facts.default_branch, "error": None}
        except ServiceError as error:
            changes = {"status": "failed", "error": error.message}
        finally:
            if repo.repo_id not in self._cancelled:
                await self._database.write(lambda tx: tx.repos.patch(repo.repo_id, changes))
        if changes["status"] == "ready":
            await self._make_first_worktree(repo, facts, params)

    async def _make_first_worktree(self, repo: Repo, facts: git.RepositoryFacts, params: Params) -> None:
        if facts.default_branch is None or facts.is_empty:
            return
        # A branch may be called what no worktree can.
        first = {"repo_id": repo.repo_id, "name": git.name_for(facts.default_branch), "branch": facts.default_branch}
        try:
            await self._worktrees.create(first, params.replace(query={}))
        except ServiceError as error:
            log.warning("%s is cloned, but has no worktree yet: %s", repo.slug, error)

    async def recover(self) -> int:
        """Take away what a killed daemon left half cloned in this home, and mark its record; how many there were."""
        await git.sweep_clones(self._root)

        def unit_of_work(tx: Transaction) -> int:
            cloning = tx.repos.where(status="cloning")
            left = [repo for repo in cloning if Path(repo.data.local_path).is_relative_to(self._root)]
            for repo in left:
                tx.repos.patch(repo.repo_id, {"status": "failed", "error": "the daemon was killed while it cloned"})
            return len(left)

        return await self._database.write(unit_of_work)
