"""Time as Agor keeps it: whole milliseconds since 1970 inside, ISO 8601 in UTC outside."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache

Clock = Callable[[], int]
"""Gives the present in milliseconds since 1970."""

_ISO = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d)?", re.IGNORECASE)


def now_ms() -> int:
    """The present, in milliseconds since 1970."""
    return time.time_ns() // 1_000_000


# The newest records are asked for again and again, and formatting a time costs more than all else of a field.
@lru_cache(maxsize=10_000)
def iso(ms: int) -> str:
    """`ms` as it travels: `2026-11-23T22:20:43.120Z`."""
    return f"{_to_the_second(ms // 1000)}.{ms % 1000:03d}Z"


# What agents do falls into few seconds.
@lru_cache(maxsize=1000)
def _to_the_second(s: int) -> str:
    return f"{datetime.fromtimestamp(s, UTC):%Y-%m-%dT%H:%M:%S}"


def parse_iso(text: str) -> int:
    """The milliseconds of an ISO 8601 time; one without a zone is UTC. Raises ValueError."""
    if _ISO.fullmatch(text) is None:
        raise ValueError(f"not a time: {text!r}")
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return round(moment.timestamp() * 1000)
