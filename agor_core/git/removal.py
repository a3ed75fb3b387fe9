"""Taking a worktree away: first say what would be lost, then only what git has stored elsewhere goes."""

from __future__ import annotations

import asyncio
import hashlib
import json
import shutil
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from agor_core.errors import Conflict, NotFound
from agor_core.git.capture import Capture, capture
from agor_core.git.program import run_git
from agor_core.git.repository import common_dir
from agor_core.git.status import status
from agor_core.git.worktrees import entry_at, turn
from agor_core.ids import new_id

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


@dataclass(frozen=True)
class WorktreeReport:
    """What a removal would take away. Paths are the first 200 of each kind.

    `unpushed`: commits of HEAD that no remote and no other branch has (they stay, with the branch).
    `detached_commits`: commits that nothing but this worktree's own history refers to.
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


async def worktree_report(path: Path | str) -> WorktreeReport:
    """What is in the worktree at `path` and nowhere else."""
    return (await _look(path))[0]


async def remove_worktree(repository: Path | str, path: Path | str) -> None:
    """Remove the worktree of `repository` at `path`; its branch and commits stay. Ignored files go with the folder.

    Refused for the main worktree, a locked one, and one that is not clean: Conflict with `report` and `token` in its
    data.
    """
    async with turn(await common_dir(repository)):
        entry = await entry_at(repository, path)
        if entry.is_main or entry.is_bare:
            raise Conflict(f"{path} is the repository's own folder, not a worktree that can be removed", path=str(path))
        if entry.locked is not None:
            raise Conflict(f"{path} is locked: {entry.locked or 'no reason given'}", path=str(path))
        if entry.is_missing:
            await _forget(repository, entry.path)
            return
        await _remove(Path(repository), entry.path)


async def _remove(repository: Path, folder: Path) -> None:
    await _refuse_strangers(repository, folder)
    report = (await _look(folder))[0]
    if not report.is_clean:
        raise Conflict(f"{folder} has work that git has not stored", report=report.as_dict(), token=report.token)
    # Out of everyone's sight first: whoever wrote while we looked is noticed before anything is deleted.
    aside = folder.with_name(f".{folder.name}.removing-{new_id()}")
    await asyncio.to_thread(folder.rename, aside)
    again = await _look_aside(aside)
    if again != (report.head_sha, report.token):
        await asyncio.to_thread(aside.rename, folder)
        raise Conflict(f"{folder} was changed while it was being removed; it was put back", path=str(folder))
    await _forget(repository, folder)
    await asyncio.to_thread(shutil.rmtree, aside)


async def _look_aside(aside: Path) -> tuple[str | None, str]:
    report = (await _look(aside))[0]
    return report.head_sha, report.token


async def _forget(repository: Path | str, folder: Path) -> None:
    """Take a worktree whose folder is gone from git's list, and only that one."""
    await run_git("worktree", "remove", "--force", "--", str(folder), cwd=repository, writes=True)


async def _refuse_strangers(repository: Path, folder: Path) -> None:
    """Folder, git's list and the link back must agree before anything of it may be deleted."""
    if not await asyncio.to_thread(_is_linked, folder):
        raise NotFound(f"{folder} is not a linked worktree", path=str(folder))
    if await common_dir(folder) != await common_dir(repository):
        raise Conflict(f"{folder} now belongs to another repository", path=str(folder))


def _is_linked(folder: Path) -> bool:
    return not folder.is_symlink() and (folder / ".git").is_file()


async def _look(path: Path | str) -> tuple[WorktreeReport, Capture]:
    found, taken = await status(path), await capture(path)
    own = await _own_git_dir(path)
    nested = [file.path for file in found.files if file.path.endswith("/")]
    if (own / "modules").is_dir():
        nested.append("submodules")
    changed = [file.path for file in found.files if file.kind != "untracked"]
    untracked = [file.path for file in found.files if file.kind == "untracked"]
    operation = next((word for name, word in _OPERATIONS.items() if (own / name).exists()), None)
    unreferenced = await _unreferenced(path)
    facts = [found.branch, *map(str, _content(taken)), unreferenced, operation, nested]
    report = WorktreeReport(
        path=Path(path),
        branch=found.branch,
        head_sha=taken.head_sha,
        changed=tuple(changed[:PATHS_LIMIT]),
        untracked=tuple(untracked[:PATHS_LIMIT]),
        changed_count=len(changed),
        untracked_count=len(untracked),
        unpushed=await _unpushed(path, found.branch) if taken.head_sha else 0,
        detached_commits=len(unreferenced),
        nested=tuple(nested[:PATHS_LIMIT]),
        operation=operation,
        token=hashlib.sha256(json.dumps(facts).encode()).hexdigest(),
    )
    return report, taken


def _content(taken: Capture) -> tuple[str | None, str, str, str]:
    return taken.head_sha, taken.index_tree, taken.work_tree, taken.unmerged.hex()


async def _own_git_dir(path: Path | str) -> Path:
    return Path((await run_git("rev-parse", "--absolute-git-dir", cwd=path)).text)


async def _unpushed(path: Path | str, branch: str | None) -> int:
    others = ("--remotes", *((f"--exclude={branch}",) if branch else ()), "--branches")
    return int((await run_git("rev-list", "--count", "HEAD", "--not", *others, cwd=path)).text)


async def _unreferenced(path: Path | str) -> list[str]:
    """Commits this worktree's HEAD has been on that no branch, tag or other ref leads to; newest first."""
    logged = await run_git("log", "--walk-reflogs", "--format=%H", "HEAD", "--", cwd=path, accept=(0, 128))
    shas = sorted(set(logged.text.split("\n")) - {""}) if logged.code == 0 else []
    if not shas:
        return []
    # Not `--all`: that counts the HEADs of worktrees too, and so this very one.
    listed = await run_git(
        *("rev-list", "--ignore-missing", "--not", "--glob=refs/*", "--not", "--stdin"),
        cwd=path,
        stdin="\n".join(shas).encode(),
    )
    return listed.text.split()
