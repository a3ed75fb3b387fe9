"""What is measured, and how it is told: milliseconds of one call, and of CPU."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

HEADER = f"{'':34} {'sessions':>10} {'p50':>9} {'p99':>9} {'CPU':>9} {'above':>9}   goal"

GOALS = {"insert": 1, "50 by status": 0.5, "genealogy": 5, "short id": 0.5, "JSON field": 1, "filter and sort": 3}
"""In milliseconds: p50 above the bare round trip, at 100,000 sessions; of `filter and sort` the CPU."""


@dataclass
class Figure:
    """One operation at one size, in milliseconds."""

    through: str
    operation: str
    sessions: int
    p50: float
    p99: float
    cpu: float
    above: float
    """p50 above the bare round trip through the same."""

    def line(self) -> str:
        """A row of the table."""
        goal = GOALS.get(self.operation)
        told = "" if goal is None else f"{goal:g}"
        times = " ".join(f"{value:9.2f}" for value in (self.p50, self.p99, self.cpu, self.above))
        return f"{self.through + ': ' + self.operation:34} {self.sessions:10,} {times}   {told}"


# Calls of one kind in a row: the machine is not as quick from one second to the next.
BLOCK = 20


def measured(
    work: Callable[[], object], times: int, cpu_s: Callable[[], float], bare: Callable[[], object] | None = None
) -> tuple[float, float, float, float]:
    """(p50, p99, CPU, p50 above that of `bare`, which is called in turns with it) in milliseconds."""
    took: list[float] = []
    round_trips: list[float] = []
    used_s = 0.0
    for _ in range(3):
        work()
    for begun in range(0, times, BLOCK):
        size = min(BLOCK, times - begun)
        if bare is not None:
            round_trips += _timed(bare, size)
        cpu = cpu_s()
        took += _timed(work, size)
        used_s += cpu_s() - cpu
    took.sort()
    p50 = took[times // 2]
    above = p50 - sorted(round_trips)[times // 2] if round_trips else p50
    return p50 * 1e3, took[int(times * 0.99)] * 1e3, used_s / times * 1e3, above * 1e3


def _timed(work: Callable[[], object], times: int) -> list[float]:
    took = []
    for _ in range(times):
        begun = time.perf_counter()
        work()
        took.append(time.perf_counter() - begun)
    return took
