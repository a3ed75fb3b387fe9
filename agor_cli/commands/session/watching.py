"""`agor session watch`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from agor_cli.connection import connected, live
from agor_cli.groups import Command
from agor_cli.output import say
from agor_cli.words import short_id, title_of

if TYPE_CHECKING:
    from agor_core.client import LiveClient, Record


@click.command("watch", cls=Command, examples=["session watch 0199a1b2", "session watch 0199a1b2 --last 0"])
@click.argument("session")
@click.option(
    "--last",
    default=10,
    show_default=True,
    type=click.IntRange(0, 1000),
    help="How many earlier messages to show first.",
)
def watch(session: str, last: int) -> None:
    """Watch SESSION live: what other screens type, what the agent says and does. Ctrl-C ends the watching only."""
    from agor_cli.follow.following import follow  # asyncio, for this one

    with connected() as client:
        found = client.service("sessions").get(session)
        say(f"Session {short_id(found, 'session_id')} · {title_of(found)} · Ctrl-C ends the watching", "dim")

        async def begin(_: LiveClient) -> Record | None:
            return None

        follow(live(client), found["session_id"], begin, shows_prompts=True, earlier=last)
