"""Finding what was said, wherever it was said."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import MakeSession, OpenPage, open_session, prompt_box
from tests.support.daemon import Daemon

pytestmark = pytest.mark.browser


def say(daemon: Daemon, session: dict[str, Any], *texts: str) -> None:
    """Put messages into a session's transcript, as an importer would."""
    records = [
        {
            "session_id": session["session_id"],
            "type": "assistant",
            "role": "assistant",
            "content": [{"type": "text", "text": text}],
        }
        for text in texts
    ]
    daemon.call("POST", "/messages/bulk", records)


def test_a_message_is_found_by_its_words_and_jumped_to(
    daemon: Daemon, make_session: MakeSession, open_page: OpenPage
) -> None:
    """Hits are marked; the link goes to the message in the middle of its conversation; the way back to the results."""
    session = make_session("orchard")
    say(daemon, session, *(f"Line {n}: " + "nothing of note. " * 20 for n in range(150)))
    say(daemon, session, "The walnut tree stands by the gate.")
    say(daemon, session, *(f"Later {n}: " + "nothing of note. " * 20 for n in range(150)))
    page = open_page(daemon.url)
    expect(page.get_by_role("heading", name="Default")).to_be_visible()
    page.keyboard.press("Control+k")
    page.get_by_label("Search for").fill("waln tree")
    expect(page.get_by_text("Nothing was found")).to_be_visible()
    page.get_by_label("Search for").fill("tree waln")
    hits = page.get_by_role("region", name="Messages found")
    expect(hits.get_by_role("link")).to_contain_text("orchard")
    expect(hits.locator("mark")).to_have_text(["walnut", "tree"])
    page.get_by_label("Said by").select_option("user")
    expect(page.get_by_text("Nothing was found")).to_be_visible()
    page.get_by_label("Said by").select_option("")
    hits.get_by_role("link").click()
    expect(page).to_have_url(re.compile(f"#/sessions/{session['session_id']}/"))
    sought = page.get_by_role("log").locator("[aria-current=true]")
    expect(sought).to_have_text("The walnut tree stands by the gate.")
    expect(sought).to_be_in_viewport()
    expect(prompt_box(page)).to_be_visible()
    page.go_back()
    expect(page.get_by_label("Search for")).to_have_value("tree waln")
    expect(hits.get_by_role("link")).to_have_count(1)


def test_a_session_is_found_by_its_title(daemon: Daemon, make_session: MakeSession, open_page: OpenPage) -> None:
    """Sessions come first, and a click opens one."""
    make_session("the flux capacitor")
    page = open_page(f"{daemon.url}/#/search/capacitor")
    page.get_by_role("region", name="Sessions found").get_by_role("link").click()
    expect(page.get_by_role("region", name="Session the flux capacitor")).to_be_visible()


def test_all_sessions_that_were_found_can_be_shown(daemon: Daemon, repository: Path, open_page: OpenPage) -> None:
    """The best ten are shown at first, below how many there are, and the rest when asked for."""
    for number in range(12):
        data = {"agent": "scripted", "cwd": str(repository), "title": f"walnut {number}"}
        daemon.call("POST", "/sessions", data)
    page = open_page(f"{daemon.url}/#/search/walnut")
    found = page.get_by_role("region", name="Sessions found")
    expect(found).to_contain_text("12")
    expect(found.get_by_role("link")).to_have_count(10)
    found.get_by_role("button", name="Show more").click()
    expect(found.get_by_role("link")).to_have_count(12)
    expect(found.get_by_role("button", name="Show more")).to_have_count(0)


def test_words_that_are_the_title_are_shown_once(
    daemon: Daemon, make_session: MakeSession, open_page: OpenPage
) -> None:
    """A session that is called as its first prompt was, and that prompt: marked in the title, and not said again; what
    says more than the title is shown below it."""
    session = make_session("x", title=None, description="plant a walnut tree")
    records = [("user", "plant a walnut tree"), ("assistant", "The walnut tree is planted.")]
    daemon.call(
        "POST",
        "/messages/bulk",
        [{"session_id": session["session_id"], "type": role, "role": role, "content": said} for role, said in records],
    )
    page = open_page(f"{daemon.url}/#/search/walnut")
    hit = page.get_by_role("region", name="Sessions found").get_by_role("link")
    expect(hit).to_have_text(re.compile("^plant a walnut tree"))
    expect(hit.locator("mark")).to_have_text(["walnut"])
    said = page.get_by_role("region", name="Messages found").get_by_role("link")
    for who, marks in (("user", "plant a walnut tree"), ("assistant", "The walnut tree is planted.")):
        one = said.filter(has_text=who)
        expect(one.get_by_text("plant a walnut tree", exact=True)).to_have_count(1)
        expect(one).to_contain_text(marks)
        expect(one.locator("mark")).to_have_count(1)


