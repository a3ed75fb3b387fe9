"""`agor status`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import click

from agor_cli.connection import connected, interrupted_sessions
from agor_cli.groups import Command
from agor_cli.output import facts, show
from agor_cli.words import ago, count

if TYPE_CHECKING:
    from agor_core.client import Client


@click.command("status", cls=Command, examples=["status", "status --json"])
def status() -> None:
    """Show whether the daemon is well, what runs, and what waits for you."""
    with connected() as client:
        health = client.service("health").find()
        found = {
            "url": client.url,
            **health,
            "sessions": _count(client, "sessions"),
            "running": _count(client, "sessions", status="running"),
            "waiting_for_you": _count(client, "permissions", status="pending"),
            "failed": _count(client, "sessions", status="failed"),
            "interrupted": len(interrupted_sessions(client)),
            "repos": _count(client, "repos"),
        }
    show(
        found,
        lambda: facts(
            {
                "daemon": f"{health['status']}, {client.url}",
                "version": health.get("version"),
                "started": ago(health.get("started_at")),
                "found then": _found(health.get("recovered")),
                "sign-in": "required" if health.get("require_auth") else None,
                "repos": str(found["repos"]),
                "sessions": str(found["sessions"]),
                "running": str(found["running"]),
                "waiting for you": f"{found['waiting_for_you']}: `agor permission list`"
                if found["waiting_for_you"]
                else "0",
                "failed": f"{found['failed']}: `agor session list --status failed`" if found["failed"] else "0",
                "interrupted": f"{found['interrupted']}: `agor session resume --interrupted` goes on with them"
                if found["interrupted"]
                else None,
            }
        ),
    )


def _found(recovered: Mapping[str, int] | None) -> str | None:
    """What a daemon that was killed had left behind, and what was done about it."""
    if not recovered:
        return None
    done = {
        "tasks": ("task was interrupted", "tasks were interrupted"),
        "questions": ("question can still be answered", "questions can still be answered"),
        "processes": ("process was ended", "processes were ended"),
        "worktrees": ("half-made worktree was cleared", "half-made worktrees were cleared"),
        "clones": ("half-made clone was cleared", "half-made clones were cleared"),
    }
    told = (count(recovered[name], *words) for name, words in done.items() if recovered.get(name))
    return f"a daemon that was killed: {', '.join(told)}"


def _count(client: Client, path: str, **query: str) -> int:
    return int(client.service(path).find({**query, "$limit": 0})["total"])
