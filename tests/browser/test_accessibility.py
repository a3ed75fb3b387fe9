"""For everybody: what axe-core finds by the rules of WCAG 2.2 AA, page by page, light and dark; and the keyboard."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import MakeSession, OpenPage, open_session, send
from tests.support.daemon import Daemon
from tests.support.node import find_node, install_packages

pytestmark = [pytest.mark.browser, pytest.mark.node]

FRONTEND = Path(__file__).parents[2] / "frontend"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
PHONE = {"width": 390, "height": 844}

Check = Callable[[Page], None]


@pytest.fixture(scope="module")
def check() -> Check:
    """Fails with what axe-core finds on a page as it is."""
    folder, reason = find_node()
    if folder is None:
        pytest.skip(reason)
    install_packages(FRONTEND)
    source = (FRONTEND / "node_modules/axe-core/axe.min.js").read_text()

    def run(page: Page) -> None:
        # A colour on its way is of no contrast yet.
        page.evaluate(
            "Promise.all(document.getAnimations().filter(a => a.effect.getTiming().iterations === 1)"
            ".map(a => a.finished.catch(() => null)))"
        )
        page.evaluate(source)
        found = page.evaluate("rules => axe.run(document, {runOnly: rules, resultTypes: ['violations']})", RULES)
        told = [
            {"rule": broken["id"], "where": [node["html"] for node in broken["nodes"]][:5], "help": broken["help"]}
            for broken in found["violations"]
        ]
        assert told == [], json.dumps(told, indent=1)

    return run


def with_everything(daemon: Daemon, make_session: MakeSession) -> dict[str, Any]:
    """A session with all that can be in a conversation, one that failed, and one that asks."""
    session = make_session("tools", permission_config={"mode": "default"})
    failed = make_session("failed")
    daemon.call("POST", f"/sessions/{failed['session_id']}/prompt", {"prompt": "fail"})
    return session


@pytest.mark.parametrize("colors", ["light", "dark"])
def test_no_page_breaks_the_rules(
    daemon: Daemon, make_session: MakeSession, open_page: OpenPage, check: Check, colors: str
) -> None:
    """Boards, conversations, questions, the inbox, repositories, snapshots, search, dialogs: names, contrast, roles."""
    session = with_everything(daemon, make_session)
    page = open_page(daemon.url, color_scheme=colors)
    expect(page.get_by_role("heading", name="Default")).to_be_visible()
    open_session(page, daemon, session)
    send(page, "ask me")
    expect(page.get_by_role("alertdialog")).to_be_visible()
    send(page, "use tools")
    expect(page.get_by_text("Next, in this order")).to_be_visible()
    expect(page.get_by_role("button", name="Needs attention: 1 question, 1 failure")).to_be_visible()
    check(page)
    page.get_by_role("alertdialog").get_by_role("button", name="Allow").click()
    expect(page.get_by_role("region", name="Task: ask me")).to_contain_text("Completed")
    expect(page.get_by_role("region", name="Task: use tools")).to_contain_text("Completed")
    page.get_by_role("button", name="Fork").click()
    expect(page.get_by_role("dialog")).to_be_visible()
    check(page)
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Needs attention").click()
    expect(page.get_by_role("dialog", name="Needs attention")).to_contain_text("failed")
    check(page)
    page.keyboard.press("Escape")
    page.goto(f"{daemon.url}/#/repos")
    expect(page.get_by_role("heading", name="Repositories")).to_be_visible()
    page.get_by_role("button", name="tools").first.click()
    page.get_by_text("Snapshots", exact=True).click()
    page.get_by_role("button", name="Drop the snapshot").first.click()
    expect(page.get_by_role("dialog")).to_be_visible()
    check(page)
    page.keyboard.press("Escape")
    page.goto(f"{daemon.url}/#/search/ask")
    expect(page.get_by_role("region", name="Messages found")).to_be_visible()
    check(page)
    page.get_by_role("button", name="New session").first.click()
    expect(page.get_by_role("dialog").get_by_label("Prompt")).to_be_visible()
    check(page)


def test_nor_do_those_of_accounts_and_small_screens(team_daemon: Daemon, open_page: OpenPage, check: Check) -> None:
    """The sign-in, the accounts and the boards on a phone."""
    page = open_page(team_daemon.url, may_complain=True, viewport=PHONE)
    expect(page.get_by_label("Email")).to_be_visible()
    check(page)
    page.get_by_label("Email").fill("ann@example.com")
    page.get_by_role("textbox", name="Password").fill("correct horse")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Default")).to_be_visible()
    check(page)
    page.get_by_role("button", name="Boards").click()
    page.get_by_role("link", name="People").click()
    expect(page.get_by_role("heading", name="Your account")).to_be_visible()
    check(page)


def test_everything_of_a_page_is_reached_by_keyboard(
    daemon: Daemon, make_session: MakeSession, open_page: OpenPage
) -> None:
    """Tab goes through every control that can be clicked, each with a name and a visible focus, and comes round."""
    make_session("by keyboard")
    page = open_page(f"{daemon.url}/#/repos")
    expect(page.get_by_role("button", name="by-keyboard").first).to_be_visible()
    expect(page.get_by_text("clean", exact=True)).to_be_visible()
    expect(page.get_by_label("1 sessions")).to_be_visible()
    reached = []
    for _ in range(60):
        page.keyboard.press("Tab")
        reached.append(page.evaluate(FOCUSED))
        if reached[-1] is None and len(reached) > 1:
            break
    assert reached[-1] is None, "the focus does not come round"
    assert [one for one in reached[:-1] if one is None or not one["name"] or not one["is_seen"]] == []
    clickable = page.evaluate(CLICKABLE)
    assert {one["name"] for one in reached[:-1]} >= set(clickable)


NAME = """element =>
  (element.getAttribute('aria-label') || element.innerText || element.labels?.[0]?.innerText || '').trim()"""
FOCUSED = f"""() => {{
  const element = document.activeElement
  if (!element || element === document.body) return null
  const style = getComputedStyle(element)
  const is_seen = style.outlineStyle !== 'none' || element.matches('input, select, textarea')
  return {{ name: ({NAME})(element), is_seen }}
}}"""
CLICKABLE = f"""() => [...document.querySelectorAll('a[href], button, input, select')]
  .filter((element) => element.checkVisibility() && !element.disabled).map({NAME})"""
