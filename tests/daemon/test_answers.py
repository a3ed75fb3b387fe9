"""What calls answer with: the same record wherever it comes from, and what people call it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.daemon.conftest import pending, wait_for_task
from tests.daemon.test_events import lines
from tests.support.daemon import clean_environment, running_daemon
from tests.support.repository import make_repository
from tests.support.team import Client, make_user

IDS = {
    "sessions": "session_id",
    "tasks": "task_id",
    "messages": "message_id",
    "permissions": "request_id",
    "boards": "board_id",
    "repos": "repo_id",
    "worktrees": "worktree_id",
    "users": "user_id",
}
OWNER = "owner@example.com"
OLDER_CLIENTS = {"taskId", "success"}

Answer = tuple[str, dict[str, Any]]


TURNS = [
    {"when": "ask", "steps": [{"bash": {"command": "true"}, "ask": True}]},
    {"when": "stay", "steps": [{"hang": True}]},
]


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Client, list[Answer]]]:
    """The owner of a daemon, and an answer of each method that answers with a record, with the path of its service."""
    folder = tmp_path_factory.mktemp("answers")
    environment = clean_environment(folder / "home")
    scenario = folder / "scenario.json"
    scenario.write_text(json.dumps({"turns": TURNS}))
    environment["AGOR_AGENTS_SCRIPTED_SCENARIO"] = str(scenario)
    make_user(environment, OWNER)
    with running_daemon(folder, environment=environment) as daemon:
        owner = Client(daemon, OWNER)
        demo, other = (make_repository(folder / name, environment) for name in ("demo", "other"))
        yield owner, list(_answers(owner, demo, other))


def _answers(daemon: Client, repository: Path, other: Path) -> Iterator[Answer]:
    def call(method: str, path: str, body: Any = None) -> dict[str, Any]:
        answer: dict[str, Any] = daemon.call(method, path, {} if body is None and method == "POST" else body)
        made[path] = answer
        return answer

    made: dict[str, dict[str, Any]] = {}
    board = call("POST", "/boards", {"name": "Release"})
    yield "boards", board
    board_path = f"/boards/{board['board_id']}"
    yield "boards", call("PATCH", board_path, {"icon": "a"})
    yield "boards", call("PUT", board_path, {"icon": "b"})
    repo = call("POST", "/repos", {"local_path": str(repository)})
    yield "repos", repo
    yield "repos", call("PATCH", f"/repos/{repo['repo_id']}", {"name": "Demo"})
    yield "repos", call("POST", "/repos/clone", {"url": other.as_uri()})
    worktree = call("POST", "/worktrees", {"repo_id": repo["repo_id"], "name": "w"})
    yield "worktrees", worktree
    worktree_path = f"/worktrees/{worktree['worktree_id']}"
    yield "worktrees", call("PATCH", worktree_path, {"notes": "mine"})
    yield "worktrees", call("DELETE", worktree_path)
    yield "worktrees", call("POST", f"{worktree_path}/restore")
    of_repo = f"/repos/{repo['repo_id']}/worktrees"
    yield "worktrees", call("POST", of_repo, {"name": "v"})
    yield "worktrees", call("DELETE", f"{of_repo}/v")
    session = call("POST", "/sessions", {"agent": "scripted", "worktree_id": worktree["worktree_id"]})
    yield "sessions", session
    path = f"/sessions/{session['session_id']}"
    yield "sessions", call("PATCH", path, {"title": "a"})
    yield "sessions", call("PUT", path, {"title": "b"})
    yield "sessions", call("POST", f"{board_path}/sessions", {"session_id": session["session_id"]})
    yield "sessions", call("DELETE", f"{board_path}/sessions/{session['session_id']}")
    yield "sessions", call("POST", f"{path}/fork")
    yield "sessions", call("POST", f"{path}/spawn")
    running = call("POST", f"{path}/prompt", {"prompt": "stay"})
    yield "tasks", running
    for end, data in (("complete", {}), ("fail", {"error": "gone"})):
        waiting = call("POST", f"{path}/prompt", {"prompt": "x"})
        yield "tasks", call("PATCH", f"/tasks/{waiting['task_id']}", {"full_prompt": "y"})
        yield "tasks", call("PUT", f"/tasks/{waiting['task_id']}", {"full_prompt": "z"})
        yield "tasks", call("POST", f"/tasks/{waiting['task_id']}/{end}", data)
    yield "tasks", call("POST", f"{path}/stop")
    wait_for_task(daemon, running["task_id"])
    yield "tasks", call("POST", f"{path}/resume")
    call("POST", f"{path}/stop")
    asking = daemon.call("POST", f"/sessions/{made[f'{path}/fork']['session_id']}/prompt", {"prompt": "ask"})
    question = f"/permissions/{pending(daemon)['request_id']}"
    yield "permissions", call("POST", f"{question}/decide", {"allow": True, "scope": "session"})
    wait_for_task(daemon, asking["task_id"])
    yield "permissions", call("POST", f"{question}/revoke")
    yield "tasks", call("POST", "/tasks", {"session_id": session["session_id"], "full_prompt": "x"})
    said = {"session_id": session["session_id"], "type": "user", "role": "user", "content": "x"}
    message = call("POST", "/messages", said)
    yield "messages", message
    yield "messages", call("PATCH", f"/messages/{message['message_id']}", {"metadata": {"model": "m"}})
    user = call("POST", "/users", {"email": "ann@example.com", "password": "correct horse"})
    yield "users", user
    yield "users", call("PATCH", f"/users/{user['user_id']}", {"name": "Ann"})
    yield "users", call("POST", f"/users/{user['user_id']}/revoke")


def test_every_answer_has_a_short_id_and_else_what_its_event_has(told: tuple[Client, list[Answer]]) -> None:
    """Whichever method answers with a record, the record has all of its fields and its short id, by which it is found;
    the event of the change has the same but for that."""
    daemon, answers = told
    events = lines(daemon)
    for path, record in answers:
        id = record[IDS[path]]
        assert id.replace("-", "").startswith(record["short_id"])
        assert daemon.call("GET", f"/{path}/{record['short_id']}")[IDS[path]] == id
        shape = record.keys() - OLDER_CLIENTS - {"short_id"}
        payloads = [event["payload"] for event in events if event["path"] == path and event["record_id"] == id]
        assert payloads
        assert all(payload.keys() == shape for payload in payloads)
        if path not in ("tasks", "users", "repos"):  # those go on by themselves, or silently
            whole = {name: value for name, value in record.items() if name != "short_id"}
            assert whole in payloads
    assert {path for path, _ in answers} == IDS.keys()


def test_lists_of_a_custom_method_have_short_ids(told: tuple[Client, list[Answer]]) -> None:
    """The members of a family, what waits in a queue, and a board's sessions, as the pages of their services."""
    daemon, answers = told
    session = next(record["session_id"] for path, record in answers if path == "sessions")
    daemon.call("POST", f"/sessions/{session}/prompt", {"prompt": "stay"})
    daemon.call("POST", f"/sessions/{session}/prompt", {"prompt": "x"})
    family = daemon.call("GET", f"/sessions/{session}/genealogy")
    child = daemon.call("GET", f"/sessions/{family['children'][0]['session_id']}/genealogy")
    records = [family["session"], *family["children"], *family["descendants"], *child["ancestors"]]
    assert len(records) == 6
    for record in records:
        assert daemon.call("GET", f"/sessions/{record['short_id']}")["session_id"] == record["session_id"]
    waiting = daemon.call("GET", f"/sessions/{session}/queue")["tasks"]
    assert [daemon.call("GET", f"/tasks/{one['short_id']}")["full_prompt"] for one in waiting] == ["x"]
