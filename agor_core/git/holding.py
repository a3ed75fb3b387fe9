"""Worktrees that are being worked in: locked in git's own way, so that nobody removes or moves them meanwhile."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from pathlib import Path

from agor_core.errors import NotFound
from agor_core.git.listing import linked_worktrees
from agor_core.git.program import run_git
from agor_core.git.removal import verify_worktree
from agor_core.git.repository import common_dir
from agor_core.git.worktrees import entry_at, turn

_holders: dict[tuple[int, Path], int] = {}
"""How many hold a worktree, by event loop and path."""


@dataclass
class Hold:
    """One holder of a worktree, until it calls `release`."""

    repository: Path
    path: Path
    owner: str
    _is_held: bool = field(default=True, repr=False)

    async def release(self) -> None:
        """Let go; the last one unlocks. A lock of somebody else stays, and what vanished needs no unlocking."""
        if not self._is_held:
            return
        self._is_held = False
        try:
            async with turn(await common_dir(self.repository)):
                await self._let_go()
        except NotFound:
            _holders.pop(_key(self.path), None)

    async def _let_go(self) -> None:
        left = _holders.get(_key(self.path), 1) - 1
        if left > 0:
            _holders[_key(self.path)] = left
            return
        _holders.pop(_key(self.path), None)
        entry = await entry_at(self.repository, self.path)
        if entry.locked is not None and entry.locked.startswith(f"{self.owner}: "):
            await run_git("worktree", "unlock", "--", str(self.path), cwd=self.repository, writes=True)


async def hold_worktree(repository: Path | str, path: Path | str, *, owner: str, reason: str) -> Hold:
    """Lock the worktree at `path`, once it is sure that it is there and belongs to `repository`.

    Until `release`, `git worktree remove`, `move` and `prune` refuse it, and so do we; the lock says `owner: reason`.
    `owner` tells our locks from those of others, which stay as they are. Raises as `verify_worktree`.
    """
    root, folder = Path(repository), Path(path)
    async with turn(await common_dir(root)):
        entry = await verify_worktree(root, folder)
        if entry.is_main:
            return Hold(root, folder, owner, _is_held=False)  # git neither locks nor removes it
        if entry.locked is None:
            locking = ("worktree", "lock", "--reason", f"{owner}: {reason}", "--", str(entry.path))
            await run_git(*locking, cwd=root, writes=True)
        _holders[_key(entry.path)] = _holders.get(_key(entry.path), 0) + 1
    return Hold(root, entry.path, owner)


async def release_leftovers(repository: Path | str, owner: str) -> int:
    """Undo the locks that a killed process of this `owner` left in a repository; how many. Not while one runs."""
    left = [one for one in await linked_worktrees(repository) if one.locked is not None]
    ours = [one for one in left if (one.locked or "").startswith(f"{owner}: ")]
    for one in ours:
        await run_git("worktree", "unlock", "--", str(one.path), cwd=repository, writes=True)
    return len(ours)


def _key(path: Path) -> tuple[int, Path]:
    return id(asyncio.get_running_loop()), path
