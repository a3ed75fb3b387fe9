"""Turns what the SDK tells into our events.

The CLI tells an answer in pieces while it comes, and as one message per finished block; see `answer`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from claude_agent_sdk import (
    AssistantMessage,
    ContentBlock,
    Message,
    RateLimitEvent,
    ResultMessage,
    ServerToolResultBlock,
    ServerToolUseBlock,
    StreamEvent,
    SystemMessage,
    TaskNotificationMessage,
    TaskStartedMessage,
    TextBlock,
    ThinkingBlock,
    ToolResultBlock,
    ToolUseBlock,
    UserMessage,
)

from agor_core.agents.claude_code.answer import PendingAnswer
from agor_core.agents.claude_code.errors import api_error
from agor_core.agents.claude_code.ledger import Ledger, model_usage
from agor_core.agents.protocol import (
    AgentError,
    AgentEvent,
    AgentMessage,
    AgentSession,
    Block,
    ContextUsed,
    Finished,
    RunRequest,
    TextDelta,
    ThinkingDelta,
    ToolFinished,
    ToolStarted,
    Usage,
)


class Translator:
    """One run: feed it every message in order, until `is_over`; then `finished` sums up."""

    def __init__(self, request: RunRequest, before: Ledger) -> None:
        self.is_over = False
        self._request = request
        self._before = before
        self._pending = PendingAnswer()
        self._context_used = 0
        self._told_session: AgentSession | None = None
        self._tells_state = False
        self._background: set[str] = set()
        self._results: list[ResultMessage] = []
        self._error_name: str | None = None
        self._retry_at: int | None = None

    def translate(self, message: Message) -> Iterator[AgentEvent]:
        """The events that `message` brings."""
        match message:
            case StreamEvent():
                yield from self._stream(message)
            case AssistantMessage():
                yield from self._assistant(message)
            case UserMessage():
                yield from self._user(message)
            case TaskStartedMessage():
                self._background.add(message.task_id)
            case TaskNotificationMessage():
                self._background.discard(message.task_id)
            case SystemMessage():
                yield from self._system(message)
            case RateLimitEvent():
                # A warning names the end of a window, too, of which there is some left.
                limit = message.rate_limit_info
                ends_at = limit.resets_at if limit.status == "rejected" else None
                self._retry_at = ends_at * 1000 if ends_at else None
            case ResultMessage():
                yield from self._result(message)

    def finished(self, error: AgentError | None, duration_ms: int) -> Finished:
        """How it ended. `error`: what went wrong outside the conversation; without, the last result says."""
        totals = [result.total_cost_usd for result in self._results if result.total_cost_usd is not None]
        total = totals[-1] if totals else None
        if error is None:
            error = self._error()
        return Finished(
            error,
            self._usage_of_run(),
            max(0.0, total - self._before.cost_usd) if total is not None else None,
            total if total is not None else self._before.cost_usd,
            duration_ms,
            self._pending.text,
        )

    def rest(self) -> Iterator[AgentEvent]:
        """What was said but not yet told, when the CLI is gone."""
        return self._pending.end()

    def _stream(self, message: StreamEvent) -> Iterator[AgentEvent]:
        event, parent = message.event, message.parent_tool_use_id
        match event.get("type"):
            case "content_block_delta":
                delta = event.get("delta") or {}
                if delta.get("type") == "text_delta":
                    yield TextDelta(str(delta.get("text", "")), parent)
                elif delta.get("type") == "thinking_delta":
                    yield ThinkingDelta(str(delta.get("thinking", "")), parent)
            case "message_start" if parent is None:
                yield from self._pending.begin()
            case "message_delta" if parent is None:
                if usage := _usage(event.get("usage")):
                    self._pending.usage = usage
                    self._context_used = _tokens(usage)
                    yield ContextUsed(self._context_used)
            case "message_stop" if parent is None:
                yield from self._pending.end()

    def _assistant(self, message: AssistantMessage) -> Iterator[AgentEvent]:
        parent = message.parent_tool_use_id
        blocks = [_block(block) for block in message.content]
        if parent is None:
            self._error_name = message.error
            yield from self._pending.add(message, blocks)
        else:
            # Nothing announces the end of a helper's answer, so each block is told as it comes.
            told = AgentMessage("assistant", blocks, message.uuid, message.model, parent, _usage(message.usage))
            yield from self._pending.follow(told, {parent})
        for block in blocks:
            if block["type"] == "tool_use":
                yield ToolStarted(block["id"], block["name"], block["input"], parent)

    def _user(self, message: UserMessage) -> Iterator[AgentEvent]:
        parent = message.parent_tool_use_id
        content = message.content if isinstance(message.content, str) else [_block(b) for b in message.content]
        results = [block for block in content if isinstance(block, dict) and block["type"] == "tool_result"]
        for block in results:
            yield ToolFinished(block["tool_use_id"], bool(block.get("is_error")), parent)
        # Our own prompt is not repeated: what else comes in a user's name is the CLI's, or a helper's prompt.
        is_meta = not results and parent is None
        told = AgentMessage("user", content, message.uuid, parent_tool_use_id=parent, is_meta=is_meta)
        about = {str(block["tool_use_id"]) for block in results} | ({parent} if parent else set())
        yield from self._pending.follow(told, about)

    def _system(self, message: SystemMessage) -> Iterator[AgentEvent]:
        data = message.data
        if message.subtype == "init":
            session = AgentSession(data["session_id"], data.get("claude_code_version"), data.get("model"))
            if session != self._told_session:
                self._told_session = session
                yield session
        elif message.subtype == "compact_boundary":
            yield from self._pending.end()
            yield AgentMessage("system", "Conversation compacted", data.get("uuid"), is_meta=True)
        elif message.subtype == "api_retry":
            # The CLI tries up to ten times, ever more slowly: people should know what they wait for.
            yield AgentMessage("system", _retry_note(data), data.get("uuid"), is_meta=True)
        elif message.subtype == "session_state_changed":
            self._tells_state = True
            self.is_over = data.get("state") == "idle" and bool(self._results)

    def _result(self, message: ResultMessage) -> Iterator[AgentEvent]:
        yield from self._pending.end()
        self._results.append(message)
        # A CLI from before it told its state: it is done when no helper is at work in the background.
        if not self._tells_state:
            self.is_over = not self._background
        usage = (message.model_usage or {}).get(self._pending.model or "")
        if usage is not None and self._context_used:
            yield ContextUsed(self._context_used, usage.get("contextWindow"))

    def _error(self) -> AgentError | None:
        if not self._results:
            return AgentError("agent_crashed", "Claude Code ended without an answer")
        last = self._results[-1]
        if not last.is_error:
            return None
        if (last.terminal_reason or "").startswith("aborted"):
            return AgentError("interrupted", "the run was interrupted")
        text = last.result or "; ".join(last.errors or []) or last.subtype.replace("_", " ")
        return api_error(
            text, self._request, status=last.api_error_status, name=self._error_name, retry_at=self._retry_at
        )

    def _usage_of_run(self) -> Usage | None:
        """Tokens of this run, its helpers' too, where the CLI counts them over the conversation."""
        if not self._results:
            return None
        whole = model_usage(self._results[-1].model_usage)
        if self._before.usage is not None:
            return _less(whole, self._before.usage)
        return sum((_usage(result.usage) or Usage() for result in self._results), Usage())


