"""Sessions from the command line, with the agent that needs no account."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from agor_cli.words import clock
from agor_core.client import Client
from tests.cli.conftest import Agor
from tests.support.daemon import Daemon
from tests.support.repository import git, make_repository

Scripted = Callable[..., Agor]


def test_the_first_minute(agor: Agor, repository: Path) -> None:
    """Add a repo, start a session in a new worktree, see the answer and the session, go on with it."""
    assert "Added demo" in agor("repo", "add", ".").out
    started = agor("session", "start", "--repo", ".", "--worktree", "try-it", "--agent", "scripted", "add a README")
    assert "add a README" in started.out
    assert "completed in" in started.out
    assert "agor session prompt " in started.out
    assert started.err == ""
    assert "try-it" in git("branch", cwd=repository)
    (session,) = agor("session", "list", "--json").json["data"]
    assert session["session_id"][:8] in agor("session", "list").out
    again = agor("session", "prompt", session["short_id"], "make", "it", "shorter")
    assert "make it shorter" in again.out
    shown = agor("session", "show", session["short_id"]).out
    assert "demo:try-it" in shown
    assert "add a README" in shown
    assert "make it shorter" in shown
    read = agor("message", "list", session["short_id"]).out
    assert read.index("> add a README") < read.index("> make it shorter")


def test_json_is_one_document_with_the_answer(agor: Agor) -> None:
    """For programs: session, task and answer, and nothing else on stdout."""
    agor("repo", "add", ".")
    done = agor("session", "start", "--worktree", "w", "--agent", "scripted", "--json", "hello").json
    assert done["task"]["status"] == "completed"
    assert done["task"]["session_id"] == done["session"]["session_id"]
    assert "hello" in done["answer"]


def test_without_waiting_it_returns_at_once_and_goes_on(scripted: Scripted) -> None:
    """--no-wait says how to look at it; the session works on, and the next prompt waits its turn."""
    agor = scripted({"turns": [{"steps": [{"text": "begun"}, {"hang": True}]}]})
    done = agor("session", "start", "--worktree", "w", "--agent", "scripted", "--no-wait", "go")
    assert "agor session watch" in done.out
    (session,) = agor("session", "list", "--json").json["data"]
    agor("session", "prompt", session["short_id"], "--no-wait", "and then this")
    assert "and then this" in agor("session", "queue", session["short_id"]).out
    assert "Stopped" in agor("session", "stop", session["short_id"]).out
    assert "Paused" in agor("session", "queue", session["short_id"]).out


def test_the_prompt_may_come_from_a_pipe(agor: Agor) -> None:
    """`-` as prompt reads standard input."""
    agor("repo", "add", ".")
    done = agor("session", "start", "--worktree", "w", "--agent", "scripted", "-", given="from a pipe\n")
    assert "from a pipe" in done.out


def test_a_session_without_worktree_works_in_the_folder(agor: Agor, repository: Path) -> None:
    """Nothing is made when no worktree is asked for; the session is where the user is."""
    agor("repo", "add", ".")
    done = agor("session", "start", "--agent", "scripted", "--json", "hello").json
    assert done["session"]["repo"]["cwd"] == str(repository)
    assert agor("worktree", "list", "--json").json["data"] == []


def test_a_repository_inside_another_is_its_own(agor: Agor, repository: Path, environment: dict[str, str]) -> None:
    """A checkout nested in a known one is not taken for it; a folder of the known one is."""
    agor("repo", "add", ".")
    nested = make_repository(repository / "vendor" / "lib", environment)
    refused = agor("session", "start", "--agent", "scripted", "x", cwd=nested, code=1)
    assert f"{nested} is not known yet" in refused.err
    inner = agor("session", "start", "--agent", "scripted", "--json", "x", cwd=repository / "vendor").json["session"]
    assert inner["repo"]["cwd"] == str(repository / "vendor")
    named = agor("session", "start", "--repo", "demo", "--agent", "scripted", "--json", cwd=nested).json["session"]
    assert named["repo"]["cwd"] == str(repository)


def test_a_second_session_shares_a_worktree_that_is_there(agor: Agor) -> None:
    """--worktree with a known name uses it; the name alone, `slug:name` and a folder in it all mean it."""
    agor("repo", "add", ".")
    first = agor("session", "start", "--worktree", "w", "--agent", "scripted", "--json", "one").json["session"]
    second = agor("session", "start", "--repo", "demo:w", "--agent", "scripted", "--json", "two").json["session"]
    folder = Path(agor("worktree", "cd", "w").out.strip())
    third = agor("session", "start", "--agent", "scripted", "--json", "three", cwd=folder).json["session"]
    assert first["worktree_id"] == second["worktree_id"] == third["worktree_id"]


def test_nothing_is_created_when_the_start_cannot_work(agor: Agor, daemon: Daemon, tmp_path: Path) -> None:
    """An agent that cannot run, an unknown one, an unknown repo: one line that says what to do, and no trace."""
    unknown_repo = agor("session", "start", "--worktree", "w", "--agent", "scripted", "x", code=1)
    assert unknown_repo.err.endswith("add it with `agor repo add .`\n")
    agor("repo", "add", ".")
    no_agent = agor("session", "start", "--worktree", "w", "--agent", "nobody", "x", code=1)
    assert "no agent 'nobody'; there are claude-code" in no_agent.err
    no_account = agor("session", "start", "--worktree", "w", "x", code=1)
    assert no_account.err.startswith("agor: claude-code cannot run: ")
    assert "ANTHROPIC_API_KEY" in no_account.err
    no_git = agor("session", "start", "--agent", "scripted", "x", cwd=tmp_path, code=1)
    assert "is not in a git repository" in no_git.err
    for done in (unknown_repo, no_agent, no_account, no_git):
        assert done.err.count("\n") == 1
        assert done.out == ""
    assert agor("session", "list", "--json").json["total"] == 0
    assert agor("worktree", "list", "--json").json["total"] == 0


def test_a_failed_task_is_exit_code_1_with_its_reason(scripted: Scripted) -> None:
    """What the agent ended with is on stderr; what it said before is kept."""
    steps = [{"text": "I try."}, {"error": {"kind": "rate_limited", "message": "come back at noon"}}]
    agor = scripted({"turns": [{"steps": steps}]})
    done = agor("session", "start", "--worktree", "w", "--agent", "scripted", "go", code=1)
    assert "I try." in done.out
    assert "failed" in done.out
    assert "rate_limited: come back at noon" in done.err


def test_a_limit_says_when_it_is_renewed(scripted: Scripted) -> None:
    """The error has the time for programs; prompt, queue, resume and task tell it as the clock on the wall shows it."""
    limited = {"error": {"kind": "rate_limited", "message": "used up", "retry_in_s": 3600}}
    asks = {"bash": {"command": "true"}, "ask": True}
    agor = scripted({"turns": [{"steps": [asks, limited]}, {"steps": [{"text": "fine"}]}]})
    agor("session", "start", "--worktree", "w", "--agent", "scripted", "--no-wait", "go")
    (session,) = agor("session", "list", "--json").json["data"]
    agor("session", "prompt", session["short_id"], "--no-wait", "and then")
    with agor.at_terminal("session", "watch", session["short_id"]) as terminal:
        terminal.wait_for("allow?")
        terminal.type("y")
        terminal.wait_for("failed")
    failed = next(task for task in agor("task", "list", "--json").json["data"] if task["error"])
    moment = datetime.fromisoformat(failed["error"]["retry_at"])
    assert timedelta(minutes=50) < moment - datetime.now(UTC) < timedelta(hours=1)
    words = f"can go on at {clock(failed['error']['retry_at'])}"
    assert f"{moment.astimezone():%H:%M}" in words
    assert agor("session", "queue", session["short_id"], "--json").json["retry_at"] == failed["error"]["retry_at"]
    assert words in agor("session", "queue", session["short_id"]).out
    assert words in agor("task", "show", failed["task_id"]).out
    assert words in agor("session", "resume", session["short_id"]).out


def test_an_agent_without_memory_is_told_what_is_stored_by_the_command_that_is_offered(scripted: Scripted) -> None:
    """The failed prompt names how to go on from our own history; that command asks the agent the same again."""
    lost = {"message": "no such conversation", "history_lost": True}
    steps = ([{"text": "first"}], [{"error": lost}], [{"text": "after ${previous}"}])
    agor = scripted({"turns": [{"steps": one} for one in steps]})
    agor("session", "start", "--worktree", "w", "--agent", "scripted", "one")
    (session,) = agor("session", "list", "--json").json["data"]
    failed = agor("session", "prompt", session["short_id"], "two", code=1)
    (offer,) = [line.split("  ")[1].split() for line in failed.out.splitlines() if "--from-history" in line]
    task = agor(*offer[1:], "--json").json
    assert (task["full_prompt"], task["from_history"]) == ("two", True)
    agor("session", "prompt", session["short_id"], "three")
    assert "after two" in agor("message", "list", session["short_id"]).out


def test_what_the_agent_changed_is_said(scripted: Scripted) -> None:
    """Tools appear as lines, and the end says what became of the files."""
    steps = [{"write": {"path": "notes.txt", "content": "a\nb\n"}}, {"text": "done"}]
    agor = scripted({"turns": [{"steps": steps}]})
    done = agor("session", "start", "--worktree", "w", "--agent", "scripted", "go")
    assert "notes.txt" in done.out
    assert "1 file changed (+2 -0)" in done.out
    assert "notes.txt" in agor("worktree", "status", "w").out
    assert "notes.txt" in agor("worktree", "diff", "w").out


def test_fork_spawn_and_the_tree(agor: Agor) -> None:
    """A fork and a child run their prompts, and the tree shows all three from wherever it is asked."""
    agor("repo", "add", ".")
    root = agor("session", "start", "--worktree", "w", "--agent", "scripted", "--json", "the root").json["session"]
    fork = agor("session", "fork", root["short_id"], "--json", "the fork").json
    assert fork["session"]["forked_from_session_id"] == root["session_id"]
    assert "the fork" in fork["answer"]
    child = agor("session", "spawn", fork["session"]["session_id"], "--agent", "scripted", "the child")
    assert "completed in" in child.out
    (spawned,) = [one for one in agor("session", "list", "--json").json["data"] if one["parent_session_id"]]
    for id in (root["short_id"], fork["session"]["session_id"], spawned["session_id"]):
        tree = agor("session", "tree", id).out
        assert tree.count("\n") == 3
        assert "fork " in tree
        assert "child " in tree
    empty = agor("session", "fork", root["short_id"])
    assert "its first prompt" in empty.out
    history = agor("message", "list", fork["session"]["session_id"], "--history").out
    assert "> the root" in history
    assert "> the root" not in agor("message", "list", fork["session"]["session_id"]).out


def test_archive_and_delete(agor: Agor) -> None:
    """Archived sessions leave the list and come back; deleted ones are gone; a living fork protects its parent."""
    agor("repo", "add", ".")
    session = agor("session", "start", "--worktree", "w", "--agent", "scripted", "--json", "hello").json["session"]
    id = session["short_id"]
    agor("session", "archive", id)
    assert agor("session", "list", "--json").json["data"] == []
    assert len(agor("session", "list", "--archived", "--json").json["data"]) == 1
    agor("session", "archive", id, "--undo")
    fork = agor("session", "fork", id, "--json").json["session"]
    agor("session", "rm", id, "--yes", code=1)
    agor("session", "rm", fork["session_id"], "--yes")
    assert "--yes" in agor("session", "rm", id, code=1).err  # nobody there to say yes
    agor("session", "rm", id, "--yes")
    missing = agor("session", "show", id, code=1).err
    assert "no session" in missing
    assert "`agor session list` shows them" in missing


def test_an_ambiguous_id_is_told_with_its_candidates(agor: Agor) -> None:
    """Too short a prefix says which sessions it could mean; one that means nothing is not found."""
    agor("repo", "add", ".")
    for title in ("one", "two"):
        agor("session", "start", "--title", title, "--agent", "scripted")
    first, second = agor("session", "list", "--json").json["data"]
    shared = next(n for n in range(4, 40) if first["session_id"][:n] != second["session_id"][:n]) - 1
    ambiguous = agor("session", "show", first["session_id"][:shared], code=1)
    assert "type more digits" in ambiguous.err
    assert "one" in ambiguous.err
    assert "two" in ambiguous.err
    assert ambiguous.err.count("\n") == 1
    assert agor("session", "show", first["short_id"]).code == 0


def test_a_claude_transcript_is_imported(agor: Agor, tmp_path: Path) -> None:
    """A transcript file becomes a session that can be read; a file that is none is refused."""
    sample = Path(__file__).parents[1] / "samples" / "claude-2.1" / "tools.jsonl"
    done = agor("session", "load-claude", str(sample))
    assert done.out.startswith("new")
    (session,) = agor("session", "list", "--json").json["data"]
    assert session["agent"] == "claude-code"
    assert session["message_count"] > 0
    assert agor("message", "list", session["short_id"]).out.startswith(">")
    nonsense = tmp_path / "nonsense.jsonl"
    nonsense.write_text("hello\n")
    assert agor("session", "load-claude", str(nonsense), code=1).err.count("\n") == 1


def test_json_of_every_list_is_a_page(agor: Agor) -> None:
    """Each list command prints the page as the daemon gave it."""
    for group in ("session", "task", "repo", "worktree", "board", "permission"):
        page = agor(group, "list", "--json").json
        assert {"total", "limit", "skip", "data"} <= set(page)
    assert isinstance(agor("agent", "list", "--json").json, list)


def test_two_clients_see_the_same(agor: Agor, daemon: Daemon) -> None:
    """What the command line does is there for every other client."""
    agor("repo", "add", ".")
    agor("session", "start", "--worktree", "w", "--agent", "scripted", "hello")
    with Client(daemon.url) as client:
        (session,) = client.service("sessions").find()["data"]
        assert session["status"] == "idle"
        client.service("sessions").patch(session["session_id"], {"title": "renamed elsewhere"})
    assert "renamed elsewhere" in agor("session", "list").out
    assert json.loads(agor("status", "--json").out)["sessions"] == 1


def test_what_an_agent_may_and_how_much_it_thinks(agor: Agor) -> None:
    """Tools, thinking and model are set for a session, and for one prompt; nonsense is refused before anything is."""
    agor("repo", "add", ".")
    options = (
        "--model",
        "big",
        "--thinking",
        "2000",
        "--allow",
        "Bash(npm test:*)",
        "--allow",
        "Edit",
        "--deny",
        "Web",
    )
    started = agor("session", "start", "--agent", "scripted", *options, "first", "--json").json["session"]
    assert started["model_config"] == {"model": "big", "thinking_tokens": 2000}
    assert started["permission_config"]["allowed_tools"] == ["Bash(npm test:*)", "Edit"]
    assert started["permission_config"]["denied_tools"] == ["Web"]
    more = ("--thinking", "0", "--deny", "Bash", "--permission-mode", "plan")
    task = agor("session", "prompt", started["session_id"], *more, "second", "--json").json["task"]
    assert (task["thinking_tokens"], task["denied_tools"], task["allowed_tools"]) == (0, ["Bash"], None)
    assert task["permission_mode"] == "plan"
    assert "--thinking" in agor("session", "start", "--thinking", "much", "third", code=2).err
    assert len(agor("session", "list", "--json").json["data"]) == 1


def test_a_session_says_where_in_a_repository_it_works(agor: Agor, repository: Path) -> None:
    """In the repository's own folder by that alone, below it with the folder beside it; as which it can be named."""
    (repository / "web").mkdir()
    agor("repo", "add", ".")
    for folder in (".", "web"):
        agor("session", "start", "--agent", "scripted", "go", cwd=repository / folder)
    rows = [line.split() for line in agor("session", "list").out.splitlines() if "scripted" in line]
    assert sorted(word for row in rows for word in row if word.startswith("demo")) == ["demo", "demo:./web"]
    newest = agor("session", "list", "--json").json["data"][0]
    assert "demo:./web" in agor("session", "show", newest["short_id"]).out
    again = agor("session", "start", "--repo", "demo:./web", "--agent", "scripted", "--json", "go").json
    assert again["session"]["repo"] == newest["repo"]
    assert "no-such" in agor("session", "start", "--repo", "demo:./no-such", "--agent", "scripted", "go", code=1).err
