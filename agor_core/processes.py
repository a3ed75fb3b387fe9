"""Processes that may not be our children any more: which is which, whether a group lives, and its end."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import os
import signal
from pathlib import Path

# Elsewhere (macOS) a process has no start time that can be read without a program: only its number is compared.
HAS_PROC = Path("/proc/self/stat").is_file()
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")

POLL_S = 0.02
# What was killed is gone at once, but on a machine that stands still, or with much memory to give back.
KILLED_S = 5.0


def own_mark() -> str:
    """What no other process is called, before us or after, on this machine: from when it was started, and its number.

    Empty where that cannot be told.
    """
    return _mark(os.getpid())


@functools.cache
def _mark(pid: int) -> str:
    try:
        boot = _BOOT_ID.read_text().strip()
    except OSError:
        return ""
    return f"{boot}.{pid}.{process_identity(pid)}"


def process_identity(pid: int) -> str | None:
    """What tells process `pid` from a later one with the same number: when it started. None if there is none."""
    if HAS_PROC:
        try:
            stat = Path(f"/proc/{pid}/stat").read_text()
        except OSError:
            return None
        # The name in parentheses may hold spaces: count fields from the last ")". Field 22 is the start time.
        return stat.rpartition(")")[2].split()[19]
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return None
    except PermissionError:
        pass
    return "unknown"


def group_lives(pgid: int) -> bool:
    """Whether any process of the group is alive; zombies that wait for their parent do not count where we can tell."""
    try:
        os.killpg(pgid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    if HAS_PROC:
        return any(_is_member(entry, pgid) for entry in Path("/proc").iterdir() if entry.name.isdigit())
    return True


def _is_member(entry: Path, pgid: int) -> bool:
    try:
        state, _, group, *_ = (entry / "stat").read_text().rpartition(")")[2].split()
    except (OSError, ValueError):
        return False
    return int(group) == pgid and state not in "ZX"


async def end_group(pgid: int, *, grace_s: float) -> bool:
    """End all processes of the group; whether there were any. SIGKILL follows SIGTERM after `grace_s`.

    After that they are gone, but for what not even SIGKILL ends within `KILLED_S`: held by a broken disk, or not ours.
    """
    if not group_lives(pgid):
        return False
    for sign, limit_s in ((signal.SIGTERM, grace_s), (signal.SIGKILL, KILLED_S)):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(pgid, sign)
        deadline = asyncio.get_running_loop().time() + limit_s
        while group_lives(pgid):
            if asyncio.get_running_loop().time() >= deadline:
                break
            # There is no event to wait for: most members are not our children.
            await asyncio.sleep(POLL_S)
        else:
            return True
    return True
