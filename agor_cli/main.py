"""The root command, and what becomes of errors: one line on stderr; exit code 1, or 2 for a wrong command line."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO

import click

from agor_cli.groups import LazyGroup, wants_json
from agor_core.errors import AgorError, Conflict, Forbidden, NotAuthenticated, NotFound, ServiceError

COMMANDS: dict[str, tuple[str, str, str]] = {
    "up": ("agor_cli.commands.daemon", "up", "Start the daemon and show where the GUI is."),
    "status": ("agor_cli.commands.status", "status", "Show what runs, and what waits for you."),
    "open": ("agor_cli.commands.daemon", "open_gui", "Open the GUI in the browser."),
    "session": ("agor_cli.commands.session", "session", "Start agents and talk to them; fork, spawn, watch."),
    "task": ("agor_cli.commands.task", "task", "Look at the prompts of a session and what became of them."),
    "message": ("agor_cli.commands.message", "message", "Read what was said."),
    "search": ("agor_cli.commands.search", "search", "Find sessions, and what was said in them."),
    "permission": ("agor_cli.commands.permission", "permission", "Answer what agents ask."),
    "repo": ("agor_cli.commands.repo", "repo", "Register git repositories."),
    "worktree": ("agor_cli.commands.worktree", "worktree", "Make worktrees, look into them, remove them safely."),
    "board": ("agor_cli.commands.board", "board", "Arrange sessions on boards."),
    "agent": ("agor_cli.commands.agent", "agent", "Show which agents can run here."),
    "user": ("agor_cli.commands.user", "user", "Make accounts on this machine, and list them."),
    "login": ("agor_cli.commands.account", "login", "Sign in to the daemon."),
    "logout": ("agor_cli.commands.account", "logout", "Sign out, and make the access token void."),
    "whoami": ("agor_cli.commands.account", "whoami", "Show who you are to the daemon."),
    "config": ("agor_cli.commands.config", "config", "Show and change settings."),
    "daemon": ("agor_cli.commands.daemon", "daemon", "Start, stop and look after the daemon."),
    "db": ("agor_cli.commands.db", "db", "Look after the database."),
    "version": ("agor_cli.commands.version", "version", "Show the versions of this program and of the daemon."),
    "completion": (
        "agor_cli.commands.version",
        "completion",
        "Print the line that makes your shell complete commands.",
    ),
}

SHOWN_CANDIDATES = 3

UNREAD = 128 + 13
"""What a shell tells of a program that SIGPIPE has ended; Python asks for the error in its place."""

LISTS = {
    "session": "session list",
    "task": "task list",
    "permission request": "permission list",
    "board": "board list",
    "user": "user list",
    "agent": "agent list",
}
"""Where that is found of which the daemon knows none under some name."""


def _print_version(ctx: click.Context, _: click.Parameter, value: bool) -> None:
    if value:
        from agor_cli.commands.version import own_version

        click.echo(f"agor {own_version()}")
        ctx.exit()


class _Unread(Exception):
    """Nobody reads the output any more, as after `agor … | head`: the command ends quietly, like other programs."""


@contextmanager
def _noticing_unread() -> Iterator[None]:
    try:
        yield
    except BrokenPipeError as error:
        raise _Unread from error
    except SystemExit as end:
        if isinstance(end.__context__, BrokenPipeError):  # rich makes an exit of it
            raise _Unread from end
        raise


class _Root(LazyGroup):
    """The root, which notices that nobody reads before click does, who would call it a failure."""

    def make_context(self, *arguments: Any, **options: Any) -> click.Context:
        with _noticing_unread():
            return super().make_context(*arguments, **options)

    def invoke(self, ctx: click.Context) -> Any:
        with _noticing_unread():
            return super().invoke(ctx)


@click.group(
    cls=_Root,
    commands_in=COMMANDS,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog='First steps: agor up · agor repo add . · agor session start --agent scripted "hello"',
)
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_print_version, help="Show the version."
)
def root() -> None:
    """Run many AI coding agents at once, and keep hold of them."""


def main(arguments: list[str] | None = None) -> int:
    """Run one command; the exit code.

    0 done, 1 it did not work, 2 the command makes no sense; as shells have it: 130 interrupted, 141 nobody reads on.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal that has no `•` shows a `?`
    try:
        with _noticing_unread():
            code = _run(arguments)
            sys.stdout.flush()
        return code
    except _Unread:
        _leave(sys.stdout, sys.stderr)
        return UNREAD


