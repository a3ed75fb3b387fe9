"""Repos: registered git repositories."""

from __future__ import annotations

from collections.abc import Sequence

from typing_extensions import override

from agor_core.db.reader import Reader
from agor_core.db.repositories.base import Repository
from agor_core.db.repositories.statements import ids_by
from agor_core.models import Repo


class RepoRepository(Repository[Repo]):
    """The repos."""

    entity, path, id_field, noun = Repo, "repos", "repo_id", "repo"

    @override
    def computed(self, ids: Sequence[str], reader: Reader | None) -> dict[str, list[str]]:
        worktrees = self.tx.worktrees
        table = worktrees.table
        return ids_by(self.tx, table.c.repo_id, table, "worktree_id", ids, *worktrees.implied({}))

    @override
    def before_removal(self, entity: Repo) -> None:
        for worktree in self.tx.worktrees.where(repo_id=entity.repo_id):
            self.tx.worktrees.remove(worktree.worktree_id)

    @override
    def describe(self, entity: Repo) -> str:
        return entity.slug
