"""The command line for one prompt.

We start the CLI ourselves instead of leaving it to the SDK: the SDK adds its environment to the daemon's own, where
it must replace it, and leaves the CLI in the daemon's process group, where it must lead its own.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from agor_core.agents.protocol import RunRequest

# Whoever sets these decides where the key goes. They are pinned above the project's settings, so that a repository's
# `.claude/settings.json` cannot send it elsewhere; an empty value counts as none.
PINNED: Mapping[str, str] = {
    "ANTHROPIC_BASE_URL": "https://api.anthropic.com",
    "ANTHROPIC_BEDROCK_BASE_URL": "",
    "ANTHROPIC_VERTEX_BASE_URL": "",
    "ANTHROPIC_FOUNDRY_BASE_URL": "",
    "ANTHROPIC_CUSTOM_HEADERS": "",
    "ANTHROPIC_UNIX_SOCKET": "",
    "HTTP_PROXY": "",
    "HTTPS_PROXY": "",
    "http_proxy": "",
    "https_proxy": "",
    "ALL_PROXY": "",
    "all_proxy": "",
    "NODE_EXTRA_CA_CERTS": "",
    "NODE_TLS_REJECT_UNAUTHORIZED": "",
}


def command_line(cli: Sequence[str], request: RunRequest) -> list[str]:
    """The words that start the CLI for this request, ready to take the prompt on its input."""
    words = [
        *cli,
        *("--output-format", "stream-json", "--input-format", "stream-json", "--verbose"),
        "--include-partial-messages",
        *("--permission-prompt-tool", "stdio"),
        *("--permission-mode", request.permission_mode),
        "--setting-sources=project",
        *("--settings", json.dumps({"env": _pinned(request.environment)})),
    ]
    if request.system_append:
        words += ["--append-system-prompt", request.system_append]
    if request.model:
        words += ["--model", request.model]
    if request.thinking_tokens is not None:
        words += ["--max-thinking-tokens", str(request.thinking_tokens)]
    if request.allowed_tools:
        words += ["--allowedTools", ",".join(request.allowed_tools)]
    if request.denied_tools:
        words += ["--disallowedTools", ",".join(request.denied_tools)]
    # With `=`, so that an id that begins with a hyphen cannot be read as another option.
    if request.agent_session_id:
        words.append(f"--resume={request.agent_session_id}")
    if request.fork:
        words += [f"--resume={request.fork.agent_session_id}", "--fork-session"]
        if request.fork.at_message:
            words.append(f"--resume-session-at={request.fork.at_message}")
    return words


def cli_environment(request: RunRequest, sdk_version: str) -> dict[str, str]:
    """The agent's environment, and what the SDK and the CLI tell each other by it."""
    return {
        **request.environment,
        "PWD": request.cwd,
        "CLAUDE_CODE_ENTRYPOINT": "sdk-py",
        "CLAUDE_AGENT_SDK_VERSION": sdk_version,
        # Only these tell when a prompt is really done: a result ends a turn, and helpers in the background go on.
        "CLAUDE_CODE_EMIT_SESSION_STATE_EVENTS": "1",
    }


def _pinned(environment: Mapping[str, str]) -> dict[str, str]:
    return {name: environment.get(name) or default for name, default in PINNED.items()}
