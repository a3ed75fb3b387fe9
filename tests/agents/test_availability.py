"""What can run here, said before anything is started; and what is loaded for that."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from agor_core.agents import AGENTS, registered
from agor_core.agents.claude_code import cli
from tests.agents.conftest import Runner

CLAUDE = AGENTS["claude-code"]


def test_the_agents_there_are() -> None:
    """Adding one is a line here."""
    assert list(AGENTS) == ["claude-code", "codex", "gemini", "opencode", "cursor", "scripted"]
    assert all(agent.name == name for name, agent in AGENTS.items())


def test_knowing_the_agents_loads_none_of_their_libraries() -> None:
    """The SDK takes over a second to load, and may be missing: the table of agents needs neither."""
    code = "import sys, agor_core.agents; print(*{name.partition('.')[0] for name in sys.modules})"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"claude_agent_sdk", "mcp", "acp", "pydantic", "yaml", "aiohttp"} & set(loaded)


@pytest.mark.parametrize(
    "signed_in",
    [
        {"ANTHROPIC_API_KEY": "k"},
        {"ANTHROPIC_AUTH_TOKEN": "k"},
        {"CLAUDE_CODE_OAUTH_TOKEN": "k"},
        {"CLAUDE_CODE_USE_BEDROCK": "1"},
        {"CLAUDE_CODE_USE_VERTEX": "true"},
    ],
)
async def test_claude_with_a_key_is_ready(tmp_path: Path, signed_in: dict[str, str]) -> None:
    """A key, a token or a cloud account is enough; the version is known without starting the CLI."""
    found = await CLAUDE.availability({"HOME": str(tmp_path), **signed_in})
    assert (found.installed, found.signed_in, found.problem) == (True, True, None)
    assert (found.version or "").startswith("2.")


@pytest.mark.parametrize(
    ("file", "text"), [(".credentials.json", "{}"), ("settings.json", '{"apiKeyHelper": "/bin/key"}')]
)
async def test_a_signed_in_cli_is_ready(tmp_path: Path, file: str, text: str) -> None:
    """What `claude` leaves when somebody signs in counts, in the home or where CLAUDE_CONFIG_DIR says."""
    folder = tmp_path / ".claude"
    folder.mkdir()
    (folder / file).write_text(text)
    for environment in ({"HOME": str(tmp_path)}, {"HOME": "/nonexistent", "CLAUDE_CONFIG_DIR": str(folder)}):
        assert (await CLAUDE.availability(environment)).signed_in


@pytest.mark.parametrize("extra", [{}, {"ANTHROPIC_API_KEY": ""}, {"CLAUDE_CODE_USE_BEDROCK": "0"}])
async def test_claude_without_a_key_says_what_to_do(play: Runner, tmp_path: Path, extra: dict[str, str]) -> None:
    """No key and no sign-in: a problem with a way out, before a run and at one."""
    environment = {"HOME": str(tmp_path), **extra}
    (tmp_path / ".claude").mkdir()
    (tmp_path / ".claude/settings.json").write_text("broken {")
    found = await CLAUDE.availability(environment)
    assert (found.installed, found.signed_in) == (True, False)
    assert "no API key" in (found.problem or "")
    assert "ANTHROPIC_API_KEY" in (found.how_to or "")

    run = await play(CLAUDE, "hi", environment=environment)
    assert run.error.kind == "no_key"
    assert "ANTHROPIC_API_KEY" in run.error.message


async def test_without_the_sdk_everything_else_runs(
    play: Runner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A missing package is a problem of this agent, told with the command that helps."""
    monkeypatch.setattr(cli, "PACKAGE", "package_that_nobody_has")
    environment = {"HOME": str(tmp_path), "ANTHROPIC_API_KEY": "k"}
    found = await CLAUDE.availability(environment)
    assert not found.installed
    assert "pip install claude-agent-sdk" in (found.how_to or "")
    run = await play(CLAUDE, "hi", environment=environment)
    assert run.error.kind == "no_cli"


async def test_a_configured_cli_that_does_not_exist(tmp_path: Path) -> None:
    """`agents.claude-code.command` that cannot be run is named."""
    agent = registered({"claude-code": "/nowhere/claude --flag"})["claude-code"]
    found = await agent.availability({"ANTHROPIC_API_KEY": "k", "PATH": str(tmp_path)})
    assert not found.installed
    assert "/nowhere/claude" in (found.problem or "")


async def test_configured_commands_are_agents(tmp_path: Path) -> None:
    """A command line, or its words, makes an agent of any name, and replaces a known agent's program."""
    agents = registered({"goose": "goose acp", "gemini": ["my-gemini", "--acp"], "scripted": "ignored"})
    assert agents["goose"].name == "goose"
    assert "`goose`" in ((await agents["goose"].availability({"PATH": str(tmp_path)})).problem or "")
    assert "`my-gemini`" in ((await agents["gemini"].availability({"PATH": str(tmp_path)})).problem or "")
    assert agents["scripted"] is AGENTS["scripted"]
    assert "goose" not in AGENTS


async def test_scripted_is_always_there() -> None:
    """It needs nothing."""
    found = await AGENTS["scripted"].availability({})
    assert (found.installed, found.signed_in, found.problem) == (True, True, None)
