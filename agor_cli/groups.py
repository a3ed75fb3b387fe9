"""How commands are declared: loaded when named, each with `--json` and with examples in its help."""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from typing import Any

import click

JSON_OUTPUT = "agor.json"
"""Under this key of the root context's `meta`: whether the answer is for a program."""


def wants_json(ctx: click.Context | None = None) -> bool:
    """Whether the running command was asked for JSON."""
    ctx = ctx or click.get_current_context(silent=True)
    return ctx is not None and bool(ctx.find_root().meta.get(JSON_OUTPUT))


# In characters; longer than any, so that it is folded in a list of commands and not cut.
FIRST_SENTENCE = 1000


class Command(click.Command):
    """A command with `--json`, and with a section of examples below its help.

    `examples`: lines as typed in a shell; where `agor` is not in one, it is put in front.
    """

    def __init__(self, *arguments: Any, examples: Sequence[str] = (), **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.examples = tuple(examples)
        self.params.append(
            click.Option(
                ["--json"],
                is_flag=True,
                expose_value=False,
                help="Print JSON, for programs.",
                callback=lambda ctx, _, value: ctx.find_root().meta.__setitem__(JSON_OUTPUT, value),
            )
        )

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the examples."""
        super().format_epilog(ctx, formatter)
        if self.examples:
            with formatter.section("Examples"):
                for line in self.examples:
                    typed = line if "agor " in line else f"agor {line}"
                    formatter.write(f"{'':>{formatter.current_indent}}{typed}\n")


class Group(click.Group):
    """A group of such commands, which guesses what a misspelt one was meant to be."""

    command_class = Command
    group_class = type

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that `args` begin with. Raises UsageError that names the nearest one."""
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            import difflib  # for those who mistype

            close = difflib.get_close_matches(args[0], self.list_commands(ctx), n=1)
            guess = f"did you mean {close[0]!r}?" if close else f"there are {', '.join(self.list_commands(ctx))}"
            raise click.UsageError(f"no command {args[0]!r} in `{ctx.command_path}`; {guess}", ctx) from error

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands, each with the whole first sentence of its help."""
        commands = ((name, self.get_command(ctx, name)) for name in self.list_commands(ctx))
        with formatter.section("Commands"):
            formatter.write_dl(
                [(name, command.get_short_help_str(FIRST_SENTENCE)) for name, command in commands if command]
            )

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Say how to get at the examples."""
        super().format_epilog(ctx, formatter)
        formatter.write_paragraph()
        formatter.write_text(f"`{ctx.command_path} COMMAND --help` shows options and examples.")


class LazyGroup(Group):
    """A group whose commands live in modules that are imported when one is named.

    `commands_in`: command name → (module, attribute, one line of help).
    """

    def __init__(self, *arguments: Any, commands_in: Mapping[str, tuple[str, str, str]], **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._commands_in = commands_in

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names, in the order of the table."""
        return list(self._commands_in)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command, its module imported now."""
        if cmd_name not in self._commands_in:
            return None
        module, attribute, _ = self._commands_in[cmd_name]
        command = getattr(importlib.import_module(module), attribute)
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing any."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, _, text) in self._commands_in.items()])
