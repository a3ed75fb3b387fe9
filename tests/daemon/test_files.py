"""What lies on the disk, and what is logged: for the owner's eyes, and without secrets."""

from __future__ import annotations

import stat
import subprocess
import sys
from pathlib import Path

from tests.daemon.conftest import start_session, wait_for_task
from tests.support.team import running_team


def mode_of(path: Path) -> int:
    """The permission bits of a file."""
    return stat.S_IMODE(path.stat().st_mode)


def test_nothing_of_ours_is_for_others_to_read(tmp_path: Path, environment: dict[str, str], repository: Path) -> None:
    """Under the usual mask, home and files of ours, copies and exports included, are the owner's alone; neither
    passwords, tokens nor what was said are in the log; an agent's environment has nothing of ours."""
    environment["AGOR_CREDENTIALS_OPENAI_API_KEY"] = "sk-not-for-others"
    environment["DATABASE_URL"] = "postgresql://me:secret@elsewhere/mine"
    scenario = tmp_path / "scenario.json"
    scenario.write_text('{"turns": [{"steps": [{"bash": {"command": "env > env.txt"}}]}]}')
    environment["AGOR_AGENTS_SCRIPTED_SCENARIO"] = str(scenario)

    def agor(*words: str) -> None:
        command = [sys.executable, "-m", "agor_cli", *words]
        subprocess.run(command, env=environment, cwd=tmp_path, umask=0o022, check=True, capture_output=True)

    with running_team(tmp_path, environment) as team:
        team.owner.call("POST", "/repos", {"local_path": str(repository)})
        session = start_session(team.owner, repository)
        path = f"/sessions/{session['session_id']}/prompt"
        task = team.owner.call("POST", path, {"prompt": "a very private matter"})
        wait_for_task(team.owner, task["task_id"])
        seen = (Path(session["repo"]["cwd"]) / "env.txt").read_text()
        agor("db", "backup", "copy.db")
        agor("db", "export", "all.jsonl")
        agor("config", "set", "events.keep_days", "3")
        home, log = team.daemon.home, team.daemon.log
        secrets = [(home / "jwt-secret").read_text().strip(), "sk-not-for-others", "a very private matter"]
        for caller in (team.owner, team.member, team.viewer):
            secrets += [caller.token, caller.token.rpartition(".")[2], str(caller.signed_in["user"]["email"])]
        ours = [found for found in home.iterdir() if found.is_file() and found.name != "test-output.log"]
        assert {"agor.db", "config.yaml", "daemon.json", "jwt-secret"} <= {found.name for found in ours}
        for found in (*ours, tmp_path / "copy.db", tmp_path / "all.jsonl"):
            assert mode_of(found) == 0o600, found
        assert mode_of(home) == 0o700
    for secret in secrets:
        assert secret not in log
    assert "PATH=" in seen
    assert "AGOR_" not in seen
    assert "DATABASE_URL" not in seen
