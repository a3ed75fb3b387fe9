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


# From the next look at a queue on, all that the daemon sends is kept; `release` gives out in one go what begins so.
HOLD_FRAMES = r"""() => {
  const held = []
  window.isHolding = window.isArmed = false
  window.looks = []
  window.WebSocket = class extends WebSocket {
    send(frame) {
      const [, number, method] = /^42(\d+)\["(find","sessions\/[^"]+\/queue|queue","sessions)"/.exec(frame) ?? []
      if (method === 'queue","sessions') window.wish = `43${number}[`
      else if (method) window.looks.push(`43${number}[`)
      if (method && window.isArmed) window.isHolding = true
      super.send(frame)
    }
    set onmessage(hear) {
      super.onmessage = (event) => (window.isHolding ? held.push([event, hear]) : hear(event))
    }
  }
  const placeOf = (start) => held.findIndex(([event]) => event.data.startsWith(start))
  window.holds = (start) => placeOf(start) >= 0
  window.release = (...starts) => {
    for (const start of starts) {
      const [[event, hear]] = held.splice(placeOf(start), 1)
      hear(event)
    }
  }
  window.releaseAll = () => {
    window.isHolding = window.isArmed = false
    for (const [event, hear] of held.splice(0)) hear(event)
  }
}"""
NOTE_ORDERS = """waiting => {
  window.orders = []
  const note = () => {
    const order = [...waiting.querySelectorAll('li')].map((item) => item.innerText.trim()).join(', ')
    if (order !== window.orders.at(-1)) window.orders.push(order)
  }
  note()
  new MutationObserver(note).observe(waiting, { childList: true, subtree: true })
}"""


def test_an_order_that_was_read_before_does_not_undo_a_change(
    daemon: Daemon, make_session: MakeSession, open_page: OpenPage
) -> None:
    """Where the answer to an earlier look at the queue comes right behind the answer to the change, the prompts stay as
    they were put, and are not otherwise for a moment."""
    session = make_session("busy")
    page = open_page(daemon.url)
    page.add_init_script(f"({HOLD_FRAMES})()")
    page.reload()
    open_session(page, daemon, session)
    send(page, "never end")
    expect(page.get_by_role("button", name="Stop")).to_be_visible()
    for prompt in ("one", "two"):
        send(page, prompt)
        expect(page.get_by_role("button", name=f"Move up: {prompt}")).to_be_visible()
    waiting = page.get_by_role("region", name="Waiting prompts")
    waiting.evaluate(NOTE_ORDERS)
    page.evaluate("window.isArmed = true; window.looks = []")
    daemon.call("POST", f"/sessions/{session['session_id']}/prompt", {"prompt": "three"})
    page.wait_for_function("() => window.looks.length === 1 && window.holds(window.looks[0])")
    page.get_by_role("button", name="Move up: two").click()
    page.wait_for_function("() => window.wish && window.holds(window.wish)")
    page.evaluate("window.release(window.wish, window.looks[0])")
    page.wait_for_function("() => window.looks.length > 1")
    page.evaluate("window.releaseAll()")
    expect(waiting.get_by_role("listitem")).to_have_text(["two", "one", "three"])
    assert page.evaluate("window.orders") == ["one, two", "one, two, three", "two, one, three"]
