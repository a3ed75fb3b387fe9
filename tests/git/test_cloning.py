"""Clones: bare, whole or not there."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from agor_core import git
from agor_core.errors import BadRequest, Conflict, GitRefused
from agor_core.git import cloning
from tests.support.smart_http import serving

Git = Callable[..., str]


@pytest.fixture
def server(remote: Path, tmp_path: Path) -> Iterator[str]:
    """`remote.git` over smart HTTP on loopback."""
    with serving(tmp_path) as url:
        yield url


async def test_a_clone_over_http_is_ready_for_worktrees(server: str, tmp_path: Path, sh: Git) -> None:
    """Its branches are there to start from, progress was told, and a worktree of the default branch follows it."""
    heard: list[git.CloneProgress] = []
    facts = await git.clone(f"{server}/remote.git", tmp_path / "repos/owner/name", heard.append)
    assert (facts.is_bare, facts.default_branch, facts.branches, facts.is_empty) == (True, "main", (), False)
    assert facts.remote_url == f"{server}/remote.git"
    assert any(progress.stage == "Receiving objects" and progress.percent == 100 for progress in heard)
    assert all(0 <= progress.percent <= 100 and progress.done <= progress.total for progress in heard)
    made = await git.add_worktree(facts.root, tmp_path / "w", branch="main")
    assert (made.tracking_branch, made.new_branch) == ("origin/main", True)
    assert (await git.status(tmp_path / "w")).upstream == "origin/main"
    assert sorted(path.name for path in (tmp_path / "repos/owner").iterdir()) == ["name"]


async def test_a_clone_fetches_later_work(remote: Path, tmp_path: Path, sh: Git) -> None:
    """A new worktree of a clone starts from what the remote has by then."""
    facts = await git.clone(str(remote), tmp_path / "clone")
    other = tmp_path / "other"
    sh("checkout", "-q", "main", cwd=other)
    sh("commit", "-q", "--allow-empty", "-m", "later", cwd=other)
    sh("push", "-q", "origin", "main", cwd=other)
    made = await git.add_worktree(facts.root, tmp_path / "w", branch="new")
    assert made.base_sha == sh("rev-parse", "main", cwd=other)


async def test_an_empty_remote_can_be_cloned(tmp_path: Path, sh: Git) -> None:
    """Nothing to clone is no error; a worktree of it is refused with what to do."""
    sh("init", "-q", "--bare", str(tmp_path / "empty.git"), cwd=tmp_path)
    facts = await git.clone(str(tmp_path / "empty.git"), tmp_path / "clone")
    assert facts.is_empty
    with pytest.raises(GitRefused, match="no commit yet"):
        await git.add_worktree(facts.root, tmp_path / "w", branch="b")


async def test_failing_authentication_says_how_to_fix_it(server: str, tmp_path: Path) -> None:
    """Nobody is asked for a password; the refusal says to sign in with one's own git; nothing is left."""
    with pytest.raises(GitRefused, match="sign in with your own git"):
        await git.clone(f"{server}/private/remote.git", tmp_path / "repos/x")
    assert not (tmp_path / "repos").exists()


async def test_the_users_credential_helper_is_asked(server: str, tmp_path: Path, sh: Git) -> None:
    """What the user's own git can read, we can; the password is stored nowhere."""
    sh("config", "--global", "credential.helper", "!f() { echo username=me; echo password=secret; }; f", cwd=tmp_path)
    facts = await git.clone(f"{server}/private/remote.git", tmp_path / "clone")
    assert not facts.is_empty
    assert "secret" not in (tmp_path / "clone/config").read_text()


async def test_a_cancelled_clone_leaves_nothing(server: str, tmp_path: Path) -> None:
    """Cancelling while the server makes us wait ends git and takes away what was begun."""
    begun = asyncio.create_task(git.clone(f"{server}/stuck.git", tmp_path / "repos/x"))
    async with asyncio.timeout(60):
        while not (tmp_path / "repos").exists() or not any((tmp_path / "repos").iterdir()):
            await asyncio.sleep(0.01)
    begun.cancel()
    with pytest.raises(asyncio.CancelledError):
        await begun
    assert not (tmp_path / "repos").exists()


async def test_a_silent_server_is_given_up(server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that sends nothing is not waited for without end."""
    with monkeypatch.context() as patch:
        patch.setattr(cloning, "ASK_LIMIT_S", 0.5)
        with pytest.raises(GitRefused, match="did not finish within"):
            await git.clone(f"{server}/stuck.git", tmp_path / "x")
    monkeypatch.setattr(cloning, "SILENCE_LIMIT_S", 1)
    with pytest.raises(GitRefused, match="said nothing"):
        await git.clone(f"{server}/stalls/remote.git", tmp_path / "x")
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize("source", ["{tmp}/nothing.git", "{server}/nothing.git", "http://127.0.0.1:1/x.git"])
async def test_a_failed_clone_leaves_nothing(server: str, tmp_path: Path, source: str) -> None:
    """What is not there, or does not answer, is refused in git's words."""
    with pytest.raises(GitRefused) as caught:
        await git.clone(source.format(tmp=tmp_path, server=server), tmp_path / "repos/x")
    assert caught.value.message
    assert not (tmp_path / "repos").exists()


async def test_a_clone_overwrites_nothing(remote: Path, tmp_path: Path) -> None:
    """A folder that is there already is a conflict; an address that runs programs a bad request."""
    (tmp_path / "there").mkdir()
    with pytest.raises(Conflict):
        await git.clone(str(remote), tmp_path / "there")
    with pytest.raises(BadRequest):
        await git.clone("ext::touch ran", tmp_path / "x")
    assert not (tmp_path / "x").exists()


async def test_no_clone_lies_inside_another(remote: Path, tmp_path: Path) -> None:
    """Where `owner` is a clone, `owner/name` cannot be one."""
    await git.clone(str(remote), tmp_path / "owner")
    with pytest.raises(Conflict, match="inside"):
        await git.clone(str(remote), tmp_path / "owner/name")
    assert not (tmp_path / "owner/name").exists()


async def test_what_a_killed_clone_left_is_swept(remote: Path, tmp_path: Path) -> None:
    """Only leftovers of clones go; finished ones stay."""
    await git.clone(str(remote), tmp_path / "repos/owner/name")
    (tmp_path / "repos/.cloning-x-1").mkdir()
    (tmp_path / "repos/owner/.cloning-y-2").mkdir()
    await git.sweep_clones(tmp_path / "repos")
    assert [path.name for path in (tmp_path / "repos").iterdir()] == ["owner"]
    assert [path.name for path in (tmp_path / "repos/owner").iterdir()] == ["name"]
