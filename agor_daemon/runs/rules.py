"""Rules such as `Bash(npm test *)`: what an answer that lasts covers, and which later questions it answers.

A rule must never cover more than its words say to the person who gives it. Where that is in doubt it does not match,
and people are asked again. A rule is the name of a tool, which means every use of it, or that and in parentheses:

    Bash(npm test)           this command line, exactly
    Bash(npm test *)         this command with any arguments (also written `npm test:*`); never a line that runs more
    Edit(./**)               every tool that changes files, below the working directory, hidden files excepted
    Read(//etc/**)           below an absolute path; without `/**` that one file
    WebFetch(domain:a.org)   this host
    AnyTool({"a": 1})        this input, exactly
"""

from __future__ import annotations

import json
import os
import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from agor_daemon.runs.dialects import deed

# A rule has to be read before it is given.
LONGEST_RULE = 2_000

COMMANDS = frozenset({"Bash"})
"""Tools that run a command line."""

FILES: Mapping[str, str] = {
    **dict.fromkeys(("Edit", "Write", "MultiEdit", "NotebookEdit"), "Edit"),
    **dict.fromkeys(("Read", "NotebookRead"), "Read"),
}
"""Tools that work on one file, and the name under which rules speak of them."""

# Anything can be done with all of one of these, so none is opened by a suggestion alone.
_WIDE = COMMANDS | FILES.keys()

PERSONAL = frozenset({"AskUserQuestion", "ExitPlanMode"})
"""Questions whose answer is about this one moment."""

# Beside the command these change nothing of what it does; any other field might.
_WITHOUT_EFFECT = frozenset({"command", "description", "title", "timeout", "run_in_background"})
_FOLDERS = frozenset({"cwd", "workdir", "directory"})
# What a shell makes a second command of, or writes a file with. Quoted ones are taken for the same: better once too
# often asked.
_MORE_THAN_ARGUMENTS = re.compile(r"[;&|<>`$()\n\r]")
# Quotes end a word: `sh -c "rm a"` runs rm.
_WORD = re.compile(r"[^\s;&|<>`$(){}'\"]+")
_RULE = re.compile(r"([\w.:/-]{1,200})(?:\((.+)\))?", re.DOTALL)
_PATHS = ("file_path", "notebook_path", "path", "filePath", "filepath")


@dataclass(frozen=True, slots=True)
class Asked:
    """A question as rules look at it. `cwd`, and `path` of the file it is about, are absolute, with links followed."""

    tool: str
    input: Mapping[str, Any]
    cwd: str
    path: str | None = None


def asked(tool: str, input: Mapping[str, Any], cwd: str, agent: str) -> Asked:
    """The question, its paths looked up on disk: a link in a checked-out repository must not lead a rule astray."""
    input = deed(agent, input)
    named = {input[name] for name in _PATHS if isinstance(input.get(name), str)}
    # Of two paths nobody knows which one is meant, and `~` is the home to some tools and a folder to others.
    # Codex may want a whole folder with the one file.
    is_clear = tool in FILES and len(named) == 1 and not min(named).startswith("~") and not input.get("grant_root")
    path = os.path.realpath(Path(cwd, min(named))) if is_clear and min(named) else None
    return Asked(tool, input, os.path.realpath(cwd), path)


def offered(question: Asked, suggestions: Iterable[Any] = ()) -> list[str]:
    """What an answer that lasts covers, if nobody says otherwise; nothing, where it can only be for once.

    `suggestions`: the agent's own, in Claude's form. They are taken but where they open a whole shell, or all files.
    """
    if question.tool in PERSONAL:
        return []
    rules = [rule for suggestion in suggestions for rule in _suggested(suggestion, question)]
    if not any(covers(rule, question) for rule in rules):
        rules += _narrowest(question)
    return [rule for rule in dict.fromkeys(rules) if len(rule) <= LONGEST_RULE and _RULE.fullmatch(rule)]


def covers(rule: str, question: Asked) -> bool:
    """Whether `rule` answers `question`."""
    read = _RULE.fullmatch(rule)
    if read is None or question.tool in PERSONAL:
        return False
    tool, content = read.groups()
    if tool not in (question.tool, FILES.get(question.tool)):
        return False
    if content is None or content == _exactly(question.input):
        return True
    if question.tool in COMMANDS:
        return _covers_command(content, question)
    if question.path is not None:
        return _covers_path(content, question.path, question.cwd)
    if content.startswith("domain:"):
        return content.removeprefix("domain:") == _host(question.input)
    return False


def touches(rule: str, question: Asked) -> bool:
    """Whether a no with this rule may be meant for `question` too, though it does not cover it: then a person decides.

    A command counts wherever it stands in a line, a folder with what is hidden in it.
    """
    read = _RULE.fullmatch(rule)
    if read is None or read[1] not in (question.tool, FILES.get(question.tool)):
        return False
    content = read[2] or ""
    if question.tool in COMMANDS:
        words = _WORD.findall(_command(question.input) or "")
        wanted = _WORD.findall(content[:-2] if _is_pattern(content) else content)
        return any(words[nth : nth + len(wanted)] == wanted for nth in range(len(words)))
    if question.tool in FILES:
        return question.path is None or _covers_path(content, question.path, question.cwd, is_hidden_too=True)
    return content.startswith("domain:") and _host(question.input) is None


