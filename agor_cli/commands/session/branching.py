"""`agor session fork` and `spawn`."""

from __future__ import annotations

from typing import Any

import click

from agor_cli.commands.session.running import PERMISSION_MODES, check_agent, run_first_task, text_of
from agor_cli.connection import connected
from agor_cli.groups import Command, wants_json
from agor_cli.output import next_steps, say, show_json
from agor_cli.words import short_id


@click.command(
    "fork",
    cls=Command,
    examples=[
        'session fork 0199a1b2 "try it with SQLite instead"',
        'session fork 0199a1b2 --task 0199a1c3 --worktree plan-b "another way"',
        "session fork 0199a1b2",
    ],
)
@click.argument("session")
@click.argument("prompt", nargs=-1)
@click.option("--task", help="The last prompt that the fork remembers. Default: the last completed one.")
@click.option("--worktree", metavar="NAME", help="A worktree of its own, as the files were when that task ended.")
@click.option("--branch", help="The branch of that worktree, if not its name.")
@click.option("--no-wait", is_flag=True, help="Return at once and let it work.")
def fork(
    session: str, prompt: tuple[str, ...], task: str | None, worktree: str | None, branch: str | None, no_wait: bool
) -> int:
    """Branch off the conversation of SESSION: a new one that remembers it, and goes on with PROMPT."""
    text = text_of(prompt)
    data = {"prompt": text, "task_id": task, "worktree": _worktree(worktree, branch)}
    return _branch("fork", session, data, None, waits=not no_wait)


@click.command(
    "spawn",
    cls=Command,
    examples=[
        'session spawn 0199a1b2 "write the tests for it"',
        'session spawn 0199a1b2 --agent scripted --worktree tests "write the tests"',
    ],
)
@click.argument("session")
@click.argument("prompt", nargs=-1)
@click.option("--agent", help="Which agent. Default: the parent's.")
@click.option("--task", help="The parent's prompt that this is a part of. Default: the last one.")
@click.option("--worktree", metavar="NAME", help="A worktree of its own.")
@click.option("--branch", help="The branch of that worktree, if not its name.")
@click.option("--model", help="The model it uses.")
@click.option("--permission-mode", type=click.Choice(PERMISSION_MODES), help="What it may do without asking.")
@click.option("--no-wait", is_flag=True, help="Return at once and let it work.")
def spawn(
    session: str,
    prompt: tuple[str, ...],
    agent: str | None,
    task: str | None,
    worktree: str | None,
    branch: str | None,
    model: str | None,
    permission_mode: str | None,
    no_wait: bool,
) -> int:
    """Give a part of the work of SESSION to a child with a fresh context; its last answer comes back to the parent."""
    data = {
        "prompt": text_of(prompt),
        "agent": agent,
        "task_id": task,
        "worktree": _worktree(worktree, branch),
        "model": model,
        "permission_mode": permission_mode,
    }
    return _branch("spawn", session, data, agent, waits=not no_wait)


def _branch(method: str, session: str, data: dict[str, Any], agent: str | None, *, waits: bool) -> int:
    given = {name: value for name, value in data.items() if value is not None}
    with connected() as client:
        parent = client.service("sessions").get(session)
        if "prompt" in given:
            check_agent(client, agent or parent["agent"])
        child = client.service("sessions").call(method, parent["session_id"], given)
        id = short_id(child, "session_id")
        kind = "Fork" if method == "fork" else "Child"
        if "prompt" not in given:
            if wants_json():
                show_json({"session": child})
            say(f"{kind} {id} of session {short_id(parent, 'session_id')}")
            next_steps((f'agor session prompt {id} "…"', "its first prompt"), (f"agor session tree {id}", "the tree"))
            return 0
        say(f"{kind} {id} of session {short_id(parent, 'session_id')}", "dim")
        return run_first_task(client, child, waits=waits)


def _worktree(name: str | None, branch: str | None) -> dict[str, str] | None:
    if name is None:
        return None
    return {"name": name, **({"branch": branch} if branch else {})}
