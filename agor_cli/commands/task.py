"""`agor task`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from agor_cli.commands.session.running import text_of
from agor_cli.connection import connected
from agor_cli.groups import Group
from agor_cli.output import facts, one_line, paged, show, table
from agor_cli.words import ago, changes, duration, reference, short_id, wait_words
from agor_core.errors import BadRequest

if TYPE_CHECKING:
    from rich.console import RenderableType

    from agor_core.client import Record

STATUSES = ("created", "running", "awaiting_permission", "completed", "failed", "stopped")


@click.group(cls=Group)
def task() -> None:
    """Look at the prompts of a session and what became of them."""


@task.command("list", examples=["task list", "task list --session 0199a1b2", "task list --status failed"])
@click.option("--session", help="Only those of this session.")
@click.option("--status", type=click.Choice(STATUSES), help="Only those.")
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1, 1000), help="How many.")
def list_tasks(session: str | None, status: str | None, limit: int) -> None:
    """List tasks, newest first."""
    query: dict[str, Any] = {"$sort": {"task_id": -1}, "$limit": limit}
    query.update({name: value for name, value in (("session_id", session), ("status", status)) if value})
    with connected() as client:
        page = client.service("tasks").find(query)
    show(page, lambda: _table(page))


@task.command("show", examples=["task show 0199a1c3", "task show 0199a1c3 --json"])
@click.argument("task")
def show_task(task: str) -> None:
    """Show one TASK: the prompt, how it ended, and what it did to the files."""
    with connected() as client:
        found = client.service("tasks").get(task)
    show(found, lambda: _page(found))


@task.command("edit", examples=['task edit 0199a1c3 "do the docs first"', "task edit 0199a1c3 - < prompt.md"])
@click.argument("task")
@click.argument("prompt", nargs=-1, required=True)
def edit_task(task: str, prompt: tuple[str, ...]) -> None:
    """Change the prompt of a TASK that still waits its turn."""
    text = text_of(prompt)
    if text is None:
        raise BadRequest("the prompt is empty")
    with connected() as client:
        id = client.service("tasks").get(task)["task_id"]
        changed = client.service("tasks").patch(id, {"full_prompt": text})
    show(changed, lambda: f"Task {short_id(changed, 'task_id')}: {one_line(changed['description'])}")


@task.command("rm", examples=["task rm 0199a1c3"])
@click.argument("task")
def remove_task(task: str) -> None:
    """Take a TASK that waits out of its queue, or forget one that has ended. What was said stays."""
    with connected() as client:
        found = client.service("tasks").get(task)
        removed = client.service("tasks").remove(found["task_id"])
    show(removed, lambda: f"Removed task {short_id(found, 'task_id')}")


def _table(page: Record) -> RenderableType:
    columns = ("id", "status", "session", "prompt", "took", "files", "started")
    rows = (
        (
            short_id(one, "task_id"),
            one["status"],
            reference(one["session_id"]),
            one_line(one.get("description") or "")[:60],
            duration(one.get("duration_ms")),
            changes(one.get("git_state")),
            ago(one.get("started_at")),
        )
        for one in page["data"]
    )
    return table(columns, rows, empty="No tasks.", footer=paged(page))


def _page(one: Record) -> RenderableType:
    git, usage, error = one.get("git_state") or {}, one.get("usage") or {}, one.get("error") or {}
    return facts(
        {
            "task": one["task_id"],
            "status": one["status"],
            "session": one["session_id"],
            "error": f"{error.get('kind')}: {error.get('message')}" if error else None,
            "retry": wait_words(error.get("retry_at")) or None,
            "took": duration(one.get("duration_ms")),
            "started": ago(one.get("started_at")),
            "model": one.get("model"),
            "branch": git.get("ref_at_start"),
            "from": git.get("sha_at_start"),
            "to": git.get("sha_at_end"),
            "commits": ", ".join(str(commit)[:12] for commit in git.get("commits") or []),
            "files": changes(git),
            "tools used": one.get("tool_use_count"),
            "tokens": f"{usage.get('input_tokens') or 0} in, {usage.get('output_tokens') or 0} out" if usage else None,
            "prompt": one.get("full_prompt"),
        }
    )
