"""Clones through the front door: told as they go, cancelled, failed, killed; nothing is ever left half done."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agor_core.client import LiveClient
from tests.daemon.conftest import WAIT_LIMIT_S
from tests.support.daemon import Daemon, running_daemon
from tests.support.repository import git
from tests.support.smart_http import serving


@pytest.fixture
def server(repository: Path, tmp_path: Path, environment: dict[str, str]) -> Iterator[str]:
    """`origin.git`, with the same content as `repository`, over HTTP."""
    git("clone", "-q", "--bare", str(repository), str(tmp_path / "origin.git"), cwd=tmp_path, environment=environment)
    with serving(tmp_path) as url:
        yield url


def until(daemon: Daemon, slug: str, *statuses: str) -> dict[str, Any]:
    """The repo once it has one of `statuses`."""
    give_up_at = time.monotonic() + WAIT_LIMIT_S
    while (repo := daemon.call("GET", f"/repos/{slug}"))["status"] not in statuses:
        assert time.monotonic() < give_up_at, daemon.log
    found: dict[str, Any] = repo
    return found


def on_disk(daemon: Daemon) -> list[str]:
    """What is below the folder of our clones."""
    root = daemon.home / "repos"
    return sorted(str(path.relative_to(root)) for path in root.glob("*")) if root.exists() else []


def gits_of(daemon: Daemon) -> list[int]:
    """Processes that work in the folder of our clones."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if Path(os.readlink(process / "cwd")).is_relative_to(daemon.home / "repos"):
                found.append(int(process.name))
        except OSError:
            continue
    return found


async def test_progress_is_told(daemon: Daemon, server: str) -> None:
    """Whoever listens hears of received objects, bytes and percent, and then of the repo and its first worktree."""
    async with LiveClient(daemon.url) as live, live.events("repos clone:progress", "worktrees created") as queue:
        repo = await live.service("repos").call("clone", None, {"url": f"{server}/origin.git"})
        assert (repo["status"], repo["slug"]) == ("cloning", "origin")
        heard: list[tuple[str, Any]] = []
        async with asyncio.timeout(WAIT_LIMIT_S):
            while not heard or heard[-1][0] != "worktrees created":
                heard.append(await queue.get())
    received = [told for name, told in heard if name == "repos clone:progress" and told["stage"] == "Receiving objects"]
    assert {told["repo_id"] for told in received} == {repo["repo_id"]}
    last = received[-1]
    assert (last["done"], last["total"], last["percent"], last["received_bytes"] > 0) == (3, 3, 100, True)
    assert Path(heard[-1][1]["path"], "hello.py").is_file()


def test_a_clone_is_cancelled_by_removing_it(daemon: Daemon, server: str) -> None:
    """Removing a repo that is being cloned ends git at once; record and folder are gone, and the slug is free."""
    for number in range(2):
        repo = daemon.call("POST", "/repos/clone", {"url": f"{server}/stalls/origin.git", "slug": "shop"})
        while not on_disk(daemon):
            assert daemon.call("GET", "/repos/shop")["status"] == "cloning"
        if number == 0:
            assert daemon.request("POST", "/repos/clone", {"url": str(server), "slug": "shop"})[0] == 409
            assert daemon.request("POST", "/worktrees", {"repo_id": repo["repo_id"], "name": "w"})[0] == 409
        assert daemon.call("DELETE", f"/repos/{repo['repo_id']}")["status"] == "cloning"
        assert daemon.request("GET", f"/repos/{repo['repo_id']}")[0] == 404
        assert (on_disk(daemon), gits_of(daemon)) == ([], [])
    assert "Traceback" not in daemon.log


def test_a_password_nobody_gives_is_no_hang(daemon: Daemon, server: str) -> None:
    """A failed sign-in is a failed record that says how to sign in; the next attempt may have its slug."""
    daemon.call("POST", "/repos/clone", {"url": f"{server}/private/origin.git", "slug": "shop"})
    repo = until(daemon, "shop", "failed", "ready")
    assert (repo["status"], "credential helper" in repo["error"]) == ("failed", True)
    assert on_disk(daemon) == []
    daemon.call("POST", "/repos/clone", {"url": f"{server}/origin.git", "slug": "shop"})
    assert until(daemon, "shop", "failed", "ready")["status"] == "ready"
    assert daemon.call("GET", "/repos")["total"] == 1


