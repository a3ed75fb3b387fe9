"""Transcripts of Claude Code for tests, written record by record."""

from __future__ import annotations

import json
import uuid
from pathlib import Path
from typing import Any


class Talk:
    """Writes a transcript record by record, each answering the one before."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        session_id = str(uuid.uuid4())
        self.path = folder / f"{session_id}.jsonl"
        self.session_id = session_id
        self.last: str | None = None
        self.count = 0
        self.path.touch()

    def line(self, text: str) -> None:
        with self.path.open("a") as file:
            file.write(text + "\n")

    def say(self, type: str, content: Any, parent: str | None = "last", **more: Any) -> str:
        self.count += 1
        id = f"{self.session_id[:24]}{self.count:012d}"
        record = {
            "type": type,
            "uuid": id,
            "parentUuid": self.last if parent == "last" else parent,
            "sessionId": self.session_id,
            "timestamp": f"2026-03-01T10:{self.count // 60:02d}:{self.count % 60:02d}.000Z",
            "message": {"role": type, "content": content, **more.pop("message", {})},
            **more,
        }
        self.line(json.dumps(record))
        self.last = id
        return id

    def forked(self) -> Talk:
        """A copy of all that was said so far, under a session id of its own, that goes on by itself."""
        fork = Talk(self.path.parent)
        for line in self.path.read_text().splitlines():
            fork.line(json.dumps({**json.loads(line), "sessionId": fork.session_id}))
        fork.last, fork.count = self.last, self.count
        return fork


def say(text: str) -> list[dict[str, str]]:
    return [{"type": "text", "text": text}]
