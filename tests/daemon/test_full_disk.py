"""A daemon whose disk is really full: a small file system of its own holds its home, and not one block is free."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.daemon.conftest import until, wait_for_task
from tests.support.daemon import Daemon, running_daemon
from tests.support.repository import make_repository
from tests.support.small_disk import SmallDisk, small_disk

DISK_BYTES = 48_000_000
# Does not get smaller when it is compressed.
LARGE_BYTES = 4_000_000
FULL = "free some space"
WAITS = "does waits until it can be stored"
LIMIT_S = 120
SPEAKS: dict[str, Any] = {"steps": [{"text": "first " + "word " * 60 + "last", "pace_s": 0.1}]}

Agor = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    """A disk for the home, and for a repository."""
    try:
        with small_disk(tmp_path / "disk", DISK_BYTES) as made:
            yield made
    except LookupError as error:
        pytest.skip(str(error))


@pytest.fixture
def environment(environment: dict[str, str], disk: SmallDisk, tmp_path: Path) -> dict[str, str]:
    """The environment of a user whose home is on that disk, and whose scripted agent speaks slowly."""
    scenario = tmp_path / "scenario.json"
    scenario.write_text(json.dumps({"turns": [{"when": "speak", **SPEAKS}]}))
    return {**environment, "AGOR_HOME": str(disk.path / ".agor"), "AGOR_AGENTS_SCRIPTED_SCENARIO": str(scenario)}


@pytest.fixture
def daemon(environment: dict[str, str], disk: SmallDisk, tmp_path: Path) -> Iterator[Daemon]:
    """A daemon on it."""
    with running_daemon(tmp_path, environment=environment, disk=disk) as running:
        yield running


@pytest.fixture
def agor(environment: dict[str, str], disk: SmallDisk) -> Agor:
    """Runs a module's command where the disk is seen."""

    def run(module: str, *arguments: str, said: str = "") -> subprocess.CompletedProcess[str]:
        command = [*disk.inside, sys.executable, "-m", module, *arguments]
        return subprocess.run(command, env=environment, input=said, capture_output=True, text=True, timeout=LIMIT_S)

    return run


def message(session_id: str, content: str = "said") -> dict[str, str]:
    """A message to be stored."""
    return {"session_id": session_id, "type": "user", "role": "user", "content": content}


def exhaust(daemon: Daemon, disk: SmallDisk, session_id: str) -> int:
    """Fill the disk, and what the database has in reserve, until it takes nothing any more; how much it took."""
    disk.fill()
    for taken in range(100_000):
        status, answer = daemon.request("POST", "/messages", message(session_id))
        if status != 201:
            assert (status, FULL in answer["message"]) == (503, True), answer
            return taken
    raise AssertionError("it never was full")


def files(disk: SmallDisk) -> set[str]:
    """Where there is a file on the disk, but for those of the database and the log, which come and go."""
    root = disk.seen(disk.path)
    found = {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()}
    return {path for path in found if not path.startswith((".agor/agor.db", ".agor/daemon.log", "ballast"))}


def test_what_does_not_fit_is_refused_and_the_rest_goes_on(
    daemon: Daemon, environment: dict[str, str], disk: SmallDisk, tmp_path: Path
) -> None:
    """Every write is a 503 that says what to do, and is not there; what was acknowledged is, also after a kill; reading
    goes on. Once there is room the same daemon stores and logs again, by itself."""
    session_id = daemon.call("POST", "/sessions", {"agent": "scripted"})["session_id"]
    for number in range(2):
        taken = exhaust(daemon, disk, session_id)
        before = daemon.call("GET", f"/messages?session_id={session_id}&$limit=0")["total"]
        events = daemon.call("GET", "/events")
        for method, path, data in (
            ("POST", "/boards", {"name": "a board"}),
            ("PATCH", f"/sessions/{session_id}", {"title": "a title", "description": "x" * 20_000}),
            ("POST", f"/sessions/{session_id}/fork", {}),
            ("DELETE", f"/sessions/{session_id}", None),
        ):
            status, answer = daemon.request(method, path, data)
            assert (status, FULL in answer["message"]) == (503, True), (method, path, answer)
        assert daemon.call("GET", f"/sessions/{session_id}").get("title") is None
        assert daemon.call("GET", f"/messages?session_id={session_id}&$limit=0")["total"] == before
        assert daemon.call("GET", "/events") == events
        assert disk.is_full()
        disk.free()
        assert daemon.call("POST", "/messages", message(session_id))["index"] == before
        assert taken <= before
        assert daemon.call("GET", "/health")["status"] == "ok"
        assert number < 1 or "Traceback" not in daemon.log
    last = daemon.log.splitlines()[-1]
    assert json.loads(last[last.index("{") :])["path"] == "health"
    total = before + 1 + exhaust(daemon, disk, session_id)
    daemon.kill()
    disk.free()
    with running_daemon(tmp_path, environment=environment, disk=disk) as again:
        found = again.call("GET", f"/messages?session_id={session_id}&$limit=1&$sort[index]=-1")
        assert (found["total"], found["data"][0]["index"]) == (total, total - 1)


