"""Boards, repositories, and starting sessions, by mouse and by keyboard."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import MakeSession, OpenPage, card, prompt_box
from tests.support.daemon import Daemon

pytestmark = pytest.mark.browser

SAMPLES = Path(__file__).parents[1] / "samples"
MANY_CARDS = 60


def test_a_session_is_started_in_the_gui(daemon: Daemon, repository: Path, open_page: OpenPage) -> None:
    """The dialog says which agents are not ready and why; with one that is, it makes worktree, session and task."""
    daemon.call("POST", "/repos", {"local_path": str(repository)})
    page = open_page(daemon.url)
    page.get_by_role("button", name="New session").first.click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Agent").select_option("codex")
    expect(dialog).to_contain_text("not installed")
    dialog.get_by_label("Name of the new worktree").fill("from-the-gui")
    expect(dialog.get_by_role("button", name="Start")).to_be_disabled()
    dialog.get_by_label("Agent").select_option("scripted")
    dialog.get_by_label("Prompt").fill("say hello")
    dialog.get_by_role("button", name="Start").click()
    expect(page.get_by_role("log")).to_contain_text("You asked: “say hello”")
    expect(card(page, "say hello")).to_contain_text("from-the-gui")


def test_boards_are_made_renamed_and_deleted(daemon: Daemon, open_page: OpenPage) -> None:
    """A board is made and named here, another screen has it at once, and deleting it asks first."""
    page, other = open_page(daemon.url), open_page(daemon.url)
    page.get_by_role("button", name="New board").click()
    page.get_by_label("Name", exact=True).fill("Release 2")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Release 2")).to_be_visible()
    expect(page).to_have_url(re.compile("#/boards/release-2$"))
    expect(other.get_by_role("link", name="Release 2")).to_be_visible()
    page.get_by_role("button", name="More about the board Release 2").click()
    page.get_by_role("menuitem", name="Rename").click()
    page.get_by_label("Name", exact=True).fill("Release 3")
    page.keyboard.press("Enter")
    expect(other.get_by_role("link", name="Release 3")).to_be_visible()
    page.get_by_role("button", name="More about the board Release 3").click()
    page.get_by_role("menuitem", name="Delete").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(other.get_by_role("link", name="Release 3")).to_have_count(0)
    expect(page.get_by_role("heading", name="Default")).to_be_visible()


def test_a_board_is_used_without_a_mouse(daemon: Daemon, make_session: MakeSession, open_page: OpenPage) -> None:
    """Arrows go from card to card, Alt and an arrow moves one, Enter opens it."""
    first, second = make_session("one"), make_session("two")
    page = open_page(daemon.url)
    expect(card(page, "two")).to_be_visible()
    card(page, "one").focus()
    expect(card(page, "one")).to_be_focused()
    page.keyboard.press("ArrowRight")
    expect(card(page, "two")).to_be_focused()
    page.keyboard.press("Alt+ArrowDown")
    page.wait_for_function(
        "id => document.querySelector(`.react-flow__node[data-id='${id}']`)?.style.transform.includes('20px)')",
        arg=second["session_id"],
    )
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{daemon.url}/#/sessions/{second['session_id']}")
    expect(prompt_box(page)).to_be_visible()
    assert daemon.call("GET", f"/sessions/{first['session_id']}")["position"] is None


def test_an_arrow_reaches_a_card_that_is_out_of_sight(daemon: Daemon, open_page: OpenPage) -> None:
    """On a board so full that only what is in sight is drawn, the board moves to the next card, which has the focus."""
    for number in range(MANY_CARDS):
        daemon.call("POST", "/sessions", {"agent": "scripted", "title": f"number {number}"})
    far = daemon.call("POST", "/sessions", {"agent": "scripted", "title": "far away"})
    daemon.call("PATCH", f"/sessions/{far['session_id']}", {"position": {"x": 20_000, "y": 0}})
    near = daemon.call("POST", "/sessions", {"agent": "scripted", "title": "near it"})
    daemon.call("PATCH", f"/sessions/{near['session_id']}", {"position": {"x": 10_000, "y": 0}})
    page = open_page(f"{daemon.url}/#/sessions/{near['session_id']}")
    page.get_by_role("button", name="Close the session").click()
    card(page, "near it").focus()
    expect(card(page, "far away")).to_have_count(0)
    page.keyboard.press("ArrowRight")
    expect(card(page, "far away")).to_be_focused()
    page.keyboard.press("ArrowLeft")
    expect(card(page, "near it")).to_be_focused()


def test_a_claude_code_transcript_is_imported(daemon: Daemon, open_page: OpenPage) -> None:
    """A path that does not exist is refused in the dialog; a transcript becomes a session with its tools."""
    page = open_page(daemon.url)
    page.get_by_role("button", name="Import a transcript").click()
    field = page.get_by_role("dialog").get_by_label("File or session id")
    field.fill("/nowhere/at-all.jsonl")
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog").get_by_role("alert")).to_be_visible()
    field.fill(str(SAMPLES / "claude-2.1" / "tools.jsonl"))
    page.keyboard.press("Enter")
    log = page.get_by_role("log")
    expect(log.get_by_role("region").first).to_contain_text("Completed")
    expect(page.locator(".react-flow__node")).to_have_count(1)


def test_the_first_words_fit_on_a_phone(daemon: Daemon, open_page: OpenPage) -> None:
    """What to type where there is no session yet is all to be seen on a narrow screen."""
    page = open_page(daemon.url, viewport={"width": 390, "height": 800})
    for words in ("agor session start", "and watch it appear here"):
        expect(page.get_by_text(words)).to_be_in_viewport(ratio=1)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_has_room_for_one_thing_at_a_time(
    daemon: Daemon, make_session: MakeSession, open_page: OpenPage, scheme: str
) -> None:
    """On a narrow screen the board gives way to the open session, nothing sticks out, and the way back is there."""
    make_session("small screen")
    page = open_page(daemon.url, viewport={"width": 390, "height": 800}, color_scheme=scheme)
    card(page, "small screen").click()
    expect(prompt_box(page)).to_be_visible()
    expect(card(page, "small screen")).to_be_hidden()
    page.wait_for_function("document.documentElement.scrollWidth === 390")
    page.get_by_role("button", name="Close the session").click()
    expect(card(page, "small screen")).to_be_visible()
    page.get_by_role("button", name="Boards", exact=True).click()
    page.get_by_role("link", name="Repositories").click()
    expect(page.get_by_role("region", name="Repository demo")).to_be_visible()
    page.wait_for_function("document.documentElement.scrollWidth === 390")


def test_addresses_that_lead_nowhere_say_so(daemon: Daemon, open_page: OpenPage) -> None:
    """An unknown board, an unknown session and an unknown page each say what is missing and lead back."""
    page = open_page(f"{daemon.url}/#/boards/nope")
    expect(page.get_by_text("No board “nope”")).to_be_visible()
    page.goto(f"{daemon.url}/#/sessions/00000000-0000-7000-8000-000000000001")
    expect(page.get_by_text("No such session")).to_be_visible()
    page.goto(f"{daemon.url}/#/what/is/this")
    expect(page.get_by_text("There is nothing here")).to_be_visible()
    page.get_by_role("link", name="To the boards").click()
    expect(page.get_by_role("heading", name="Default")).to_be_visible()


def test_a_part_that_cannot_be_fetched_leaves_the_rest_usable(daemon: Daemon, open_page: OpenPage) -> None:
    """As after an update of the daemon: the page says so and what helps; the bar stays, and reloading repairs it."""
    page = open_page(daemon.url, may_complain=True)
    page.route("**/assets/ReposPage*.js", lambda route: route.abort())
    page.reload()
    page.get_by_role("link", name="Repositories").click()
    expect(page.get_by_role("alert")).to_contain_text("This could not be shown")
    page.get_by_role("link", name="Default").click()
    expect(page.get_by_role("heading", name="Default")).to_be_visible()
    page.go_back()
    page.unroute("**/assets/ReposPage*.js")
    page.get_by_role("button", name="Reload the page").click()
    expect(page.get_by_role("heading", name="Repositories")).to_be_visible()
