"""Permission requests: questions of agents, and their answers."""

from __future__ import annotations

from typing_extensions import override

from agor_core.db.repositories.of_session import OfSession
from agor_core.models import PermissionRequest


class PermissionRepository(OfSession[PermissionRequest]):
    """The permission requests."""

    entity, path, id_field, noun = PermissionRequest, "permissions", "request_id", "permission request"

    @override
    def describe(self, entity: PermissionRequest) -> str:
        return f"{entity.data.tool_name}, {entity.status}"
