"""Repositories that are not as one expects: each works, or is refused in clear words."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from agor_core import git
from agor_core.errors import BadRequest, Conflict, GitRefused, NotFound, ServiceError
from agor_core.git.program import run_git
from tests.support.claude import processes_in

Git = Callable[..., str]


async def test_an_empty_repository_gets_no_worktree(tmp_path: Path, sh: Git) -> None:
    """Before the first commit there is nothing to begin from, and the refusal says so; nothing is made."""
    sh("init", "-q", str(tmp_path / "new"), cwd=tmp_path)
    with pytest.raises(GitRefused, match="no commit yet"):
        await git.add_worktree(tmp_path / "new", tmp_path / "w", branch="b")
    assert not (tmp_path / "w").exists()


async def test_a_shallow_clone_works(remote: Path, tmp_path: Path, sh: Git) -> None:
    """With one commit of history, worktrees, snapshots and changes work; the clone is called shallow."""
    shallow = tmp_path / "shallow"
    sh("clone", "-q", "--depth=1", f"file://{remote}", str(shallow), cwd=tmp_path)
    assert (await git.inspect(shallow)).is_shallow
    made = await git.add_worktree(shallow, tmp_path / "w", branch="topic")
    assert made.tracking_branch == "origin/topic"
    (tmp_path / "w/new.txt").write_text("new\n")
    assert (await git.changes_since(tmp_path / "w", made.base_sha)).insertions == 1
    saved = await git.remove_worktree(shallow, tmp_path / "w", force=True)
    assert saved is not None


async def test_a_partial_clone_works(remote: Path, tmp_path: Path, sh: Git) -> None:
    """A clone without its blobs can be registered, and fetches what a worktree needs."""
    sh("config", "uploadpack.allowFilter", "true", cwd=remote)
    partial = tmp_path / "partial"
    sh("clone", "-q", "--filter=blob:none", "--no-checkout", f"file://{remote}", str(partial), cwd=tmp_path)
    assert (await git.inspect(partial)).default_branch == "main"
    await git.add_worktree(partial, tmp_path / "w", branch="topic")
    assert (tmp_path / "w/topic.txt").read_text() == "topic\n"


async def test_a_detached_head_is_no_branch(demo: Path, tmp_path: Path, sh: Git) -> None:
    """From a detached HEAD a worktree begins at that commit, and default and head branch are as far as known."""
    sh("checkout", "-q", "--detach", cwd=demo)
    facts = await git.inspect(demo)
    assert (facts.head_ref, facts.default_branch) == (None, "main")
    made = await git.add_worktree(demo, tmp_path / "w", branch="b")
    assert (made.base_ref, made.base_sha) == ("HEAD", facts.head_sha)


async def test_a_submodule_is_shown_and_keeps_its_worktree(demo: Path, tmp_path: Path, sh: Git) -> None:
    """A changed submodule makes a worktree dirty; its diff is named only; a worktree with one is not removed."""
    sh("init", "-q", str(tmp_path / "lib"), cwd=tmp_path)
    sh("commit", "-q", "--allow-empty", "-m", "lib", cwd=tmp_path / "lib")
    sh("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(tmp_path / "lib"), "lib", cwd=demo)
    sh("commit", "-q", "-m", "with lib", cwd=demo)
    folder = tmp_path / "w"
    await git.add_worktree(demo, folder, branch="b")
    sh("-c", "protocol.file.allow=always", "submodule", "--quiet", "update", "--init", cwd=folder)
    sh("commit", "-q", "--allow-empty", "-m", "in the submodule", cwd=folder / "lib")
    assert (await git.state(folder)).dirty
    (shown,) = (await git.diff(folder))["files"]
    assert (shown["path"], shown["omitted"]) == ("lib", "submodule")
    with pytest.raises(Conflict, match="submodules"):
        await git.remove_worktree(demo, folder, force=True)
    assert (folder / "lib/.git").exists()


async def test_lfs_pointers_stay_pointers_without_lfs(demo: Path, tmp_path: Path, sh: Git) -> None:
    """Where git-lfs is not set up, a pointer is a small text file like any other."""
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:" + "0" * 64 + "\nsize 9\n"
    (demo / ".gitattributes").write_text("*.bin filter=lfs diff=lfs merge=lfs -text\n")
    (demo / "big.bin").write_text(pointer)
    sh("add", "-A", cwd=demo)
    sh("commit", "-q", "-m", "lfs", cwd=demo)
    await git.add_worktree(demo, tmp_path / "w", branch="b")
    assert (tmp_path / "w/big.bin").read_text() == pointer
    assert (await git.worktree_report(tmp_path / "w")).is_clean


async def test_a_missing_lfs_program_is_named(demo: Path, tmp_path: Path, sh: Git) -> None:
    """Where it is set up but not installed, the refusal says what to install, and nothing is left."""
    (demo / "big.bin").write_text("pointer")
    (demo / ".gitattributes").write_text("*.bin filter=lfs\n")
    sh("add", "-A", cwd=demo)
    sh("commit", "-q", "-m", "lfs", cwd=demo)
    sh("config", "filter.lfs.smudge", "git-lfs-not-installed smudge -- %f", cwd=demo)
    sh("config", "filter.lfs.required", "true", cwd=demo)
    with pytest.raises(GitRefused, match="install git-lfs"):
        await git.add_worktree(demo, tmp_path / "w", branch="b")
    assert not (tmp_path / "w").exists()


async def test_a_vanished_repository_is_not_found(demo: Path, tmp_path: Path) -> None:
    """Every question about a repository that is gone from the disk is answered at once: not found."""
    await git.add_worktree(demo, tmp_path / "w", branch="b")
    demo.rename(tmp_path / "elsewhere")
    questions = (
        git.inspect(demo),
        git.worktrees(demo),
        git.add_worktree(demo, tmp_path / "x", branch="c"),
        git.state(tmp_path / "w"),
        git.snapshot(tmp_path / "w", "x"),
    )
    for question in questions:
        with pytest.raises(NotFound):
            await question


async def test_a_sparse_checkout_keeps_what_is_left_out(demo: Path, tmp_path: Path, sh: Git) -> None:
    """Files outside a sparse checkout are not taken for deleted, and those that are there are saved."""
    folder = tmp_path / "w"
    await git.add_worktree(demo, folder, branch="b")
    sh("sparse-checkout", "set", "--no-cone", "/hello.py", cwd=folder)
    assert not (folder / "docs").exists()
    assert (await git.worktree_report(folder)).is_clean
    (folder / "docs").mkdir()
    (folder / "docs/a.md").write_text("there after all\n")
    (folder / "docs/new.md").write_text("outside the cone\n")
    saved = await git.remove_worktree(demo, folder, force=True)
    assert saved is not None
    assert sh("show", f"{saved.sha}:docs/a.md", cwd=demo) == "there after all"
    assert sh("show", f"{saved.sha}:docs/new.md", cwd=demo) == "outside the cone"


@pytest.mark.parametrize("mark", ["--assume-unchanged", "--skip-worktree"])
async def test_what_git_was_told_to_overlook_is_not_lost(demo: Path, tmp_path: Path, sh: Git, mark: str) -> None:
    """A file marked as unchanged, but changed, makes a worktree not clean, is named, and is in the snapshot."""
    folder = tmp_path / "w"
    await git.add_worktree(demo, folder, branch="b")
    sh("update-index", mark, "hello.py", cwd=folder)
    (folder / "hello.py").write_text("quietly changed\n")
    report = await git.worktree_report(folder)
    assert (report.is_clean, report.changed) == (False, ("hello.py",))
    saved = await git.remove_worktree(demo, folder, force=True)
    assert saved is not None
    assert sh("show", f"{saved.sha}:hello.py", cwd=demo) == "quietly changed"


async def test_a_quiet_change_of_the_same_size_and_second_is_not_lost(demo: Path, tmp_path: Path, sh: Git) -> None:
    """What git overlooked long enough to store a file's times with its old content is read all the same."""
    folder = tmp_path / "w"
    await git.add_worktree(demo, folder, branch="b")
    file = folder / "hello.py"
    sh("update-index", "--assume-unchanged", "hello.py", cwd=folder)
    seconds = int(file.stat().st_mtime)
    file.write_text('print("hullo")\n')
    os.utime(file, (seconds, seconds))
    sh("commit", "-q", "--allow-empty", "-m", "index written anew", cwd=folder)
    saved = await git.remove_worktree(demo, folder, force=True)
    assert saved is not None
    assert sh("show", f"{saved.sha}:hello.py", cwd=demo) == 'print("hullo")'


