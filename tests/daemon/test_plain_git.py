"""What people do with plain git in a registered repository: found at registration, noticed in lists, announced."""

from __future__ import annotations

import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from tests.daemon.conftest import start_session, until
from tests.support.daemon import Daemon, running_daemon
from tests.support.repository import git


def listed(daemon: Daemon, query: str = "") -> dict[str, dict[str, Any]]:
    """The worktrees of a list, by name."""
    return {one["name"]: one for one in daemon.call("GET", f"/worktrees?{query}")["data"]}


def last_event(daemon: Daemon) -> int:
    """The number of the newest event."""
    page = daemon.call("GET", "/events?$sort[seq]=-1&$limit=1")["data"]
    return int(page[0]["seq"])


def announced(daemon: Daemon, since: int, record_id: str) -> list[dict[str, Any]]:
    """What was announced of one worktree after event `since`, oldest first."""
    events = daemon.call("GET", f"/events?path=worktrees&seq[$gt]={since}&$sort[seq]=1&$limit=1000")["data"]
    return [one for one in events if one["record_id"] == record_id]


def test_what_is_there_already_is_adopted(daemon: Daemon, repository: Path, tmp_path: Path) -> None:
    """Registering finds branches and worktrees; none is ours, so forgetting the repository touches none of them."""
    env = daemon.environment
    git("branch", "idea", cwd=repository, environment=env)
    for folder, branch in (("fix--it", "fix/login"), ("other/fix--it", "second")):
        git("worktree", "add", "-q", "-b", branch, str(tmp_path / folder), cwd=repository, environment=env)
    git("worktree", "add", "-q", "--detach", str(tmp_path / "at-a-commit"), cwd=repository, environment=env)
    shutil.rmtree(tmp_path / "at-a-commit")  # git still has it on its list; there is nothing to adopt
    (tmp_path / "fix--it/draft.txt").write_text("mine\n")
    git("commit", "-q", "--allow-empty", "-m", "work", cwd=tmp_path / "fix--it", environment=env)

    repo = daemon.call("POST", "/repos", {"local_path": str(repository)})
    found = listed(daemon)
    assert sorted(found) == ["fix-it", "fix-it-2"]
    first = next(one for one in found.values() if one["ref"] == "fix/login")
    assert first["path"] == str(tmp_path / "fix--it")
    assert (first["status"], first["managed_by_agor"], first["dirty"]) == ("ready", False, True)
    base = git("rev-parse", "main", cwd=repository)
    assert (first["base_ref"], first["base_sha"]) == ("main", base)
    assert first["last_commit_sha"] == git("rev-parse", "fix/login", cwd=repository)
    branches = {one["name"]: one for one in daemon.call("GET", f"/repos/{repo['repo_id']}")["branches"]}
    assert sorted(branches) == ["fix/login", "idea", "main", "second"]
    chosen = daemon.call("GET", f"/repos/{repo['repo_id']}?$select[]=slug&$select[]=branches")
    assert (chosen["branches"], chosen["slug"]) == (list(branches.values()), repo["slug"])
    assert "status" not in chosen
    made = daemon.call("POST", "/worktrees", {"repo_id": repo["repo_id"], "name": "idea"})
    assert (made["ref"], made["new_branch"], made["managed_by_agor"]) == ("idea", False, True)
    status, error = daemon.request(
        "POST", "/worktrees", {"repo_id": repo["repo_id"], "name": "again", "branch": "second"}
    )
    assert (status, "checked out" in error["message"]) == (409, True)

    assert daemon.request("DELETE", f"/worktrees/{first['worktree_id']}")[0] == 409  # by the rules for any worktree
    assert daemon.request("DELETE", f"/repos/{repo['repo_id']}")[0] == 409
    daemon.call("DELETE", f"/worktrees/{made['worktree_id']}")
    daemon.call("DELETE", f"/repos/{repo['repo_id']}")
    assert listed(daemon) == {}
    assert (tmp_path / "fix--it/draft.txt").read_text() == "mine\n"
    assert (tmp_path / "other/fix--it/hello.py").exists()
    assert (repository / "hello.py").exists()


