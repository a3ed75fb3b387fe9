"""Repositories with submodules, with LFS, or without their history, through the front door."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.support.daemon import Daemon
from tests.support.repository import git


def registered(daemon: Daemon, repository: Path) -> str:
    """The id of a repository, registered in place."""
    repo_id: str = daemon.call("POST", "/repos", {"local_path": str(repository)})["repo_id"]
    return repo_id


def made(daemon: Daemon, repo_id: str) -> dict[str, Any]:
    """A worktree of it."""
    worktree: dict[str, Any] = daemon.call("POST", "/worktrees", {"repo_id": repo_id, "name": "w"})
    return worktree


def committed(daemon: Daemon, repository: Path) -> None:
    """Commit all that is in its folder."""
    git("add", "-A", cwd=repository, environment=daemon.environment)
    git("commit", "-q", "-m", "more", cwd=repository, environment=daemon.environment)


def test_a_shallow_repository_works(daemon: Daemon, repository: Path, tmp_path: Path) -> None:
    """One with a single commit of its history is registered as it is; its worktree tells its state, and goes safely."""
    env, shallow = daemon.environment, tmp_path / "shallow"
    git("commit", "-q", "--allow-empty", "-m", "second", cwd=repository, environment=env)
    git("clone", "-q", "--depth=1", repository.as_uri(), str(shallow), cwd=tmp_path, environment=env)
    path = f"/worktrees/{made(daemon, registered(daemon, shallow))['worktree_id']}"
    folder = Path(daemon.call("GET", path)["path"])
    (folder / "new.txt").write_text("new\n")
    status = daemon.call("GET", f"{path}/status")
    assert (status["dirty"], [file["path"] for file in status["files"]]) == (True, ["new.txt"])
    token = daemon.request("DELETE", path)[1]["data"]["token"]
    daemon.call("DELETE", f"{path}?force={token}")
    daemon.call("POST", f"{path}/restore", {})
    assert (folder / "new.txt").read_text() == "new\n"


def test_a_submodule_keeps_its_worktree(daemon: Daemon, repository: Path, tmp_path: Path) -> None:
    """What is changed in a submodule is in the state, and a worktree with one is not removed, by force neither."""
    env, local = daemon.environment, ("-c", "protocol.file.allow=always")
    git("init", "-q", str(tmp_path / "lib"), cwd=tmp_path, environment=env)
    git("commit", "-q", "--allow-empty", "-m", "lib", cwd=tmp_path / "lib", environment=env)
    git(*local, "submodule", "--quiet", "add", str(tmp_path / "lib"), "lib", cwd=repository, environment=env)
    committed(daemon, repository)
    worktree = made(daemon, registered(daemon, repository))
    path, folder = f"/worktrees/{worktree['worktree_id']}", Path(worktree["path"])
    assert daemon.call("GET", f"{path}/status")["dirty"] is False
    git(*local, "submodule", "--quiet", "update", "--init", cwd=folder, environment=env)
    git("commit", "-q", "--allow-empty", "-m", "in the submodule", cwd=folder / "lib", environment=env)
    assert [file["path"] for file in daemon.call("GET", f"{path}/status")["files"]] == ["lib"]
    (shown,) = daemon.call("GET", f"{path}/diff")["files"]
    assert (shown["path"], shown["omitted"]) == ("lib", "submodule")
    status, refusal = daemon.request("DELETE", path)
    assert status == 409
    if token := refusal["data"].get("token"):
        status, refusal = daemon.request("DELETE", f"{path}?force={token}")
    assert (status, "submodules" in refusal["message"]) == (409, True)
    assert (folder / "lib/.git").exists()
    assert daemon.call("GET", path)["status"] == "ready"


def test_lfs_works_or_says_what_is_missing(daemon: Daemon, repository: Path) -> None:
    """Without LFS set up a pointer is a file; where it is set up but not installed nothing is made, and it is named."""
    (repository / ".gitattributes").write_text("*.bin filter=lfs diff=lfs merge=lfs -text\n")
    (repository / "big.bin").write_text("version https://git-lfs.github.com/spec/v1\n")
    committed(daemon, repository)
    repo_id = registered(daemon, repository)
    git("config", "filter.lfs.smudge", "git-lfs-not-installed smudge -- %f", cwd=repository)
    git("config", "filter.lfs.required", "true", cwd=repository)
    status, refusal = daemon.request("POST", "/worktrees", {"repo_id": repo_id, "name": "w"})
    assert 400 <= status < 500
    assert "install git-lfs" in refusal["message"]
    assert daemon.call("GET", "/worktrees")["data"] == []
    assert git("branch", "--format=%(refname:short)", cwd=repository) == "main"

    git("config", "--remove-section", "filter.lfs", cwd=repository)
    worktree = made(daemon, repo_id)
    assert (Path(worktree["path"]) / "big.bin").read_text().startswith("version ")
    assert daemon.call("GET", f"/worktrees/{worktree['worktree_id']}/status")["dirty"] is False
