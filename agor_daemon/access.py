"""Who may do what: the one rule, asked before a method runs and again for each event a connection would hear.

The table of roles in words: `viewer` reads; `member` also works, and changes what is theirs or shared with everyone;
`admin` and `owner` change all; `anonymous` exists only where signing in is not required, and works as an admin
without accounts would.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from agor_core.ids import ANONYMOUS_ID

User = Mapping[str, Any]
"""A user record: `user_id` and `role` are looked at."""

ANONYMOUS: User = {"user_id": ANONYMOUS_ID, "role": "anonymous", "name": "Anonymous", "email": None}


class Rule(StrEnum):
    """What a method asks of its caller."""

    PUBLIC = "public"
    """Anybody, signed in or not."""
    READ = "read"
    START = "start"
    """Start, prompt, fork, spawn; make boards and worktrees; clone."""
    CHANGE_SESSION = "change-session"
    """Change a session or what belongs to it: its own creator, or anyone who works if it is shared with everyone."""
    CHANGE_CREATED = "change-created"
    """Change a board, repo or worktree: its own creator."""
    TRUSTED = "trusted"
    """Touch the daemon's own disk, or write finished records."""
    READ_USERS = "read-users"
    CHANGE_SELF = "change-self"
    ADMIN = "admin"
    READ_CONFIG = "read-config"


_EVERY_ROLE = frozenset({"anonymous", "viewer", "member", "admin", "owner"})
_WORKS = frozenset({"anonymous", "member", "admin", "owner"})
_CHANGES_ALL = frozenset({"anonymous", "admin", "owner"})
_ADMINS = frozenset({"admin", "owner"})
_SIGNED_IN = _EVERY_ROLE - {"anonymous"}

_ROLES: Mapping[Rule, frozenset[str]] = {
    Rule.READ: _EVERY_ROLE,
    Rule.START: _WORKS,
    Rule.CHANGE_SESSION: _WORKS,
    Rule.CHANGE_CREATED: _WORKS,
    Rule.TRUSTED: _CHANGES_ALL,
    Rule.READ_USERS: _SIGNED_IN,
    Rule.CHANGE_SELF: _SIGNED_IN,
    Rule.ADMIN: _ADMINS,
    Rule.READ_CONFIG: _CHANGES_ALL,
}

_READING = {"find": Rule.READ, "get": Rule.READ}
_SESSION_CHANGES = dict.fromkeys(("patch", "remove"), Rule.CHANGE_SESSION)
_CREATED_CHANGES = dict.fromkeys(("patch", "remove"), Rule.CHANGE_CREATED)
_WRITING_FINISHED = {"create": Rule.TRUSTED, "bulk": Rule.TRUSTED}

RULES: Mapping[str, Mapping[str, Rule]] = {
    "sessions": {
        **_READING,
        "genealogy": Rule.READ,
        "read_queue": Rule.READ,
        "streams": Rule.READ,
        **dict.fromkeys(("create", "prompt", "resume", "fork", "spawn"), Rule.START),
        **_SESSION_CHANGES,
        "update": Rule.CHANGE_SESSION,
        "stop": Rule.CHANGE_SESSION,
        "queue": Rule.CHANGE_SESSION,
        "import_transcript": Rule.TRUSTED,
    },
    "tasks": {
        **_READING,
        "diff": Rule.READ,
        **_WRITING_FINISHED,
        **_SESSION_CHANGES,
        **dict.fromkeys(("update", "complete", "fail"), Rule.CHANGE_SESSION),
    },
    "messages": {**_READING, "partial": Rule.READ, **_WRITING_FINISHED, **_SESSION_CHANGES},
    "permissions": {**_READING, **dict.fromkeys(("decide", "revoke"), Rule.CHANGE_SESSION)},
    "boards": {
        **_READING,
        "create": Rule.START,
        **_CREATED_CHANGES,
        "update": Rule.CHANGE_CREATED,
        "read_sessions": Rule.READ,
        **dict.fromkeys(("add_session", "remove_session"), Rule.START),
    },
    "repos": {
        **_READING,
        "create": Rule.TRUSTED,
        "clone": Rule.START,
        **_CREATED_CHANGES,
        "read_worktrees": Rule.READ,
        "add_worktree": Rule.START,
        "remove_worktree": Rule.START,
    },
    "worktrees": {
        **_READING,
        "create": Rule.START,
        **_CREATED_CHANGES,
        **dict.fromkeys(("status", "diff", "snapshots"), Rule.READ),
        **dict.fromkeys(("snapshot", "drop_snapshot", "restore"), Rule.CHANGE_CREATED),
    },
    "users": {
        "find": Rule.READ_USERS,
        "get": Rule.READ_USERS,
        "create": Rule.ADMIN,
        "patch": Rule.CHANGE_SELF,
        "remove": Rule.ADMIN,
        "revoke": Rule.CHANGE_SELF,
    },
    "agents": _READING,
    "transcripts": {"find": Rule.TRUSTED},
    "events": {"find": Rule.READ},
    "config": {"find": Rule.READ_CONFIG, "get": Rule.READ_CONFIG, "patch": Rule.ADMIN},
    "health": {"find": Rule.PUBLIC},
    "authentication": {"create": Rule.PUBLIC, "remove": Rule.PUBLIC},
}
"""The rule of every method of every service; a method that is not here is refused."""


def role_may(user: User, rule: Rule) -> bool:
    """Whether a user of this role may ask at all; a rule about a record still looks at the record."""
    return rule is Rule.PUBLIC or user["role"] in _ROLES[rule]


def may_change(user: User, rule: Rule, facts: Mapping[str, Any]) -> bool:
    """Whether `user` may change the one record with these `facts` (`created_by`, and `sharing` of its session)."""
    if not role_may(user, rule):
        return False
    if user["role"] in _CHANGES_ALL or facts.get("created_by") == user["user_id"]:
        return True
    return rule is Rule.CHANGE_SESSION and facts.get("sharing", "everyone") == "everyone"


def sees_private(user: User) -> bool:
    """Whether private sessions of others exist for `user`."""
    return user["role"] in _ADMINS


def sees_all_users(user: User) -> bool:
    """Whether accounts of others exist for `user`."""
    return bool(user["role"] != "viewer")


def may_hear(user: User | None, path: str, facts: Mapping[str, Any]) -> bool:
    """Whether `user` (None: nobody signed in) may read, and so hear, a record of `path` with these `facts`."""
    if user is None or user["role"] not in _EVERY_ROLE:
        return False
    if path == "users":
        return user["role"] in _ADMINS or facts.get("record_id") == user["user_id"]
    if facts.get("sharing") == "private":
        return facts.get("created_by") == user["user_id"] or sees_private(user)
    return True
