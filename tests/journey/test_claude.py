"""The main job with the real Claude Code CLI, against a scripted model on loopback."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
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


@dataclass(frozen=True)
class Desk:
    """Where somebody sits: in a repository, with a home of their own."""

    repository: Path
    environment: dict[str, str]

    async def agor(self, *arguments: str) -> tuple[int, str]:
        """(exit code, all that was printed) of the installed program."""
        program = await asyncio.create_subprocess_exec(
            str(Path(sys.executable).with_name("agor")),
            *arguments,
            cwd=self.repository,
            env=self.environment,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        async with asyncio.timeout(LIMIT_S):
            output, _ = await program.communicate()
        assert program.returncode is not None
        return program.returncode, output.decode()

    async def ok(self, *arguments: str) -> str:
        """What a command that must succeed printed."""
        code, output = await self.agor(*arguments)
        assert code == 0, f"agor {' '.join(arguments)}: {output}"
        return output

    async def records(self, *arguments: str) -> list[dict[str, Any]]:
        """What a command lists."""
        listed = json.loads(await self.ok(*arguments, "--json"))
        records: list[dict[str, Any]] = listed["data"] if isinstance(listed, dict) else listed
        return records

    async def session(self) -> dict[str, Any]:
        """The one there is."""
        (session,) = await self.records("session", "list")
        return session

    @asynccontextmanager
    async def daemon(self) -> AsyncIterator[None]:
        """A daemon for a while."""
        await self.ok("up")
        try:
            yield
        finally:
            await self.ok("daemon", "stop")


def desk_at(folder: Path, **extra: str) -> Desk:
    """A new one, with a repository in it."""
    environment = clean_environment(folder / "home", AGOR_DAEMON_PORT="0", NO_COLOR="1", **extra)
    return Desk(make_repository(folder / "demo", environment), environment)


def with_claude(folder: Path, fake: FakeAnthropic) -> Desk:
    """A new one, at which Claude can work."""
    return desk_at(folder, **fake.environment(config_dir=folder / "claude"))


@pytest.mark.claude
async def test_a_prompt_is_worked_on_by_the_real_claude(tmp_path: Path) -> None:
    """A prompt makes a worktree, Claude writes a file in it while its answer streams, and a second one continues."""
    async with FakeAnthropic(SCRIPT) as fake:
        desk = with_claude(tmp_path, fake)
        async with desk.daemon():
            await desk.ok("repo", "add", ".")
            output = await desk.ok(
                "session", "start", "--repo", ".", "--worktree", "try-it", "add a README")  # fmt: skip
            assert "I'll write it." in output
            assert "Done: README.md is there." in output
            session = await desk.session()
            worktree = Path(session["repo"]["cwd"])
            assert (worktree / "README.md").read_text() == "# Demo\n"
            assert not (desk.repository / "README.md").exists()
            second = await desk.ok("session", "prompt", session["session_id"], "make it shorter")
            assert "It is one line already." in second
            last, first = await desk.records("task", "list", "--session", session["session_id"])
            assert first["git_state"]["sha_at_end"] == first["git_state"]["sha_at_start"] + "-dirty"
            assert first["git_state"]["files_changed"] == 1
            assert [first["status"], last["status"]] == ["completed", "completed"]
        continued = next(asked for asked in fake.asked if asked.user == "make it shorter")
        assert "add a README" in continued.whole


@pytest.mark.claude
async def test_without_a_key_or_sign_in_nothing_is_created(tmp_path: Path) -> None:
    """Who has neither is told what to do, before a worktree, branch or session exists."""
    desk = desk_at(tmp_path)
    async with desk.daemon():
        await desk.ok("repo", "add", ".")
        code, output = await desk.agor("session", "start", "--repo", ".", "--worktree", "try-it", "hello")
        assert code == 1
        assert "ANTHROPIC_API_KEY" in output
        assert "scripted" in output
        for kind in ("session", "worktree"):
            assert await desk.records(kind, "list") == []


@pytest.mark.claude
async def test_what_ran_here_is_not_imported_twice(tmp_path: Path) -> None:
    """Importing the transcript of a conversation that Agor ran itself finds its session, and adds nothing."""
    async with FakeAnthropic(SCRIPT) as fake:
        desk = with_claude(tmp_path, fake)
        async with desk.daemon():
            await desk.ok("repo", "add", ".")
            start = ("session", "start", "--repo", ".", "--worktree", "try-it", "add a README")
            await desk.ok(*start)
            before = await desk.session()
            load = ("session", "load-claude", before["agent_session_id"])
            await desk.ok(*load)
            after = await desk.session()
            assert after["session_id"] == before["session_id"]
            assert after["message_count"] == before["message_count"] == 4


@pytest.mark.claude
async def test_what_was_begun_without_us_goes_on_here(tmp_path: Path) -> None:
    """A conversation held with `claude` itself is imported and continued by its own id; a second import adds none."""
    async with FakeAnthropic(SCRIPT) as fake:
        desk = with_claude(tmp_path, fake)
        prompt = ("-p", "--permission-mode", "acceptEdits", "add a README")
        claude = await asyncio.create_subprocess_exec(
            *find_cli([], desk.environment),
            *prompt,
            cwd=desk.repository,
            env=desk.environment,
            stdout=asyncio.subprocess.DEVNULL,
        )
        assert await claude.wait() == 0
        async with desk.daemon():
            await desk.ok("session", "load-claude", "--since", "1h")
            session = await desk.session()
            assert (session["title"], session["message_count"]) == ("add a README", 4)
            assert session["repo"]["cwd"] == str(desk.repository)
            answer = await desk.ok("session", "prompt", session["session_id"], "make it shorter")
            assert "It is one line already." in answer
            (again,) = await desk.records("session", "load-claude", "--all")
            assert again["outcome"] == "unchanged"
            after = await desk.session()
            assert after["agent_session_id"] == session["agent_session_id"]
            assert after["usage"]["cost_usd"] > session["usage"]["cost_usd"] > 0
        assert "Done: README.md is there." in next(a.whole for a in fake.asked if a.user == "make it shorter")


@pytest.mark.claude
async def test_a_lost_conversation_goes_on_from_what_is_stored(tmp_path: Path) -> None:
    """When Claude's own transcript is gone the task says so; with --from-history Claude is told ours and goes on."""
    async with FakeAnthropic(SCRIPT) as fake:
        desk = with_claude(tmp_path, fake)
        async with desk.daemon():
            await desk.ok("repo", "add", ".")
            start = ("session", "start", "--repo", ".", "--worktree", "try-it", "add a README")
            await desk.ok(*start)
            session = await desk.session()
            for transcript in (tmp_path / "claude" / "projects").rglob("*.jsonl"):
                transcript.unlink()
            prompt = ("session", "prompt", session["session_id"])
            code, output = await desk.agor(*prompt, "make it shorter")
            assert code == 1
            assert "stored history" in output
            answer = await desk.ok(*prompt, "--from-history", "make it shorter")
            assert "It is one line already." in answer
        told = fake.asked[-1]
        assert "make it shorter" in told.whole
        assert "Done: README.md is there." in told.whole
