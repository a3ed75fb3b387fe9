"""Processes that may not be our children any more: which is which, whether a group lives, and its end."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import os
import platform
import signal
from collections import defaultdict
from pathlib import Path

# Elsewhere (macOS) a process has no start time that can be read without a program: only its number is compared.
HAS_PROC = Path("/proc/self/stat").is_file()
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_PID_NAMESPACE = Path("/proc/self/ns/pid")

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
    return f"{boot}.{pid}.{_start_of(pid)}"


@functools.cache
def _here() -> str:
    """Where numbers of processes mean what they mean to us: this machine, since it was started, and its container."""
    try:
        return f"{_BOOT_ID.read_text().strip()}/{_PID_NAMESPACE.readlink()}"
    except OSError:
        return platform.node()


def process_identity(pid: int) -> str | None:
    """What tells process `pid` from any other with the same number: where, and when it started. None if there is none.

    Where a start can't be told, processes of one machine with the same number are taken for the same.
    """
    start = _start_of(pid)
    return None if start is None else f"{_here()}.{start}"


def child_identity(pid: int) -> str:
    """The same of a child that was just started: if it is gone again, all that is known is where it ran."""
    return process_identity(pid) or f"{_here()}."


def is_of_here(identity: str) -> bool:
    """Whether a process of this `identity` could be among those that are here, or have been."""
    return identity.rpartition(".")[0] == _here()


def _start_of(pid: int) -> str | None:
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


def _groups_below(pgid: int) -> dict[int, str]:
    """The leaders of other groups that members of this one have started and still are the parents of, by identity."""
    if not HAS_PROC:
        return {}
    children: defaultdict[int, list[int]] = defaultdict(list)
    groups: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError, ValueError):
            _, parent, group, *_ = (entry / "stat").read_text().rpartition(")")[2].split()
            children[int(parent)].append(int(entry.name))
            groups[int(entry.name)] = int(group)
    below = [pid for pid, group in groups.items() if group == pgid]
    for pid in below:
        # Grows while it is walked: a member's children may be members, too.
        below += [child for child in children[pid] if groups[child] != pgid]
    leaders = {pid for pid in below if groups[pid] == pid != pgid}
    return {pid: identity for pid in leaders if (identity := process_identity(pid)) is not None}


async def end_group(pgid: int, *, grace_s: float, with_tools: bool = False) -> bool:
    """End all processes of the group; whether there were any. SIGKILL follows SIGTERM after `grace_s`.

    After that they are gone, but for what not even SIGKILL ends within `KILLED_S`: held by a broken disk, or not ours.
    `with_tools`: what has to be killed could not end what it runs in groups of its own, as agents do their tools; these
    go too.
    """
    if not group_lives(pgid):
        return False
    below: dict[int, str] = {}
    for sign, limit_s in ((signal.SIGTERM, grace_s), (signal.SIGKILL, KILLED_S)):
        if sign is signal.SIGKILL and with_tools:
            below = _groups_below(pgid)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(pgid, sign)
        deadline = asyncio.get_running_loop().time() + limit_s
        while group_lives(pgid):
            if asyncio.get_running_loop().time() >= deadline:
                break
            # There is no event to wait for: most members are not our children.
            await asyncio.sleep(POLL_S)
        else:
            break
    left = [pid for pid, identity in below.items() if process_identity(pid) == identity]
    await asyncio.gather(*(end_group(pid, grace_s=grace_s, with_tools=True) for pid in left))
    return True
