"""What waits for a person: questions, failures and finished runs, on every screen, and the answers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, WebSocketRoute, expect

from tests.browser.conftest import MakeSession, OpenPage, open_session, send
from tests.support.daemon import Daemon, running_daemon

pytestmark = pytest.mark.browser


def inbox_button(page: Page) -> Any:
    """The button in the top bar that counts what waits."""
    return page.get_by_role("button", name="Needs attention")


def ask(daemon: Daemon, session: dict[str, Any], prompt: str = "ask me") -> None:
    """Make the session's agent ask for a file."""
    daemon.call("POST", f"/sessions/{session['session_id']}/prompt", {"prompt": prompt})


def test_a_question_is_answered_from_anywhere_as_edited_and_for_the_session(
    daemon: Daemon, make_session: MakeSession, open_page: OpenPage
) -> None:
    """The inbox says what would be allowed for how long; the edited input is what is written; all screens know."""
    session = make_session("asking")
    page, other = open_page(f"{daemon.url}/#/repos"), open_page(daemon.url)
    open_session(other, daemon, session)
    ask(daemon, session)
    expect(other.get_by_role("alertdialog")).to_contain_text("May it use Write?")
    expect(page).to_have_title("(1) Agor")
    inbox_button(page).click()
    question = page.get_by_role("dialog", name="Needs attention").get_by_role("alertdialog")
    expect(question).to_contain_text("this use of Write")
    question.get_by_text("Session", exact=True).click()
    expect(question.get_by_label("Counts, without asking again in this session, for")).to_have_value("Edit(./**)")
    question.get_by_role("button", name="Edit first").click()
    field = question.get_by_label("Input of Write")
    field.fill("{not json")
    question.get_by_role("button", name="Allow as edited").click()
    expect(question.get_by_role("alert")).to_contain_text("This is not JSON")
    field.fill('{"path": "asked.md", "content": "# Edited by a person"}')
    question.get_by_role("button", name="Allow as edited").click()
    expect(question).to_have_count(0)
    expect(other.get_by_role("alertdialog")).to_have_count(0)
    expect(other.get_by_role("log")).to_contain_text("That was the question.")
    assert (Path(session["repo"]["cwd"]) / "asked.md").read_text() == "# Edited by a person"
    [request] = daemon.call("GET", "/permissions?status=approved")["data"]
    assert (request["scope"], request["rules"]) == ("session", ["Edit(./**)"])


def test_a_standing_answer_is_taken_back(daemon: Daemon, make_session: MakeSession, open_page: OpenPage) -> None:
    """What was allowed for the session is not asked again until that is taken back; the rule can be narrowed before."""
    session = make_session("asking")
    page = open_page(daemon.url)
    open_session(page, daemon, session)
    send(page, "ask me")
    question = page.get_by_role("alertdialog")
    question.get_by_text("Session", exact=True).click()
    rules = question.get_by_label("Counts, without asking again in this session, for")
    rules.fill("Read(./**)")
    question.get_by_role("button", name="Allow").click()
    expect(question.get_by_role("alert")).to_contain_text("none of these rules covers")
    rules.fill("Edit(asked.md)")
    question.get_by_role("button", name="Allow").click()
    expect(page.get_by_role("region", name="Task: ask me")).to_contain_text("Completed")
    send(page, "ask me again")
    expect(page.get_by_role("region", name="Task: ask me again")).to_contain_text("Completed")
    inbox_button(page).click()
    inbox = page.get_by_role("dialog", name="Needs attention")
    inbox.get_by_text("Answers that count for later questions (1)").click()
    inbox.get_by_role("button", name="Take back: Edit(asked.md)").click()
    expect(inbox.get_by_text("Answers that count")).to_have_count(0)
    page.keyboard.press("Escape")
    send(page, "ask me once more")
    expect(question).to_be_visible()


def test_a_question_outlives_the_daemon(
    environment: dict[str, str], tmp_path: Path, repository: Path, open_page: OpenPage, port: int
) -> None:
    """After the daemon was killed the question is still there, says so, and an answer lets the session go on."""
    with running_daemon(tmp_path, f"--port={port}", environment=environment) as first:
        session = first.call("POST", "/sessions", {"agent": "scripted", "cwd": str(repository), "title": "patient"})
        page = open_page(first.url, may_complain=True)
        open_session(page, first, session)
        send(page, "ask me")
        expect(page.get_by_role("alertdialog")).to_be_visible()
        first.kill()
    with running_daemon(tmp_path, f"--port={port}", environment=environment):
        question = page.get_by_role("alertdialog")
        expect(question).to_contain_text("The run was interrupted since")
        question.get_by_role("button", name="Allow").click()
        expect(question).to_have_count(0)
        expect(page.get_by_role("log").get_by_role("region").last).to_contain_text("Completed")


