"""`agor session list`, `show` and `tree`."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

import click

from agor_cli.connection import connected
from agor_cli.groups import Command
from agor_cli.output import facts, one_line, paged, show, status, table
from agor_cli.resolve import board_of, repo_of
from agor_cli.words import ago, changes, duration, place_of, reference, short_id, title_of

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.tree import Tree

    from agor_core.client import Record

STATUSES = ("idle", "running", "awaiting_permission", "completed", "failed")
SHOWN_TASKS = 10


@click.command(
    "list",
    cls=Command,
    examples=[
        "session list",
        "session list --status running",
        "session list --board default --limit 50",
        "session list --json",
    ],
)
@click.option("--status", type=click.Choice(STATUSES), help="Only those.")
@click.option("--board", help="Only those on this board.")
@click.option("--repo", help="Only those in this repo, or a worktree of it.")
@click.option("--agent", help="Only those of this agent.")
@click.option("--archived", is_flag=True, help="Those that were archived.")
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1, 1000), help="How many.")
def list_sessions(
    status: str | None, board: str | None, repo: str | None, agent: str | None, archived: bool, limit: int
) -> None:
    """List sessions, newest first."""
    with connected() as client:
        query: dict[str, Any] = {"archived": archived, "$limit": limit}
        query.update({name: value for name, value in (("status", status), ("agent", agent)) if value})
        if board:
            query["board_id"] = board_of(client, board)["board_id"]
        if repo:
            query["repo.repo_id"] = repo_of(client, repo)["repo_id"]
        page = client.service("sessions").find(query)
    show(page, lambda: _table(page))


@click.command("show", cls=Command, examples=["session show 0199a1b2", "session show 0199a1b2 --json"])
@click.argument("session")
def show_session(session: str) -> None:
    """Show one SESSION and its last prompts."""
    with connected() as client:
        found = client.service("sessions").get(session)
        query = {"session_id": found["session_id"], "$sort": {"task_id": -1}, "$limit": SHOWN_TASKS}
        tasks = client.service("tasks").find(query)["data"][::-1]
    show({**found, "last_tasks": tasks}, lambda: _page(found, tasks))


@click.command("tree", cls=Command, examples=["session tree 0199a1b2", "session tree 0199a1b2 --json"])
@click.argument("session")
def tree(session: str) -> None:
    """Show the tree that SESSION belongs to: forks and children, from the first ancestor down."""
    with connected() as client:
        found = client.service("sessions").get(session)
        family = client.service("sessions").read("genealogy", found["session_id"])
        root = family["ancestors"] or [family["session"]]
        top = next((one for one in root if _parent_of(one) is None), root[0])
        whole = client.service("sessions").read("genealogy", top["session_id"]) if family["ancestors"] else family
    show(family, lambda: _tree(whole, found["session_id"]))


def _table(page: Record) -> RenderableType:
    columns = ("id", "status", "agent", "where", "title", "changed")
    rows = (
        (
            short_id(one, "session_id"),
            one["status"],
            one["agent"],
            place_of(one),
            title_of(one)[:60],
            ago(one.get("last_updated")),
        )
        for one in page["data"]
    )
    empty = 'No sessions. Start one with `agor session start "…"`'
    return table(columns, rows, empty=empty, footer=paged(page))


def _page(session: Record, tasks: list[Record]) -> RenderableType:
    from rich.console import Group
    from rich.text import Text

    genealogy, repo = session.get("genealogy") or {}, session.get("repo") or {}
    git, usage, context = (session.get(name) or {} for name in ("git_state", "usage", "context"))
    about = facts(
        {
            "session": session["session_id"],
            "title": title_of(session),
            "status": session["status"],
            "agent": f"{session['agent']} {session.get('agent_version') or ''}",
            "model": (session.get("model_config") or {}).get("model"),
            "permissions": (session.get("permission_config") or {}).get("mode"),
            "where": place_of(session),
            "folder": repo.get("cwd"),
            "branch": git.get("ref"),
            "forked from": reference(session.get("forked_from_session_id") or genealogy.get("forked_from_session_id")),
            "child of": reference(session.get("parent_session_id") or genealogy.get("parent_session_id")),
            "sharing": session.get("sharing") if session.get("sharing") != "everyone" else None,
            "archived": "yes" if session.get("archived") else None,
            "messages": session.get("message_count"),
            "tokens": f"{usage.get('input_tokens') or 0} in, {usage.get('output_tokens') or 0} out" if usage else None,
            "cost": f"${usage['cost_usd']:.4f}" if usage.get("cost_usd") else None,
            "context": f"{context['used_tokens']} of {context.get('limit_tokens') or '?'}"
            if context.get("used_tokens")
            else None,
            "started": ago(session.get("created_at")),
        }
    )
    rows = (
        (
            short_id(task, "task_id"),
            task["status"],
            one_line(task.get("description") or "")[:60],
            duration(task.get("duration_ms")),
            changes(task.get("git_state")),
        )
        for task in tasks
    )
    prompts = table(("id", "status", "prompt", "took", "files"), rows, empty="No prompts yet.")
    return Group(about, Text(), prompts)


def _parent_of(session: Record) -> str | None:
    genealogy = session.get("genealogy") or {}
    parent = (
        session.get("parent_session_id")
        or session.get("forked_from_session_id")
        or genealogy.get("parent_session_id")
        or genealogy.get("forked_from_session_id")
    )
    return str(parent) if parent else None


def _tree(family: Record, marked: str) -> RenderableType:
    from rich.tree import Tree

    children: defaultdict[str | None, list[Record]] = defaultdict(list)
    for one in family["descendants"]:
        children[_parent_of(one)].append(one)

    def grow(branch: Tree, session: Record) -> None:
        for child in sorted(children[session["session_id"]], key=lambda one: str(one["session_id"])):
            grow(branch.add(_label(child, marked)), child)

    root = family["session"]
    made = Tree(_label(root, marked), guide_style="dim")
    grow(made, root)
    return made


def _label(session: Record, marked: str) -> RenderableType:
    from rich.text import Text

    kind = "fork " if session.get("forked_from_session_id") else "child " if session.get("parent_session_id") else ""
    is_marked = session["session_id"] == marked
    state = status(session["status"])
    assert isinstance(state, Text)
    return Text.assemble(
        (kind, "dim"),
        (short_id(session, "session_id"), "bold" if is_marked else ""),
        f" {one_line(title_of(session))[:60]} ",
        state,
        " ←" if is_marked else "",
    )
