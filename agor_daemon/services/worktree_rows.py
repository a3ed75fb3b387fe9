"""What making a worktree and restoring one share: the row, when git fails, and what it says when git is done."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from agor_core import git
from agor_core.db import Database, Transaction


async def forget(database: Database, worktree_id: str) -> None:
    """Have no row of what could not be made; of what could not be restored, the row it had."""

    def unit_of_work(tx: Transaction) -> None:
        if tx.worktrees.get(worktree_id).data.is_restored:
            again = {"status": "removed", "is_restored": False}
            tx.worktrees.patch(worktree_id, again, announce=False)
        else:
            tx.worktrees.remove(worktree_id)

    await database.write(unit_of_work)


async def identity_of(repository: str, path: Path) -> str | None:
    """By what git itself knows the worktree at `path`, wherever it is moved to."""
    listed = await git.linked_worktrees(repository)
    return next((one.identity for one in listed if one.path == path), None)


def joined(notes: str | None, more: Sequence[str]) -> str | None:
    """What people noted, and what is to be told of how it was made."""
    return "\n".join(filter(None, (notes, *more))) or None
