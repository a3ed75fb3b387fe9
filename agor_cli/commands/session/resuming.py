"""`agor session resume`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from agor_cli.connection import connected, interrupted_sessions
from agor_cli.groups import Command
from agor_cli.output import one_line, show, table
from agor_cli.words import reference, short_id, wait_words
from agor_core.errors import BadRequest, Conflict

if TYPE_CHECKING:
    from rich.console import RenderableType

    from agor_core.client import Client, Record


@click.command("resume", cls=Command, examples=["session resume 0199a1b2", "session resume --interrupted"])
@click.argument("session", required=False)
@click.option("--interrupted", is_flag=True, help="All sessions that were cut off when the daemon ended.")
@click.option(
    "--from-history",
    is_flag=True,
    help="Tell the agent what Agor has stored of the conversation; for when its own memory of it is gone.",
)
def resume(session: str | None, interrupted: bool, from_history: bool) -> int:
    """Go on with SESSION where its last task was cut off, failed or was stopped, before all prompts that wait."""
    if (session is None) is not interrupted:
        raise BadRequest("name a session, or say --interrupted for all that were cut off")
    data = {"from_history": True} if from_history else {}
    with connected() as client:
        service = client.service("sessions")
        if session is not None:
            id = service.get(session)["session_id"]
            too_early = _too_early(client, id)
            task = service.call("resume", id, data)
            said = f"Session {reference(task['session_id'])} goes on: task {short_id(task, 'task_id')}"
            show(task, lambda: f"{said}\n{too_early}" if too_early else said)
            return 0
        tasks: list[Record] = []
        refused: list[dict[str, Any]] = []
        for id in interrupted_sessions(client):
            try:
                tasks.append(service.call("resume", id, data))
            except Conflict as error:  # somebody else was faster, or it runs again
                refused.append({"session_id": id, "message": error.message})
    show({"resumed": tasks, "refused": refused}, lambda: _table(tasks, refused))
    return 1 if refused else 0


def _too_early(client: Client, session_id: str) -> str:
    """What to expect of going on already, where the agent said that it cannot yet."""
    ended = {"session_id": session_id, "status": "failed", "$sort": {"completed_at": -1}, "$limit": 1, "$total": False}
    failed = client.service("tasks").find(ended)["data"]
    wait = wait_words((failed[0].get("error") or {}).get("retry_at")) if failed else ""
    return f"It may fail again: the agent said that it {wait}" if wait else ""


def _table(tasks: list[Record], refused: list[dict[str, Any]]) -> RenderableType:
    rows = ((reference(task["session_id"]), task["status"], short_id(task, "task_id")) for task in tasks)
    footer = "\n".join(one_line(f"{reference(one['session_id'])}: {one['message']}") for one in refused)
    return table(("session", "status", "task"), rows, empty=footer or "Nothing was interrupted.", footer=footer)
