"""Repos: the git repositories that sessions work on."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import asdict
from pathlib import Path
from typing import Any

from agor_core import git
from agor_core.db import Database, Transaction
from agor_core.errors import BadRequest, Conflict, Forbidden, NotFound, ServiceError
from agor_core.feathers import Params
from agor_core.models import Repo, Session
from agor_core.models.schema import load_as
from agor_core.models.wire import to_wire
from agor_daemon.access import Rule, may_change
from agor_daemon.services.cloning import Cloning
from agor_daemon.services.placement import take_in
from agor_daemon.services.removal import BUSY
from agor_daemon.services.requests import CloneRequest, RepoRequest, RepoWorktreeRequest
from agor_daemon.services.stored import (
    PageSize,
    Record,
    StoredService,
    known_of,
    may_touch_disk,
    one,
    one_record,
    user_id_of,
)
from agor_daemon.services.worktrees import WorktreesService

log = logging.getLogger(__name__)


class ReposService(StoredService):
    """The service `repos`. `home`: where repositories of ours live; nothing in it can be registered in place."""

    def __init__(self, database: Database, home: Path, worktrees: WorktreesService, cloning: Cloning) -> None:
        super().__init__(database, Repo, PageSize(50, 1000), ("name", "default_branch"))
        self._home = home
        self._worktrees = worktrees
        self._cloning = cloning

    async def create(self, data: Any, params: Params) -> Record:
        """Register a repository where it is, and let the sessions that began in its folders know it.

        Raises BadRequest for a path that is none, Conflict if it is known.
        """
        request = load_as(RepoRequest, one_record(data))
        facts = await self._inspect(request.local_path)

        def unit_of_work(tx: Transaction) -> Record:
            if (known := tx.repos.at(str(facts.root))) is not None:
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

        record = await self._database.write(unit_of_work)
        await self._worktrees.settle(record["repo_id"])
        await take_in(self._database)
        return record

    async def find(self, params: Params) -> Record:
        """A page; a repository that is gone from the disk is `missing`, and `ready` again once it is back."""
        await self._worktrees.settle()
        return await super().find(params)

    async def get(self, id: str, params: Params) -> Record:
        """The record, with `branches`: `[{name, sha, remote}]`, the latest first, that worktrees can be made of.

        `remote` is null for a local branch, else the remote that has it.
        """
        await self._worktrees.settle(id)
        query = params.query
        select = [query["$select"]] if isinstance(query.get("$select"), str) else query.get("$select")
        wants_branches = select is None or (isinstance(select, list) and "branches" in select)
        if select is not None and wants_branches:
            query = {**query, "$select": [name for name in select if name != "branches"]}
        record = await super().get(id, params.replace(query=query))
        if wants_branches:
            record["branches"] = await self._branches(id)
        return record

    async def _branches(self, id: str) -> list[Record]:
        repo: Repo = await self._database.read(lambda tx: tx.repos.get(id))
        if repo.status != "ready":
            return []
        try:
            return [asdict(branch) for branch in await git.branches(repo.data.local_path)]
        except ServiceError as error:
            log.warning("cannot list the branches of %s: %s", repo.slug, error)
            return []

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
        repo_id, sent = one(id, "patch"), one_record(data)
        besides = {"branches": await self._branches(repo_id)} if "branches" in sent else None
        return await self.change(repo_id, sent, params, besides=besides)

    async def remove(self, id: str | None, params: Params) -> Record:
        """Forget a repository. Raises Conflict while it has worktrees of ours, or sessions run in it.

        One that is being cloned is cancelled, and nothing of it stays. Files of the user's are never touched, so that
        worktrees which were there already are forgotten with it. A clone of ours is deleted if all of it is pushed,
        else it is only put aside, as `.removed-…` beside the others.
        """
        repo_id = one(id, "remove")
        await self._database.read(lambda tx: self.matching(tx, repo_id, params))
        await self._cloning.cancel(repo_id)
        await self._worktrees.settle(repo_id)
        repo = await self._database.read(lambda tx: _free_to_go(tx, repo_id, params))
        aside = await self._cloning.put_aside(repo) if repo.data.managed_by_agor else None

        def unit_of_work(tx: Transaction) -> Repo:
            self.matching(tx, repo_id, params)
            _free_to_go(tx, repo_id, params)
            return tx.repos.remove(repo_id)

        try:
            removed = to_wire(await self._database.write(unit_of_work))
        except BaseException:
            if aside is not None:
                await asyncio.shield(self._cloning.put_back(repo, aside))
            raise
        if aside is not None:
            await self._cloning.delete_if_pushed(aside)
        return removed

    async def clone(self, data: Any, params: Params) -> Record:
        """Fetch a repository in the background: the record at once, `cloning`; progress comes as events."""
        request = load_as(CloneRequest, one_record(data))
        if git.is_local_url(request.url):
            may_touch_disk(params, "clone from the daemon's own disk")
        return await self._cloning.begin(request, params)

    async def read_worktrees(self, id: str, params: Params) -> Record:
        """The worktrees of a repository, as a page of `worktrees`."""
        return await self._worktrees.find(params.replace(query={**params.query, "repo_id": id}))

    async def add_worktree(self, id: str, data: Any, params: Params) -> Record:
        """As `worktrees.create`."""
        request = load_as(RepoWorktreeRequest, one_record(data))
        return await self._worktrees.create({**request.model_dump(), "repo_id": id}, params)

    async def remove_worktree(self, id: str, sub: str, params: Params) -> Record:
        """As `worktrees.remove`; `sub` is the name."""
        worktree = await self._database.read(lambda tx: tx.worktrees.find_one(repo_id=id, name=sub))
        if worktree is None:
            raise NotFound(f"the repository has no worktree {sub!r}", name=sub)
        facts = {"created_by": worktree.created_by}
        if params.user is not None and not may_change(params.user, Rule.CHANGE_CREATED, facts):
            raise Forbidden("this worktree is not yours to remove", worktree_id=worktree.worktree_id)
        return await self._worktrees.remove(worktree.worktree_id, params)


def _free_to_go(tx: Transaction, repo_id: str, params: Params) -> Repo:
    """The repo, if it can be forgotten. Raises Conflict."""
    repo = tx.repos.get(repo_id)
    worktrees = tx.worktrees.where(repo_id=repo_id, status=["ready", "preparing", "missing"])
    left = [one for one in worktrees if one.data.managed_by_agor or repo.data.managed_by_agor]
    if left:
        names = ", ".join(worktree.name for worktree in left[:10])
        raise Conflict(
            f"the repository still has worktrees ({names}); remove those first",
            worktrees=[worktree.worktree_id for worktree in left],
        )
    busy: list[Session] = tx.sessions.where(status=list(BUSY))
    running = [one for one in busy if one.data.repo is not None and one.data.repo.repo_id == repo_id]
    if running:
        raise Conflict(
            "sessions run in this repository; stop them first",
            sessions=known_of(params, running),
        )
    return repo


def slug_for(tx: Transaction, wanted: str | None, proposal: str) -> str:
    """A slug that is free: the wanted one or Conflict; else one made of `proposal`, numbered if it is taken."""
    if wanted is not None:
        slug = git.check_slug(wanted)
        if _is_taken(tx, slug):
            raise Conflict(f"there is a repository {slug!r} already", slug=slug)
        return slug
    stem = git.slug_of(proposal)
    slug, number = stem, 2
    while _is_taken(tx, slug):
        slug, number = f"{stem}-{number}", number + 1
    return slug


def _is_taken(tx: Transaction, slug: str) -> bool:
    """Whether a repository has this slug; one that could not be cloned makes room for the next attempt."""
    known = tx.repos.find_one(slug=slug)
    if known is not None and known.status == "failed":
        tx.repos.remove(known.repo_id)
        return False
    return known is not None
