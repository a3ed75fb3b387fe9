"""Bringing saved work back: into the worktree it was in, or into a new one beside it."""

from __future__ import annotations

from functools import partial
from itertools import chain, count
from pathlib import Path

from agor_core.git.names import check_ref
from agor_core.git.program import run_git
from agor_core.git.remotes import fetch_start
from agor_core.git.snapshots import Snapshot, find_snapshot, lay_down
from agor_core.git.worktrees import Start, WorktreeFacts, add_worktree, is_free, make_worktree, sha_of
from agor_core.ids import short


async def restore(
    repository: Path | str, snapshot_id: str, path: Path | str, *, branch: str | None = None
) -> WorktreeFacts:
    """A worktree at `path` with everything the snapshot holds: files, what was staged, and conflicts.

    `path` must not exist. `branch`: a new one, beginning at the snapshot's commit; None takes the branch it was on, if
    that is gone or still where it was, and checked out nowhere; else a new one beside it, and a note says so.
    Raises NotFound, BadRequest, Conflict.
    """
    saved = await find_snapshot(repository, snapshot_id)
    head = saved.head_sha or saved.sha
    notes: list[str] = []
    if branch is not None:
        check_ref(branch)
    else:
        branch = await _branch_for(repository, saved, head)
        if saved.branch is not None and branch != saved.branch:
            notes.append(f"{saved.branch} has moved on or is in use, so this is on a new branch, {branch}")
    if saved.left_out:
        notes.append(f"not in the snapshot, since they are repositories of their own: {', '.join(saved.left_out)}")
    exists = await sha_of(repository, f"refs/heads/{branch}") == head and branch == saved.branch
    start = Start(branch if exists else head, head, new_branch=not exists, tracking=None)
    # Where there was no commit yet, the branch begins at the snapshot itself, and nothing needs to be laid on top.
    fill = partial(lay_down, saved=saved) if saved.head_sha else None
    return await make_worktree(repository, path, branch, start, notes=notes, fill=fill)


async def check_out_again(repository: Path | str, path: Path | str, *, branch: str, sha: str | None) -> WorktreeFacts:
    """A worktree at `path` on `branch` as it is now; should it be gone, here and at the remote, it begins at `sha`."""
    start = sha if sha is not None and await _is_gone(repository, branch) else None
    return await add_worktree(repository, path, branch=branch, start=start, fetch=False)


async def _is_gone(repository: Path | str, branch: str) -> bool:
    if await sha_of(repository, f"refs/heads/{branch}") is not None:
        return False
    remote, _ = await fetch_start(repository, branch, online=False)
    return remote is None or not remote.has_branch


async def _branch_for(repository: Path | str, saved: Snapshot, head: str) -> str:
    wanted = saved.branch or f"restored-{short(saved.snapshot_id)}"
    tip = await sha_of(repository, f"refs/heads/{wanted}")
    if tip is None or (tip == head and saved.branch and await is_free(repository, wanted)):
        return wanted
    taken = (await run_git("for-each-ref", "--format=%(refname:lstrip=2)", "refs/heads", cwd=repository)).text.split()
    numbered = (f"{wanted}-restored-{number}" for number in count(2))
    return next(name for name in chain([f"{wanted}-restored"], numbered) if name not in taken)