async def test_a_worktree_somebody_else_moved_is_followed(demo: Path, tmp_path: Path, sh: Git) -> None:
    """`git worktree move` by hand shows in the list; the old path is not found."""
    await git.add_worktree(demo, tmp_path / "w", branch="b")
    sh("worktree", "move", str(tmp_path / "w"), str(tmp_path / "moved"), cwd=demo)
    assert [(entry.path.name, entry.branch) for entry in await git.worktrees(demo)][1:] == [("moved", "b")]
    assert (await git.verify_worktree(demo, tmp_path / "moved")).branch == "b"
    with pytest.raises(NotFound):
        await git.verify_worktree(demo, tmp_path / "w")


async def test_two_folders_that_changed_places_are_told_apart(demo: Path, tmp_path: Path) -> None:
    """A folder that is on the list by its path, but is another worktree, is neither run in nor removed."""
    for name in ("one", "two"):
        await git.add_worktree(demo, tmp_path / name, branch=name)
    (tmp_path / "one").rename(tmp_path / "three")
    (tmp_path / "two").rename(tmp_path / "one")
    (tmp_path / "three").rename(tmp_path / "two")
    for attempt in (git.verify_worktree, git.remove_worktree):
        with pytest.raises(Conflict, match="moved there"):
            await attempt(demo, tmp_path / "one")
    assert (tmp_path / "one/hello.py").exists()


