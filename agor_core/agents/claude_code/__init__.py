"""Claude Code: the real CLI, driven through claude-agent-sdk; and the transcripts it leaves on disk."""

from agor_core.agents.claude_code.agent import ClaudeCode

__all__ = ["ClaudeCode"]
