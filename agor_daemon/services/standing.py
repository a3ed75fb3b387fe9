"""How worktrees stand, as git says it now: many at once, but never so many that anybody else would wait for it."""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from agor_core import git
from agor_core.db import Database, Transaction
from agor_core.errors import NotFound, ServiceError
from agor_core.models import Session, Worktree
from agor_daemon.supervisor import Supervisor

log = logging.getLogger(__name__)

FIELDS = ("ref", "tracking_branch", "dirty", "ahead", "behind", "last_commit_sha")
"""What is asked of git whenever a worktree is shown."""

# `git status` is busy with the disk half of the time.
AT_ONCE = 4

# From some 20,000 files on, a look costs so much that whoever keeps asking gets the last one for a while, unless
# something was staged, committed or checked out since.
LARGE_INDEX_BYTES = 1_500_000
REUSE_S = 3.0

Facts = dict[str, Any]


class Standing:
    """Asks git how worktrees stand, and keeps their rows up to date; what changed is announced.

    Whoever asks waits `limit_s`; what takes longer is announced once it is known.
    """

    def __init__(self, database: Database, supervisor: Supervisor, limit_s: float) -> None:
        self._database = database
        self._supervisor = supervisor
        self._limit_s = limit_s
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._turns: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._to_come: dict[str, asyncio.Task[Facts]] = {}
        self._recent: dict[str, tuple[float, str, Facts]] = {}

    async def of(self, worktrees: Sequence[Worktree]) -> Mapping[str, Facts]:
        """What of each worktree is known in time: `FIELDS`, or `status` if it is `missing`; by its id."""
        looks = {row.worktree_id: self._look(row.data.path) for row in worktrees if row.status == "ready"}
        if not looks:
            return {}
        _, late = await asyncio.wait(looks.values(), timeout=self._limit_s)
        known = {id: look.result() for id, look in looks.items() if look.done()}
        await self._store(known)
        if late:
            later = {id: look for id, look in looks.items() if look in late}
            self._supervisor.start(self._store_later(later), name="looking at worktrees")
        return known

    def _look(self, path: str) -> asyncio.Task[Facts]:
        """One look at a worktree that begins after this call, shared by all who ask before it does."""
        look = self._to_come.get(path)
        if look is None:
            look = self._supervisor.start(self._ask(path), name=f"look at {path}")
            self._to_come[path] = look
        return look

    async def _ask(self, path: str) -> Facts:
        try:
            async with self._turns[path], self._slots:
                del self._to_come[path]  # from here on it may miss what happens: who asks now gets the next one
                return await self._facts(path)
        except NotFound:
            return {"status": "missing"}
        except ServiceError as error:
            log.warning("cannot tell how %s stands: %s", path, error)
            return {}
        finally:
            if not self._turns[path].locked():
                del self._turns[path]

    async def _facts(self, path: str) -> Facts:
        size, mark = await git.index_mark(path)
        looked_at, known_mark, known = self._recent.pop(path, (0.0, "", {}))
        now = asyncio.get_running_loop().time()
        if mark != known_mark or now - looked_at > REUSE_S:
            known, looked_at = _facts_of(await git.standing(path)), asyncio.get_running_loop().time()
        if size > LARGE_INDEX_BYTES:
            self._recent[path] = (looked_at, mark, known)
        return known

    async def _store_later(self, looks: Mapping[str, asyncio.Task[Facts]]) -> None:
        await asyncio.wait(looks.values())
        await self._store({id: look.result() for id, look in looks.items()})

    async def _store(self, known: Mapping[str, Facts]) -> None:
        def differing(tx: Transaction) -> dict[str, Facts]:
            rows = tx.worktrees.where(worktree_id=list(known), status="ready")
            found = {row.worktree_id: changed(row, known[row.worktree_id]) for row in rows}
            return {id: changes for id, changes in found.items() if changes}

        def unit_of_work(tx: Transaction) -> None:
            for id, changes in differing(tx).items():
                _tell_sessions(tx, tx.worktrees.patch(id, changes))

        # Mostly nothing changed; then nobody else's writing is kept waiting.
        if await self._database.read(differing):
            await self._database.write(unit_of_work)


def _tell_sessions(tx: Transaction, worktree: Worktree) -> None:
    """Let the sessions of a worktree say where it is now, without a word: that it changed is announced as it is."""
    facts, sha = worktree.data, worktree.data.last_commit_sha
    session: Session
    for session in tx.sessions.where(worktree_id=worktree.worktree_id):
        if worktree.status == "ready" and session.data.git_state is not None:
            now = {"ref": facts.ref or "HEAD", "current_sha": f"{sha}-dirty" if sha and facts.dirty else sha}
            state = {**session.data.git_state.model_dump(), **now}
            tx.sessions.patch(session.session_id, {"git_state": state}, announce=False)


def _facts_of(found: git.Status) -> Facts:
    return {
        "ref": found.branch,
        "tracking_branch": found.upstream,
        "dirty": found.dirty,
        "ahead": found.ahead,
        "behind": found.behind,
        "last_commit_sha": found.head_sha,
    }


def changed(row: Worktree, facts: Mapping[str, Any]) -> Facts:
    """Those of `facts` that the row does not have so."""
    return {
        name: value
        for name, value in facts.items()
        if getattr(row if name in type(row).model_fields else row.data, name) != value
    }
