"""Boards, and the sessions that are on them."""

from __future__ import annotations

from tests.support.daemon import Daemon


def test_a_session_is_on_one_board_at_a_time(daemon: Daemon) -> None:
    """Put on a second board it leaves the first; taken off, it is on none, and taking it off again is not found."""
    first, second = (daemon.call("POST", "/boards", {"name": name}) for name in ("First", "Second"))
    session = daemon.call("POST", "/sessions", {"agent": "scripted", "board_id": first["board_id"]})
    place = {"session_id": session["session_id"], "position": {"x": 3, "y": 4}}
    moved = daemon.call("POST", f"/boards/{second['board_id']}/sessions", place)
    assert (moved["board_id"], moved["position"]) == (second["board_id"], {"x": 3, "y": 4})
    assert daemon.call("GET", "/boards/first/sessions")["data"] == []
    assert [one["session_id"] for one in daemon.call("GET", "/boards/second/sessions")["data"]] == [place["session_id"]]
    assert daemon.call("GET", f"/boards/{second['board_id']}")["sessions"] == [place["session_id"]]
    path = f"/boards/second/sessions/{session['session_id']}"
    assert daemon.call("DELETE", path)["board_id"] is None
    assert daemon.request("DELETE", path)[0] == 404


def test_what_a_board_lists_is_named_as_in_any_list(daemon: Daemon) -> None:
    """The list of a board is a page of sessions, each with the short id under which it is found."""
    board = daemon.call("POST", "/boards", {"name": "Work"})
    for title in "ab":
        daemon.call("POST", "/sessions", {"agent": "scripted", "title": title, "board_id": board["board_id"]})
    page = daemon.call("GET", f"/boards/{board['board_id']}/sessions?$limit=1")
    assert (page["total"], page["limit"], len(page["data"])) == (2, 1, 1)
    (shown,) = page["data"]
    assert daemon.call("GET", f"/sessions/{shown['short_id']}")["session_id"] == shown["session_id"]