def test_a_daemon_killed_while_cloning_leaves_nothing(environment: dict[str, str], tmp_path: Path, server: str) -> None:
    """After the next start no folder and no git is left, and the record says what happened."""
    with running_daemon(tmp_path, environment=environment) as daemon:
        daemon.call("POST", "/repos/clone", {"url": f"{server}/stalls/origin.git", "slug": "shop"})
        while not on_disk(daemon):
            assert daemon.call("GET", "/repos/shop")["status"] == "cloning"
        daemon.kill()
    with running_daemon(tmp_path, environment=environment) as daemon:
        repo = daemon.call("GET", "/repos/shop")
        assert (repo["status"], "killed" in repo["error"]) == ("failed", True)
        assert on_disk(daemon) == []
        daemon.call("DELETE", f"/repos/{repo['repo_id']}")


def test_a_clone_that_is_forgotten_loses_nothing(daemon: Daemon, server: str, repository: Path) -> None:
    """What was all pushed is deleted; a clone with work of its own is put aside, and the slug is free again."""
    slug, id = "owner/shop", ""
    for has_work in (False, True):
        id = daemon.call("POST", "/repos/clone", {"url": f"{server}/origin.git", "slug": slug})["repo_id"]
        give_up_at = time.monotonic() + WAIT_LIMIT_S
        while not (found := daemon.call("GET", f"/worktrees?repo_id={id}")["data"]):
            assert time.monotonic() < give_up_at, daemon.log
        assert daemon.request("DELETE", f"/repos/{id}")[0] == 409
        if has_work:
            env = daemon.environment
            git("commit", "-q", "--allow-empty", "-m", "mine", cwd=Path(found[0]["path"]), environment=env)
        daemon.call("DELETE", f"/worktrees/{found[0]['worktree_id']}")
        daemon.call("DELETE", f"/repos/{id}")
        assert not (daemon.home / "repos/owner/shop").exists()
    (aside,) = (daemon.home / "repos/owner").iterdir()
    assert git("log", "-1", "--format=%s", "main", cwd=aside) == "mine"


def test_an_empty_repository_is_a_repo_without_worktrees(daemon: Daemon, tmp_path: Path) -> None:
    """Cloned or in place, it is there; a worktree of it is refused in words, and leaves nothing."""
    git("init", "-q", "--bare", str(tmp_path / "empty.git"), cwd=tmp_path)
    git("init", "-q", str(tmp_path / "new"), cwd=tmp_path)
    daemon.call("POST", "/repos/clone", {"url": str(tmp_path / "empty.git"), "slug": "empty"})
    assert until(daemon, "empty", "ready", "failed")["status"] == "ready"
    daemon.call("POST", "/repos", {"local_path": str(tmp_path / "new")})
    for slug in ("empty", "new"):
        status, error = daemon.request("POST", "/worktrees", {"repo_id": slug, "name": "w"})
        assert (status, "no commit yet" in error["message"]) == (422, True)
    assert daemon.call("GET", "/worktrees?status[$ne]=x")["total"] == 0
    assert "Traceback" not in daemon.log
    assert not list((daemon.home / "worktrees").glob("*/*"))


def test_addresses_that_run_programs_are_refused(daemon: Daemon, tmp_path: Path) -> None:
    """Options in disguise, other transports, passwords and bad slugs are bad requests; no record, nothing runs."""
    for url in (
        "--upload-pack=touch ran",
        "ext::touch ran",
        "-x",
        "fd::17",
        "https://me:secret@host/x",
        "ssh://-oP/x",
        "",
    ):
        status, error = daemon.request("POST", "/repos/clone", {"url": url, "slug": "shop"})
        assert (status, "secret" in str(error)) == (400, False), url
    for slug in ("../up", "-x", "a/b/c", ".hidden", "a..b"):
        assert daemon.request("POST", "/repos/clone", {"url": str(tmp_path), "slug": slug})[0] == 400, slug
    for path in (str(daemon.home), str(daemon.home / "repos"), "relative", "/no/such/folder", str(tmp_path)):
        assert daemon.request("POST", "/repos", {"local_path": path})[0] == 400, path
    (tmp_path / "link").symlink_to(daemon.home)
    assert daemon.request("POST", "/repos", {"local_path": str(tmp_path / "link")})[0] == 400
    assert daemon.call("GET", "/repos")["total"] == 0
    assert not list(tmp_path.rglob("ran"))
