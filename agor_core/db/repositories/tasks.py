"""Tasks: prompts, and what became of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from typing_extensions import override

from agor_core.db.query import bound
from agor_core.db.repositories.of_session import OfSession
from agor_core.models import MessageRange, Session, Task
from agor_core.models.task import ENDED_STATUSES

SESSIONS: sa.Table = Session.__table__  # type: ignore[attr-defined]
TABLE: sa.Table = Task.__table__  # type: ignore[attr-defined]

_CHANGE_DATA = (
    sa.update(TABLE)
    .where(TABLE.c.task_id == sa.bindparam("id"))
    .values(data=sa.bindparam("changed", type_=TABLE.c.data.type))
)


class TaskRepository(OfSession[Task]):
    """The tasks."""

    entity, path, id_field, noun = Task, "tasks", "task_id", "task"
    order = "oldest first"

    def count_up(self, id: str, *, tool_use_count: int) -> None:
        """Add to the counter, silently."""
        task = self.get(id)
        task.data.tool_use_count += tool_use_count
        self.store(task)

    def extend_ranges(self, more: Mapping[str, MessageRange]) -> None:
        """Take further messages into the ranges of tasks, by their ids, silently. Raises NotFound."""
        found = sa.select(self.table).where(self.table.c.task_id.in_(sa.bindparam("ids", expanding=True)))
        if self.tx.is_postgresql:
            found = found.with_for_update()
        rows = self.tx.connection.execute(found, {"ids": list(more)}).mappings()
        tasks = {row["task_id"]: self._entity(row) for row in rows}
        changes: list[dict[str, Any]] = []
        for id, range in more.items():
            if id not in tasks:
                raise self.missing(id)
            data = tasks[id].data
            data.message_range = range if data.message_range is None else _both(data.message_range, range)
            changes.append({"id": id, "changed": data})
        self.tx.connection.execute(_CHANGE_DATA, changes)

    def last_ended(self, session_id: str) -> Task | None:
        """The session's task that ended last, however it did."""
        table = self.table
        query = (
            sa.select(table)
            .where(table.c.session_id == session_id, table.c.status.in_(ENDED_STATUSES))
            .order_by(table.c.completed_at.desc().nulls_last(), table.c.created_at.desc(), table.c.task_id.desc())
            .limit(1)
        )
        row = self.tx.connection.execute(query).mappings().one_or_none()
        return self._entity(row) if row is not None else None

    def last_completed(self, session_id: str) -> Task | None:
        """The task after which a fork begins if nobody says where: the session's last completed one, or, where it has
        none, the one at which its own history was forked."""
        table = self.table
        query = (
            sa.select(table)
            .where(table.c.session_id == session_id, table.c.status == "completed")
            .order_by(table.c.created_at.desc(), table.c.task_id.desc())
            .limit(1)
        )
        row = self.tx.connection.execute(query).mappings().one_or_none()
        if row is not None:
            return self._entity(row)
        point = self.tx.sessions.get(session_id).data.fork_point_task_id
        return self.find_one(task_id=point) if point is not None else None

    def needing_snapshot(self, snapshot_id: str, worktree_id: str) -> list[Task]:
        """The tasks of a worktree whose differences are read from one of its snapshots, oldest first."""
        ends = [{f"git_state.{end}": snapshot_id} for end in ("start_snapshot_id", "end_snapshot_id")]
        shape, values = bound(Task, {"$or": ends})
        there = sa.select(SESSIONS.c.session_id).where(SESSIONS.c.worktree_id == sa.bindparam("worktree"))
        query = (
            sa.select(self.table)
            .where(self.table.c.session_id.in_(there), *self.filter.clauses(shape))
            .order_by(self.table.c.created_at, self.table.c.task_id)
        )
        rows = self.tx.connection.execute(query, {**values, "worktree": worktree_id}).mappings()
        return [self._entity(row) for row in rows]

    @override
    def before_removal(self, entity: Task) -> None:
        for request in self.tx.permissions.where(task_id=entity.task_id):
            if request.is_rule:
                self.tx.permissions.patch(request.request_id, {"task_id": None})

    @override
    def describe(self, entity: Task) -> str:
        return entity.data.description or f"task, {entity.status}"


def _both(one: MessageRange, other: MessageRange) -> MessageRange:
    """From the first message of either to the last."""
    ends = [end for end in (one.end_timestamp, other.end_timestamp) if end is not None]
    return MessageRange(
        start_index=min(one.start_index, other.start_index),
        end_index=max(one.end_index, other.end_index),
        start_timestamp=min(one.start_timestamp, other.start_timestamp),
        end_timestamp=max(ends, default=None),
    )