def test_what_plain_git_does_is_noticed_in_lists(daemon: Daemon, repository: Path, tmp_path: Path) -> None:
    """Added, moved, deleted and removed worktrees, other branches, edits and commits show in the next list."""
    env = daemon.environment
    session = start_session(daemon, repository, "ours")
    id, ours = session["worktree_id"], Path(session["repo"]["cwd"])
    assert listed(daemon)["ours"]["dirty"] is False
    since = last_event(daemon)

    git("worktree", "add", "-q", "-b", "theirs", str(tmp_path / "theirs"), cwd=repository, environment=env)
    git("branch", "-m", "ours", "renamed", cwd=ours, environment=env)
    (ours / "new.txt").write_text("new\n")
    found = listed(daemon, f"repo_id={session['repo']['repo_id']}")
    assert (found["theirs"]["path"], found["theirs"]["managed_by_agor"]) == (str(tmp_path / "theirs"), False)
    assert (found["ours"]["ref"], found["ours"]["dirty"]) == ("renamed", True)
    (event,) = announced(daemon, since, id)
    assert (event["event"], event["payload"]["dirty"]) == ("patched", True)
    state = daemon.call("GET", f"/sessions/{session['session_id']}")["git_state"]
    assert (state["ref"], state["current_sha"]) == ("renamed", f"{git('rev-parse', 'HEAD', cwd=ours)}-dirty")

    git("add", "-A", cwd=ours, environment=env)
    git("commit", "-q", "-m", "new", cwd=ours, environment=env)
    git("branch", "--set-upstream-to=main", cwd=ours, environment=env)
    moved = tmp_path / "moved"
    git("worktree", "move", str(ours), str(moved), cwd=repository, environment=env)
    found = listed(daemon)
    assert (found["ours"]["worktree_id"], found["ours"]["path"]) == (id, str(moved))
    assert (found["ours"]["dirty"], found["ours"]["ahead"], found["ours"]["behind"]) == (False, 1, 0)
    assert found["ours"]["last_commit_sha"] == git("rev-parse", "renamed", cwd=repository)
    assert daemon.call("GET", f"/sessions/{session['session_id']}")["repo"]["cwd"] == str(moved)

    shutil.rmtree(moved)
    git("worktree", "remove", str(tmp_path / "theirs"), cwd=repository, environment=env)
    found = listed(daemon)
    assert (found["ours"]["status"], found["theirs"]["status"]) == ("missing", "removed")
    assert [one["payload"]["status"] for one in announced(daemon, since, id)][-1] == "missing"
    quiet = last_event(daemon)
    listed(daemon)
    assert last_event(daemon) == quiet

    restored = daemon.call("POST", f"/worktrees/{id}/restore", {})
    assert (restored["status"], restored["ref"]) == ("ready", "renamed")
    assert (moved / "new.txt").read_text() == "new\n"


def test_a_repository_that_vanishes_is_missing_until_it_is_back(
    daemon: Daemon, repository: Path, tmp_path: Path
) -> None:
    """Lists say so of it and of its worktrees; nothing can be made there; once it is back, all is as before."""
    session = start_session(daemon, repository)
    repository.rename(tmp_path / "elsewhere")
    assert [one["status"] for one in daemon.call("GET", "/repos")["data"]] == ["missing"]
    assert listed(daemon)["try-it"]["status"] == "missing"
    repo_id = session["repo"]["repo_id"]
    status, error = daemon.request("POST", "/worktrees", {"repo_id": repo_id, "name": "more"})
    assert (status, "missing" in error["message"]) == (409, True)
    assert daemon.request("GET", f"/worktrees/{session['worktree_id']}/status")[0] == 409
    (tmp_path / "elsewhere").rename(repository)
    assert daemon.call("GET", "/repos")["data"][0]["status"] == "ready"
    assert listed(daemon)["try-it"]["status"] == "ready"


def test_many_who_look_at_once_adopt_a_worktree_once(daemon: Daemon, repository: Path, tmp_path: Path) -> None:
    """However many lists meet what plain git has made, each new worktree gets one row."""
    daemon.call("POST", "/repos", {"local_path": str(repository)})
    names = [f"made-{number}" for number in range(2)]
    with ThreadPoolExecutor(4) as people:
        for name in names:
            git("worktree", "add", "-q", str(tmp_path / name), cwd=repository, environment=daemon.environment)
            list(people.map(lambda _: listed(daemon), range(4)))
    assert sorted(listed(daemon)) == names


def test_a_list_does_not_wait_for_a_git_that_takes_long(
    environment: dict[str, str], repository: Path, tmp_path: Path
) -> None:
    """After `limits.git_s` it shows how a worktree stood; what git says in the end is announced."""
    goes_on = tmp_path / "goes-on"
    with running_daemon(tmp_path, environment={**environment, "AGOR_LIMITS_GIT_S": "1"}) as daemon:
        session = start_session(daemon, repository, "slow")
        until(lambda: listed(daemon)["slow"]["dirty"] is False)
        since = last_event(daemon)
        cleans = f"until test -e {goes_on}; do sleep 0.05; done; cat"
        git("config", "filter.slow.clean", cleans, cwd=repository, environment=environment)
        folder = Path(session["repo"]["cwd"])
        (folder / ".gitattributes").write_text("hello.py filter=slow\n")
        os.utime(folder / "hello.py", (1, 1))  # to be compared, through the filter
        assert listed(daemon)["slow"]["dirty"] is False
        goes_on.touch()
        (event,) = until(lambda: announced(daemon, since, session["worktree_id"]))
        assert event["payload"]["dirty"] is True
