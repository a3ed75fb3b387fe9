"""Clones that Agor manages: bare, with remote-tracking branches, whole or not there."""

from __future__ import annotations

import asyncio
import contextlib
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from agor_core.errors import BadRequest, Conflict, GitRefused
from agor_core.git.names import check_url
from agor_core.git.program import run_git
from agor_core.git.remotes import remote_head
from agor_core.git.removal import delete_folder
from agor_core.git.repository import RepositoryFacts, inspect, refuse_inside
from agor_core.ids import new_id

ASK_LIMIT_S = 120.0
CLONE_LIMIT_S = 4 * 3600.0

# Git tells its progress every second; a server may think for a while before it sends anything.
SILENCE_LIMIT_S = 300.0

_KEPT_BYTES = 20_000
_PART = ".cloning-"
_UNITS = {"bytes": 1, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}
_PROGRESS = re.compile(
    r"(?:remote: )?(?P<stage>[A-Z][a-z]+ [a-z]+): +(?P<percent>\d+)% \((?P<done>\d+)/(?P<total>\d+)\)"
    r"(?:, (?P<size>[\d.]+) (?P<unit>bytes|KiB|MiB|GiB))?"
)


@dataclass(frozen=True)
class CloneProgress:
    """How far a clone is. `stage` in git's words, as `Receiving objects`; `done` of `total` objects, of this stage."""

    stage: str
    percent: int
    done: int
    total: int
    received_bytes: int


OnProgress = Callable[[CloneProgress], None]


async def clone(url: str, target: Path | str, on_progress: OnProgress | None = None) -> RepositoryFacts:
    """A bare repository at `target` with what is at `url` under refs/remotes/origin, ready for worktrees.

    There are no local branches yet: a worktree of a remote branch makes its own. Cancelling, and every failure, leaves
    nothing at `target`; what a killed process leaves beside it, `sweep_clones` takes away.
    Raises BadRequest for the URL, Conflict where `target` exists, GitRefused with what the server said.
    """
    address, folder = check_url(url), Path(target)
    if not folder.is_absolute():
        raise BadRequest(f"{folder} is not an absolute path", path=str(folder))
    if await asyncio.to_thread(folder.exists):
        raise Conflict(f"{folder} exists already", path=str(folder))
    await refuse_inside(folder)
    part = folder.with_name(f"{_PART}{folder.name}-{new_id()}")
    made_parent = not await asyncio.to_thread(folder.parent.exists)
    await _make_folder(part)
    try:
        await _fill(part, address, on_progress)
        await _put_in_place(part, folder)
    finally:
        await asyncio.shield(asyncio.to_thread(_clean_up, part, made_parent))
    return await inspect(folder)


async def _make_folder(folder: Path) -> None:
    try:
        await asyncio.to_thread(folder.mkdir, parents=True)
    except OSError as error:
        raise GitRefused(f"cannot make {folder}: {error.strerror}", path=str(folder)) from error


async def _put_in_place(part: Path, folder: Path) -> None:
    try:
        await asyncio.to_thread(part.rename, folder)
    except OSError as error:
        raise Conflict(f"{folder} exists already", path=str(folder)) from error


def _clean_up(part: Path, made_parent: bool) -> None:
    shutil.rmtree(part, ignore_errors=True)
    if made_parent:
        with contextlib.suppress(OSError):  # the clone, or another one, is in it
            part.parent.rmdir()


async def has_own_work(clone: Path | str) -> bool:
    """Whether a clone has commits, snapshots or tags that its remote has not, as far as is known here."""
    refs = ("--exclude=refs/remotes/*", "--glob=refs/*")
    listed = await run_git("rev-list", "--max-count=1", *refs, "--not", "--remotes", cwd=clone)
    return bool(listed.text)


async def delete_clone(clone: Path | str) -> None:
    """Delete a clone from the disk, whatever it has."""
    await asyncio.to_thread(delete_folder, Path(clone))


async def sweep_clones(root: Path | str) -> None:
    """Delete what clones of a killed process left below `root`. Not while a clone is running there."""
    await asyncio.to_thread(_sweep, Path(root))


def _sweep(root: Path) -> None:
    for leftover in [*root.glob(f"{_PART}*"), *root.glob(f"*/{_PART}*")]:
        shutil.rmtree(leftover, ignore_errors=True)


async def _fill(folder: Path, address: str, on_progress: OnProgress | None) -> None:
    # Asking first finds out in one round trip whether we may read it, before anything is on the disk.
    default = await remote_head(folder, address, ASK_LIMIT_S)
    await run_git("init", "--quiet", "--bare", "--", ".", cwd=folder, writes=True)
    for key, value in (("url", address), ("fetch", "+refs/heads/*:refs/remotes/origin/*")):
        await run_git("config", "--local", f"remote.origin.{key}", value, cwd=folder, writes=True)
    await run_git(
        *("-c", "fetch.unpackLimit=1"),  # unpacking a small pack tells no bytes
        *("fetch", "--progress", "--no-write-fetch-head", "--recurse-submodules=no", "--", "origin"),
        cwd=folder,
        writes=True,
        timeout_s=CLONE_LIMIT_S,
        read_errors=_Watcher(on_progress).read,
    )
    if default is not None:
        await run_git("symbolic-ref", "HEAD", f"refs/heads/{default}", cwd=folder, writes=True)
        remote = ("symbolic-ref", "refs/remotes/origin/HEAD", f"refs/remotes/origin/{default}")
        await run_git(*remote, cwd=folder, writes=True)


class _Watcher:
    """Reads git's standard error, tells what is progress, and keeps the end of it for an error's words."""

    def __init__(self, on_progress: OnProgress | None) -> None:
        self._on_progress = on_progress
        self._received = 0

    async def read(self, stream: asyncio.StreamReader) -> bytes:
        """All of `stream`, less the progress. Raises GitRefused if it is silent for too long."""
        kept, rest = b"", b""
        while chunk := await self._next(stream):
            *lines, rest = re.split(rb"[\r\n]+", rest + chunk)
            kept += b"".join(line + b"\n" for line in lines if not self._is_progress(line))
            kept = kept[-_KEPT_BYTES:]
        return kept + rest

    async def _next(self, stream: asyncio.StreamReader) -> bytes:
        try:
            async with asyncio.timeout(SILENCE_LIMIT_S):
                return await stream.read(8192)
        except TimeoutError as error:
            raise GitRefused(f"the server has said nothing for {SILENCE_LIMIT_S:g} s") from error

    def _is_progress(self, line: bytes) -> bool:
        found = _PROGRESS.match(line.decode("utf-8", "replace"))
        if found is None:
            return False
        if found["size"]:
            self._received = int(float(found["size"]) * _UNITS[found["unit"]])
        if self._on_progress is not None:
            percent, done, total = (int(found[name]) for name in ("percent", "done", "total"))
            self._on_progress(CloneProgress(found["stage"], percent, done, total, self._received))
        return True
