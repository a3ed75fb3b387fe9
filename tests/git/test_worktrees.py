"""Adding, listing, reporting on and removing worktrees."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from agor_core import git
from agor_core.errors import BadRequest, Conflict, GitRefused, NotFound

Git = Callable[..., str]


async def test_a_new_branch_begins_at_head_where_there_is_no_remote(demo: Path, tmp_path: Path, sh: Git) -> None:
    """Without a remote a worktree's new branch starts at HEAD, and the worktree is whole."""
    made = await git.add_worktree(demo, tmp_path / "w", branch="feat/one")
    assert (made.ref, made.base_ref, made.new_branch, made.tracking_branch) == ("feat/one", "main", True, None)
    assert made.base_sha == sh("rev-parse", "main", cwd=demo)
    assert (tmp_path / "w/hello.py").read_text() == 'print("hello")\n'
    assert [(entry.path, entry.branch) for entry in await git.worktrees(demo)] == [
        (demo, "main"),
        (tmp_path / "w", "feat/one"),
    ]


async def test_a_new_branch_begins_at_the_remotes_default_branch_fetched_first(
    demo: Path, remote: Path, tmp_path: Path, sh: Git
) -> None:
    """What others pushed since is in a new worktree, while local branches stay where they are."""
    other = tmp_path / "other"
    sh("checkout", "-q", "main", cwd=other)
    (other / "new.txt").write_text("pushed by another\n")
    sh("add", "-A", cwd=other)
    sh("commit", "-q", "-m", "newer", cwd=other)
    sh("push", "-q", "origin", "main", cwd=other)
    before = sh("rev-parse", "main", cwd=demo)
    made = await git.add_worktree(demo, tmp_path / "w", branch="fresh")
    assert made.base_ref == "origin/main"
    assert made.notes == ()
    assert (tmp_path / "w/new.txt").exists()
    assert sh("rev-parse", "main", cwd=demo) == before


async def test_a_failed_fetch_is_a_note(demo: Path, remote: Path, tmp_path: Path) -> None:
    """When the remote is gone, the worktree starts from what was fetched before, and says so."""
    remote.rename(tmp_path / "elsewhere.git")
    made = await git.add_worktree(demo, tmp_path / "w", branch="offline")
    assert made.base_ref == "origin/main"
    assert "could not fetch from origin" in made.notes[0]


async def test_a_remote_branch_is_checked_out_with_tracking(demo: Path, remote: Path, tmp_path: Path, sh: Git) -> None:
    """A branch only the remote has becomes a local one that follows it, also when it was never fetched."""
    sh("update-ref", "-d", "refs/remotes/origin/topic", cwd=demo)
    made = await git.add_worktree(demo, tmp_path / "w", branch="topic")
    assert (made.new_branch, made.tracking_branch, made.base_ref) == (True, "origin/topic", "origin/topic")
    found = await git.status(tmp_path / "w")
    assert (found.upstream, found.ahead, found.behind) == ("origin/topic", 0, 0)


async def test_an_existing_branch_is_checked_out_as_it_is(demo: Path, tmp_path: Path, sh: Git) -> None:
    """An existing branch is not moved; giving a start for it is a bad request."""
    sh("branch", "old", cwd=demo)
    with pytest.raises(BadRequest, match="exists"):
        await git.add_worktree(demo, tmp_path / "w", branch="old", start="main")
    made = await git.add_worktree(demo, tmp_path / "w", branch="old")
    assert (made.new_branch, made.base_ref) == (False, "old")


async def test_a_start_may_be_any_commit(demo: Path, tmp_path: Path, sh: Git) -> None:
    """A tag, a sha or an expression can be where a branch begins; what names no commit is a bad request."""
    sh("tag", "v1", cwd=demo)
    made = await git.add_worktree(demo, tmp_path / "w", branch="from-tag", start="v1")
    assert (made.base_ref, made.base_sha) == ("v1", sh("rev-parse", "v1", cwd=demo))
    with pytest.raises(BadRequest, match="no commit"):
        await git.add_worktree(demo, tmp_path / "x", branch="other", start="v9")
    assert "other" not in (await git.inspect(demo)).branches


