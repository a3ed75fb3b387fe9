"""What a repository and a worktree are seen to be."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from agor_core import git
from agor_core.errors import BadRequest, NotFound

Git = Callable[..., str]


async def test_a_repository_is_described(demo: Path, remote: Path, sh: Git) -> None:
    """Root, branches, default branch, remote and head are as git has them, from any folder inside."""
    sh("branch", "extra", cwd=demo)
    facts = await git.inspect(demo / "docs")
    assert facts.root == demo
    assert (facts.is_bare, facts.default_branch, facts.branches) == (False, "main", ("extra", "main"))
    assert (facts.head_ref, facts.head_sha) == ("main", sh("rev-parse", "HEAD", cwd=demo))
    assert facts.remote_url == str(remote)
    assert not facts.is_empty


async def test_a_linked_worktree_leads_to_its_repository(demo: Path, tmp_path: Path) -> None:
    """Inspecting a worktree describes the repository it belongs to."""
    await git.add_worktree(demo, tmp_path / "w", branch="b")
    facts = await git.inspect(tmp_path / "w")
    assert (facts.root, facts.head_ref) == (demo, "main")
    assert await git.root_of(tmp_path / "w/docs") == tmp_path / "w"


async def test_an_empty_repository_is_described(tmp_path: Path, sh: Git) -> None:
    """A repository without a commit has a branch to be, and no sha; its state is no error."""
    sh("init", "-q", "-b", "trunk", str(tmp_path / "new"), cwd=tmp_path)
    facts = await git.inspect(tmp_path / "new")
    assert (facts.is_empty, facts.head_ref, facts.head_sha, facts.default_branch) == (True, "trunk", None, "trunk")
    state = await git.state(tmp_path / "new")
    assert (state.ref, state.sha, state.text) == ("trunk", None, None)


async def test_a_credential_in_a_remote_is_not_shown(demo: Path, sh: Git) -> None:
    """A token that somebody left in the repository's configuration does not come out."""
    sh("remote", "add", "origin", "https://me:secret@example.com/x.git", cwd=demo)
    assert (await git.inspect(demo)).remote_url == "https://example.com/x.git"


@pytest.mark.parametrize("path", ["relative/path", "/nowhere/at/all", "{plain}"])
async def test_what_is_no_repository_is_refused(tmp_path: Path, path: str) -> None:
    """A relative path is a bad request; a place without a repository is not found."""
    with pytest.raises(BadRequest if path.startswith("relative") else NotFound):
        await git.inspect(path.format(plain=tmp_path))


async def test_status_tells_the_kinds_of_difference_apart(demo: Path, sh: Git) -> None:
    """Staged, unstaged, untracked, renamed and both at once are each named; ignored files are not."""
    sh("mv", "docs/a.md", "docs/b c.md", cwd=demo)
    (demo / "hello.py").write_text("staged\n")
    sh("add", "hello.py", cwd=demo)
    (demo / "hello.py").write_text("and changed again\n")
    (demo / "new\nline.txt").write_text("odd name")
    (demo / "x.log").write_text("ignored")
    found = await git.status(demo)
    assert found.dirty
    assert {(file.path, file.staged, file.unstaged, file.kind, file.old_path) for file in found.files} == {
        ("docs/b c.md", "renamed", None, "changed", "docs/a.md"),
        ("hello.py", "modified", "modified", "changed", None),
        ("new\nline.txt", None, None, "untracked", None),
    }


async def test_status_shows_a_conflict(demo: Path, sh: Git) -> None:
    """A file that a merge could not settle is conflicted."""
    sh("checkout", "-q", "-b", "side", cwd=demo)
    (demo / "hello.py").write_text("side\n")
    sh("commit", "-q", "-a", "-m", "side", cwd=demo)
    sh("checkout", "-q", "main", cwd=demo)
    (demo / "hello.py").write_text("main\n")
    sh("commit", "-q", "-a", "-m", "main", cwd=demo)
    with pytest.raises(AssertionError):
        sh("merge", "side", cwd=demo)
    found = await git.status(demo)
    assert [(file.path, file.kind) for file in found.files] == [("hello.py", "conflicted")]
    assert (await git.worktree_report(demo)).operation == "merge"


async def test_ahead_and_behind_count_from_the_upstream(demo: Path, remote: Path, sh: Git) -> None:
    """One commit here and one there are one ahead and one behind."""
    sh("checkout", "-q", "--track", "origin/topic", cwd=demo)
    sh("reset", "-q", "--hard", "main", cwd=demo)
    sh("commit", "-q", "--allow-empty", "-m", "mine", cwd=demo)
    found = await git.status(demo)
    assert (found.branch, found.upstream, found.ahead, found.behind) == ("topic", "origin/topic", 1, 1)


async def test_state_is_a_sha_that_says_when_it_is_dirty(demo: Path, sh: Git) -> None:
    """A clean worktree is its sha; an untracked file makes it `-dirty`, an ignored one does not."""
    sha = sh("rev-parse", "HEAD", cwd=demo)
    (demo / "x.log").write_text("ignored")
    assert (await git.state(demo)).text == sha
    (demo / "new.txt").write_text("new")
    state = await git.state(demo)
    assert (state.ref, state.sha, state.dirty, state.text) == ("main", sha, True, f"{sha}-dirty")


async def test_state_of_a_detached_head(demo: Path, sh: Git) -> None:
    """Detached, the ref is HEAD."""
    sh("checkout", "-q", "--detach", cwd=demo)
    assert (await git.state(demo)).ref == "HEAD"


async def test_changes_count_commits_and_what_is_uncommitted(demo: Path, sh: Git) -> None:
    """Since a commit: the commits made, and all that differs, untracked files included; the index stays as it was."""
    start = sh("rev-parse", "HEAD", cwd=demo)
    (demo / "hello.py").write_text("one\ntwo\n")
    sh("commit", "-q", "-a", "-m", "first, with a tab\tand more", cwd=demo)
    (demo / "docs/a.md").write_text("one\n")
    (demo / "new.txt").write_text("1\n2\n3\n")
    before = sh("ls-files", "--stage", cwd=demo)
    changes = await git.changes_since(demo, start)
    assert [(commit.subject, commit.author) for commit in changes.commits] == [("first, with a tab\tand more", "Dev")]
    assert (changes.files_changed, changes.insertions, changes.deletions) == (3, 5, 3)
    assert sh("ls-files", "--stage", cwd=demo) == before
    assert (await git.status(demo)).files[-1].kind == "untracked"


async def test_a_worktree_that_lost_its_link_is_not_the_repository_around_it(demo: Path) -> None:
    """A folder inside a checkout that is itself no worktree is not found, rather than taken for the checkout."""
    with pytest.raises(NotFound):
        await git.status(demo / "docs")
    with pytest.raises(NotFound):
        await git.state(demo / "vanished")


async def test_an_outer_git_does_not_lead_us_elsewhere(
    demo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sh: Git
) -> None:
    """Variables that a git hook passes on do not aim our commands at its repository."""
    sh("init", "-q", str(tmp_path / "outer"), cwd=tmp_path)
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "outer/.git"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(tmp_path / "outer/.git/index"))
    assert (await git.state(demo)).sha is not None
