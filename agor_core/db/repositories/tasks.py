"""Tasks: prompts, and what became of them."""

from __future__ import annotations

import sqlalchemy as sa
from typing_extensions import override

from agor_core.db.repositories.of_session import OfSession
from agor_core.models import MessageRange, Session, Task

SESSIONS: sa.Table = Session.__table__  # type: ignore[attr-defined]


class TaskRepository(OfSession[Task]):
    """The tasks."""

    entity, path, id_field, noun = Task, "tasks", "task_id", "task"
    order = "oldest first"

    def count_up(self, id: str, *, tool_use_count: int) -> None:
        """Add to the counter, silently."""
        task = self.get(id)
        task.data.tool_use_count += tool_use_count
        self.store(task, is_announced=False)

    def extend_range(self, id: str, first: int, last: int, first_time: int, last_time: int) -> None:
        """Take the messages from index `first` to `last` into a task's range, silently."""
        task = self.get(id)
        known = task.data.message_range
        task.data.message_range = MessageRange(
            start_index=first if known is None else min(known.start_index, first),
            end_index=last if known is None else max(known.end_index, last),
            start_timestamp=first_time if known is None else min(known.start_timestamp, first_time),
            end_timestamp=last_time if known is None else max(known.end_timestamp or last_time, last_time),
        )
        self.store(task, is_announced=False)

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

    @override
    def describe(self, entity: Task) -> str:
        return entity.data.description or f"task, {entity.status}"
