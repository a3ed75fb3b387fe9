"""Signing in, roles, and what is private."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.daemon import Daemon, running_daemon
from tests.support.team import Client, make_user


@pytest.fixture
def team(environment: dict[str, str], tmp_path: Path) -> Iterator[Daemon]:
    """A daemon that requires signing in, with an account for each role, named as the role."""
    environment["AGOR_DAEMON_REQUIRE_AUTH"] = "true"
    make_user(environment, "owner@example.com", "viewer")  # the first one is the owner, whatever is asked
    for role in ("admin", "member", "viewer"):
        make_user(environment, f"{role}@example.com", role)
    with running_daemon(tmp_path, environment=environment) as daemon:
        yield daemon


def test_nothing_is_told_without_signing_in(team: Daemon) -> None:
    """Every service but health and authentication is 401 for a stranger; and no nonsense signs anybody in."""
    for path in (
        "sessions",
        "tasks",
        "messages",
        "boards",
        "repos",
        "worktrees",
        "users",
        "events",
        "config",
        "agents",
    ):
        assert team.request("GET", f"/{path}")[0] == 401, path
    assert team.call("GET", "/health")["require_auth"] is True
    for data in (
        {"strategy": "anonymous"},
        {"strategy": "local", "email": "owner@example.com", "password": "wrong"},
        {"strategy": "local", "email": {"$ne": None}, "password": "owner@example.com"},
        {"strategy": "jwt", "accessToken": "x.y.z"},
        {},
    ):
        status, error = team.request("POST", "/authentication", data)
        assert (status, error["name"]) == (401, "NotAuthenticated"), data


def test_a_password_never_leaves(team: Daemon) -> None:
    """Neither the answer to a sign-in nor any list of users has a password or its hash."""
    owner = Client(team, "owner@example.com")
    seen = json.dumps([owner.signed_in["user"], owner.call("GET", "/users"), owner.call("GET", "/events")])
    assert "password" not in seen
    assert "$2b$" not in seen
    assert owner.signed_in["user"]["role"] == "owner"


def test_each_role_may_what_it_may(team: Daemon) -> None:
    """A viewer reads, a member works, an admin changes accounts but not roles, the owner both."""
    owner, admin, member, viewer = (
        Client(team, f"{role}@example.com") for role in ("owner", "admin", "member", "viewer")
    )
    assert viewer.request("POST", "/boards", {"name": "Mine"})[0] == 403
    assert viewer.request("GET", "/boards")[0] == 200
    board = member.call("POST", "/boards", {"name": "Mine"})
    assert admin.call("PATCH", f"/boards/{board['board_id']}", {"name": "Ours"})["name"] == "Ours"
    assert member.request("POST", "/repos", {"local_path": "/tmp"})[0] == 403
    assert member.request("POST", "/sessions", {"agent": "scripted", "cwd": "/tmp"})[0] == 403
    assert member.request("GET", "/config")[0] == 403
    assert admin.request("GET", "/config")[0] == 200
    member_id = member.signed_in["user"]["user_id"]
    assert member.request("PATCH", f"/users/{member_id}", {"role": "owner"})[0] == 403
    assert admin.request("PATCH", f"/users/{member_id}", {"role": "admin"})[0] == 403
    owner_id = owner.signed_in["user"]["user_id"]
    assert admin.request("DELETE", f"/users/{owner_id}")[0] == 403
    assert owner.request("DELETE", f"/users/{owner_id}")[0] == 409
    assert set(member.call("GET", f"/users/{owner_id}")) <= {"user_id", "name", "avatar", "short_id"}
    assert owner.call("PATCH", f"/users/{member_id}", {"role": "viewer"})["role"] == "viewer"
    assert member.request("GET", "/boards")[0] == 401  # a new role ends the tokens of the old one


def test_a_member_changes_only_what_is_shared(team: Daemon) -> None:
    """A private session does not exist for other members; a shared one can be changed by them."""
    member, admin = Client(team, "member@example.com"), Client(team, "admin@example.com")
    hidden = admin.call("POST", "/sessions", {"agent": "scripted", "sharing": "private"})["session_id"]
    shared = admin.call("POST", "/sessions", {"agent": "scripted"})["session_id"]
    assert member.request("GET", f"/sessions/{hidden}")[0] == 404
    assert member.request("PATCH", f"/sessions/{hidden}", {"title": "x"})[0] == 404
    assert [session["session_id"] for session in member.call("GET", "/sessions")["data"]] == [shared]
    assert hidden not in json.dumps(member.call("GET", "/events"))
    assert member.call("PATCH", f"/sessions/{shared}", {"title": "x"})["title"] == "x"
    assert admin.call("GET", f"/sessions/{hidden}")["sharing"] == "private"


def test_a_token_ends_with_logout_and_revocation(team: Daemon) -> None:
    """A token that was signed out, or revoked, or whose password changed, is 401 at the next call."""
    first, second = Client(team, "member@example.com"), Client(team, "member@example.com")
    assert first.request("DELETE", "/authentication")[0] == 200
    assert first.request("GET", "/boards")[0] == 401
    assert second.request("GET", "/boards")[0] == 200
    user_id = second.signed_in["user"]["user_id"]
    third = Client(team, "member@example.com")
    second.call("POST", f"/users/{user_id}/revoke", {})
    assert third.request("GET", "/boards")[0] == 401
    fourth = Client(team, "member@example.com")
    fourth.call("PATCH", f"/users/{user_id}", {"password": "another one"})
    assert fourth.request("GET", "/boards")[0] == 401


def test_an_open_address_needs_signing_in(tmp_path: Path, environment: dict[str, str]) -> None:
    """A daemon that the network could reach does not start unless everybody must sign in and hosts are named."""
    done = subprocess.run(
        [sys.executable, "-m", "agor_daemon", "--host=0.0.0.0", "--port=0"],
        env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert "require_auth" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