def test_archived_sessions_are_asked_for_or_left_out(
    daemon: Daemon, make_session: MakeSession, open_page: OpenPage
) -> None:
    """They are found, and said to be archived, unless one asks for the others only; so is what was said in them."""
    old, new = make_session("walnut of old"), make_session("walnut of today")
    for session in (old, new):
        say(daemon, session, "A walnut fell.")
    daemon.call("PATCH", f"/sessions/{old['session_id']}", {"archived": True})
    page = open_page(f"{daemon.url}/#/search/walnut")
    sessions = page.get_by_role("region", name="Sessions found").get_by_role("link")
    messages = page.get_by_role("region", name="Messages found").get_by_role("link")
    expect(sessions).to_have_count(2)
    expect(sessions.filter(has_text="archived")).to_contain_text("walnut of old")
    for choice, title in (("Archived", "walnut of old"), ("Not archived", "walnut of today")):
        page.get_by_label("Archived", exact=True).select_option(choice)
        expect(sessions).to_have_count(1)
        expect(sessions).to_contain_text(title)
        expect(messages).to_have_count(1)
        expect(messages).to_contain_text(title)
    page.reload()
    expect(page.get_by_label("Archived", exact=True)).to_have_value("no")
    expect(sessions).to_contain_text("walnut of today")


def test_a_search_is_narrowed_and_widened_again(daemon: Daemon, make_session: MakeSession, open_page: OpenPage) -> None:
    """By agent, board, repository, session and day; the address keeps it; with nothing left, one click widens it."""
    garden = daemon.call("POST", "/boards", {"name": "Garden"})
    orchard = make_session("orchard", board_id=garden["board_id"])
    cellar = make_session("cellar")
    for session in (orchard, cellar):
        say(daemon, session, "The walnut tree stands by the gate.")
    elsewhere = daemon.call("POST", "/sessions", {"agent": "codex", "title": "elsewhere"})
    say(daemon, elsewhere, "A walnut fell.")
    adrift = make_session("adrift")
    say(daemon, adrift, "A walnut on no board.")
    daemon.call("DELETE", f"/boards/{adrift['board_id']}/sessions/{adrift['session_id']}")
    page = open_page(f"{daemon.url}/#/search/walnut")
    hits = page.get_by_role("region", name="Messages found").get_by_role("link")
    expect(hits).to_have_count(4)
    page.get_by_label("Repository", exact=True).select_option(orchard["repo"]["repo_slug"])
    expect(hits).to_have_count(3)
    page.get_by_label("Board", exact=True).select_option("Garden")
    expect(hits).to_have_count(1)
    expect(hits).to_contain_text("orchard")
    page.reload()
    expect(page.get_by_label("Board", exact=True)).to_have_value(garden["board_id"])
    expect(hits).to_have_count(1)
    page.get_by_label("Repository", exact=True).select_option("")
    page.get_by_label("Board", exact=True).select_option("On no board")
    expect(hits).to_have_count(1)
    expect(hits).to_contain_text("adrift")
    page.get_by_label("Agent", exact=True).select_option("codex")
    expect(page.get_by_role("heading", name="Nothing was found")).to_be_visible()
    page.get_by_role("button", name="Search without filters").click()
    expect(hits).to_have_count(4)
    page.get_by_label("When").select_option("between")
    page.get_by_label("Last day").fill("2020-02-29")
    expect(page.get_by_role("heading", name="Nothing was found")).to_be_visible()
    page.get_by_label("When").select_option("7")
    expect(hits).to_have_count(4)
    open_session(page, daemon, cellar)
    page.get_by_label("More about this session").click()
    page.get_by_role("menuitem", name="Search in it").click()
    page.get_by_label("Search for").fill("walnut")
    expect(hits).to_have_count(1)
    page.get_by_role("button", name="Only in cellar").click()
    expect(hits).to_have_count(4)


def test_a_search_works_by_keyboard_and_says_what_it_cannot(
    daemon: Daemon, make_session: MakeSession, open_page: OpenPage
) -> None:
    """Arrow keys go from the field to the hits and back; a board that is no more is an error that says so."""
    session = make_session("orchard")
    say(daemon, session, "One walnut.", "Two walnuts and a walnut.")
    page = open_page(f"{daemon.url}/#/search/walnut")
    hits = page.get_by_role("region", name="Messages found").get_by_role("link")
    expect(hits).to_have_count(2)
    page.get_by_label("Search for").focus()
    page.keyboard.press("ArrowDown")
    expect(hits.nth(0)).to_be_focused()
    page.keyboard.press("ArrowDown")
    expect(hits.nth(1)).to_be_focused()
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowUp")
    expect(page.get_by_label("Search for")).to_be_focused()
    page.goto(f"{daemon.url}/#/search/walnut?board=gone")
    expect(page.get_by_role("alert")).to_contain_text("gone")
    page.get_by_label("Board", exact=True).select_option("")
    expect(hits).to_have_count(2)
