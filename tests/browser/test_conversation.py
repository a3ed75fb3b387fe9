"""What can be done in a conversation."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import MakeSession, OpenPage, card, open_session, prompt_box, send
from tests.daemon.conftest import wait_for_task
from tests.support.daemon import Daemon

pytestmark = pytest.mark.browser


def test_a_fork_remembers_and_is_marked_where_it_begins(
    daemon: Daemon, make_session: MakeSession, open_page: OpenPage
) -> None:
    """The fork dialog leads to the new session, which shows what it inherited and from where, and a dashed edge."""
    session = make_session("root")
    page = open_page(daemon.url)
    open_session(page, daemon, session)
    send(page, "remember the milk")
    expect(page.get_by_role("region", name="Task: remember the milk")).to_contain_text("Completed")
    page.get_by_role("button", name="Fork").click()
    page.get_by_role("dialog").get_by_label("Prompt").fill("what did I say?")
    page.get_by_role("dialog").get_by_role("button", name="Fork", exact=True).click()
    log = page.get_by_role("log")
    expect(log).to_contain_text("Inherited from")
    expect(log).to_contain_text("This fork from here on")
    expect(log).to_contain_text("before it you asked: “remember the milk”")
    expect(page.get_by_role("navigation", name="Genealogy")).to_contain_text("root")
    expect(page.locator(".react-flow__edge")).to_have_count(1)
    expect(page.locator(".react-flow__edge path").first).to_have_css("stroke-dasharray", "7px, 5px")
    forks = daemon.call("GET", f"/sessions/{session['session_id']}/genealogy")["children"]
    assert [fork["forked_from_session_id"] for fork in forks] == [session["session_id"]]


def test_a_spawned_child_starts_fresh_and_reports_back(
    daemon: Daemon, make_session: MakeSession, open_page: OpenPage
) -> None:
    """The child remembers nothing; when it ends, its answer stands in the parent's conversation."""
    session = make_session("parent")
    page = open_page(daemon.url)
    open_session(page, daemon, session)
    send(page, "hello")
    expect(page.get_by_role("region", name="Task: hello")).to_contain_text("Completed")
    page.get_by_role("button", name="Spawn").click()
    page.get_by_role("dialog").get_by_label("Prompt").fill("look at this")
    page.get_by_role("dialog").get_by_role("button", name="Spawn", exact=True).click()
    expect(page.get_by_role("log")).to_contain_text("You asked: “look at this”")
    expect(page.get_by_role("log")).not_to_contain_text("hello")
    page.get_by_role("navigation", name="Genealogy").get_by_role("link", name="parent").click()
    expect(page.get_by_role("article", name="system")).to_contain_text("look at this")
    expect(page.locator(".react-flow__edge path").first).to_have_css("stroke-dasharray", "none")


def test_an_agent_that_asks_is_allowed_or_denied_here(
    daemon: Daemon, make_session: MakeSession, open_page: OpenPage
) -> None:
    """The question shows on the card, in the bar and in the conversation; the answer lets the agent go on."""
    session = make_session("asking")
    page = open_page(daemon.url)
    open_session(page, daemon, session)
    send(page, "ask me")
    question = page.get_by_role("alertdialog")
    expect(question).to_contain_text("asked.md")
    expect(card(page, "asking")).to_contain_text("Asks permission")
    expect(page.get_by_role("button", name="Needs attention: 1 question")).to_be_visible()
    question.get_by_role("button", name="Allow").click()
    expect(page.get_by_role("log")).to_contain_text("That was the question.")
    expect(page.get_by_role("alertdialog")).to_have_count(0)
    send(page, "ask me again")
    page.get_by_role("alertdialog").get_by_label("Reason").fill("not today")
    page.get_by_role("alertdialog").get_by_role("button", name="Deny").click()
    expect(page.get_by_role("alertdialog")).to_have_count(0)
    decided = daemon.call("GET", "/permissions?status=denied")["data"]
    assert [request["reason"] for request in decided] == ["not today"]


def test_stop_ends_the_run_and_keeps_what_waits(daemon: Daemon, make_session: MakeSession, open_page: OpenPage) -> None:
    """Prompts sent while an agent works wait above the box; after Stop the waiting one goes on by hand."""
    session = make_session("stoppable")
    page = open_page(daemon.url)
    open_session(page, daemon, session)
    send(page, "take your time")
    expect(page.get_by_label("assistant, still writing")).to_contain_text("first")
    send(page, "then this")
    waiting = page.get_by_role("region", name="Waiting prompts")
    expect(waiting).to_contain_text("then this")
    page.get_by_role("button", name="Stop").click()
    expect(page.get_by_role("region", name="Task: take your time")).to_contain_text("Stopped")
    expect(waiting).to_contain_text("The queue is paused: the last task was stopped")
    waiting.get_by_role("button", name="Resume").click()
    expect(page.get_by_role("log")).to_contain_text("You asked: “then this”")


