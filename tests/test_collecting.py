"""What pytest does with a test that can't be collected, and with one that takes its worker down."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize(
    ("options", "has_run"), [(("-n2",), False), (("-n1", "--continue-on-collection-errors"), True)]
)
def test_no_test_runs_beside_a_module_that_cannot_be_imported(
    tmp_path: Path, options: tuple[str, ...], has_run: bool
) -> None:
    """Also where several workers collect, the error is told at once; only who asks for it gets the rest."""
    (tmp_path / "test_broken.py").write_text("from pathlib import no_such_name\n")
    (tmp_path / "test_sound.py").write_text(f"def test_runs(): open({str(tmp_path / 'has-run')!r}, 'w').close()\n")
    command = [sys.executable, "-m", "pytest", "-c", "pyproject.toml", "-p", "tests.conftest", *options, str(tmp_path)]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert "cannot import name 'no_such_name'" in run.stdout
    assert ("during collection" in run.stdout) is not has_run
    assert run.returncode == (pytest.ExitCode.TESTS_FAILED if has_run else pytest.ExitCode.INTERRUPTED)
    assert (tmp_path / "has-run").exists() is has_run


def test_a_worker_that_dies_fails_its_test_and_the_others_run(tmp_path: Path) -> None:
    """It is said which test it died of, also where one had failed before, and a new worker goes on."""
    (tmp_path / "test_ends.py").write_text(
        "import os\ndef test_fails(): assert False\ndef test_ends(): os._exit(3)\ndef test_runs(): pass\n"
    )
    command = [sys.executable, "-m", "pytest", "-c", "pyproject.toml", "-p", "tests.conftest", "-n1", str(tmp_path)]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert re.search("worker 'gw0' crashed while running '.*test_ends.py::test_ends'", run.stdout)
    assert "2 failed, 1 passed" in run.stdout
    assert "during collection" not in run.stdout
    assert run.returncode == pytest.ExitCode.TESTS_FAILED
