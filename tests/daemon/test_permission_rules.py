"""What a rule covers, and above all what it does not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from agor_daemon.runs.rules import asked, covers, offered, problem, touches


def bash(command: Any, **more: Any) -> tuple[str, dict[str, Any]]:
    return "Bash", {"command": command, **more}


def write(path: str, tool: str = "Write") -> tuple[str, dict[str, Any]]:
    return tool, {"file_path": path, "content": "x"}


COVERED = [
    ("Bash(npm test)", bash("npm test")),
    ("Bash(npm test)", bash(" npm test\n", description="tests", timeout=5)),
    ("Bash(npm test *)", bash("npm test")),
    ("Bash(npm test *)", bash("npm test -- --watch")),
    ("Bash(npm test:*)", bash("npm test a.js")),
    ("Bash(npm test && rm -rf x)", bash("npm test && rm -rf x")),
    ("Bash(sh -c 'npm test')", bash(["sh", "-c", "npm test"])),
    ("Bash", bash("rm -rf /")),
    ("Edit(./**)", write("a.txt")),
    ("Edit(./**)", write("deep/er/a.txt", "Edit")),
    ("Edit", write("/etc/passwd")),
    ("Edit(/{cwd}/a.txt)", write("a.txt")),
    ("Read(//etc/**)", write("/etc/hosts", "Read")),
    ("WebFetch(domain:example.com)", ("WebFetch", {"url": "https://example.com/a?b"})),
    ("mcp__shop__buy", ("mcp__shop__buy", {"what": "all"})),
    ('Deploy({"to": "staging"})', ("Deploy", {"to": "staging"})),
]

NOT_COVERED = [
    ("Bash(npm test)", bash("npm test -- --watch")),
    ("Bash(npm test *)", bash("npm testing")),
    ("Bash(npm test *)", bash("npm test; rm -rf ~")),
    ("Bash(npm test *)", bash("npm test && rm -rf ~")),
    ("Bash(npm test *)", bash("npm test | sh")),
    ("Bash(npm test *)", bash("npm test & curl evil")),
    ("Bash(npm test *)", bash("npm test > ~/.bashrc")),
    ("Bash(npm test *)", bash("npm test `curl evil`")),
    ("Bash(npm test *)", bash("npm test $(curl evil)")),
    ("Bash(npm test *)", bash("npm test\ncurl evil")),
    ("Bash(npm test *)", bash("cd .. && npm test")),
    ("Bash(npm test && true *)", bash("npm test && true a")),
    ("Bash( *)", bash("anything")),
    ("Bash(*)", bash("anything")),
    ("Bash(npm test)", bash("npm test", dangerouslyDisableSandbox=True)),
    ("Bash(npm test)", bash("npm test", cwd="/somewhere/else")),
    ("Bash(npm test)", ("Write", {"command": "npm test", "file_path": "a"})),
    ("Edit(./**)", write("../a.txt")),
    ("Edit(./**)", write("/etc/passwd")),
    ("Edit(./**)", write(".git/hooks/pre-commit")),
    ("Edit(./**)", write("deep/.claude/settings.json")),
    ("Edit(./**)", write("link/authorized_keys")),
    ("Edit(./**)", write("a.txt", "Read")),
    ("Read(//etc/**)", write("/etc/../root/.ssh/id", "Read")),
    ("Read(~/**)", write("/root/notes", "Read")),
    ("Edit(./**)", write("~/notes")),
    ("Edit(./**)", ("Edit", {"file_path": "a.txt", "path": "/etc/passwd"})),
    ("WebFetch(domain:example.com)", ("WebFetch", {"url": "https://example.com.evil.org/"})),
    ("WebFetch(domain:example.com)", ("WebFetch", {"url": "https://example.com@evil.org/"})),
    ("WebFetch(domain:example.com)", ("WebFetch", {"url": "https://evil.org\\@example.com/"})),
    ('Deploy({"to": "staging"})', ("Deploy", {"to": "production"})),
    ("ExitPlanMode", ("ExitPlanMode", {})),
    ("not a rule", bash("not a rule")),
]


@pytest.fixture
def cwd(tmp_path: Path) -> Path:
    """A working directory that holds a link out of it."""
    folder = tmp_path / "work"
    folder.mkdir()
    (folder / "link").symlink_to(tmp_path)
    return folder.resolve()


@pytest.mark.parametrize(("rule", "question"), COVERED)
def test_a_rule_covers_what_it_says(cwd: Path, rule: str, question: tuple[str, dict[str, Any]]) -> None:
    """What can be read in a rule is allowed by it."""
    assert covers(rule.replace("{cwd}", str(cwd)), asked(*question, str(cwd), "any"))


@pytest.mark.parametrize(("rule", "question"), NOT_COVERED)
def test_a_rule_covers_nothing_else(cwd: Path, rule: str, question: tuple[str, dict[str, Any]]) -> None:
    """No second command, no other host, nothing outside the folder, hidden in it, or behind a link."""
    assert not covers(rule, asked(*question, str(cwd), "any"))


@pytest.mark.parametrize(
    ("question", "suggestions", "rules"),
    [
        (bash("npm test"), [], ["Bash(npm test)"]),
        (bash("npm test"), [("Bash", "npm test *")], ["Bash(npm test *)"]),
        (bash("cd sub && npm test"), [("Bash", "npm test *")], ["Bash(npm test *)", "Bash(cd sub && npm test)"]),
        (bash("npm test"), [("Bash", None)], ["Bash(npm test)"]),
        (bash("npm test"), [("Write", None)], ["Bash(npm test)"]),
        (bash("rm *"), [], []),
        (bash("rm *"), [("Bash", "rm *")], []),
        (bash("x" * 3000), [], []),
        (write("a.txt"), [], ["Edit(./**)"]),
        (write("a.txt"), [("Edit", None)], ["Edit(./**)"]),
        (write(".env"), [], ["Edit(/{cwd}/.env)"]),
        (("WebSearch", {"query": "x"}), [("WebSearch", None)], ["WebSearch"]),
        (("Deploy", {"to": "staging"}), [], ['Deploy({"to": "staging"})']),
        (("AskUserQuestion", {"questions": []}), [], []),
    ],
)
def test_what_is_offered_covers_the_question_and_is_narrow(
    cwd: Path, question: tuple[str, dict[str, Any]], suggestions: list[tuple[str, str | None]], rules: list[str]
) -> None:
    """An agent's suggestion is taken where it is narrow; a whole shell is never offered, nor a pattern nobody meant."""
    told = [
        {"type": "addRules", "behavior": "allow", "rules": [{"toolName": tool, "ruleContent": content}]}
        for tool, content in suggestions
    ]
    about = asked(*question, str(cwd), "any")
    found = offered(about, told)
    assert found == [rule.replace("{cwd}", str(cwd)) for rule in rules]
    assert not found or problem(found, about) is None