# From when `isHolding` is set on, what the daemon sends is kept, and given out in one go by `release`.
HOLD_FRAMES = """() => {
  const held = []
  window.isHolding = false
  window.WebSocket = class extends WebSocket {
    set onmessage(hear) {
      super.onmessage = (event) => (window.isHolding ? held.push([event, hear]) : hear(event))
    }
  }
  window.release = () => {
    window.isHolding = false
    for (const [event, hear] of held.splice(0)) hear(event)
  }
}"""


def test_the_next_run_can_be_stopped_too(daemon: Daemon, make_session: MakeSession, open_page: OpenPage) -> None:
    """Also where a page that is slow hears at once that the one that was stopped has ended and that the next began."""
    session = make_session("stopped twice")
    page = open_page(daemon.url)
    page.add_init_script(f"({HOLD_FRAMES})()")
    page.reload()
    open_session(page, daemon, session)
    send(page, "never end")
    stop = page.get_by_role("button", name="Stop", exact=True)
    expect(stop).to_be_enabled()
    page.evaluate("window.isHolding = true")
    stop.click()
    (task,) = daemon.call("GET", f"/tasks?session_id={session['session_id']}")["data"]
    wait_for_task(daemon, task["task_id"], "stopped")
    following = daemon.call("POST", f"/sessions/{session['session_id']}/prompt", {"prompt": "pause"})
    wait_for_task(daemon, following["task_id"], "running")
    page.evaluate("window.release()")
    expect(page.get_by_role("region", name="Task: never end")).to_contain_text("Stopped")
    stop.click()
    expect(page.get_by_role("region", name="Task: pause")).to_contain_text("Stopped")


def test_a_flood_of_words_leaves_the_page_usable(
    daemon: Daemon, make_session: MakeSession, open_page: OpenPage
) -> None:
    """An answer that comes faster than it can be drawn is drawn in larger steps: one can type, and stop it."""
    session = make_session("flooded")
    page = open_page(daemon.url)
    open_session(page, daemon, session)
    send(page, "flood me")
    expect(page.get_by_label("assistant, still writing")).to_contain_text("word " * 2000)
    send(page, "then this")
    expect(page.get_by_role("region", name="Waiting prompts")).to_contain_text("then this")
    page.get_by_role("button", name="Stop").click()
    expect(page.get_by_role("region", name="Task: flood me")).to_contain_text("Stopped")


def test_tools_are_a_line_each_and_open_to_input_and_result(
    daemon: Daemon, make_session: MakeSession, open_page: OpenPage
) -> None:
    """A command opens to its output, an edit to a diff, a sub-agent to its messages; the task says what changed."""
    session = make_session("tools")
    page = open_page(daemon.url)
    open_session(page, daemon, session)
    send(page, "use tools")
    log = page.get_by_role("log")
    expect(log).to_contain_text("All done.")
    # What comes last moves the rest, and with it what is about to be clicked.
    expect(page.get_by_role("region", name="Task: use tools")).to_contain_text("Completed")
    expect(log.locator("strong")).to_have_text("look")
    log.get_by_role("button", name="Bash").click()
    expect(log).to_contain_text("from-the-shell")
    log.get_by_role("button", name="Edit").click()
    expect(log.get_by_label("Change of")).to_contain_text("goodbye")
    expect(log).not_to_contain_text("said by the sub-agent")
    log.get_by_role("button", name="Show the sub-agent").click()
    expect(log).to_contain_text("said by the sub-agent")
    page.get_by_role("button", name="1 file changed").click()
    expect(page.get_by_role("dialog")).to_contain_text("goodbye")


def test_a_failed_task_says_why_and_what_to_do(daemon: Daemon, make_session: MakeSession, open_page: OpenPage) -> None:
    """The reason and the advice stand where the answer would have been."""
    session = make_session("failing")
    page = open_page(daemon.url)
    open_session(page, daemon, session)
    send(page, "fail please")
    failure = page.get_by_role("log").get_by_role("alert")
    expect(failure).to_contain_text("the limit is reached")
    expect(failure).to_contain_text("Wait for a while")
    expect(card(page, "failing")).to_contain_text("Failed")


def test_what_an_agent_writes_runs_nothing_and_fetches_nothing(
    daemon: Daemon, make_session: MakeSession, open_page: OpenPage
) -> None:
    """Scripts, handlers, script links and remote pictures in an answer are harmless text."""
    session = make_session("hostile")
    page = open_page(daemon.url)
    open_session(page, daemon, session)
    send(page, "be hostile")
    log = page.get_by_role("log")
    expect(log).to_contain_text("end of it")
    expect(page.get_by_role("region", name="Task: be hostile")).to_contain_text("Completed")
    expect(log.locator("script, img")).to_have_count(0)
    expect(log.locator("a[href^='javascript:' i]")).to_have_count(0)
    assert page.evaluate("window.pwned") is None


