"""What happens anywhere appears on every screen at once."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import WebSocketRoute, expect

from tests.browser.conftest import COUNTED, Cli, MakeSession, OpenPage, card, open_session, send
from tests.support.daemon import Daemon, running_daemon

pytestmark = pytest.mark.browser

GROWS = """soFar => {
  const writing = document.querySelector('[aria-label="assistant, still writing"]')
  return writing?.innerText.length > soFar.length
}"""

# At first the one, and the other when the daemon has been away for a while.
IS_AWAY = re.compile("Reconnecting; what you see may be old|The daemon does not answer")

# What was not opened yet is loaded when there is time: the scripts and styles of the inbox, and all they need.
IS_INBOX_LOADED = """() => {
  const loaded = new Set(performance.getEntriesByType('resource').map((entry) => entry.name))
  const wanted = [...document.querySelectorAll('link[href*="/assets/"]')].map((link) => link.href)
  return wanted.some((url) => url.includes('/Inbox-')) && wanted.every((url) => loaded.has(url))
}"""


def test_what_the_cli_does_appears_in_the_gui_at_once(
    daemon: Daemon, repository: Path, open_page: OpenPage, cli: Cli
) -> None:
    """An empty board says what to type; typing it makes the card appear without a reload, with the answer in it."""
    page = open_page(daemon.url)
    expect(page.get_by_text("No session on this board yet")).to_be_visible()
    expect(page.get_by_text("agor session start")).to_be_visible()
    cli("repo", "add", ".", cwd=repository)
    cli(
        *("session", "start", "--repo", ".", "--worktree", "try-it", "--agent", "scripted", "add a README"),
        cwd=repository,
    )
    expect(card(page, "add a README")).to_contain_text("try-it")
    expect(page.get_by_label("1 sessions")).to_be_visible()
    card(page, "add a README").click()
    expect(page.get_by_role("log")).to_contain_text("You asked: “add a README”")
    cli("session", "prompt", page.url.rsplit("/", 1)[-1], "and shorter", cwd=repository)
    expect(page.get_by_role("log")).to_contain_text("You asked: “and shorter”")


def test_a_prompt_typed_in_the_gui_streams_to_every_screen(
    daemon: Daemon, make_session: MakeSession, open_page: OpenPage
) -> None:
    """Both screens show the answer grow while it is said, and can stop it; a finished one stands there once."""
    session = make_session("slow one")
    typing, watching = open_page(daemon.url), open_page(daemon.url)
    open_session(typing, daemon, session)
    open_session(watching, daemon, session)
    send(typing, "take your time")
    for page in (typing, watching):
        writing = page.get_by_label("assistant, still writing")
        expect(writing).to_contain_text("first word")
        page.wait_for_function(GROWS, arg=writing.inner_text())
        expect(page.get_by_role("button", name="Stop")).to_be_enabled()
    watching.get_by_role("button", name="Stop").click()
    for page in (typing, watching):
        expect(page.get_by_role("region", name="Task: take your time")).to_contain_text("Stopped")
    send(typing, "do it slowly")
    for page in (typing, watching):
        expect(page.get_by_role("region", name="Task: do it slowly")).to_contain_text("Completed")
        expect(page.get_by_label("assistant, still writing")).to_have_count(0)
        said = page.get_by_role("article", name="assistant", exact=True)
        expect(said.filter(has_text="word last")).to_have_count(1)


def test_a_screen_opened_in_the_middle_of_an_answer_has_all_of_it(
    daemon: Daemon, make_session: MakeSession, open_page: OpenPage
) -> None:
    """Who comes late sees the text from its beginning, though the first pieces were sent before."""
    session = make_session("slow one")
    daemon.call("POST", f"/sessions/{session['session_id']}/prompt", {"prompt": "take your time"})
    early = open_page(daemon.url)
    open_session(early, daemon, session)
    expect(early.get_by_label("assistant, still writing")).to_contain_text("word word word")
    late = open_page(daemon.url)
    open_session(late, daemon, session)
    expect(late.get_by_label("assistant, still writing")).to_contain_text("first word")


@pytest.mark.parametrize("late_by", ["being opened", "being cut off"])
def test_a_late_screen_shows_what_was_said_though_nothing_more_comes(
    daemon: Daemon, make_session: MakeSession, open_page: OpenPage, late_by: str
) -> None:
    """Who opens a conversation after a piece, or was cut off while it was said, sees it before the next one comes."""
    session = make_session("pausing")
    early, late = open_page(daemon.url), open_page(daemon.url)
    open_session(early, daemon, session)
    connections: list[WebSocketRoute] = []

    def deaf_at_first(socket: WebSocketRoute) -> None:
        connections.append(socket)
        is_deaf = len(connections) == 1
        server = socket.connect_to_server()
        server.on_message(lambda frame: None if is_deaf and "streaming:" in str(frame) else socket.send(frame))

    if late_by == "being cut off":
        late.route_web_socket("**/socket.io/**", deaf_at_first)
        late.reload()
        open_session(late, daemon, session)
    send(early, "pause")
    expect(early.get_by_label("assistant, still writing")).to_contain_text("It goes on.")
    if late_by == "being cut off":
        expect(late.get_by_role("region", name="Task: pause")).to_contain_text("Running")
        expect(late.get_by_label("assistant, still writing")).to_have_count(0)
        connections[0].close()
    else:
        open_session(late, daemon, session)
    expect(late.get_by_label("assistant, still writing")).to_contain_text("It goes on.")
    late.get_by_role("button", name="Stop").click()
    for page in (early, late):
        expect(page.get_by_role("region", name="Task: pause")).to_contain_text("Stopped")
        expect(page.get_by_label("assistant, still writing")).to_have_count(0)
        expect(page.get_by_role("article", name="assistant", exact=True)).to_have_text(["It goes on."])


def test_a_late_screen_misses_no_word_and_repeats_none(
    daemon: Daemon, make_session: MakeSession, open_page: OpenPage
) -> None:
    """What a screen shows that was opened in the middle is at each moment the beginning of what is being said."""
    session = make_session("counting")
    daemon.call("POST", f"/sessions/{session['session_id']}/prompt", {"prompt": "count"})
    words = " ".join(f"n{number}" for number in range(COUNTED))
    page = open_page(daemon.url)
    for _ in range(3):
        open_session(page, daemon, session)
        writing, shown = page.get_by_label("assistant, still writing"), ""
        for _ in range(4):
            page.wait_for_function(GROWS, arg=shown)
            shown = writing.inner_text()
            assert words.startswith(shown.strip())
        page.goto(f"{daemon.url}/#/")
        expect(writing).to_have_count(0)


def test_after_the_daemon_was_killed_the_gui_comes_back_by_itself(
    environment: dict[str, str], tmp_path: Path, repository: Path, open_page: OpenPage, cli: Cli, port: int
) -> None:
    """While the daemon is away the GUI says so; when it is back, what happened meanwhile is there."""
    with running_daemon(tmp_path, f"--port={port}", environment=environment) as first:
        page = open_page(first.url, may_complain=True)
        expect(page.get_by_text("No session on this board yet")).to_be_visible()
        page.wait_for_function(IS_INBOX_LOADED)
        first.kill()
        expect(page.get_by_text(IS_AWAY)).to_be_visible()
        page.get_by_role("button", name="Needs attention").click()  # what was not opened yet is there, too
        expect(page.get_by_role("dialog", name="Needs attention")).to_be_visible()
        page.keyboard.press("Escape")
    with running_daemon(tmp_path, f"--port={port}", environment=environment):
        cli("repo", "add", ".", cwd=repository)
        cli("session", "start", "--repo", ".", "--agent", "scripted", "while you were away", cwd=repository)
        expect(page.get_by_label("Connection: Connected")).to_be_visible()
        expect(page.get_by_text(IS_AWAY)).to_have_count(0)
        expect(card(page, "while you were away")).to_be_visible()


def test_a_card_that_is_moved_moves_on_every_screen(
    daemon: Daemon, make_session: MakeSession, open_page: OpenPage
) -> None:
    """Where a card was dropped is kept, and another screen shows it there."""
    session = make_session("movable")
    mine, theirs = open_page(daemon.url), open_page(daemon.url)
    expect(card(theirs, "movable")).to_be_visible()
    before = card(theirs, "movable").evaluate("node => node.style.transform")
    # At first the board is moved so that all is in sight.
    mine.wait_for_function("new DOMMatrix(document.querySelector('.react-flow__viewport')?.style.transform).e !== 0")
    card(mine, "movable").hover()
    mine.mouse.down()
    mine.mouse.move(500, 300, steps=5)
    mine.mouse.up()
    theirs.wait_for_function(
        "before => (document.querySelector('.react-flow__node')?.style.transform ?? before) !== before", arg=before
    )
    stored = daemon.call("GET", f"/sessions/{session['session_id']}")["position"]
    shown = theirs.evaluate("new DOMMatrix(document.querySelector('.react-flow__node').style.transform).toJSON()")
    assert (shown["e"], shown["f"]) == (stored["x"], stored["y"])
