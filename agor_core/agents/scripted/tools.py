"""The scripted agent's tools: small, but they really read, write and run, inside the working directory only."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from agor_core.agents.process import ChildProcess

LONGEST_OUTPUT_BYTES = 100_000

TOOL_NAMES = {"write": "Write", "edit": "Edit", "read": "Read", "bash": "Bash"}


class ToolFailed(Exception):
    """A tool could not do its work; the text is its result."""


async def use_tool(kind: str, input: Mapping[str, Any], cwd: str) -> str:
    """Use the tool of one step, not `bash`, and give its result. Raises ToolFailed."""
    if kind == "tool":
        return str(input.get("result", "ok"))
    # Off the loop: the disk may be slow, and other sessions stream meanwhile.
    return await asyncio.to_thread(_use_file, kind, dict(input), cwd)


async def start_command(command: str, cwd: str, environment: Mapping[str, str]) -> ChildProcess:
    """The shell for `command`, held until `run_command`."""
    return await ChildProcess.start(["/bin/sh", "-c", command], cwd=cwd, environment=environment, is_held=True)


async def run_command(process: ChildProcess) -> str:
    """Let it run to its end, and give what it printed. Raises ToolFailed."""
    process.release()
    process.stdin.close()
    output = await process.stdout.read(LONGEST_OUTPUT_BYTES)
    while len(output) < LONGEST_OUTPUT_BYTES and (more := await process.stdout.read(LONGEST_OUTPUT_BYTES)):
        output += more
    code = await process.wait() if len(output) < LONGEST_OUTPUT_BYTES else 0
    text = output[:LONGEST_OUTPUT_BYTES].decode("utf-8", "replace")
    if code != 0:
        raise ToolFailed(f"exit code {code}\n{text}{process.stderr_tail}")
    return text


def _use_file(kind: str, input: dict[str, Any], cwd: str) -> str:
    path = _inside(str(input["path"]), cwd)
    try:
        if kind == "write":
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(str(input.get("content", "")), encoding="utf-8")
            return f"wrote {path}"
        text = path.read_text(encoding="utf-8")
        if kind == "read":
            return text
        if str(input["old"]) not in text:
            raise ToolFailed(f"{path} does not hold the text to replace")
        path.write_text(text.replace(str(input["old"]), str(input["new"]), 1), encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ToolFailed(f"cannot {kind} {path}: {error}") from error
    return f"edited {path}"


def _inside(path: str, cwd: str) -> Path:
    """The absolute path, with links followed. Raises ToolFailed for one outside the working directory."""
    root = Path(cwd).resolve()
    whole = (root / path).resolve()
    if not whole.is_relative_to(root):
        raise ToolFailed(f"{path} is outside the working directory")
    return whole
