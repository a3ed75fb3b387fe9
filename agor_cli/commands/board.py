"""`agor board`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from agor_cli.connection import connected, data_of
from agor_cli.groups import Group
from agor_cli.output import confirm, facts, paged, show, table
from agor_cli.resolve import board_of
from agor_cli.words import ago, short_id, title_of

if TYPE_CHECKING:
    from rich.console import RenderableType

    from agor_core.client import Record


@click.group(cls=Group)
def board() -> None:
    """Arrange sessions on boards. A BOARD is named by its slug, its name, or its id."""


@board.command("list", examples=["board list", "board list --json"])
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 1000), help="How many.")
def list_boards(limit: int) -> None:
    """List boards."""
    with connected() as client:
        page = client.service("boards").find({"$limit": limit})
    show(page, lambda: _table(page))


@board.command("add", examples=["board add Release", 'board add "Bug hunt" --slug bugs --color red'])
@click.argument("name")
@click.option("--slug", help="How to name it in commands. Default: made of the name.")
@click.option("--description", help="What it is for.")
@click.option("--icon", help="An emoji.")
@click.option("--color", help="A colour.")
def add(name: str, slug: str | None, description: str | None, icon: str | None, color: str | None) -> None:
    """Make the board NAME."""
    options = {"slug": slug, "description": description, "icon": icon, "color": color}
    given = {key: value for key, value in options.items() if value is not None}
    with connected() as client:
        made = client.service("boards").create({"name": name, **given})
    show(made, lambda: f"Made board {made['slug']}")


@board.command("show", examples=["board show default"])
@click.argument("board")
def show_board(board: str) -> None:
    """Show BOARD and the sessions on it."""
    with connected() as client:
        found = board_of(client, board)
        query = {"board_id": found["board_id"], "archived": False, "$limit": 1000}
        sessions = data_of(client.service("sessions").find(query))
    show({**found, "sessions": sessions}, lambda: _page(found, sessions))


@board.command("rm", examples=["board rm bugs", "board rm bugs --yes"])
@click.argument("board")
@click.option("--yes", is_flag=True, help="Do not ask.")
def remove(board: str, yes: bool) -> None:
    """Delete BOARD. Its sessions stay, on no board."""
    with connected() as client:
        found = board_of(client, board)
        if not yes:
            confirm(f"Delete the board {found['name']!r}? Its sessions stay.")
        removed = client.service("boards").remove(found["board_id"])
    show(removed, lambda: f"Deleted board {found['slug']}")


def _table(page: Record) -> RenderableType:
    columns = ("slug", "name", "id", "description", "changed")
    rows = (
        (
            one["slug"],
            one["name"],
            short_id(one, "board_id"),
            one.get("description") or "",
            ago(one.get("last_updated")),
        )
        for one in page["data"]
    )
    return table(columns, rows, empty="No boards.", footer=paged(page))


def _page(one: Record, sessions: list[Record]) -> RenderableType:
    from rich.console import Group as Lines
    from rich.text import Text

    about = facts(
        {"board": one["board_id"], "name": one["name"], "slug": one["slug"], "description": one.get("description")}
    )
    rows = ((short_id(item, "session_id"), item["status"], item["agent"], title_of(item)[:60]) for item in sessions)
    return Lines(about, Text(), table(("id", "status", "agent", "title"), rows, empty="No sessions on it."))
