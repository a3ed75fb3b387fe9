"""What git says a repository's worktrees are, brought into the rows: whoever made, moved or removed them."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from agor_core import git
from agor_core.db import Database, Transaction
from agor_core.errors import NotFound, ServiceError
from agor_core.ids import short
from agor_core.models import Repo, Session, Worktree

log = logging.getLogger(__name__)

Scan = tuple[git.LinkedWorktree, ...]

# Two who look at once see the same, and one of them looks again; what is left then, the next look finds.
MOST_TRIES = 3

_KNOWN = ("preparing", "ready", "missing", "removed")


@dataclass
class _Plan:
    """What has to change so that the rows of one repository say what git says."""

    repo: Repo
    repo_status: str
    changes: dict[str, dict[str, Any]] = field(default_factory=dict)
    new: list[git.LinkedWorktree] = field(default_factory=list)


class Adoption:
    """Keeps the rows of worktrees in step with git's own records. `root`: the folder of the worktrees we make.

    A look takes no longer than `limit_s`: a disk that does not answer is no reason not to show what is stored.
    """

    def __init__(self, database: Database, root: Path, limit_s: float) -> None:
        self._database = database
        self._root = root
        self._limit_s = limit_s
        self._at_work: Counter[str] = Counter()
        self._generation: Counter[str] = Counter()
        self._settled: dict[str, tuple[int, Scan | None]] = {}

    @contextmanager
    def at_work(self, repo_id: str) -> Iterator[None]:
        """While we change a repository's worktrees ourselves: what git says in between is our own doing, half done."""
        self._at_work[repo_id] += 1
        self._generation[repo_id] += 1
        try:
            yield
        finally:
            self._at_work[repo_id] -= 1
            self._generation[repo_id] += 1

    async def settle(self, repo_id: str | None = None) -> None:
        """Bring the rows of one repository up to date, or of all; what changes is announced. Quick if nothing has."""
        conditions: dict[str, Any] = {"repo_id": repo_id} if repo_id is not None else {}
        repos: list[Repo] = await self._database.read(
            lambda tx: tx.repos.where(status=["ready", "missing"], **conditions)
        )
        idle = {repo.repo_id: self._generation[repo.repo_id] for repo in repos if not self._at_work[repo.repo_id]}
        repos = [repo for repo in repos if repo.repo_id in idle]
        try:
            async with asyncio.timeout(self._limit_s):
                scans = await git.linked_worktrees_of([repo.data.local_path for repo in repos])
        except TimeoutError:
            log.warning("looking for worktrees took more than %g s; is a disk stuck?", self._limit_s)
            return
        for repo, scan in zip(repos, scans, strict=True):
            if self._settled.get(repo.repo_id) != (idle[repo.repo_id], scan):
                for _ in range(MOST_TRIES):
                    if await self._settle(repo.repo_id):
                        break

    async def settle_around(self, worktree_id: str) -> None:
        """The same for the repository of one worktree. Raises NotFound."""
        known = await self._database.read(lambda tx: tx.worktrees.get(worktree_id))
        await self.settle(known.repo_id)

    async def _settle(self, repo_id: str) -> bool:
        """Whether the rows now say what git says, or we are at work there; not if somebody else wrote in between."""
        generation = self._generation[repo_id]
        if self._at_work[repo_id]:
            return True
        try:
            # Before git is asked: who writes after this may have asked later than we, and knows better.
            repo, rows = await self._database.read(lambda tx: _stored(tx, repo_id))
            (scan,) = await git.linked_worktrees_of([repo.data.local_path])
            plan = await asyncio.to_thread(_plan, repo, scan, rows)
            found = await self._describe(plan)
            for row in rows:
                if plan.changes.get(row.worktree_id, {}).get("status") == "removed":
                    plan.changes[row.worktree_id]["removal_snapshot_id"] = await _saved_at_removal(repo, row)
        except ServiceError as error:
            log.warning("cannot look at the worktrees of repository %s: %s", short(repo_id), error)
            return True

        def unit_of_work(tx: Transaction) -> bool:
            if self._generation[repo_id] != generation or _as_planned(*_stored(tx, repo_id)) != _as_planned(repo, rows):
                return False
            _carry_out(tx, plan, found, self._root)
            return True

        if plan.changes or found or plan.repo_status != repo.status:
            try:
                if not await self._database.write(unit_of_work):
                    return False
            except NotFound:  # the repository was removed meanwhile
                return True
        if len(found) == len(plan.new):  # else git has let go of one since
            self._settled[repo_id] = (generation, scan)
        return True

    async def _describe(self, plan: _Plan) -> list[Worktree]:
        """The new ones as rows, but for their names."""
        if not plan.new:
            return []
        repository, default = plan.repo.data.local_path, plan.repo.data.default_branch
        listed = {entry.path.resolve(): entry for entry in await git.worktrees(repository)}
        entries = [(one, listed.get(one.path.resolve())) for one in plan.new]
        heads = {entry.sha for _, entry in entries if entry is not None and entry.sha is not None}
        base_ref, bases = await git.branched_off(repository, heads, default)
        return [
            _adopted(plan.repo, one, entry, (base_ref, bases.get(entry.sha or "")))
            for one, entry in entries
            if entry is not None
        ]


