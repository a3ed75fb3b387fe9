"""Transcripts of Claude Code become sessions."""

from __future__ import annotations

import json
import os
import shutil
import uuid
from pathlib import Path
from typing import Any

import pytest

from tests.support.daemon import Daemon
from tests.support.talk import Talk, say

SAMPLES = Path(__file__).parent.parent / "samples"


@pytest.mark.parametrize("generation", ["claude-2.0", "claude-2.1"])
def test_a_transcript_becomes_a_session(daemon: Daemon, generation: str) -> None:
    """Prompts become tasks, entries messages with their own times, tool results user messages; it can be found."""
    status, session = daemon.request("POST", "/sessions/import", {"path": str(SAMPLES / generation / "tools.jsonl")})
    assert status == 201, session
    assert (session["agent"], session["status"]) == ("claude-code", "completed")
    assert session["imported"]["skipped"] == []
    tasks = daemon.call("GET", f"/tasks?session_id={session['session_id']}")["data"]
    assert [task["full_prompt"] for task in tasks] == ["Rename the greeting in hello.py", "Write some notes"]
    messages = daemon.call("GET", f"/messages?session_id={session['session_id']}&$limit=1000")["data"]
    assert [message["index"] for message in messages] == list(range(len(messages)))
    assert session["message_count"] == len(messages) == session["imported"]["messages"]
    used = [use["name"] for message in messages for use in message["tool_uses"]]
    assert used[:3] == ["Read", "Edit", "Bash"]
    assert all(message["timestamp"].startswith("2026-11-22T") for message in messages)
    results = [block for message in messages for block in message["content"] if isinstance(block, dict)]
    assert any(block["type"] == "tool_result" for block in results)
    assert session["agent_session_id"]


def test_importing_again_adds_only_what_is_new(daemon: Daemon, tmp_path: Path) -> None:
    """The same transcript a second time is the same session without doubles; a longer one adds its new part."""
    whole = (SAMPLES / "claude-2.0" / "tools.jsonl").read_text().splitlines(keepends=True)
    cut = next(at for at, line in enumerate(whole) if "Write some notes" in line)
    path = tmp_path / "talk.jsonl"
    path.write_text("".join(whole[:cut]))
    first = daemon.call("POST", "/sessions/import", {"path": str(path)})
    again = daemon.call("POST", "/sessions/import", {"path": str(path)})
    assert again["session_id"] == first["session_id"]
    assert again["imported"] == {"outcome": "unchanged", "messages": 0, "tasks": 0, "skipped": []}
    path.write_text("".join(whole))
    longer = daemon.call("POST", "/sessions/import", {"path": str(path)})
    assert longer["session_id"] == first["session_id"]
    assert longer["imported"]["tasks"] == 1
    assert daemon.call("GET", f"/tasks?session_id={first['session_id']}")["total"] == 2
    assert daemon.call("GET", "/sessions")["total"] == 1


def test_a_bad_line_is_reported_and_skipped(daemon: Daemon, tmp_path: Path) -> None:
    """A line that is no JSON is named with its number; the rest is imported; a file without any talk is refused."""
    path = tmp_path / "talk.jsonl"
    shutil.copy(SAMPLES / "claude-2.0" / "tools.jsonl", path)
    with path.open("a") as file:
        file.write("{broken\n")
    lines = path.read_text().count("\n")
    session = daemon.call("POST", "/sessions/import", {"path": str(path)})
    assert [skipped["line"] for skipped in session["imported"]["skipped"]] == [lines]
    assert session["imported"]["tasks"] == 2
    path.write_text("not a transcript\n")
    status, error = daemon.request("POST", "/sessions/import", {"path": str(path)})
    assert (status, error["name"]) == (400, "BadRequest")
    assert daemon.call("GET", "/sessions")["total"] == 1


# --- what is in a session -----------------------------------------------------------------------------------------


@pytest.fixture
def talk(tmp_path: Path) -> Talk:
    return Talk(tmp_path / "talks")


def load(daemon: Daemon, talk: Talk) -> dict[str, Any]:
    session: dict[str, Any] = daemon.call("POST", "/sessions/import", {"path": str(talk.path)})
    return session


def messages_of(daemon: Daemon, session: dict[str, Any]) -> list[dict[str, Any]]:
    page = daemon.call("GET", f"/messages?session_id={session['session_id']}&$limit=1000")
    messages: list[dict[str, Any]] = page["data"]
    return messages


def test_times_are_those_of_the_talk(shared_daemon: Daemon, talk: Talk) -> None:
    """Session, tasks and messages have the times of old; their ids are of now, so that short ids stay unique."""
    talk.say("user", "one")
    talk.say("assistant", say("two"))
    before = shared_daemon.call("POST", "/boards", {"name": "before"})
    session = load(shared_daemon, talk)
    (task,) = shared_daemon.call("GET", f"/tasks?session_id={session['session_id']}")["data"]
    assert session["created_at"] == task["started_at"] == "2026-03-01T10:00:01.000Z"
    assert task["created_at"] > task["completed_at"]  # by this the GUI knows that it is nobody's news
    assert (task["completed_at"], task["duration_ms"]) == ("2026-03-01T10:00:02.000Z", 1000)
    assert [message["timestamp"] for message in messages_of(shared_daemon, session)] == [
        "2026-03-01T10:00:01.000Z",
        "2026-03-01T10:00:02.000Z",
    ]
    after = shared_daemon.call("POST", "/boards", {"name": "after"})
    # The first 12 digits are the time.
    assert before["board_id"][:13] <= session["session_id"][:13] <= after["board_id"][:13]
    assert shared_daemon.call("GET", f"/sessions/{session['short_id']}")["session_id"] == session["session_id"]


