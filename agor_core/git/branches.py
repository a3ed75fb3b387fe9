"""Deleting a branch: only what is merged or pushed, and checked out nowhere."""

from __future__ import annotations

from pathlib import Path

from agor_core.errors import Conflict, NotFound
from agor_core.git.names import check_ref
from agor_core.git.program import run_git
from agor_core.git.repository import common_dir
from agor_core.git.worktrees import drop_branch, is_free, sha_of, turn


async def delete_branch(repository: Path | str, branch: str) -> None:
    """Delete the local branch `branch`, all of whose commits another branch or a remote has.

    Raises NotFound; Conflict where it is checked out, or with `commits`, how many only it has.
    """
    check_ref(branch)
    async with turn(await common_dir(repository)):
        sha = await sha_of(repository, f"refs/heads/{branch}")
        if sha is None:
            raise NotFound(f"no branch {branch!r}", branch=branch)
        if not await is_free(repository, branch):
            raise Conflict(f"the branch {branch!r} is checked out", branch=branch)
        others = ("--not", "--remotes", f"--exclude={branch}", "--branches")
        only_here = int((await run_git("rev-list", "--count", sha, *others, cwd=repository)).text)
        if only_here:
            raise Conflict(
                f"the branch {branch!r} has {only_here} commits that are neither merged nor pushed",
                branch=branch,
                commits=only_here,
            )
        await drop_branch(Path(repository), branch, sha)
