"""What a killed process had begun is found and taken away."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from agor_core import git
from agor_core.errors import Conflict
from agor_core.git import half_made

Git = Callable[..., str]

ADD = """
import asyncio, sys
from agor_core import git
asyncio.run(git.add_worktree(sys.argv[1], sys.argv[2], branch="new"))
"""


async def killed_while_adding(demo: Path, folder: Path, sh: Git) -> None:
    """Start adding a worktree in a process of its own and kill it, and its git, in the middle of the checkout."""
    reached = folder.with_name("reached")
    (demo / ".gitattributes").write_text("hello.py filter=slow\n")
    sh("add", "-A", cwd=demo)
    sh("commit", "-q", "-m", "attributes", cwd=demo)
    sh("config", "filter.slow.smudge", f"touch {reached}; exec sleep 60", cwd=demo)
    process = subprocess.Popen([sys.executable, "-c", ADD, str(demo), str(folder)])
    async with asyncio.timeout(120):
        while not reached.exists():
            await asyncio.sleep(0.02)
    children = subprocess.run(["ps", "-o", "pid=", "--ppid", str(process.pid)], capture_output=True, text=True).stdout
    process.kill()
    process.wait()
    for child in children.split():
        os.killpg(int(child), signal.SIGKILL)
    sh("config", "--unset", "filter.slow.smudge", cwd=demo)


async def test_a_killed_creation_is_taken_away(demo: Path, tmp_path: Path, sh: Git) -> None:
    """Folder, git's entry with its lock, and the branch made for it go; then the same worktree can be made."""
    await killed_while_adding(demo, tmp_path / "w", sh)
    assert (tmp_path / "w").exists()
    await git.discard_half_made(demo, tmp_path / "w", "new")
    assert not (tmp_path / "w").exists()
    assert (await git.inspect(demo)).branches == ("main",)
    made = await git.add_worktree(demo, tmp_path / "w", branch="new")
    assert made.new_branch
    assert await git.snapshots(demo) == []


async def test_work_found_in_it_is_saved(demo: Path, tmp_path: Path, sh: Git) -> None:
    """Whatever somebody put into a half-made worktree is in a snapshot."""
    await killed_while_adding(demo, tmp_path / "w", sh)
    (tmp_path / "w/mine.txt").write_text("already mine")
    await git.discard_half_made(demo, tmp_path / "w", "new")
    (saved,) = await git.snapshots(demo)
    assert sh("show", f"{saved.sha}:mine.txt", cwd=demo) == "already mine"


async def test_a_worktree_git_had_hardly_begun_is_taken_away(demo: Path, tmp_path: Path) -> None:
    """Killed before anything was checked out, git leaves a link that leads nowhere; that goes too."""
    await git.add_worktree(demo, tmp_path / "w", branch="new")
    for file in (tmp_path / "w").iterdir():
        if file.name != ".git":
            file.rename(tmp_path / file.name)
    (demo / ".git/worktrees/w/HEAD").unlink()
    await git.discard_half_made(demo, tmp_path / "w", "new")
    assert not (tmp_path / "w").exists()
    assert len(await git.worktrees(demo)) == 1


async def test_a_branch_that_was_there_before_stays(demo: Path, tmp_path: Path, sh: Git) -> None:
    """Only a branch made for that very worktree goes, and only while nothing was committed to it."""
    sh("branch", "old", cwd=demo)
    await git.discard_half_made(demo, tmp_path / "w", "old")
    await git.add_worktree(demo, tmp_path / "w", branch="used")
    sh("commit", "-q", "--allow-empty", "-m", "mine", cwd=tmp_path / "w")
    await git.discard_half_made(demo, tmp_path / "w", "used")
    assert (await git.inspect(demo)).branches == ("main", "old", "used")


@pytest.fixture
def nobody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    """No git still runs that would have to be given its time."""
    monkeypatch.setattr(half_made, "LEFTOVER_LIMIT_S", 0)


async def test_a_git_that_takes_it_away_itself_has_its_time(
    demo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A git that outlived its daemon forgets what it had half made, then deletes it: nobody has to look at that."""
    monkeypatch.setattr(half_made, "LEFTOVER_LIMIT_S", 60)
    (tmp_path / "w").mkdir()
    (tmp_path / "w/hello.py").write_text("print()")
    outlived = await asyncio.create_subprocess_shell(f"sleep 0.5; rm -r {tmp_path}/w")
    await git.discard_half_made(demo, tmp_path / "w", "new")
    assert not (tmp_path / "w").exists()
    assert await outlived.wait() == 0


@pytest.mark.usefixtures("nobody_else")
async def test_a_repository_inside_it_stays(demo: Path, tmp_path: Path, sh: Git) -> None:
    """A half-made worktree that holds a repository is left for a person to look at."""
    await git.add_worktree(demo, tmp_path / "w", branch="new")
    sh("init", "-q", str(tmp_path / "w/inner"), cwd=tmp_path)
    with pytest.raises(Conflict, match="inner/"):
        await git.discard_half_made(demo, tmp_path / "w", "new")
    assert (tmp_path / "w/inner/.git").is_dir()


async def test_a_removal_that_was_not_decided_is_undone(demo: Path, tmp_path: Path) -> None:
    """Killed before git forgot the worktree, a removal is taken back: the folder is where it was, and works."""
    await git.add_worktree(demo, tmp_path / "repo/w", branch="b")
    (tmp_path / "repo/w/new.txt").write_text("new")
    (tmp_path / "repo/w").rename(tmp_path / "repo/.w.removing-1")
    await git.settle_removals(tmp_path)
    assert (tmp_path / "repo/w/new.txt").read_text() == "new"
    assert (await git.verify_worktree(demo, tmp_path / "repo/w")).branch == "b"


async def test_a_removal_that_was_decided_is_finished(demo: Path, tmp_path: Path, sh: Git) -> None:
    """Killed after git forgot the worktree, when all of it was stored, a removal is completed."""
    await git.add_worktree(demo, tmp_path / "repo/w", branch="b")
    (tmp_path / "repo/w").rename(tmp_path / "repo/.w.removing-1")
    sh("worktree", "prune", "--expire=now", cwd=demo)
    await git.settle_removals(tmp_path)
    assert list((tmp_path / "repo").iterdir()) == []


@pytest.mark.usefixtures("nobody_else")
async def test_a_folder_that_is_no_worktree_stays(demo: Path, tmp_path: Path) -> None:
    """A folder with something in it that git does not know is not ours to delete; nothing at all is fine."""
    (tmp_path / "w").mkdir()
    (tmp_path / "w/file").write_text("whose?")
    with pytest.raises(Conflict):
        await git.discard_half_made(demo, tmp_path / "w", "new")
    assert (tmp_path / "w/file").exists()
    await git.discard_half_made(demo, tmp_path / "nothing", "new")
