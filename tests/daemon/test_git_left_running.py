"""A daemon that is killed while git works for it: the next one ends that git, surely, and no other program."""

from __future__ import annotations

import os
import signal
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.error import URLError

from tests.daemon.conftest import until
from tests.support.daemon import Daemon, running_daemon

LIMIT_S = 60
# Git waits for it while it checks out; what it puts into a session of its own is as a master of ssh connections.
FILTER = """#!/bin/sh
echo $$ > {folder}/filter
if [ -n "$AGOR_STARTED_BY" ] && [ ! -e {folder}/background ]; then
    setsid sleep 600 < /dev/null > /dev/null 2>&1 &
    echo $! > {folder}/background
fi
trap '' TERM
while :; do sleep 1; done
"""


def pid_in(file: Path) -> int | None:
    """What a script has written."""
    text = file.read_text() if file.exists() else ""
    return int(text) if text.endswith("\n") else None


def lives(pid: int) -> bool:
    """Whether the process runs."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except FileNotFoundError:
        return False


def test_the_next_daemon_ends_it_and_goes_on(environment: dict[str, str], repository: Path, tmp_path: Path) -> None:
    """A git that would run for ever, and will not end when asked, is ended with its children; the half-made worktree is
    gone, and can be made again. A user's own git in the same repository, and what git put in the background, go on."""
    said = tmp_path / "said"
    said.mkdir()
    script = said / "filter.sh"
    script.write_text(FILTER.format(folder=said))
    script.chmod(0o755)
    git = ["git", "-C", str(repository)]
    (repository / ".gitattributes").write_text("*.slow filter=slow\n")
    (repository / "a.slow").write_text("slow\n")
    for arguments in (["add", "."], ["commit", "-qm", "slow"], ["config", "filter.slow.smudge", str(script)]):
        subprocess.run([*git, *arguments], env=environment, check=True, capture_output=True)
    with running_daemon(tmp_path, environment=environment) as daemon, ThreadPoolExecutor() as pool:
        repo_id = daemon.call("POST", "/repos", {"local_path": str(repository)})["repo_id"]
        making = pool.submit(daemon.request, "POST", "/worktrees", {"repo_id": repo_id, "name": "one"})
        filtering = until(lambda: pid_in(said / "filter"))
        background = until(lambda: pid_in(said / "background"))
        daemon.kill()
        assert isinstance(making.exception(LIMIT_S), URLError | OSError)
    assert lives(filtering)
    (said / "filter").unlink()
    own = subprocess.Popen([*git, "worktree", "add", str(tmp_path / "own")], env=environment, stderr=subprocess.DEVNULL)
    try:
        until(lambda: pid_in(said / "filter"))
        with running_daemon(tmp_path, environment=environment) as again:
            assert not lives(filtering)
            assert lives(background)
            assert own.poll() is None
            recovered = again.call("GET", "/health")["recovered"]
            assert (recovered["processes"], recovered["worktrees"]) == (1, 1)
            assert again.call("GET", "/worktrees?name=one")["total"] == 0
            subprocess.run([*git, "config", "--unset", "filter.slow.smudge"], env=environment, check=True)
            assert_made_again(again, repo_id)
    finally:
        for pid in (background, filtering, pid_in(said / "filter")):
            if pid is not None and lives(pid):
                os.kill(pid, signal.SIGKILL)
        own.kill()
        own.wait()


def assert_made_again(daemon: Daemon, repo_id: str) -> None:
    """The same name can be had."""
    made = daemon.call("POST", "/worktrees", {"repo_id": repo_id, "name": "one"})
    assert (Path(made["path"]) / "a.slow").read_text() == "slow\n"
