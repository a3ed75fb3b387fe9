"""Ids: UUIDv7, 36 characters, lower case; and what people may type in their place."""

from __future__ import annotations

import re

import uuid_utils

ANONYMOUS_ID = "00000000-0000-7000-8000-000000000000"
"""The virtual user of a daemon that does not require signing in; no row has it."""

SHORTEST_PREFIX = 4
DISPLAY_LENGTH = 8

_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_DIGITS = re.compile(r"[0-9a-f]{4,32}")


def new_id() -> str:
    """A new id; ids made later in one process sort later."""
    return str(uuid_utils.uuid7())


def is_id(text: str) -> bool:
    """Whether `text` is a whole id in its canonical form."""
    return _ID.fullmatch(text) is not None


def short(id: str) -> str:
    """The first 8 digits, for log lines and messages; not promised to be unique."""
    return id.replace("-", "")[:DISPLAY_LENGTH]


def prefix_of(text: str) -> str | None:
    """What a stored id must begin with if `text` means it; None if `text` is no prefix of an id.

    `text`: 4 to 32 hexadecimal digits, any case, hyphens ignored. The hyphens of the canonical form are put back,
    so the answer can be used for a range scan.
    """
    digits = text.replace("-", "").lower()
    if _DIGITS.fullmatch(digits) is None:
        return None
    parts = (digits[0:8], digits[8:12], digits[12:16], digits[16:20], digits[20:32])
    return "-".join(part for part in parts if part)
