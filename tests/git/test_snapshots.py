"""Work that git has not stored is saved before it goes, and comes back as it was."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from agor_core import git
from agor_core.errors import BadRequest, Conflict, NotFound

Git = Callable[..., str]


def files_in(folder: Path) -> dict[str, bytes]:
    """Every file below `folder` but git's own, with its content; links by what they point to."""
    return {
        os.fsdecode(path.relative_to(folder).as_posix()): os.fsencode(path.readlink())
        if path.is_symlink()
        else path.read_bytes()
        for path in folder.rglob("*")
        if (path.is_symlink() or path.is_file()) and path.relative_to(folder).parts[0] != ".git"
    }


@pytest.fixture
async def busy(demo: Path, tmp_path: Path, sh: Git) -> Path:
    """A worktree with a bit of everything: staged, changed after staging, renamed, untracked, odd names and modes."""
    folder = tmp_path / "busy"
    await git.add_worktree(demo, folder, branch="busy")
    (folder / "hello.py").write_text("staged\n")
    (folder / "added.txt").write_text("added\n")
    sh("add", "hello.py", "added.txt", cwd=folder)
    (folder / "hello.py").write_text("staged, then changed\n")
    sh("mv", "docs/a.md", "docs/b.md", cwd=folder)
    (folder / "sub dir").mkdir()
    (folder / "sub dir/ünï\ncode.bin").write_bytes(bytes(range(256)))
    (folder / "*").write_text("a star")
    (folder / ":(top)x").write_text("looks like pathspec magic")
    (folder / "-n").write_text("looks like an option")
    (folder / "run.sh").write_text("#!/bin/sh\n")
    (folder / "run.sh").chmod(0o755)
    (folder / "link").symlink_to("/etc/passwd")
    return folder


async def test_a_snapshot_changes_neither_files_nor_index(busy: Path, sh: Git) -> None:
    """Taking one leaves status, index and HEAD exactly as they were, and the branch where it was."""
    before = (sh("status", "--porcelain=v2", "--branch", cwd=busy), sh("ls-files", "--stage", "--debug", cwd=busy))
    saved = await git.snapshot(busy, "end of a task")
    assert saved is not None
    assert (saved.reason, saved.branch, saved.worktree) == ("end of a task", "busy", "busy")
    after = (sh("status", "--porcelain=v2", "--branch", cwd=busy), sh("ls-files", "--stage", "--debug", cwd=busy))
    assert before == after


async def test_a_clean_worktree_needs_no_snapshot(demo: Path) -> None:
    """With nothing to save, nothing is."""
    (demo / "x.log").write_text("ignored")
    assert await git.snapshot(demo, "nothing there") is None
    assert await git.snapshots(demo) == []


async def test_a_forced_removal_can_be_undone(busy: Path, demo: Path, sh: Git) -> None:
    """Removed with force, a worktree comes back whole: every file, what was staged and what was not, on its branch."""
    files, status = files_in(busy), await git.status(busy)
    saved = await git.remove_worktree(demo, busy, force=True)
    assert saved is not None
    assert not busy.exists()
    assert await git.snapshots(demo) == [saved]
    made = await git.restore(demo, saved.snapshot_id, busy)
    assert (made.ref, made.new_branch, made.notes) == ("busy", False, ())
    assert files_in(busy) == files
    assert os.access(busy / "run.sh", os.X_OK)
    assert (await git.status(busy)).files == status.files


async def test_a_token_admits_only_what_was_seen(busy: Path, demo: Path) -> None:
    """The report's token removes; once anything changed it is a conflict with a new report."""
    token = (await git.worktree_report(busy)).token
    (busy / "*").write_text("changed after the report")
    with pytest.raises(Conflict, match="changed since") as caught:
        await git.remove_worktree(demo, busy, force=True, token=token)
    assert isinstance(caught.value.data, dict)
    assert busy.exists()
    assert await git.remove_worktree(demo, busy, force=True, token=caught.value.data["token"])


async def test_a_fork_starts_from_a_snapshot(busy: Path, demo: Path, tmp_path: Path) -> None:
    """A snapshot laid down on a new branch is the same work a second time; the first goes on untouched."""
    saved = await git.snapshot(busy, "fork point")
    assert saved is not None
    (busy / "later.txt").write_text("not in the fork")
    made = await git.restore(demo, saved.snapshot_id, tmp_path / "fork", branch="fork")
    assert (made.ref, made.new_branch, made.base_sha) == ("fork", True, saved.head_sha)
    theirs = files_in(busy)
    del theirs["later.txt"]
    assert files_in(tmp_path / "fork") == theirs


