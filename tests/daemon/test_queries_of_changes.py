"""A query beside a call that makes or changes one record."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest

from agor_core.client import LiveClient
from tests.daemon.test_live import Screen
from tests.support.daemon import Daemon, clean_environment, running_daemon
from tests.support.databases import MakeUrl, make_url, postgres, postgres_template, sqlite_template

__all__ = ["make_url", "postgres", "postgres_template", "sqlite_template"]

AT_ONCE = 8
ROUNDS = 12


@pytest.fixture
def path(daemon: Daemon) -> str:
    """Of a session of the scripted agent."""
    session = daemon.call("POST", "/sessions", {"agent": "scripted", "title": "as it was"})
    return f"/sessions/{session['session_id']}"


@pytest.mark.parametrize("method", ["PATCH", "PUT", "DELETE"])
def test_a_record_that_does_not_match_is_not_changed(daemon: Daemon, path: str, method: str) -> None:
    """Who asks to change a record only if it is such and such is told that there is none; a query that is none is the
    caller's mistake. What does match is changed."""
    data = None if method == "DELETE" else {"title": "changed"}
    for query, status in (
        ("agent=codex", 404),
        ("title[$ne]=as it was", 404),
        ("$or[0][archived]=true&$or[1][agent]=codex", 404),
        ("nonsense=1", 400),
        ("$nonsense=1", 400),
        ("$select=nonsense", 400),
    ):
        answer = daemon.request(method, f"{path}?{query}".replace(" ", "%20"), data)
        assert answer[0] == status, (query, answer)
    assert daemon.call("GET", path)["title"] == "as it was"
    assert daemon.call(method, f"{path}?agent=scripted&archived=false", data)["agent"] == "scripted"


async def test_what_is_selected_is_answered_and_the_event_is_whole(daemon: Daemon) -> None:
    """`$select` names what comes back, with the id and, unless it is gone, its short id; screens hear the whole."""
    async with LiveClient(daemon.url) as client:
        screen = Screen(client)
        data = {"agent": "scripted", "title": "Work"}
        made = await asyncio.to_thread(daemon.call, "POST", "/sessions?$select[]=title&$select[]=status", data)
        assert made == {**made, "title": "Work", "status": "idle"}
        assert made.keys() == {"session_id", "title", "status", "short_id"}
        heard = await screen.until("sessions created", session_id=made["session_id"])
        assert heard["agent"] == "scripted"
    path, id = f"/sessions/{made['session_id']}", made["session_id"]
    changed = daemon.call("PATCH", f"{path}?$select=title", {"title": "Play"})
    assert changed == {"session_id": id, "title": "Play", "short_id": changed["short_id"]}
    assert daemon.request("POST", "/sessions?$select=nonsense", {"agent": "scripted"})[0] == 400
    assert daemon.call("GET", "/sessions")["total"] == 1
    assert daemon.call("DELETE", f"{path}?$select=title") == {"session_id": id, "title": "Play"}


@pytest.mark.parametrize("backend", ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def test_of_many_who_expect_the_same_one_changes_it(backend: str, make_url: MakeUrl, tmp_path: Path) -> None:
    """Of those who ask at once to change or remove a record only as long as it is as they know it, the first does; for
    all others it is no such one any more; also where two daemons share a database."""
    url = make_url(backend)
    with ExitStack() as stack, ThreadPoolExecutor(AT_ONCE) as callers:
        daemons = [
            stack.enter_context(running_daemon(home, environment=clean_environment(home, AGOR_DATABASE_URL=url)))
            for home in ([tmp_path / "one"] if backend == "sqlite" else [tmp_path / "one", tmp_path / "two"])
        ]
        board = daemons[0].call("POST", "/boards", {"name": "0"})["board_id"]

        def expect(number: int, which: int) -> tuple[int, str]:
            daemon, path = daemons[which % len(daemons)], f"/boards/{board}?name={number}"
            if number == ROUNDS and which == 0:
                return daemon.request("DELETE", path)[0], ""
            status, answer = daemon.request("PATCH", path, {"name": str(number + 1), "description": str(which)})
            return status, answer.get("description", "")

        for number in range(ROUNDS):
            answers = list(callers.map(expect, [number] * AT_ONCE, range(AT_ONCE)))
            assert sorted(status for status, _ in answers) == [200, *[404] * (AT_ONCE - 1)]
            stored = daemons[-1].call("GET", f"/boards/{board}")
            assert (stored["name"], stored["description"]) == (
                str(number + 1),
                max(answers, key=lambda one: one[0] == 200)[1],
            )
        answers = list(callers.map(expect, [ROUNDS] * AT_ONCE, range(AT_ONCE)))
        assert sorted(status for status, _ in answers) == [200, *[404] * (AT_ONCE - 1)]
