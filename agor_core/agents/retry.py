"""When an agent may be asked again, as it says so in words: they differ with every vendor.

Only what names a time is read. A wrong time would be worse than none, so nothing is guessed.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

from agor_core.clock import parse_iso

# The longest limits are of a month; whatever is further off was misread.
FURTHEST_MS = 32 * 24 * 60 * 60 * 1000

# `Claude AI usage limit reached|1735689600`
_EPOCH = re.compile(r"limit[^|\n]{0,40}\|(\d{10})\b", re.IGNORECASE)
_INSTANT = re.compile(
    r"(?:after|at|until|resets?)[\s:]+(\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d))"
)
# `Please try again in 6m0s`, `retry in 34.07s`, `"retryDelay": "34s"`, `retry-after: 30`
_HEADER = re.compile(r"retry[-_ ]after['\"]?\s*[:=]\s*['\"]?(\d{1,7})\b(?!\.\d|-)", re.IGNORECASE)
_IN = re.compile(
    r"(?:(?:try again|retry|available|resets?) (?:in|after)|retryDelay)[\"':= ]{1,4}(\d[\w. ]{0,40})", re.IGNORECASE
)
_PART = re.compile(
    r"(\d+(?:\.\d+)?)\s*(ms|milliseconds?|s|sec|seconds?|m|min|minutes?|h|hours?|hrs?|d|days?)(?![a-z])\s*",
    re.IGNORECASE,
)
_UNIT_S = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
# `resets 3pm (Europe/Berlin)`, `resets Nov 26, 3:30pm`, `resets at 14:05 (UTC)`
_CLOCK = re.compile(
    r"resets? (?:at )?(?:(?P<month>[A-Z][a-z]{2})[a-z]* (?P<day>\d{1,2}),? (?:at )?)?"
    r"(?P<hour>\d{1,2})(?::(?P<minute>\d\d))?\s?(?P<half>am|pm)?(?![\d:])(?: \((?P<zone>[\w/+-]+)\))?",
    re.IGNORECASE,
)
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")


def retry_at(text: str, now_ms: int) -> int | None:
    """The moment from which trying again makes sense, in ms since 1970; None if `text` names none that is to come.

    A time of day without a zone is meant as the clocks of this machine go, where the agent runs too.
    """
    found = _epoch(text) or _instant(text) or _later(text, now_ms) or _time_of_day(text, now_ms)
    return found if found is not None and now_ms < found <= now_ms + FURTHEST_MS else None


def _epoch(text: str) -> int | None:
    match = _EPOCH.search(text)
    return int(match[1]) * 1000 if match else None


def _instant(text: str) -> int | None:
    match = _INSTANT.search(text)
    try:
        return parse_iso(match[1]) if match else None
    except ValueError:
        return None


def _later(text: str, now_ms: int) -> int | None:
    if header := _HEADER.search(text):
        return now_ms + int(header[1]) * 1000
    match = _IN.search(text)
    if match is None:
        return None
    seconds, at = 0.0, 0
    while part := _PART.match(match[1], at):
        seconds += float(part[1]) * _unit_s(part[2].lower())
        at = part.end()
    return now_ms + round(seconds * 1000) if seconds else None


def _unit_s(unit: str) -> float:
    return 0.001 if unit.startswith(("ms", "milli")) else _UNIT_S[unit[0]]


def _time_of_day(text: str, now_ms: int) -> int | None:
    match = _CLOCK.search(text)
    if match is None or not (match["half"] or match["minute"]):
        return None
    hour, minute = int(match["hour"]), int(match["minute"] or 0)
    if match["half"]:
        if hour > 12:
            return None
        hour = hour % 12 + 12 * (match["half"].lower() == "pm")
    try:
        now = datetime.fromtimestamp(now_ms / 1000, UTC).astimezone(_zone(match["zone"]))
        moment = now.replace(hour=hour, minute=minute, second=0, microsecond=0)
        if match["month"]:
            month = _MONTHS.index(match["month"].lower()) + 1
            moment = moment.replace(month=month, day=int(match["day"]))
            if moment < now:
                moment = moment.replace(year=moment.year + 1)
        elif moment < now:
            moment += timedelta(days=1)
    except (ValueError, LookupError):  # no such hour, day, month or zone
        return None
    return round(moment.timestamp() * 1000)


def _zone(name: str | None) -> tzinfo | None:
    return ZoneInfo(name) if name else None
