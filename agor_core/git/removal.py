"""Taking a worktree away: first say what would be lost, then only what git has stored elsewhere goes."""

from __future__ import annotations

import asyncio
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agor_core.errors import Conflict, GitRefused, NotFound
from agor_core.git.branches import commits_only_on, not_elsewhere
from agor_core.git.capture import capture
from agor_core.git.program import run_git
from agor_core.git.report import Seen, WorktreeReport, look, loose_commits, own_git_dir
from agor_core.git.repository import WorktreeEntry, common_dir, worktrees
from agor_core.git.snapshots import Snapshot, save
from agor_core.git.worktrees import drop_branch, entry_at, sha_of, turn
from agor_core.ids import new_id

# Between a worktree's name and an id, this names the folder of one that is on its way out.
ASIDE = ".removing-"

# A git whose caller was killed may still be writing to the folder.
DELETE_ATTEMPTS = 5


async def remove_worktree(
    repository: Path | str,
    path: Path | str,
    *,
    force: bool = False,
    token: str | None = None,
    name: str | None = None,
    with_branch: bool = False,
) -> Snapshot | None:
    """Remove the worktree of `repository` at `path`; its branch and commits stay. Ignored files go with the folder.

    One that is not clean is refused: Conflict with `report` and `token` in its data. With `force` a snapshot is taken
    first, filed under `name` (by default the folder's), and returned; with `token` only if it is still that of the
    report. A clean one may give a snapshot too, where commits would become unreachable.
    `with_branch`: delete the branch as well. One with commits that are neither merged nor pushed is refused likewise;
    with `force` the snapshot holds them.
    Never the main worktree, a locked one, or one with repositories inside.
    """
    async with turn(await common_dir(repository)):
        entry = await entry_at(repository, path)
        if entry.is_main or entry.is_bare:
            raise Conflict(f"{path} is the repository's own folder, not a worktree that can be removed", path=str(path))
        if entry.locked is not None:
            raise Conflict(f"{path} is locked: {entry.locked or 'no reason given'}", path=str(path))
        if entry.is_missing:
            tip = await _tip_to_delete(Path(repository), entry.branch) if with_branch else None
            gone = {"report": {"path": str(path), "branch": entry.branch}, "token": tip.sha if tip else None}
            _refuse_branch_loss(tip, force and token in (None, gone["token"]), gone)
            saved = await _give_up(Path(repository), entry.path, name, keeps_head=tip is not None and tip.only_here > 0)
        else:
            await refuse_strangers(Path(repository), entry.path)
            seen = await look(entry.path)
            tip = await _tip_to_delete(Path(repository), seen.report.branch) if with_branch else None
            _refuse_loss(seen.report, force, token)
            _refuse_branch_loss(tip, force, _facts(seen.report))
            must_save = tip is not None and tip.only_here > 0
            saved = await take_away(Path(repository), entry.path, seen, "removed", name=name, must_save=must_save)
        if tip is not None:
            await drop_branch(Path(repository), tip.branch, tip.sha)
        return saved


@dataclass(frozen=True)
class _Tip:
    """Where a branch that shall go stands, and how many commits are on it alone."""

    branch: str
    sha: str
    only_here: int


async def _tip_to_delete(repository: Path, branch: str | None) -> _Tip:
    """Raises Conflict where there is no branch to delete, or another worktree has it too."""
    sha = await sha_of(repository, f"refs/heads/{branch}") if branch is not None else None
    if branch is None or sha is None:
        raise Conflict("no branch is checked out there that could be deleted; remove it without its branch")
    if sum(one.branch == branch for one in await worktrees(repository)) > 1:
        raise Conflict(f"the branch {branch!r} is checked out elsewhere too, so it stays", branch=branch)
    return _Tip(branch, sha, await commits_only_on(repository, branch, sha))


def _refuse_branch_loss(tip: _Tip | None, force: bool, facts: dict[str, Any]) -> None:
    if tip is not None and tip.only_here and not force:
        raise Conflict(not_elsewhere(tip.branch, tip.only_here), branch=tip.branch, commits=tip.only_here, **facts)


def _facts(report: WorktreeReport) -> dict[str, Any]:
    return {"report": report.as_dict(), "token": report.token}


def _refuse_loss(report: WorktreeReport, force: bool, token: str | None) -> None:
    facts = _facts(report)
    if report.nested:
        raise Conflict(
            f"{report.path} holds repositories of its own ({', '.join(report.nested[:3])}), which no snapshot can "
            "keep; move them out, or remove it yourself with `git worktree remove --force`",
            **facts,
        )
    if force and token is not None and token != report.token:
        raise Conflict(f"{report.path} has changed since that report; look again", **facts)
    if not force and not report.is_clean:
        raise Conflict(f"{report.path} has work that git has not stored", **facts)


