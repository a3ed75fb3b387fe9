"""After a crash: what a killed daemon had begun is taken away, unless somebody's work is in it."""

from __future__ import annotations

import asyncio
from pathlib import Path

from agor_core.errors import Conflict, NotFound, ServiceError
from agor_core.git.capture import capture
from agor_core.git.program import run_git
from agor_core.git.removal import ASIDE, delete_folder, forget, is_pointer_to
from agor_core.git.report import loose_commits, own_git_dir
from agor_core.git.repository import common_dir
from agor_core.git.snapshots import save
from agor_core.git.worktrees import begun_for, drop_branch, entry_at, sha_of, turn

# A git that outlived its daemon takes away what it had half made, piece by piece: so long it may be in our way.
LEFTOVER_LIMIT_S = 5.0
LOOK_EVERY_S = 0.2


async def discard_half_made(repository: Path | str, path: Path | str, branch: str) -> None:
    """Take away the worktree at `path` that `add_worktree` was killed over, and the branch if that was made for it.

    A half-made checkout lacks files, which is no loss; one that the branch does not have is saved in a snapshot first.
    A folder that never became a worktree goes only when empty: else Conflict, unless a git that still runs takes it
    away just then.
    """
    root, folder = Path(repository), Path(path)
    async with turn(await common_dir(root)):
        await _discard_folder_beside_git(root, folder)
        made = await _made_for(root, folder, branch)
        if made is not None:
            await drop_branch(root, branch, made)


async def _discard_folder_beside_git(repository: Path, folder: Path) -> None:
    saved: set[str] = set()
    clock = asyncio.get_running_loop().time
    give_up_at = clock() + LEFTOVER_LIMIT_S
    while True:
        try:
            await _discard_folder(repository, folder, saved)
            return
        except ServiceError:
            if clock() >= give_up_at:
                raise
        await asyncio.sleep(LOOK_EVERY_S)


async def _discard_folder(repository: Path, folder: Path, saved: set[str]) -> None:
    try:
        entry = await entry_at(repository, folder)
    except NotFound:
        await _remove_empty(folder)
        return
    if entry.is_missing or not await _is_usable(folder):
        await _remove_empty(folder)
    else:
        await _save_what_is_more(folder, saved)
        await asyncio.to_thread(delete_folder, folder)
    await forget(repository, folder)


async def _save_what_is_more(folder: Path, saved: set[str]) -> None:
    """Put into a snapshot what the commit that is checked out has not, unless its tree is among `saved`."""
    taken, loose = await capture(folder), await loose_commits(folder, await own_git_dir(folder))
    if taken.nested:
        raise Conflict(f"{folder} holds repositories of its own ({taken.nested[0]}); look at it", path=str(folder))
    more = [await _has_more(folder, taken.head_tree, tree) for tree in (taken.index_tree, taken.work_tree)]
    if taken.work_tree not in saved and (any(more) or loose or taken.unmerged):
        await save(folder, taken, "half-made worktree", keep=loose)
        saved.add(taken.work_tree)


async def _is_usable(folder: Path) -> bool:
    """Whether git got far enough to check anything out: before that it writes `.git` and its own records."""
    try:
        return await sha_of(folder, "HEAD") is not None
    except NotFound:
        return False


async def settle_removals(root: Path | str) -> None:
    """Finish or undo the removals below `root` that a killed process had begun. Not while one is going on there."""
    for aside in await asyncio.to_thread(_asides, Path(root)):
        folder = aside.with_name(aside.name[1:].rsplit(ASIDE, 1)[0])
        if not await asyncio.to_thread(_is_known, aside, folder):
            await asyncio.to_thread(delete_folder, aside)
        elif not await asyncio.to_thread(folder.exists):
            await asyncio.to_thread(aside.rename, folder)


def _asides(root: Path) -> list[Path]:
    return [*root.glob(f".*{ASIDE}*"), *root.glob(f"*/.*{ASIDE}*"), *root.glob(f"*/*/.*{ASIDE}*")]


def _is_known(aside: Path, folder: Path) -> bool:
    """Whether git still has what was at `folder` on its list: it forgets only what is stored."""
    try:
        pointer = (aside / ".git").read_text().removeprefix("gitdir: ").rstrip("\n")
        return is_pointer_to(aside / pointer / "gitdir", folder)
    except FileNotFoundError:
        return False


async def _remove_empty(folder: Path) -> None:
    try:
        await asyncio.to_thread(_rmdir, folder)
    except FileNotFoundError:
        pass
    except OSError as error:
        raise Conflict(f"{folder} is not a worktree, but not empty either; look at it", path=str(folder)) from error


def _rmdir(folder: Path) -> None:
    """Remove a folder that has nothing in it, or nothing but git's link."""
    if [path.name for path in folder.iterdir()] == [".git"] and (folder / ".git").is_file():
        (folder / ".git").unlink()
    folder.rmdir()


async def _has_more(folder: Path, head_tree: str | None, tree: str) -> bool:
    """Whether anything is in `tree` that the commit has not."""
    if head_tree is None:
        return True
    listed = await run_git("diff-tree", "-r", "--name-only", "--diff-filter=d", "-z", head_tree, tree, cwd=folder)
    return bool(listed.stdout)


async def _made_for(repository: Path, folder: Path, branch: str) -> str | None:
    """Where `branch` is, if it was made for this worktree and nothing has happened on it since."""
    logged = await run_git(
        *("log", "--walk-reflogs", "--format=%gs", f"refs/heads/{branch}", "--"), cwd=repository, accept=(0, 128)
    )
    if logged.code or logged.text.splitlines() != [begun_for(folder)]:
        return None
    return await sha_of(repository, f"refs/heads/{branch}")