def test_a_prompt_that_was_not_sent_survives_a_reload(
    daemon: Daemon, make_session: MakeSession, open_page: OpenPage
) -> None:
    """What somebody typed is not lost."""
    session = make_session("draft")
    page = open_page(daemon.url)
    open_session(page, daemon, session)
    prompt_box(page).fill("half a thought")
    page.reload()
    expect(prompt_box(page)).to_have_value("half a thought")


LONG = 700

# Scrolls to a place, once all that is drawn was measured; what the first whole message in sight there says.
SCROLL_AND_READ = """async (log, place) => {
    const frame = () => new Promise((drawn) => requestAnimationFrame(drawn))
    for (let height = 0, same = 0; same < 10; same = log.scrollHeight === height ? same + 1 : 0) {
        height = log.scrollHeight
        await frame()
    }
    log.scrollTop = place
    await frame()
    for (;;) {
        await frame()
        const top = log.getBoundingClientRect().top
        const row = [...log.querySelectorAll('article')].find((row) => row.getBoundingClientRect().top >= top)
        if (row) return row.innerText
    }
}"""

# In one step of the page, so that what the click draws is drawn before the browser tells of the movement.
GO_UP_AND_CLICK = """(log, [distance, label]) => {
    log.scrollTop -= distance
    const button = [...log.querySelectorAll('button')].find((button) => button.innerText.includes(label))
    button.click()
}"""


def test_who_goes_up_is_not_thrown_back_by_what_is_drawn_meanwhile(
    daemon: Daemon, make_session: MakeSession, open_page: OpenPage
) -> None:
    """The view follows what is written until it is moved up, however much is drawn in that very moment."""
    session = make_session("moving")
    said = {"session_id": session["session_id"], "type": "assistant", "role": "assistant", "content": "line"}
    daemon.call("POST", "/messages/bulk", [said] * 40)
    page = open_page(daemon.url)
    open_session(page, daemon, session)
    send(page, "use tools")
    log = page.get_by_role("log")
    expect(log.get_by_role("button", name="Show the sub-agent")).to_be_visible()
    expect(log.get_by_text("All done.")).to_be_in_viewport()
    log.evaluate(GO_UP_AND_CLICK, [500, "Show the sub-agent"])
    expect(page.get_by_role("button", name="To the end")).to_be_visible()
    expect(log.get_by_text("All done.")).not_to_be_in_viewport()
    page.get_by_role("button", name="To the end").click()
    expect(log.get_by_text("All done.")).to_be_in_viewport()


def test_a_long_conversation_opens_at_its_end_and_is_read_backwards(
    daemon: Daemon, make_session: MakeSession, open_page: OpenPage
) -> None:
    """Only what is near is fetched; going up brings what was said before, without moving what is being read."""
    session = make_session("long talk")
    messages = [
        {
            "session_id": session["session_id"],
            "type": "assistant",
            "role": "assistant",
            "content": f"line {number} of the talk",
        }
        for number in range(LONG)
    ]
    daemon.call("POST", "/messages/bulk", messages)
    page = open_page(daemon.url)
    heard: list[str] = []
    page.on("websocket", lambda socket: socket.on("framereceived", lambda frame: heard.append(str(frame))))
    page.reload()
    open_session(page, daemon, session)
    log = page.get_by_role("log")
    expect(log.get_by_text(f"line {LONG - 1} of the talk", exact=True)).to_be_in_viewport()
    assert any(f"line {LONG - 1} of" in frame for frame in heard)
    assert not any(f"line {LONG // 2} of" in frame for frame in heard)

    height = log.evaluate("log => log.scrollHeight")
    in_sight = log.evaluate(SCROLL_AND_READ, 300)
    page.wait_for_function("([log, height]) => log.scrollHeight > height", arg=[log.element_handle(), 1.5 * height])
    expect(log.get_by_text(in_sight, exact=True)).to_be_in_viewport()
    height = log.evaluate("log => log.scrollHeight")
    log.evaluate(SCROLL_AND_READ, 0)
    page.wait_for_function("([log, height]) => log.scrollHeight > height", arg=[log.element_handle(), height])
    log.evaluate(SCROLL_AND_READ, 0)
    expect(log.get_by_text("line 0 of the talk", exact=True)).to_be_in_viewport()
    page.get_by_role("button", name="To the end").click()
    expect(log.get_by_text(f"line {LONG - 1} of the talk", exact=True)).to_be_in_viewport()