async def test_a_conflict_comes_back_as_a_conflict(demo: Path, tmp_path: Path, sh: Git) -> None:
    """All sides of an unsettled merge are saved, with the file as it was left, and are a conflict again."""
    folder = tmp_path / "w"
    await git.add_worktree(demo, folder, branch="side")
    for where, text in ((folder, "theirs\n"), (demo, "ours\n")):
        (where / "hello.py").write_text(text)
        sh("commit", "-q", "-a", "-m", text, cwd=where)
    with pytest.raises(AssertionError):
        sh("merge", "main", cwd=folder)
    text, sides = (folder / "hello.py").read_text(), sh("ls-files", "--unmerged", cwd=folder)
    with pytest.raises(Conflict):
        await git.remove_worktree(demo, folder)
    saved = await git.remove_worktree(demo, folder, force=True)
    assert saved is not None
    await git.restore(demo, saved.snapshot_id, folder)
    assert (folder / "hello.py").read_text() == text
    assert sh("ls-files", "--unmerged", cwd=folder) == sides
    assert [file.kind for file in (await git.status(folder)).files] == ["conflicted"]


async def test_a_branch_that_moved_on_is_not_moved_back(busy: Path, demo: Path, sh: Git) -> None:
    """Restoring beside a branch that has new commits makes a branch of its own, and says so."""
    saved = await git.remove_worktree(demo, busy, force=True)
    assert saved is not None
    sh(
        "update-ref",
        "refs/heads/busy",
        sh("commit-tree", "-m", "later", "-p", "busy", "busy^{tree}", cwd=demo),
        cwd=demo,
    )
    tip = sh("rev-parse", "busy", cwd=demo)
    made = await git.restore(demo, saved.snapshot_id, busy)
    assert made.ref == "busy-restored"
    assert "busy has moved on" in made.notes[0]
    assert sh("rev-parse", "busy", cwd=demo) == tip


async def test_a_deleted_branch_is_made_again(busy: Path, demo: Path, sh: Git) -> None:
    """A snapshot needs neither its branch nor its worktree."""
    (busy / "more.txt").write_text("in a commit")
    sh("add", "more.txt", cwd=busy)
    sh("commit", "-q", "-m", "only on this branch", "more.txt", cwd=busy)
    saved = await git.remove_worktree(demo, busy, force=True)
    assert saved is not None
    sh("branch", "-q", "-D", "busy", cwd=demo)
    sh("reflog", "expire", "--expire=now", "--expire-unreachable=now", "--all", cwd=demo)
    sh("gc", "-q", "--prune=now", cwd=demo)
    made = await git.restore(demo, saved.snapshot_id, busy)
    assert (made.ref, made.new_branch, made.base_sha) == ("busy", True, saved.head_sha)
    assert (busy / "more.txt").read_text() == "in a commit"
    assert (busy / "*").read_text() == "a star"


