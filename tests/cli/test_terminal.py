"""At a terminal: streaming, questions, Ctrl-C, and watching what others do."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest

from tests.cli.conftest import Agor
from tests.support.line import line_to

Scripted = Callable[..., Agor]

START = ("session", "start", "--worktree", "w", "--agent", "scripted")


def only_session(agor: Agor) -> dict[str, Any]:
    """The one session there is."""
    (session,) = agor("session", "list", "--json").json["data"]
    return dict(session)


def test_the_answer_appears_while_it_is_said(scripted: Scripted) -> None:
    """Text is on the screen before the task has ended."""
    agor = scripted({"turns": [{"steps": [{"text": "the beginning "}, {"hang": True}]}]})
    with agor.at_terminal(*START, "go") as terminal:
        terminal.wait_for("the beginning")
        assert only_session(agor)["status"] == "running"


def test_ctrl_c_lets_go_and_the_task_goes_on(scripted: Scripted) -> None:
    """The first Ctrl-C ends the watching, says how to stop and watch, and exits with 0."""
    agor = scripted({"turns": [{"steps": [{"text": "on and on "}, {"hang": True}]}]})
    with agor.at_terminal(*START, "go") as terminal:
        terminal.wait_for("on and on")
        terminal.interrupt()
        terminal.wait_for("Ctrl-C again", "agor session stop", "agor session watch")
        assert terminal.end() == 0
    assert only_session(agor)["status"] == "running"


def test_a_second_ctrl_c_stops_the_task(scripted: Scripted) -> None:
    """Pressed again it stops the task; what was said is kept, and the exit code says that it did not complete."""
    agor = scripted({"turns": [{"steps": [{"text": "on and on "}, {"hang": True}]}]})
    with agor.at_terminal(*START, "go") as terminal:
        terminal.wait_for("on and on")
        terminal.interrupt()
        terminal.wait_for("Ctrl-C again")
        terminal.interrupt()
        assert terminal.end() == 1
        assert "stopped" in terminal.text
    (task,) = agor("task", "list", "--json").json["data"]
    assert task["status"] == "stopped"
    assert "on and on" in agor("message", "list", only_session(agor)["short_id"]).out


ASKING = {"turns": [{"steps": [{"bash": {"command": "echo made > made.txt"}, "ask": True}, {"text": "That was it."}]}]}


def test_a_question_is_asked_and_answered(scripted: Scripted) -> None:
    """A permission request shows what would run; nonsense is asked again; yes lets it run."""
    agor = scripted(ASKING)
    with agor.at_terminal(*START, "go") as terminal:
        terminal.wait_for("echo made > made.txt", "allow?")
        terminal.type("what?")
        terminal.type("y")
        terminal.wait_for("That was it.")
        assert terminal.end() == 0
    assert "made.txt" in agor("worktree", "status", "w").out


def test_a_question_can_be_answered_with_no(scripted: Scripted) -> None:
    """No, with a reason: it does not run, and the agent goes on."""
    agor = scripted(ASKING)
    with agor.at_terminal(*START, "go") as terminal:
        terminal.wait_for("allow?")
        terminal.type("n not today")
        assert terminal.end() == 0
    assert "made.txt" not in agor("worktree", "status", "w").out
    (request,) = agor("permission", "list", "--status", "denied", "--json").json["data"]
    assert request["reason"] == "not today"
    heading, row = agor("permission", "list", "--status", "denied").out.splitlines()
    assert heading.split() == ["ID", "STATUS", "SESSION", "WANTED", "SCOPE", "REASON", "DECIDED"]
    assert "not today" in row
    assert agor("permission", "list", "--status", "cancelled").out.strip() == "No question was cancelled."


def test_a_question_answered_elsewhere_leaves_the_screen(scripted: Scripted) -> None:
    """Another client's answer counts at once; nothing more needs to be typed here."""
    agor = scripted(ASKING)
    with agor.at_terminal(*START, "go") as terminal:
        terminal.wait_for("allow?")
        (request,) = agor("permission", "list", "--json").json["data"]
        listed = agor("permission", "list").out
        assert f"{request['tool_name']} {request['tool_input']['command']}" in listed
        assert request["rules"][0] in listed
        assert "Allowed: Bash" in agor("permission", "allow", request["short_id"]).out
        terminal.wait_for("answered elsewhere: approved", "That was it.")
        assert terminal.end() == 0
    second = agor("permission", "deny", request["short_id"], code=1)
    assert second.err.count("\n") == 1


