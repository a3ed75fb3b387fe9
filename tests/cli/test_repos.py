"""Repos, worktrees and boards from the command line."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cli.conftest import Agor
from tests.support.repository import git, make_repository
from tests.support.smart_http import serving


def test_a_repo_is_named_by_folder_slug_and_id(agor: Agor, repository: Path) -> None:
    """Adding takes a folder anywhere in it; showing takes all three names; a second time is refused."""
    inner = repository / "src"
    inner.mkdir()
    assert f"Added demo ({repository})" in agor("repo", "add", ".", cwd=inner).out
    repo = agor("repo", "show", ".", "--json").json
    for name in ("demo", repo["repo_id"], repo["short_id"], str(repository), "."):
        assert agor("repo", "show", name, "--json").json["repo_id"] == repo["repo_id"]
    assert "demo" in agor("repo", "list").out
    assert "registered already" in agor("repo", "add", ".", code=1).err
    assert "no repo 'nope'" in agor("repo", "show", "nope", code=1).err
    assert "Forgot demo" in agor("repo", "rm", "demo", "--yes").out
    assert (repository / "hello.py").exists()


def test_what_is_no_repository_is_told(agor: Agor, tmp_path: Path) -> None:
    """A folder without git, and no folder at all."""
    assert "git init" in agor("repo", "add", str(tmp_path), code=1).err
    assert "there is no folder" in agor("repo", "add", str(tmp_path / "nowhere"), code=1).err


def test_a_url_is_cloned(agor: Agor, repository: Path, environment: dict[str, str], tmp_path: Path) -> None:
    """Cloning waits until the repo is there; one that cannot be cloned says why."""
    bare = tmp_path / "origin.git"
    git("clone", "-q", "--bare", str(repository), str(bare), cwd=tmp_path, environment=environment)
    assert "Added shop" in agor("repo", "add", bare.as_uri(), "--slug", "shop").out
    assert agor("repo", "show", "shop", "--json").json["managed_by_agor"] is True
    assert "branch feature" in agor("worktree", "add", "shop", "feature").out
    failed = agor("repo", "add", (tmp_path / "nowhere.git").as_uri(), code=1)
    assert failed.err.count("\n") == 1


def test_a_clone_is_shown_and_can_be_cancelled(
    agor: Agor, repository: Path, environment: dict[str, str], tmp_path: Path
) -> None:
    """At a terminal a clone shows how far it is; Ctrl-C ends it, and nothing of it is left."""
    git("clone", "-q", "--bare", str(repository), str(tmp_path / "origin.git"), cwd=tmp_path, environment=environment)
    with serving(tmp_path) as url:
        with agor.at_terminal("repo", "add", f"{url}/origin.git") as terminal:
            terminal.wait_for("Added origin")
            assert terminal.end() == 0
        with agor.at_terminal("repo", "add", f"{url}/stalls/origin.git", "--slug", "shop", kind="xterm") as terminal:
            terminal.wait_for("Ctrl-C", "Asking the server")
            while not list(Path(environment["AGOR_HOME"], "repos").glob(".cloning-shop*")):
                assert agor("repo", "show", "shop", "--json").json["status"] == "cloning"
            terminal.interrupt()
            assert terminal.end() == 130
            assert "nothing of shop is left" in terminal.text
        assert [one["slug"] for one in agor("repo", "list", "--json").json["data"]] == ["origin"]
        assert [path.name for path in Path(environment["AGOR_HOME"], "repos").iterdir()] == ["origin"]
        assert "credential helper" in agor("repo", "add", f"{url}/private/origin.git", code=1).err


def test_worktrees_come_and_go(agor: Agor, repository: Path) -> None:
    """Made in both spellings, listed, looked into, removed when clean; the branch stays."""
    agor("repo", "add", ".")
    assert "on branch feat/login" in agor("repo", "worktree", "add", "demo", "feat/login").out
    assert "on branch fix" in agor("worktree", "add", ".", "wt", "--branch", "fix").out
    assert "demo:feat/login" in agor("worktree", "list").out
    for name in ("feat/login", "demo:feat/login"):
        assert agor("worktree", "show", name, "--json").json["ref"] == "feat/login"
    assert "Nothing to commit" in agor("worktree", "status", "wt").out
    assert "No differences" in agor("worktree", "diff", "wt").out
    assert "Removed wt" in agor("worktree", "rm", "wt").out
    assert "fix" in git("branch", cwd=repository)
    assert [one["name"] for one in agor("worktree", "list", "--json").json["data"]] == ["feat/login"]
    assert "no worktree 'nope'" in agor("worktree", "rm", "nope", code=1).err
    assert agor("worktree", "add", "demo", "a--b", code=1).err.count("\n") == 1


def test_worktrees_are_listed_by_name(
    agor: Agor, repository: Path, environment: dict[str, str], tmp_path: Path
) -> None:
    """As people count, of each repo by itself, also on a page that has not room for all of them."""
    names = ["w0", "w1", "w2", "w10", "x"]
    for name in reversed(names):
        git("worktree", "add", "-q", str(tmp_path / "made" / name), cwd=repository, environment=environment)
    agor("repo", "add", ".")
    assert [one["name"] for one in agor("repo", "show", ".", "--json").json["worktrees"]] == names
    other = make_repository(tmp_path / "another", environment)
    git("worktree", "add", "-q", str(tmp_path / "made" / "w3"), cwd=other, environment=environment)
    agor("repo", "add", str(other))
    assert [one["name"] for one in agor("worktree", "list", "--json").json["data"]] == ["w3", *names]
    some = [one["name"] for one in agor("worktree", "list", "--repo", "demo", "--limit", "4", "--json").json["data"]]
    assert some == [name for name in names if name in some]
    assert len(some) == 4


def test_a_worktree_with_work_in_it_is_kept(agor: Agor) -> None:
    """Removing says what would be lost and how to do it all the same; forcing snapshots it first."""
    agor("repo", "add", ".")
    agor("worktree", "add", "demo", "w")
    folder = Path(agor("worktree", "cd", "w").out.strip())
    (folder / "draft.txt").write_text("precious\n")
    refused = agor("worktree", "rm", "w", code=1)
    assert "draft.txt" in refused.err
    assert "changed" in agor("worktree", "list").out
    assert "--force" in refused.err
    assert refused.err.count("\n") == 1
    assert (folder / "draft.txt").read_text() == "precious\n"
    assert "Removed w" in agor("worktree", "rm", "w", "--force").out
    assert not folder.exists()


def test_a_removed_worktree_comes_back(agor: Agor) -> None:
    """After a forced removal, restore brings the folder back with what was not committed; a prompt there says so."""
    agor("repo", "add", ".")
    agor("worktree", "add", "demo", "wip")
    folder = Path(agor("worktree", "show", "wip", "--json").json["path"])
    (folder / "notes.txt").write_text("not committed")
    assert "No worktree was removed" in agor("worktree", "list", "--removed").out
    session = agor("session", "start", "--repo", "demo:wip", "--agent", "scripted", "--json", "hello").json["session"]
    assert "agor worktree restore wip" in agor("worktree", "rm", "wip", "--force").out
    assert not folder.exists()
    assert "agor worktree restore" in agor("session", "prompt", session["session_id"], "and now?", code=1).err
    assert "Restored wip" in agor("worktree", "restore", "wip").out
    assert (folder / "notes.txt").read_text() == "not committed"


def test_boards(agor: Agor) -> None:
    """Boards are made, shown with their sessions, and deleted without them."""
    agor("repo", "add", ".")
    assert "bug-hunt" in agor("board", "add", "Bug hunt").out
    agor(
        "session", "start", "--board", "bug-hunt", "--worktree", "w", "--agent", "scripted", "--title", "hunting", "go"
    )
    assert "hunting" in agor("board", "show", "bug-hunt").out
    assert "hunting" in agor("session", "list", "--board", "Bug hunt").out
    assert "Default" in agor("board", "list").out
    agor("board", "rm", "bug-hunt", "--yes")
    assert "hunting" in agor("session", "list").out
    assert "no board" in agor("board", "show", "bug-hunt", code=1).err
    made = agor("board", "add", "red \x1b[31malert", "--slug", "red")
    for done in (made, agor("board", "list"), agor("board", "show", "red"), agor("board", "show", "\x1b[2J", code=1)):
        assert "\x1b" not in done.out + done.err  # names do not control the terminal


def test_a_branch_goes_with_its_worktree(agor: Agor, repository: Path) -> None:
    """Asked for, a merged branch is deleted too; one with commits of its own only when forced, and it comes back."""
    agor("repo", "add", ".")
    agor("worktree", "add", "demo", "w")
    folder = Path(agor("worktree", "cd", "demo:w").out.strip())
    assert agor("repo", "show", "demo:w", "--json").json["slug"] == "demo"
    assert "worktree rm demo:w" in agor("repo", "rm", "demo:w", "--yes", code=1).err
    git("commit", "-q", "--allow-empty", "-m", "mine", cwd=folder, environment=agor.environment)
    refused = agor("worktree", "rm", "w", "--delete-branch", code=1).err
    assert "1 commit that is neither merged nor pushed" in refused
    assert "rm w --delete-branch --force" in refused
    assert "and its branch w" in agor("worktree", "rm", "w", "--delete-branch", "--force").out
    assert "w" not in git("branch", "--format=%(refname:short)", cwd=repository).split()
    assert "removed" in agor("worktree", "snapshots", "w").out
    assert "Restored w on branch w" in agor("worktree", "restore", "w").out
    assert git("log", "-1", "--format=%s", "w", cwd=repository) == "mine"


def test_a_snapshot_is_dropped_by_hand(agor: Agor, repository: Path) -> None:
    """It asks first; the one that brings a removed worktree back is dropped only when forced."""
    agor("repo", "add", ".")
    agor("worktree", "add", "demo", "w")
    (Path(agor("worktree", "cd", "w").out.strip()) / "draft.txt").write_text("mine\n")
    agor("worktree", "rm", "w", "--force")
    (saved,) = agor("worktree", "snapshots", "w", "--json").json
    drop = ("worktree", "snapshots", "w", "--drop", saved["snapshot_id"])
    asked = agor(*drop, code=1).err
    assert "gone for good" in asked
    assert "--yes" in asked
    assert "--drop" in agor("worktree", "snapshots", "w", "--yes", code=2).err
    assert "no snapshot nope" in agor("worktree", "snapshots", "w", "--drop", "nope", "--yes", code=1).err
    assert "with --force" in agor(*drop, "--yes", code=1).err
    assert agor("worktree", "snapshots", "w", "--json").json == [saved]
    beginning = saved["snapshot_id"].replace("-", "")[:12]
    dropped = agor("worktree", "snapshots", "w", "--drop", beginning, "--yes", "--force").out
    assert f"Dropped the snapshot {saved['snapshot_id']}" in dropped
    assert "No snapshots" in agor("worktree", "snapshots", "w").out


def test_a_snapshot_that_a_task_needs_is_dropped_only_when_forced(agor: Agor) -> None:
    """The refusal names the task, and the option that does it all the same."""
    agor("repo", "add", ".")
    scenario = agor.folder / "scenario.json"
    steps = [{"write": {"path": "made.txt", "content": "made"}}, {"text": "Done."}]
    scenario.write_text(json.dumps({"turns": [{"when": "make", "steps": steps}]}))
    agor("config", "set", "agents.scripted.scenario", str(scenario))
    agor("session", "start", "make it", "--agent", "scripted", "--worktree", "w")
    (saved,) = agor("worktree", "snapshots", "w", "--json").json
    drop = ("worktree", "snapshots", "w", "--yes", "--drop", saved["snapshot_id"])
    refused = agor(*drop, code=1).err
    assert "--force" in refused
    assert "make it" in refused
    assert agor("worktree", "snapshots", "w", "--json").json == [saved]
    assert "Dropped" in agor(*drop, "--force").out


def test_a_worktree_name_that_two_repos_have_needs_the_slug(
    agor: Agor, environment: dict[str, str], tmp_path: Path
) -> None:
    """Inside one of them the name is enough; elsewhere it says how to be clear."""
    other = make_repository(tmp_path / "other", environment)
    for folder in (agor.folder, other):
        agor("repo", "add", ".", cwd=folder)
        agor("worktree", "add", ".", "same", cwd=folder)
    assert agor("worktree", "show", "same", "--json", cwd=other).json["path"].endswith("other/same")
    assert "`<slug>:same`" in agor("worktree", "show", "same", cwd=tmp_path, code=1).err
