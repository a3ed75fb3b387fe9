"""`python -m tests.benchmarks.db [--full] [--sizes 10000,100000] [--json FILE]`: how fast the data layer is.

The five targets and what else is done often, on embedded databases of several sizes: through the repositories in this
process, and through the API of a daemon; each above the bare round trip of the same way, since a busy machine says
nothing by itself. `--full`: also a million sessions, and search among a million messages, and their export and import.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import tempfile
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from agor_core.db import open_database
from tests.benchmarks.db import api, moving, repositories, searching
from tests.benchmarks.db.data import WIDEST, fill, tree
from tests.benchmarks.db.figures import HEADER, Figure
from tests.benchmarks.usage import memory_kb
from tests.support.daemon import clean_environment, running_daemon

SIZES = (10_000, 100_000)
MILLION = 1_000_000
FEW_MESSAGES = 20_000


def show(found: list[Figure], figure: Figure) -> None:
    """Print a figure, and keep it."""
    found.append(figure)
    print(figure.line(), flush=True)


def of_size(size: int, found: list[Figure], facts: dict[str, Any], messages: int | None) -> None:
    """All figures at one size."""
    with tempfile.TemporaryDirectory(prefix="agor-bench-") as folder:
        environment = clean_environment(Path(folder))
        home = Path(environment["AGOR_HOME"])
        home.mkdir(mode=0o700)
        with open_database(f"sqlite:///{home}/agor.db") as database:
            database.prepare()
            ids = fill(database, size)
            gc.collect()
            gc.freeze()  # as the daemon does
            for figure in repositories.figures(database, ids):
                show(found, figure)
            facts[f"messages imported a second, {size:,} sessions"] = repositories.imported_a_second(database, ids[0])
            for width in (1, repositories.WRITERS):
                facts[f"inserts a second, {width} waiting, {size:,} sessions"] = repositories.written_a_second(
                    database, width
                )
            if messages is not None:
                for figure in searching.figures(database, ids[1 : 1 + messages // 100], messages):
                    show(found, figure)
            # As a daemon does in a pause: what was put off while so much was stored is none of the next write.
            database.tidy()
            narrow, wide = (database.write_now(partial(tree, widest=widest)) for widest in (1, WIDEST))
        with running_daemon(Path(folder), environment=environment) as daemon:
            facts[f"daemon's memory in MB, {size:,} sessions, at start"] = memory_kb(daemon.process.pid) / 1000
            for figure in api.figures(daemon, ids, (narrow, wide)):
                show(found, figure)
            facts[f"daemon's memory in MB, {size:,} sessions, after"] = memory_kb(daemon.process.pid) / 1000
        if messages is not None:
            facts.update(moving.facts(environment, Path(folder)))


def main() -> None:
    """Measure, print a table, and write the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=lambda text: tuple(map(int, text.split(","))), default=SIZES)
    parser.add_argument("--full", action="store_true")
    parser.add_argument("--json", type=Path, default=Path("benchmarks.json"))
    options = parser.parse_args()
    sizes = (*options.sizes, MILLION) if options.full else options.sizes
    found: list[Figure] = []
    facts: dict[str, Any] = {"load at the beginning": os.getloadavg()[0]}
    print(f"milliseconds; `above`: p50 above the bare round trip; goals are for `above` at 100,000\n{HEADER}")
    for size in sizes:
        is_last = size == sizes[-1]
        messages = None if not is_last else MILLION if options.full else FEW_MESSAGES
        of_size(size, found, facts, messages)
    for name, value in facts.items():
        print(f"{name}: {value:,.1f}")
    options.json.write_text(json.dumps({"facts": facts, "figures": [asdict(one) for one in found]}, indent=1))


if __name__ == "__main__":
    main()
