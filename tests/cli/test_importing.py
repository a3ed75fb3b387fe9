"""`agor session load-claude`: one conversation, several, or all there are."""

from __future__ import annotations

import json
import os
import shutil
import uuid
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Agor

SAMPLES = Path(__file__).parents[1] / "samples"


@pytest.fixture
def projects(environment: dict[str, str]) -> Path:
    """Where Claude Code keeps what was said about one folder."""
    folder = Path(environment["HOME"]) / ".claude" / "projects" / "-home-me-shop"
    folder.mkdir(parents=True)
    return folder


def put(sample: str, projects: Path, changed_at: float | None = None) -> str:
    """A sample among the user's own transcripts, under the id that it names itself; that id."""
    text = (SAMPLES / sample).read_text()
    id = next(record["sessionId"] for line in text.splitlines() if (record := json.loads(line)).get("sessionId"))
    path = projects / f"{id}.jsonl"
    path.write_text(text)
    if changed_at is not None:
        os.utime(path, (changed_at, changed_at))
    return str(id)


def outcomes(loaded: list[dict[str, Any]]) -> list[str]:
    return [one["outcome"] for one in loaded]


def test_all_conversations_and_again(agor: Agor, projects: Path) -> None:
    """--all imports each once, a second time nothing; what was added in between is; an empty file is no error."""
    first, _ = put("claude-2.0/tools.jsonl", projects), put("claude-2.1/denied.jsonl", projects)
    (projects / f"{uuid.uuid4()}.jsonl").write_text('{"type": "mode", "mode": "normal"}\n')
    done = agor("session", "load-claude", "--all")
    assert "3 conversations: 2 new, 1 empty" in done.out
    assert outcomes(agor("session", "load-claude", "--all", "--json").json).count("unchanged") == 2

    last = json.loads((projects / f"{first}.jsonl").read_text().splitlines()[-1])
    more = {**last, "type": "user", "uuid": str(uuid.uuid4()), "parentUuid": last["uuid"]}
    more["message"] = {"role": "user", "content": "And one thing more"}
    with (projects / f"{first}.jsonl").open("a") as file:
        file.write(json.dumps(more) + "\n{broken\n")
    done = agor("session", "load-claude", first)
    assert done.out.startswith("added")
    assert "+1 message, 1 prompt" in done.out
    assert "line 19 skipped: not JSON" in done.out
    assert len(agor("session", "list", "--json").json["data"]) == 2


def test_only_what_changed_lately(agor: Agor, projects: Path) -> None:
    """--since takes an age or a date; what nobody can read as either is refused in one line."""
    put("claude-2.0/tools.jsonl", projects, changed_at=1_700_000_000)
    assert "No conversations of Claude Code" in agor("session", "load-claude", "--since", "7d").out
    late = put("claude-2.1/tools.jsonl", projects)
    (loaded,) = agor("session", "load-claude", "--since", "2w", "--json").json
    assert loaded["transcript"].endswith(f"{late}.jsonl")
    assert (loaded["outcome"], loaded["tasks"], loaded["skipped"]) == ("new", 2, [])
    assert outcomes(agor("session", "load-claude", "--since", "2020-01-01", "--json").json) == ["unchanged", "new"]
    assert "neither an age such as 7d" in agor("session", "load-claude", "--since", "soon", code=2).err
    assert "--all or --since" in agor("session", "load-claude", code=2).err
    assert "--all or --since" in agor("session", "load-claude", late, "--all", code=2).err


def test_one_that_fails_leaves_the_others(agor: Agor, projects: Path, tmp_path: Path) -> None:
    """Of several that are named the good ones are imported, the bad one is one line, and the exit code is 1."""
    good = put("claude-2.1/subagent.jsonl", projects)
    shutil.copytree(SAMPLES / "claude-2.1" / "subagent", projects / good)
    done = agor("session", "load-claude", str(tmp_path / "none.jsonl"), good, code=1)
    assert "new " in done.out
    assert done.err.count("\n") == 1
    assert "no file" in done.err
    assert done.err.count("none.jsonl") == 1


def test_the_progress_is_shown_at_a_terminal(agor: Agor, projects: Path) -> None:
    """A bar counts the conversations that are done; each is named as it comes, with what can be done next."""
    put("claude-2.0/tools.jsonl", projects)
    put("claude-2.1/tools.jsonl", projects)
    with agor.at_terminal("session", "load-claude", "--all", kind="xterm") as terminal:
        terminal.wait_for("2 conversations: 2 new", "go on with it")
        assert terminal.end() == 0
        assert "Importing" in terminal.text
        assert "0/2" in terminal.text
