"""A query beside a call that makes or changes one record."""

from __future__ import annotations

import asyncio

import pytest

from agor_core.client import LiveClient
from tests.daemon.test_live import Screen
from tests.support.daemon import Daemon


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
    """`$select` names what comes back, with the id and, of what is made, its short id; screens hear the whole."""
    async with LiveClient(daemon.url) as client:
        screen = Screen(client)
        data = {"agent": "scripted", "title": "Work"}
        made = await asyncio.to_thread(daemon.call, "POST", "/sessions?$select[]=title&$select[]=status", data)
        assert made == {**made, "title": "Work", "status": "idle"}
        assert made.keys() == {"session_id", "title", "status", "short_id"}
        heard = await screen.until("sessions created", session_id=made["session_id"])
        assert heard["agent"] == "scripted"
    path, id = f"/sessions/{made['session_id']}", made["session_id"]
    assert daemon.call("PATCH", f"{path}?$select=title", {"title": "Play"}) == {"session_id": id, "title": "Play"}
    assert daemon.request("POST", "/sessions?$select=nonsense", {"agent": "scripted"})[0] == 400
    assert daemon.call("GET", "/sessions")["total"] == 1
    assert daemon.call("DELETE", f"{path}?$select=title") == {"session_id": id, "title": "Play"}
