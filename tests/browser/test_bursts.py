"""Much that happens at once: nothing of it is lost, and the page draws it in few steps."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import MakeSession, OpenPage, card, open_session
from tests.support.daemon import Daemon

pytestmark = pytest.mark.browser

MESSAGES = 2000
# What is drawn between two waits of the page is one change to whoever observes it.
COUNT_DRAWINGS = """() => {
  window.drawings = { count: 0, since: performance.now() }
  const all = { childList: true, subtree: true, characterData: true, attributes: true }
  new MutationObserver(() => { window.drawings.count += 1 }).observe(document.body, all)
}"""
# A step at most every 15 ms, and up to two more for what a list has to measure first.
MOST_DRAWINGS = "50 + (performance.now() - window.drawings.since) / 5"


def test_two_thousand_messages_at_once_are_drawn_in_few_steps(
    daemon: Daemon, make_session: MakeSession, open_page: OpenPage
) -> None:
    """Who looks on while a conversation is imported sees all of it, in order, without a drawing for each message."""
    session = make_session("imported")
    said = {"session_id": session["session_id"], "type": "assistant", "role": "assistant"}
    page = open_page(daemon.url)
    open_session(page, daemon, session)
    page.evaluate(COUNT_DRAWINGS)
    messages = [{**said, "content": f"line {number} of the import"} for number in range(MESSAGES)]
    for begin in range(0, MESSAGES, 1000):
        daemon.call("POST", "/messages/bulk", messages[begin : begin + 1000])
    log = page.get_by_role("log")
    expect(log.get_by_text(f"line {MESSAGES - 1} of the import", exact=True)).to_be_in_viewport()
    count, most = page.evaluate(f"[window.drawings.count, {MOST_DRAWINGS}]")
    print(f"{MESSAGES} messages: {count} drawings")
    assert count < most
    log.evaluate("log => { log.scrollTop = 0 }")
    expect(log.get_by_text("line 0 of the import", exact=True)).to_be_in_viewport()


def test_a_board_that_is_emptied_at_once_is_empty(daemon: Daemon, repository: Path, open_page: OpenPage) -> None:
    """Cards go as fast as their sessions are archived; none is left over, and the one that came meanwhile is there."""
    data = {"agent": "scripted", "cwd": str(repository)}
    ids = [daemon.call("POST", "/sessions", data)["session_id"] for _ in range(50)]
    page = open_page(daemon.url)
    expect(page.get_by_label("50 sessions")).to_be_visible()
    for id in ids:
        daemon.call("PATCH", f"/sessions/{id}", {"archived": True})
    daemon.call("POST", "/sessions", {**data, "title": "the next one"})
    expect(page.get_by_label("1 sessions")).to_be_visible()
    expect(page.locator(".react-flow__node")).to_have_count(1)
    expect(card(page, "the next one")).to_be_visible()


def test_a_page_out_of_sight_is_as_true_as_one_in_sight(
    daemon: Daemon, make_session: MakeSession, open_page: OpenPage
) -> None:
    """Where nothing is drawn, what happens still counts at once: the title of the tab says that an agent asks."""
    session = make_session("asking")
    page = open_page(daemon.url)
    expect(card(page, "asking")).to_be_visible()
    page.evaluate("Object.defineProperty(document, 'visibilityState', { get: () => 'hidden' })")
    page.clock.pause_at("2100-01-01")
    daemon.call("POST", f"/sessions/{session['session_id']}/prompt", {"prompt": "ask me"})
    expect(page).to_have_title("(1) Agor")
