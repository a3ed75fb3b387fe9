"""Accounts, where people sign in: made, given roles, signed out and removed on screen; the own name and password."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import OpenPage
from tests.support.daemon import Daemon

pytestmark = pytest.mark.browser


def sign_in(page: Page, email: str, password: str) -> None:
    """Fill the form and send it."""
    page.get_by_label("Email").fill(email)
    page.get_by_role("textbox", name="Password").fill(password)
    page.get_by_role("button", name="Sign in").click()


def open_people(page: Page) -> None:
    """Go to the accounts with a click."""
    page.get_by_role("link", name="People").click()
    expect(page.get_by_role("heading", name="People")).to_be_visible()


def test_an_owner_makes_changes_and_removes_accounts(team_daemon: Daemon, open_page: OpenPage) -> None:
    """Bob gets an account, sees what a member may, loses his sign-in with his role, and his account in the end."""
    page, bobs = open_page(team_daemon.url), open_page(team_daemon.url, may_complain=True)
    sign_in(page, "ann@example.com", "correct horse")
    open_people(page)
    page.get_by_role("button", name="New account").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Email").fill("bob@example.com")
    dialog.get_by_label("Name").fill("Bob")
    dialog.get_by_role("textbox", name="First password").fill("short")
    dialog.get_by_role("button", name="Create").click()
    expect(dialog.get_by_role("alert")).to_be_visible()
    dialog.get_by_role("textbox", name="First password").fill("battery staple")
    dialog.get_by_role("button", name="Create").click()
    bob = page.get_by_role("listitem", name="Bob")
    expect(bob).to_contain_text("bob@example.com")
    sign_in(bobs, "bob@example.com", "battery staple")
    open_people(bobs)
    expect(bobs.get_by_role("listitem", name="Ann")).to_be_visible()
    expect(bobs.get_by_text("ann@example.com")).to_have_count(0)
    expect(bobs.get_by_role("button", name="New account")).to_have_count(0)
    bob.get_by_label("Role of Bob").select_option("viewer")
    expect(bobs.get_by_role("heading", name="Sign in to Agor")).to_be_visible()
    sign_in(bobs, "bob@example.com", "battery staple")
    expect(bobs.get_by_role("region", name="Your account")).to_contain_text("viewer: reads only")
    bob.get_by_role("button", name="More about Bob").click()
    page.get_by_role("menuitem", name="Sign out everywhere").click()
    expect(bobs.get_by_role("heading", name="Sign in to Agor")).to_be_visible()
    bob.get_by_role("button", name="More about Bob").click()
    page.get_by_role("menuitem", name="Remove the account").click()
    page.get_by_role("dialog").get_by_role("button", name="Remove").click()
    expect(bob).to_have_count(0)
    sign_in(bobs, "bob@example.com", "battery staple")
    expect(bobs.get_by_role("alert")).to_contain_text("Invalid login")


def test_the_own_name_and_password_are_changed(team_daemon: Daemon, open_page: OpenPage) -> None:
    """The new name stands in the bar at once; a new password has to be used at once."""
    page = open_page(team_daemon.url, may_complain=True)
    sign_in(page, "ann@example.com", "correct horse")
    open_people(page)
    page.get_by_label("Name").fill("Ann B.")
    page.get_by_role("button", name="Save the name").click()
    expect(page.get_by_role("button", name="Signed in as Ann B.")).to_be_visible()
    page.get_by_role("textbox", name="New password").fill("correct zebra")
    page.get_by_role("button", name="Change the password").click()
    expect(page.get_by_role("status").filter(has_text="Your password is changed")).to_be_visible()
    sign_in(page, "ann@example.com", "correct horse")
    expect(page.get_by_role("alert")).to_contain_text("Invalid login")
    sign_in(page, "ann@example.com", "correct zebra")
    expect(page.get_by_role("heading", name="People")).to_be_visible()


def test_where_nobody_signs_in_there_are_no_accounts_to_show(daemon: Daemon, open_page: OpenPage) -> None:
    """Neither a link nor a page."""
    page = open_page(f"{daemon.url}/#/users")
    expect(page.get_by_text("There is nothing here")).to_be_visible()
    expect(page.get_by_role("link", name="People")).to_have_count(0)
