"""`python -m tests.benchmarks.feathers [--quick] [--only TEXT] [--stock]`: ours against Feathers 5 and plain Socket.IO.

Every server is started anew in every round, and each measure is taken on all of them, one after the other, before the
next. Figures are the median of the rounds; ratios are those of the server's CPU time (or memory) per operation, ours to
theirs: below 1 we are cheaper. For fan-out of single events there is also the floor: a loop that only writes one ready
frame to every client, and what that costs of plain Socket.IO. No server that writes to each client can be below it.
For REST the floor is aiohttp as it comes with a handler that reads and writes the same JSON, and what that costs of
Feathers.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
from contextlib import ExitStack
from pathlib import Path

from tests.benchmarks.feathers.measures import Figures, Measure, measures
from tests.benchmarks.feathers.servers import BARE, FEATHERS, FLOOR, FOLDER, OURS, PLAIN, STOCK, running, take_core
from tests.benchmarks.feathers.slow_reader import report_slow_reader
from tests.support.node import install_packages

# What each floor is compared with.
FLOORS = ((FLOOR, PLAIN), (BARE, FEATHERS))

Results = dict[str, dict[str, list[Figures]]]


def main() -> None:
    """Measure, print a table, and write the figures of every round as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one short round")
    parser.add_argument("--rounds", type=int, help="by default 3, or 1 with --quick")
    parser.add_argument("--seconds", type=float, help="for each measure, by default 1.5, or 0.4 with --quick")
    parser.add_argument("--only", default="", help="measures whose name holds this text")
    parser.add_argument("--stock", action="store_true", help="also ours without the fast path")
    parser.add_argument("--json", type=Path, default=Path("benchmarks.json"))
    given = parser.parse_args()
    rounds = given.rounds or (1 if given.quick else 3)
    seconds = given.seconds or (0.4 if given.quick else 1.5)
    install_packages(FOLDER)
    take_core()
    chosen = [measure for measure in measures() if given.only in measure.label]
    results: Results = {}
    for number in range(rounds):
        _round(chosen, seconds, results, with_stock=given.stock)
        print(f"round {number + 1} of {rounds} is done", file=sys.stderr)
    _print_table(chosen, results)
    slow = report_slow_reader(quick=given.quick, rounds=rounds) if given.only in "slow reader" else None
    found = {"cores": os.cpu_count(), "rounds": rounds, "seconds": seconds, "measures": results, "slow reader": slow}
    given.json.write_text(json.dumps(found, indent=1) + "\n")


def _round(chosen: list[Measure], seconds: float, results: Results, *, with_stock: bool) -> None:
    names = [OURS, FEATHERS, PLAIN, FLOOR, BARE, *([STOCK] if with_stock else [])]
    with ExitStack() as stack:
        servers = {name: stack.enter_context(running(name)) for name in names}
        for measure in chosen:
            for name in (*measure.servers, *([STOCK] if with_stock else [])):
                figures = measure.run(servers[name], seconds)
                results.setdefault(measure.label, {}).setdefault(name, []).append(figures)


def _print_table(chosen: list[Measure], results: Results) -> None:
    order = (OURS, FEATHERS, PLAIN, STOCK, FLOOR, BARE)
    names = [name for name in order if any(name in found for found in results.values())]
    floors = [(floor, of) for floor, of in FLOORS if floor in names]
    print(f"{'CPU µs per operation':34}" + "".join(f"{name:>10}" for name in names), end="")
    print("".join(f"{'/ ' + name:>20}" for name in names if name in (FEATHERS, PLAIN)), end="")
    print("".join(f"{f'{floor} / {of}':>20}" for floor, of in floors), end="")
    print(f"   {OURS + ': per s':>12} {'p50 ms':>8} {'p99 ms':>8}")
    for measure in chosen:
        found = results[measure.label]
        middle = {name: statistics.median(run[measure.figure] for run in runs) for name, runs in found.items()}
        line = f"{measure.label:34}"
        for name in names:
            line += f"{middle[name]:10.1f}" if name in middle else f"{'':10}"
        for name in (FEATHERS, PLAIN):
            if name in names:
                line += f"{_verdict(found, measure, name):>20}" if name in middle else f"{'':20}"
        for floor, of in floors:
            lowest = f"{_ratio(found, measure, floor, of):.2f}" if floor in middle else ""
            line += f"{lowest:>20}"
        for figure, width in (("per_s", 15), ("p50_ms", 9), ("p99_ms", 9)):
            values = [run[figure] for run in found[OURS] if figure in run]
            line += f"{statistics.median(values):{width}.{0 if figure == 'per_s' else 2}f}" if values else ""
        print(line + (" kB" if measure.figure == "kb" else ""))


def _ratio(found: dict[str, list[Figures]], measure: Measure, one: str, other: str) -> float:
    """The median of the ratios of each round, whose servers ran side by side."""
    pairs = zip(found[one], found[other], strict=True)
    return statistics.median(ours[measure.figure] / theirs[measure.figure] for ours, theirs in pairs)


def _verdict(found: dict[str, list[Figures]], measure: Measure, name: str) -> str:
    """What ours costs of another, and whether it meets the goal."""
    ratio = _ratio(found, measure, OURS, name)
    goal = measure.goals.get(name)
    if goal is None:
        return f"{ratio:.2f}"
    return f"{ratio:.2f} {'meets' if ratio <= goal else 'MISSES'} {goal}"


if __name__ == "__main__":
    main()
