"""A permission question in words, and the meaning of what is typed in answer."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from agor_cli.output import clean

if TYPE_CHECKING:
    from agor_core.client import Record

INPUT_LENGTH = 2000


@dataclass(frozen=True)
class Answer:
    """What a typed line means."""

    allow: bool
    scope: str = "once"
    reason: str | None = None


def understood(line: str) -> Answer | None:
    """The answer in a typed line; None if it is none."""
    word, _, rest = line.strip().partition(" ")
    match word.lower().rstrip(","):
        case "y" | "yes":
            return Answer(allow=True)
        case "a" | "always":
            return Answer(allow=True, scope="session")
        case "n" | "no":
            return Answer(allow=False, reason=rest.strip() or None)
    return None


def described(request: Record) -> str:
    """What the agent wants, in a form that a person can judge."""
    given = request.get("tool_input") or {}
    text = given.get("command") if isinstance(given, dict) and isinstance(given.get("command"), str) else None
    shown = clean(text if text is not None else json.dumps(given, ensure_ascii=False, indent=2))
    more = f"\n  … and {len(shown) - INPUT_LENGTH} more characters" if len(shown) > INPUT_LENGTH else ""
    lines = "\n".join(f"  {line}" for line in shown[:INPUT_LENGTH].splitlines())
    lasting = ", ".join(clean(rule) for rule in request.get("rules") or [])
    always = f"\n  always would allow {lasting[:INPUT_LENGTH]}" if lasting else ""
    return f"? {clean(request.get('tool_name'))}\n{lines}{more}{always}"
