"""Transcripts of Claude Code become sessions."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.support.daemon import Daemon

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
    assert again["imported"] == {"messages": 0, "tasks": 0, "skipped": []}
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
