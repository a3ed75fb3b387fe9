"""What the daemon says about itself: its API document, its metrics, its log."""

from __future__ import annotations

import json
import urllib.request

from tests.support.daemon import Daemon


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
    assert "<title>Agor</title>" in text(daemon, "/docs")


def test_calls_are_counted_and_logged_without_their_data(daemon: Daemon) -> None:
    """Each call is a line of the log and a number of the metrics; neither shows what was said."""
    daemon.call("POST", "/boards", {"name": "a very secret plan"})
    metrics = text(daemon, "/metrics")
    assert 'path="boards"' in metrics
    assert "feathers_connections 0" in metrics
    assert "boards" in daemon.log
    assert "a very secret plan" not in daemon.log
    assert "a very secret plan" not in metrics
