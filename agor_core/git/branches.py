"""Branches: which there are to begin from, and deleting one: only what is merged or pushed, and checked out nowhere."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from agor_core.errors import Conflict, NotFound
from agor_core.git.names import check_ref
from agor_core.git.program import run_git
from agor_core.git.remotes import first_remote
from agor_core.git.repository import common_dir
from agor_core.git.worktrees import drop_branch, is_free, sha_of, turn

# A list is for choosing from; whoever has more knows the name.
BRANCHES_LIMIT = 1_000

_HEADS = "refs/heads/"


@dataclass(frozen=True)
class Branch:
    """A branch a worktree can be made of. `remote`: the remote that has it, where it is not here yet; else None."""

    name: str
    sha: str
    remote: str | None


async def branches(repository: Path | str) -> list[Branch]:
    """Local branches, and those that only the first remote has, as far as fetched; the latest commit first.

    At most 1,000 of them.
    """
    remote = await first_remote(repository)
    below = f"refs/remotes/{remote}/"
    form = "--format=%(refname)%00%(objectname)%00%(symref)"
    listed = await run_git(
        *("for-each-ref", "--sort=-committerdate", f"--count={2 * BRANCHES_LIMIT}", form, "refs/heads"),
        *((below,) if remote is not None else ()),
        cwd=repository,
    )
    rows = [line.split("\0") for line in listed.text.splitlines()]
    found = [(ref, sha) for ref, sha, points_to in rows if not points_to]
    local = [Branch(ref.removeprefix(_HEADS), sha, None) for ref, sha in found if ref.startswith(_HEADS)]
    here = {one.name for one in local}
    there = [Branch(ref.removeprefix(below), sha, remote) for ref, sha in found if not ref.startswith(_HEADS)]
    return [*local, *(one for one in there if one.name not in here)][:BRANCHES_LIMIT]


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
        only_here = await commits_only_on(repository, branch, sha)
        if only_here:
            raise Conflict(not_elsewhere(branch, only_here), branch=branch, commits=only_here)
        await drop_branch(Path(repository), branch, sha)


async def commits_only_on(repository: Path | str, branch: str, sha: str) -> int:
    """How many commits `branch`, which is at `sha`, has that no other branch and no remote has."""
    others = ("--not", "--remotes", f"--exclude={branch}", "--branches")
    return int((await run_git("rev-list", "--count", sha, *others, cwd=repository)).text)


def not_elsewhere(branch: str, commits: int) -> str:
    """Why `branch` cannot simply be deleted."""
    number = "1 commit that is" if commits == 1 else f"{commits} commits that are"
    return f"the branch {branch!r} has {number} neither merged nor pushed"