async def test_a_link_is_not_a_worktree(demo: Path, tmp_path: Path) -> None:
    """Removing through a symbolic link removes neither the link's target's neighbours nor leaves the list wrong."""
    await git.add_worktree(demo, tmp_path / "w", branch="b")
    (tmp_path / "w").rename(tmp_path / "real")
    (tmp_path / "w").symlink_to(tmp_path / "real")
    with pytest.raises(ServiceError):
        await git.remove_worktree(demo, tmp_path / "w")
    assert (tmp_path / "real/hello.py").exists()


async def test_staged_work_of_a_vanished_worktree_is_saved(demo: Path, tmp_path: Path, sh: Git) -> None:
    """When only git's own record of a worktree is left, what was staged there is saved before that goes too."""
    folder = tmp_path / "w"
    await git.add_worktree(demo, folder, branch="b")
    (folder / "staged.txt").write_text("staged\n")
    sh("add", "-A", cwd=folder)
    folder.rename(tmp_path / "gone")
    saved = await git.remove_worktree(demo, folder)
    assert saved is not None
    assert (saved.path, saved.branch, saved.worktree) == (str(folder), "b", "w")
    await git.restore(demo, saved.snapshot_id, folder)
    assert [(file.path, file.staged) for file in (await git.status(folder)).files] == [("staged.txt", "added")]


async def test_read_only_folders_are_deleted_too(demo: Path, tmp_path: Path) -> None:
    """Ignored caches that made themselves read-only do not keep a removed worktree half there."""
    folder = tmp_path / "w"
    await git.add_worktree(demo, folder, branch="b")
    (folder / "cache.log").mkdir()
    (folder / "cache.log/file").write_text("ignored")
    (folder / "cache.log").chmod(0o500)
    await git.remove_worktree(demo, folder)
    assert not list(tmp_path.glob("*w*"))


