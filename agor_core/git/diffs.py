"""Differences file by file: numbers for all, patches for a page of them; what is binary or huge is named only."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agor_core.errors import BadRequest
from agor_core.git.capture import looked_at
from agor_core.git.names import check_revision
from agor_core.git.program import WRITE_LIMIT_S, run_git
from agor_core.git.snapshots import find_snapshot
from agor_core.ids import is_id

# More than anybody reads at once, and what an answer in JSON can carry.
PATCH_LINES_LIMIT = 5_000
PATCH_BYTES_LIMIT = 400_000
BLOB_BYTES_LIMIT = 2_000_000
PAGE_BYTES_LIMIT = 4_000_000

# Paths go to git as arguments, of which a process can have only so many.
PATHS_AT_ONCE = 200

_OPTIONS = ("--no-ext-diff", "--no-textconv", "--no-color", "--find-renames", "-r", "-z", "--full-index")
_WORDS = {"A": "added", "M": "modified", "D": "deleted", "R": "renamed", "C": "copied", "T": "typechange"}
_SUBMODULE = "160000"


@dataclass(frozen=True)
class _Raw:
    mode: str
    letter: str
    blobs: tuple[str, str]
    old_path: bytes | None
    path: bytes


@dataclass(frozen=True)
class _File:
    raw: _Raw
    insertions: int
    deletions: int
    is_binary: bool


@dataclass(frozen=True)
class _Place:
    path: Path | str
    old: str
    new: str
    env: dict[str, str]

    async def git(self, *args: str, stdin: bytes | None = None) -> bytes:
        done = await run_git(*args, cwd=self.path, env=self.env, stdin=stdin, timeout_s=WRITE_LIMIT_S)
        return done.stdout


async def diff(
    path: Path | str,
    against: str | None = None,
    *,
    until: str | None = None,
    only: str | None = None,
    staged: bool = False,
    skip: int = 0,
    limit: int | None = None,
) -> dict[str, Any]:
    """`{files: [{path, old_path?, status, insertions, deletions, binary, patch?, omitted?}], total}`, ordered by path.

    From `against` (a commit, or a snapshot by its id; None is HEAD) to `until`, by default the worktree at `path` as it
    is now, untracked files included, or with `staged` its index. With `until`, `path` may be a bare repository.
    `only`: one file. `skip` and `limit` page the files. What is not worth showing has no patch but `omitted`: "binary",
    "too large" or "submodule".
    """
    only_this = (only,) if only else ()
    async with _ends(path, against, until, staged) as (old, new, env):
        there = _Place(path, old, new, env)
        listed = await there.git("diff-tree", *_OPTIONS, "--raw", "--numstat", old, new, "--", *only_this)
        files = sorted(await asyncio.to_thread(_parse, listed), key=lambda file: file.raw.path)
        page = files[skip : None if limit is None else skip + limit]
        omitted = await _omitted(there, page)
        patches = await _patches(there, [file for file in page if file.raw.path not in omitted])
    return {"files": [_shown(file, patches, omitted) for file in page], "total": len(files)}


@asynccontextmanager
async def _ends(
    path: Path | str, against: str | None, until: str | None, staged: bool
) -> AsyncIterator[tuple[str, str, dict[str, str]]]:
    """The two trees to compare, and the environment in which git sees both."""
    if until is not None:
        yield await _tree(path, against or "HEAD"), await _tree(path, until), {}
        return
    old = await _tree(path, against) if against is not None else None
    async with looked_at(path) as (taken, env):
        if old is None:
            old = taken.head_tree or (await run_git("mktree", cwd=path, env=env, stdin=b"")).text
        yield old, taken.index_tree if staged else taken.work_tree, env


async def _tree(path: Path | str, name: str) -> str:
    """The tree of a commit or of a snapshot, by its id."""
    if is_id(name):
        name = (await find_snapshot(path, name)).sha
    tree = f"{check_revision(name)}^{{tree}}"
    found = await run_git("rev-parse", "--verify", "--quiet", tree, cwd=path, accept=(0, 1, 128))
    if found.code:
        raise BadRequest(f"nothing here is called {name!r}", against=name)
    return found.text


def _parse(printed: bytes) -> list[_File]:
    """`--raw --numstat -z`: first all raw records, then all numbers, in the same order (git-diff(1))."""
    raws, rest = _parse_raw(printed)
    fields = iter(rest.split(b"\0"))
    files: list[_File] = []
    for raw in raws:
        plus, minus, _ = next(fields).split(b"\t", 2)
        if raw.old_path is not None:
            next(fields), next(fields)  # both names, which the raw record has told already
        is_binary = plus == b"-"
        files.append(_File(raw, *((0, 0) if is_binary else (int(plus), int(minus))), is_binary=is_binary))
    return files


def _parse_raw(printed: bytes) -> tuple[list[_Raw], bytes]:
    """The raw records that `printed` begins with, and what follows them."""
    raws: list[_Raw] = []
    at = 0

    def field() -> bytes:
        nonlocal at
        begin, at = at, printed.index(b"\0", at) + 1
        return printed[begin : at - 1]

    while printed[at : at + 1] == b":":
        old_mode, new_mode, old_blob, new_blob, letter = field()[1:].decode().split(" ")
        old_path = field() if letter[0] in "RC" else None
        mode = old_mode if new_mode == "000000" else new_mode
        raws.append(_Raw(mode, letter[0], (old_blob, new_blob), old_path, field()))
    return raws, printed[at:]


async def _omitted(there: _Place, page: list[_File]) -> dict[bytes, str]:
    """Which files get no patch, and why."""
    sizes = await _sizes(there, [blob for file in page for blob in file.raw.blobs if set(blob) != {"0"}])
    omitted: dict[bytes, str] = {}
    for file in page:
        if file.raw.mode == _SUBMODULE:
            omitted[file.raw.path] = "submodule"
        elif file.is_binary:
            omitted[file.raw.path] = "binary"
        elif file.insertions + file.deletions > PATCH_LINES_LIMIT or any(
            sizes.get(blob, 0) > BLOB_BYTES_LIMIT for blob in file.raw.blobs
        ):
            omitted[file.raw.path] = "too large"
    return omitted


async def _sizes(there: _Place, blobs: list[str]) -> dict[str, int]:
    wanted = "\n".join(blobs).encode() + b"\n"
    listed = (await there.git("cat-file", "--batch-check=%(objectname) %(objectsize)", stdin=wanted)).decode()
    pairs = (line.split(" ") for line in listed.splitlines())
    return {sha: int(size) for sha, size in pairs if size.isdigit()}


async def _patches(there: _Place, files: list[_File]) -> dict[bytes, str]:
    """The patch of each file, as long as they fit into one answer."""
    patches: dict[bytes, str] = {}
    room = PAGE_BYTES_LIMIT
    for at in range(0, len(files), PATHS_AT_ONCE):
        if room <= 0:
            break
        for name, patch in (await _patch_some(there, files[at : at + PATHS_AT_ONCE])).items():
            if len(patch) <= min(room, PATCH_BYTES_LIMIT):
                patches[name] = patch.decode("utf-8", "replace")
                room -= len(patch)
    return patches


async def _patch_some(there: _Place, files: list[_File]) -> dict[bytes, bytes]:
    names = [os.fsdecode(name) for file in files for name in (file.raw.old_path, file.raw.path) if name is not None]
    asked = ("--raw", "--patch", "--src-prefix=a/", "--dst-prefix=b/", there.old, there.new, "--", *names)
    raws, rest = _parse_raw(await there.git("diff-tree", *_OPTIONS, *asked))
    rest = rest.lstrip(b"\0\n")
    if len(files) == 1:
        return {files[0].raw.path: rest}
    # Lines of a patch begin with a blank, a sign or `@`: this can only be a header, or be in a file's name.
    sections = [part + b"\n" for part in re.split(rb"\n(?=diff --git )", rest.removesuffix(b"\n"))]
    if len(sections) != len(raws):
        each = [await _patch_some(there, [file]) for file in files]
        return {name: patch for one in each for name, patch in one.items()}
    return {raw.path: section for raw, section in zip(raws, sections, strict=True)}


def _shown(file: _File, patches: dict[bytes, str], omitted: dict[bytes, str]) -> dict[str, Any]:
    raw = file.raw
    facts: dict[str, Any] = {
        "path": raw.path.decode("utf-8", "replace"),
        "status": _WORDS.get(raw.letter, "modified"),
        "insertions": file.insertions,
        "deletions": file.deletions,
        "binary": file.is_binary,
    }
    if raw.old_path is not None:
        facts["old_path"] = raw.old_path.decode("utf-8", "replace")
    if raw.path in patches:
        return {**facts, "patch": patches[raw.path]}
    return {**facts, "omitted": omitted.get(raw.path, "too large")}
