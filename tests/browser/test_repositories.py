"""Repositories and worktrees: cloned, registered, looked into, removed without loss, and brought back."""

from __future__ import annotations

import re
import socket
import subprocess
from pathlib import Path
from threading import Event

import pytest
from playwright.sync_api import Page, WebSocketRoute, expect

from tests.browser.conftest import MakeSession, OpenPage, open_session, send
from tests.daemon.conftest import wait_for_task
from tests.support.daemon import Daemon

pytestmark = pytest.mark.browser


def add_repository(page: Page, source: str) -> None:
    """Type where a repository comes from, and send it."""
    page.get_by_label("Add a repository").fill(source)
    page.keyboard.press("Enter")


def test_a_repository_is_registered_by_its_path(daemon: Daemon, repository: Path, open_page: OpenPage) -> None:
    """A folder that is none is refused with the reason; a checkout appears with its branch, and its worktrees by name,
    as people count."""
    for name in ("w10", "w2", "w1"):
        subprocess.run(["git", "worktree", "add", "-q", f"../{name}"], cwd=repository, check=True, capture_output=True)
    page = open_page(f"{daemon.url}/#/repos")
    add_repository(page, str(repository.parent))
    expect(page.get_by_role("alert")).to_be_visible()
    add_repository(page, str(repository))
    expect(page.get_by_role("region", name="Repository demo")).to_contain_text("main")
    worktrees = page.get_by_role("list", name="Worktrees of demo").get_by_role("listitem")
    expect(worktrees).to_contain_text(["w1 from", "w2 from", "w10 from"])


def test_what_is_typed_while_a_repository_is_registered_stays(
    daemon: Daemon, repository: Path, open_page: OpenPage
) -> None:
    """The field is emptied when a repository was taken, but not of what was typed for the next one meanwhile."""
    page = open_page(f"{daemon.url}/#/repos")
    late: list[tuple[WebSocketRoute, str | bytes]] = []
    held: set[str] = set()
    is_over = Event()

    def hold_the_answer(socket: WebSocketRoute) -> None:
        server = socket.connect_to_server()

        def sent(frame: str | bytes) -> None:
            call = re.match(r'42(\d+)\["create","repos"', str(frame))
            if call is not None:
                held.add(f"43{call[1]}[")
            server.send(frame)

        def heard(frame: str | bytes) -> None:
            if not is_over.is_set() and str(frame).startswith(tuple(held)):
                late.append((socket, frame))
            else:
                socket.send(frame)

        socket.on_message(sent)
        server.on_message(heard)

    page.route_web_socket("**/socket.io/**", hold_the_answer)
    page.reload()
    add_repository(page, str(repository))
    expect(page.get_by_role("region", name="Repository demo")).to_be_visible()
    field = page.get_by_label("Add a repository")
    field.fill("the next one")
    is_over.set()
    for connection, frame in late:
        connection.send(frame)
    expect(page.get_by_role("button", name="Clone")).to_be_enabled()
    expect(field).to_have_value("the next one")


def test_a_url_is_cloned_and_forgotten_again(daemon: Daemon, repository: Path, open_page: OpenPage) -> None:
    """It appears on every screen with the worktree of its default branch; without worktrees it can be forgotten."""
    page, other = open_page(f"{daemon.url}/#/repos"), open_page(f"{daemon.url}/#/repos")
    add_repository(page, f"file://{repository}")
    for screen in (page, other):
        card = screen.get_by_role("region", name="Repository demo")
        expect(card.get_by_role("list", name="Worktrees of demo")).to_contain_text("main")
    page.get_by_role("button", name="Forget").click()
    page.get_by_role("dialog").get_by_role("button", name="Forget").click()
    expect(page.get_by_role("dialog").get_by_role("alert")).to_contain_text("still has worktrees")
    page.get_by_role("dialog").get_by_role("button", name="Keep it").click()
    page.get_by_role("button", name="Remove the worktree main").click()
    page.get_by_role("dialog").get_by_role("button", name="Remove").click()
    expect(page.get_by_role("button", name="Remove the worktree main")).to_have_count(0)
    page.get_by_role("button", name="Forget").click()
    page.get_by_role("dialog").get_by_role("button", name="Forget").click()
    expect(other.get_by_role("region", name="Repository demo")).to_have_count(0)


