"""What the daemon says about itself: its API document, its metrics, its log."""

from __future__ import annotations

import json
import urllib.request
from pathlib import Path

import pytest

from tests.support.daemon import Daemon
from tests.support.documents import check_asyncapi, check_openapi, explore
from tests.support.node import find_node, install_packages

JS = Path(__file__).parent.parent / "js"
STORED = ("sessions", "tasks", "messages", "permissions", "boards", "repos", "worktrees", "users")


def text(daemon: Daemon, path: str) -> str:
    """What a page says."""
    with urllib.request.urlopen(daemon.url + path, timeout=30) as answer:
        body: bytes = answer.read()
    return body.decode()


def test_the_api_document_names_every_service_and_what_it_takes(daemon: Daemon) -> None:
    """OpenAPI 3.1 describes each service and custom method, with the fields that are validated."""
    document = daemon.call("GET", "/openapi.json")
    assert document["openapi"].startswith("3.1")
    for path in ("sessions", "tasks", "messages", "boards", "repos", "worktrees", "users", "permissions"):
        assert f"/{path}" in document["paths"], path
    assert any(path.endswith("/fork") for path in document["paths"])
    assert "agent" in json.dumps(document["components"]["schemas"]["sessions_create"])
    assert "password" not in document["components"]["schemas"]["users_record"]["properties"]
    answer = document["paths"]["/repos/{id}"]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
    repo = answer["allOf"][1]["properties"]
    assert repo["worktrees"] == {"type": "array", "items": {"type": "string", "format": "uuid"}}
    branch = document["components"]["schemas"][repo["branches"]["items"]["$ref"].rpartition("/")[2]]
    assert set(branch["properties"]) == {"name", "sha", "remote"}
    assert "<title>Agor</title>" in text(daemon, "/docs")
    assert check_openapi(document) > 300


@pytest.mark.node
def test_the_document_of_events_names_every_event(daemon: Daemon) -> None:
    """AsyncAPI 3.0 describes each stored change, and what is streamed, with what it carries."""
    folder, reason = find_node()
    if folder is None:
        pytest.skip(reason)
    document = daemon.call("GET", "/asyncapi.json")
    definition = install_packages(JS) / "@asyncapi/specs/schemas/3.0.0.json"
    assert check_asyncapi(document, definition) == len(document["channels"])
    events = {channel["address"]: channel["messages"]["event"] for channel in document["channels"].values()}
    assert {f"{path} {event}" for path in STORED for event in ("created", "patched", "removed")} <= set(events)
    assert events["sessions patched"]["x-logged"] is True
    chunk = events["messages streaming:chunk"]
    assert chunk["x-logged"] is False
    assert {"message_id", "message_index", "chunk"} <= set(chunk["payload"]["required"])


def test_the_api_is_as_its_document_says(daemon: Daemon) -> None:
    """Right and wrong requests to every operation: no 500, only documented statuses, and answers of their schema."""
    ids = {
        "boards": daemon.call("POST", "/boards", {"name": "plans"})["board_id"],
        "sessions": daemon.call("POST", "/sessions", {"agent": "scripted"})["session_id"],
    }
    seen = explore(daemon.url, ids, examples=2)
    assert {200, 400, 404} <= set(seen)
    assert 500 not in seen


def test_calls_are_counted_and_logged_without_their_data(daemon: Daemon) -> None:
    """Each call is a line of the log and a number of the metrics; neither shows what was said."""
    daemon.call("POST", "/boards", {"name": "a very secret plan"})
    metrics = text(daemon, "/metrics")
    assert 'path="boards"' in metrics
    assert "feathers_connections 0" in metrics
    assert "boards" in daemon.log
    assert "a very secret plan" not in daemon.log
    assert "a very secret plan" not in metrics
