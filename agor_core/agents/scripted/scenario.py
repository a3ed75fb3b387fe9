"""Scenarios: what the scripted agent does on which prompt.

    pace_s: 0.02                      # between two words
    turns:
      - when: "(?i)make a file"       # a regular expression, searched in the prompt
        steps:
          - thinking: "A small file will do."
          - text: "Writing it."
          - write: {path: notes.md, content: "# Notes"}
            ask: true                 # a person has to allow it
          - text: "Done: ${prompt}"
      - steps: [{text: "the first prompt that matches nothing else"}]
      - steps: [{text: "the second"}]

A step is one of: text, thinking (with pace_s); write {path, content}, edit {path, old, new}, read {path},
bash {command}, tool {name, input, result}, each with `ask`; subagent {prompt, steps}; usage {input_tokens, …};
error {kind, message, retry_in_s, history_lost}; wait_s; hang; crash. In any text `${prompt}` is this prompt,
`${previous}` the one before, `${count}` which one it is.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from agor_core.agents.scripted.memory import Memory

Step = dict[str, Any]

PACE_S = 0.02
QUOTED_CHARS = 200

KINDS = frozenset(
    {
        "text",
        "thinking",
        "write",
        "edit",
        "read",
        "bash",
        "tool",
        "subagent",
        "usage",
        "error",
        "wait_s",
        "hang",
        "crash",
    }
)


class BadScenario(ValueError):
    """The scenario cannot be played; the message says where and why."""


class Scenario:
    """A checked scenario; the empty one answers every prompt by quoting it."""

    def __init__(self, spec: Mapping[str, Any]) -> None:
        unknown = set(spec) - {"pace_s", "turns"}
        if unknown:
            raise BadScenario(f"unknown key {sorted(unknown)[0]!r} in the scenario; known are pace_s and turns")
        self.pace_s = float(spec.get("pace_s", PACE_S))
        self._turns: list[dict[str, Any]] = list(spec.get("turns") or [])
        for number, turn in enumerate(self._turns, 1):
            _check(turn.get("steps"), f"turn {number}")

    @classmethod
    def load(cls, source: Mapping[str, Any] | str | None) -> Scenario:
        """The scenario of a dict, of a YAML or JSON file, or the default one. Raises BadScenario."""
        if source is None:
            return cls({})
        if not isinstance(source, str):
            return cls(source)
        try:
            text = Path(source).read_text(encoding="utf-8")
        except OSError as error:
            raise BadScenario(f"cannot read the scenario {source}: {error.strerror}") from error
        spec = _parse(text, source)
        if not isinstance(spec, dict):
            raise BadScenario(f"the scenario {source} holds no mapping")
        return cls(spec)

    def steps_for(self, prompt: str, memory: Memory) -> list[Step]:
        """What to do on `prompt`; `memory` is that of the conversation before it."""
        values = {
            "prompt": prompt,
            "previous": memory.prompts[-1] if memory.prompts else "",
            "count": str(memory.count + 1),
        }
        for turn in self._turns:
            if "when" in turn and re.search(turn["when"], prompt):
                return _steps(turn, values)
        in_order = [turn for turn in self._turns if "when" not in turn]
        if memory.count < len(in_order):
            return _steps(in_order[memory.count], values)
        return _default_steps(prompt, memory)


def _default_steps(prompt: str, memory: Memory) -> list[Step]:
    quoted = prompt if len(prompt) <= QUOTED_CHARS else prompt[:QUOTED_CHARS].rstrip() + "…"
    answer = f"You asked: “{quoted}”. "
    if memory.prompts:
        answer += f"This continues our conversation; before it you asked: “{memory.prompts[-1]}”. "
    answer += "I am the scripted agent: I read no file and change none, but everything around me is real."
    return [{"text": answer}]


def _parse(text: str, source: str) -> Any:
    try:
        if source.endswith(".json"):
            return json.loads(text)
        import yaml

        return yaml.safe_load(text)
    except ValueError as error:
        raise BadScenario(f"the scenario {source} is no JSON: {error}") from error
    except Exception as error:
        # yaml.YAMLError, which cannot be named before the import.
        raise BadScenario(f"the scenario {source} is no YAML: {error}") from error


def _check(steps: Any, where: str) -> None:
    if not isinstance(steps, list):
        raise BadScenario(f"{where} has no list of steps")
    for number, step in enumerate(steps, 1):
        if not isinstance(step, dict) or len(KINDS & set(step)) != 1:
            raise BadScenario(f"step {number} of {where} must be exactly one of {', '.join(sorted(KINDS))}")
        if "subagent" in step:
            _check(step["subagent"].get("steps"), f"the sub-agent of {where}")


def _steps(turn: Mapping[str, Any], values: Mapping[str, str]) -> list[Step]:
    return [_filled(step, values) for step in turn["steps"]]


def _filled(value: Any, values: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        for name, text in values.items():
            value = value.replace(f"${{{name}}}", text)
        return value
    if isinstance(value, list):
        return [_filled(item, values) for item in value]
    if isinstance(value, dict):
        return {key: _filled(item, values) for key, item in value.items()}
    return value