def problem(rules: Sequence[str], question: Asked) -> str | None:
    """Why these cannot be the rules of an answer to `question`; None if they can."""
    for rule in rules:
        if len(rule) > LONGEST_RULE or _RULE.fullmatch(rule) is None:
            return (
                f"{rule[:80]!r} is no rule; one is a tool, as `Bash`, or a tool and what of it, as `Bash(npm test *)`"
            )
    if not any(covers(rule, question) for rule in rules):
        return f"none of these rules covers what is asked here ({question.tool})"
    return None


def same(one: Asked, other: Asked) -> bool:
    """Whether two questions are about the same deed."""
    return one.tool == other.tool and one.cwd == other.cwd and _deed(one) == _deed(other)


def _deed(question: Asked) -> Mapping[str, Any]:
    if question.tool not in COMMANDS:
        return question.input
    return {name: value for name, value in question.input.items() if name not in _WITHOUT_EFFECT - {"command"}}


def _suggested(suggestion: Any, question: Asked) -> list[str]:
    if (
        not isinstance(suggestion, dict)
        or suggestion.get("type") != "addRules"
        or suggestion.get("behavior") != "allow"
    ):
        return []
    rules = []
    for rule in suggestion.get("rules") or []:
        tool, content = rule.get("toolName"), rule.get("ruleContent")
        if tool not in (question.tool, FILES.get(question.tool)) or (not content and question.tool in _WIDE):
            continue
        # What was meant letter by letter would be read as a pattern.
        if tool in COMMANDS and content == str(question.input.get("command", "")).strip() and _is_pattern(content):
            continue
        rules.append(f"{tool}({content})" if content else str(tool))
    return rules


def _narrowest(question: Asked) -> list[str]:
    if question.tool in COMMANDS and (command := _command(question.input)):
        rule = f"{question.tool}({command})"
        return [rule] if not _is_pattern(command) and covers(rule, question) else []
    if question.path is not None:
        name = FILES[question.tool]
        everywhere = f"{name}(./**)"
        return [everywhere if covers(everywhere, question) else f"{name}(/{question.path})"]
    if question.tool == "WebFetch" and (host := _host(question.input)):
        return [f"WebFetch(domain:{host})"]
    return [f"{question.tool}({_exactly(question.input)})"]


def _covers_command(content: str, question: Asked) -> bool:
    command = _command(question.input)
    if command is None or not _is_only(question):
        return False
    if not _is_pattern(content):
        return command == content.strip()
    prefix = content[:-2].strip()
    if not prefix or _MORE_THAN_ARGUMENTS.search(prefix) or _MORE_THAN_ARGUMENTS.search(command):
        return False
    return command == prefix or command.startswith(f"{prefix} ")


def _is_only(question: Asked) -> bool:
    """Whether nothing but the command decides what happens."""
    for name, value in question.input.items():
        if name in _FOLDERS:
            if os.path.normpath(str(value)) != question.cwd:
                return False
        elif name not in _WITHOUT_EFFECT and value:
            return False
    return True


def _is_pattern(command: str) -> bool:
    return command.endswith((" *", ":*"))


def _command(input: Mapping[str, Any]) -> str | None:
    given = input.get("command")
    if isinstance(given, list) and given and all(isinstance(word, str) for word in given):
        return shlex.join(given)
    return given.strip() or None if isinstance(given, str) else None


def _covers_path(content: str, path: str, cwd: str, *, is_hidden_too: bool = False) -> bool:
    if content.startswith("//"):
        wanted = content[1:]
    elif content.startswith(("/", "~")):
        return False  # relative to something we do not know
    else:
        wanted = os.path.normpath(Path(cwd, content.removesuffix("/**"))) + "/**" * content.endswith("/**")
    if not wanted.endswith("/**"):
        return path == wanted
    root = wanted.removesuffix("/**")
    if not path.startswith(f"{root}/"):
        return False
    # `.git` holds hooks, `.claude` the agent's own permissions, `.env` secrets: these are asked about one by one.
    return is_hidden_too or not any(part.startswith(".") for part in path.removeprefix(f"{root}/").split("/"))


def _host(input: Mapping[str, Any]) -> str | None:
    url = str(input.get("url", ""))
    try:
        # To browsers and Node a backslash is a slash: what looks like a name before the host is the host.
        return None if "\\" in url else urlsplit(url).hostname
    except ValueError:
        return None


def _exactly(input: Mapping[str, Any]) -> str:
    return json.dumps(input, sort_keys=True, ensure_ascii=False, separators=(",", ": "))