def test_an_answer_that_went_on_is_one_message(shared_daemon: Daemon, talk: Talk) -> None:
    """Imported while its answer was still being written, a message grows; it is not there twice, nor are its tools."""
    talk.say("user", "one")
    talk.say("assistant", say("First."), message={"id": "m1"})
    session = load(shared_daemon, talk)
    talk.say("assistant", [{"type": "tool_use", "id": "t1", "name": "Read", "input": {}}], message={"id": "m1"})
    talk.say("user", [{"type": "tool_result", "tool_use_id": "t1", "content": "ok"}])
    again = load(shared_daemon, talk)

    assert again["imported"] == {"outcome": "added", "messages": 2, "tasks": 0, "skipped": []}
    assert [len(message["content"]) for message in messages_of(shared_daemon, session)[1:]] == [2, 1]
    assert (again["tool_use_count"], again["message_count"]) == (1, 3)
    (task,) = shared_daemon.call("GET", f"/tasks?session_id={session['session_id']}")["data"]
    assert (task["tool_use_count"], task["message_range"]["end_index"]) == (1, 2)
    assert load(shared_daemon, talk)["imported"]["outcome"] == "unchanged"


def test_tokens_are_counted_once_however_often_it_is_imported(shared_daemon: Daemon, talk: Talk) -> None:
    """The usage of each task and their sum, also when a task goes on between two imports; cost as the file says."""
    usage = {"input_tokens": 10, "output_tokens": 5}
    talk.say("user", "one")
    talk.say("assistant", say("two"), message={"id": "m1", "usage": usage})
    talk.line(json.dumps({"type": "cost-state", "totalCostUSD": 0.25}))
    load(shared_daemon, talk)
    talk.say("assistant", say("three"), message={"id": "m2", "usage": usage})
    talk.line(json.dumps({"type": "cost-state", "totalCostUSD": 0.75}))
    session = load(shared_daemon, talk)
    session = load(shared_daemon, talk)
    (task,) = shared_daemon.call("GET", f"/tasks?session_id={session['session_id']}")["data"]
    assert (task["usage"]["input_tokens"], task["usage"]["output_tokens"]) == (20, 10)
    assert {name: session["usage"][name] for name in ("input_tokens", "output_tokens", "cost_usd")} == {
        "input_tokens": 20,
        "output_tokens": 10,
        "cost_usd": 0.75,
    }


def test_unknown_records_are_kept_as_they_are(shared_daemon: Daemon, talk: Talk) -> None:
    """What no version of ours can read is there for one that can; a file snapshot is a message of its own type."""
    talk.say("user", "one")
    talk.line(json.dumps({"type": "future", "count": 3}))
    talk.line(json.dumps({"type": "file-history-snapshot", "messageId": "x", "snapshot": {"files": {}}}))
    talk.line(json.dumps({"type": "queue-operation", "operation": "dequeue"}))
    session = load(shared_daemon, talk)
    _, future, snapshot = messages_of(shared_daemon, session)
    assert (future["type"], future["metadata"]["record"]) == ("system", {"type": "future", "count": 3})
    assert snapshot["type"] == "file-history-snapshot"
    assert snapshot["metadata"]["record"]["snapshot"] == {"files": {}}
    assert load(shared_daemon, talk)["imported"]["outcome"] == "unchanged"


@pytest.mark.parametrize("generation", ["claude-2.0", "claude-2.1"])
def test_sub_agents_and_compactions_are_understood(daemon: Daemon, generation: str) -> None:
    """A sub-agent's messages name the call that started it, in both layouts; both sides of a compaction are there."""
    samples = SAMPLES / generation
    helped = daemon.call("POST", "/sessions/import", {"path": str(samples / "subagent.jsonl")})
    callers = {m["parent_tool_use_id"] for m in messages_of(daemon, helped)} - {None}
    (call,) = [use for m in messages_of(daemon, helped) for use in m["tool_uses"] if use["id"] in callers]
    assert call["name"] in ("Task", "Agent")

    compacted = daemon.call("POST", "/sessions/import", {"path": str(samples / "compacted.jsonl")})
    tasks = daemon.call("GET", f"/tasks?session_id={compacted['session_id']}")["data"]
    assert [task["full_prompt"] for task in tasks] == ["Explain hello.py", "Explain it again"]
    notes = [m for m in messages_of(daemon, compacted) if m["metadata"]["is_meta"]]
    assert any("continued from a previous conversation" in str(note["content"]) for note in notes)


