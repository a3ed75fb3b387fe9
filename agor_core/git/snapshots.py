"""Snapshots: uncommitted work as commits on hidden refs, so that nothing is ever deleted that cannot come back.

`refs/agor/snapshots/<worktree>/<id>` points at a commit whose tree is all that was in the worktree. Its parents are, in
this order: the commit that was checked out, a commit of what was staged, one of the sides of conflicts (if any), one of
files that git would not give back byte for byte (if any), and commits nothing else refers to. Its message ends in one
line of JSON that says which is which.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agor_core.clock import now_ms
from agor_core.errors import NotFound
from agor_core.git.capture import Capture, capture
from agor_core.git.exact import keep_exact, lay_exact
from agor_core.git.program import WRITE_LIMIT_S, run_git
from agor_core.git.status import current_branch
from agor_core.ids import new_id

REFS = "refs/agor/snapshots"

_GITLINK = b"160000"


@dataclass(frozen=True)
class Snapshot:
    """Work that was saved. `worktree`: the name it is filed under; `path`: where it was.

    `head_sha`: the commit it was made on, None where there was none. `sha` is the snapshot's own commit.
    `left_out`: repositories inside the worktree, which a snapshot cannot hold. `index_sha`: the commit of what was
    staged; `conflicts_sha`: of the sides of conflicts; `exact_sha`: of files that git converts, as they were.
    """

    snapshot_id: str
    sha: str
    created_at: int
    reason: str
    worktree: str
    path: str
    branch: str | None
    head_sha: str | None
    left_out: tuple[str, ...]
    index_sha: str
    conflicts_sha: str | None
    ref: str
    exact_sha: str | None = None


async def snapshot(path: Path | str, reason: str, *, name: str | None = None) -> Snapshot | None:
    """Save what is uncommitted in the worktree at `path`; None when nothing is. Files and index are not touched.

    `name`: what to file it under, by default the folder's name.
    """
    taken = await capture(path)
    return None if taken.is_clean else await save(path, taken, reason, name=name)


async def save(
    path: Path | str,
    taken: Capture,
    reason: str,
    *,
    name: str | None = None,
    keep: Iterable[str] = (),
    at: Path | None = None,
) -> Snapshot:
    """A snapshot of `taken`, which was captured at `path`.

    `keep`: commits that shall live as long as it does. `at`: where the worktree was, if `path` is only what git has
    of it.
    """
    holds_files = at is None
    snapshot_id, created_at = new_id(), now_ms()
    worktree = _fit(name or Path(path).name)
    head = (taken.head_sha,) if taken.head_sha else ()
    index = await _commit(path, taken.index_tree, "index", head, created_at)
    conflicts = await _commit_conflicts(path, taken.unmerged, created_at) if taken.unmerged else None
    base = taken.head_tree or (await run_git("mktree", cwd=path, stdin=b"")).text
    tree = await keep_exact(path, base, taken.work_tree) if holds_files else None
    exact = await _commit(path, tree, "as they were", (), created_at) if tree is not None else None
    facts: dict[str, Any] = {
        "snapshot_id": snapshot_id,
        "created_at": created_at,
        "reason": reason,
        "worktree": worktree,
        "path": str(at or path),
        "branch": await current_branch(path),
        "head_sha": taken.head_sha,
        "left_out": taken.nested,
        "index_sha": index,
        "conflicts_sha": conflicts,
        "exact_sha": exact,
    }
    message = f"Agor snapshot of {worktree}\n\n{json.dumps(facts)}\n"
    parents = dict.fromkeys((*head, index, *filter(None, (conflicts, exact)), *keep))
    sha = await _commit(path, taken.work_tree, message, parents, created_at)
    ref = f"{REFS}/{worktree}/{snapshot_id}"
    await run_git("update-ref", "-m", "agor: snapshot", ref, sha, "", cwd=path, writes=True)
    return _snapshot(ref, sha, facts)


async def snapshots(repository: Path | str, name: str | None = None) -> list[Snapshot]:
    """The snapshots of a repository, or of the worktree filed under `name`; newest first."""
    below = f"{REFS}/{_fit(name)}/" if name is not None else f"{REFS}/"
    form = "--format=%(refname)%00%(objectname)%00%(contents:body)%00"
    listed = (await run_git("for-each-ref", form, below, cwd=repository)).stdout.decode("utf-8", "replace")
    fields = [field.strip("\n") for field in listed.split("\0")]
    rows = zip(fields[0::3], fields[1::3], fields[2::3], strict=False)
    found = [one for ref, sha, body in rows if (one := _read(ref, sha, body)) is not None]
    return sorted(found, key=lambda one: one.snapshot_id, reverse=True)


async def find_snapshot(repository: Path | str, snapshot_id: str) -> Snapshot:
    """The snapshot with that id. Raises NotFound."""
    for one in await snapshots(repository):
        if one.snapshot_id == snapshot_id:
            return one
    raise NotFound(f"no snapshot {snapshot_id}", snapshot_id=snapshot_id)


async def drop_snapshot(repository: Path | str, snapshot_id: str) -> None:
    """Forget a snapshot: by hand only, for this is where work ends. Raises NotFound."""
    one = await find_snapshot(repository, snapshot_id)
    await run_git("update-ref", "-d", one.ref, one.sha, cwd=repository, writes=True)


async def lay_down(path: Path | str, saved: Snapshot) -> None:
    """Make a fresh worktree, which has `saved.head_sha` checked out, what it was: files, index and conflicts."""
    await run_git("read-tree", "-m", "-u", "HEAD", saved.sha, cwd=path, writes=True, timeout_s=WRITE_LIMIT_S)
    await run_git("read-tree", saved.index_sha, cwd=path, writes=True)
    if saved.conflicts_sha:
        entries = await run_git("cat-file", "blob", f"{saved.conflicts_sha}:entries", cwd=path)
        await run_git("update-index", "-z", "--index-info", cwd=path, stdin=entries.stdout, writes=True)
    if saved.exact_sha:
        await lay_exact(path, saved.exact_sha)
    # Its answer, what differs, is what we came for: only the file times are wanted.
    await run_git("update-index", "-q", "--unmerged", "--refresh", cwd=path, writes=True, accept=(0, 1))


async def _commit(path: Path | str, tree: str, message: str, parents: Iterable[str], created_at: int) -> str:
    # As nobody: without a name configured git would refuse, and a snapshot is nobody's commit.
    who = {f"GIT_{role}_{key}": value for role in ("AUTHOR", "COMMITTER") for key, value in _who(created_at).items()}
    linked = [part for parent in parents for part in ("-p", parent)]
    made = await run_git(
        *("-c", "i18n.commitEncoding=UTF-8", "commit-tree", "--no-gpg-sign", tree, *linked),
        cwd=path,
        stdin=message.encode(),
        env=who,
    )
    return made.text


def _who(created_at: int) -> dict[str, str]:
    return {"NAME": "Agor", "EMAIL": "agor@localhost", "DATE": f"@{created_at // 1000} +0000"}


async def _commit_conflicts(path: Path | str, unmerged: bytes, created_at: int) -> str:
    """A commit of the index entries in conflict: `entries` as printed, and the blob of each side, so that it lives."""
    entries = await run_git("hash-object", "-w", "--stdin", cwd=path, stdin=unmerged)
    blobs = {line.split(b" ")[1].decode() for line in unmerged.split(b"\0") if line and not line.startswith(_GITLINK)}
    lines = [f"100644 blob {entries.text}\tentries", *(f"100644 blob {sha}\t{sha}" for sha in sorted(blobs))]
    tree = await run_git("mktree", cwd=path, stdin="\n".join(lines).encode() + b"\n")
    return await _commit(path, tree.text, "conflicts", (), created_at)


def _read(ref: str, sha: str, body: str) -> Snapshot | None:
    """The snapshot at `ref`; None for what somebody else has put there."""
    try:
        return _snapshot(ref, sha, json.loads(body.splitlines()[-1]))
    except (ValueError, LookupError, TypeError):
        return None


def _snapshot(ref: str, sha: str, facts: dict[str, Any]) -> Snapshot:
    return Snapshot(**{**facts, "left_out": tuple(facts["left_out"])}, ref=ref, sha=sha)


def _fit(name: str) -> str:
    """`name` as one part of a ref."""
    return re.sub(r"\.{2,}|\.lock$|^\.|\.$", "-", re.sub(r"[^A-Za-z0-9._-]", "-", name)).lstrip("-") or "worktree"
