"""The GUI's own checks: its types, and the tests of its rules and of what keeps it true, without a browser."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.support.node import find_node, install_packages, node_environment

pytestmark = pytest.mark.node

FRONTEND = Path(__file__).parents[2] / "frontend"


@pytest.mark.parametrize("script", ["check", "test"])
def test_the_gui_passes_its_own_checks(script: str) -> None:
    """`npm run check` (types) and `npm run test` (vitest) succeed on what is checked in."""
    folder, reason = find_node()
    if folder is None:
        pytest.skip(reason)
    install_packages(FRONTEND)
    done = subprocess.run(
        ["npm", "run", "--silent", script],
        cwd=FRONTEND,
        env={**node_environment(), "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_lock_file_names_no_registry() -> None:
    """Packages come from whichever registry npm is set up for, so the lock file holds versions and digests only."""
    assert '"resolved"' not in (FRONTEND / "package-lock.json").read_text()