def test_a_clone_that_takes_long_is_cancelled(daemon: Daemon, open_page: OpenPage) -> None:
    """While it connects, a clone shows that it goes on; cancelled, it is gone from every screen."""
    with socket.create_server(("127.0.0.1", 0)) as mute:
        page = open_page(f"{daemon.url}/#/repos")
        add_repository(page, f"http://127.0.0.1:{mute.getsockname()[1]}/slow.git")
        card = page.get_by_role("region", name="Repository slow")
        expect(card.get_by_role("progressbar", name="Clone of slow")).to_be_visible()
        card.get_by_role("button", name="Cancel").click()
        expect(card).to_have_count(0)
    assert daemon.call("GET", "/repos")["total"] == 0


def test_a_worktree_is_made_of_any_branch(daemon: Daemon, repository: Path, open_page: OpenPage) -> None:
    """Of one that exists, or a new one that starts anywhere; what git refuses is said in the dialog."""
    subprocess.run(["git", "branch", "feature/old"], cwd=repository, check=True)
    daemon.call("POST", "/repos", {"local_path": str(repository)})
    page = open_page(f"{daemon.url}/#/repos")
    page.get_by_role("button", name="New worktree").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Name of the worktree").fill("from-old")
    dialog.get_by_label("Starts at").fill("no-such-branch")
    dialog.get_by_role("button", name="Create").click()
    expect(dialog.get_by_role("alert")).to_contain_text("no-such-branch")
    dialog.get_by_label("Starts at").fill("feature/old")
    dialog.get_by_role("button", name="Create").click()
    expect(page.get_by_role("list", name="Worktrees of demo")).to_contain_text("from-old from feature/old")
    page.get_by_role("button", name="New worktree").click()
    dialog.get_by_text("A branch that exists").click()
    dialog.get_by_label("Branch", exact=True).fill("feature/old")
    dialog.get_by_role("button", name="Create").click()
    expect(page.get_by_role("button", name="Remove the worktree feature/old")).to_be_visible()


def test_a_worktree_is_looked_into_removed_and_restored(
    daemon: Daemon, make_session: MakeSession, open_page: OpenPage
) -> None:
    """Files and differences are shown; removal says what would be lost; forced, all of it can be brought back."""
    session, clean = make_session("dirty"), make_session("clean")
    folder = Path(session["repo"]["cwd"])
    (folder / "precious.txt").write_text("mine\n")
    (folder / "hello.py").write_text("-- changed\n")
    (folder / "picture.bin").write_bytes(b"\0" * 10)
    page = open_page(f"{daemon.url}/#/repos")
    row = page.get_by_role("listitem").filter(has=page.get_by_role("button", name="Remove the worktree dirty"))
    expect(row).to_contain_text("3 changed")
    row.get_by_role("button", expanded=False).click()
    expect(row.get_by_role("listitem").filter(has_text="precious.txt")).to_contain_text("untracked")
    expect(row.get_by_role("listitem").filter(has_text="hello.py")).to_contain_text("modified, not staged")
    row.get_by_text("Differences").click()
    expect(row.get_by_label("Changes in hello.py")).to_contain_text("-- changed")
    expect(row.get_by_text("A binary file.")).to_be_visible()
    page.get_by_role("button", name="Remove the worktree dirty").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="Remove").click()
    expect(dialog.get_by_role("alert")).to_contain_text("precious.txt")
    expect(dialog.get_by_role("button", name="Remove")).to_be_disabled()
    assert (folder / "precious.txt").exists()
    dialog.get_by_label("Remove it all the same").check()
    dialog.get_by_role("button", name="Remove").click()
    expect(page.get_by_role("button", name="Remove the worktree dirty")).to_have_count(0)
    assert not folder.exists()
    page.get_by_text("Removed worktrees (1)").click()
    page.get_by_text("Snapshots of dirty").click()
    page.get_by_role("button", name="Restore dirty as of").click()
    expect(page.get_by_role("button", name="Remove the worktree dirty")).to_be_visible()
    assert (folder / "precious.txt").read_text() == "mine\n"
    assert (folder / "hello.py").read_text() == "-- changed\n"
    page.get_by_role("button", name="Remove the worktree clean").click()
    dialog.get_by_label("Delete its branch clean").check()
    dialog.get_by_role("button", name="Remove").click()
    expect(page.get_by_role("button", name="Remove the worktree clean")).to_have_count(0)
    assert not Path(clean["repo"]["cwd"]).exists()
    branches = subprocess.run(
        ["git", "branch", "--format=%(refname:short)"], cwd=folder, check=True, capture_output=True, text=True
    )
    assert "clean" not in branches.stdout.split()


