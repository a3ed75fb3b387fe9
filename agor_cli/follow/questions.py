"""A permission question in words, and the meaning of what is typed in answer."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from agor_cli.output import clean, one_line

if TYPE_CHECKING:
    from agor_core.client import Record

INPUT_LENGTH = 2000
LINE_LENGTH = 200


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
    shown = clean(_input_text(request.get("tool_input") or {}))
    more = f"\n  … and {len(shown) - INPUT_LENGTH} more characters" if len(shown) > INPUT_LENGTH else ""
    lines = "\n".join(f"  {line}" for line in shown[:INPUT_LENGTH].splitlines())
    lasting = ", ".join(clean(rule) for rule in request.get("rules") or [])
    always = f"\n  always would allow {lasting[:INPUT_LENGTH]}" if lasting else ""
    return f"? {clean(request.get('tool_name'))}\n{lines}{more}{always}"


def _input_text(given: object) -> str:
    """A tool's input to be read: a command as it is, every other field by its name; what is long comes last."""
    if not isinstance(given, dict):
        return json.dumps(given, ensure_ascii=False)
    command = given.get("command")
    short, long = [], []
    for name, value in given.items():
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        if name == "command" and text == command:
            continue
        if "\n" in text or len(text) > LINE_LENGTH:
            long += [f"{one_line(name)}:", *(f"    {line}" for line in text.splitlines())]
        else:
            short.append(f"{one_line(name)}: {text}")
    first = [command] if isinstance(command, str) else []
    return "\n".join([*first, *short, *long])
