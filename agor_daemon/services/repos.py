"""Repos: the git repositories that sessions work on."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from agor_core import git
from agor_core.db import Database, Transaction
from agor_core.errors import BadRequest, Conflict, NotFound
from agor_core.feathers import Params
from agor_core.models import Repo
from agor_core.models.schema import load_as
from agor_core.models.wire import to_wire
from agor_daemon.services.cloning import Cloning
from agor_daemon.services.requests import CloneRequest, RepoRequest, RepoWorktreeRequest
from agor_daemon.services.stored import PageSize, Record, StoredService, one, one_record, reader_of, user_id_of
from agor_daemon.services.worktrees import WorktreesService


class ReposService(StoredService):
    """The service `repos`. `home`: where repositories of ours live; nothing in it can be registered in place."""

    def __init__(self, database: Database, home: Path, worktrees: WorktreesService, cloning: Cloning) -> None:
        super().__init__(database, Repo, PageSize(50, 1000), ("name", "default_branch"))
        self._home = home
        self._worktrees = worktrees
        self._cloning = cloning

    async def create(self, data: Any, params: Params) -> Record:
        """Register a repository where it is. Raises BadRequest for a path that is none, Conflict if it is known."""
        request = load_as(RepoRequest, one_record(data))
        facts = await self._inspect(request.local_path)

        def unit_of_work(tx: Transaction) -> Record:
            for known in tx.repos.where(status=["ready", "missing"]):
                if known.data.local_path == str(facts.root):
                    raise Conflict(
                        f"{facts.root} is registered already, as {known.slug}", repo_id=known.repo_id, slug=known.slug
                    )
            repo = Repo(slug=slug_for(tx, request.slug, facts.root.name), status="ready", created_by=user_id_of(params))
            repo.data.name = request.name or repo.slug
            repo.data.remote_url = facts.remote_url
            repo.data.local_path = str(facts.root)
            repo.data.managed_by_agor = False
            repo.data.default_branch = facts.default_branch
            return to_wire(tx.repos.add(repo))

        return await self._database.write(unit_of_work)

    async def _inspect(self, local_path: str) -> git.RepositoryFacts:
        path = Path(local_path)
        if not path.is_absolute():
            raise BadRequest("`local_path` must be absolute", errors={"local_path": ["must be an absolute path"]})
        if await asyncio.to_thread(self._is_ours, path):
            raise BadRequest(f"{path} is inside Agor's own home; register a repository of yours")
        try:
            facts = await git.inspect(path)
        except NotFound as error:
            raise BadRequest(error.message, errors={"local_path": ["no git repository"]}) from error
        if await asyncio.to_thread(self._is_ours, facts.root):
            raise BadRequest(f"{path} is inside Agor's own home; register a repository of yours")
        return facts

    def _is_ours(self, path: Path) -> bool:
        return path.resolve().is_relative_to(self._home.resolve())

    async def patch(self, id: str | None, data: Any, params: Params) -> Record:
        """Change the name, or the branch that counts as the default."""
        return await self.change(one(id, "patch"), data, params)

    async def remove(self, id: str | None, params: Params) -> Record:
        """Forget a repository. Raises Conflict while it has worktrees; files of the user's are never touched."""
        repo_id = one(id, "remove")

        def unit_of_work(tx: Transaction) -> Repo:
            left = tx.worktrees.where(repo_id=repo_id, status=["ready", "preparing", "missing"])
            if left:
                names = ", ".join(worktree.name for worktree in left[:10])
                raise Conflict(
                    f"the repository still has worktrees ({names}); remove those first",
                    worktrees=[worktree.worktree_id for worktree in left],
                )
            return tx.repos.remove(repo_id)

        return to_wire(await self._database.write(unit_of_work))

    async def clone(self, data: Any, params: Params) -> Record:
        """Fetch a repository in the background: the record at once, `cloning`; progress comes as events."""
        request = load_as(CloneRequest, one_record(data))
        return await self._cloning.begin(request, params)

    async def read_worktrees(self, id: str, params: Params) -> Record:
        """The worktrees of a repository, as a page of `worktrees`."""
        reader, query = reader_of(params), {**params.query, "repo_id": id}
        found: Record = await self._database.read(lambda tx: tx.worktrees.page(query, reader, 50, 1000))
        return found

    async def add_worktree(self, id: str, data: Any, params: Params) -> Record:
        """As `worktrees.create`."""
        request = load_as(RepoWorktreeRequest, one_record(data))
        return await self._worktrees.create({**request.model_dump(), "repo_id": id}, params)

    async def remove_worktree(self, id: str, sub: str, params: Params) -> Record:
        """As `worktrees.remove`; `sub` is the name."""
        worktree = await self._database.read(lambda tx: tx.worktrees.find_one(repo_id=id, name=sub))
        if worktree is None:
            raise NotFound(f"the repository has no worktree {sub!r}", name=sub)
        return await self._worktrees.remove(worktree.worktree_id, params)


def slug_for(tx: Transaction, wanted: str | None, proposal: str) -> str:
    """A slug that is free: the wanted one or Conflict; else one made of `proposal`, numbered if it is taken."""
    if wanted is not None:
        slug = git.check_slug(wanted)
        if tx.repos.find_one(slug=slug) is not None:
            raise Conflict(f"there is a repository {slug!r} already", slug=slug)
        return slug
    stem = git.slug_of(proposal)
    slug, number = stem, 2
    while tx.repos.find_one(slug=slug) is not None:
        slug, number = f"{stem}-{number}", number + 1
    return slug
