"""Users: accounts, their roles, and the end of their tokens."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from agor_core.db import Database, Transaction
from agor_core.errors import BadRequest, Conflict, Forbidden, NotFound
from agor_core.feathers import Params
from agor_core.feathers.authentication import hash_password
from agor_core.ids import short
from agor_core.models import User
from agor_core.models.schema import load, load_as
from agor_core.models.wire import to_wire
from agor_daemon.access import sees_all_users
from agor_daemon.accounts import check_email
from agor_daemon.services.copies import old_copies_told
from agor_daemon.services.requests import UserPatchRequest, UserRequest
from agor_daemon.services.stored import PageSize, Record, StoredService, changed, one, one_record, reader_of

PUBLIC_FIELDS = ("user_id", "name", "avatar")
ADMINS = ("admin", "owner")
MEMBER_QUERY = ("user_id", "name")
MEMBER_PAGING = ("$limit", "$skip", "$total", "$select")

Revalidate = Callable[[str], Awaitable[None]]
"""Checks a user's live connections again, and closes those that are no longer valid."""


class UsersService(StoredService):
    """The service `users`. Admins see all of everybody, members the names, viewers themselves."""

    def __init__(self, database: Database, revalidate: Revalidate) -> None:
        super().__init__(database, User, PageSize(50, 1000))
        self._revalidate = revalidate

    async def find(self, params: Params) -> Record:
        """A page of what the caller may see of whom."""
        user = params.user
        if user is None or user["role"] in ADMINS:
            return await super().find(params)
        _check_query(params)
        query = params.query if sees_all_users(user) else {**params.query, "user_id": user["user_id"]}
        page = await super().find(params.replace(query=query))
        return {**page, "data": [_seen_by(user, record) for record in page["data"]]}

    async def get(self, id: str, params: Params) -> Record:
        """What the caller may see of one."""
        user = params.user
        if user is None or user["role"] in ADMINS:
            return await super().get(id, params)
        if id != user["user_id"] and not sees_all_users(user):
            raise NotFound(f"no user {short(id)}", id=id)
        _check_query(params)
        return _seen_by(user, await super().get(id, params))

    async def create(self, data: Any, params: Params) -> Record:
        """An account, made by an admin."""
        request = load_as(UserRequest, one_record(data))
        if request.role == "admin" and params.user is not None and params.user["role"] != "owner":
            raise Forbidden("only the owner makes admins")
        user = User(email=check_email(request.email), password=await hash_password(request.password), role=request.role)
        user.data.name = request.name or user.email.partition("@")[0]

        def unit_of_work(tx: Transaction) -> Record:
            if tx.users.find_one(email=user.email) is not None:
                raise Conflict(f"there is an account for {user.email} already", email=user.email)
            return to_wire(tx.users.add(user))

        return await self._database.write(unit_of_work)

    async def patch(self, id: str | None, data: Any, params: Params) -> Record:
        """Change an account: name, avatar, preferences, password by oneself; email by admins; role by the owner.

        A new password or role ends all tokens of that account.
        """
        user_id, sent = one(id, "patch"), one_record(data)

        def read(tx: Transaction) -> Record:
            current = self.matching(tx, user_id, params)
            shown = self.shown(tx, current, reader_of(params), sent)
            with old_copies_told("users", current, shown, sent):
                loaded = load(UserPatchRequest, sent, shown=shown)
            return changed(to_wire(current), sent, loaded)

        changes = await self._database.read(read)
        _check_changes(params, changes)
        if "password" in changes:
            changes["password"] = await hash_password(changes["password"])
        if "email" in changes:
            changes["email"] = check_email(changes["email"])

        def unit_of_work(tx: Transaction) -> tuple[Record, bool]:
            current = self.matching(tx, user_id, params)
            _protect_owner(tx, current, params, changes)
            ends_tokens = "password" in changes or changes.get("role", current.role) != current.role
            if ends_tokens:
                changes["token_generation"] = current.data.token_generation + 1
            return to_wire(tx.users.patch(user_id, changes, client=True)), ends_tokens

        record, ends_tokens = await self._database.write(unit_of_work)
        if ends_tokens:
            await self._revalidate(user_id)
        return record

    async def remove(self, id: str | None, params: Params) -> Record:
        """Delete an account; it loses its live connections at once. The last owner stays."""
        user_id = one(id, "remove")

        def unit_of_work(tx: Transaction) -> Record:
            _protect_owner(tx, tx.users.get(user_id), params, {"role": None})
            return self.removed(tx, user_id, params)

        record = await self._database.write(unit_of_work)
        await self._revalidate(user_id)
        return record

    async def revoke(self, id: str, data: Any, params: Params) -> Record:
        """End all tokens of an account, everywhere."""

        def unit_of_work(tx: Transaction) -> Record:
            generation = tx.users.get(id).data.token_generation + 1
            return to_wire(tx.users.patch(id, {"token_generation": generation}, announce=False))

        record = await self._database.write(unit_of_work)
        await self._revalidate(id)
        return record


def _check_query(params: Params) -> None:
    """What somebody may not read, they may not look for or sort by either: answers would tell it, bit by bit."""
    sorted_by = params.query.get("$sort")
    wanted = [key for key in params.query if key not in (*MEMBER_PAGING, "$sort")]
    for key in (*wanted, *(sorted_by if isinstance(sorted_by, dict) else ())):
        if key not in MEMBER_QUERY:
            raise BadRequest(f"you may look for users by {' and '.join(MEMBER_QUERY)} only", field=key)


def _seen_by(user: dict[str, Any], record: Record) -> Record:
    if record.get("user_id") == user["user_id"]:
        return record
    return {name: record[name] for name in (*PUBLIC_FIELDS, "short_id") if name in record}


def _check_changes(params: Params, changes: Record) -> None:
    user = params.user
    if user is None:
        return
    if "role" in changes and user["role"] != "owner":
        raise Forbidden("only the owner changes roles")
    if "email" in changes and user["role"] not in ADMINS:
        raise Forbidden("only an admin changes email addresses")


def _protect_owner(tx: Transaction, current: User, params: Params, changes: Record) -> None:
    """Only owners change owners, and the last one stays one."""
    if current.role != "owner":
        return
    user = params.user
    if user is not None and user["role"] != "owner":
        raise Forbidden("only an owner changes an owner's account")
    if "role" in changes and changes["role"] != "owner" and len(tx.users.where(role="owner")) == 1:
        raise Conflict("this is the last owner; make somebody else owner first")
