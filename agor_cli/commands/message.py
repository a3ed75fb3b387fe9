"""`agor message`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from agor_cli.connection import connected
from agor_cli.follow.printer import TranscriptPrinter
from agor_cli.groups import Group, wants_json
from agor_cli.output import say, show_json

if TYPE_CHECKING:
    from agor_core.client import Record


@click.group(cls=Group)
def message() -> None:
    """Read what was said."""


@message.command(
    "list", examples=["message list 0199a1b2", "message list 0199a1b2 --limit 500", "message list 0199a1b2 --history"]
)
@click.argument("session")
@click.option("--history", is_flag=True, help="With what a fork inherited from its parents.")
@click.option(
    "--limit", default=50, show_default=True, type=click.IntRange(1, 1000), help="How many of the last messages."
)
def list_messages(session: str, history: bool, limit: int) -> None:
    """Read the last messages of SESSION, oldest of them first."""
    with connected() as client:
        id = client.service("sessions").get(session)["session_id"]
        query: dict[str, Any] = {"session_id": id, "$sort": {"index": -1}, "$limit": limit}
        if history:
            query["$history"] = True
        page = client.service("messages").find(query)
    page["data"] = page["data"][::-1]
    if wants_json():
        show_json(page)
    else:
        _print(page)


def _print(page: Record) -> None:
    if not page["data"]:
        say("Nothing was said yet.", "dim")
    elif (earlier := page.get("total", 0) - len(page["data"])) > 0:
        say(f"({earlier} earlier ones; --limit shows more)", "dim")
    printer = TranscriptPrinter(lambda text: click.echo(text, nl=False), shows_prompts=True)
    for one in page["data"]:
        printer.message(one)
    printer.finish()
