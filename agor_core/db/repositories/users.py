"""Users: accounts."""

from __future__ import annotations

from typing_extensions import override

from agor_core.db.repositories.base import Repository
from agor_core.ids import short
from agor_core.models import User


class UserRepository(Repository[User]):
    """The users."""

    entity, path, id_field, noun = User, "users", "user_id", "user"

    @override
    def describe(self, entity: User) -> str:
        return entity.data.name or short(entity.user_id)
