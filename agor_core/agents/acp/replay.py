"""Where the past ends that an agent tells while it takes up a conversation.

The protocol wants it told before the agent answers that the conversation is there. Not every agent keeps to that:
Gemini answers after the first entry and tells the others while it already reads our next request. Nothing marks the
last one, and what an agent says anew looks the same. So nothing is asked of it before the past is over.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import acp
from acp import schema

# A method that no agent has, for the protocol wants every request answered: with an error that says so.
NUDGE = "agor/told"
# For an agent that answers nothing it does not know: no answer and no news for this long, and we go on.
UNANSWERED_S = 10.0

_ENTRIES = (
    schema.UserMessageChunk,
    schema.AgentMessageChunk,
    schema.AgentThoughtChunk,
    schema.ToolCallStart,
    schema.ToolCallProgress,
    schema.AgentPlanUpdate,
)
"""What a conversation consists of. Of other things, as its commands, an agent may tell news with every answer."""


class Replay:
    """The past of one conversation, as it comes in."""

    def __init__(self, unanswered_s: float = UNANSWERED_S) -> None:
        self._unanswered_s = unanswered_s
        self._entries = 0

    def take(self, update: Any) -> None:
        """An update that came before the first prompt was sent."""
        self._entries += isinstance(update, _ENTRIES)

    async def end(self, agent: Any) -> None:
        """Return once `agent` (the library's connection) has told its past. Raises ConnectionError if it is gone.

        Messages leave an agent in the order in which it sends them. One that is still telling has its next entry
        under way when it reads a request, and so before it answers. An answer with no entry before it: it is done.
        """
        entries = -1
        while entries != self._entries:
            entries = self._entries
            with contextlib.suppress(acp.RequestError, TimeoutError):
                await asyncio.wait_for(agent.ext_method(NUDGE, {}), self._unanswered_s)