async def test_a_change_during_removal_stops_it(
    demo: Path, tmp_path: Path, sh: Git, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is written while we look is noticed before anything is deleted, and the folder is put back."""
    folder = tmp_path / "w"
    await git.add_worktree(demo, folder, branch="b")
    rename = Path.rename

    def write_then_rename(path: Path, target: Path) -> Path:
        if path == folder:
            (path / "late.txt").write_text("just in time")
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", write_then_rename)
    with pytest.raises(Conflict, match="changed while"):
        await git.remove_worktree(demo, folder)
    monkeypatch.undo()
    assert (folder / "late.txt").read_text() == "just in time"
    assert (await git.verify_worktree(demo, folder)).branch == "b"


async def test_a_branch_goes_only_when_merged_or_pushed(demo: Path, remote: Path, tmp_path: Path, sh: Git) -> None:
    """Deleting a branch is refused while it is checked out or has commits of its own."""
    folder = tmp_path / "w"
    await git.add_worktree(demo, folder, branch="b")
    sh("commit", "-q", "--allow-empty", "-m", "mine", cwd=folder)
    with pytest.raises(Conflict, match="checked out"):
        await git.delete_branch(demo, "b")
    await git.remove_worktree(demo, folder)
    with pytest.raises(Conflict, match="neither merged nor pushed"):
        await git.delete_branch(demo, "b")
    sh("push", "-q", "origin", "b", cwd=demo)
    await git.delete_branch(demo, "b")
    assert (await git.inspect(demo)).branches == ("main",)
    with pytest.raises(NotFound):
        await git.delete_branch(demo, "b")


async def test_programs_named_by_the_repository_do_not_run(demo: Path, sh: Git) -> None:
    """A monitor, an external diff or a pager in the repository's configuration is not started by looking at it."""
    marker = demo.parent / "ran"
    for key in ("core.fsmonitor", "diff.external", "core.pager", "core.editor"):
        sh("config", key, f"touch {marker}; true", cwd=demo)
    (demo / "hello.py").write_text("changed\n")
    await git.status(demo)
    await git.diff(demo)
    await git.snapshot(demo, "x")
    assert not marker.exists()


async def test_a_remote_that_runs_a_program_is_not_asked(demo: Path, tmp_path: Path, sh: Git) -> None:
    """An `ext::` remote in the repository's own configuration is not run; the worktree starts from what is here."""
    marker = tmp_path / "ran"
    sh("remote", "add", "origin", f"ext::touch {marker}", cwd=demo)
    sh("config", "protocol.ext.allow", "always", cwd=demo)
    made = await git.add_worktree(demo, tmp_path / "w", branch="b")
    assert "could not fetch" in made.notes[0]
    assert not marker.exists()


async def test_a_stuck_git_is_ended(demo: Path, sh: Git) -> None:
    """A git that does not finish in time is ended with its children, and the refusal says so."""
    sh("config", "alias.stuck", "!exec sleep 600", cwd=demo)
    with pytest.raises(GitRefused, match="did not finish"):
        await run_git("stuck", cwd=demo, timeout_s=3)
    async with asyncio.timeout(60):
        while processes_in(demo):  # they were told to end, and take their moment
            await asyncio.sleep(0.01)


async def test_odd_arguments_are_bad_requests(demo: Path, tmp_path: Path) -> None:
    """Options in disguise, relative paths and NULs never reach git."""
    for branch in ("-b", "--detach", "a..b", "@{-1}", "a\0b"):
        with pytest.raises(BadRequest):
            await git.add_worktree(demo, tmp_path / "w", branch=branch)
    for start in ("-x", "--orphan", "main:hello.py", "a b", "main..x", "", "v\0"):
        with pytest.raises(BadRequest):
            await git.add_worktree(demo, tmp_path / "w", branch="b", start=start)
    with pytest.raises(BadRequest):
        await git.add_worktree(demo, "relative", branch="b")
    for path in ("relative", "/a\0b"):
        with pytest.raises(BadRequest):
            await git.inspect(path)
    assert sorted(os.listdir(tmp_path)) == ["demo", "home"]


async def test_names_that_are_no_utf8_are_shown_and_kept(demo: Path, tmp_path: Path, sh: Git) -> None:
    """A file whose name is just bytes is in the status as text, and comes back byte for byte."""
    folder = tmp_path / "w"
    await git.add_worktree(demo, folder, branch="b")
    name = os.fsdecode(b"caf\xe9.txt")
    (folder / name).write_text("latin")
    assert [file.path for file in (await git.status(folder)).files] == ["caf\ufffd.txt"]
    assert (await git.diff(folder))["files"][0]["patch"].endswith("+latin\n\\ No newline at end of file\n")
    saved = await git.remove_worktree(demo, folder, force=True)
    assert saved is not None
    await git.restore(demo, saved.snapshot_id, folder)
    assert (folder / name).read_text() == "latin"
