"""The promise: what was in a worktree when we touched it is in a commit, in the worktree, or in a snapshot."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from agor_core import git
from agor_core.errors import ServiceError
from tests.support.killing import blobs_of, kill

Git = Callable[..., str]

NAMES = ("a.txt", "-b", "sp ace/ü.txt")
EDITS = ("write", "delete", "stage", "unstage", "commit", "amend", "reset", "detach", "merge", "overlook", "chmod")
LOOKS = ("status", "state", "diff", "report", "snapshot", "changes", "refused removal")
REMOVALS = ("remove and restore", "remove and add")
# Edits twice, so that there is something to lose; and often commits that are left behind again.
KINDS = (*EDITS, *EDITS, "commit", "amend", "reset", "commit", "amend", "reset", *LOOKS, *REMOVALS)
STEPS = st.lists(st.tuples(st.sampled_from(KINDS), st.sampled_from(NAMES)), min_size=10, max_size=20)


def contents(folder: Path, sh: Git) -> tuple[dict[str, tuple[bytes, bool]], str, str]:
    """All files of a worktree with their executable bits, its index, and where its HEAD is."""
    files = {
        str(path.relative_to(folder)): (path.read_bytes(), os.access(path, os.X_OK))
        for path in folder.rglob("*")
        if path.is_file() and path.name != ".git"
    }
    return files, sh("ls-files", "--stage", cwd=folder), sh("rev-parse", "HEAD", cwd=folder)


class World:
    """One repository, one worktree that is edited and handled, and what must be found in the end."""

    def __init__(self, root: Path, sh: Git) -> None:
        self.sh, self.root, self.demo, self.folder = sh, root, root / "demo", root / "w"
        self.must_exist: set[bytes] = set()
        self.count = 0
        self.demo.mkdir()
        sh("init", "-q", "-b", "main", cwd=self.demo)
        (self.demo / "a.txt").write_text("start\n")
        sh("add", "-A", cwd=self.demo)
        sh("commit", "-q", "-m", "start", cwd=self.demo)

    async def play(self, steps: list[tuple[str, str]]) -> None:
        await git.add_worktree(self.demo, self.folder, branch="work")
        for step, name in steps:
            if step in EDITS:
                with contextlib.suppress(AssertionError, OSError):  # plain git may refuse, as it may a person
                    self.edit(step, name)
            elif step in LOOKS:
                await self.look(step)
            else:
                await self.remove(restores=step == "remove and restore")
        await self.remove(restores=False)
        missing = self.must_exist - blobs_of(self.demo)
        assert not missing

    def edit(self, step: str, name: str) -> None:
        path, folder = self.folder / name, self.folder
        self.count += 1
        match step:
            case "write":
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(f"{name} {self.count}\n" * 3)
            case "delete":
                path.unlink()
            case "chmod":
                path.chmod(0o755)
            case "stage":
                self.sh("add", "--", name, cwd=folder)
            case "unstage":
                self.sh("reset", "-q", "--", name, cwd=folder)
            case "overlook":
                self.edit("commit", name)
                self.sh("update-index", "--assume-unchanged", "--", name, cwd=folder)
                self.edit("write", name)
            case "commit" | "amend":
                self.edit("write", name)
                self.edit("stage", name)
                again = ("--amend",) if step == "amend" else ()
                self.sh("commit", "-q", *again, "-m", f"{step} {self.count}", cwd=folder)
            case "reset":
                self.sh("reset", "-q", "--keep", "HEAD~1", cwd=folder)
            case "detach":
                self.sh("checkout", "-q", "--detach", cwd=folder)
            case "merge":
                (self.demo / "a.txt").write_text(f"main {self.count}\n")
                self.sh("commit", "-q", "-a", "-m", "main", cwd=self.demo)
                self.sh("merge", "-q", "main", cwd=folder)

    async def look(self, step: str) -> None:
        """Looking, saving and being refused change nothing."""
        before = contents(self.folder, self.sh)
        match step:
            case "status":
                await git.status(self.folder)
            case "state":
                await git.state(self.folder)
            case "diff":
                await git.diff(self.folder, "main")
            case "report":
                await git.worktree_report(self.folder)
            case "changes":
                await git.changes_since(self.folder, "main")
            case "snapshot":
                if await git.snapshot(self.folder, "by chance"):
                    self.must_exist |= {content for content, _ in before[0].values()}
            case "refused removal":
                with contextlib.suppress(ServiceError):
                    await git.remove_worktree(self.demo, self.folder, force=True, token="that of another day")
        assert contents(self.folder, self.sh) == before

    async def remove(self, *, restores: bool) -> None:
        """A removal keeps every file, staged blob and commit; a restored worktree is what it was."""
        before, branch = contents(self.folder, self.sh), (await git.status(self.folder)).branch
        self.must_exist |= {content for content, _ in before[0].values()} | self.staged() | self.committed()
        saved = await git.remove_worktree(self.demo, self.folder, force=True)
        if restores and saved is not None:
            await git.restore(self.demo, saved.snapshot_id, self.folder)
            after = contents(self.folder, self.sh)
            assert after == before
        else:
            await git.add_worktree(self.demo, self.folder, branch=branch or f"again-{self.count}")

    def staged(self) -> set[bytes]:
        shas = [line.split()[1] for line in self.sh("ls-files", "--stage", cwd=self.folder).splitlines()]
        return {self.blob(sha) for sha in shas}

    def committed(self) -> set[bytes]:
        """Every blob of every commit this worktree's HEAD has been on."""
        log = self.sh("log", "--walk-reflogs", "--format=%H", "HEAD", cwd=self.folder).split()
        listed = self.sh("rev-list", "--objects", *log, "--", cwd=self.folder).splitlines()
        shas = "\n".join(line.split()[0] for line in listed).encode()
        kinds = self.sh("cat-file", "--batch-check", cwd=self.folder, stdin=shas)
        return {self.blob(line.split()[0]) for line in kinds.splitlines() if line.split()[1] == "blob"}

    def blob(self, sha: str) -> bytes:
        return subprocess.run(["git", "cat-file", "blob", sha], cwd=self.demo, capture_output=True, check=True).stdout


