"""`agor permission`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from agor_cli.connection import connected
from agor_cli.follow.printer import tool_detail
from agor_cli.groups import Group
from agor_cli.output import one_line, paged, show, table
from agor_cli.words import ago, reference, short_id

if TYPE_CHECKING:
    from rich.console import RenderableType

    from agor_core.client import Record

STATUSES = ("pending", "approved", "denied", "cancelled")
LASTING = ("session", "project", "user")
SCOPES = ("once", *LASTING)


@click.group(cls=Group)
def permission() -> None:
    """Answer what agents ask."""


@permission.command(
    "list",
    examples=[
        "permission list",
        "permission list --status denied",
        "permission list --session 0199a1b2",
        "permission list --rules",
    ],
)
@click.option("--status", type=click.Choice(STATUSES), help="Which ones. Default: pending.")
@click.option("--rules", is_flag=True, help="The answers that stand for later questions, too.")
@click.option("--session", help="Only those of this session.")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 1000), help="How many.")
def list_permissions(status: str | None, rules: bool, session: str | None, limit: int) -> None:
    """List what agents ask, newest first, or asked; or the rules that answer for you."""
    query: dict[str, Any] = {"$limit": limit, **({"session_id": session} if session else {})}
    if rules:
        query |= {"scope": {"$in": list(LASTING)}, "revoked_at": None, **({"status": status} if status else {})}
    else:
        query["status"] = status or "pending"
    with connected() as client:
        page = client.service("permissions").find(query)
    show(page, lambda: _rules(page) if rules else _table(page, query["status"]))


def _answering(command: Any) -> Any:
    """The options of both answers: how far it goes, and what it covers then."""
    covers = "What it covers beyond this question, such as 'Bash(npm test *)'. Default: what the question offers."
    command = click.option("--rule", "rules", multiple=True, metavar="RULE", help=covers)(command)
    return click.option(
        "--scope",
        type=click.Choice(SCOPES),
        default="once",
        show_default=True,
        help="How far the answer goes: this session, all on this repository, all of yours.",
    )(command)


@permission.command(
    "allow",
    examples=[
        "permission allow 0199a1d4",
        "permission allow 0199a1d4 --scope session",
        "permission allow 0199a1d4 --scope project --rule 'Bash(npm test *)'",
    ],
)
@click.argument("request")
@_answering
def allow(request: str, scope: str, rules: tuple[str, ...]) -> None:
    """Let the agent do what REQUEST asks."""
    _decide(request, {"allow": True, "scope": scope, **({"rules": list(rules)} if rules else {})})


@permission.command(
    "deny", examples=["permission deny 0199a1d4", 'permission deny 0199a1d4 --reason "use the test database"']
)
@click.argument("request")
@click.option("--reason", help="Told to the agent, which goes on with it.")
@_answering
def deny(request: str, reason: str | None, scope: str, rules: tuple[str, ...]) -> None:
    """Refuse what REQUEST asks; the agent goes on without it."""
    given = {"reason": reason or None, "rules": list(rules) or None}
    _decide(request, {"allow": False, "scope": scope, **{name: value for name, value in given.items() if value}})


@permission.command("revoke", examples=["permission revoke 0199a1d4"])
@click.argument("request")
def revoke(request: str) -> None:
    """Let the rule of an earlier answer, REQUEST, count no more. `permission list --rules` shows them."""
    with connected() as client:
        id = client.service("permissions").get(request)["request_id"]
        revoked = client.service("permissions").call("revoke", id)
    show(revoked, lambda: f"Revoked: {one_line(', '.join(revoked['rules']))}")


def _decide(request: str, data: dict[str, Any]) -> None:
    with connected() as client:
        id = client.service("permissions").get(request)["request_id"]
        decided = client.service("permissions").call("decide", id, data)
    word = "Allowed" if data["allow"] else "Denied"
    session = reference(decided["session_id"])
    standing = f"; stands for {', '.join(decided['rules'])} ({decided['scope']})" if decided["rules"] else ""
    show(decided, lambda: one_line(f"{word}: {decided.get('tool_name')} in session {session}{standing}"))


def _rules(page: Record) -> RenderableType:
    columns = ("id", "status", "scope", "rules", "session", "given")
    rows = (
        (
            short_id(one, "request_id"),
            one["status"],
            one["scope"],
            ", ".join(one["rules"]),
            reference(one["session_id"]),
            ago(one.get("decided_at")),
        )
        for one in page["data"]
    )
    return table(columns, rows, empty="No answer stands for later questions.", footer=paged(page))


def _table(page: Record, status: str) -> RenderableType:
    if status == "pending":
        return _questions(page)
    columns = ("id", "status", "session", "wanted", "scope", "reason", "decided")
    rows = (
        (
            short_id(one, "request_id"),
            one["status"],
            reference(one["session_id"]),
            _wish(one),
            one.get("scope") or "",
            one.get("reason") or "",
            ago(one.get("decided_at")),
        )
        for one in page["data"]
    )
    return table(columns, rows, empty=f"No question was {status}.", footer=paged(page))


def _questions(page: Record) -> RenderableType:
    columns = ("id", "status", "session", "wants", "for longer it would be", "asked")
    rows = (
        (
            short_id(one, "request_id"),
            one["status"],
            reference(one["session_id"]),
            _wish(one),
            ", ".join(one.get("rules") or []),
            ago(one.get("created_at")),
        )
        for one in page["data"]
    )
    return table(columns, rows, empty="Nothing waits for an answer.", footer=paged(page))


def _wish(request: Record) -> str:
    return f"{request['tool_name']} {tool_detail(request.get('tool_input'))}"