async def test_a_branch_checked_out_elsewhere_is_a_conflict(demo: Path, tmp_path: Path) -> None:
    """No branch is in two worktrees, and the refusal says where it is."""
    with pytest.raises(Conflict, match="checked out at") as caught:
        await git.add_worktree(demo, tmp_path / "w", branch="main")
    assert caught.value.data == {"branch": "main", "path": str(demo)}
    assert not (tmp_path / "w").exists()


async def test_an_existing_folder_is_a_conflict(demo: Path, tmp_path: Path) -> None:
    """Nothing that is there already becomes a worktree."""
    (tmp_path / "w").mkdir()
    with pytest.raises(Conflict, match="exists already"):
        await git.add_worktree(demo, tmp_path / "w", branch="new")


async def test_no_worktree_lies_inside_another(demo: Path, tmp_path: Path) -> None:
    """A worktree in a worktree would be taken for its content."""
    await git.add_worktree(demo, tmp_path / "a/b", branch="b")
    with pytest.raises(Conflict, match="inside"):
        await git.add_worktree(demo, tmp_path / "a/b/c", branch="c")
    assert (await git.worktree_report(tmp_path / "a/b")).is_clean


async def test_a_failed_checkout_leaves_neither_folder_nor_branch(demo: Path, tmp_path: Path, sh: Git) -> None:
    """When git fails half-way (here: a required filter fails), folder, branch and list are as before."""
    (demo / ".gitattributes").write_text("*.py filter=broken\n")
    sh("add", ".gitattributes", cwd=demo)
    sh("commit", "-q", "-m", "attributes", cwd=demo)
    sh("config", "filter.broken.smudge", "false", cwd=demo)
    sh("config", "filter.broken.required", "true", cwd=demo)
    with pytest.raises(GitRefused):
        await git.add_worktree(demo, tmp_path / "w", branch="new")
    assert not (tmp_path / "w").exists()
    assert (await git.inspect(demo)).branches == ("main",)
    assert len(await git.worktrees(demo)) == 1


async def test_a_cancelled_creation_leaves_nothing(demo: Path, tmp_path: Path, sh: Git) -> None:
    """Cancelling while git still works takes folder and branch away again, and ends git."""
    hook = demo / ".git/hooks/post-checkout"
    started = tmp_path / "started"
    hook.write_text(f"#!/bin/sh\ntouch {started}\nexec sleep 60\n")
    hook.chmod(0o755)
    making = asyncio.create_task(git.add_worktree(demo, tmp_path / "w", branch="new"))
    async with asyncio.timeout(60):
        while not started.exists():
            await asyncio.sleep(0.02)
    making.cancel()
    with pytest.raises(asyncio.CancelledError):
        await making
    assert not (tmp_path / "w").exists()
    assert (await git.inspect(demo)).branches == ("main",)


async def test_a_failing_hook_is_a_note(demo: Path, tmp_path: Path) -> None:
    """The user's post-checkout hook runs; if it fails, the worktree is there, and a note says what it said."""
    hook = demo / ".git/hooks/post-checkout"
    hook.write_text("#!/bin/sh\necho no such luck >&2\nexit 1\n")
    hook.chmod(0o755)
    made = await git.add_worktree(demo, tmp_path / "w", branch="new")
    assert "no such luck" in made.notes[0]
    assert (await git.worktree_report(tmp_path / "w")).is_clean


async def test_many_at_once_all_succeed(demo: Path, tmp_path: Path) -> None:
    """Worktrees of one repository can be asked for at the same time."""
    made = await asyncio.gather(*(git.add_worktree(demo, tmp_path / f"w{n}", branch=f"b{n}") for n in range(6)))
    assert {facts.ref for facts in made} == {f"b{n}" for n in range(6)}
    assert len(await git.worktrees(demo)) == 7