def test_watching_shows_what_others_type_and_hear(scripted: Scripted) -> None:
    """`watch` shows what was said before, then prompts and answers as they come; Ctrl-C ends only the watching."""
    agor = scripted({"turns": [{"steps": [{"text": "first answer"}]}, {"steps": [{"text": "second answer"}]}]})
    agor(*START, "first prompt")
    id = only_session(agor)["short_id"]
    with agor.at_terminal("session", "watch", id) as terminal:
        terminal.wait_for("> first prompt", "first answer")
        agor("session", "prompt", id, "second prompt")
        terminal.wait_for("> second prompt", "second answer", "completed")
        terminal.interrupt()
        assert terminal.end() == 0


def test_programs_watch_in_lines_of_json(scripted: Scripted) -> None:
    """Each event is one JSON document on one line, in the order it was heard, from the first line on."""
    agor = scripted({})
    session = agor(*START, "--json", "go").json["session"]
    with agor.at_terminal("session", "watch", session["session_id"], "--json") as terminal:
        terminal.wait_for('"watching"')
        agor("session", "prompt", session["session_id"], "again")
        terminal.wait_for('"status": "completed"')
        terminal.interrupt()
        assert terminal.end() == 0
    heard = [json.loads(line) for line in terminal.text.splitlines() if line.startswith("{")]
    events = [one["event"] for one in heard]
    assert events[0] == "watching"
    assert {"messages created", "messages streaming:chunk", "tasks patched"} <= set(events)
    said = [one["record"]["role"] for one in heard if one["event"] == "messages created"]
    assert said == ["user", "assistant"]


def test_a_queued_prompt_waits_and_is_then_answered(scripted: Scripted) -> None:
    """A prompt to a busy session shows its own answer once its turn comes, and nothing of the one before."""
    asking = {"bash": {"command": "true"}, "ask": True}
    agor = scripted({"turns": [{"steps": [{"text": "one"}, asking, {"text": "two"}]}, {"steps": [{"text": "three"}]}]})
    agor(*START, "--no-wait", "go")
    id = only_session(agor)["short_id"]
    with agor.at_terminal("session", "watch", id) as terminal:
        terminal.wait_for("allow?")
    with agor.at_terminal("session", "prompt", id, "next") as terminal:
        terminal.wait_for("waiting its turn")
        (request,) = agor("permission", "list", "--json").json["data"]
        agor("permission", "allow", request["short_id"])
        assert terminal.end() == 0
        assert "three" in terminal.text
        assert "two" not in terminal.text


def test_a_queued_prompt_tells_when_the_queue_pauses(scripted: Scripted) -> None:
    """When the task before it is stopped the prompt is kept, and it is said how to go on."""
    agor = scripted({"turns": [{"steps": [{"text": "one"}, {"hang": True}]}, {"steps": [{"text": "three"}]}]})
    agor(*START, "--no-wait", "go")
    id = only_session(agor)["short_id"]
    with agor.at_terminal("session", "prompt", id, "next") as terminal:
        terminal.wait_for("waiting its turn")
        agor("session", "stop", id)
        assert terminal.end() == 1
        assert "--resume" in terminal.text
    agor("session", "queue", id, "--resume")
    with agor.at_terminal("session", "watch", id) as terminal:
        terminal.wait_for("> next", "three")


