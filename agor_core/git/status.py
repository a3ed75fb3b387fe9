"""What is different in a worktree now: from HEAD, from the index, and from its upstream."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from agor_core.git.program import run_git

_WORDS = {"A": "added", "M": "modified", "D": "deleted", "R": "renamed", "C": "copied", "T": "typechange"}

# Parsing more than this takes long enough to be felt by others on the event loop.
LARGE_BYTES = 200_000


@dataclass(frozen=True)
class FileStatus:
    """One path. `staged` and `unstaged`: `added modified deleted renamed copied typechange` or None.

    `kind`: `changed`, `untracked` or `conflicted`. A path that ends in `/` is a repository of its own inside this one.
    """

    path: str
    staged: str | None
    unstaged: str | None
    kind: str
    old_path: str | None = None


@dataclass(frozen=True)
class Status:
    """A worktree now. `branch` is None when detached, `head_sha` while there is no commit."""

    branch: str | None
    upstream: str | None
    ahead: int
    behind: int
    dirty: bool
    head_sha: str | None
    files: tuple[FileStatus, ...]


@dataclass(frozen=True)
class State:
    """Where a worktree stands. `ref`: its branch, or `HEAD` when detached; None where that is unknown."""

    ref: str | None
    sha: str | None
    dirty: bool

    @property
    def text(self) -> str | None:
        """`sha`, or `sha-dirty` when anything tracked, staged, or untracked and not ignored differs."""
        return f"{self.sha}-dirty" if self.sha and self.dirty else self.sha


async def status(path: Path | str) -> Status:
    """All differences in the worktree whose root is `path`; ignored files do not count."""
    return await _status(path, "--untracked-files=all")


async def state(path: Path | str) -> State:
    """Branch, sha and whether anything differs: what `status` knows, for less."""
    found = await _status(path, "--untracked-files=normal", "--no-ahead-behind", "--no-renames")
    return State(ref=found.branch or "HEAD", sha=found.head_sha, dirty=found.dirty)


async def standing(path: Path | str) -> Status:
    """What a list shows of the worktree at `path`: branch, commit, ahead, behind, and whether anything differs.

    Of folders that hold nothing but untracked files only the folder is in `files`.
    """
    return await _status(path, "--untracked-files=normal", "--no-renames")


async def current_branch(path: Path | str) -> str | None:
    """The branch that is checked out at `path`; None when detached."""
    found = await run_git("symbolic-ref", "--quiet", "HEAD", cwd=path, accept=(0, 1))
    return found.text.removeprefix("refs/heads/") or None


async def _status(path: Path | str, *options: str) -> Status:
    output = await run_git("status", "--porcelain=v2", "--branch", "-z", "--ignore-submodules=none", *options, cwd=path)
    if len(output.stdout) > LARGE_BYTES:
        return await asyncio.to_thread(_parse, output.stdout)
    return _parse(output.stdout)


def _parse(printed: bytes) -> Status:
    """The format is that of git-status(1), "Porcelain Format Version 2", with -z."""
    headers: dict[str, str] = {}
    files: list[FileStatus] = []
    fields = iter(printed.decode("utf-8", "replace").split("\0"))
    for line in fields:
        if line.startswith("# "):
            key, _, value = line[2:].partition(" ")
            headers[key] = value
        elif line:
            files.append(_file(line, fields))
    ahead, _, behind = headers.get("branch.ab", "+0 -0").partition(" ")
    branch, sha = headers.get("branch.head"), headers.get("branch.oid")
    return Status(
        branch=None if branch == "(detached)" else branch,
        upstream=headers.get("branch.upstream"),
        ahead=_count(ahead),
        behind=_count(behind),
        dirty=bool(files),
        head_sha=None if sha == "(initial)" else sha,
        files=tuple(files),
    )


def _count(text: str) -> int:
    digits = text.lstrip("+-")
    return int(digits) if digits.isdigit() else 0  # `+? -?` where it was not counted


def _file(line: str, rest: Iterator[str]) -> FileStatus:
    kind, _, tail = line.partition(" ")
    if kind == "?":
        return FileStatus(tail, None, None, "untracked")
    staged, unstaged = (_WORDS.get(letter) for letter in tail[:2])
    if kind == "u":
        return FileStatus(tail.split(" ", 9)[9], staged, unstaged, "conflicted")
    if kind == "2":
        return FileStatus(tail.split(" ", 8)[8], staged, unstaged, "changed", old_path=next(rest))
    return FileStatus(tail.split(" ", 7)[7], staged, unstaged, "changed")