async def test_snapshots_need_no_name_to_commit_as(busy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without an identity configured, work is saved all the same."""
    for key in [key for key in os.environ if key.startswith(("GIT_AUTHOR", "GIT_COMMITTER"))]:
        monkeypatch.delenv(key)
    assert await git.snapshot(busy, "anonymous") is not None


async def test_work_in_a_repository_without_commits_is_saved(tmp_path: Path, sh: Git) -> None:
    """Before the first commit a snapshot holds everything, and comes back as a branch of its own."""
    folder = tmp_path / "new"
    sh("init", "-q", "-b", "main", str(folder), cwd=tmp_path)
    (folder / "a.txt").write_text("first")
    saved = await git.snapshot(folder, "before the first commit")
    assert saved is not None
    assert saved.head_sha is None
    await git.restore(folder, saved.snapshot_id, tmp_path / "back", branch="back")
    assert (tmp_path / "back/a.txt").read_text() == "first"


async def test_a_repository_inside_is_never_taken_for_saved(demo: Path, tmp_path: Path, sh: Git) -> None:
    """A repository inside a worktree cannot be in a snapshot: it is named, and not even force removes it."""
    folder = tmp_path / "w"
    await git.add_worktree(demo, folder, branch="b")
    sh("init", "-q", str(folder / "inner"), cwd=folder)
    (folder / "inner/precious.txt").write_text("precious")
    (folder / "new.txt").write_text("new")
    saved = await git.snapshot(folder, "task end")
    assert saved is not None
    assert saved.left_out == ("inner/",)
    with pytest.raises(Conflict, match="repositories of its own"):
        await git.remove_worktree(demo, folder, force=True)
    assert (folder / "inner/precious.txt").read_text() == "precious"


async def test_snapshots_are_listed_by_worktree_and_dropped_by_hand(busy: Path, demo: Path) -> None:
    """Newest first, under the name they were filed under, until somebody drops one."""
    first = await git.snapshot(busy, "one", name="feat/a..b")
    (busy / "*").write_text("more")
    second = await git.snapshot(busy, "two", name="feat/a..b")
    assert first is not None
    assert second is not None
    assert await git.snapshots(demo, "feat/a..b") == [second, first]
    assert await git.snapshots(demo, "feat") == []
    await git.drop_snapshot(demo, first.snapshot_id)
    assert await git.snapshots(demo) == [second]
    with pytest.raises(NotFound):
        await git.restore(demo, first.snapshot_id, busy.with_name("x"))


async def test_strange_refs_among_the_snapshots_are_passed_over(busy: Path, demo: Path, sh: Git) -> None:
    """What somebody else put beside our snapshots does not keep ours from being listed."""
    sh("update-ref", "refs/agor/snapshots/busy/strange", "HEAD", cwd=demo)
    saved = await git.snapshot(busy, "ours")
    assert await git.snapshots(demo) == [saved]


async def test_a_split_index_is_saved_too(busy: Path, demo: Path, sh: Git) -> None:
    """Where git keeps the index in two files, a snapshot still holds what was staged."""
    sh("update-index", "--split-index", cwd=busy)
    files = (await git.status(busy)).files
    saved = await git.remove_worktree(demo, busy, force=True)
    assert saved is not None
    await git.restore(demo, saved.snapshot_id, busy)
    assert (await git.status(busy)).files == files


async def test_restoring_overwrites_nothing(busy: Path, demo: Path) -> None:
    """A path that exists is a conflict, a bad branch a bad request; neither leaves anything behind."""
    saved = await git.snapshot(busy, "one")
    assert saved is not None
    with pytest.raises(Conflict):
        await git.restore(demo, saved.snapshot_id, busy, branch="other")
    with pytest.raises(BadRequest):
        await git.restore(demo, saved.snapshot_id, busy.with_name("x"), branch="-x")
    assert (await git.inspect(demo)).branches == ("busy", "main")


async def test_what_is_hard_to_keep_comes_back(demo: Path, tmp_path: Path, sh: Git) -> None:
    """Big and binary files, links, modes, renames, files only announced to git, and odd line ends: all as it was."""
    folder = tmp_path / "w"
    sh("config", "core.autocrlf", "true", cwd=demo)
    await git.add_worktree(demo, folder, branch="b")
    (folder / ".gitattributes").write_text("*.bin text eol=lf\n*.txt -text\n[a-c]*.txt text\n")
    (folder / 'odd "name" \\.md').write_bytes(b"\r\n\n")
    (folder / "big.bin").write_bytes(os.urandom(3_000_000) + b"\0\r\n\n")
    (folder / "announced.txt").write_text("intent to add\n")
    sh("add", "--intent-to-add", "announced.txt", cwd=folder)
    (folder / "crlf.txt").write_bytes(b"one\r\ntwo\n")
    (folder / "link").symlink_to("/nowhere/at all")
    (folder / "folder-link").symlink_to("docs")
    sh("mv", "hello.py", "renamed.py", cwd=folder)
    (folder / "renamed.py").chmod(0o755)
    (folder / "docs/a.md").unlink()
    (folder / "docs/a.md").mkdir()
    (folder / "docs/a.md/inside").write_text("a folder where a file was\n")
    (folder / "empty").touch()
    before = files_in(folder)
    staged = sh("diff", "--cached", "--name-status", cwd=folder)
    saved = await git.remove_worktree(demo, folder, force=True)
    assert saved is not None
    await git.restore(demo, saved.snapshot_id, folder)
    assert files_in(folder) == before
    assert os.access(folder / "renamed.py", os.X_OK)
    assert sh("diff", "--cached", "--name-status", cwd=folder) == staged


async def test_a_filter_that_cannot_give_back_loses_nothing(demo: Path, tmp_path: Path, sh: Git) -> None:
    """Where a filter stores less than there is, or its way back fails, a snapshot has the file as it was too."""
    folder = tmp_path / "w"
    await git.add_worktree(demo, folder, branch="b")
    (folder / ".gitattributes").write_text("*.key filter=strip\n")
    sh("config", "filter.strip.clean", "head -c 3", cwd=demo)
    sh("config", "filter.strip.smudge", "false", cwd=demo)
    sh("config", "filter.strip.required", "true", cwd=demo)
    (folder / "my.key").write_text("secret of mine\n")
    saved = await git.remove_worktree(demo, folder, force=True)
    assert saved is not None
    assert saved.exact_sha is not None
    sh("config", "filter.strip.smudge", "cat", cwd=demo)
    await git.restore(demo, saved.snapshot_id, folder)
    assert (folder / "my.key").read_text() == "secret of mine\n"
