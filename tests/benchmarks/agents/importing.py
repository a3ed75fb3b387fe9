"""A long transcript of Claude Code becomes a session."""

from __future__ import annotations

import json
import tempfile
import time
import uuid
from pathlib import Path
from typing import Any

from tests.benchmarks.usage import cpu_s
from tests.support.daemon import clean_environment, running_daemon

START = "2026-03-01T10:00:00.000Z"


def importing(messages: int) -> dict[str, float]:
    """`{first_s, again_s, cpu_s}`: the first time, the second when nothing is new, the daemon's time for the first."""
    with tempfile.TemporaryDirectory(prefix="agor-bench-") as name:
        folder = Path(name)
        path = folder / f"{uuid.uuid4()}.jsonl"
        path.write_text("\n".join(_talk(path.stem, messages)) + "\n")
        with running_daemon(folder, environment=clean_environment(folder / "home")) as daemon:
            started, used = time.perf_counter(), cpu_s(daemon.process.pid)
            session = daemon.call("POST", "/sessions/import", {"path": str(path)})
            first, used = time.perf_counter() - started, cpu_s(daemon.process.pid) - used
            assert session["message_count"] == messages
            started = time.perf_counter()
            daemon.call("POST", "/sessions/import", {"path": str(path)})
            return {"first_s": first, "again_s": time.perf_counter() - started, "cpu_s": used}


def _talk(session_id: str, messages: int) -> list[str]:
    """Prompts that are each answered with four tools, as records of the CLI."""
    lines: list[str] = []
    previous: str | None = None

    def add(type: str, content: Any, **message: Any) -> None:
        nonlocal previous
        id = str(uuid.uuid4())
        record = {"type": type, "uuid": id, "parentUuid": previous, "sessionId": session_id, "timestamp": START}
        lines.append(json.dumps({**record, "message": {"role": type, "content": content, **message}}))
        previous = id

    while len(lines) < messages:
        add("user", f"prompt {len(lines)}")
        for _ in range(4):
            call = f"toolu_{len(lines)}"
            use = {"type": "tool_use", "id": call, "name": "Read", "input": {"file_path": "/home/dev/" + "x" * 100}}
            add("assistant", [use], id=f"msg_{len(lines)}", usage={"input_tokens": 1000, "output_tokens": 100})
            add("user", [{"type": "tool_result", "tool_use_id": call, "content": "some output of a tool " * 40}])
        add(
            "assistant",
            [{"type": "text", "text": "what came of it, told in a paragraph " * 10}],
            id=f"msg_{len(lines)}",
        )
    return lines[:messages]