def test_the_first_answer_wins_and_the_second_is_told_gently(
    daemon: Daemon, make_session: MakeSession, open_page: OpenPage
) -> None:
    """Who answers what was answered already, unheard, is told what was decided; nothing else happens."""
    session = make_session("asking")
    page = open_page(daemon.url)

    def without_news_of_answers(socket: WebSocketRoute) -> None:
        server = socket.connect_to_server()
        server.on_message(lambda frame: None if "permissions patched" in str(frame) else socket.send(frame))

    page.route_web_socket("**/socket.io/**", without_news_of_answers)
    page.reload()
    open_session(page, daemon, session)
    ask(daemon, session)
    expect(page.get_by_role("alertdialog")).to_be_visible()
    [request] = daemon.call("GET", "/permissions?status=pending")["data"]
    daemon.call("POST", f"/permissions/{request['request_id']}/decide", {"allow": False, "reason": "too early"})
    # The question grows by a line when the run has ended.
    expect(page.get_by_role("region", name="Task: ask me")).to_contain_text("Completed")
    expect(page.get_by_role("alertdialog")).to_contain_text("an answer lets the session go on")
    page.get_by_role("alertdialog").get_by_role("button", name="Allow").click()
    told = page.get_by_role("group").filter(has_text="Already answered by somebody else")
    expect(told).to_contain_text("Write was denied: too early")
    expect(page.get_by_role("alertdialog")).to_have_count(0)


def test_failures_and_finished_runs_wait_until_they_were_looked_at(
    daemon: Daemon, make_session: MakeSession, open_page: OpenPage
) -> None:
    """They are counted and listed with their reason; opening one, or dismissing it, takes it away for good."""
    failing, fine, watched = make_session("failing"), make_session("fine"), make_session("watched")
    page = open_page(daemon.url)
    open_session(page, daemon, watched)
    send(page, "while I look")
    expect(page.get_by_role("region", name="Task: while I look")).to_contain_text("Completed")
    for session, prompt in ((failing, "fail"), (fine, "hello")):
        daemon.call("POST", f"/sessions/{session['session_id']}/prompt", {"prompt": prompt})
    expect(page.get_by_role("button", name="Needs attention: 1 failure; 1 finished")).to_be_visible()
    expect(page).to_have_title("(1) Agor")
    inbox_button(page).click()
    inbox = page.get_by_role("dialog", name="Needs attention")
    expect(inbox.get_by_role("region", name="Failed")).to_contain_text("the limit is reached")
    inbox.get_by_role("button", name="Dismiss fine").click()
    expect(inbox.get_by_role("region", name="Finished")).to_have_count(0)
    expect(page).to_have_title("(1) Agor")
    inbox.get_by_role("link", name="failing").click()
    expect(page.get_by_role("log")).to_contain_text("It will not go well.")
    expect(page.get_by_role("button", name="Needs attention: nothing")).to_be_visible()
    page.reload()
    expect(page.get_by_role("button", name="Needs attention: nothing")).to_be_visible()
    expect(page).to_have_title("Agor")


def test_a_conversation_its_agent_has_lost_goes_on_from_what_is_stored(
    environment: dict[str, str], tmp_path: Path, repository: Path, open_page: OpenPage
) -> None:
    """The failed task says what is the matter, and its button lets the agent be told, and asks it the same again."""
    lost = {"message": "no such conversation", "history_lost": True}
    turns = [[{"text": "Hello."}], [{"error": lost}], [{"text": "I was told of: ${previous}"}]]
    scenario = tmp_path / "forgetful.json"
    scenario.write_text(json.dumps({"turns": [{"steps": steps} for steps in turns]}))
    with running_daemon(
        tmp_path, environment={**environment, "AGOR_AGENTS_SCRIPTED_SCENARIO": str(scenario)}
    ) as daemon:
        session = daemon.call("POST", "/sessions", {"agent": "scripted", "cwd": str(repository), "title": "forgotten"})
        page = open_page(daemon.url)
        open_session(page, daemon, session)
        send(page, "greet me")
        expect(page.get_by_role("log")).to_contain_text("Completed")
        send(page, "what did you say?")
        expect(page.get_by_role("log").get_by_role("alert")).to_contain_text("everything is stored here")
        page.get_by_role("log").get_by_role("button", name="Continue from the stored conversation").click()
        expect(page.get_by_role("log")).to_contain_text("I was told of: what did you say?")
        page.close()  # before it complains that the daemon is gone


def test_an_interrupted_session_is_continued(
    environment: dict[str, str], tmp_path: Path, repository: Path, open_page: OpenPage, port: int
) -> None:
    """After the daemon was killed in the middle of a run, the inbox lists it, and Continue lets the agent go on."""
    with running_daemon(tmp_path, f"--port={port}", environment=environment) as first:
        first.call("POST", "/repos", {"local_path": str(repository)})
        session = first.call("POST", "/sessions", {"agent": "scripted", "cwd": str(repository), "title": "cut off"})
        page = open_page(first.url, may_complain=True)
        open_session(page, first, session)
        send(page, "take your time")
        expect(page.get_by_label("assistant, still writing")).to_contain_text("first word")
        page.goto(f"{first.url}/#/repos")
        first.kill()
    with running_daemon(tmp_path, f"--port={port}", environment=environment) as second:
        expect(page.get_by_role("button", name="Needs attention: 1 failure")).to_be_visible()
        inbox_button(page).click()
        page.get_by_role("dialog", name="Needs attention").get_by_role("link", name="cut off").click()
        page.get_by_role("log").get_by_role("button", name="Continue").click()
        expect(page.get_by_role("log").get_by_role("region").last).to_contain_text("Completed")
        tasks = second.call("GET", f"/tasks?session_id={session['session_id']}")["data"]
        assert [task["status"] for task in tasks] == ["failed", "completed"]
