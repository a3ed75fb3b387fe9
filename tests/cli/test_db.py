"""`agor db`: a user's data can be saved, put back, and taken elsewhere."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Agor
from tests.support.daemon import clean_environment, running_daemon
from tests.support.databases import MakeUrl, make_url, postgres, postgres_template, sqlite_template
from tests.support.team import Client, make_user

__all__ = ["make_url", "postgres", "postgres_template", "sqlite_template"]


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
    """A copy made while the daemon runs is restored when it has stopped, or on a machine that has nothing yet; what it
    replaces is kept beside it."""
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
    new = clean_environment(tmp_path / "on another machine")
    assert agor("db", "restore", "copy.backup", environment=new, cwd=tmp_path)["replaced"] is None
    restored = agor("db", "restore", "copy.backup", environment=environment, cwd=tmp_path)
    assert Path(restored["replaced"]).is_file()
    with running_daemon(tmp_path, environment=environment) as daemon:
        assert {board["name"] for board in daemon.call("GET", "/boards")["data"]} == {"Default", "Before"}


def test_what_cannot_be_backed_up_is_told(environment: dict[str, str], tmp_path: Path) -> None:
    """A home that was never used has no backup, rather than an empty one; a folder that is not there is named."""
    for said in ("there is no database", "holds nothing yet"):
        nothing = agor("db", "backup", "copy.backup", environment=environment, cwd=tmp_path, code=1)
        assert said in nothing["error"]["message"]
        assert "; start the daemon" in nothing["error"]["message"]
        assert agor("db", "status", environment=environment, cwd=tmp_path)["is_current"] is False
    agor("db", "upgrade", environment=environment, cwd=tmp_path)
    nowhere = agor("db", "backup", "missing/copy.backup", environment=environment, cwd=tmp_path, code=1)
    assert f"there is no folder {tmp_path / 'missing'}" in nowhere["error"]["message"]
    assert not list(tmp_path.glob("*.backup*"))


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
    with running_daemon(tmp_path, environment=other) as daemon:
        daemon.call("PATCH", f"/sessions/{session['session_id']}", {"title": "two"})
    again = people("db", "import", "all.jsonl").out
    assert re.search(r"^added +nothing$", again, re.MULTILINE)
    assert re.search(r"^kept as here +1 sessions *$", again, re.MULTILINE)
    assert "is current  yes" in people("db", "status").out
    (tmp_path / "notes.txt").write_text("not an export\n")
    agor("db", "import", "notes.txt", environment=other, cwd=tmp_path, code=1)
    agor("db", "import", "nowhere.jsonl", environment=other, cwd=tmp_path, code=1)


@pytest.mark.postgres
def test_a_user_moves_to_a_team_server(environment: dict[str, str], tmp_path: Path, make_url: MakeUrl) -> None:
    """What was in the embedded database is on the team's PostgreSQL after export and import, with what others brought.

    People are told by their address, boards of the same slug stay apart, nobody becomes another owner, and a bar shows
    how far it is.
    """
    for email, role in (("zoe@example.com", None), ("ann@example.com", "admin"), ("bob@example.com", "admin")):
        make_user(environment, email, role)
    with running_daemon(tmp_path, environment=environment) as daemon:
        ann = Client(daemon, "ann@example.com")
        made = ann.call("POST", "/sessions", {"agent": "scripted", "title": "brought along", "sharing": "private"})
        message = {"session_id": made["session_id"], "type": "user", "role": "user"}
        said = [{**message, "content": f"word {nth}"} for nth in range(1500)]
        ann.call("POST", "/messages/bulk", {"records": said})
    with Agor(tmp_path, environment).at_terminal("db", "export", "all.jsonl", kind="xterm") as terminal:
        terminal.wait_for("messages: 1500 of 1500", "100%", "records")
        assert terminal.end() == 0
    team = clean_environment(
        tmp_path / "team", AGOR_DATABASE_URL=make_url("postgresql"), AGOR_DAEMON_REQUIRE_AUTH="true"
    )
    make_user(team, "ann@example.com")
    with running_daemon(tmp_path, environment=team) as daemon:
        here = Client(daemon, "ann@example.com")
        here.call("POST", "/sessions", {"agent": "scripted", "title": "was here"})
        with Agor(tmp_path, team).at_terminal("db", "import", "all.jsonl", kind="xterm") as terminal:
            terminal.wait_for("messages: 1500", "100%", "added")
            assert terminal.end() == 0
        again = agor("db", "import", "all.jsonl", environment=team, cwd=tmp_path)["added"]
        assert sum(again.values()) == 0
        assert {one["title"] for one in here.call("GET", "/sessions")["data"]} == {"was here", "brought along"}
        assert here.call("GET", f"/sessions/{made['session_id']}")["created_by"] == here.user_id
        assert here.call("GET", f"/messages?session_id={made['session_id']}&$limit=1")["total"] == 1500
        assert {board["slug"] for board in here.call("GET", "/boards")["data"]} == {"default", "default-2"}
        roles = {user["email"].partition("@")[0]: user["role"] for user in here.call("GET", "/users")["data"]}
        assert roles == {"ann": "owner", "bob": "member", "zoe": "member"}


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda lines: [*lines[:-2], lines[-2][:40]], "is not JSON"),
        (lambda lines: [*lines[:3], b'{"path": "sessions", "record": {"session_id": 5}}\n', *lines[3:]], "line 4"),
        (lambda lines: [lines[0].replace(b'"revision":"', b'"revision":"9'), *lines[1:]], "upgrade Agor"),
    ],
    ids=["cut off", "no record", "newer"],
)
def test_an_import_that_breaks_off_can_be_done_again(exported: Path, tmp_path: Path, spoil: Any, said: str) -> None:
    """A spoilt export is refused in one line that says where; with the whole one the import goes on."""
    spoilt = tmp_path / "spoilt.jsonl"
    spoilt.write_bytes(b"".join(spoil(exported.read_bytes().splitlines(keepends=True))))
    home = clean_environment(tmp_path / "home")
    refused = agor("db", "import", str(spoilt), environment=home, cwd=tmp_path, code=1)["error"]["message"]
    assert said in refused
    assert "\n" not in refused
    agor("db", "import", str(exported), environment=home, cwd=tmp_path)
    agor("db", "export", "again.jsonl", environment=home, cwd=tmp_path)
    assert (tmp_path / "again.jsonl").read_bytes().splitlines()[1:] == exported.read_bytes().splitlines()[1:]


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The export of a session of a few messages."""
    folder = tmp_path_factory.mktemp("exported")
    environment = clean_environment(folder)
    with running_daemon(folder, environment=environment) as daemon:
        session = daemon.call("POST", "/sessions", {"agent": "scripted", "title": "one"})["session_id"]
        said = [{"session_id": session, "type": "user", "role": "user", "content": text} for text in ("a", "b", "c")]
        daemon.call("POST", "/messages/bulk", {"records": said})
    agor("db", "export", "all.jsonl", environment=environment, cwd=folder)
    return folder / "all.jsonl"
