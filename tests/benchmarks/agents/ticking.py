"""An agent that says the time. To the prompt `COUNT INTERVAL_S` it answers in pieces that begin with the clock's ns.

It speaks the Agent Client Protocol in plain lines, so that twenty of them cost next to nothing.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any

PADDING = "words as an agent streams them, some sixty characters a piece "


def main() -> None:
    """Answer until the input ends."""
    for line in sys.stdin:
        message = json.loads(line)
        match message.get("method"):
            case "initialize":
                _say(message, {"protocolVersion": 1, "agentCapabilities": {}, "authMethods": []})
            case "session/new":
                _say(message, {"sessionId": "ticking"})
            case "session/prompt":
                count, interval_s = message["params"]["prompt"][-1]["text"].split()[-2:]
                _tick(int(count), float(interval_s))
                _say(message, {"stopReason": "end_turn"})


def _tick(count: int, interval_s: float) -> None:
    started = time.monotonic()
    for number in range(count):
        # By the clock, not from piece to piece: a late one does not shift all that follow.
        time.sleep(max(0.0, started + number * interval_s - time.monotonic()))
        content = {"type": "text", "text": f"{time.monotonic_ns()} {PADDING}"}
        update = {"sessionUpdate": "agent_message_chunk", "content": content}
        _write({"method": "session/update", "params": {"sessionId": "ticking", "update": update}})


def _say(message: dict[str, Any], result: dict[str, Any]) -> None:
    _write({"id": message["id"], "result": result})


def _write(message: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
