"""The live list of 30 worktrees of a large repository, beside `git status` in each of them, with a heartbeat.

Not among the tests; to run it, give pytest this file and `-s`. The size: AGOR_BENCHMARK_FILES (default 30,000).
"""

from __future__ import annotations

import asyncio
import os
import resource
import subprocess
import time
from pathlib import Path

import pytest

from agor_core.db import open_database
from agor_core.feathers import Params
from agor_core.models import Repo
from agor_daemon.services.standing import REUSE_S
from agor_daemon.services.worktrees import WorktreesService
from agor_daemon.supervisor import Supervisor
from tests.benchmarks.git.bench_large_repository import beside_a_heartbeat, fill

FILES = int(os.environ.get("AGOR_BENCHMARK_FILES", "30000"))
WORKTREES = 30


def cpu_s() -> tuple[float, float]:
    """CPU seconds of this process, and of its children that have ended."""
    own, children = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime, children.ru_utime + children.ru_stime


@pytest.mark.benchmark
async def test_a_list_of_large_worktrees_is_quick(tmp_path: Path) -> None:
    """A list asks git about every worktree, a few at a time, and answers within its limit; nobody else waits."""
    repository = tmp_path / "large"
    repository.mkdir()
    fill(repository, FILES)
    for number in range(WORKTREES):
        adding = ("git", "worktree", "add", "-q", "-b", f"b{number}", str(tmp_path / f"w{number}"))
        subprocess.run(adding, cwd=repository, check=True)
    begun = time.perf_counter()
    _, git_before = cpu_s()
    for number in range(WORKTREES):
        asked = ("git", "status", "--porcelain=v2", "--branch")
        subprocess.run(asked, cwd=tmp_path / f"w{number}", check=True, capture_output=True)
    took = time.perf_counter() - begun
    print(f"\n{FILES:,} files: git status in {WORKTREES} worktrees, one by one: {took:.2f} s,", end="")
    print(f" {cpu_s()[1] - git_before:.2f} s of CPU")
    with open_database(f"sqlite:///{tmp_path}/agor.db") as database:
        database.prepare()
        repo = Repo(slug="large", status="ready")
        repo.data.local_path, repo.data.default_branch = str(repository), "main"
        await database.write(lambda tx: tx.repos.add(repo))
        async with Supervisor(60) as supervisor:
            service = WorktreesService(database, supervisor, tmp_path / "ours", "benchmark", 2.0)
            for what in ("first list, adopting", "second, at once", "third, at once", "fourth, later"):
                if what.endswith("later"):
                    await asyncio.sleep(REUSE_S)
                own, children = cpu_s()
                found = asyncio.ensure_future(service.find(Params(query={"$limit": 100})))
                took, stall = await beside_a_heartbeat(found)
                late = [task for task in asyncio.all_tasks() if task.get_name().startswith("look")]
                if late:
                    await asyncio.wait(late)
                own_s, children_s = (after - before for after, before in zip(cpu_s(), (own, children), strict=True))
                print(f"{what:22} {took:5.2f} s, {len(late)} late, loop held {stall * 1000:3.0f} ms;", end="")
                print(f" CPU: daemon {own_s:.2f} s, git {children_s:.2f} s")
                assert found.result()["total"] == WORKTREES
                assert stall < 0.05
