"""What `agor` says about itself, and to those who mistype."""

from __future__ import annotations

import json
from collections.abc import Iterator

import click
import pytest

from agor_cli.groups import Command, LazyGroup
from agor_cli.main import COMMANDS, main, root


def every_command(group: click.Group, path: tuple[str, ...] = ()) -> Iterator[tuple[str, click.Command]]:
    """(path, command) of all commands below `group`, groups among them."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        yield " ".join((*path, name)), command
        if isinstance(command, click.Group):
            yield from every_command(command, (*path, name))


ALL = dict(every_command(root))


def _words(text: str) -> str:
    """`text` however it is folded."""
    return " ".join(text.split())


@pytest.mark.parametrize("path", ALL)
def test_every_command_explains_itself(path: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Help exists for each command; those that do something take --json and show examples that begin with them."""
    command = ALL[path]
    assert main([*path.split(), "--help"]) == 0
    text = capsys.readouterr().out
    assert command.help
    if isinstance(command, click.Group):
        sentences = {name: (one.help or "").partition(".")[0] for name, one in getattr(command, "commands", {}).items()}
        missing = [name for name, sentence in sentences.items() if _words(sentence) not in _words(text)]
        assert missing == [], "cut off in the list of commands"
        return
    assert isinstance(command, Command)
    assert "--json" in text
    assert command.examples
    assert any(path in line or line == path for line in command.examples)
    for option in command.params:
        assert not isinstance(option, click.Option) or option.help, f"{path} {option.name} says nothing"


def test_lists_of_commands_say_what_the_commands_say() -> None:
    """The lines in the tables, which load nothing, are not about another command."""
    for group in [root, *(command for command in ALL.values() if isinstance(command, LazyGroup))]:
        assert isinstance(group, LazyGroup)
        for name in group.list_commands(click.Context(group)):
            command = group.get_command(click.Context(group), name)
            assert command is not None
            assert command.name in (name, None)
    assert set(COMMANDS) == {path for path in ALL if " " not in path}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["sesion"], "did you mean 'session'?"),
        (["session", "strat"], "did you mean 'start'?"),
        (["session", "list", "--bogus"], "see `agor session list --help`"),
        (["session", "list", "--limit", "many"], "see `agor session list --help`"),
        (["session", "show"], "see `agor session show --help`"),
    ],
)
def test_a_wrong_command_line_is_one_line_and_exit_code_2(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Mistyping is told on stderr in one line that says what to type instead."""
    assert main(arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert said in err
    assert err.count("\n") == 1


def test_errors_are_json_where_json_was_asked_for(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: object
) -> None:
    """With --json an error is one JSON line on stderr, and stdout stays empty."""
    monkeypatch.setenv("AGOR_HOME", str(tmp_path))
    monkeypatch.setenv("AGOR_DAEMON_URL", "http://127.0.0.1:1")
    assert main(["session", "list", "--json"]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert json.loads(err)["error"]["name"] == "Unavailable"


def test_without_a_daemon_it_says_how_to_start_one(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: object
) -> None:
    """The first thing a newcomer may do wrong is told with the command that puts it right."""
    monkeypatch.setenv("AGOR_HOME", str(tmp_path))
    monkeypatch.setenv("AGOR_DAEMON_URL", "http://127.0.0.1:1")
    assert main(["session", "list"]) == 1
    assert capsys.readouterr().err == "agor: no daemon answers at http://127.0.0.1:1; start it with `agor up`\n"
