"""Where a session works: in a worktree of ours, or in a folder of the daemon's machine."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path

from agor_core import git
from agor_core.db import Transaction
from agor_core.errors import BadRequest, Conflict
from agor_core.models import GitState, RepoRef, Session


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder that sessions can work in; `checkout` and `git_state` where there is git."""

    path: str
    checkout: git.Checkout | None
    git_state: GitState | None


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


async def folder_at(cwd: str) -> Folder:
    """The folder `cwd`. Raises BadRequest if that is none, or not an absolute path."""
    folder = Path(cwd)
    if not folder.is_absolute() or not await asyncio.to_thread(folder.is_dir):
        raise BadRequest(f"`cwd` must be an existing folder, as an absolute path: {cwd}", errors={"cwd": ["no folder"]})
    checkout = await git.checkout_of(folder)
    if checkout is None:
        return Folder(str(folder), None, None)
    state = await git.state(checkout.root)
    return Folder(str(folder), checkout, GitState(ref=state.ref, base_sha=state.sha, current_sha=state.text))


def place_in_folder(tx: Transaction, session: Session, folder: Folder) -> None:
    """Let `session` work in a folder, which may be part of a repository we know, but is no worktree of ours to it.

    A repository that is registered later does not become its: what stands as an answer for all of a project would reach
    further than whoever gave it for one folder was told.
    """
    repo = tx.repos.at(str(folder.checkout.repository)) if folder.checkout is not None else None
    session.data.repo = RepoRef(cwd=folder.path)
    if repo is not None:
        session.data.repo.repo_id, session.data.repo.repo_slug = repo.repo_id, repo.slug
    session.data.git_state = folder.git_state