async def test_a_clean_worktree_is_removed_and_its_branch_stays(demo: Path, tmp_path: Path, sh: Git) -> None:
    """Removal takes the folder and git's entry, never the branch or its commits; ignored files go with the folder."""
    folder = tmp_path / "w"
    await git.add_worktree(demo, folder, branch="done")
    (folder / "b.txt").write_text("b")
    (folder / "noise.log").write_text("ignored")
    sh("add", "-A", cwd=folder)
    sh("commit", "-q", "-m", "work", cwd=folder)
    sha = sh("rev-parse", "HEAD", cwd=folder)
    report = await git.worktree_report(folder)
    assert (report.is_clean, report.unpushed, report.branch) == (True, 1, "done")
    await git.remove_worktree(demo, folder)
    assert not folder.exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["demo", "home"]
    assert sh("rev-parse", "done", cwd=demo) == sha
    assert len(await git.worktrees(demo)) == 1


@pytest.mark.parametrize("how", ["edited", "staged", "untracked", "deleted"])
async def test_a_dirty_worktree_is_refused(demo: Path, tmp_path: Path, sh: Git, how: str) -> None:
    """Anything git has not stored makes removal a conflict that carries the report, and nothing is touched."""
    folder = tmp_path / "w"
    await git.add_worktree(demo, folder, branch="busy")
    changes: dict[str, Callable[[], object]] = {
        "edited": lambda: (folder / "hello.py").write_text("other"),
        "staged": lambda: ((folder / "hello.py").write_text("x"), sh("add", "-A", cwd=folder)),
        "untracked": lambda: (folder / "new.txt").write_text("new"),
        "deleted": lambda: (folder / "hello.py").unlink(),
    }
    changes[how]()
    with pytest.raises(Conflict) as caught:
        await git.remove_worktree(demo, folder)
    assert isinstance(caught.value.data, dict)
    report = caught.value.data["report"]
    assert report["changed"] + report["untracked"] == (["new.txt"] if how == "untracked" else ["hello.py"])
    assert caught.value.data["token"] == (await git.worktree_report(folder)).token
    assert folder.exists()


async def test_the_token_of_a_report_is_its_content(demo: Path, tmp_path: Path) -> None:
    """Looking twice gives the same token; changing a file that was changed before gives another."""
    folder = tmp_path / "w"
    await git.add_worktree(demo, folder, branch="busy")
    (folder / "new.txt").write_text("one")
    first, same = await git.worktree_report(folder), await git.worktree_report(folder)
    (folder / "new.txt").write_text("two")
    assert first.token == same.token != (await git.worktree_report(folder)).token


async def test_commits_on_a_detached_head_count_as_work(demo: Path, tmp_path: Path, sh: Git) -> None:
    """Commits that only a detached HEAD leads to make a worktree not clean."""
    folder = tmp_path / "w"
    await git.add_worktree(demo, folder, branch="b")
    sh("checkout", "-q", "--detach", cwd=folder)
    sh("commit", "-q", "--allow-empty", "-m", "loose", cwd=folder)
    report = await git.worktree_report(folder)
    assert (report.detached_commits, report.is_clean) == (1, False)


async def test_commits_left_behind_survive_a_removal(demo: Path, tmp_path: Path, sh: Git) -> None:
    """Commits that only the worktree's own history leads to are held by a snapshot when it goes."""
    folder = tmp_path / "w"
    await git.add_worktree(demo, folder, branch="b")
    sh("commit", "-q", "--allow-empty", "-m", "first try", cwd=folder)
    left_behind = sh("rev-parse", "HEAD", cwd=folder)
    sh("reset", "-q", "--hard", "main", cwd=folder)
    saved = await git.remove_worktree(demo, folder)
    assert saved is not None
    sh("reflog", "expire", "--expire=now", "--expire-unreachable=now", "--all", cwd=demo)
    sh("gc", "-q", "--prune=now", cwd=demo)
    assert sh("cat-file", "-t", left_behind, cwd=demo) == "commit"


async def test_the_main_worktree_is_never_removed(demo: Path) -> None:
    """The user's own checkout is not a worktree we remove."""
    with pytest.raises(Conflict, match="own folder"):
        await git.remove_worktree(demo, demo)
    assert (demo / "hello.py").exists()


