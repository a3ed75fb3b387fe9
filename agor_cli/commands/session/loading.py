"""`agor session load-claude`."""

from __future__ import annotations

from pathlib import Path

import click

from agor_cli.connection import connected
from agor_cli.groups import Command
from agor_cli.output import next_steps, show
from agor_cli.resolve import board_of
from agor_cli.words import short_id, title_of


@click.command(
    "load-claude",
    cls=Command,
    examples=[
        "session load-claude ~/.claude/projects/-home-me-shop/5e1f….jsonl",
        "session load-claude 5e1f2a3b-1111-4222-8333-444455556666",
    ],
)
@click.argument("transcript")
@click.option("--board", help="The board its card is on.")
def load_claude(transcript: str, board: str | None) -> None:
    """Import a Claude Code conversation: TRANSCRIPT is the path of its file, or its id. It can be continued and forked.

    The daemon reads the file, so it has to be on the daemon's machine.
    """
    path = Path(transcript).expanduser()
    data = {"path": str(path.resolve())} if path.suffix == ".jsonl" or path.exists() else {"uuid": transcript}
    with connected() as client:
        if board:
            data["board_id"] = board_of(client, board)["board_id"]
        session = client.service("sessions").call("import", None, data)
    id = short_id(session, "session_id")
    show(session, lambda: f"Imported {title_of(session)!r} as session {id} ({session.get('message_count')} messages)")
    next_steps((f"agor message list {id}", "read it"), (f'agor session prompt {id} "…"', "go on with it"))
