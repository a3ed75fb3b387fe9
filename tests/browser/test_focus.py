"""Where the keyboard is after something was opened, answered or taken away: never nowhere."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import MakeSession, OpenPage, open_session, prompt_box, send
from tests.support.daemon import Daemon

pytestmark = pytest.mark.browser

IS_IN = "element => element.contains(document.activeElement) && document.activeElement !== element"


def open_and_close(page: Page, opener: str) -> None:
    """Open the dialog of this button with the keyboard, and close it again: the focus is on the button."""
    button = page.get_by_role("button", name=re.compile(f"^{opener}")).first
    button.focus()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog")
    expect(dialog).to_be_visible()
    page.wait_for_function(IS_IN, arg=dialog.element_handle())
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    expect(button).to_be_focused()


def test_a_dialog_gives_the_focus_back_to_what_opened_it(
    daemon: Daemon, make_session: MakeSession, open_page: OpenPage
) -> None:
    """Closed with Escape, whether a button opened it or an entry of a menu."""
    session, other = make_session("by keyboard"), make_session("elsewhere")
    daemon.call("POST", f"/sessions/{other['session_id']}/prompt", {"prompt": "hello"})
    page = open_page(daemon.url)
    open_session(page, daemon, session)
    send(page, "use tools")
    expect(page.get_by_role("region", name="Task: use tools")).to_contain_text("Completed")
    for opener in ("New session", "Import a transcript", "New board", "Fork", "Spawn", "1 file changed"):
        open_and_close(page, opener)
    inbox = page.get_by_role("button", name="Needs attention")
    inbox.focus()
    page.keyboard.press("Enter")
    attention = page.get_by_role("dialog", name="Needs attention")
    elsewhere = attention.get_by_role("link", name="elsewhere")
    elsewhere.focus()
    expect(elsewhere).to_be_focused()
    page.keyboard.press("Escape")
    expect(attention).to_have_count(0)
    expect(inbox).to_be_focused()
    menu = page.get_by_role("button", name="More about the board Default")
    rename = page.get_by_role("menuitem", name="Rename")
    menu.focus()
    page.keyboard.press("Enter")
    expect(rename).to_be_focused()
    page.keyboard.press("Escape")
    expect(rename).to_have_count(0)
    expect(menu).to_be_focused()
    page.keyboard.press("Enter")
    expect(rename).to_be_focused()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog", name="Rename Default")
    expect(dialog.get_by_label("Name")).to_be_focused()
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    expect(menu).to_be_focused()


def test_after_what_opened_it_has_gone_the_focus_is_on_what_is_next(
    daemon: Daemon, make_session: MakeSession, open_page: OpenPage
) -> None:
    """A worktree is removed with its own button, by keyboard alone; the focus is then in the list it was in."""
    for name in ("first", "second", "third"):
        make_session(name)
    page = open_page(f"{daemon.url}/#/repos")
    open_and_close(page, "New worktree")
    open_and_close(page, "Remove the worktree second")
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("button", name="Keep it")).to_be_focused()
    page.keyboard.press("Tab")
    expect(dialog.get_by_role("button", name="Remove")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Remove the worktree second")).to_have_count(0)
    expect(dialog).to_have_count(0)
    third = page.get_by_role("list", name="Worktrees of demo").get_by_role("listitem").nth(1)
    expect(third).to_contain_text("third")
    page.wait_for_function(IS_IN, arg=third.element_handle())


def test_a_question_is_answered_by_keyboard_and_the_next_prompt_typed(
    daemon: Daemon, make_session: MakeSession, open_page: OpenPage
) -> None:
    """An answered question goes from the page, and the focus is where the next prompt is typed."""
    session = make_session("asking")
    page = open_page(daemon.url)
    open_session(page, daemon, session)
    send(page, "ask me")
    allow = page.get_by_role("alertdialog").get_by_role("button", name="Allow")
    allow.focus()
    expect(allow).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("alertdialog")).to_have_count(0)
    expect(prompt_box(page)).to_be_focused()
    page.keyboard.type("and then")
    page.keyboard.press("Control+Enter")
    expect(page.get_by_role("region", name="Task: and then")).to_contain_text("Completed")


def test_a_stopped_task_leaves_the_focus_beside_the_button(
    daemon: Daemon, make_session: MakeSession, open_page: OpenPage
) -> None:
    """The button that stops a task goes with it, and the focus is on what comes next."""
    page = open_page(daemon.url)
    open_session(page, daemon, make_session("long"))
    send(page, "never end")
    stop = page.get_by_role("button", name="Stop")
    stop.focus()
    expect(stop).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("region", name="Task: never end")).to_contain_text("Stopped")
    expect(page.get_by_role("button", name="Fork")).to_be_focused()


def test_a_session_is_started_and_found_without_a_mouse(
    daemon: Daemon, make_session: MakeSession, open_page: OpenPage
) -> None:
    """From the dialog to its conversation, and from there with Ctrl+K to the search, and to what it finds."""
    make_session("first")
    page = open_page(daemon.url)
    page.get_by_role("button", name="New session").first.focus()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog", name="New session")
    expect(dialog.get_by_label("Prompt")).to_be_focused()
    dialog.get_by_label("Agent").select_option("scripted")
    dialog.get_by_label("Name of the new worktree").focus()
    page.keyboard.type("by-keyboard")
    dialog.get_by_label("Prompt").focus()
    page.keyboard.type("look for the anchor")
    page.keyboard.press("Control+Enter")
    expect(dialog).to_have_count(0)
    expect(page.get_by_role("region", name="Task: look for the anchor")).to_contain_text("Completed")
    expect(page.get_by_role("button", name="New session").first).to_be_focused()
    page.keyboard.press("Control+k")
    expect(page.get_by_role("searchbox")).to_be_focused()
    page.keyboard.type("anchor")
    hit = page.get_by_role("main").get_by_role("link", name="anchor").first
    expect(hit).to_be_visible()
    page.keyboard.press("ArrowDown")
    expect(hit).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("log")).to_contain_text("look for the anchor")
