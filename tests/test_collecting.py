"""What pytest does with a test that can't be collected."""

from __future__ import annotations

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
