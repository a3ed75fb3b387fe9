"""What goes to stdout: rich for people, JSON for programs."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

import click

from agor_cli.groups import wants_json
from agor_core.errors import BadRequest

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

# What agents and repositories say must not move the cursor or rename the terminal.
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")

# Wide enough that nothing is folded for a program that reads lines.
PLAIN_WIDTH = 1000

STYLES = {
    "running": "yellow",
    "awaiting_permission": "magenta",
    "cloning": "yellow",
    "preparing": "yellow",
    "created": "cyan",
    "idle": "default",
    "completed": "green",
    "ready": "green",
    "not ready": "yellow",
    "not installed": "bright_black",
    "approved": "green",
    "pending": "magenta",
    "failed": "red",
    "missing": "red",
    "denied": "red",
    "stopped": "bright_black",
    "removed": "bright_black",
    "cancelled": "bright_black",
}
"""How a status looks."""


def clean(text: object) -> str:
    """`text` without control characters, save line ends and tabs."""
    return _CONTROL.sub("", str(text).replace("\r\n", "\n"))


def one_line(text: object) -> str:
    """`text`, cleaned, on one line."""
    return " ".join(clean(text).split())


@cache
def console() -> Console:
    """The terminal; where there is none, plain text that is not folded."""
    from rich.console import Console

    width = None if sys.stdout.isatty() else PLAIN_WIDTH
    return Console(highlight=False, markup=False, emoji=False, width=width)


def show(answer: Any, rendered: Callable[[], RenderableType]) -> None:
    """`answer` as JSON where that was asked for, else what `rendered` makes of it."""
    if wants_json():
        show_json(answer)
        return
    shown = rendered()
    if isinstance(shown, str):
        say(shown)
    elif sys.stdout.isatty():
        console().print(shown)
    else:
        with console().capture() as captured:
            console().print(shown)
        for line in captured.get().splitlines():
            click.echo(line.rstrip())


def show_json(answer: Any) -> None:
    """`answer` as one JSON document."""
    click.echo(json.dumps(answer, indent=2, ensure_ascii=False))


def say(text: str, style: str = "") -> None:
    """A line for people; nothing where JSON was asked for."""
    if not wants_json():
        console().print(clean(text), style=style or None, soft_wrap=True)  # a path or command stays one piece


def page_through(text: str) -> None:
    """`text`, coloured, in the pager that git would use for this user; as it is where there is no terminal."""
    if sys.stdout.isatty() and (pager := _pager_of_git()):
        os.environ["PAGER"] = pager
        os.environ.setdefault("LESS", "FRX")  # as git does: colours, and no stop for what fits on the screen
    click.echo_via_pager(text.removesuffix("\n"))  # which ends it with one


def _pager_of_git() -> str:
    """`GIT_PAGER`, `core.pager` or `PAGER`, in git's own order; empty where git cannot tell."""
    try:
        asked = subprocess.run(["git", "var", "GIT_PAGER"], capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return asked.stdout.strip()


def confirm(question: str) -> None:
    """Go on only if a person agrees. Raises Abort if not, and BadRequest where nobody is there to answer."""
    if wants_json() and not sys.stdin.isatty():
        raise BadRequest("a program is not asked; --yes goes on without asking")
    try:
        agreed = click.confirm(question, err=True)
    except click.Abort:
        if sys.stdin.isatty():
            raise
        click.echo(err=True)  # the question has no end of line
        raise BadRequest("nobody is there to answer; --yes goes on without asking") from None
    if not agreed:
        raise click.Abort


def next_steps(*commands: tuple[str, str]) -> None:
    """What could be typed next: (command, what it does)."""
    width = max(len(command) for command, _ in commands)
    for command, meaning in commands:
        say(f"  {command:<{width}}   {meaning}", "dim")


def table(columns: Sequence[str], rows: Iterable[Sequence[object]], *, empty: str, footer: str = "") -> RenderableType:
    """A table. A cell under a heading `status` is coloured; without rows, `empty` is said instead."""
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    made = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for column in columns:
        stays = column in ("id", "status", "key")
        made.add_column(column.upper(), no_wrap=stays, overflow="ellipsis" if stays else "fold")
    for row in rows:
        cells = zip(columns, row, strict=True)
        made.add_row(*(status(cell) if column == "status" else Text(one_line(cell)) for column, cell in cells))
    if not made.rows:
        return Text(empty, style="dim")
    return Group(made, Text(footer, style="dim")) if footer else made


def facts(rows: Mapping[str, object]) -> RenderableType:
    """One record as lines of name and value; what is empty is left out."""
    from rich.table import Table
    from rich.text import Text

    made = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    made.add_column(style="dim", no_wrap=True)
    made.add_column(overflow="fold")
    for name, value in rows.items():
        if value not in (None, "", [], {}):
            made.add_row(name, status(value) if name == "status" else Text(clean(value)))
    return made


def status(value: object) -> RenderableType:
    """A status, coloured."""
    from rich.text import Text

    return Text(str(value).replace("_", " "), style=STYLES.get(str(value), "default"))


def paged(page: Mapping[str, Any]) -> str:
    """What to say below a page that does not show all; nothing below one that does."""
    shown, total = len(page["data"]), page.get("total")
    if total is None or shown + page.get("skip", 0) >= total:
        return ""
    return f"{shown} of {total}; --limit shows more"
