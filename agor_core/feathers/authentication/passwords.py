"""Passwords: bcrypt, on a thread, since one check takes as long as hundreds of calls."""

from __future__ import annotations

import asyncio
import base64
import hashlib

import bcrypt

ROUNDS = 10
# bcrypt looks at 72 bytes only.
LONGEST_PLAIN_BYTES = 72

# The hash of no password there is: what an unknown user's password is compared with, so that both answers take as long.
DUMMY_HASH = f"$2b${ROUNDS:02d}${'.' * 53}"


async def hash_password(text: str) -> str:
    """The bcrypt hash of a password."""
    return await asyncio.to_thread(lambda: bcrypt.hashpw(_bytes(text), bcrypt.gensalt(ROUNDS)).decode())


async def verify_password(text: str, hash: str) -> bool:
    """Whether `text` is the password of this hash; False also for a hash that is none."""

    def check() -> bool:
        try:
            return bcrypt.checkpw(_bytes(text), hash.encode())
        except ValueError:
            return False

    return await asyncio.to_thread(check)


def _bytes(text: str) -> bytes:
    raw = text.encode("utf-8", "surrogatepass")
    if len(raw) <= LONGEST_PLAIN_BYTES and b"\0" not in raw:
        return raw
    return base64.b64encode(hashlib.sha256(raw).digest())
