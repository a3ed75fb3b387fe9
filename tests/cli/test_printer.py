"""What a session says, as text: live where it can be, whole in any case, and harmless to the terminal."""

from __future__ import annotations

from typing import Any

import click
import pytest

from agor_cli.follow.printer import TranscriptPrinter
from agor_cli.follow.questions import Answer, described, understood
from agor_cli.output import clean


class Screen:
    """A printer and what it wrote, without colours."""

    def __init__(self, *, shows_prompts: bool = False) -> None:
        self.printer = TranscriptPrinter(self._write, shows_prompts=shows_prompts)
        self.text = ""

    def _write(self, text: str) -> None:
        self.text += click.unstyle(text)

    def chunks(self, *texts: str, id: str = "m", first: int = 0) -> None:
        """Pieces of one message, numbered from `first`."""
        for index, text in enumerate(texts, first):
            self.printer.chunk({"message_id": id, "index": index, "chunk": text})

    def message(self, content: Any, id: str = "m", role: str = "assistant", **fields: Any) -> None:
        """A finished message."""
        self.printer.message({"message_id": id, "role": role, "type": role, "index": 0, "content": content, **fields})


def test_chunks_appear_as_they_come_and_the_message_adds_nothing() -> None:
    """A message heard from its first piece to its last is written once."""
    screen = Screen()
    screen.chunks("Hel", "lo")
    assert screen.text == "Hello"
    screen.message([{"type": "text", "text": "Hello"}])
    assert screen.text == "Hello\n"


def test_the_finished_message_brings_what_was_missed() -> None:
    """After a gap the stream is left alone, and the end follows with the message."""
    screen = Screen()
    screen.chunks("one ")
    screen.chunks("three", first=2)
    assert screen.text == "one "
    screen.message("one two three")
    assert screen.text == "one two three\n"


def test_a_message_never_heard_live_is_written_whole() -> None:
    """Who hears no piece of it still reads all of it, once, however often it is told."""
    screen = Screen()
    screen.message("all of it")
    screen.message("all of it")
    screen.chunks("all of it")
    assert screen.text == "all of it\n"


def test_the_text_so_far_closes_a_gap() -> None:
    """Who comes late gets the beginning, and goes on live from there."""
    screen = Screen()
    late = {"message_id": "m", "index": 3, "chunk": "four"}
    assert screen.printer.misses_before(late)
    so_far = {"message_id": "m", "text": "one two three ", "chunks": 3}
    screen.printer.so_far(so_far)
    screen.printer.so_far(so_far)
    assert not screen.printer.misses_before(late)
    screen.chunks("four", first=3)
    screen.message("one two three four")
    assert screen.text == "one two three four\n"


def test_a_message_that_ended_up_different_is_said_again() -> None:
    """What came live and what was stored may differ; the stored one counts."""
    screen = Screen()
    screen.chunks("draft")
    screen.message("final")
    assert screen.text == "draft\nfinal\n"


def test_tools_are_told_once_with_what_says_most() -> None:
    """A use of a tool is one line, whether it is heard live, in the message, or both."""
    screen = Screen()
    screen.chunks("Let me look.")
    screen.printer.tool("t1", "Bash", {"command": "ls -la", "description": "list"})
    use = {"type": "tool_use", "id": "t1", "name": "Bash", "input": {"command": "ls -la"}}
    screen.message([{"type": "text", "text": "Let me look."}, use])
    assert screen.text == "Let me look.\n• Bash  ls -la\n"


def test_failed_tools_are_shown_and_others_are_not() -> None:
    """Of results only errors matter to who watches."""
    screen = Screen()
    fine = {"type": "tool_result", "tool_use_id": "a", "content": "42 files"}
    bad = {
        "type": "tool_result",
        "tool_use_id": "b",
        "is_error": True,
        "content": [{"type": "text", "text": "no\nway"}],
    }
    screen.message([fine, bad], role="user")
    assert screen.text == "  no way\n"


def test_prompts_are_shown_to_who_did_not_type_them() -> None:
    """Watching shows prompts; running one does not repeat it."""
    watching, running = Screen(shows_prompts=True), Screen()
    for screen in (watching, running):
        screen.message("do it", role="user")
    assert (watching.text, running.text) == ("> do it\n", "")


def test_sub_agents_are_quiet_but_for_their_tools() -> None:
    """What a sub-agent says is for its parent; what it does is shown."""
    screen = Screen()
    use = {"type": "tool_use", "id": "t", "name": "Read", "input": {"file_path": "a.py"}}
    screen.printer.chunk({"message_id": "m", "index": 0, "chunk": "x", "parent_tool_use_id": "p"})
    screen.message([{"type": "text", "text": "thinking aloud"}, use], parent_tool_use_id="p")
    assert screen.text == "  • Read  a.py\n"


@pytest.mark.parametrize("text", ["a\x1b[2Jb", "a\x07b", "a\x9b31mb", "a\rb"])
def test_agents_do_not_control_the_terminal(text: str) -> None:
    """Control characters are dropped, in whole messages and in pieces; line ends and tabs stay."""
    screen = Screen()
    screen.chunks(text)
    screen.message(text + "!")
    assert not set(screen.text) & set("\x1b\x07\x9b\r")
    assert clean("a\n\tb\r\n") == "a\n\tb\n"


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        ("y\n", Answer(allow=True)),
        ("YES\n", Answer(allow=True)),
        ("a\n", Answer(allow=True, scope="session")),
        ("n\n", Answer(allow=False)),
        ("no, use the test database\n", Answer(allow=False, reason="use the test database")),
        ("\n", None),
        ("maybe\n", None),
    ],
)
def test_answers_to_questions(line: str, answer: Answer | None) -> None:
    """Yes, no with a reason, always; anything else is asked again, never taken for a yes."""
    assert understood(line) == answer


def test_a_question_shows_all_of_what_is_wanted() -> None:
    """A command is shown as it would run, other input as JSON; very long input says how much is hidden."""
    assert described({"tool_name": "Bash", "tool_input": {"command": "rm -rf build\necho ok"}}) == (
        "? Bash\n  rm -rf build\n  echo ok"
    )
    written = {"content": "a\nb\n", "file_path": "x", "mode": 7}
    assert described({"tool_name": "Write", "tool_input": written}) == (
        "? Write\n  file_path: x\n  mode: 7\n  content:\n      a\n      b"
    )
    unguarded = {"command": "ls", "dangerouslyDisableSandbox": True}
    assert (
        described({"tool_name": "Bash", "tool_input": unguarded}) == "? Bash\n  ls\n  dangerouslyDisableSandbox: true"
    )
    assert "1000 more characters" in described({"tool_name": "Bash", "tool_input": {"command": "x" * 3000}})
