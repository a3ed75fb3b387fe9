"""Accounts of a daemon that requires signing in, and callers who are signed in."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.support.daemon import Daemon, running_daemon


def make_user(environment: dict[str, str], email: str, role: str | None = None) -> dict[str, Any]:
    """An account, made as on the daemon's own machine; its password is the address."""
    command = [sys.executable, "-m", "agor_daemon.admin", "user-create", "--email", email]
    if role is not None:
        command += ["--role", role]
    done = subprocess.run(command, env=environment, input=f"{email}\n", capture_output=True, text=True, check=False)
    line = json.loads(done.stdout.splitlines()[-1])
    assert done.returncode == 0, line
    user: dict[str, Any] = line["user"]
    return user


class Client:
    """A signed-in caller of a daemon."""

    def __init__(self, daemon: Daemon, email: str) -> None:
        data = {"strategy": "local", "email": email, "password": email}
        status, self.signed_in = daemon.request("POST", "/authentication", data)
        assert status == 201, self.signed_in
        self._daemon = daemon
        self._headers = {"Authorization": f"Bearer {self.signed_in['accessToken']}"}

    @property
    def token(self) -> str:
        """Its access token."""
        token: str = self.signed_in["accessToken"]
        return token

    @property
    def log(self) -> str:
        """What the daemon has printed so far."""
        return self._daemon.log

    @property
    def user_id(self) -> str:
        """Who it is."""
        user_id: str = self.signed_in["user"]["user_id"]
        return user_id

    def request(
        self, method: str, path: str, body: Any = None, *, headers: Mapping[str, str] | None = None
    ) -> tuple[int, Any]:
        """(status, decoded JSON body or None)."""
        return self._daemon.request(method, path, body, headers={**self._headers, **(headers or {})})

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """The decoded answer; an error status is an AssertionError that shows it."""
        status, answer = self.request(method, path, body)
        assert status < 400, answer
        return answer


class Team:
    """A daemon that requires signing in, and somebody of every role; `other` is a second member."""

    def __init__(self, daemon: Daemon) -> None:
        self.daemon = daemon
        self.owner = Client(daemon, "owner@example.com")
        for name in ("admin", "member", "other", "viewer"):
            email = f"{name}@example.com"
            role = "member" if name == "other" else name
            self.owner.call("POST", "/users", {"email": email, "password": email, "role": role})
        self.admin, self.member, self.other, self.viewer = (
            Client(daemon, f"{name}@example.com") for name in ("admin", "member", "other", "viewer")
        )

    def of(self, name: str) -> Client:
        """Whoever is called `name`."""
        found: Client = getattr(self, name)
        return found


@contextmanager
def running_team(folder: Path, environment: dict[str, str]) -> Iterator[Team]:
    """A daemon with its home in `folder`, and its accounts."""
    environment["AGOR_DAEMON_REQUIRE_AUTH"] = "true"
    make_user(environment, "owner@example.com")
    with running_daemon(folder, environment=environment) as daemon:
        yield Team(daemon)
