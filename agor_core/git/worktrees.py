"""Worktrees: a folder with a branch of its own, made whole or not at all."""

from __future__ import annotations

import asyncio
import os
import weakref
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from agor_core.errors import BadRequest, Conflict, GitRefused, NotFound, ServiceError
from agor_core.git.names import check_ref, check_revision
from agor_core.git.program import WRITE_LIMIT_S, run_git
from agor_core.git.refusals import refusal
from agor_core.git.remotes import RemoteBranch, fetch_start
from agor_core.git.repository import WorktreeEntry, common_dir, refuse_inside, worktrees

_NOTHING = "0" * 40

_turns: weakref.WeakValueDictionary[tuple[int, Path], asyncio.Lock] = weakref.WeakValueDictionary()


@dataclass(frozen=True)
class WorktreeFacts:
    """A worktree just made. `ref`: its branch; `base_ref` and `base_sha`: where it began.

    `new_branch`: the branch was made with it. `tracking_branch`: as `origin/main`. `notes`: what a person should know.
    """

    path: Path
    ref: str
    base_ref: str
    base_sha: str
    new_branch: bool
    tracking_branch: str | None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Start:
    """Where a worktree's branch begins, or stands; `tracking` is the remote-tracking branch a new one shall follow."""

    ref: str
    sha: str
    new_branch: bool
    tracking: str | None


async def add_worktree(
    repository: Path | str, path: Path | str, *, branch: str, start: str | None = None, fetch: bool = True
) -> WorktreeFacts:
    """A worktree of `repository` at `path` on `branch`.

    A branch that exists, here or at the remote, is checked out as it is (with tracking set for the latter), and `start`
    must be None. A new one begins at `start`: any commit, by default the remote's default branch, fetched first, or
    HEAD where there is no remote. A failed fetch is a note. Afterwards all of it is there, or nothing.
    Raises BadRequest for names, Conflict where `path` exists or `branch` is checked out elsewhere, else GitRefused.
    """
    check_ref(branch)
    exists = await sha_of(repository, f"refs/heads/{branch}") is not None
    remote, notes = await fetch_start(repository, branch, online=fetch and start is None and not exists)
    return await make_worktree(
        repository, path, branch, await _start_of(repository, branch, start, remote), notes=notes
    )


async def make_worktree(
    repository: Path | str,
    path: Path | str,
    branch: str,
    start: Start,
    *,
    notes: Sequence[str] = (),
    fill: Callable[[Path], Awaitable[None]] | None = None,
) -> WorktreeFacts:
    """`add_worktree` once it is settled where `branch` begins; `fill` completes the folder, or both go again."""
    folder = Path(path)
    if not folder.is_absolute():
        raise BadRequest(f"{folder} is not an absolute path", path=str(folder))
    async with turn(await common_dir(repository)):
        if await asyncio.to_thread(os.path.lexists, folder):
            raise Conflict(f"{folder} exists already", path=str(folder))
        await refuse_inside(folder)
        await _refuse_in_use(repository, branch)
        more = await _make(Path(repository), folder, branch, start, fill)
    return WorktreeFacts(folder, branch, start.ref, start.sha, start.new_branch, start.tracking, (*notes, *more))


def turn(shared: Path) -> asyncio.Lock:
    """The lock of those who change the worktrees or branches of one repository: git's own locks refuse, ours wait."""
    return _turns.setdefault((id(asyncio.get_running_loop()), shared), asyncio.Lock())


async def entry_at(repository: Path | str, path: Path | str) -> WorktreeEntry:
    """What git has on its list for `path`. Raises NotFound if it is not a worktree of `repository`."""
    listed = await worktrees(repository)
    found = await asyncio.to_thread(_same_path, listed, Path(path))
    if found is not None:
        return found
    raise NotFound(f"{path} is not a worktree of {repository}", path=str(path))


def _same_path(listed: Sequence[WorktreeEntry], path: Path) -> WorktreeEntry | None:
    wanted = path.resolve()
    return next((entry for entry in listed if entry.path.resolve() == wanted), None)


async def lock_worktree(repository: Path | str, path: Path | str, reason: str) -> None:
    """Keep git from pruning, moving or removing the worktree at `path`. Locking what is locked changes nothing."""
    entry = await entry_at(repository, path)
    if entry.locked is None:
        await run_git("worktree", "lock", "--reason", reason, "--", str(path), cwd=repository, writes=True)


async def unlock_worktree(repository: Path | str, path: Path | str) -> None:
    """Undo `lock_worktree`. Unlocking what is not locked changes nothing."""
    entry = await entry_at(repository, path)
    if entry.locked is not None:
        await run_git("worktree", "unlock", "--", str(path), cwd=repository, writes=True)


async def resolve(repository: Path | str, revision: str) -> str:
    """The sha of the commit that `revision` names. Raises BadRequest."""
    check_revision(revision)
    found = await run_git(
        "rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}", cwd=repository, accept=(0, 1, 128)
    )
    if found.code:
        raise BadRequest(f"no commit is called {revision!r} in this repository", ref=revision)
    return found.text


