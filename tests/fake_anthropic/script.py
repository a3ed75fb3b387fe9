"""What the model says, and when.

    usage: {input_tokens: 1000, output_tokens: 100}     # reported with every answer, where a rule has none
    rules:                                              # the first that matches answers
      - when: {user: "make a file"}
        reply:
          - thinking: "A file it is."
          - text: "Writing."
          - tool: Write
            input: {file_path: "${cwd}/a.txt", content: "hi"}
      - when: {tool_result: Write}
        reply: [{text: "Done."}]
    steps: [{reply: [{text: "once, in order, for what no rule matched"}]}]
    default: {reply: [{text: "ok"}]}

`when`, all of them if several: user, raw, system, model, result (regular expressions), tool_result (a tool's name, or
true for any), subagent (does a sub-agent ask), answers (how many came before). Rather match the words of your prompt
than positions: the CLI asks on its own behalf too, for titles, say.
A rule may also have: times (how often it counts), delay_s (before the answer), pace_s (between pieces), piece
(characters each), hang_s (silence after the answer began), usage, stop_reason, error {status, type, message, headers};
a name, and behind (the name of a rule of whose answers one more must have been written first).
In replies `${cwd}`, `${user}` and `${result}` stand for what the request holds.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.fake_anthropic.request import ModelRequest

Rule = dict[str, Any]


class Script:
    """The rules, and how often each was used."""

    def __init__(self, spec: Mapping[str, Any]) -> None:
        self.usage: dict[str, int] = spec.get("usage", {})
        self.rules: list[Rule] = list(spec.get("rules", []))
        self.steps: list[Rule] = list(spec.get("steps", []))
        self.default: Rule = spec.get("default", {"reply": [{"text": "ok"}]})
        self._used: Counter[int] = Counter()

    @classmethod
    def load(cls, path: str) -> Script:
        """The script in a file."""
        text = Path(path).read_text(encoding="utf-8")
        if path.endswith(".json"):
            return cls(json.loads(text))
        import yaml

        return cls(yaml.safe_load(text))

    def rule_for(self, request: ModelRequest) -> Rule:
        """The rule that answers."""
        for number, rule in enumerate(self.rules):
            if self._used[number] < rule.get("times", float("inf")) and _matches(rule.get("when", {}), request):
                self._used[number] += 1
                return rule
        # Requests without tools are the CLI's own business: they do not use up the steps.
        return self.steps.pop(0) if self.steps and request.tools else self.default


def blocks_for(rule: Rule, request: ModelRequest, tool_ids: str) -> list[dict[str, Any]]:
    """The blocks of the rule's answer. `tool_ids`: how the ids of its tool uses begin."""
    result = request.results[-1]["text"] if request.results else ""
    values = {"${cwd}": request.cwd, "${user}": request.user, "${result}": result}
    return [_block(part, f"{tool_ids}_{n}") for n, part in enumerate(_filled(rule.get("reply", []), values))]


def _block(part: dict[str, Any], tool_id: str) -> dict[str, Any]:
    if "tool" in part:
        return {"type": "tool_use", "id": tool_id, "name": part["tool"], "input": part.get("input", {})}
    if "thinking" in part:
        return {"type": "thinking", "thinking": part["thinking"], "signature": "c2lnbmVk"}
    return {"type": "text", "text": part["text"]}


def _matches(when: dict[str, Any], request: ModelRequest) -> bool:
    return all(_holds(condition, wanted, request) for condition, wanted in when.items())


def _holds(condition: str, wanted: Any, request: ModelRequest) -> bool:
    match condition:
        case "user" | "raw" | "system" | "model":
            said = getattr(request, condition)
            return bool(said) and re.search(wanted, said, re.DOTALL) is not None
        case "result":
            return any(re.search(wanted, result["text"], re.DOTALL) for result in request.results)
        case "tool_result":
            return any(wanted is True or result["name"] == wanted for result in request.results)
        case "subagent":
            return (request.subagent is not None) is wanted
        case "answers":
            return bool(request.answers == wanted)
    raise ValueError(f"a script knows no condition {condition!r}")


def _filled(value: Any, values: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        for name, text in values.items():
            value = value.replace(name, text)
        return value
    if isinstance(value, list):
        return [_filled(item, values) for item in value]
    if isinstance(value, dict):
        return {key: _filled(item, values) for key, item in value.items()}
    return value
