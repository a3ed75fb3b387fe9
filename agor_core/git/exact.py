"""Files that git converts when it stores them, and would not give back byte for byte: kept beside as they are.

Line ends, encodings and keywords may be set up so that what is checked out differs from what was there.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from agor_core.git.program import WRITE_LIMIT_S, run_git

_FILES = (b"100644", b"100755")
_LIST = "paths"
_CONVERTING = ("text", "crlf", "eol", "ident", "filter", "working-tree-encoding")


async def keep_exact(path: Path | str, base_tree: str, work_tree: str) -> str | None:
    """A tree of the files of the worktree at `path` that differ between the two trees, and that checking out
    `work_tree` would not give back as they are; None if there are none.

    It holds `paths`, their names ended by NUL, and the content of each under its number in that list.
    """
    changed = await _changed(path, base_tree, work_tree)
    if not changed or not await _are_converted(path, changed):
        return None
    as_they_are = await _hashes(path, changed)
    if as_they_are is None:  # something vanished while we looked; whoever must know sees that for himself
        return None
    given_back = await _checked_out(path, work_tree, changed)
    if given_back is None:  # a filter that fails: better twice than not at all
        return await _tree(path, changed)
    both = zip(changed, as_they_are, given_back, strict=True)
    inexact = [name for name, before, after in both if before != after]
    return await _tree(path, inexact) if inexact else None


async def _are_converted(path: Path | str, names: Sequence[bytes]) -> bool:
    """Whether any of these files is set up to be stored in another form than it has here: mostly none is."""
    config = ("config", "--get-regexp", r"^core\.(autocrlf|eol)$")
    configured = await run_git(*config, cwd=path, accept=(0, 1))
    if any(not line.endswith(" false") for line in configured.text.splitlines()):
        return True
    asked = ("check-attr", "--stdin", "-z", *_CONVERTING)
    told = await run_git(*asked, cwd=path, stdin=b"".join(name + b"\0" for name in names))
    return any(value not in (b"unspecified", b"unset") for value in told.stdout.split(b"\0")[2::3])


async def lay_exact(path: Path | str, tree: str) -> None:
    """Give the files of a worktree that is checked out the content they had."""
    names = (await run_git("cat-file", "blob", f"{tree}:{_LIST}", cwd=path)).stdout.split(b"\0")[:-1]
    for number, name in enumerate(names):
        content = (await run_git("cat-file", "blob", f"{tree}:{number}", cwd=path)).stdout
        await asyncio.to_thread(Path(path, os.fsdecode(name)).write_bytes, content)


async def _changed(path: Path | str, base_tree: str, work_tree: str) -> list[bytes]:
    """The regular files that are in `work_tree` only, or others there."""
    listed = await run_git("diff-tree", "-r", "-z", "--no-renames", "--diff-filter=AMT", base_tree, work_tree, cwd=path)
    fields = listed.stdout.split(b"\0")[:-1]
    rows = [(meta.split(b" "), name) for meta, name in zip(fields[0::2], fields[1::2], strict=True)]
    # Git is told names in lines; one with a line end in it is not worth the trouble.
    return [name for meta, name in rows if meta[1] in _FILES and b"\n" not in name]


async def _hashes(path: Path | str, names: Sequence[bytes], *, writes: bool = False) -> list[str] | None:
    """The blobs that these files would be just as they are; None if one of them cannot be read."""
    if not names:
        return []
    done = await run_git(
        *("hash-object", "--no-filters", "--stdin-paths", *(("-w",) if writes else ())),
        cwd=path,
        stdin=b"".join(_in_a_line(name) for name in names),
        timeout_s=WRITE_LIMIT_S,
        accept=(0, 128),
    )
    return done.text.split("\n") if done.code == 0 else None


def _in_a_line(name: bytes) -> bytes:
    quoted = name.replace(b"\\", b"\\\\").replace(b'"', b'\\"')
    return b'"' + quoted + b'"\n' if name.startswith(b'"') else name + b"\n"


async def _checked_out(path: Path | str, tree: str, names: Sequence[bytes]) -> list[str] | None:
    """The blobs that these files of `tree` would be, just as checking them out makes them: found out by doing so.

    None if that fails.
    """
    folder = await asyncio.to_thread(tempfile.mkdtemp, prefix="agor-exact-")
    try:
        env = {"GIT_INDEX_FILE": f"{folder}/index"}
        await run_git("read-tree", tree, cwd=path, env=env)
        await run_git(
            *("checkout-index", "-z", "--stdin", f"--prefix={folder}/files/"),
            cwd=path,
            env=env,
            stdin=b"".join(name + b"\0" for name in names),
            timeout_s=WRITE_LIMIT_S,
            accept=range(256),
        )
        return await _hashes(path, [os.fsencode(f"{folder}/files/") + name for name in names])
    finally:
        await asyncio.shield(asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True))


async def _tree(path: Path | str, names: Sequence[bytes]) -> str | None:
    contents = await _hashes(path, names, writes=True)
    if contents is None:
        return None
    listed = b"".join(name + b"\0" for name in names)
    index = (await run_git("hash-object", "-w", "--stdin", cwd=path, stdin=listed)).text
    lines = [f"100644 blob {index}\t{_LIST}", *(f"100644 blob {sha}\t{number}" for number, sha in enumerate(contents))]
    return (await run_git("mktree", cwd=path, stdin="\n".join(lines).encode() + b"\n")).text
