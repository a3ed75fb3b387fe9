"""Signing in and out, where the daemon wants to know who somebody is."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import OpenPage
from tests.support.daemon import Daemon

pytestmark = pytest.mark.browser


def sign_in(page: Page, password: str) -> None:
    """Fill the form and send it."""
    page.get_by_label("Email").fill("ann@example.com")
    page.get_by_role("textbox", name="Password").fill(password)
    page.get_by_role("button", name="Sign in").click()


def test_nothing_is_shown_before_signing_in(team_daemon: Daemon, open_page: OpenPage) -> None:
    """A wrong password is refused with a word; the right one opens the boards, and a reload keeps them open."""
    page = open_page(team_daemon.url)
    expect(page.get_by_role("heading", name="Sign in to Agor")).to_be_visible()
    expect(page.get_by_text("Default")).to_have_count(0)
    sign_in(page, "wrong")
    expect(page.get_by_role("alert")).to_contain_text("Invalid login")
    sign_in(page, "correct horse")
    expect(page.get_by_role("heading", name="Default")).to_be_visible()
    page.reload()
    expect(page.get_by_role("heading", name="Default")).to_be_visible()


def test_signing_out_leaves_nothing_behind(team_daemon: Daemon, open_page: OpenPage) -> None:
    """After signing out the form is back, and stays back after a reload."""
    page = open_page(team_daemon.url)
    sign_in(page, "correct horse")
    page.get_by_role("button", name="Signed in as Ann").click()
    page.get_by_role("menuitem", name="Sign out").click()
    expect(page.get_by_role("heading", name="Sign in to Agor")).to_be_visible()
    page.reload()
    expect(page.get_by_role("heading", name="Sign in to Agor")).to_be_visible()
    assert page.evaluate("JSON.stringify(localStorage)").find("eyJ") == -1


def test_a_token_that_is_void_leads_to_the_form(team_daemon: Daemon, open_page: OpenPage) -> None:
    """When all tokens of a user are revoked, the open screen asks to sign in again, and goes on where it was."""
    page = open_page(f"{team_daemon.url}/#/repos", may_complain=True)
    sign_in(page, "correct horse")
    expect(page.get_by_role("heading", name="Repositories")).to_be_visible()
    token = page.evaluate("localStorage.getItem('feathers-jwt')")
    headers = {"Authorization": f"Bearer {token}"}
    _, users = team_daemon.request("GET", "/users", headers=headers)
    user_id = users["data"][0]["user_id"]
    status, _ = team_daemon.request("POST", f"/users/{user_id}/revoke", {}, headers=headers)
    assert status == 200
    expect(page.get_by_role("heading", name="Sign in to Agor")).to_be_visible()
    sign_in(page, "correct horse")
    expect(page.get_by_role("heading", name="Repositories")).to_be_visible()


def test_an_address_signs_nobody_in(team_daemon: Daemon, open_page: OpenPage) -> None:
    """A token in a link is not taken: else whoever made the link would see what is done next."""
    page = open_page(team_daemon.url)
    sign_in(page, "correct horse")
    expect(page.get_by_role("heading", name="Default")).to_be_visible()
    token = page.evaluate("localStorage.getItem('feathers-jwt')")
    stranger = open_page(f"{team_daemon.url}/#access_token={token}")
    expect(stranger.get_by_role("heading", name="Sign in to Agor")).to_be_visible()