def test_an_imported_session_is_found_and_forked(daemon: Daemon) -> None:
    """Its words are searched like all others; a fork of it inherits what was said, without a copy."""
    path = str(SAMPLES / "claude-2.1" / "tools.jsonl")
    session = daemon.call("POST", "/sessions/import", {"path": path})
    found = daemon.call("GET", "/messages?$search=greeting")
    assert {message["session_id"] for message in found["data"]} == {session["session_id"]}
    fork = daemon.call("POST", f"/sessions/{session['session_id']}/fork", {})
    history = daemon.call("GET", f"/messages?session_id={fork['session_id']}&$history=true&$limit=1000")
    assert history["total"] == session["message_count"]
    assert fork["message_count"] == 0


def test_what_cannot_be_imported_says_why(shared_daemon: Daemon, tmp_path: Path) -> None:
    """A relative path, no file, an unknown id, both or neither: an error of the right class, and nothing is stored."""
    unknown, before = str(uuid.uuid4()), shared_daemon.call("GET", "/sessions")["total"]
    for request, name in (
        ({"path": "talk.jsonl"}, "BadRequest"),
        ({"path": str(tmp_path)}, "NotFound"),
        ({"path": str(tmp_path / "none.jsonl")}, "NotFound"),
        ({"uuid": unknown}, "NotFound"),
        ({"uuid": "../../etc/passwd"}, "NotFound"),
        ({"path": "/x", "uuid": unknown}, "BadRequest"),
        ({}, "BadRequest"),
    ):
        status, error = shared_daemon.request("POST", "/sessions/import", request)
        assert (status >= 400, error["name"]) == (True, name), (request, error)
    assert shared_daemon.call("GET", "/sessions")["total"] == before


def test_transcripts_on_this_machine_are_listed(daemon: Daemon, environment: dict[str, str]) -> None:
    """Where CLAUDE_CONFIG_DIR or the home says, the newest first; `since` leaves out the old; a bad time is refused."""
    folder = Path(environment["HOME"]) / ".claude" / "projects" / "-home-me-shop"
    old, new = Talk(folder), Talk(folder)
    os.utime(old.path, (1_700_000_000, 1_700_000_000))
    assert [one["uuid"] for one in daemon.call("GET", "/transcripts")] == [new.session_id, old.session_id]
    old.say("user", "one")
    as_typed = f"~/.claude/projects/-home-me-shop/{old.path.name}"
    assert daemon.call("POST", "/sessions/import", {"path": as_typed})["message_count"] == 1
    os.utime(old.path, (1_700_000_000, 1_700_000_000))
    assert [one["path"] for one in daemon.call("GET", "/transcripts?since=2024-01-01T00:00:00Z")] == [str(new.path)]
    assert daemon.request("GET", "/transcripts?since=yesterday")[0] == 400
    assert daemon.request("GET", "/transcripts?before=2024-01-01")[0] == 400


def test_ten_thousand_messages_are_whole(shared_daemon: Daemon, talk: Talk, monkeypatch: pytest.MonkeyPatch) -> None:
    """A long conversation, and a prompt with more answers than are stored at a time, are there entire and in order."""
    lines: list[str] = []
    # A file is opened once, not ten thousand times.
    monkeypatch.setattr(talk, "line", lines.append)
    for number in range(2_500):
        talk.say("user", f"prompt {number}", timestamp="2026-03-01T10:00:00Z")
        for part in range(3 if number else 2_500):
            talk.say("assistant", say(f"answer {number}.{part}"), timestamp="2026-03-01T10:00:00Z")
    talk.path.write_text("\n".join(lines) + "\n")
    session = load(shared_daemon, talk)
    expected = len(lines)
    assert session["message_count"] == session["imported"]["messages"] == expected
    tasks = shared_daemon.call("GET", f"/tasks?session_id={session['session_id']}&$limit=2")
    assert tasks["total"] == 2_500
    assert [task["message_range"]["end_index"] for task in tasks["data"]] == [2_500, 2_504]
    last = shared_daemon.call("GET", f"/messages?session_id={session['session_id']}&$skip={expected - 1}")["data"]
    assert [(m["index"], m["content"][0]["text"]) for m in last] == [(expected - 1, "answer 2499.2")]


def test_text_that_no_database_keeps_is_imported_all_the_same(daemon: Daemon, tmp_path: Path) -> None:
    """Half a character, NUL, and names of any length cost nothing but themselves: what is around them is there."""
    talk = Talk(tmp_path)
    talk.say("user", "half a \ud83d character\0")
    talk.say("assistant", say("an\ud83dswer"), message={"id": "a1", "model": "m" * 5000})
    session = daemon.call("POST", "/sessions/import", {"path": str(talk.path)})
    (task,) = daemon.call("GET", f"/tasks?session_id={session['session_id']}")["data"]
    asked, answered = daemon.call("GET", f"/messages?session_id={session['session_id']}")["data"]
    assert (asked["content"], task["full_prompt"]) == ("half a � character�",) * 2
    assert answered["content"][0]["text"] == "an�swer"
    assert daemon.call("POST", "/sessions/import", {"path": str(talk.path)})["imported"]["outcome"] == "unchanged"
