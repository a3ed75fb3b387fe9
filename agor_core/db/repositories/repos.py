"""Repos: registered git repositories."""

from __future__ import annotations

from typing_extensions import override

from agor_core.db.repositories.base import Repository
from agor_core.db.repositories.statements import Members
from agor_core.models import Repo


class RepoRepository(Repository[Repo]):
    """The repos."""

    entity, path, id_field, noun = Repo, "repos", "repo_id", "repo"

    def at(self, local_path: str) -> Repo | None:
        """The repo that lies, or lay, at `local_path`."""
        known = self.where(status=["ready", "missing"])
        return next((repo for repo in known if repo.data.local_path == local_path), None)

    @override
    def members(self, is_restricted: bool) -> Members:
        worktrees = self.tx.worktrees
        table = worktrees.table
        return Members(table.c.repo_id, table.c.worktree_id, table.c.created_at, worktrees.implied({}))

    @override
    def before_removal(self, entity: Repo) -> None:
        for worktree in self.tx.worktrees.where(repo_id=entity.repo_id):
            self.tx.worktrees.remove(worktree.worktree_id)

    @override
    def describe(self, entity: Repo) -> str:
        return entity.slug
