"""Fork, spawn, and the tree they make."""

from __future__ import annotations

from pathlib import Path

from tests.daemon.conftest import start_session, wait_for_task
from tests.support.daemon import Daemon


def _prompted(daemon: Daemon, session_id: str, prompt: str) -> str:
    task = daemon.call("POST", f"/sessions/{session_id}/prompt", {"prompt": prompt})
    assert wait_for_task(daemon, task["task_id"])["status"] == "completed"
    return str(task["task_id"])


def test_a_fork_remembers_up_to_its_point_and_no_further(daemon: Daemon, repository: Path) -> None:
    """A fork at the first of two tasks inherits that one's messages, and its agent knows that one's prompt only."""
    parent = start_session(daemon, repository)["session_id"]
    first = _prompted(daemon, parent, "paint it red")
    _prompted(daemon, parent, "paint it blue")
    status, fork = daemon.request("POST", f"/sessions/{parent}/fork", {"task_id": first})
    assert status == 201
    assert fork["forked_from_session_id"] == parent
    assert fork["parent_session_id"] is None
    assert fork["genealogy"]["fork_point_task_id"] == first
    _prompted(daemon, fork["session_id"], "which colour?")
    history = daemon.call("GET", f"/messages?session_id={fork['session_id']}&$history=true")["data"]
    assert [message["index"] for message in history] == [0, 1, 2, 3]
    assert [message["session_id"] == parent for message in history] == [True, True, False, False]
    assert "red" in str(history[3]["content"])
    assert "blue" not in str(history[3]["content"])
    own = daemon.call("GET", f"/messages?session_id={fork['session_id']}")["data"]
    assert [message["index"] for message in own] == [2, 3]
    assert daemon.call("GET", f"/sessions/{fork['session_id']}")["message_count"] == 2


def test_a_fork_with_a_prompt_runs_it(daemon: Daemon, repository: Path) -> None:
    """A fork that comes with a prompt is answered as what it has become by it, and its worktree is its own when one is
    asked for."""
    parent = start_session(daemon, repository)
    _prompted(daemon, parent["session_id"], "paint it red")
    data = {"prompt": "in green", "worktree": {"name": "green"}}
    fork = daemon.call("POST", f"/sessions/{parent['session_id']}/fork", data)
    tasks = daemon.call("GET", f"/tasks?session_id={fork['session_id']}")["data"]
    assert wait_for_task(daemon, tasks[0]["task_id"])["status"] == "completed"
    assert fork["title"] == "in green"
    assert fork["repo"]["worktree_name"] == "green"
    assert fork["repo"]["cwd"] != parent["repo"]["cwd"]
    assert Path(fork["repo"]["cwd"], "hello.py").is_file()


def test_a_spawned_child_reports_back(daemon: Daemon, repository: Path) -> None:
    """A child starts fresh; when it ends it is completed, and its answer is a system message of its parent."""
    parent = start_session(daemon, repository)["session_id"]
    _prompted(daemon, parent, "plan the work")
    child = daemon.call("POST", f"/sessions/{parent}/spawn", {"prompt": "count the files"})
    assert child["parent_session_id"] == parent
    assert child["forked_from_session_id"] is None
    task = daemon.call("GET", f"/tasks?session_id={child['session_id']}")["data"][0]
    assert wait_for_task(daemon, task["task_id"])["status"] == "completed"
    assert daemon.call("GET", f"/sessions/{child['session_id']}")["status"] == "completed"
    last = daemon.call("GET", f"/messages?session_id={parent}")["data"][-1]
    assert last["role"] == "system"
    assert "count the files" in str(last["content"])
    assert "plan the work" not in str(daemon.call("GET", f"/messages?session_id={child['session_id']}")["data"])


def test_the_tree_is_told_whole(daemon: Daemon, repository: Path) -> None:
    """Genealogy gives ancestors, descendants and children as whole sessions, over any depth."""
    root = start_session(daemon, repository)["session_id"]
    _prompted(daemon, root, "begin")
    fork = daemon.call("POST", f"/sessions/{root}/fork", {})["session_id"]
    child = daemon.call("POST", f"/sessions/{fork}/spawn", {})["session_id"]
    tree = daemon.call("GET", f"/sessions/{fork}/genealogy")
    assert tree["session"]["session_id"] == fork
    assert [session["session_id"] for session in tree["ancestors"]] == [root]
    assert [session["session_id"] for session in tree["children"]] == [child]
    from_root = daemon.call("GET", f"/sessions/{root}/genealogy")
    assert {session["session_id"] for session in from_root["descendants"]} == {fork, child}
    assert daemon.call("GET", f"/sessions/{root}")["genealogy"]["children"] == [fork]


def test_a_session_with_forks_cannot_be_deleted(daemon: Daemon, repository: Path) -> None:
    """Deleting what a fork lives from is a conflict that names the forks; afterwards both are still there."""
    root = start_session(daemon, repository)["session_id"]
    _prompted(daemon, root, "begin")
    fork = daemon.call("POST", f"/sessions/{root}/fork", {})["session_id"]
    status, error = daemon.request("DELETE", f"/sessions/{root}")
    assert (status, error["name"]) == (409, "Conflict")
    assert fork in str(error["data"])
    assert daemon.call("GET", f"/sessions/{root}")["session_id"] == root
    assert daemon.call("DELETE", f"/sessions/{fork}")["session_id"] == fork
    assert daemon.request("DELETE", f"/sessions/{root}")[0] == 200


def test_every_way_to_call_fork_is_the_same_fork(daemon: Daemon, repository: Path) -> None:
    """The path below the record, and the service method header with the id in the data, make the same session."""
    root = start_session(daemon, repository)["session_id"]
    _prompted(daemon, root, "begin")
    by_path = daemon.call("POST", f"/sessions/{root[:13]}/fork", {})
    status, by_header = daemon.request("POST", "/sessions", {"session_id": root}, headers={"X-Service-Method": "fork"})
    assert status == 200
    assert by_path["forked_from_session_id"] == by_header["forked_from_session_id"] == root
    status, error = daemon.request("POST", "/sessions", {}, headers={"X-Service-Method": "fork"})
    assert (status, error["name"]) == (400, "BadRequest")
