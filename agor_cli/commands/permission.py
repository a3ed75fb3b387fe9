"""`agor permission`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from agor_cli.connection import connected
from agor_cli.follow.questions import described
from agor_cli.groups import Group
from agor_cli.output import one_line, paged, show, table
from agor_cli.words import ago, reference, short_id

if TYPE_CHECKING:
    from rich.console import RenderableType

    from agor_core.client import Record

STATUSES = ("pending", "approved", "denied", "cancelled")
SCOPES = ("once", "session", "project", "user")


@click.group(cls=Group)
def permission() -> None:
    """Answer what agents ask."""


@permission.command(
    "list", examples=["permission list", "permission list --status denied", "permission list --session 0199a1b2"]
)
@click.option("--status", type=click.Choice(STATUSES), default="pending", show_default=True, help="Which ones.")
@click.option("--session", help="Only those of this session.")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 1000), help="How many.")
def list_permissions(status: str, session: str | None, limit: int) -> None:
    """List what agents ask, newest first."""
    query: dict[str, Any] = {"status": status, "$limit": limit, **({"session_id": session} if session else {})}
    with connected() as client:
        page = client.service("permissions").find(query)
    show(page, lambda: _table(page))


@permission.command("allow", examples=["permission allow 0199a1d4", "permission allow 0199a1d4 --scope session"])
@click.argument("request")
@click.option("--scope", type=click.Choice(SCOPES), default="once", show_default=True, help="How far the answer goes.")
def allow(request: str, scope: str) -> None:
    """Let the agent do what REQUEST asks."""
    _decide(request, {"allow": True, "scope": scope})


@permission.command(
    "deny", examples=["permission deny 0199a1d4", 'permission deny 0199a1d4 --reason "use the test database"']
)
@click.argument("request")
@click.option("--reason", help="Told to the agent, which goes on with it.")
def deny(request: str, reason: str | None) -> None:
    """Refuse what REQUEST asks; the agent goes on without it."""
    _decide(request, {"allow": False, **({"reason": reason} if reason else {})})


def _decide(request: str, data: dict[str, Any]) -> None:
    with connected() as client:
        id = client.service("permissions").get(request)["request_id"]
        decided = client.service("permissions").call("decide", id, data)
    word = "Allowed" if data["allow"] else "Denied"
    show(decided, lambda: f"{word}: {one_line(decided.get('tool_name'))} in session {reference(decided['session_id'])}")


def _table(page: Record) -> RenderableType:
    columns = ("id", "status", "session", "wants", "asked")
    rows = (
        (
            short_id(one, "request_id"),
            one["status"],
            reference(one["session_id"]),
            one_line(described(one).removeprefix("? "))[:100],
            ago(one.get("created_at")),
        )
        for one in page["data"]
    )
    return table(columns, rows, empty="Nothing waits for an answer.", footer=paged(page))
