"""The prompts that wait behind a run: changed, moved and taken out, on every screen alike."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import MakeSession, OpenPage, open_session, send
from tests.support.daemon import Daemon

pytestmark = pytest.mark.browser


def test_waiting_prompts_are_moved_changed_and_taken_out(
    daemon: Daemon, make_session: MakeSession, open_page: OpenPage
) -> None:
    """By keyboard and by mouse; another screen shows the same order; they run in it once the queue goes on."""
    session = make_session("busy")
    page, other = open_page(daemon.url), open_page(daemon.url)
    open_session(page, daemon, session)
    open_session(other, daemon, session)

    def expect_queues(*prompts: str) -> None:
        for screen in (page, other):
            waiting = screen.get_by_role("region", name="Waiting prompts")
            expect(waiting.get_by_role("listitem")).to_have_text(list(prompts))

    send(page, "never end")
    expect(page.get_by_role("button", name="Stop")).to_be_visible()
    for prompt in ("one", "two", "three", "four"):
        send(page, prompt)
        expect(page.get_by_role("button", name=f"Move up: {prompt}")).to_be_visible()
    expect_queues("one", "two", "three", "four")
    page.get_by_role("button", name="Move up: three").click()
    expect_queues("one", "three", "two", "four")
    page.get_by_role("button", name="Edit: four").focus()
    page.keyboard.press("Alt+ArrowUp")
    expect_queues("one", "three", "four", "two")
    page.get_by_role("button", name="Do not run: four").click()
    expect_queues("one", "three", "two")
    other.locator("li", has_text="two").drag_to(other.locator("li", has_text="one"))
    expect_queues("two", "one", "three")
    page.get_by_role("button", name="Edit: one").click()
    page.get_by_role("textbox", name="Waiting prompt").fill("one, but better")
    page.keyboard.press("Control+Enter")
    expect_queues("two", "one, but better", "three")
    page.get_by_role("button", name="Stop").click()
    paused = other.get_by_role("region", name="Waiting prompts")
    expect(paused).to_contain_text("The queue is paused: the last task was stopped")
    paused.get_by_role("button", name="Resume").click()
    expect(page.get_by_role("region", name="Task: three")).to_contain_text("Completed")
    tasks = daemon.call("GET", f"/tasks?session_id={session['session_id']}&$sort[started_at]=1")["data"]
    assert [task["full_prompt"] for task in tasks] == ["never end", "two", "one, but better", "three"]
