"""What an agent's environment holds, and what it never holds."""

from __future__ import annotations

import pytest

from agor_core.agents import agent_env


def test_nothing_of_ours_reaches_an_agent() -> None:
    """Our settings, the database, and marks of an agent we may run inside of are withheld; the user's own stays."""
    base = {
        "AGOR_HOME": "/x",
        "AGOR_DAEMON_JWT_SECRET": "s",
        "DATABASE_URL": "postgresql://u:p@h/d",
        "CLAUDECODE": "1",
        "CLAUDE_CODE_ENTRYPOINT": "cli",
        "PATH": "/bin",
        "ANTHROPIC_BASE_URL": "http://127.0.0.1:1",
        "CLAUDE_CONFIG_DIR": "/c",
        "OPENAI_API_KEY": "user's own",
    }
    assert agent_env(base, "claude-code") == {
        "PATH": "/bin",
        "ANTHROPIC_BASE_URL": "http://127.0.0.1:1",
        "CLAUDE_CONFIG_DIR": "/c",
        "OPENAI_API_KEY": "user's own",
    }


@pytest.mark.parametrize(
    ("agent", "names"),
    [
        ("claude-code", {"ANTHROPIC_API_KEY", "GITHUB_TOKEN"}),
        ("codex", {"OPENAI_API_KEY", "GITHUB_TOKEN"}),
        ("gemini", {"GITHUB_TOKEN"}),
        ("scripted", {"GITHUB_TOKEN"}),
        ("opencode", {"ANTHROPIC_API_KEY", "OPENAI_API_KEY", "GITHUB_TOKEN"}),
    ],
)
def test_configured_credentials_go_to_their_agent_only(agent: str, names: set[str]) -> None:
    """A configured key is given to the agent it signs in; one that no agent claims, to all."""
    credentials = dict.fromkeys(("ANTHROPIC_API_KEY", "OPENAI_API_KEY", "GITHUB_TOKEN"), "k")
    assert set(agent_env({}, agent, credentials=credentials)) == names


def test_the_agents_own_settings_win() -> None:
    """`agents.<name>.env` overrides the environment and the configured credentials."""
    made = agent_env({"A": "1"}, "codex", {"A": "2", "OPENAI_API_KEY": "mine"}, credentials={"OPENAI_API_KEY": "k"})
    assert made == {"A": "2", "OPENAI_API_KEY": "mine"}