# Shrinking a failure would take minutes: the steps of the first one found tell enough.
@settings(max_examples=12, phases=[Phase.generate])
@given(steps=STEPS)
def test_no_sequence_of_steps_loses_anything(steps: list[tuple[str, str]], tmp_path: Path, sh: Git) -> None:
    """Whatever a person does in a worktree and whatever we do with it, nothing that was there is lost."""
    with tempfile.TemporaryDirectory(dir=tmp_path) as root:
        asyncio.run(World(Path(root), sh).play(steps))


WORKER = """
import asyncio, json, random, subprocess, sys
from pathlib import Path
from agor_core import git

demo, folder, log, seed = Path(sys.argv[1]), Path(sys.argv[2]), open(sys.argv[3], "a"), int(sys.argv[4])
rng = random.Random(seed)

def note(**facts):
    log.write(json.dumps(facts) + "\\n")
    log.flush()

async def main():
    for number in range(10_000):
        path = folder / f"file-{seed}-{number}"
        path.write_text(f"content {seed} {number}")
        note(written=f"content {seed} {number}")
        if rng.random() < 0.3:
            subprocess.run(["git", "add", path.name], cwd=folder, check=True)
        if rng.random() < 0.3:
            subprocess.run(["git", "commit", "-q", "--allow-empty", "-m", "x"], cwd=folder, check=True)
        if rng.random() < 0.3:
            await git.snapshot(folder, "now and then")
        if rng.random() < 0.6:
            saved = await git.remove_worktree(demo, folder, force=True)
            note(state="preparing")
            if saved is not None and rng.random() < 0.7:
                await git.restore(demo, saved.snapshot_id, folder)
            else:
                await git.add_worktree(demo, folder, branch="work")
            note(state="ready")

asyncio.run(main())
"""


async def test_no_kill_loses_anything(demo: Path, tmp_path: Path, sh: Git) -> None:
    """Killed at any moment, with or without the git it was running, everything ever written is found afterwards."""
    root, log = tmp_path / "worktrees", tmp_path / "log"
    folder = root / "w"
    await git.add_worktree(demo, folder, branch="work")
    for seed in range(6):
        kill_while_working(demo, folder, log, seed)
        await git.settle_removals(root)
        states = [line["state"] for line in map(json.loads, log.read_text().splitlines()) if "state" in line]
        if states and states[-1] == "preparing":
            await git.discard_half_made(demo, folder, "work")
        if not folder.exists():
            newest = (await git.snapshots(demo))[:1]
            await (
                git.restore(demo, newest[0].snapshot_id, folder)
                if newest
                else git.add_worktree(demo, folder, branch="work")
            )
        with contextlib.suppress(FileNotFoundError):  # a git that was killed leaves its locks, as it does for anyone
            (Path(sh("rev-parse", "--absolute-git-dir", cwd=folder)) / "index.lock").unlink()
    there = {path.read_bytes() for path in folder.iterdir() if path.is_file()}
    there |= blobs_of(demo)
    written = [line["written"] for line in map(json.loads, log.read_text().splitlines()) if "written" in line]
    assert len(written) > 6
    assert [content for content in written if content.encode() not in there] == []


def kill_while_working(demo: Path, folder: Path, log: Path, seed: int) -> None:
    """Let a process of its own edit, save, remove and restore; kill it at some moment, and sometimes its git too."""
    rng = random.Random(seed)
    before = log.stat().st_size if log.exists() else 0
    worker = subprocess.Popen(
        [sys.executable, "-c", WORKER, str(demo), str(folder), str(log), str(seed)],
        stderr=subprocess.PIPE,
        env={**os.environ, "TMPDIR": str(log.parent)},  # the killed leave their temporary folders behind
    )
    while worker.poll() is None and (not log.exists() or log.stat().st_size == before):
        with contextlib.suppress(subprocess.TimeoutExpired):
            worker.wait(0.02)
    with contextlib.suppress(subprocess.TimeoutExpired):
        worker.wait(rng.uniform(0, 1.5))
    assert worker.poll() is None, worker.stderr.read().decode() if worker.stderr else ""
    kill(worker, with_children=rng.random() < 0.5)
    worker.communicate()
