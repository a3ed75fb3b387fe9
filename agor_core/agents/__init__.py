"""Agents: programs that act on prompts, behind one protocol.

Adding one is a folder that holds a class like `protocol.Agent`, and a line in `AGENTS`.
What a run needs of foreign libraries is loaded when a run starts.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence

from agor_core.agents.acp import AcpAgent, SignIn
from agor_core.agents.claude_code import ClaudeCode
from agor_core.agents.environment import agent_env
from agor_core.agents.process import end_leftover
from agor_core.agents.protocol import (
    Agent,
    AgentError,
    AgentEvent,
    AgentMessage,
    AgentProcess,
    AgentSession,
    Ask,
    Availability,
    ContextUsed,
    Finished,
    ForkPoint,
    PermissionAnswer,
    PermissionQuestion,
    RunRequest,
    TextDelta,
    ThinkingDelta,
    ToolFinished,
    ToolStarted,
    Usage,
)
from agor_core.agents.scripted import Scripted

__all__ = [
    "AGENTS",
    "Agent",
    "AgentError",
    "AgentEvent",
    "AgentMessage",
    "AgentProcess",
    "AgentSession",
    "Ask",
    "Availability",
    "ContextUsed",
    "Finished",
    "ForkPoint",
    "PermissionAnswer",
    "PermissionQuestion",
    "RunRequest",
    "TextDelta",
    "ThinkingDelta",
    "ToolFinished",
    "ToolStarted",
    "Usage",
    "agent_env",
    "end_leftover",
    "registered",
]

AGENTS: dict[str, Agent] = {
    agent.name: agent
    for agent in (
        ClaudeCode(),
        AcpAgent(
            "codex",
            ["codex-acp"],
            how_to="npm install -g @zed-industries/codex-acp",
            sign_in=SignIn(("OPENAI_API_KEY", "CODEX_API_KEY"), (".codex/auth.json",)),
        ),
        AcpAgent(
            "gemini",
            ["gemini", "--acp"],
            how_to="npm install -g @google/gemini-cli",
            sign_in=SignIn(("GEMINI_API_KEY", "GOOGLE_API_KEY"), (".gemini/oauth_creds.json",)),
            # It overwrites a conversation that goes on within its first minute, and when it starts it deletes one
            # that was taken up before, unless its settings have {"general": {"sessionRetention": {"enabled": false}}}.
            loses_conversations=True,
        ),
        AcpAgent(
            "opencode",
            ["opencode", "acp"],
            how_to="npm install -g opencode-ai",
            sign_in=SignIn(files=(".local/share/opencode/auth.json",)),
        ),
        AcpAgent(
            "cursor",
            ["cursor-agent", "acp"],
            how_to="see https://cursor.com/cli",
            sign_in=SignIn(("CURSOR_API_KEY",)),
        ),
        Scripted(),
    )
}


def registered(commands: Mapping[str, str | Sequence[str]] | None = None) -> dict[str, Agent]:
    """`AGENTS`, changed and added to by `agents.<name>.command` of the configuration.

    `commands`: per name, one command line or its words. For `claude-code` it is the CLI to use; any other command
    must speak the Agent Client Protocol. `scripted` has no command.
    """
    agents = dict(AGENTS)
    for name, command in (commands or {}).items():
        words = shlex.split(command) if isinstance(command, str) else list(command)
        if not words or name == Scripted.name:
            continue
        if name == ClaudeCode.name:
            agents[name] = ClaudeCode(words)
            continue
        known = AGENTS.get(name)
        loses_conversations = isinstance(known, AcpAgent) and known.loses_conversations
        agents[name] = AcpAgent(name, words, loses_conversations=loses_conversations)
    return agents
