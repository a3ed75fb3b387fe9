"""What the commands that run a prompt have in common: send it, follow it, say how it ended."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from agor_cli.connection import live
from agor_cli.groups import wants_json
from agor_cli.output import clean, next_steps, one_line, say, show_json
from agor_cli.words import ended_words, short_id, wait_words
from agor_core.errors import Unavailable

if TYPE_CHECKING:
    from agor_cli.follow.following import Begin, Outcome
    from agor_core.client import Client, LiveClient, Record

PERMISSION_MODES = ("default", "acceptEdits", "plan", "bypassPermissions")

FAILED = 1
# A first task may have got this far before we are connected.
MOST_EARLIER = 100


def text_of(words: tuple[str, ...]) -> str | None:
    """The prompt as typed; `-` reads it from standard input."""
    if words == ("-",):
        return sys.stdin.read().strip() or None
    return " ".join(words).strip() or None


def check_agent(client: Client, name: str) -> None:
    """Raise, with what to do about it, if a run of that agent could not start."""
    found = client.service("agents").get(name)
    if problem := found.get("problem"):
        how_to = found.get("how_to")
        way_out = f"; {one_line(how_to)}" if how_to else ""
        raise Unavailable(
            f"{name} cannot run: {one_line(problem)}{way_out}; or try `--agent scripted`, which needs nothing"
        )


def prompt_data(prompt: str, **options: Any) -> dict[str, Any]:
    """The data of `sessions.prompt`."""
    return {"prompt": prompt, **given(**options)}


def given(**options: Any) -> dict[str, Any]:
    """The options that say something: not None, no flag that is off, no empty list."""
    return {name: value for name, value in options.items() if value is not None and value is not False and value != ()}


def tool_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options `--thinking`, `--allow` and `--deny`, as `thinking`, `allowed` and `denied`."""
    rule: dict[str, Any] = {"multiple": True, "metavar": "TOOL"}
    for option in (
        click.option("--deny", "denied", help="A tool it may not use: Bash, WebFetch… Repeatable.", **rule),
        click.option(
            "--allow", "allowed", help="A tool it may use without asking: Bash, 'Bash(npm test:*)'… Repeatable.", **rule
        ),
        click.option("--thinking", type=click.IntRange(0), metavar="TOKENS", help="How much it may think, in tokens."),
    ):
        command = option(command)
    return command


def run_prompt(client: Client, session: Record, data: dict[str, Any], *, waits: bool) -> int:
    """Send a prompt to `session` and, if it `waits`, follow the task to its end. The exit code."""
    id = session["session_id"]
    if not waits:
        task = client.service("sessions").call("prompt", id, data)
        if wants_json():
            show_json({"session": session, "task": task})
        else:
            _say_sent(session, task)
        return 0

    async def begin(connection: LiveClient) -> Record:
        task: Record = await connection.service("sessions").call("prompt", id, data)
        return task

    return _follow(client, session, begin)


def run_first_task(client: Client, session: Record, *, waits: bool) -> int:
    """As `run_prompt`, for a session that was made with its prompt: a fork or a child."""
    if not waits:
        if wants_json():
            show_json({"session": session})
        else:
            _say_sent(session, None)
        return 0

    async def begin(connection: LiveClient) -> Record:
        service, own = connection.service("tasks"), {"session_id": session["session_id"], "$limit": 1}
        task: Record = (await service.find(own))["data"][0]
        return task

    return _follow(client, session, begin, earlier=MOST_EARLIER)


def _follow(client: Client, session: Record, begin: Begin, *, earlier: int = 0) -> int:
    from agor_cli.follow.following import follow  # asyncio, for those who wait

    outcome = follow(live(client), session["session_id"], begin, earlier=earlier)
    if wants_json():
        show_json({"session": session, "task": outcome.task, "answer": _answer(client, outcome.task)})
    else:
        _say_outcome(session, outcome)
    return 0 if outcome.is_detached or outcome.task is None or outcome.task["status"] == "completed" else FAILED


def _answer(client: Client, task: Record | None) -> str | None:
    """The last thing the agent said in this task."""
    if task is None:
        return None
    query = {"task_id": task["task_id"], "role": "assistant", "$sort": {"index": -1}, "$limit": MOST_EARLIER}
    for message in client.service("messages").find(query)["data"]:
        if not message.get("parent_tool_use_id"):  # a sub-agent's answer is not ours
            content = message["content"]
            return content if isinstance(content, str) else "".join(block.get("text") or "" for block in content)
    return None


def _say_sent(session: Record, task: Record | None) -> None:
    id = short_id(session, "session_id")
    waiting = task is not None and task["status"] == "created"
    say(f"{'Queued' if waiting else 'Started'} in session {id}")
    next_steps((f"agor session watch {id}", "watch it"), (f"agor session stop {id}", "stop it"))


def _say_outcome(session: Record, outcome: Outcome) -> None:
    id, task = short_id(session, "session_id"), outcome.task
    if outcome.is_detached or task is None:
        say(f"Session {id} goes on without this terminal")
        next_steps((f"agor session watch {id}", "watch again"), (f"agor session stop {id}", "stop it"))
        return
    style = {"completed": "green", "stopped": "yellow"}.get(task["status"], "red")
    say(f"\n{ended_words(task)} · session {id}", style)
    error = task.get("error") or {}
    if task["status"] == "failed":
        click.echo(f"agor: {error.get('kind', 'failed')}: {one_line(clean(error.get('message', '')))}", err=True)
    if wait := wait_words(error.get("retry_at")):
        say(f"The session {wait}", "yellow")
    go_on = (f'agor session prompt {id} "…"', "go on")
    if error.get("reason") == "history_lost":
        go_on = (f"agor session resume {id} --from-history", "tell it what is stored")
    next_steps(go_on, (f"agor session show {id}", "look at it"))
