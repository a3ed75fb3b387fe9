"""The content of a worktree as git trees, taken with an index of our own: neither files nor index are touched."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from agor_core.git.program import WRITE_LIMIT_S, run_git


@dataclass(frozen=True)
class Capture:
    """A worktree's content; ignored files are in none of it.

    `index_tree`: what is staged, less what is in conflict. `work_tree`: all that is there, untracked files included.
    `unmerged`: the index entries of conflicts, as `git ls-files --stage -z` prints them. `nested`: folders with a
    repository of their own, whose content no tree of ours can hold.
    """

    head_sha: str | None
    head_tree: str | None
    index_tree: str
    work_tree: str
    unmerged: bytes
    nested: tuple[str, ...]

    @property
    def is_clean(self) -> bool:
        """Whether all of it is the commit that is checked out."""
        return self.head_tree == self.index_tree == self.work_tree and not self.unmerged


async def capture(path: Path | str, *, index_only: bool = False) -> Capture:
    """The content of the worktree at `path`; its objects are stored, but nothing refers to them yet.

    `index_only`: `path` is the git directory of a worktree whose folder is gone; its index is all there is.
    """
    async with _index_copy(path) as env:
        return await _take(path, env, index_only)


@asynccontextmanager
async def looked_at(path: Path | str) -> AsyncIterator[tuple[Capture, dict[str, str]]]:
    """`capture` for just looking: its objects vanish afterwards. With it the environment in which git sees them."""
    objects = (await run_git("rev-parse", "--path-format=absolute", "--git-path", "objects", cwd=path)).text
    async with _index_copy(path) as env:
        new = Path(env["GIT_INDEX_FILE"]).with_name("objects")
        await asyncio.to_thread(new.mkdir)
        quoted = objects.replace("\\", "\\\\").replace('"', '\\"')
        seeing = {"GIT_OBJECT_DIRECTORY": str(new), "GIT_ALTERNATE_OBJECT_DIRECTORIES": f'"{quoted}"'}
        yield await _take(path, {**env, **seeing}, index_only=False), seeing


async def _take(path: Path | str, env: dict[str, str], index_only: bool) -> Capture:
    unmerged = (await run_git("ls-files", "--unmerged", "-z", cwd=path, env=env)).stdout
    if unmerged:
        # A tree cannot hold a conflict: its entries leave our copy of the index and are kept beside it.
        await run_git("update-index", "-z", "--index-info", cwd=path, env=env, stdin=_removals(unmerged))
    index_tree = work_tree = (await run_git("write-tree", cwd=path, env=env)).text
    nested: list[bytes] = []
    if not index_only:
        is_sparse = await _look_at_everything(Path(path), env)
        nested = await _nested(path, env)
        await _add_all(path, env, nested, is_sparse)
        work_tree = (await run_git("write-tree", cwd=path, env=env)).text
    sha, tree = await _head(path)
    shown = tuple(name.decode("utf-8", "replace") for name in nested)
    return Capture(sha, tree, index_tree, work_tree, unmerged, shown)


async def _look_at_everything(path: Path, env: dict[str, str]) -> bool:
    """Undo the marks that make git overlook changes; whether some files are left out by a sparse checkout.

    Somebody may have said "assume unchanged" of a file and have changed it all the same. Taking the mark away is not
    enough: a git that trusts it may have stored times that make the changed file look unchanged. So these entries are
    put into our copy of the index anew, without times, and every such file is read.
    """
    listed = await run_git("ls-files", "-v", "-z", cwd=path, env=env)
    marked = [entry for entry in listed.stdout.split(b"\0") if entry and not entry.startswith(b"H ")]
    skipped = [entry[2:] for entry in marked if entry[:1] in b"Ss"]
    present = await asyncio.to_thread(lambda: [name for name in skipped if os.path.lexists(path / os.fsdecode(name))])
    suspects = {*present, *(entry[2:] for entry in marked if entry[:1] == b"h")}
    if suspects:
        staged = (await run_git("ls-files", "--stage", "-z", cwd=path, env=env)).stdout.split(b"\0")
        anew = b"".join(entry + b"\0" for entry in staged if entry and entry.split(b"\t", 1)[1] in suspects)
        await run_git("update-index", "-z", "--index-info", cwd=path, env=env, stdin=anew)
    return bool(skipped)


async def _head(path: Path | str) -> tuple[str | None, str | None]:
    found = await run_git("log", "-1", "--no-show-signature", "--format=%H %T", "HEAD", "--", cwd=path, accept=(0, 128))
    sha, _, tree = found.text.partition(" ")
    return (sha, tree) if found.code == 0 else (None, None)


async def _nested(path: Path | str, env: dict[str, str]) -> list[bytes]:
    listed = await run_git("ls-files", "--others", "--exclude-standard", "-z", cwd=path, env=env)
    return [name for name in listed.stdout.split(b"\0") if name.endswith(b"/")]


async def _add_all(path: Path | str, env: dict[str, str], nested: list[bytes], is_sparse: bool) -> None:
    """Stage all in our copy of the index, less the nested, of which git would keep no more than a commit's name."""
    left_out = (f":(exclude,literal){os.fsdecode(name.rstrip(b'/'))}" for name in nested)
    await run_git(
        *("add", "--all", *(("--sparse",) if is_sparse else ()), "--", ".", *left_out),
        cwd=path,
        env={**env, "GIT_LITERAL_PATHSPECS": "0"},
        timeout_s=WRITE_LIMIT_S,
    )


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