def test_a_run_waits_until_its_words_can_be_stored(
    environment: dict[str, str], disk: SmallDisk, tmp_path: Path
) -> None:
    """An agent that speaks while the disk is full is not lost: what it said is stored, and how it ended, when there is
    room. Who stops it meanwhile is told that this cannot be stored yet, and then it is stopped."""
    # Its log is elsewhere: it says when something waits.
    starting = running_daemon(tmp_path, environment=environment, disk=disk, output=tmp_path / "output.log")
    with starting as daemon:
        third = check_that_runs_wait(daemon, disk, str(tmp_path))
        assert daemon.stop() == 0
    disk.free()
    with running_daemon(tmp_path, environment=environment, disk=disk) as again:
        assert again.call("GET", f"/tasks/{third}")["error"]["kind"] == "interrupted"


def check_that_runs_wait(daemon: Daemon, disk: SmallDisk, cwd: str) -> str:
    """The above; the id of a task that waits at the end."""
    one = daemon.call("POST", "/sessions", {"agent": "scripted", "cwd": cwd})["session_id"]
    other = daemon.call("POST", "/sessions", {"agent": "scripted", "cwd": cwd})["session_id"]
    tasks = {id: daemon.call("POST", f"/sessions/{id}/prompt", {"prompt": "speak"})["task_id"] for id in (one, other)}
    exhaust(daemon, disk, one)
    until(lambda: daemon.log.count(WAITS) == 2)
    status, answer = daemon.request("POST", f"/sessions/{other}/stop", {})
    assert (status, "cannot be stored yet" in answer["message"], FULL in answer["message"]) == (503, True, True)
    assert daemon.call("GET", f"/tasks/{tasks[one]}")["status"] == "running"
    disk.free()
    ended = {id: wait_for_task(daemon, task) for id, task in tasks.items()}
    assert {id: task["status"] for id, task in ended.items()} == {one: "completed", other: "stopped"}
    said = daemon.call("GET", f"/messages?session_id={one}&role=assistant&$sort[index]=1")["data"]
    assert [text(line) for line in said] == ["first " + "word " * 60 + "last"]
    for id in (one, other):
        every = daemon.call("GET", f"/messages?session_id={id}&$limit=500&$sort[index]=1")["data"]
        assert [line["index"] for line in every] == list(range(len(every)))
    assert "Traceback" not in daemon.log
    third = daemon.call("POST", f"/sessions/{one}/prompt", {"prompt": "speak"})["task_id"]
    until(lambda: daemon.call("GET", f"/tasks/{third}")["status"] == "running")
    exhaust(daemon, disk, one)
    until(lambda: daemon.log.count(WAITS) == 3)
    return str(third)


def text(line: dict[str, Any]) -> str:
    """What was said."""
    content = line["content"]
    return content if isinstance(content, str) else "".join(block["text"] for block in content)