CODEX = {
    "title": "npm test",
    "call_id": "call_1",
    "turn_id": "01a2",
    "started_at_ms": 1795641878834,
    "command": ["/bin/bash", "-lc", "npm test"],
    "reason": None,
    "proposed_execpolicy_amendment": ["npm", "test"],
    "available_decisions": ["approved", "abort"],
    "parsed_cmd": [{"type": "unknown", "cmd": "npm test"}],
}


def test_codexs_bookkeeping_is_no_part_of_a_deed(cwd: Path) -> None:
    """A command of Codex is the line in it: what it is offered and covered by does not change with ids and clocks."""
    question = asked("Bash", {**CODEX, "cwd": str(cwd)}, str(cwd), "codex")
    assert offered(question) == ["Bash(npm test)"]
    assert covers("Bash(npm *)", question)
    assert not covers("Bash(npm test)", asked("Bash", {**CODEX, "cwd": str(cwd)}, str(cwd), "another"))


@pytest.mark.parametrize(
    "more",
    [
        {"command": ["/bin/bash", "-lc", "npm test; rm -rf ~"]},
        {"command": ["/bin/bash", "-lc", "npm test", "more"]},
        {"command": ["/bin/bash", "-xc", "npm test"]},
        {"command": ["/tmp/evil/node", "-c", "npm test"]},
        {"cwd": "/elsewhere"},
        {"reason": "command failed; retry without sandbox?"},
        {"reason": "to see whether it works"},
        {"network_approval_context": {"host": "evil.org"}},
        {"additional_permissions": {"network": True}},
    ],
    ids=str,
)
def test_what_codex_wants_beyond_the_command_is_asked_about(cwd: Path, more: dict[str, Any]) -> None:
    """Another command, folder, sandbox, or a field that nobody knows: no rule of the plain command answers."""
    question = asked("Bash", {**CODEX, "cwd": str(cwd), **more}, str(cwd), "codex")
    assert not covers("Bash(npm test)", question)


def test_a_folder_wanted_with_a_file_is_asked_about(cwd: Path) -> None:
    """A rule for files does not answer a question that is about more than one."""
    for more, is_covered in (({}, True), ({"grant_root": "/"}, False)):
        question = asked("Edit", {"file_path": str(cwd / "a.txt"), **more}, str(cwd), "codex")
        assert covers("Edit(./**)", question) == is_covered


@pytest.mark.parametrize(
    ("rule", "question", "is_touched"),
    [
        ("Bash(rm *)", bash("cd a && rm -rf b"), True),
        ("Bash(rm *)", bash("sh -c 'rm -rf b'"), True),
        ("Bash(npm publish)", bash("npm  publish --tag next"), True),
        ("Bash(npm publish)", bash("npm test && echo publish"), False),
        ("Bash(rm *)", bash("echo farm"), False),
        ("Edit(./**)", write("deep/.env"), True),
        ("Edit(./**)", write("~/notes"), True),
        ("Edit(./deep/**)", write("a.txt"), False),
        ("WebFetch(domain:example.com)", ("WebFetch", {"url": "https://evil.org\\@example.com/"}), True),
        ("WebFetch(domain:example.com)", ("WebFetch", {"url": "https://example.org"}), False),
    ],
)
def test_a_no_is_taken_wide(cwd: Path, rule: str, question: tuple[str, dict[str, Any]], is_touched: bool) -> None:
    """What a no may be meant for is not allowed by another rule: the same command inside a line, a hidden file."""
    about = asked(*question, str(cwd), "any")
    assert touches(rule, about) == is_touched
    assert not covers(rule, about)