async def _start_of(repository: Path | str, branch: str, start: str | None, remote: RemoteBranch | None) -> Start:
    existing = await sha_of(repository, f"refs/heads/{branch}")
    tracked = f"{remote.remote}/{branch}" if remote is not None and remote.has_branch else None
    if start is not None and (existing or tracked):
        where = "" if existing else f" as {tracked}"
        raise BadRequest(
            f"the branch {branch!r} exists{where}; leave out the ref, or name a new branch", ref=start, branch=branch
        )
    if existing:
        return Start(branch, existing, new_branch=False, tracking=await _upstream(repository, branch))
    if tracked:
        return Start(tracked, await resolve(repository, f"refs/remotes/{tracked}"), new_branch=True, tracking=tracked)
    if start is not None:
        return Start(start, await resolve(repository, start), new_branch=True, tracking=None)
    if remote is not None and remote.default is not None:
        name = f"{remote.remote}/{remote.default}"
        return Start(name, await resolve(repository, f"refs/remotes/{name}"), new_branch=True, tracking=None)
    return await _head(repository)


async def _head(repository: Path | str) -> Start:
    sha = await sha_of(repository, "HEAD")
    if sha is None:
        raise GitRefused("the repository has no commit yet; make the first one, then add worktrees")
    name = await run_git("symbolic-ref", "--quiet", "--short", "HEAD", cwd=repository, accept=(0, 1))
    return Start(name.text or "HEAD", sha, new_branch=True, tracking=None)


async def sha_of(repository: Path | str, ref: str) -> str | None:
    """The commit that `ref` means in `repository`; None if it means none."""
    found = await run_git("rev-parse", "--verify", "--quiet", f"{ref}^{{commit}}", cwd=repository, accept=(0, 1, 128))
    return found.text if found.code == 0 else None


async def _upstream(repository: Path | str, branch: str) -> str | None:
    found = await run_git("for-each-ref", "--format=%(upstream:short)", f"refs/heads/{branch}", cwd=repository)
    return found.text or None


async def is_free(repository: Path | str, branch: str) -> bool:
    """Whether no worktree has `branch` checked out."""
    return all(entry.branch != branch or entry.is_bare for entry in await worktrees(repository))


async def _refuse_in_use(repository: Path | str, branch: str) -> None:
    for entry in await worktrees(repository):
        if entry.branch == branch and not entry.is_bare:
            raise Conflict(f"the branch {branch!r} is checked out at {entry.path}", branch=branch, path=str(entry.path))


async def _make(
    repository: Path, folder: Path, branch: str, start: Start, fill: Callable[[Path], Awaitable[None]] | None
) -> list[str]:
    """Branch first (created only if nobody else has), then folder; on failure both go again."""
    if start.new_branch:
        await _create_branch(repository, folder, branch, start)
    try:
        if start.new_branch and start.tracking:
            await _track(repository, branch, start.tracking)
        notes = await _check_out(repository, folder, branch, start)
        if fill is not None:
            await fill(folder)
        return notes
    except BaseException:
        await asyncio.shield(_undo(repository, folder, branch, start))
        raise


def begun_for(folder: Path) -> str:
    """What the log of a branch made for the worktree at `folder` begins with, to know it again after a crash."""
    return f"agor: begun for {folder}"


async def _create_branch(repository: Path, folder: Path, branch: str, start: Start) -> None:
    try:
        await run_git(
            *("update-ref", "--create-reflog", "-m", begun_for(folder), f"refs/heads/{branch}", start.sha, _NOTHING),
            cwd=repository,
            writes=True,
        )
    except ServiceError as error:
        raise Conflict(f"cannot make the branch {branch!r}: {error.message}", branch=branch) from error


async def _track(repository: Path, branch: str, upstream: str) -> None:
    # Plainly as configuration: `branch --set-upstream-to` refuses where the fetch refspec is unusual.
    remote = upstream.removesuffix(f"/{branch}")
    for key, value in (("remote", remote), ("merge", f"refs/heads/{branch}")):
        await run_git("config", "--local", f"branch.{branch}.{key}", value, cwd=repository, writes=True)


async def _check_out(repository: Path, folder: Path, branch: str, start: Start) -> list[str]:
    made = await run_git(
        *("worktree", "add", "--", str(folder), branch),
        cwd=repository,
        writes=True,
        timeout_s=WRITE_LIMIT_S,
        accept=range(256),
    )
    if made.code == 0:
        return []
    if await _sha_of_folder(folder) == start.sha:
        # Git is done by the time it runs the post-checkout hook, and only hands on the hook's own failure.
        return [f"the post-checkout hook failed: {made.stderr.strip()[-500:]}"]
    raise refusal("worktree add", repository, made.code, made.stderr)


async def _sha_of_folder(folder: Path) -> str | None:
    try:
        return await sha_of(folder, "HEAD")
    except ServiceError:
        return None


async def _undo(repository: Path, folder: Path, branch: str, start: Start) -> None:
    """Take away what a failed `_make` left. Git has removed the folder by itself, unless it was killed."""
    if await asyncio.to_thread(folder.exists):
        await run_git(
            *("worktree", "remove", "--force", "--force", "--", str(folder)),
            cwd=repository,
            writes=True,
            accept=range(256),
        )
    if start.new_branch:
        await drop_branch(repository, branch, start.sha)


async def drop_branch(repository: Path, branch: str, sha: str) -> None:
    """Delete a branch we made, and its configuration; should somebody have committed to it since `sha`, it stays."""
    dropped = await run_git(
        *("update-ref", "-d", f"refs/heads/{branch}", sha), cwd=repository, writes=True, accept=range(256)
    )
    if dropped.code == 0:
        section = ("config", "--local", "--remove-section", f"branch.{branch}")
        await run_git(*section, cwd=repository, writes=True, accept=range(256))