def _retry_note(data: dict[str, Any]) -> str:
    reason = str(data.get("error") or "no answer").replace("_", " ")
    delay_s = max(1, round(int(data.get("retry_delay_ms") or 0) / 1000))
    attempt, most = data.get("attempt"), data.get("max_retries")
    return f"The API did not answer ({reason}). Trying again in {delay_s} s, {attempt} of {most}."


def _block(block: ContentBlock) -> Block:
    match block:
        case TextBlock(text=text):
            return {"type": "text", "text": text}
        case ThinkingBlock(thinking=thinking):
            return {"type": "thinking", "thinking": thinking}
        case ToolUseBlock(id=id, name=name, input=input):
            return {"type": "tool_use", "id": id, "name": name, "input": input}
        case ToolResultBlock(tool_use_id=id, content=content, is_error=is_error):
            return {"type": "tool_result", "tool_use_id": id, "content": content or "", "is_error": bool(is_error)}
        case ServerToolUseBlock(id=id, name=name, input=input):
            return {"type": "tool_use", "id": id, "name": name, "input": input}
        case ServerToolResultBlock(tool_use_id=id, content=content):
            return {"type": "tool_result", "tool_use_id": id, "content": str(content), "is_error": False}


def _usage(usage: dict[str, Any] | None) -> Usage | None:
    if not usage:
        return None
    names = ("input_tokens", "output_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")
    return Usage(*(int(usage.get(name) or 0) for name in names))


def _tokens(usage: Usage) -> int:
    return usage.input_tokens + usage.output_tokens + usage.cache_read_tokens + usage.cache_write_tokens


def _less(whole: Usage, before: Usage) -> Usage:
    return Usage(
        max(0, whole.input_tokens - before.input_tokens),
        max(0, whole.output_tokens - before.output_tokens),
        max(0, whole.cache_read_tokens - before.cache_read_tokens),
        max(0, whole.cache_write_tokens - before.cache_write_tokens),
    )
