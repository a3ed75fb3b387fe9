"""Ids, times and numbers as people read them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

REFERENCE_DIGITS = 12
"""Of an id whose own record is not at hand: enough to be unique but for ids of the same millisecond."""

_STEPS = ((86_400, "d"), (3600, "h"), (60, "min"), (1, "s"))


def short_id(record: Mapping[str, Any], field: str) -> str:
    """The short id of a record: the one the daemon gave, else the beginning of `record[field]`."""
    return str(record.get("short_id") or reference(record.get(field)))


def reference(id: object) -> str:
    """The beginning of an id; empty for none."""
    return str(id).replace("-", "")[:REFERENCE_DIGITS] if id else ""


def ago(moment: object) -> str:
    """How long a moment is past: `3 min ago`."""
    if not isinstance(moment, str):
        return ""
    try:
        seconds = int((datetime.now(UTC) - datetime.fromisoformat(moment)).total_seconds())
    except ValueError:
        return moment
    for size, unit in _STEPS:
        if seconds >= size:
            return f"{seconds // size} {unit} ago"
    return "now"


def clock(moment: object) -> str:
    """A moment as the clock on the wall shows it: `14:05`; on another day `Nov 26 14:05`."""
    if not isinstance(moment, str):
        return ""
    try:
        there = datetime.fromisoformat(moment).astimezone()
    except ValueError:
        return moment
    is_today = there.date() == datetime.now().astimezone().date()
    return f"{there:%H:%M}" if is_today else f"{there:%b} {there.day} {there:%H:%M}"


def wait_words(retry_at: object) -> str:
    """What is said where an agent told from when on it can go on; empty once that is past, or if it did not."""
    is_to_come = isinstance(retry_at, str) and datetime.fromisoformat(retry_at) > datetime.now(UTC)
    return f"can go on at {clock(retry_at)}" if is_to_come else ""


def duration(ms: object) -> str:
    """A length of time: `850 ms`, `3.2 s`, `4 min 10 s`."""
    if not isinstance(ms, (int, float)):
        return ""
    if ms < 1000:
        return f"{ms:.0f} ms"
    if ms < 60_000:
        return f"{ms / 1000:.1f} s"
    minutes, seconds = divmod(round(ms / 1000), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {seconds} s"


def count(number: int, one: str, several: str | None = None) -> str:
    """`1 file`, `2 files`."""
    return f"{number} {one if number == 1 else several or one + 's'}"


def changes(git_state: Mapping[str, Any] | None) -> str:
    """What a task did to the files: `2 files changed (+10 -3)`; empty if that is not known."""
    state = git_state or {}
    files = state.get("files_changed")
    if files is None:
        return ""
    if not files:
        return "no files changed"
    return f"{count(files, 'file')} changed (+{state.get('insertions') or 0} -{state.get('deletions') or 0})"


def ended_words(task: Mapping[str, Any]) -> str:
    """How a task ended, on one line."""
    tools = task.get("tool_use_count")
    parts = [
        f"{task['status']} in {duration(task['duration_ms'])}"
        if task.get("duration_ms") is not None
        else task["status"],
        changes(task.get("git_state")),
        count(tools, "tool use") if tools else "",
    ]
    return " · ".join(part for part in parts if part)


def title_of(session: Mapping[str, Any]) -> str:
    """What to call a session."""
    return str(session.get("title") or session.get("description") or "untitled")


def place_of(session: Mapping[str, Any]) -> str:
    """Where a session works: `slug:worktree`, `slug:./subfolder`, the slug of its repository, or its folder."""
    repo = session.get("repo") or {}
    if not repo.get("repo_slug"):
        return str(repo.get("cwd") or "")
    inside = repo.get("worktree_name") or (f"./{repo['subfolder']}" if repo.get("subfolder") else None)
    return ":".join(filter(None, (str(repo["repo_slug"]), inside)))