def test_on_a_phone_a_worktree_keeps_its_state_and_its_button_on_one_line(
    daemon: Daemon, make_session: MakeSession, open_page: OpenPage
) -> None:
    """The button that removes it stays at the end of the line, beside what was changed."""
    session = make_session("try-it")
    (Path(session["repo"]["cwd"]) / "notes.txt").write_text("mine\n")
    page = open_page(f"{daemon.url}/#/repos", viewport={"width": 390, "height": 800})
    row = page.get_by_role("listitem").filter(has=page.get_by_role("button", name="Remove the worktree try-it"))
    state, button = row.get_by_text("1 changed"), row.get_by_role("button", name="Remove the worktree try-it")
    expect(state).to_be_visible()
    # Both at one moment: what is above them may still grow.
    state_box, button_box = page.evaluate(
        "elements => elements.map((element) => element.getBoundingClientRect().toJSON())",
        [state.element_handle(), button.element_handle()],
    )
    assert button_box["x"] > state_box["x"]
    assert button_box["y"] < state_box["y"] + state_box["height"] < button_box["y"] + 2 * button_box["height"]


def test_a_snapshot_is_dropped_only_by_who_knows_what_is_lost(
    daemon: Daemon, make_session: MakeSession, open_page: OpenPage
) -> None:
    """It asks; where a task needs the snapshot it is named, and a second yes is asked for; then it is gone."""
    session = make_session("saved")
    page = open_page(daemon.url)
    open_session(page, daemon, session)
    send(page, "use tools")
    expect(page.get_by_role("log")).to_contain_text("All done.")
    (task,) = daemon.call("GET", f"/tasks?session_id={session['session_id']}")["data"]
    wait_for_task(daemon, task["task_id"], "completed")  # its own snapshot comes after its last words
    (Path(session["repo"]["cwd"]) / "mine.txt").write_text("mine")
    daemon.call("POST", f"/worktrees/{session['worktree_id']}/snapshot", {})
    page.goto(f"{daemon.url}/#/repos")
    expect(page.get_by_role("heading", name="Repositories")).to_be_visible()
    page.get_by_role("button", name="saved").first.click()
    page.get_by_text("Snapshots", exact=True).click()
    drop = page.get_by_role("button", name="Drop the snapshot")
    expect(drop).to_have_count(2)
    drop.first.click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("button", name="Keep it")).to_be_focused()
    expect(dialog).to_contain_text("asked for")
    dialog.get_by_role("button", name="Drop").click()
    expect(drop).to_have_count(1)
    drop.first.click()
    dialog.get_by_role("button", name="Drop").click()
    expect(dialog.get_by_role("alert")).to_contain_text("use tools")
    expect(dialog.get_by_role("button", name="Drop")).to_be_disabled()
    dialog.get_by_label("Drop it all the same").check()
    dialog.get_by_role("button", name="Drop").click()
    expect(page.get_by_text("No snapshot.")).to_be_visible()
    assert daemon.call("GET", f"/worktrees/{session['worktree_id']}/snapshots") == []
