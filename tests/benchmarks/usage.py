"""What a process that is measured has used so far."""

from __future__ import annotations

from pathlib import Path


def cpu_s(pid: int) -> float:
    """The CPU time of a process, all its threads together, to the nanosecond."""
    return sum(int(task.read_text().split()[0]) for task in Path(f"/proc/{pid}/task").glob("*/schedstat")) / 1e9


def memory_kb(pid: int, which: str = "VmRSS") -> int:
    """The resident memory of a process; of `VmHWM`, the most it ever had."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(which))