def _stored(tx: Transaction, repo_id: str) -> tuple[Repo, list[Worktree]]:
    """A repository and its worktrees; in a write nobody else adds one before its end. Raises NotFound."""
    repo = tx.repos.get(repo_id)
    return repo, tx.worktrees.where(repo_id=repo_id, status=list(_KNOWN))


def _as_planned(repo: Repo, rows: Sequence[Worktree]) -> tuple[object, ...]:
    """What of the rows a plan looks at."""
    return repo.status, [(row.worktree_id, row.status, row.data.path, row.data.git_identity) for row in rows]


async def _saved_at_removal(repo: Repo, row: Worktree) -> str | None:
    """The snapshot of a removal that was decided, but of which a killed daemon could no longer tell."""
    newest = next(iter(await git.snapshots(repo.data.local_path, row.name)), None)
    is_of_removal = newest is not None and newest.reason == "removed" and newest.created_at >= row.last_updated
    return newest.snapshot_id if newest is not None and is_of_removal else None


def _plan(repo: Repo, scan: Scan | None, rows: Sequence[Worktree]) -> _Plan:
    if scan is None:
        gone = {row.worktree_id: {"status": "missing"} for row in rows if row.status == "ready"}
        return _Plan(repo, "missing", gone)
    plan = _Plan(repo, "ready")
    by_identity = {row.data.git_identity: row for row in rows if row.data.git_identity and row.status != "removed"}
    # What moved away has left its path to others; and of several that were at a path, one that still is comes first.
    moved = {one.identity for one in scan}
    staying = [row for row in rows if row.data.git_identity not in moved or row.status == "removed"]
    by_path = {row.data.path: row for row in sorted(staying, key=lambda row: row.status != "removed")}
    met: set[str] = set()
    for one in scan:
        row = by_identity.get(one.identity) or by_path.get(str(one.path))
        if row is None:
            plan.new += [one] if one.is_there else []
            continue
        met.add(row.worktree_id)
        if changes := _differences(row, one):
            plan.changes[row.worktree_id] = changes
    for row in rows:
        if row.worktree_id not in met and row.status in ("ready", "missing"):
            # Git lets go only of what it was told to remove, unless somebody went behind its back.
            status = "missing" if Path(row.data.path).exists() else "removed"
            if row.status != status:
                plan.changes[row.worktree_id] = {"status": status}
    return plan


def _differences(row: Worktree, one: git.LinkedWorktree) -> dict[str, Any]:
    """What of a row is not as git has it."""
    if row.status == "preparing" or (row.status == "removed" and not one.is_there):
        return {}
    now: dict[str, Any] = {
        "status": "ready" if one.is_there else "missing",
        "path": str(one.path),
        "git_identity": one.identity,
    }
    known = {"status": row.status, "path": row.data.path, "git_identity": row.data.git_identity}
    changes = {name: value for name, value in now.items() if value != known[name]}
    if row.status == "removed":
        changes["removal_snapshot_id"] = None
    return changes


def _carry_out(tx: Transaction, plan: _Plan, found: Sequence[Worktree], root: Path) -> None:
    if plan.repo.status != plan.repo_status:
        tx.repos.patch(plan.repo.repo_id, {"status": plan.repo_status})
    for worktree_id, changes in plan.changes.items():
        tx.worktrees.patch(worktree_id, changes, announce=changes.keys() != {"git_identity"})
        if "path" in changes:
            _move_sessions(tx, worktree_id, changes["path"])
    for worktree in found:
        worktree.data.managed_by_agor = Path(worktree.data.path).is_relative_to(root)
        worktree.name = _free_name(tx, plan.repo, Path(worktree.data.path), root)
        tx.worktrees.add(worktree)


def _move_sessions(tx: Transaction, worktree_id: str, path: str) -> None:
    """Let the sessions of a worktree that was moved go on where it is now."""
    session: Session
    for session in tx.sessions.where(worktree_id=worktree_id):
        if session.data.repo is not None:
            tx.sessions.patch(session.session_id, {"repo": {**session.data.repo.model_dump(), "cwd": path}})


def _adopted(
    repo: Repo, one: git.LinkedWorktree, entry: git.WorktreeEntry, base: tuple[str | None, str | None]
) -> Worktree:
    base_ref, base_sha = base
    worktree = Worktree(repo_id=repo.repo_id, name="", status="ready", created_by=repo.created_by)
    worktree.data.path = str(one.path)
    worktree.data.git_identity = one.identity
    worktree.data.ref = entry.branch
    worktree.data.base_ref = base_ref if base_sha is not None else None
    worktree.data.base_sha = base_sha or entry.sha
    worktree.data.last_commit_sha = entry.sha
    return worktree


def _free_name(tx: Transaction, repo: Repo, path: Path, root: Path) -> str:
    """What to call a worktree that has only a folder: as that, numbered if there is one of that name."""
    # In our own folders `--` stands for a slash; elsewhere it stands for nothing.
    stem, number = git.name_for(path.name.replace("--", "/") if path.is_relative_to(root) else path.name), 2
    name = stem
    while tx.worktrees.find_one(repo_id=repo.repo_id, name=name) is not None:
        name, number = f"{stem}-{number}", number + 1
    return name
