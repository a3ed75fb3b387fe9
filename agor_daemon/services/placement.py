"""Where a session works: in a worktree of ours, or in a folder of the daemon's machine."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from agor_core import git
from agor_core.db import Database, Transaction
from agor_core.errors import BadRequest, Conflict, ServiceError
from agor_core.models import GitState, Repo, RepoRef, Session
from agor_core.models.session import project_of

log = logging.getLogger(__name__)

# Sessions that are changed in one transaction: others who write wait some 50 ms.
AT_ONCE = 100


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder to work in; the rest where there is git. `subfolder`: of the checkout, None at its root."""

    path: str
    checkout: git.Checkout | None = None
    subfolder: str | None = None
    git_state: GitState | None = None


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
        return Folder(str(folder))
    subfolder, state = await asyncio.to_thread(_below, checkout, cwd), await git.state(checkout.root)
    return Folder(str(folder), checkout, subfolder, GitState(ref=state.ref, base_sha=state.sha, current_sha=state.text))


def place_in_folder(tx: Transaction, session: Session, folder: Folder) -> None:
    """Let `session` work in a folder, which may be part of a repository we know, but is no worktree of ours to it."""
    repo = tx.repos.at(str(folder.checkout.repository)) if folder.checkout is not None else None
    session.data.repo = RepoRef(cwd=folder.path)
    if repo is not None:
        session.data.repo.repo_id, session.data.repo.repo_slug = repo.repo_id, repo.slug
        session.data.repo.subfolder = folder.subfolder
    session.data.git_state = folder.git_state


async def take_in(database: Database) -> None:
    """Let the sessions that began in folders of a repository before it was registered be found by it; each announced.

    For all repositories of which that is not done, such as those that were registered by a version that did not, or
    when the daemon was killed meanwhile. What stands as an answer for the sessions' project counts where it did before,
    and what is answered for the repository's sessions does not count in them.
    """
    repos: list[Repo] = await database.read(lambda tx: tx.repos.where(status="ready"))
    waiting = {repo.data.local_path: repo.repo_id for repo in repos if not repo.data.has_taken_in}
    # What is not on this disk may be on that of another daemon, or come back.
    here = {path: waiting[path] for path in await asyncio.to_thread(lambda: list(filter(_is_folder, waiting)))}
    if not here:
        return
    outside = await database.read(lambda tx: tx.sessions.outside_repositories())
    for cwd in await asyncio.to_thread(lambda: list(filter(_is_folder, outside))):
        checkout = await git.checkout_of(cwd)
        repo_id = here.get(str(checkout.repository)) if checkout is not None else None
        if checkout is None or repo_id is None:
            continue
        below = await asyncio.to_thread(_below, checkout, cwd)
        for first in range(0, len(outside[cwd]), AT_ONCE):
            ids = outside[cwd][first : first + AT_ONCE]
            await database.write(lambda tx, id=repo_id, ids=ids, below=below: _take_in(tx, id, ids, below))  # type: ignore[misc]
    await database.write(lambda tx: _note_taken_in(tx, here.values()))


async def go_on_taking_in(database: Database) -> None:
    """The same when the daemon starts; what cannot be done now is done at the next start."""
    try:
        await take_in(database)
    except ServiceError as error:
        log.warning("sessions from before their repository was registered do not all know it yet: %s", error)


def _note_taken_in(tx: Transaction, repo_ids: Iterable[str]) -> None:
    for repo in tx.repos.where(repo_id=list(repo_ids)):
        tx.repos.patch(repo.repo_id, {"has_taken_in": True}, announce=False)


def _take_in(tx: Transaction, repo_id: str, session_ids: Sequence[str], subfolder: str | None) -> None:
    repo = tx.repos.find_one(repo_id=repo_id)
    if repo is None:
        return  # it was forgotten meanwhile
    session: Session
    for session in tx.sessions.where(session_id=list(session_ids)):
        place = session.data.repo
        if place is None or session.worktree_id is not None or tx.repos.find_one(repo_id=place.repo_id) is not None:
            continue  # somebody placed it elsewhere meanwhile
        known = {"repo_id": repo.repo_id, "repo_slug": repo.slug, "subfolder": subfolder}
        now = {**place.model_dump(), **known, "project": project_of(session)}
        tx.sessions.patch(session.session_id, {"repo": now})


def _is_folder(cwd: str) -> bool:
    return "\0" not in cwd and Path(cwd).is_absolute() and Path(cwd).is_dir()


def _below(checkout: git.Checkout, cwd: str) -> str | None:
    """Where in the checkout a folder is; None at its root."""
    below = os.path.relpath(os.path.realpath(cwd), checkout.root)
    return below if below != "." else None