def test_git_leaves_nothing_half_made(
    daemon: Daemon, environment: dict[str, str], disk: SmallDisk, tmp_path: Path
) -> None:
    """A worktree or a clone that does not fit is refused with what to do, and nothing of it is there; a worktree whose
    work cannot be saved is not removed; all work once there is room, and nothing is lost."""
    made = make_repository(tmp_path / "demo", environment)
    large = os.urandom(LARGE_BYTES)
    (made / "large.bin").write_bytes(large)
    git(made, environment, "add", ".")
    git(made, environment, "commit", "-qm", "a large file")
    repository = disk.path / "demo"
    subprocess.run(["cp", "-r", str(made), str(disk.seen(repository))], check=True)
    repo_id = daemon.call("POST", "/repos", {"local_path": str(repository)})["repo_id"]
    one = daemon.call("POST", "/worktrees", {"repo_id": repo_id, "name": "one"})
    before = files(disk)
    disk.fill(but=LARGE_BYTES // 2)
    status, answer = daemon.request("POST", "/worktrees", {"repo_id": repo_id, "name": "two"})
    assert (status, "room on the disk" in answer["message"]) == (422, True), answer
    assert files(disk) == before
    daemon.call("POST", "/repos/clone", {"url": str(made), "slug": "copy"})
    copy = until(lambda: (found := daemon.call("GET", "/repos/copy"))["status"] != "cloning" and found)
    assert (copy["status"], "room on the disk" in copy["error"]) == ("failed", True), copy
    assert files(disk) == before
    assert [line["name"] for line in daemon.call("GET", f"/worktrees?repo_id={repo_id}")["data"]] == ["one"]
    work = disk.seen(Path(one["path"])) / "work.bin"
    disk.free()
    work.write_bytes(large[::-1])
    before = files(disk)
    disk.fill(but=LARGE_BYTES // 2)
    path = f"/worktrees/{one['worktree_id']}"
    report = daemon.request("DELETE", path)[1]
    removal = f"{path}?force={report['data']['token']}"
    for method, asked in (("POST", f"{path}/snapshot"), ("DELETE", removal)):
        status, answer = daemon.request(method, asked)
        assert (status, "room on the disk" in answer["message"]) == (422, True), answer
    assert work.read_bytes() == large[::-1]
    assert {path for path in before ^ files(disk) if "/objects/" not in path} == set()
    disk.free()
    assert daemon.call("POST", "/worktrees", {"repo_id": repo_id, "name": "two"})["name"] == "two"
    daemon.call("DELETE", removal)
    assert not work.exists()
    daemon.call("POST", f"{path}/restore", {})
    assert work.read_bytes() == large[::-1]


def git(folder: Path, environment: dict[str, str], *arguments: str) -> None:
    """Run git."""
    subprocess.run(["git", "-C", str(folder), *arguments], env=environment, check=True, capture_output=True)


def test_what_commands_write_is_whole_or_not_there(
    daemon: Daemon, environment: dict[str, str], disk: SmallDisk, agor: Agor, tmp_path: Path
) -> None:
    """A backup, an export, a setting, an account on a full disk: each ends with one line that says what to do, and
    leaves things as they were; a backup to another disk is made all the same. A daemon says why it does not start, and
    does once there is room."""
    session_id = daemon.call("POST", "/sessions", {"agent": "scripted"})["session_id"]
    exhaust(daemon, disk, session_id)
    before = files(disk)
    # The first as a user asks for it; the others where the CLI asks, which shows their last line.
    for module, *arguments in (
        ("agor_cli", "config", "set", "daemon.max_runs", "3"),
        ("agor_daemon.admin", "db-backup", str(disk.path / "copy.db")),
        ("agor_daemon.admin", "db-export", str(disk.path / "all.jsonl")),
        ("agor_daemon.admin", "user-create", "--email", "ann@example.com"),
    ):
        done = agor(module, *arguments, said="a long password\n")
        told = done.stderr if module == "agor_cli" else done.stdout.splitlines()[-1] + "\n"
        assert (done.returncode, FULL in told, told.count("\n")) == (1, True, 1), (arguments, done)
        assert files(disk) == before, arguments
    assert agor("agor_daemon.admin", "db-backup", str(tmp_path / "copy.db")).returncode == 0
    assert daemon.stop() == 0
    for module, *arguments in (("agor_cli", "up"), ("agor_daemon", "--port=0")):
        done = agor(module, *arguments)
        assert (done.returncode, FULL in done.stderr, done.stderr.count("\n")) == (1, True, 1), done
    disk.free()
    with running_daemon(tmp_path, environment=environment, disk=disk) as again:
        assert again.call("GET", f"/sessions/{session_id}")["session_id"] == session_id
