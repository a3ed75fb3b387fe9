"""`agor agent`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from agor_cli.connection import connected
from agor_cli.groups import Group
from agor_cli.output import show, table

if TYPE_CHECKING:
    from rich.console import RenderableType

    from agor_core.client import Record


@click.group(cls=Group)
def agent() -> None:
    """Show which agents can run here."""


@agent.command("list", examples=["agent list", "agent list --json"])
def list_agents() -> None:
    """List agents: which are installed and signed in, and what is missing."""
    with connected() as client:
        found = client.service("agents").find()
    show(found, lambda: _table(found))


def _table(found: list[Record]) -> RenderableType:
    rows = (
        (
            one["name"],
            "ready" if not one.get("problem") else "not ready" if one.get("installed") else "not installed",
            one.get("version") or "",
            {True: "yes", False: "no"}.get(one.get("signed_in"), ""),  # type: ignore[arg-type]
            "; ".join(part for part in (one.get("problem"), one.get("how_to")) if part) if one.get("problem") else "",
        )
        for one in found
    )
    return table(("name", "status", "version", "signed in", "what is missing"), rows, empty="No agents.")
