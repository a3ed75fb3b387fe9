"""`agor search`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from agor_cli.connection import connected
from agor_cli.groups import Command
from agor_cli.output import one_line, show, table
from agor_cli.words import ago, reference, short_id, title_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import RenderableType

    from agor_core.client import Record


@click.command(
    "search", cls=Command, examples=["search login", "search \"race condition\" 'lock*'", "search login --json"]
)
@click.argument("words", nargs=-1, required=True)
@click.option(
    "--limit", default=20, show_default=True, type=click.IntRange(1, 1000), help="How many sessions and messages each."
)
def search(words: tuple[str, ...], limit: int) -> None:
    """Find sessions, and what was said in them, best first. All WORDS have to be there.

    Quoted words follow each other; `word*` is a beginning.
    """
    query = {"$search": " ".join(map(_term, words)), "$limit": limit}
    with connected() as client:
        found = {name: client.service(name).find(query) for name in ("sessions", "messages")}
    show(found, lambda: _found(found["sessions"], found["messages"], limit))


def _found(sessions: Record, messages: Record, limit: int) -> RenderableType:
    rows = [
        *((short_id(one, "session_id"), "title", title_of(one), ago(one["last_updated"])) for one in sessions["data"]),
        *(
            (reference(one["session_id"]), one["role"], _passage(one["snippet"]), ago(one["timestamp"]))
            for one in messages["data"]
        ),
    ]
    more = max(sessions["total"], messages["total"]) > limit
    footer = f"of {sessions['total']} sessions and {messages['total']} messages; --limit shows more" if more else ""
    return table(("session", "in", "found", "when"), rows, empty="Nothing was found.", footer=footer)


def _term(word: str) -> str:
    """`word` as the service takes it: what the shell kept together stays together."""
    return f'"{word}"' if " " in word and '"' not in word else word


def _passage(snippet: Sequence[Record]) -> str:
    return one_line("".join(part["text"] for part in snippet))