async def test_a_locked_worktree_is_not_removed(demo: Path, tmp_path: Path) -> None:
    """Locking keeps a worktree, with the reason in the refusal; unlocking gives it free."""
    folder = tmp_path / "w"
    await git.add_worktree(demo, folder, branch="b")
    await git.lock_worktree(demo, folder, "a session runs here")
    await git.lock_worktree(demo, folder, "twice is fine")
    with pytest.raises(Conflict, match="a session runs here"):
        await git.remove_worktree(demo, folder)
    await git.unlock_worktree(demo, folder)
    await git.remove_worktree(demo, folder)
    assert not folder.exists()


async def test_a_strange_folder_is_never_removed(demo: Path, tmp_path: Path) -> None:
    """A folder that is on no list of the repository is not found, and stays."""
    (tmp_path / "mine").mkdir()
    with pytest.raises(NotFound):
        await git.remove_worktree(demo, tmp_path / "mine")
    assert (tmp_path / "mine").is_dir()


async def test_a_vanished_worktree_is_seen_and_forgotten(demo: Path, tmp_path: Path) -> None:
    """A worktree whose folder somebody deleted is listed as missing; removing it only tidies git's list."""
    for name in ("gone", "also-gone"):
        await git.add_worktree(demo, tmp_path / name, branch=name)
        (tmp_path / name).rename(tmp_path / f"{name}-aside")
    assert [entry.is_missing for entry in await git.worktrees(demo)] == [False, True, True]
    await git.remove_worktree(demo, tmp_path / "gone")
    assert [entry.path.name for entry in await git.worktrees(demo)] == ["demo", "also-gone"]


async def test_a_folder_that_lost_its_link_is_forgotten_and_stays(demo: Path, tmp_path: Path, sh: Git) -> None:
    """Without its `.git` a folder is no worktree any more: git forgets it, what was staged is saved, no file goes."""
    folder = tmp_path / "w"
    await git.add_worktree(demo, folder, branch="b")
    (folder / "staged.txt").write_text("staged\n")
    sh("add", "staged.txt", cwd=folder)
    (folder / ".git").unlink()
    (folder / "loose.txt").write_text("loose\n")
    saved = await git.remove_worktree(demo, folder)
    assert saved is not None
    assert sh("show", f"{saved.sha}:staged.txt", cwd=demo) == "staged"
    assert sorted(path.name for path in folder.iterdir()) == [
        ".gitignore",
        "docs",
        "hello.py",
        "loose.txt",
        "staged.txt",
    ]
    assert [entry.path for entry in await git.worktrees(demo)] == [demo]


async def test_a_branch_that_cannot_lie_beside_another_is_a_conflict(demo: Path, tmp_path: Path) -> None:
    """Where `feat` is a branch, `feat/x` cannot be one, and the refusal says so."""
    await git.add_worktree(demo, tmp_path / "w", branch="feat")
    with pytest.raises(Conflict, match="choose another name"):
        await git.add_worktree(demo, tmp_path / "x", branch="feat/x")
    assert not (tmp_path / "x").exists()


async def test_a_branch_goes_with_its_worktree_only_if_nothing_is_lost(demo: Path, tmp_path: Path, sh: Git) -> None:
    """Neither a detached worktree's, nor one checked out twice, nor one with commits of its own goes by itself."""
    folder, twin = tmp_path / "w", tmp_path / "twin"
    await git.add_worktree(demo, folder, branch="b")
    sh("worktree", "add", "-q", "--force", str(twin), "b", cwd=demo)
    with pytest.raises(Conflict, match="checked out elsewhere"):
        await git.remove_worktree(demo, folder, with_branch=True)
    sh("worktree", "remove", str(twin), cwd=demo)
    sh("checkout", "-q", "--detach", cwd=folder)
    with pytest.raises(Conflict, match="no branch"):
        await git.remove_worktree(demo, folder, with_branch=True)
    sh("checkout", "-q", "b", cwd=folder)
    sh("commit", "-q", "--allow-empty", "-m", "mine", cwd=folder)
    with pytest.raises(Conflict, match="neither merged nor pushed"):
        await git.remove_worktree(demo, folder, with_branch=True)
    sha = sh("rev-parse", "b", cwd=demo)
    saved = await git.remove_worktree(demo, folder, force=True, with_branch=True)
    assert saved is not None
    assert sh("merge-base", sha, saved.sha, cwd=demo) == sha
    assert (await git.inspect(demo)).branches == ("main",)
