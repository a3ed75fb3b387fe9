"""Accounts, made where only the machine's own user can: the first one is the owner's."""

from __future__ import annotations

import asyncio
import re
from typing import Any, cast, get_args

from agor_core.db import Database, Transaction
from agor_core.errors import BadRequest, Conflict
from agor_core.feathers.authentication import hash_password
from agor_core.models import User
from agor_core.models.user import Role
from agor_core.models.wire import to_wire

PASSWORD_MIN = 8
# bcrypt looks at no more than this.
PASSWORD_MAX_BYTES = 72

_EMAIL = re.compile(r"[^@\s]{1,64}@[^@\s]{1,255}")


def check_email(text: str) -> str:
    """An address as it is stored: lower case. Raises BadRequest."""
    email = text.strip().lower()
    if _EMAIL.fullmatch(email) is None:
        raise BadRequest(f"not an email address: {text!r}", errors={"email": ["not an email address"]})
    return email


def check_password(text: str) -> str:
    """A password that can be stored. Raises BadRequest."""
    if len(text) < PASSWORD_MIN or len(text.encode()) > PASSWORD_MAX_BYTES:
        raise BadRequest(
            f"a password has at least {PASSWORD_MIN} characters and at most {PASSWORD_MAX_BYTES} bytes",
            errors={"password": ["too short or too long"]},
        )
    return text


def create_account(
    database: Database, email: str, password: str, *, name: str | None = None, role: str | None = None
) -> dict[str, Any]:
    """Store an account; the first one becomes owner whatever `role` says. Raises BadRequest or Conflict."""
    if role is not None and role not in get_args(Role):
        raise BadRequest(f"no role {role!r}; there are {', '.join(get_args(Role))}")
    user = User(email=check_email(email), password=asyncio.run(hash_password(check_password(password))))
    user.data.name = name or user.email.partition("@")[0]

    def unit_of_work(tx: Transaction) -> dict[str, Any]:
        if tx.users.find_one(email=user.email) is not None:
            raise Conflict(f"there is an account for {user.email} already", email=user.email)
        user.role = cast(Role, role or "member") if tx.users.where(role="owner") else "owner"
        return to_wire(tx.users.add(user))

    return database.write_now(unit_of_work)
