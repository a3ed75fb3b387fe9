"""`python -m tests.benchmarks.agents [--rounds N] [--json FILE]`: what the daemon adds to its agents.

Times are those of a whole machine, agents and clients included: look at its load first, and at the CPU columns.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
from collections.abc import Mapping
from pathlib import Path

from tests.benchmarks.agents.importing import importing
from tests.benchmarks.agents.overhead import overhead
from tests.benchmarks.agents.streaming import streaming

SESSIONS, CLIENTS = 20, 20
PIECES, INTERVAL_S = 200, 0.04
IMPORTED_MESSAGES = 10_000


def main() -> None:
    """Measure, print the figures, and write them as JSON if asked to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    figures: dict[str, Mapping[str, float]] = {}
    for number in range(1, asked.rounds + 1):
        for sessions in (1, SESSIONS):
            found = asyncio.run(streaming(sessions, CLIENTS, PIECES, INTERVAL_S))
            _tell(figures, f"{sessions} streaming to {CLIENTS}, round {number}", found)
    _tell(figures, "one prompt to Claude", asyncio.run(overhead(5 * asked.rounds)))
    _tell(figures, f"import of {IMPORTED_MESSAGES:,} messages", importing(IMPORTED_MESSAGES))
    if asked.json:
        asked.json.write_text(json.dumps({"load": os.getloadavg()[0], "figures": figures}, indent=2) + "\n")


def _tell(figures: dict[str, Mapping[str, float]], name: str, found: Mapping[str, float]) -> None:
    figures[name] = found
    print(f"{name}:")
    for figure, value in found.items():
        print(f"  {figure:18} {value:12,.2f}", flush=True)


if __name__ == "__main__":
    main()
