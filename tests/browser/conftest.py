"""A real Chromium on the real GUI, beside a real daemon whose scripted agent plays the tests' scenario."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.support.chromium import FLAGS, find_chromium
from tests.support.daemon import Daemon, running_daemon

WAIT_LIMIT_MS = 60_000
DESKTOP = {"width": 1400, "height": 860}
COUNTED = 60_000

TURNS: list[dict[str, Any]] = [
    {
        "when": "slowly",
        "steps": [{"thinking": "Slow is fine."}, {"text": "first " + "word " * 60 + "last", "pace_s": 0.05}],
    },
    {"when": "take your time", "steps": [{"text": "first " + "word " * 6000, "pace_s": 0.05}]},
    {"when": "flood", "steps": [{"text": "first " + "word " * 60_000, "pace_s": 0.001}]},
    {"when": "pause", "steps": [{"text": "It goes", "pace_s": 0}, {"text": " on.", "pace_s": 3000}]},
    {"when": "count", "steps": [{"text": " ".join(f"n{number}" for number in range(COUNTED)), "pace_s": 0.01}]},
    {"when": "never end", "steps": [{"text": "It goes on."}, {"hang": True}]},
    {
        "when": "ask me",
        "steps": [
            {"write": {"path": "asked.md", "content": "# Asked"}, "ask": True},
            {"text": "That was the question."},
        ],
    },
    {
        "when": "use tools",
        "steps": [
            {"text": "I **look** first."},
            {"bash": {"command": "echo from-the-shell"}},
            {"edit": {"path": "hello.py", "old": "hello", "new": "goodbye"}},
            {"subagent": {"prompt": "check it", "steps": [{"text": "said by the sub-agent"}]}},
            {"text": "All done."},
        ],
    },
    {
        "when": "fail",
        "steps": [
            {"text": "It will not go well."},
            {"error": {"kind": "rate_limited", "message": "the limit is reached"}},
        ],
    },
    {
        "when": "hostile",
        "steps": [
            {
                "text": "<script>window.pwned = 1</script><img src=x onerror='window.pwned = 2'>\n\n"
                "[click](javascript:window.pwned=3) ![spy](https://example.org/spy.png)\n\nend of it"
            }
        ],
    },
]

RETRIES = "AGOR_TEST_BROWSER_RETRIES"

OpenPage = Callable[..., Page]
Cli = Callable[..., str]
MakeSession = Callable[..., dict[str, Any]]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Where AGOR_TEST_BROWSER_RETRIES says how often, as in CI, a test in the browser that fails is tried again."""
    retries = int(os.environ.get(RETRIES, "0"))
    for item in items if retries else ():
        if item.get_closest_marker("browser"):
            item.add_marker(pytest.mark.flaky(reruns=retries))


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium, started once a module: while Playwright runs, no test with an event loop of its own can."""
    path, reason = find_chromium()
    if path is None:
        pytest.skip(reason)
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=list(FLAGS))
        yield chromium
        chromium.close()


@pytest.fixture
def environment(environment: dict[str, str], tmp_path: Path) -> dict[str, str]:
    """The environment of a user whose scripted agent plays `TURNS`."""
    scenario = tmp_path / "scenario.json"
    scenario.write_text(json.dumps({"turns": TURNS}))
    return {**environment, "AGOR_AGENTS_SCRIPTED_SCENARIO": str(scenario)}


@pytest.fixture
def open_page(browser: Browser) -> Iterator[OpenPage]:
    """Opens a page as a person with a browser of their own; at the end none may have complained or called elsewhere.

    The content security policy complains on the console, so a page that breaks it fails the test.
    """
    expect.set_options(timeout=WAIT_LIMIT_MS)
    contexts, complaints = [], []

    def open_one(url: str, *, may_complain: bool = False, **options: Any) -> Page:
        context = browser.new_context(**{"viewport": DESKTOP, **options})
        context.set_default_timeout(WAIT_LIMIT_MS)
        contexts.append(context)
        page = context.new_page()
        host = urlsplit(url).netloc
        page.on(
            "request", lambda request: None if urlsplit(request.url).netloc == host else complaints.append(request.url)
        )
        page.on("pageerror", lambda error: complaints.append(str(error)))
        if not may_complain:
            page.on("console", lambda line: complaints.append(line.text) if line.type == "error" else None)
        page.goto(url)
        return page

    yield open_one
    for context in contexts:
        context.close()
    assert complaints == []


@pytest.fixture
def cli(environment: dict[str, str]) -> Cli:
    """Runs `agor` with these arguments, optionally in a folder; what it printed."""

    def run(*arguments: str, cwd: Path | None = None) -> str:
        command = [sys.executable, "-m", "agor_cli", *arguments]
        done = subprocess.run(command, env=environment, cwd=cwd, capture_output=True, text=True, timeout=180)
        assert done.returncode == 0, f"agor {' '.join(arguments)}: {done.stdout}{done.stderr}"
        return done.stdout

    return run


@pytest.fixture
def make_session(daemon: Daemon, repository: Path) -> MakeSession:
    """Makes a session of the scripted agent in a new worktree of the test's repository."""
    repo = daemon.call("POST", "/repos", {"local_path": str(repository)})

    def make(name: str, **fields: Any) -> dict[str, Any]:
        worktree = daemon.call("POST", "/worktrees", {"repo_id": repo["repo_id"], "name": name.replace(" ", "-")})
        data = {"agent": "scripted", "worktree_id": worktree["worktree_id"], "title": name, **fields}
        session: dict[str, Any] = daemon.call("POST", "/sessions", data)
        return session

    return make


@pytest.fixture
def team_daemon(environment: dict[str, str], tmp_path: Path) -> Iterator[Daemon]:
    """A daemon that asks everybody to sign in, with one account: ann@example.com, `correct horse`."""
    with running_daemon(tmp_path, environment={**environment, "AGOR_DAEMON_REQUIRE_AUTH": "true"}) as running:
        creating = [
            sys.executable,
            "-m",
            "agor_daemon.admin",
            "user-create",
            "--email",
            "ann@example.com",
            "--name",
            "Ann",
        ]
        subprocess.run(
            creating, env=running.environment, input=b"correct horse\n", capture_output=True, check=True, timeout=180
        )
        yield running


def open_session(page: Page, daemon: Daemon, session: dict[str, Any]) -> None:
    """Go to a session's address and wait until it is there."""
    page.goto(f"{daemon.url}/#/sessions/{session['session_id']}")
    expect(prompt_box(page)).to_be_visible()


def prompt_box(page: Page) -> Any:
    """Where the next prompt is typed."""
    return page.get_by_label("What should the agent do?")


def send(page: Page, prompt: str) -> None:
    """Type a prompt and send it with the keyboard."""
    prompt_box(page).fill(prompt)
    prompt_box(page).press("Control+Enter")


def card(page: Page, title: str) -> Any:
    """The card of the session with this title."""
    return page.locator(".react-flow__node", has=page.get_by_role("heading", name=title))