def _leave(*streams: TextIO) -> None:
    """What is left in a buffer that nobody reads goes nowhere, so that it is no complaint at exit."""
    for stream in streams:
        try:
            stream.flush()
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _run(arguments: list[str] | None) -> int:
    as_json = "--json" in (sys.argv[1:] if arguments is None else arguments)
    try:
        code = root.main(arguments, prog_name="agor", standalone_mode=False, color=_color())
        return code if isinstance(code, int) else 0
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        return 2
    except click.UsageError as error:
        help_of = error.ctx.command_path if error.ctx is not None else "agor"
        words = error.format_message().rstrip(".")
        _tell(f"{words}; see `{help_of} --help`" if ";" not in words else words, {"message": words}, as_json)
        return 2
    except click.ClickException as error:
        _tell(error.format_message(), {"message": error.format_message()}, as_json)
        return 1
    except click.Abort:
        print(file=sys.stderr)
        return 130
    except AgorError as error:
        _tell(advice(error), facts_of(error), as_json)
        return 1


def advice(error: AgorError) -> str:
    """The error in one line that says what to do next."""
    message = " ".join(str(error).split())
    if isinstance(error, NotAuthenticated):
        return f"{message}; sign in with `agor login`"
    if isinstance(error, Forbidden):
        return f"{message}; `agor whoami` shows who you are, `agor login` makes you somebody else"
    if not isinstance(error, ServiceError):
        return message
    data = error.data if isinstance(error.data, dict) else {}
    if isinstance(error, Conflict) and data.get("reason") == "ambiguous-id":
        candidates = [candidate for candidate in data.get("candidates", []) if isinstance(candidate, dict)]
        shown = ", ".join(
            f"{str(one.get('id', '')).replace('-', '')[:16]} ({one.get('description') or 'untitled'})"
            for one in candidates[:SHOWN_CANDIDATES]
        )
        return f"{message}: {shown}{', …' if len(candidates) > SHOWN_CANDIDATES else ''}; type more digits"
    if isinstance(error.errors, dict):
        fields = {field: _joined(texts) for field, texts in error.errors.items()}
        told = "; ".join(f"{field}: {text}" for field, text in fields.items() if text not in message)
        return f"{message}: {told}" if told else message
    if isinstance(error, NotFound) and message.startswith("Path "):
        return f"{message}; is the daemon of another version? `agor version` says so"
    if isinstance(error, NotFound):
        for noun, command in LISTS.items():
            if message.startswith(f"no {noun} ") and "`" not in message:
                return f"{message}; `agor {command}` shows them"
    return message


def facts_of(error: AgorError) -> dict[str, Any]:
    """The error for programs."""
    if not isinstance(error, ServiceError):
        return {"name": type(error).__name__, "message": str(error)}
    facts = {
        "name": error.name,
        "message": error.message,
        "code": error.code,
        "data": error.data,
        "errors": error.errors,
    }
    return {key: value for key, value in facts.items() if value is not None}


def _color() -> bool | None:
    """False where colours are not wanted; None leaves it to whether the output is a terminal."""
    return False if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb" else None


def _joined(texts: Any) -> str:
    return ", ".join(map(str, texts)) if isinstance(texts, list) else str(texts)


def _tell(line: str, facts: dict[str, Any], as_json: bool) -> None:
    if as_json or wants_json():
        import json

        print(json.dumps({"error": facts}, ensure_ascii=False), file=sys.stderr)
    else:
        from agor_cli.output import one_line

        print(f"agor: {one_line(line)}", file=sys.stderr)
