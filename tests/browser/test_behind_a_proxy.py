"""The GUI under a public name with TLS, through a real nginx, set up with what the README says."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from tests.browser.conftest import OpenPage, prompt_box, send
from tests.support.chromium import FLAGS, find_chromium
from tests.support.fronts import NAME, OWNER, Front
from tests.support.team import Client

# To a browser one proxy is like the other.
pytestmark = [pytest.mark.browser, pytest.mark.parametrize("front", ["nginx"], indirect=True, scope="module")]


@pytest.fixture(scope="module")
def browser(front: Front) -> Iterator[Browser]:
    """Chromium, for which the public name is where the proxy listens."""
    path, reason = find_chromium()
    if path is None:
        pytest.skip(reason)
    there = f"--host-resolver-rules=MAP {NAME}:443 127.0.0.1:{front.port}"
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=[*FLAGS, there])
        yield chromium
        chromium.close()


def test_the_gui_is_live_through_a_proxy(front: Front, open_page: OpenPage) -> None:
    """Somebody signs in at the public address, sees at once what others do, and an answer while it is said."""
    page = open_page(f"https://{NAME}/", ignore_https_errors=True)
    page.get_by_label("Email").fill(OWNER)
    page.get_by_role("textbox", name="Password").fill(OWNER)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="Default")).to_be_visible()
    owner = Client(front.daemon, OWNER)
    data = {"agent": "scripted", "title": "seen from afar", "cwd": str(front.daemon.home)}
    session = owner.call("POST", "/sessions", data)
    expect(page.get_by_role("heading", name="seen from afar")).to_be_visible()
    page.goto(f"https://{NAME}/#/sessions/{session['session_id']}")
    expect(prompt_box(page)).to_be_visible()
    send(page, "hello there")
    expect(page.get_by_role("region", name="Task: hello there")).to_contain_text("Completed")
    expect(page.get_by_role("log")).to_contain_text("You asked: “hello there”")
