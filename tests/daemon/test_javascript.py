"""The official JavaScript client from npm, against the daemon."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.support.daemon import running_daemon
from tests.support.node import find_node, install_packages, node_environment
from tests.support.team import make_user

FOLDER = Path(__file__).parent.parent / "js"
LIMIT_S = 120


@pytest.mark.node
def test_the_official_client_misses_nothing(tmp_path: Path, environment: dict[str, str]) -> None:
    """It signs in, creates, forks two ways, hears each session once, and after a cut hears what it missed."""
    folder, reason = find_node()
    if folder is None:
        pytest.skip(reason)
    install_packages(FOLDER)
    environment["AGOR_DAEMON_REQUIRE_AUTH"] = "true"
    owner = make_user(environment, "owner@example.com")
    with running_daemon(tmp_path, environment=environment) as daemon:
        done = subprocess.run(
            ["node", "daemon.mjs", daemon.url, "owner@example.com", "owner@example.com"],
            cwd=FOLDER,
            env=node_environment(environment),
            capture_output=True,
            text=True,
            timeout=LIMIT_S,
            check=False,
        )
        assert done.returncode == 0, f"{done.stderr}\n{daemon.log}"
    seen = json.loads(done.stdout)
    assert seen["user"]["user_id"] == owner["user_id"]
    assert seen["parents"] == [seen["made"][0]] * 2
    assert seen["heard"] == seen["made"]
    assert seen["recovered"] == [True]
    assert seen["refused"] == {"class": "BadRequest", "code": 400, "errors": ["agent"]}
