"""What of a tool's input is the deed itself: agents put bookkeeping beside it, which differs at every question.

Rules look at the deed alone. Only fields of which it is known that they change nothing of what is done are left out,
agent by agent; any other field still makes a question one that no rule answers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import PurePosixPath
from typing import Any

Input = Mapping[str, Any]

# Ids, a clock, what else might be answered, and Codex's own reading of the command.
_CODEX = frozenset(
    {"call_id", "turn_id", "started_at_ms", "proposed_execpolicy_amendment", "available_decisions", "parsed_cmd"}
)
_SHELLS = frozenset({"bash", "sh", "zsh"})


def deed(agent: str, input: Input) -> Input:
    """The input of a tool as rules look at it."""
    dialect = _DIALECTS.get(agent)
    return dialect(input) if dialect is not None else input


def _codex(input: Input) -> Input:
    """Without bookkeeping, and a command line instead of the shell that Codex gives it to.

    A `reason` stays: Codex gives one, in the model's words, where it wants to leave its sandbox, which is more than the
    command.
    """
    told = {name: value for name, value in input.items() if name not in _CODEX}
    if not told.get("reason"):
        told.pop("reason", None)
    match told.get("command"):
        case [str(shell), "-c" | "-lc", str(line)] if PurePosixPath(shell).name in _SHELLS:
            told["command"] = line
    return told


_DIALECTS: Mapping[str, Callable[[Input], Input]] = {"codex": _codex}
