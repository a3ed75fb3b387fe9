"""Who calls, which record is meant, and whether they may: asked before each method, in that order."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from agor_core.db import Database, Reader, Transaction
from agor_core.db.short_ids import has_short_ids
from agor_core.errors import Forbidden, MethodNotAllowed, NotAuthenticated
from agor_core.feathers import HookContext
from agor_core.feathers.authentication import authenticate
from agor_core.ids import is_id, prefix_of
from agor_core.models import ENTITIES
from agor_daemon.access import RULES, Rule, User, may_change, role_may, sees_all_users
from agor_daemon.services.stored import reader_of

REFERENCES = {
    "session_id": "sessions",
    "task_id": "tasks",
    "message_id": "messages",
    "request_id": "permissions",
    "board_id": "boards",
    "repo_id": "repos",
    "worktree_id": "worktrees",
    "user_id": "users",
}
"""Id fields of data, and the service whose records they name; short ids and slugs are taken in each."""

_STORED = frozenset(REFERENCES.values())
_SUBS = {"boards": "sessions"}
# A message that is still streaming has an id and no row; the method itself looks who may know of it.
_WITHOUT_ROW = frozenset({("messages", "partial")})
# Their `get` takes short ids itself, and so costs one look into the database, not two.
_FOUND_BY_GET = frozenset({"sessions", "tasks", "messages", "permissions", "boards"})

# What the standard methods are to people.
_VERBS = {"find": "list", "get": "read", "create": "make", "update": "change", "patch": "change"}

_authenticate = authenticate("jwt")


def rule_of(context: HookContext) -> Rule:
    """The rule of the method that is called. A method without one is not offered."""
    rule = RULES.get(context.path, {}).get(context.method)
    if rule is None:
        raise MethodNotAllowed(f"Method '{context.method}' not allowed on service '{context.path}'")
    return rule


async def signed_in(context: HookContext, call_next: Callable[[], Awaitable[None]]) -> None:
    """Around all: know who calls, or refuse with 401. Methods for everybody pass."""
    if context.params.provider is not None and rule_of(context) is not Rule.PUBLIC:
        await _authenticate(context)
    await call_next()


def addressed(database: Database) -> Callable[[HookContext], Awaitable[None]]:
    """Before all: put full ids in the place of short ones and slugs; NotFound for what the caller may not know of.

    A record a caller may read but not change is 403, decided here as well, so that it costs no second look.
    """

    async def resolve(context: HookContext) -> None:
        if context.params.provider is None:
            return
        rule = rule_of(context)
        if rule is Rule.PUBLIC:
            return
        user = context.params.user
        if user is None:
            raise NotAuthenticated("Not authenticated")
        if not role_may(user, rule):
            raise Forbidden(_refusal(user, context))
        if (
            context.path not in _STORED
            or (context.path, context.method) in _WITHOUT_ROW
            or _names_nothing_short(context)
        ):
            return
        reader = reader_of(context.params)
        await database.read(lambda tx: _resolve(tx, context, rule, user, reader))

    return resolve


def _names_nothing_short(context: HookContext) -> bool:
    """Whether there is nothing to look up: no record is named, or the method itself looks up the one that is."""
    is_found_by_method = context.method == "get" and (context.path in _FOUND_BY_GET or is_id(str(context.id)))
    return (
        (context.id is None or is_found_by_method)
        and context.sub is None
        and not (isinstance(context.data, dict) and any(isinstance(context.data.get(key), str) for key in REFERENCES))
        and not has_short_ids(ENTITIES[context.path], context.params.query)
    )


def _resolve(tx: Transaction, context: HookContext, rule: Rule, user: User, reader: Reader | None) -> None:
    if isinstance(context.id, str):
        if context.path == "users" and not sees_all_users(user):
            context.id = _own_account(tx, context.id, user)
        else:
            context.id = tx.repository(context.path).resolve(context.id, reader)
        if rule in (Rule.CHANGE_SESSION, Rule.CHANGE_CREATED, Rule.CHANGE_SELF) and not may_change(
            user, rule, facts_of(tx, context.path, context.id)
        ):
            raise Forbidden(_refusal(user, context, is_about_one=True))
    if isinstance(context.sub, str) and context.path in _SUBS:
        context.sub = tx.repository(_SUBS[context.path]).resolve(context.sub, reader)
    if isinstance(context.data, dict):
        context.data = {key: _reference(tx, key, value, reader) for key, value in context.data.items()}
    if context.params.query:
        query = tx.repository(context.path).resolve_query(context.params.query, reader)
        context.params = context.params.replace(query=query)


def _own_account(tx: Transaction, text: str, user: User) -> str:
    """The caller's own id, if that is what `text` means. Raises NotFound: there are no other accounts for them."""
    own: str = user["user_id"]
    prefix = own if text == own else prefix_of(text)
    if prefix is None or not own.startswith(prefix):
        raise tx.users.missing(text)
    return own


def _reference(tx: Transaction, key: str, value: Any, reader: Reader | None) -> Any:
    path = REFERENCES.get(key)
    if path is None or not isinstance(value, str):
        return value
    return tx.repository(path).resolve(value, reader)


def facts_of(tx: Transaction, path: str, id: str) -> Mapping[str, Any]:
    """What a rule about one record looks at: `record_id`, `created_by`, and `sharing` of its session."""
    created_by, sharing = tx.repository(path).owner(id)
    return {"record_id": id, "created_by": id if path == "users" else created_by, "sharing": sharing}


def _refusal(user: User, context: HookContext, *, is_about_one: bool = False) -> str:
    """Why not: with that role nobody may do so with any record of the service, or not with this one."""
    what = f"this {context.path.removesuffix('s')}" if is_about_one else context.path
    verb = _VERBS.get(context.method, context.method.replace("_", " "))
    return f"with the role {user['role']} you may not {verb}{' of' if ' ' in verb else ''} {what}"
