"""`agor db`: a user's data can be saved, put back, and taken elsewhere."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.cli.conftest import Agor
from tests.support.daemon import clean_environment, running_daemon


def agor(*arguments: str, environment: dict[str, str], cwd: Path, code: int = 0) -> Any:
    """The JSON answer of a command that ends with `code`."""
    done = subprocess.run(
        [sys.executable, "-m", "agor_cli", *arguments, "--json"],
        env=environment,
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == code, f"{arguments}: {done.stdout}{done.stderr}"
    return json.loads(done.stdout or done.stderr)


def test_a_backup_brings_back_what_was_there(environment: dict[str, str], tmp_path: Path) -> None:
    """A copy made while the daemon runs is restored when it has stopped; what it replaces is kept beside it."""
    with running_daemon(tmp_path, environment=environment) as daemon:
        daemon.call("POST", "/boards", {"name": "Before"})
        agor("db", "backup", "copy.backup", environment=environment, cwd=tmp_path)
        assert (
            "exists"
            in agor("db", "backup", "copy.backup", environment=environment, cwd=tmp_path, code=1)["error"]["message"]
        )
        daemon.call("POST", "/boards", {"name": "After"})
        refused = agor("db", "restore", "copy.backup", environment=environment, cwd=tmp_path, code=1)
        assert "runs" in refused["error"]["message"]
    restored = agor("db", "restore", "copy.backup", environment=environment, cwd=tmp_path)
    assert Path(restored["replaced"]).is_file()
    with running_daemon(tmp_path, environment=environment) as daemon:
        assert {board["name"] for board in daemon.call("GET", "/boards")["data"]} == {"Default", "Before"}


def test_an_export_can_be_taken_elsewhere_and_only_once(environment: dict[str, str], tmp_path: Path) -> None:
    """Another home imports an export whole; importing it again adds nothing; what is no export is refused."""
    with running_daemon(tmp_path, environment=environment) as daemon:
        board = daemon.call("POST", "/boards", {"name": "Work"})
        session = daemon.call("POST", "/sessions", {"agent": "scripted", "board_id": board["board_id"], "title": "one"})
        agor("db", "export", "all.jsonl", environment=environment, cwd=tmp_path)
    other = clean_environment(tmp_path / "elsewhere")
    added = agor("db", "import", "all.jsonl", environment=other, cwd=tmp_path)["added"]
    assert added["sessions"] == 1
    again = agor("db", "import", "all.jsonl", environment=other, cwd=tmp_path)["added"]
    assert sum(again.values()) == 0
    with running_daemon(tmp_path, environment=other) as daemon:
        assert daemon.call("GET", f"/sessions/{session['session_id']}")["title"] == "one"
    people = Agor(tmp_path, other)
    assert "added  nothing" in people("db", "import", "all.jsonl").out
    assert "is current  yes" in people("db", "status").out
    (tmp_path / "notes.txt").write_text("not an export\n")
    agor("db", "import", "notes.txt", environment=other, cwd=tmp_path, code=1)
    agor("db", "import", "nowhere.jsonl", environment=other, cwd=tmp_path, code=1)
