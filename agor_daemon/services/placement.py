"""Where a session works: in a worktree of ours, or in a folder of the daemon's machine."""

from __future__ import annotations

import asyncio
from pathlib import Path

from agor_core import git
from agor_core.db import Transaction
from agor_core.errors import BadRequest, Conflict
from agor_core.models import GitState, RepoRef, Session

Place = tuple[RepoRef, GitState | None]
"""(`repo`, `git_state`) of a session."""


def place_in_worktree(tx: Transaction, session: Session, worktree_id: str) -> None:
    """Let `session` work in a worktree. Raises Conflict if the worktree cannot be worked in now."""
    worktree = tx.worktrees.get(worktree_id)
    if worktree.status != "ready":
        raise Conflict(f"worktree {worktree.name!r} is {worktree.status}", worktree_id=worktree_id)
    repo = tx.repos.get(worktree.repo_id)
    session.worktree_id = worktree_id
    session.data.repo = RepoRef(
        repo_id=repo.repo_id,
        repo_slug=repo.slug,
        worktree_name=worktree.name,
        cwd=worktree.data.path,
        managed_worktree=worktree.data.managed_by_agor,
    )
    sha = worktree.data.last_commit_sha or worktree.data.base_sha
    session.data.git_state = GitState(ref=worktree.data.ref, base_sha=sha, current_sha=sha)


async def place_in_folder(cwd: str) -> Place:
    """What a session in the folder `cwd` stores. Raises BadRequest if that is no folder, or not an absolute path."""
    folder = Path(cwd)
    if not folder.is_absolute() or not await asyncio.to_thread(folder.is_dir):
        raise BadRequest(f"`cwd` must be an existing folder, as an absolute path: {cwd}", errors={"cwd": ["no folder"]})
    repo = RepoRef(cwd=str(folder))
    root = await git.root_of(folder)
    if root is None:
        return repo, None
    state = await git.state(root)
    return repo, GitState(ref=state.ref, base_sha=state.sha, current_sha=state.text)
