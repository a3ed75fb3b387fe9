"""The content of a worktree as git trees, taken with an index of our own: neither files nor index are touched."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from agor_core.git.program import WRITE_LIMIT_S, run_git


@dataclass(frozen=True)
class Capture:
    """A worktree's content. `index_tree`: what is staged, less what is in conflict; `work_tree`: all that is there.

    `unmerged`: the index entries of conflicts, as `git ls-files --stage -z` prints them. Ignored files are in neither.
    """

    head_sha: str | None
    index_tree: str
    work_tree: str
    unmerged: bytes


async def capture(path: Path | str) -> Capture:
    """The content of the worktree at `path`; its objects are stored, but nothing refers to them yet."""
    head = await run_git("rev-parse", "--verify", "--quiet", "HEAD^{commit}", cwd=path, accept=(0, 1))
    async with _index_copy(path) as env:
        unmerged = await run_git("ls-files", "--unmerged", "-z", cwd=path, env=env)
        if unmerged.stdout:
            # A tree cannot hold a conflict: its entries leave our copy of the index and are kept beside it.
            await run_git("update-index", "-z", "--index-info", cwd=path, env=env, stdin=_removals(unmerged.stdout))
        index_tree = await run_git("write-tree", cwd=path, env=env)
        await run_git("add", "--all", "--", ".", cwd=path, env=env, timeout_s=WRITE_LIMIT_S)
        work_tree = await run_git("write-tree", cwd=path, env=env)
    return Capture(head.text or None, index_tree.text, work_tree.text, unmerged.stdout)


@asynccontextmanager
async def _index_copy(path: Path | str) -> AsyncIterator[dict[str, str]]:
    index = Path((await run_git("rev-parse", "--path-format=absolute", "--git-path", "index", cwd=path)).text)
    folder = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix="agor-index-"))
    try:
        copy = folder / "index"
        with contextlib.suppress(FileNotFoundError):  # a worktree nothing was ever checked out in has none
            await asyncio.to_thread(shutil.copy2, index, copy)
        yield {"GIT_INDEX_FILE": str(copy)}
    finally:
        await asyncio.shield(asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True))


def _removals(unmerged: bytes) -> bytes:
    """Lines for `update-index --index-info -z` that take these entries out: mode 0, as git-update-index(1) says."""
    paths = {line.split(b"\t", 1)[1] for line in unmerged.split(b"\0") if line}
    return b"".join(b"0 " + b"0" * 40 + b"\t" + path + b"\0" for path in sorted(paths))