async def take_away(
    repository: Path, folder: Path, seen: Seen, reason: str, *, name: str | None = None, must_save: bool = False
) -> Snapshot | None:
    """Save what `seen` says is nowhere else, then delete the folder, if it still is as it was seen.

    `must_save`: also when all of it is on the branch, which shall go too: a snapshot holds the commit it was made on.
    Killed at any point, `settle_removals` knows how to go on: until git has forgotten the worktree it can be put back,
    and afterwards everything in it is stored.
    """
    saved = None
    if must_save or seen.loose or not seen.taken.is_clean:
        taken = await capture(folder)
        if taken != seen.taken:
            raise Conflict(f"{folder} is being changed just now", path=str(folder))
        saved = await save(folder, taken, reason, name=name, keep=seen.loose)
    # Out of everyone's sight first: whoever wrote while we looked is noticed before anything is deleted.
    aside = folder.with_name(f".{folder.name}{ASIDE}{new_id()}")
    await asyncio.to_thread(folder.rename, aside)
    try:
        if (await look(aside)).report.token != seen.report.token:
            raise Conflict(f"{folder} was changed while it was being removed; it is still there", path=str(folder))
        await forget(repository, folder)
    except BaseException:
        await asyncio.shield(asyncio.to_thread(aside.rename, folder))
        raise
    await asyncio.to_thread(delete_folder, aside)
    return saved


async def _give_up(repository: Path, folder: Path, name: str | None, *, keeps_head: bool = False) -> Snapshot | None:
    """Take a worktree whose folder is gone, or no worktree any more, off the list; what was staged in it is saved."""
    own = await asyncio.to_thread(admin_dir, await common_dir(repository), folder)
    saved = None
    if own is not None:
        taken, loose = await capture(own, index_only=True), await loose_commits(own, own)
        if keeps_head or loose or not taken.is_clean:
            saved = await save(own, taken, "its folder was gone", name=name or folder.name, keep=loose, at=folder)
    if own is not None and await asyncio.to_thread(os.path.lexists, folder):
        # Something else is there by now, or the link alone is gone: git would refuse. The folder stays as it is.
        await asyncio.to_thread(delete_folder, own)
    else:
        await forget(repository, folder)
    return saved


def delete_folder(folder: Path) -> None:
    """Delete all of `folder`, also folders that were made read-only, as package caches are."""
    for _ in range(DELETE_ATTEMPTS):
        # A program of its own: for 30,000 files shutil.rmtree takes the interpreter from everybody else.
        done = subprocess.run(["rm", "-rf", "--", str(folder)], capture_output=True, check=False)
        if done.returncode == 0:
            return
        for below, _, _ in os.walk(folder):
            Path(below).chmod(0o700)
    raise GitRefused(f"cannot delete {folder}: {done.stderr.decode(errors='replace').strip()}", path=str(folder))


async def forget(repository: Path | str, folder: Path) -> None:
    """Take a worktree whose folder is gone from git's list, and only that one; also when it is locked."""
    await run_git("worktree", "remove", "--force", "--force", "--", str(folder), cwd=repository, writes=True)


async def verify_worktree(repository: Path | str, path: Path | str) -> WorktreeEntry:
    """What git has on its list for `path`, once it is sure that the folder there is that very worktree.

    To be asked before anything runs in it. Raises NotFound where it vanished, Conflict where something else is there.
    """
    entry = await entry_at(repository, path)
    if entry.is_missing:
        raise NotFound(f"the worktree at {path} has vanished from the disk", path=str(path))
    if not entry.is_main:
        await refuse_strangers(Path(repository), entry.path)
    return entry


async def refuse_strangers(repository: Path, folder: Path) -> None:
    """Folder, git's list and the links both ways must agree before anything of it may be deleted."""
    if not await asyncio.to_thread(_is_linked, folder):
        raise NotFound(f"{folder} is not a linked worktree", path=str(folder))
    shared = await common_dir(repository)
    if await common_dir(folder) != shared:
        raise Conflict(f"{folder} now belongs to another repository", path=str(folder))
    if await own_git_dir(folder) != await asyncio.to_thread(admin_dir, shared, folder):
        raise Conflict(
            f"{folder} was moved there from elsewhere; `git worktree repair` puts git's records right", path=str(folder)
        )


def _is_linked(folder: Path) -> bool:
    return not folder.is_symlink() and (folder / ".git").is_file()


def admin_dir(shared: Path, folder: Path) -> Path | None:
    """Where git keeps what belongs to the worktree at `folder`: the entry that points back at it."""
    pointers = shared.glob("worktrees/*/gitdir")
    return next((pointer.parent.resolve() for pointer in pointers if is_pointer_to(pointer, folder)), None)


def is_pointer_to(pointer: Path, folder: Path) -> bool:
    """Whether this `gitdir` file of an entry of git's says that the worktree is at `folder`."""
    target = (pointer.parent / pointer.read_text().rstrip("\n")).parent
    return target.parent.resolve() / target.name == folder.parent.resolve() / folder.name
