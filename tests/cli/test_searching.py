"""`agor search`: what was said, found from the command line."""

from __future__ import annotations

from typing import Any

import pytest

from tests.cli.conftest import Agor
from tests.support.daemon import Daemon


def test_what_was_said_is_searched(agor: Agor) -> None:
    """Titles and passages are found by all words, quoted ones as they follow each other; no hit is said."""
    agor("repo", "add", ".")
    session = agor("session", "start", "--agent", "scripted", "--json", "where is the flux capacitor?").json["session"]
    found = agor("search", "flux", "capacitor").out
    assert session["session_id"].replace("-", "")[:12] in found
    heading, *rows = found.splitlines()
    assert heading.split() == ["ID", "SESSION", "IN", "FOUND", "WHEN"]
    assert all("where is the flux capacitor?" in row for row in rows)
    assert agor("search", "flux capacitor", "--json").json["messages"]["total"] == 2  # the prompt and the answer
    assert "Nothing was found" in agor("search", "capacitor flux").out
    assert agor("search", "flux", "--limit", "1").out.splitlines()[-1].startswith("of 1 session and 2 messages")
    assert agor("search", "?!", code=1).err.count("\n") == 1


@pytest.fixture
def told(agor: Agor, daemon: Daemon) -> dict[str, dict[str, Any]]:
    """Four sessions; in three a walnut is spoken of: on a board of its own, long ago, and of another agent. The fourth
    works in the repository's own folder."""
    agor("repo", "add", ".")
    (repo,) = agor("repo", "list", "--json").json["data"]
    worktree = daemon.call("POST", "/worktrees", {"repo_id": repo["repo_id"], "name": "w"})
    garden = daemon.call("POST", "/boards", {"name": "Garden"})
    made: dict[str, dict[str, Any]] = {
        "orchard": {"agent": "scripted", "board_id": garden["board_id"], "worktree_id": worktree["worktree_id"]},
        "cellar": {"agent": "scripted", "worktree_id": worktree["worktree_id"]},
        "walnut wood": {"agent": "codex"},
        "attic": {"agent": "codex", "cwd": str(agor.folder)},
    }
    sessions = {title: daemon.call("POST", "/sessions", {**data, "title": title}) for title, data in made.items()}
    said = (
        ("orchard", "user", "2026-01-02T00:00:00.000Z"),
        ("cellar", "assistant", "2020-01-02T00:00:00.000Z"),
        ("walnut wood", "user", "2020-01-02T00:00:00.000Z"),
    )
    records = [
        {
            "session_id": sessions[title]["session_id"],
            "type": role,
            "role": role,
            "content": f"a walnut in the {title}",
            "timestamp": timestamp,
        }
        for title, role, timestamp in said
    ]
    daemon.call("POST", "/messages/bulk", records)
    return sessions


def test_a_search_is_narrowed(agor: Agor, told: dict[str, dict[str, Any]]) -> None:
    """By board, repo, agent, session, time and role, alone and together, named as people name them."""
    homes = {session["session_id"]: title for title, session in told.items()}

    def found(*options: str) -> tuple[list[str], list[str]]:
        """The titles of the sessions found, and of those that messages were found in."""
        answer = agor("search", "walnut", *options, "--json").json
        sessions, messages = (
            sorted(homes[one["session_id"]] for one in answer[name]["data"]) for name in ("sessions", "messages")
        )
        return sessions, messages

    wood = ["walnut wood"]
    assert found() == (wood, ["cellar", "orchard", *wood])
    for garden in ("garden", "Garden", told["orchard"]["board_id"][:13]):
        assert found("--board", garden) == ([], ["orchard"])
    for demo in ("demo", ".", "demo:w", told["orchard"]["repo"]["repo_id"][:13]):
        assert found("--repo", demo) == ([], ["cellar", "orchard"])
    assert found("--agent", "codex") == (wood, wood)
    assert found("--session", told["cellar"]["short_id"]) == ([], ["cellar"])
    assert found("--session", told["walnut wood"]["session_id"]) == (wood, wood)
    assert found("--since", "2026-01-01") == (wood, ["orchard"])
    assert found("--since", "1h") == (wood, [])
    assert found("--role", "user") == ([], ["orchard", *wood])
    assert found("--repo", "demo", "--role", "assistant", "--agent", "scripted") == ([], ["cellar"])
    assert found("--board", "garden", "--agent", "codex") == ([], [])
    listed = agor("session", "list", "--repo", "demo", "--json").json["data"]
    assert sorted(homes[one["session_id"]] for one in listed) == ["attic", "cellar", "orchard"]
    shown = agor("search", "walnut", "--board", "garden").out
    assert "a walnut in the orchard" in shown
    assert "cellar" not in shown


@pytest.mark.parametrize(
    ("option", "code", "words"),
    [
        (("--board", "gone"), 1, "no board 'gone'; `agor board list` shows them"),
        (("--repo", "gone"), 1, "no repo 'gone'; `agor repo list` shows them"),
        (("--agent", "gone"), 1, "no agent 'gone'; there are claude-code"),
        (("--session", "gone"), 1, "gone"),
        (("--session", "01990000-0000-7000-8000-000000000000"), 1, "`agor session list` shows them"),
        (("--since", "gone"), 2, "neither an age such as 7d"),
        (("--role", "gone"), 2, "'user', 'assistant', 'system'"),
    ],
)
def test_what_there_is_not_cannot_narrow_a_search(agor: Agor, option: tuple[str, str], code: int, words: str) -> None:
    """What does not exist is one line that says so, and not that nothing was found."""
    refused = agor("search", "walnut", *option, code=code)
    assert words in refused.err
    assert refused.err.count("\n") == 1
    assert refused.out == ""
