"""`agor session watch`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from agor_cli.connection import connected, live
from agor_cli.groups import Command, wants_json
from agor_cli.output import say
from agor_cli.words import short_id, title_of

if TYPE_CHECKING:
    from agor_core.client import LiveClient, Record


@click.command(
    "watch",
    cls=Command,
    examples=["session watch 0199a1b2", "session watch 0199a1b2 --last 0", "session watch 0199a1b2 --json"],
)
@click.argument("session")
@click.option(
    "--last",
    default=10,
    show_default=True,
    type=click.IntRange(0, 1000),
    help="How many earlier messages to show first.",
)
def watch(session: str, last: int) -> None:
    """Watch SESSION live: what other screens type, what the agent says and does. Ctrl-C ends the watching only.

    With --json each event is a line; the first one says that the watching has begun.
    """
    from agor_cli.follow.following import follow  # asyncio, for this one

    with connected() as client:
        found = client.service("sessions").get(session)
        say(f"Session {short_id(found, 'session_id')} · {title_of(found)} · Ctrl-C ends the watching", "dim")
        tell = _print_event if wants_json() else _nothing

        async def begin(_: LiveClient) -> Record | None:
            tell("watching", found)  # from here on nothing is missed
            return None

        follow(live(client), found["session_id"], begin, shows_prompts=True, earlier=last, tell=tell)


def _print_event(event: str, record: Record) -> None:
    """One line of JSON."""
    click.echo(json.dumps({"event": event, "record": record}, ensure_ascii=False))


def _nothing(_event: str, _record: Record) -> None:
    pass
