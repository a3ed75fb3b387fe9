"""`agor session queue`, `stop`, `archive` and `rm`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from agor_cli.connection import connected
from agor_cli.groups import Command
from agor_cli.output import confirm, one_line, show, table
from agor_cli.words import short_id, title_of, wait_words

if TYPE_CHECKING:
    from rich.console import RenderableType

    from agor_core.client import Record


@click.command(
    "queue",
    cls=Command,
    examples=[
        "session queue 0199a1b2",
        "session queue 0199a1b2 --resume",
        "session queue 0199a1b2 --order 0199a1c3,0199a1c2",
    ],
)
@click.argument("session")
@click.option("--resume", is_flag=True, help="Go on after a failure or a stop.")
@click.option("--order", metavar="TASK,TASK", help="The tasks that wait, in the order they shall run.")
def queue(session: str, resume: bool, order: str | None) -> None:
    """Show the prompts that wait in SESSION; put them in another order; go on with them."""
    with connected() as client:
        id = client.service("sessions").get(session)["session_id"]
        data: dict[str, Any] = {"resume": True} if resume else {}
        if order:
            data["order"] = [task.strip() for task in order.split(",") if task.strip()]
        service = client.service("sessions")
        found = service.call("queue", id, data) if data else service.read("queue", id)
    show(found, lambda: _queue(found))


@click.command("stop", cls=Command, examples=["session stop 0199a1b2"])
@click.argument("session")
def stop(session: str) -> None:
    """Stop what runs in SESSION, wherever it is. What was said so far is kept, and the queue pauses."""
    with connected() as client:
        found = client.service("sessions").get(session)
        stopped = client.service("sessions").call("stop", found["session_id"])
    show(stopped, lambda: f"Stopped session {short_id(found, 'session_id')}")


@click.command("archive", cls=Command, examples=["session archive 0199a1b2", "session archive 0199a1b2 --undo"])
@click.argument("session")
@click.option("--undo", is_flag=True, help="Bring it back.")
def archive(session: str, undo: bool) -> None:
    """Hide SESSION from lists and boards. Nothing is lost."""
    with connected() as client:
        id = client.service("sessions").get(session)["session_id"]
        patched = client.service("sessions").patch(id, {"archived": not undo})
    done = "is back" if undo else "is archived; `--undo` brings it back"
    show(patched, lambda: f"Session {short_id(patched, 'session_id')} {done}")


@click.command("rm", cls=Command, examples=["session rm 0199a1b2", "session rm 0199a1b2 --yes"])
@click.argument("session")
@click.option("--yes", is_flag=True, help="Do not ask.")
def remove(session: str, yes: bool) -> None:
    """Delete SESSION and all that was said in it. Its worktree stays. `archive` only hides it."""
    with connected() as client:
        found = client.service("sessions").get(session)
        if not yes:
            confirm(f"Delete {one_line(title_of(found))!r} with {found['message_count']} messages?")
        removed = client.service("sessions").remove(found["session_id"])
    show(removed, lambda: f"Deleted session {short_id(found, 'session_id')}")


def _queue(found: Record) -> RenderableType:
    rows = (
        (number, short_id(task, "task_id"), one_line(task.get("description") or "")[:80])
        for number, task in enumerate(found["tasks"], 1)
    )
    footer = ""
    if found["paused"]:
        wait = wait_words(found.get("retry_at"))
        reason = ", ".join(filter(None, (one_line(found.get("reason") or "no reason given"), wait)))
        footer = f"Paused: {reason}; --resume goes on"
    return table(("#", "id", "prompt"), rows, empty=footer or "Nothing waits.", footer=footer)
