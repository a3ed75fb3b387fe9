"""What happened in a worktree since a commit: commits made, and how much is different."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from agor_core.git.capture import looked_at
from agor_core.git.names import check_revision
from agor_core.git.program import run_git
from agor_core.git.remotes import first_remote
from agor_core.git.worktrees import sha_of

# A task that rebases onto a distant branch may "make" thousands; the first tell the story.
COMMITS_LIMIT = 200

_STAT = re.compile(rb"(\d+) (file|insertion|deletion)")


@dataclass(frozen=True)
class Commit:
    """A commit. `created_at`: when it was committed, in milliseconds."""

    sha: str
    subject: str
    author: str
    created_at: int


@dataclass(frozen=True)
class Changes:
    """Commits (oldest first, the newest 200 of them) and the difference in content, uncommitted work included."""

    commits: tuple[Commit, ...]
    files_changed: int
    insertions: int
    deletions: int


async def changes_since(path: Path | str, sha: str) -> Changes:
    """What the worktree at `path` has now that commit `sha` had not."""
    start = check_revision(sha)
    async with looked_at(path) as (taken, env):
        compared = ("diff-tree", "--shortstat", "--no-ext-diff", "--no-textconv", "-M", start, taken.work_tree)
        stat = await run_git(*compared, cwd=path, env=env)
    numbers = {kind: int(number) for number, kind in _STAT.findall(stat.stdout)}
    return Changes(
        commits=await _commits(path, start) if taken.head_sha else (),
        files_changed=numbers.get(b"file", 0),
        insertions=numbers.get(b"insertion", 0),
        deletions=numbers.get(b"deletion", 0),
    )


async def branched_off(
    repository: Path | str, heads: Collection[str], default_branch: str | None
) -> tuple[str | None, dict[str, str]]:
    """Where each of the commits `heads` left the default branch: (the ref that is, the commit by head)."""
    ref = await _ref_of(repository, default_branch) if default_branch is not None else None
    if ref is None:
        return None, {}
    found: dict[str, str] = {}
    for head in heads:
        common = await run_git("merge-base", ref, head, cwd=repository, accept=(0, 1))
        if common.text:
            found[head] = common.text
    return ref.removeprefix("refs/remotes/").removeprefix("refs/heads/"), found


async def _ref_of(repository: Path | str, branch: str) -> str | None:
    """The full name of `branch`, rather at the remote than here."""
    remote = await first_remote(repository)
    remotely = [f"refs/remotes/{remote}/{branch}"] if remote is not None else []
    for ref in [*remotely, f"refs/heads/{branch}"]:
        if await sha_of(repository, ref) is not None:
            return ref
    return None


async def _commits(path: Path | str, start: str) -> tuple[Commit, ...]:
    form = "--format=%H%x00%ct%x00%an%x00%s"
    output = await run_git(
        "log", "--no-show-signature", f"--max-count={COMMITS_LIMIT}", form, f"{start}..HEAD", "--", cwd=path
    )
    lines = [line.split("\0") for line in output.text.split("\n") if line]
    return tuple(Commit(sha, subject, author, int(time) * 1000) for sha, time, author, subject in reversed(lines))
