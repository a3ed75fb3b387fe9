"""What the scripted agent remembers: the prompts so far, carried in its session id.

A real agent keeps a file. Keeping everything in the id makes resuming work across restarts and machines, makes a
fork at any message exact, and leaves nothing behind.
"""

from __future__ import annotations

import base64
import binascii
import json
import zlib
from dataclasses import dataclass

PREFIX = "scripted-"
LONGEST_PROMPT_KEPT = 80
MOST_PROMPTS_KEPT = 30


@dataclass(frozen=True, slots=True)
class Memory:
    """The last prompts, oldest first, and how many there were in all."""

    prompts: tuple[str, ...] = ()
    count: int = 0

    def with_prompt(self, prompt: str) -> Memory:
        """This memory after one more prompt."""
        prompts = (*self.prompts, prompt[:LONGEST_PROMPT_KEPT])
        return Memory(prompts[-MOST_PROMPTS_KEPT:], self.count + 1)

    def to_id(self) -> str:
        """A session id from which `from_id` reads the same memory."""
        packed = zlib.compress(json.dumps([self.count, *self.prompts], ensure_ascii=False).encode())
        return PREFIX + base64.urlsafe_b64encode(packed).decode().rstrip("=")

    @classmethod
    def from_id(cls, id: str) -> Memory | None:
        """The memory in a session id, or in the id of a message; None if there is none in it."""
        packed = id.removeprefix(PREFIX).partition("/")[0]
        if packed == id or not id.startswith(PREFIX):
            return None
        try:
            count, *prompts = json.loads(zlib.decompress(base64.urlsafe_b64decode(packed + "=" * (-len(packed) % 4))))
        except (binascii.Error, zlib.error, ValueError):
            return None
        return cls(tuple(prompts), count)
