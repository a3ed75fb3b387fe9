"""What differs, file by file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from agor_core import git
from agor_core.errors import BadRequest

Git = Callable[..., str]


def by_path(found: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The files of a diff by their paths."""
    return {file["path"]: file for file in found["files"]}


async def test_a_diff_has_a_patch_and_numbers_for_each_file(demo: Path, sh: Git) -> None:
    """Changed, deleted, renamed and untracked files are there, whatever they are called; ignored ones are not."""
    (demo / "hello.py").write_text('print("bye")\nprint("again")\n')
    sh("mv", "docs/a.md", "docs/b.md", cwd=demo)
    (demo / "new\tfile ü.txt").write_text("diff --git a/x b/x\n")
    (demo / "x.log").write_text("ignored")
    (demo / ".gitignore").unlink()
    (demo / "x.log").unlink()
    found = await git.diff(demo)
    files = by_path(found)
    assert found["total"] == 4
    assert {path: (file["status"], file["insertions"], file["deletions"]) for path, file in files.items()} == {
        ".gitignore": ("deleted", 0, 1),
        "docs/b.md": ("renamed", 0, 0),
        "hello.py": ("modified", 2, 1),
        "new\tfile ü.txt": ("added", 1, 0),
    }
    assert files["docs/b.md"]["old_path"] == "docs/a.md"
    assert files["hello.py"]["patch"].startswith("diff --git a/hello.py b/hello.py\n")
    assert files["hello.py"]["patch"].endswith('-print("hello")\n+print("bye")\n+print("again")\n')
    assert "+diff --git a/x b/x\n" in files["new\tfile ü.txt"]["patch"]


async def test_a_patch_can_be_applied(demo: Path, tmp_path: Path, sh: Git) -> None:
    """What a diff shows is a patch that git itself takes."""
    (demo / "docs/a.md").write_text("one\nTWO\nthree")
    (demo / "n.txt").write_text("n")
    found = await git.diff(demo)
    folder = tmp_path / "w"
    await git.add_worktree(demo, folder, branch="b")
    for file in found["files"]:
        sh("apply", cwd=folder, stdin=file["patch"].encode())
    assert (folder / "docs/a.md").read_text() == "one\nTWO\nthree"
    assert (folder / "n.txt").read_text() == "n"


async def test_staged_and_against(demo: Path, sh: Git) -> None:
    """Staged shows the index alone; against shows everything since a commit; what names nothing is a bad request."""
    start = sh("rev-parse", "HEAD", cwd=demo)
    (demo / "a.txt").write_text("committed\n")
    sh("add", "a.txt", cwd=demo)
    sh("commit", "-q", "-m", "a", cwd=demo)
    (demo / "b.txt").write_text("staged\n")
    sh("add", "b.txt", cwd=demo)
    (demo / "c.txt").write_text("untracked\n")
    assert list(by_path(await git.diff(demo, staged=True))) == ["b.txt"]
    assert list(by_path(await git.diff(demo, start))) == ["a.txt", "b.txt", "c.txt"]
    for outside in ("/etc/passwd", "../x"):
        with pytest.raises(BadRequest):
            await git.diff(demo, only=outside)
    for bad in ("v9", "-x", "--output=/tmp/x", "a..b", "0" * 40):
        with pytest.raises(BadRequest):
            await git.diff(demo, bad)


async def test_binary_and_huge_files_are_named_only(demo: Path) -> None:
    """Neither bytes nor a hundred thousand lines, nor one endless line, come out; that they changed does."""
    (demo / "image.png").write_bytes(bytes(range(256)) * 10)
    (demo / "lines.txt").write_text("line\n" * 100_000)
    (demo / "minified.js").write_text("x" * 3_000_000)
    (demo / "small.txt").write_text("small\n")
    files = by_path(await git.diff(demo))
    assert {path: file.get("omitted") for path, file in files.items()} == {
        "image.png": "binary",
        "lines.txt": "too large",
        "minified.js": "too large",
        "small.txt": None,
    }
    assert files["image.png"]["binary"]
    assert files["lines.txt"]["insertions"] == 100_000


async def test_a_diff_is_paged(demo: Path) -> None:
    """A page has its files in order of path, and the total counts them all."""
    for number in range(25):
        (demo / f"f{number:02}.txt").write_text(f"{number}\n")
    found = await git.diff(demo, skip=10, limit=3)
    assert (list(by_path(found)), found["total"]) == (["f10.txt", "f11.txt", "f12.txt"], 25)
    assert all("patch" in file for file in found["files"])
    assert (await git.diff(demo, only="f07.txt"))["total"] == 1
    assert (await git.diff(demo, only="*"))["total"] == 0


async def test_a_change_of_type_keeps_patches_apart(demo: Path) -> None:
    """A file that became a link has a patch of two parts, and its neighbours keep theirs."""
    (demo / "docs/a.md").unlink()
    (demo / "docs/a.md").symlink_to("../hello.py")
    (demo / "hello.py").write_text("neighbour\n")
    files = by_path(await git.diff(demo))
    assert files["docs/a.md"]["status"] == "typechange"
    assert files["docs/a.md"]["patch"].count("diff --git") == 2
    assert "+neighbour" in files["hello.py"]["patch"]


async def test_what_a_task_did_shows_between_two_snapshots(demo: Path, tmp_path: Path, sh: Git) -> None:
    """From the snapshot at a task's start to the one at its end: what was dirty before is not the task's doing."""
    folder = tmp_path / "w"
    await git.add_worktree(demo, folder, branch="b")
    (folder / "mine.txt").write_text("before the task\n")
    start = await git.snapshot(folder, "task start")
    (folder / "task.txt").write_text("by the task\n")
    sh("add", "-A", cwd=folder)
    sh("commit", "-q", "-m", "task", cwd=folder)
    (folder / "task.txt").write_text("by the task, uncommitted\n")
    end = await git.snapshot(folder, "task end")
    assert start is not None
    assert end is not None
    await git.remove_worktree(demo, folder, force=True)
    found = await git.diff(demo, start.snapshot_id, until=end.snapshot_id)
    assert list(by_path(found)) == ["task.txt"]
    assert "+by the task, uncommitted" in found["files"][0]["patch"]


async def test_a_users_own_diff_settings_do_not_change_ours(demo: Path, sh: Git) -> None:
    """Programs and prefixes from the configuration are not used."""
    marker = demo.parent / "ran"
    for key, value in (("diff.external", f"touch {marker}"), ("diff.noprefix", "true"), ("color.ui", "always")):
        sh("config", key, value, cwd=demo)
    (demo / "hello.py").write_text("x\n")
    found = await git.diff(demo)
    assert found["files"][0]["patch"].startswith("diff --git a/hello.py b/hello.py\n")
    assert not marker.exists()


async def test_everything_is_added_before_the_first_commit(tmp_path: Path, sh: Git) -> None:
    """In a repository without commits, all there is is new."""
    sh("init", "-q", str(tmp_path / "new"), cwd=tmp_path)
    (tmp_path / "new/a.txt").write_text("a\n")
    found = await git.diff(tmp_path / "new")
    assert [(file["path"], file["status"]) for file in found["files"]] == [("a.txt", "added")]
