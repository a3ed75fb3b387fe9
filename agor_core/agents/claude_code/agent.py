"""Claude Code as an agent: whether it can run here, and the way into a run."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from pathlib import Path

from agor_core.agents.claude_code.cli import CliMissing, cli_version, find_cli
from agor_core.agents.claude_code.home import config_dir
from agor_core.agents.environment import CREDENTIALS
from agor_core.agents.protocol import AgentError, AgentEvent, Ask, Availability, Finished, RunRequest

# Set to anything that is not off, they sign in through a cloud account instead of a key.
CLOUD_SWITCHES = ("CLAUDE_CODE_USE_BEDROCK", "CLAUDE_CODE_USE_VERTEX", "CLAUDE_CODE_USE_FOUNDRY")

NO_KEY = "Claude Code has no API key and is not signed in"
HOW_TO_SIGN_IN = (
    "set ANTHROPIC_API_KEY in the daemon's environment, or `agor config set credentials.ANTHROPIC_API_KEY …`, "
    "or run `claude` once and sign in"
)


class ClaudeCode:
    """The Claude Code CLI: the one inside claude-agent-sdk, or `command` where the configuration names one."""

    name = "claude-code"

    def __init__(self, command: Sequence[str] = ()) -> None:
        self._command = list(command)

    async def availability(self, environment: Mapping[str, str]) -> Availability:
        """Whether there is a CLI and a way to sign in. No program is started and nothing is asked of a network."""
        return await asyncio.to_thread(self._availability, environment)

    def _availability(self, environment: Mapping[str, str]) -> Availability:
        try:
            command = find_cli(self._command, environment)
        except CliMissing as missing:
            return Availability(installed=False, problem=str(missing), how_to=missing.how_to)
        version = cli_version(command)
        if is_signed_in(environment):
            return Availability(installed=True, version=version, signed_in=True)
        return Availability(True, version, signed_in=False, problem=NO_KEY, how_to=HOW_TO_SIGN_IN)

    async def run(self, request: RunRequest, ask: Ask) -> AsyncGenerator[AgentEvent, None]:
        """One prompt through the real CLI; see `run.py`."""
        if not is_signed_in(request.environment):
            yield Finished(AgentError("no_key", f"{NO_KEY}: {HOW_TO_SIGN_IN}"))
            return
        try:
            command = find_cli(self._command, request.environment)
            # 1.4 s, most of it for protocols that this run may never use: a thread lets other sessions go on.
            drive = await asyncio.to_thread(_load_driver)
        except CliMissing as missing:
            yield Finished(AgentError("no_cli", f"{missing}: {missing.how_to}"))
            return
        except ImportError as error:
            yield Finished(AgentError("no_cli", f"claude-agent-sdk cannot be loaded ({error}): pip install agor again"))
            return
        async with aclosing(drive(request, ask, command)) as events:
            async for event in events:
                yield event


def _load_driver() -> Callable[[RunRequest, Ask, Sequence[str]], AsyncGenerator[AgentEvent, None]]:
    from agor_core.agents.claude_code.run import drive

    return drive


def is_signed_in(environment: Mapping[str, str]) -> bool:
    """Whether the CLI would find a key, a cloud account, or somebody's sign-in."""
    if any(environment.get(name) for name in CREDENTIALS["claude-code"]):
        return True
    if any(environment.get(name, "").lower() not in ("", "0", "false", "no", "off") for name in CLOUD_SWITCHES):
        return True
    home = config_dir(environment)
    return (home / ".credentials.json").is_file() or _has_key_helper(home / "settings.json")


def _has_key_helper(settings: Path) -> bool:
    try:
        return bool(json.loads(settings.read_text(encoding="utf-8")).get("apiKeyHelper"))
    except (OSError, ValueError, AttributeError):
        return False
