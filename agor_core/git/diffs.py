"""Differences file by file: numbers for all, patches for a page of them; what is binary or huge is named only."""

from __future__ import annotations

import asyncio
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agor_core.errors import BadRequest
from agor_core.git.capture import capture
from agor_core.git.names import check_revision
from agor_core.git.program import WRITE_LIMIT_S, run_git
from agor_core.git.snapshots import REFS
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
    old, new = await _ends(path, against, until, staged)
    listed = await run_git(
        *("diff-tree", *_OPTIONS, "--raw", "--numstat", "-z", old, new, "--", *((only,) if only else ())),
        cwd=path,
        timeout_s=WRITE_LIMIT_S,
    )
    files = sorted(await asyncio.to_thread(_parse, listed.stdout), key=lambda file: file.raw.path)
    page = files[skip : None if limit is None else skip + limit]
    omitted = await _omitted(path, page)
    patches = await _patches(path, old, new, [file for file in page if file.raw.path not in omitted])
    return {"files": [_shown(file, patches, omitted) for file in page], "total": len(files)}


async def _ends(path: Path | str, against: str | None, until: str | None, staged: bool) -> tuple[str, str]:
    if until is not None:
        return await _tree(path, against or "HEAD"), await _tree(path, until)
    taken = await capture(path)
    new = taken.index_tree if staged else taken.work_tree
    if against is None:
        return taken.head_tree or await _empty_tree(path), new
    return await _tree(path, against), new


async def _tree(path: Path | str, name: str) -> str:
    """The tree of a commit or of a snapshot, by its id."""
    if is_id(name):
        listed = await run_git("for-each-ref", "--format=%(objectname) %(refname)", REFS, cwd=path)
        shas = [line.split()[0] for line in listed.text.splitlines() if line.endswith(f"/{name}")]
        name = shas[0] if shas else name
    found = await run_git(
        "rev-parse", "--verify", "--quiet", f"{check_revision(name)}^{{tree}}", cwd=path, accept=(0, 1, 128)
    )
    if found.code:
        raise BadRequest(f"nothing here is called {name!r}", against=name)
    return found.text


async def _empty_tree(path: Path | str) -> str:
    return (await run_git("hash-object", "-t", "tree", "-w", "--stdin", cwd=path, stdin=b"")).text


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
    while printed.startswith(b":"):
        facts, path, printed = printed.split(b"\0", 2)
        old_mode, new_mode, old_blob, new_blob, letter = facts[1:].decode().split(" ")
        old_path = None
        if letter[0] in "RC":
            old_path = path
            path, printed = printed.split(b"\0", 1)
        mode = old_mode if new_mode == "000000" else new_mode
        raws.append(_Raw(mode, letter[0], (old_blob, new_blob), old_path, path))
    return raws, printed


async def _omitted(path: Path | str, page: list[_File]) -> dict[bytes, str]:
    """Which files get no patch, and why."""
    sizes = await _sizes(path, [blob for file in page for blob in file.raw.blobs if set(blob) != {"0"}])
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


async def _sizes(path: Path | str, blobs: list[str]) -> dict[str, int]:
    listed = await run_git(
        *("cat-file", "--batch-check=%(objectname) %(objectsize)"), cwd=path, stdin="\n".join(blobs).encode() + b"\n"
    )
    pairs = (line.split(" ") for line in listed.text.splitlines())
    return {sha: int(size) for sha, size in pairs if size.isdigit()}


async def _patches(path: Path | str, old: str, new: str, files: list[_File]) -> dict[bytes, str]:
    """The patch of each file, as long as they fit into one answer."""
    patches: dict[bytes, str] = {}
    room = PAGE_BYTES_LIMIT
    for at in range(0, len(files), PATHS_AT_ONCE):
        if room <= 0:
            break
        for name, patch in (await _patch_some(path, old, new, files[at : at + PATHS_AT_ONCE])).items():
            if len(patch) <= min(room, PATCH_BYTES_LIMIT):
                patches[name] = patch.decode("utf-8", "replace")
                room -= len(patch)
    return patches


async def _patch_some(path: Path | str, old: str, new: str, files: list[_File]) -> dict[bytes, bytes]:
    names = [os.fsdecode(name) for file in files for name in (file.raw.old_path, file.raw.path) if name is not None]
    printed = await run_git(
        *("diff-tree", *_OPTIONS, "--raw", "--patch", "--src-prefix=a/", "--dst-prefix=b/", old, new, "--", *names),
        cwd=path,
        timeout_s=WRITE_LIMIT_S,
    )
    raws, rest = _parse_raw(printed.stdout)
    rest = rest.lstrip(b"\0\n")
    if len(files) == 1:
        return {files[0].raw.path: rest}
    # Lines of a patch begin with a blank, a sign or `@`: this can only be a header, or be in a file's name.
    sections = [part + b"\n" for part in re.split(rb"\n(?=diff --git )", rest.removesuffix(b"\n"))]
    if len(sections) != len(raws):
        each = [await _patch_some(path, old, new, [file]) for file in files]
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
