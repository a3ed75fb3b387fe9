"""The targets through a daemon's REST API, over one connection that stays open; above the round trip of `/health`."""

from __future__ import annotations

import http.client
import json
import random
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote

from tests.benchmarks.db.figures import Figure, measured
from tests.benchmarks.usage import cpu_s
from tests.support.daemon import Daemon

TIMES = 200


def figures(daemon: Daemon, ids: list[str], roots: tuple[str, str]) -> Iterator[Figure]:
    """All operations on a daemon with sessions of these ids, and two trees."""
    connection = http.client.HTTPConnection(daemon.url.removeprefix("http://"))
    operations = list(_operations(connection, ids, roots))
    bare = operations[0][1]
    for name, work, times in operations:
        yield Figure("API", name, len(ids), *measured(work, times, lambda: cpu_s(daemon.process.pid), bare))
    connection.close()


def _operations(
    connection: http.client.HTTPConnection, ids: list[str], roots: tuple[str, str]
) -> Iterator[tuple[str, Callable[[], object], int]]:
    """(name, one call, how often)."""

    def call(method: str, path: str, body: Any = None) -> bytes:
        text = None if body is None else json.dumps(body)
        connection.request(method, quote(path, safe="/?=&$[].:"), text, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        read = answer.read()
        assert answer.status < 300, read
        return read

    def get(path: Callable[[], str]) -> Callable[[], object]:
        return lambda: call("GET", path())

    narrow, wide = roots
    message = {"session_id": narrow, "type": "user", "role": "user", "content": "some words " * 20}
    yield "health", get(lambda: "/health"), TIMES
    yield "insert", lambda: call("POST", "/sessions", {"agent": "codex", "title": "new"}), TIMES
    yield "append a message", lambda: call("POST", "/messages", message), TIMES
    yield "patch", lambda: call("PATCH", f"/sessions/{random.choice(ids)}", {"title": "newer"}), TIMES
    yield "get", get(lambda: f"/sessions/{random.choice(ids)}"), TIMES
    yield "50 by status", get(lambda: "/sessions?status=idle&$limit=50&$total=false"), TIMES
    yield "50 by status and total", get(lambda: "/sessions?status=idle&$limit=50"), TIMES
    yield (
        "filter and sort",
        get(lambda: "/sessions?status=idle&$sort[last_updated]=-1&$limit=50&$total=false"),
        TIMES,
    )
    yield "genealogy", get(lambda: f"/sessions/{narrow}/genealogy"), TIMES
    yield "genealogy of 600", get(lambda: f"/sessions/{wide}/genealogy"), 20
    yield "short id", get(lambda: f"/sessions/{random.choice(ids)[:16]}?$select[]=status"), TIMES
    of_one = f"session_id={ids[5]}&git_state.ref=branch-0"
    yield "JSON field", get(lambda: f"/sessions?{of_one}&$total=false"), TIMES
