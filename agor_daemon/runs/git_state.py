"""What git says before and after a run, where there is git at all."""

from __future__ import annotations

import asyncio
import logging
import os
from pathlib import Path
from typing import Any

from agor_core import git
from agor_core.errors import ServiceError

log = logging.getLogger(__name__)


def lock_owner(home: Path) -> str:
    """What the locks of the daemon with this home begin with, so that its next one knows them again."""
    return f"agor at {home}"


class GitWatch:
    """The state of the worktree that holds `cwd`, at the start and at the end of a run; locked in between."""

    def __init__(self, cwd: str, repository: str | None, worktree: str | None, lock: tuple[str, str]) -> None:
        """`repository`, `worktree`: of a worktree of ours, by path and name; None for any other folder.

        Only ours are locked (`lock`: by whom, and why), and only in ours uncommitted work is put into snapshots: other
        repositories get nothing they did not ask for.
        """
        self._cwd = cwd
        self._repository = repository
        self._worktree = worktree
        self._lock = lock
        self._hold: git.Hold | None = None
        self._start: git.State | None = None
        self._before: git.Snapshot | None = None

    async def trouble(self) -> str | None:
        """Why a worktree of ours cannot be worked in: gone, or something else in its place. None if it can.

        Then it is locked from here to `end`: whoever wants to remove it comes before this, and nobody in between.
        """
        if self._repository is None:
            return None
        owner, reason = self._lock
        try:
            self._hold = await git.hold_worktree(self._repository, self._cwd, owner=owner, reason=reason)
        except ServiceError as error:
            if not await asyncio.to_thread(os.path.exists, self._cwd):
                return (
                    f"the worktree {self._cwd} is gone; restored (`agor worktree restore`), it can be worked in again"
                )
            return error.message
        return None

    async def begin(self) -> None:
        """Look. A folder without git, or with a broken one, is no reason not to run."""
        try:
            root = await git.root_of(self._cwd)
            if root is None:
                return
            self._start = await git.state(root)
            self._before = await self._snapshot(root, self._start, "before a task")
        except ServiceError as error:
            log.warning("no git state of %s: %s", self._cwd, error)

    def at_start(self) -> dict[str, Any] | None:
        """`ref_at_start` and `sha_at_start`; None where there is no git."""
        if self._start is None:
            return None
        before = self._before.snapshot_id if self._before is not None else None
        return {"ref_at_start": self._start.ref, "sha_at_start": self._start.sha, "start_snapshot_id": before}

    async def end(self) -> dict[str, Any] | None:
        """What a task stores about its end: `sha_at_end`, commits, counts; None where there is no git."""
        try:
            return await self._look_again()
        finally:
            await self._let_go()

    async def _let_go(self) -> None:
        if self._hold is None:
            return
        try:
            await self._hold.release()
        except ServiceError as error:
            log.warning("%s stays locked: %s", self._cwd, error)

    async def _look_again(self) -> dict[str, Any] | None:
        if self._start is None:
            return None
        try:
            root = await git.root_of(self._cwd)
            if root is None:
                return None
            state = await git.state(root)
            if self._start.sha is None:
                return {"sha_at_end": state.text}
            after = await self._snapshot(root, state, "after a task")
            changes = await git.changes_since(root, self._start.sha)
            counts = await self._counts(root, changes)
        except ServiceError as error:
            log.warning("no git state of %s: %s", self._cwd, error)
            return None
        return {
            "sha_at_end": state.text,
            "end_snapshot_id": after.snapshot_id if after is not None else None,
            "commits": [commit.sha for commit in changes.commits],
            **counts,
        }

    async def _snapshot(self, root: Path, state: git.State, reason: str) -> git.Snapshot | None:
        if self._worktree is None or not state.dirty:
            return None
        return await git.snapshot(root, reason, name=self._worktree)

    async def _counts(self, root: Path, changes: git.Changes) -> dict[str, int]:
        """How much was changed; what was uncommitted before the task is not the task's."""
        if self._before is None:
            return {
                "files_changed": changes.files_changed,
                "insertions": changes.insertions,
                "deletions": changes.deletions,
            }
        files = (await git.diff(root, self._before.snapshot_id))["files"]
        return {
            "files_changed": len(files),
            "insertions": sum(file["insertions"] or 0 for file in files),
            "deletions": sum(file["deletions"] or 0 for file in files),
        }
