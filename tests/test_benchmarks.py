"""The benchmarks are no tests, and are run by hand: that they can be started is seen here."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.mark.parametrize("name", ["agents", "db", "feathers"])
def test_a_benchmark_can_be_started(name: str) -> None:
    """Each says what it measures, with all it needs at hand."""
    command = [sys.executable, "-m", f"tests.benchmarks.{name}", "--help"]
    told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert told.returncode == 0, told.stderr
    assert f"python -m tests.benchmarks.{name}" in told.stdout
