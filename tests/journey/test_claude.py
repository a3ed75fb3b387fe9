"""The main job with the real Claude Code CLI, against a scripted model on loopback."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from agor_core.agents.claude_code.cli import find_cli
from tests.fake_anthropic import FakeAnthropic
from tests.support.daemon import clean_environment
from tests.support.repository import make_repository

LIMIT_S = 120

SCRIPT = {
    "rules": [
        {"when": {"raw": "make it shorter"}, "reply": [{"text": "It is one line already."}]},
        {
            "when": {"user": "add a README"},
            "reply": [
                {"text": "I'll write it."},
                {"tool": "Write", "input": {"file_path": "${cwd}/README.md", "content": "# Demo\n"}},
            ],
        },
        {"when": {"tool_result": "Write"}, "reply": [{"text": "Done: README.md is there."}]},
    ]
}


async def agor(*arguments: str, cwd: Path, environment: dict[str, str]) -> tuple[int, str]:
    """(exit code, all that was printed) of the installed program."""
    program = await asyncio.create_subprocess_exec(
        str(Path(sys.executable).with_name("agor")),
        *arguments,
        cwd=cwd,
        env=environment,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    async with asyncio.timeout(LIMIT_S):
        output, _ = await program.communicate()
    assert program.returncode is not None
    return program.returncode, output.decode()


async def ok(*arguments: str, cwd: Path, environment: dict[str, str]) -> str:
    """What a command that must succeed printed."""
    code, output = await agor(*arguments, cwd=cwd, environment=environment)
    assert code == 0, f"agor {' '.join(arguments)}: {output}"
    return output


@pytest.mark.claude
async def test_a_prompt_is_worked_on_by_the_real_claude(tmp_path: Path) -> None:
    """A prompt makes a worktree, Claude writes a file in it while its answer streams, and a second one continues."""
    async with FakeAnthropic(SCRIPT) as fake:
        environment = clean_environment(
            tmp_path / "home", AGOR_DAEMON_PORT="0", NO_COLOR="1", **fake.environment(config_dir=tmp_path / "claude")
        )
        repository = make_repository(tmp_path / "demo", environment)
        await ok("up", cwd=repository, environment=environment)
        try:
            await ok("repo", "add", ".", cwd=repository, environment=environment)
            output = await ok(
                "session", "start", "--repo", ".", "--worktree", "try-it", "add a README",
                cwd=repository, environment=environment,
            )  # fmt: skip
            assert "I'll write it." in output
            assert "Done: README.md is there." in output
            listed = json.loads(await ok("session", "list", "--json", cwd=repository, environment=environment))
            session = _only(listed)
            worktree = Path(session["repo"]["cwd"])
            assert (worktree / "README.md").read_text() == "# Demo\n"
            assert not (repository / "README.md").exists()
            second = await ok(
                "session", "prompt", session["session_id"], "make it shorter", cwd=repository, environment=environment
            )
            assert "It is one line already." in second
            tasks = json.loads(
                await ok(
                    "task",
                    "list",
                    "--session",
                    session["session_id"],
                    "--json",
                    cwd=repository,
                    environment=environment,
                )
            )
            last, first = _records(tasks)
            assert first["git_state"]["sha_at_end"] == first["git_state"]["sha_at_start"] + "-dirty"
            assert first["git_state"]["files_changed"] == 1
            assert [first["status"], last["status"]] == ["completed", "completed"]
        finally:
            await ok("daemon", "stop", cwd=repository, environment=environment)
        continued = next(asked for asked in fake.asked if asked.user == "make it shorter")
        assert "add a README" in continued.whole


@pytest.mark.claude
async def test_without_a_key_or_sign_in_nothing_is_created(tmp_path: Path) -> None:
    """Who has neither is told what to do, before a worktree, branch or session exists."""
    environment = clean_environment(tmp_path / "home", AGOR_DAEMON_PORT="0", NO_COLOR="1")
    repository = make_repository(tmp_path / "demo", environment)
    await ok("up", cwd=repository, environment=environment)
    try:
        await ok("repo", "add", ".", cwd=repository, environment=environment)
        code, output = await agor(
            "session", "start", "--repo", ".", "--worktree", "try-it", "hello", cwd=repository, environment=environment
        )
        assert code == 1
        assert "ANTHROPIC_API_KEY" in output
        assert "scripted" in output
        for kind in ("session", "worktree"):
            listed = json.loads(await ok(kind, "list", "--json", cwd=repository, environment=environment))
            assert _records(listed) == []
    finally:
        await ok("daemon", "stop", cwd=repository, environment=environment)


def _records(listed: Any) -> list[dict[str, Any]]:
    records: list[dict[str, Any]] = listed["data"] if isinstance(listed, dict) else listed
    return records


def _only(listed: Any) -> dict[str, Any]:
    (record,) = _records(listed)
    return record


@pytest.mark.claude
async def test_what_ran_here_is_not_imported_twice(tmp_path: Path) -> None:
    """Importing the transcript of a conversation that Agor ran itself finds its session, and adds nothing."""
    async with FakeAnthropic(SCRIPT) as fake:
        environment = clean_environment(
            tmp_path / "home", AGOR_DAEMON_PORT="0", NO_COLOR="1", **fake.environment(config_dir=tmp_path / "claude")
        )
        repository = make_repository(tmp_path / "demo", environment)
        await ok("up", cwd=repository, environment=environment)
        try:
            await ok("repo", "add", ".", cwd=repository, environment=environment)
            start = ("session", "start", "--repo", ".", "--worktree", "try-it", "add a README")
            await ok(*start, cwd=repository, environment=environment)
            before = _only(json.loads(await ok("session", "list", "--json", cwd=repository, environment=environment)))
            load = ("session", "load-claude", before["agent_session_id"])
            await ok(*load, cwd=repository, environment=environment)
            after = _only(json.loads(await ok("session", "list", "--json", cwd=repository, environment=environment)))
            assert after["session_id"] == before["session_id"]
            assert after["message_count"] == before["message_count"] == 4
        finally:
            await ok("daemon", "stop", cwd=repository, environment=environment)


@pytest.mark.claude
async def test_what_was_begun_without_us_goes_on_here(tmp_path: Path) -> None:
    """A conversation held with `claude` itself is imported and continued by its own id; a second import adds none."""
    async with FakeAnthropic(SCRIPT) as fake:
        environment = clean_environment(
            tmp_path / "home", AGOR_DAEMON_PORT="0", NO_COLOR="1", **fake.environment(config_dir=tmp_path / "claude")
        )
        repository = make_repository(tmp_path / "demo", environment)
        prompt = ("-p", "--permission-mode", "acceptEdits", "add a README")
        claude = await asyncio.create_subprocess_exec(
            *find_cli([], environment), *prompt, cwd=repository, env=environment, stdout=asyncio.subprocess.DEVNULL
        )
        assert await claude.wait() == 0
        await ok("up", cwd=repository, environment=environment)
        try:
            await ok("session", "load-claude", "--since", "1h", cwd=repository, environment=environment)
            session = _only(json.loads(await ok("session", "list", "--json", cwd=repository, environment=environment)))
            assert (session["title"], session["message_count"]) == ("add a README", 4)
            assert session["repo"]["cwd"] == str(repository)
            answer = await ok(
                "session", "prompt", session["session_id"], "make it shorter", cwd=repository, environment=environment
            )
            assert "It is one line already." in answer
            load = ("session", "load-claude", "--all", "--json")
            (again,) = json.loads(await ok(*load, cwd=repository, environment=environment))
            assert again["outcome"] == "unchanged"
            after = _only(json.loads(await ok("session", "list", "--json", cwd=repository, environment=environment)))
            assert after["agent_session_id"] == session["agent_session_id"]
            assert after["usage"]["cost_usd"] > session["usage"]["cost_usd"] > 0
        finally:
            await ok("daemon", "stop", cwd=repository, environment=environment)
        assert "Done: README.md is there." in next(a.whole for a in fake.asked if a.user == "make it shorter")


@pytest.mark.claude
async def test_a_lost_conversation_goes_on_from_what_is_stored(tmp_path: Path) -> None:
    """When Claude's own transcript is gone the task says so; with --from-history Claude is told ours and goes on."""
    async with FakeAnthropic(SCRIPT) as fake:
        environment = clean_environment(
            tmp_path / "home", AGOR_DAEMON_PORT="0", NO_COLOR="1", **fake.environment(config_dir=tmp_path / "claude")
        )
        repository = make_repository(tmp_path / "demo", environment)
        await ok("up", cwd=repository, environment=environment)
        try:
            await ok("repo", "add", ".", cwd=repository, environment=environment)
            start = ("session", "start", "--repo", ".", "--worktree", "try-it", "add a README")
            await ok(*start, cwd=repository, environment=environment)
            session = _only(json.loads(await ok("session", "list", "--json", cwd=repository, environment=environment)))
            for transcript in (tmp_path / "claude" / "projects").rglob("*.jsonl"):
                transcript.unlink()
            prompt = ("session", "prompt", session["session_id"])
            code, output = await agor(*prompt, "make it shorter", cwd=repository, environment=environment)
            assert code == 1
            assert "stored history" in output
            answer = await ok(*prompt, "--from-history", "make it shorter", cwd=repository, environment=environment)
            assert "It is one line already." in answer
        finally:
            await ok("daemon", "stop", cwd=repository, environment=environment)
        told = fake.asked[-1]
        assert "make it shorter" in told.whole
        assert "Done: README.md is there." in told.whole
