"""One prompt through the real CLI. Loaded when a run starts, for it loads the SDK."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator, Sequence
from pathlib import Path
from typing import Any

from claude_agent_sdk import (
    ClaudeAgentOptions,
    ClaudeSDKClient,
    ClaudeSDKError,
    PermissionResultAllow,
    PermissionResultDeny,
    ToolPermissionContext,
    __version__,
)

from agor_core.agents.claude_code.command import cli_environment, command_line
from agor_core.agents.claude_code.errors import crash, lost_conversation
from agor_core.agents.claude_code.ledger import Ledger, read_ledger
from agor_core.agents.claude_code.transcript import find_transcript
from agor_core.agents.claude_code.translate import Translator
from agor_core.agents.claude_code.transport import LAST_WORDS_S, CliTransport
from agor_core.agents.failures import failure
from agor_core.agents.history import with_history
from agor_core.agents.process import ChildProcess, Flood
from agor_core.agents.protocol import (
    AgentError,
    AgentEvent,
    AgentProcess,
    Ask,
    Finished,
    PermissionQuestion,
    RunRequest,
    Usage,
)
from agor_core.errors import NotFound

# A run that is stopped has two seconds in all, and git needs some of them: the group is killed after one. The CLI
# answers an interrupt in 20 ms, once it listens, and ends in 0.1 s, unless a tool keeps it.
INTERRUPT_S = 0.4
STOP_GRACE_S = 0.3

DENIED = "The user does not want this tool to be used."


async def drive(request: RunRequest, ask: Ask, cli: Sequence[str]) -> AsyncGenerator[AgentEvent, None]:
    """Start the CLI, give it the prompt, tell what happens, and leave no process behind."""
    started = time.monotonic()
    try:
        before = await asyncio.to_thread(_prepare, request)
        process = await ChildProcess.start(
            command_line(cli, request), cwd=request.cwd, environment=cli_environment(request, __version__), is_held=True
        )
    except _CannotStart as problem:
        yield Finished(problem.error)
        return
    except OSError as refusal:
        yield Finished(AgentError("no_cli", f"Claude Code cannot be started: {refusal}"))
        return
    translator = Translator(request, before)
    client = ClaudeSDKClient(
        ClaudeAgentOptions(can_use_tool=_permission(ask), forward_subagent_text=True), CliTransport(process)
    )
    error: AgentError | None = None
    in_haste = True
    try:
        yield AgentProcess(process.pid, process.identity)
        process.release()
        try:
            await client.connect()
            await client.query(with_history(request.prompt, request.history))
            async for message in client.receive_messages():
                for event in translator.translate(message):
                    yield event
                if translator.is_over:
                    break
        except Flood as flood:
            error = failure("agent_crashed", f"Claude Code: {flood}", request)
        except (ClaudeSDKError, ConnectionError) as problem:
            await process.close()
            error = crash(request, process.returncode, process.stderr_tail, _detail(problem))
        in_haste = False
    finally:
        await _leave(client, process, in_haste=in_haste)
    for event in translator.rest():
        yield event
    yield translator.finished(error, round((time.monotonic() - started) * 1000))


class _CannotStart(Exception):
    def __init__(self, error: AgentError) -> None:
        super().__init__(error.message)
        self.error = error


def _prepare(request: RunRequest) -> Ledger:
    """What the conversation cost so far. Raises _CannotStart if there is nothing to work in, or to go on from."""
    if not Path(request.cwd).is_dir():
        raise _CannotStart(AgentError("cwd_missing", f"the working directory {request.cwd} is gone"))
    origin = request.fork.agent_session_id if request.fork else request.agent_session_id
    if origin is None:
        return Ledger(0.0, Usage())
    try:
        ledger = read_ledger(find_transcript(origin, request.environment))
    except (NotFound, OSError) as error:
        raise _CannotStart(lost_conversation(request)) from error
    return ledger or Ledger(request.cost_so_far)


async def _leave(client: ClaudeSDKClient, process: ChildProcess, *, in_haste: bool) -> None:
    """End the CLI: with time for its last words, or, when the run was stopped, by interrupting it first."""
    try:
        if in_haste and process.returncode is None:
            # So that the conversation itself knows where it was cut off. Nothing is lost if it does not listen.
            with contextlib.suppress(Exception):
                await asyncio.wait_for(client.interrupt(), INTERRUPT_S)
        with contextlib.suppress(Exception):
            await client.disconnect()
    finally:
        await process.close(grace_s=STOP_GRACE_S if in_haste else LAST_WORDS_S)


def _permission(ask: Ask) -> Any:
    """The SDK's callback, which puts the question to people."""

    async def may_use(
        name: str, input: dict[str, Any], context: ToolPermissionContext
    ) -> PermissionResultAllow | PermissionResultDeny:
        offered = [(update, update.to_dict()) for update in context.suggestions]
        question = PermissionQuestion(
            name, input, context.tool_use_id or "", [told for _, told in offered], context.title
        )
        answer = await ask(question)
        if not answer.allow:
            return PermissionResultDeny(message=answer.reason or DENIED)
        adopted = [update for update, told in offered if told in answer.suggestions]
        return PermissionResultAllow(updated_input=answer.updated_input, updated_permissions=adopted or None)

    return may_use


def _detail(problem: Exception) -> str:
    """The SDK's words, where they say more than that the process ended."""
    text = str(problem)
    return "" if "exit code" in text and "No conversation" not in text else text
