"""Puts the main agent's answer together: told block by block, it is one entry of the transcript.

Tools may run, and helpers speak, while the answer that called them is still coming. What they give waits, so that
it stands behind the whole answer, as in the API's own order.
"""

from __future__ import annotations

from collections.abc import Iterator

from claude_agent_sdk import AssistantMessage

from agor_core.agents.protocol import AgentMessage, Block, Usage

SYNTHETIC_MODEL = "<synthetic>"
"""Stands where the CLI says something itself in the model's place, such as an error."""


class PendingAnswer:
    """The answer that is coming, if one is. `text` and `model` are the last that the model itself gave."""

    def __init__(self) -> None:
        self.usage: Usage | None = None
        self.text: str | None = None
        self.model: str | None = None
        self._is_streaming = False
        self._blocks: list[Block] = []
        self._held: list[AgentMessage] = []
        self._last: AssistantMessage | None = None

    def begin(self) -> Iterator[AgentMessage]:
        """A new answer starts to come; gives what was left of the one before."""
        yield from self.end()
        self._is_streaming = True

    def add(self, message: AssistantMessage, blocks: list[Block]) -> Iterator[AgentMessage]:
        """Add finished blocks; gives the answer before if these belong to another."""
        if self._last is not None and message.message_id != self._last.message_id:
            is_streaming = self._is_streaming
            yield from self.end()
            self._is_streaming = is_streaming
        self._last = message
        self._blocks.extend(blocks)

    def follow(self, message: AgentMessage, about: set[str]) -> Iterator[AgentMessage]:
        """Tell `message`, which is about the tool uses `about`: after the answer, if that is where they are."""
        calls = {block.get("id") for block in self._blocks if block["type"] == "tool_use"}
        if not calls & about:
            yield message
        elif self._is_streaming:
            self._held.append(message)
        else:
            yield from self.end()
            yield message

    def end(self) -> Iterator[AgentMessage]:
        """The answer is complete, or will never be: gives it, and what waited for it."""
        self._is_streaming = False
        if self._blocks and self._last is not None:
            yield self._message(self._last)
        self._blocks, self._last, self.usage = [], None, None
        held, self._held = self._held, []
        yield from held

    def _message(self, last: AssistantMessage) -> AgentMessage:
        is_synthetic, is_error = last.model == SYNTHETIC_MODEL, last.error is not None
        if not is_synthetic:
            said = "\n\n".join(block["text"] for block in self._blocks if block["type"] == "text")
            self.text, self.model = said or self.text, last.model
        return AgentMessage(
            "assistant",
            self._blocks,
            # The id of its last block: where Claude forks after the whole answer.
            last.uuid,
            None if is_synthetic else last.model,
            usage=self.usage,
            is_meta=is_synthetic and not is_error,
            is_error=is_error,
        )
