"""Permission requests: questions of agents, and their answers, of which some outlive their session."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from typing_extensions import override

from agor_core.db.query import PLAIN_JSON, Clause
from agor_core.db.repositories.lists import Record
from agor_core.db.repositories.of_session import OfSession
from agor_core.db.repositories.sessions import READER
from agor_core.models import PermissionRequest, Session
from agor_core.models.session import project_of

TABLE: sa.Table = PermissionRequest.__table__  # type: ignore[attr-defined]
_PLAIN: Any = sa.type_coerce(TABLE.c.data, PLAIN_JSON)
_WAS_SHARED = sa.func.coalesce(_PLAIN["was_private"].as_boolean(), sa.false()) == sa.false()


class PermissionRepository(OfSession[PermissionRequest]):
    """The permission requests."""

    entity, path, id_field, noun = PermissionRequest, "permissions", "request_id", "permission request"

    def leave_session(self, session: Session) -> None:
        """Let the answers that stand elsewhere too be of no session, and delete the rest of one that goes."""
        for request in self.where(session_id=session.session_id):
            if request.outlives_session:
                alone = {
                    "session_id": None,
                    "task_id": None,
                    "project": project_of(session),
                    "was_private": session.sharing == "private",
                }
                self.patch(request.request_id, alone)
        self.remove_of_session(session.session_id)

    @override
    def facts(self, entity: PermissionRequest) -> dict[str, Any]:
        if entity.session_id is not None:
            return super().facts(entity)
        return _facts_alone(entity.created_by, was_private=entity.data.was_private)

    @override
    def facts_of(self, rows: Sequence[Record]) -> list[Mapping[str, Any]]:
        of_sessions = iter(super().facts_of([row for row in rows if row["session_id"] is not None]))
        return [
            _facts_alone(row["created_by"], was_private=row["data"]["was_private"])
            if row["session_id"] is None
            else next(of_sessions)
            for row in rows
        ]

    @override
    def owners(self) -> sa.Select[Any]:
        sessions: sa.Table = Session.__table__  # type: ignore[attr-defined]
        sharing = sa.case((_WAS_SHARED, sa.literal("everyone")), else_=sa.literal("private"))
        return sa.select(
            sa.func.coalesce(sessions.c.created_by, TABLE.c.created_by), sa.func.coalesce(sessions.c.sharing, sharing)
        ).join_from(TABLE, sessions, sessions.c.session_id == TABLE.c.session_id, isouter=True)

    @override
    def visible(self, *, is_count: bool = False) -> list[Clause]:
        # Of a private session that is gone, what stands is its owner's business still.
        is_open = sa.or_(TABLE.c.session_id.is_not(None), TABLE.c.created_by == READER, _WAS_SHARED)
        return [*super().visible(is_count=is_count), is_open]

    @override
    def describe(self, entity: PermissionRequest) -> str:
        return f"{entity.data.tool_name}, {entity.status}"


def _facts_alone(created_by: str | None, *, was_private: bool) -> dict[str, Any]:
    """The facts of an answer whose session is gone."""
    return {"created_by": created_by, "sharing": "private" if was_private else "everyone"}
