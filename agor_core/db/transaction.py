"""A transaction as a unit of work holds it: repositories, the time, and the events the commit will announce."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import orjson
import sqlalchemy as sa

from agor_core.db.change_log import Staged
from agor_core.db.repositories.base import Repository
from agor_core.db.repositories.boards import BoardRepository
from agor_core.db.repositories.events import EventRepository
from agor_core.db.repositories.messages import MessageRepository
from agor_core.db.repositories.permissions import PermissionRepository
from agor_core.db.repositories.repos import RepoRepository
from agor_core.db.repositories.sessions import SessionRepository
from agor_core.db.repositories.tasks import TaskRepository
from agor_core.db.repositories.tokens import TokenRepository
from agor_core.db.repositories.users import UserRepository
from agor_core.db.repositories.worktrees import WorktreeRepository
from agor_core.db.short_ids import ShortIds
from agor_core.db.totals import Totals

# A larger record is announced with a preview of its content; whoever wants the rest asks for it.
EVENT_LIMIT_BYTES = 64_000


@dataclass(frozen=True, slots=True)
class Kept:
    """What a process remembers from one transaction to the next."""

    totals: Totals
    short_ids: ShortIds


class Transaction:
    """What a unit of work may use. Nothing of it is valid after the unit of work has returned."""

    def __init__(self, connection: sa.Connection, now: int, kept: Kept, *, is_writer: bool) -> None:
        self.connection = connection
        self.kept = kept
        self.now = now
        """The time of this transaction, in milliseconds since 1970."""
        self.is_writer = is_writer
        self.is_postgresql = connection.dialect.name == "postgresql"
        self.staged: list[Staged] = []
        """What the commit is to announce, in that order."""
        self._repositories: dict[str, Repository[Any]] = {}

    @cached_property
    def sessions(self) -> SessionRepository:
        return SessionRepository(self)

    @cached_property
    def tasks(self) -> TaskRepository:
        return TaskRepository(self)

    @cached_property
    def messages(self) -> MessageRepository:
        return MessageRepository(self)

    @cached_property
    def permissions(self) -> PermissionRepository:
        return PermissionRepository(self)

    @cached_property
    def boards(self) -> BoardRepository:
        return BoardRepository(self)

    @cached_property
    def repos(self) -> RepoRepository:
        return RepoRepository(self)

    @cached_property
    def worktrees(self) -> WorktreeRepository:
        return WorktreeRepository(self)

    @cached_property
    def users(self) -> UserRepository:
        return UserRepository(self)

    @cached_property
    def tokens(self) -> TokenRepository:
        return TokenRepository(self)

    @cached_property
    def events(self) -> EventRepository:
        return EventRepository(self)

    def repository(self, path: str) -> Repository[Any]:
        """The repository of a service's path."""
        found = getattr(self, path)
        assert isinstance(found, Repository)
        return found

    def server_up_s(self) -> float:
        """For how long the server has been up, which is PostgreSQL."""
        up = sa.func.clock_timestamp() - sa.func.pg_postmaster_start_time()
        return float(self.connection.execute(sa.select(sa.extract("epoch", up))).scalar_one())

    def announce(
        self, path: str, event: str, record_id: str, facts: Mapping[str, Any], payload: dict[str, Any]
    ) -> None:
        """Have the commit announce a change. `facts`: what the rule for hearing needs to know."""
        known = {**facts, "record_id": record_id}
        self.staged.append(Staged(path, event, record_id, self.now, known, _bounded(payload)))


def _bounded(payload: dict[str, Any]) -> dict[str, Any]:
    content = payload.get("content")
    if content is None or (isinstance(content, str) and len(content) * 4 < EVENT_LIMIT_BYTES):
        return payload
    if len(orjson.dumps(payload, default=str)) <= EVENT_LIMIT_BYTES:
        return payload
    return {**payload, "content": payload["content_preview"], "tool_uses": [], "truncated": True}