def test_watching_outlives_a_restart_of_the_daemon(scripted: Scripted, port: int) -> None:
    """The screen finds the daemon again and shows what happened since, also when the gap cannot be replayed."""
    agor = scripted({}, f"--port={port}")
    agor(*START, "before")
    id = only_session(agor)["short_id"]
    agor.environment["AGOR_EVENTS_RECOVERY_S"] = "0"
    with agor.at_terminal("session", "watch", id) as terminal:
        terminal.wait_for("> before", "You asked: “before”")
        agor("daemon", "restart", "--port", str(port))
        agor("session", "prompt", id, "afterwards")
        terminal.wait_for("> afterwards", "you asked: “before”")
        terminal.interrupt()
        assert terminal.end() == 0
    agor("daemon", "stop")


def test_what_is_typed_again_is_shown_whole_on_a_narrow_terminal(agor: Agor) -> None:
    """The name of a setting is not cut where there is little room; the rest of its row is folded."""
    with agor.at_terminal("config", "list", columns=80) as terminal:
        assert terminal.end() == 0
    assert "agents.scripted.scenario " in terminal.text
    assert max(len(line) for line in terminal.text.split("\nAlso")[0].splitlines()) <= 80


WORDS = [f"word{number}" for number in range(60)]
# What it says is part of a message that is still open when all of it was said.
SLOWLY = {"turns": [{"steps": [{"text": " ".join(WORDS), "pace_s": 0.03}, {"thinking": "hm", "pace_s": 3600}]}]}


def words_in(text: str) -> list[str]:
    """The words of the answer on the screen, in order."""
    return re.findall(r"word\d+", text)


@pytest.mark.parametrize("begins_after", [WORDS[20], WORDS[-1]])
def test_who_comes_in_the_middle_of_a_message_sees_all_of_it_once(scripted: Scripted, begins_after: str) -> None:
    """What was said before is there at once, whether more comes or not, and what comes goes on from it."""
    agor = scripted(SLOWLY)
    with agor.at_terminal(*START, "go") as first:
        first.wait_for(begins_after)
        id = only_session(agor)["short_id"]
        with agor.at_terminal("session", "watch", id, "--last", "0") as second:
            second.wait_for(WORDS[-1])
            agor("session", "stop", id)
            second.wait_for("— stopped")
            assert words_in(second.text) == WORDS
        assert first.end() == 1
    assert words_in(first.text) == WORDS


@pytest.mark.parametrize("recovery_s", ["60", "0"])
def test_a_message_is_shown_whole_and_once_after_a_broken_line(
    scripted: Scripted, environment: dict[str, str], recovery_s: str
) -> None:
    """What was said while the connection was down appears when it is back, also if nothing more comes, and nothing is
    said twice."""
    environment["AGOR_EVENTS_RECOVERY_S"] = recovery_s
    agor = scripted(SLOWLY)
    with line_to(agor("status", "--json").json["url"]) as line:
        far = Agor(agor.folder, {**agor.environment, "AGOR_DAEMON_URL": line.url})
        with far.at_terminal(*START, "go") as terminal:
            terminal.wait_for(WORDS[5])
            line.cut()
            id = only_session(agor)["short_id"]
            with agor.at_terminal("session", "watch", id) as witness:
                witness.wait_for(WORDS[-1])
            line.mend()
            terminal.wait_for(WORDS[-1])
            agor("session", "stop", id)
            assert terminal.end() == 1
    assert words_in(terminal.text) == WORDS


def test_programs_that_come_in_the_middle_are_told_what_was_said(scripted: Scripted) -> None:
    """With --json the message under way is an event of its own, with the number of the piece that comes next."""
    agor = scripted(SLOWLY)
    agor(*START, "--no-wait", "go")
    id = only_session(agor)["session_id"]
    with agor.at_terminal("session", "watch", id) as first:
        first.wait_for(WORDS[-1])
    with agor.at_terminal("session", "watch", id, "--json") as terminal:
        terminal.wait_for('"sessions streams"')
        terminal.interrupt()
        assert terminal.end() == 0
    heard = [json.loads(line) for line in terminal.text.splitlines() if line.startswith("{")]
    assert [one["event"] for one in heard] == ["watching", "sessions streams"]
    assert words_in(heard[1]["record"]["text"]) == WORDS
    assert heard[1]["record"]["chunks"] > 0
