"""What git says before and after a run, where there is git at all."""

from __future__ import annotations

import logging
from typing import Any

from agor_core import git
from agor_core.errors import ServiceError

log = logging.getLogger(__name__)


class GitWatch:
    """The state of the worktree that holds `cwd`, at the start and at the end of a run."""

    def __init__(self, cwd: str, repository: str | None) -> None:
        self._cwd = cwd
        self._repository = repository
        self._start: git.State | None = None

    async def trouble(self) -> str | None:
        """Why a worktree of ours cannot be worked in: gone, or something else in its place. None if it can."""
        if self._repository is None:
            return None
        try:
            await git.verify_worktree(self._repository, self._cwd)
        except ServiceError as error:
            return error.message
        return None

    async def begin(self) -> None:
        """Look. A folder without git, or with a broken one, is no reason not to run."""
        try:
            root = await git.root_of(self._cwd)
            self._start = await git.state(root) if root is not None else None
        except ServiceError as error:
            log.warning("no git state of %s: %s", self._cwd, error)

    def at_start(self) -> dict[str, Any] | None:
        """`ref_at_start` and `sha_at_start`; None where there is no git."""
        if self._start is None:
            return None
        return {"ref_at_start": self._start.ref, "sha_at_start": self._start.sha}

    async def end(self) -> dict[str, Any] | None:
        """What a task stores about its end: `sha_at_end`, commits, counts; None where there is no git."""
        if self._start is None:
            return None
        try:
            root = await git.root_of(self._cwd)
            if root is None:
                return None
            state = await git.state(root)
            if self._start.sha is None:
                return {"sha_at_end": state.text}
            changes = await git.changes_since(root, self._start.sha)
        except ServiceError as error:
            log.warning("no git state of %s: %s", self._cwd, error)
            return None
        return {
            "sha_at_end": state.text,
            "commits": [commit.sha for commit in changes.commits],
            "files_changed": changes.files_changed,
            "insertions": changes.insertions,
            "deletions": changes.deletions,
        }
