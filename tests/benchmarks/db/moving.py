"""Export and import of all there is, each in a process of its own: rows a second, and the most memory it took."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from tests.benchmarks.usage import memory_kb
from tests.support.daemon import clean_environment

LOOK_EVERY_S = 0.05


def facts(environment: Mapping[str, str], folder: Path) -> Iterator[tuple[str, float]]:
    """What moving the database of that home to another one took, by name."""
    export = folder / "all.jsonl"
    rows = 0
    for command, env in (("db-export", environment), ("db-import", clean_environment(folder / "moved to"))):
        begun = time.perf_counter()
        with subprocess.Popen(
            [sys.executable, "-m", "agor_daemon.admin", command, str(export)], env=env, stdout=subprocess.DEVNULL
        ) as process:
            # Not what `wait4` tells of memory: to that, a new process begins with what this one has.
            most_kb, pid = 0, 0
            while not pid:
                with contextlib.suppress(StopIteration, OSError):
                    most_kb = memory_kb(process.pid, "VmHWM")
                time.sleep(LOOK_EVERY_S)
                pid, status, used = os.wait4(process.pid, os.WNOHANG)
            process.returncode = os.waitstatus_to_exitcode(status)
        assert process.returncode == 0, command
        took_s = time.perf_counter() - begun
        if not rows:
            with export.open("rb") as lines:
                rows = sum(1 for _ in lines) - 2
        yield f"{command}, rows", rows
        yield f"{command}, rows a second", rows / took_s
        yield f"{command}, rows a second of CPU", rows / (used.ru_utime + used.ru_stime)
        yield f"{command}, most memory in MB", most_kb / 1000
