"""What a removal would lose: everything in a worktree that git has nowhere else."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from agor_core.git.capture import Capture, looked_at
from agor_core.git.program import run_git
from agor_core.git.status import status

# A report is for reading; the counts say how much more there is.
PATHS_LIMIT = 200

# What git leaves in a worktree's own git directory while something is half done there.
_OPERATIONS = {
    "rebase-merge": "rebase",
    "rebase-apply": "rebase",
    "MERGE_HEAD": "merge",
    "CHERRY_PICK_HEAD": "cherry-pick",
    "REVERT_HEAD": "revert",
    "BISECT_LOG": "bisect",
}


# Refs of one worktree, and files in its git directory, that keep commits alive and go with it.
_PRIVATE_REFS = ("refs/bisect", "refs/worktree", "refs/rewritten")
_HEADS = (
    "MERGE_HEAD",
    "CHERRY_PICK_HEAD",
    "REVERT_HEAD",
    "ORIG_HEAD",
    "rebase-merge/orig-head",
    "rebase-apply/orig-head",
)


@dataclass(frozen=True)
class WorktreeReport:
    """What a removal would take away. Paths are the first 200 of each kind.

    `unpushed`: commits of HEAD that no remote and no other branch has (they stay, with the branch).
    `detached_commits`: commits of a detached HEAD that no ref leads to.
    `nested`: repositories inside, own or submodules, that no snapshot can hold. `operation`: one half done, as a merge.
    `token`: a digest of the content; worthless once anything changed.
    """

    path: Path
    branch: str | None
    head_sha: str | None
    changed: tuple[str, ...]
    untracked: tuple[str, ...]
    changed_count: int
    untracked_count: int
    unpushed: int
    detached_commits: int
    nested: tuple[str, ...]
    operation: str | None
    token: str = field(repr=False)

    @property
    def is_clean(self) -> bool:
        """Whether removing the folder loses nothing."""
        return not (
            self.changed_count or self.untracked_count or self.detached_commits or self.nested or self.operation
        )

    def as_dict(self) -> dict[str, Any]:
        """For an answer in JSON: everything but the token, with `is_clean`."""
        lists = {name: list(getattr(self, name)) for name in ("changed", "untracked", "nested")}
        facts = {**asdict(self), **lists, "path": str(self.path), "is_clean": self.is_clean}
        del facts["token"]
        return facts


@dataclass(frozen=True)
class Seen:
    """A worktree looked at: the report, its content, and the commits that would become unreachable without it."""

    report: WorktreeReport
    taken: Capture
    loose: list[str]


async def worktree_report(path: Path | str) -> WorktreeReport:
    """What is in the worktree at `path` and nowhere else."""
    return (await look(path)).report


async def look(path: Path | str) -> Seen:
    """The worktree at `path`, looked at so that its work can be saved."""
    found = await status(path)
    async with looked_at(path) as (taken, env):
        changed = [file.path for file in found.files if file.kind != "untracked"]
        untracked = [file.path for file in found.files if file.kind == "untracked"]
        if not (taken.is_clean or changed or untracked):
            changed = await _overlooked(path, taken, env)
    own = await own_git_dir(path)
    nested = taken.nested + (("submodules",) if await asyncio.to_thread((own / "modules").is_dir) else ())
    operation = await asyncio.to_thread(_operation, own)
    loose = await loose_commits(path, own)
    content = (taken.head_sha, taken.index_tree, taken.work_tree, taken.unmerged.hex())
    facts = [found.branch, *content, loose, operation, nested]
    report = WorktreeReport(
        path=Path(path),
        branch=found.branch,
        head_sha=taken.head_sha,
        changed=tuple(changed[:PATHS_LIMIT]),
        untracked=tuple(untracked[:PATHS_LIMIT]),
        changed_count=len(changed),
        untracked_count=len(untracked),
        unpushed=await _unpushed(path, found.branch) if taken.head_sha else 0,
        detached_commits=len(await _unreferenced(path, [taken.head_sha])) if taken.head_sha else 0,
        nested=nested[:PATHS_LIMIT],
        operation=operation,
        token=hashlib.sha256(json.dumps(facts).encode()).hexdigest(),
    )
    return Seen(report, taken, loose)


async def _overlooked(path: Path | str, taken: Capture, env: dict[str, str]) -> list[str]:
    """What git was told not to look at, and that has changed all the same."""
    trees = (taken.head_tree or taken.index_tree, taken.work_tree)
    listed = await run_git("diff-tree", "-r", "--name-only", "-z", *trees, cwd=path, env=env)
    return listed.stdout.decode("utf-8", "replace").split("\0")[:-1]


def _operation(own: Path) -> str | None:
    return next((word for name, word in _OPERATIONS.items() if (own / name).exists()), None)


async def own_git_dir(path: Path | str) -> Path:
    """The git directory of that worktree alone."""
    return Path((await run_git("rev-parse", "--absolute-git-dir", cwd=path)).text)


async def _unpushed(path: Path | str, branch: str | None) -> int:
    others = ("--remotes", *((f"--exclude={branch}",) if branch else ()), "--branches")
    return int((await run_git("rev-list", "--count", "HEAD", "--not", *others, cwd=path)).text)


async def loose_commits(path: Path | str, own: Path) -> list[str]:
    """Tips of commits that only the worktree's git directory `own` leads to: where its HEAD was, what it is merging."""
    logged = await run_git("log", "--walk-reflogs", "--format=%H", "HEAD", "--", cwd=path, accept=(0, 128))
    private = await run_git("for-each-ref", "--format=%(objectname)", *_PRIVATE_REFS, cwd=path)
    heads = await asyncio.to_thread(_heads_in, own)
    known = {*(logged.text.split() if logged.code == 0 else ()), *private.text.split(), *heads}
    return _tips(await _unreferenced(path, sorted(known)))


def _heads_in(own: Path) -> list[str]:
    found: list[str] = []
    for name in _HEADS:
        with contextlib.suppress(OSError):
            found += re.findall(r"^[0-9a-f]{40,64}", (own / name).read_text(), re.MULTILINE)
    return found


async def _unreferenced(path: Path | str, commits: Sequence[str]) -> dict[str, list[str]]:
    """What `commits` lead to and no branch, tag or other shared ref does: each commit with its parents."""
    if not commits:
        return {}
    # Not `--all`: that counts the HEADs of worktrees too, and so this very one.
    # And not our snapshots: the answer must be the same before and after one was taken.
    excluded = (f"--exclude={ref}/*" for ref in (*_PRIVATE_REFS, "refs/agor"))
    listed = await run_git(
        *("rev-list", "--parents", "--ignore-missing", "--not", *excluded, "--glob=refs/*", "--not", "--stdin"),
        cwd=path,
        stdin="\n".join(commits).encode(),
    )
    return {line.split()[0]: line.split()[1:] for line in listed.text.splitlines()}


def _tips(commits: dict[str, list[str]]) -> list[str]:
    """Those that no other of them has for a parent: holding these holds all."""
    return sorted(commits.keys() - {parent for parents in commits.values() for parent in parents})
