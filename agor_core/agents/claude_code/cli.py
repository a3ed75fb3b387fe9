"""Finds the Claude Code CLI, and tells its version without starting it."""

from __future__ import annotations

import importlib.util
import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

PACKAGE = "claude_agent_sdk"
BUNDLED = Path("_bundled") / "claude"
VERSION_FILE = "claude.version"

HOW_TO_GET = "`pip install claude-agent-sdk`, which brings it; or set agents.claude-code.command"


class CliMissing(Exception):
    """There is no CLI to run; `how_to` says how to get one."""

    def __init__(self, message: str, how_to: str = HOW_TO_GET) -> None:
        super().__init__(message)
        self.how_to = how_to


def find_cli(configured: Sequence[str], environment: Mapping[str, str]) -> list[str]:
    """The words that start the CLI: the configured ones, else the SDK's own, else `claude` on the agent's PATH."""
    if configured:
        program = shutil.which(configured[0], path=environment.get("PATH"))
        if program is None:
            raise CliMissing(f"the configured Claude CLI {configured[0]!r} does not exist or cannot be run")
        return [program, *configured[1:]]
    package = _package_folder()
    if package is None:
        raise CliMissing("claude-agent-sdk is not installed", "`pip install claude-agent-sdk`")
    bundled = package / BUNDLED
    if bundled.is_file() and os.access(bundled, os.X_OK):
        return [str(bundled)]
    found = shutil.which("claude", path=environment.get("PATH"))
    if found is None:
        raise CliMissing("the Claude Code CLI is not installed")
    return [found]


def cli_version(command: Sequence[str]) -> str | None:
    """The version recorded beside the CLI; None for one that does not come with the SDK."""
    try:
        return Path(command[0]).with_name(VERSION_FILE).read_text(encoding="utf-8").split()[0]
    except (OSError, IndexError):
        return None


def _package_folder() -> Path | None:
    """Where the SDK is, without importing it."""
    try:
        spec = importlib.util.find_spec(PACKAGE)
    except (ImportError, ValueError):
        return None
    return Path(spec.origin).parent if spec is not None and spec.origin is not None else None
