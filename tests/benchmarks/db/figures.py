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


def measured(work: Callable[[], object], times: int, cpu_s: Callable[[], float]) -> tuple[float, float, float]:
    """(p50, p99, CPU) in milliseconds."""
    for _ in range(3):
        work()
    took = []
    cpu = cpu_s()
    for _ in range(times):
        begun = time.perf_counter()
        work()
        took.append(time.perf_counter() - begun)
    cpu = (cpu_s() - cpu) / times
    took.sort()
    return took[times // 2] * 1e3, took[int(times * 0.99)] * 1e3, cpu * 1e3
