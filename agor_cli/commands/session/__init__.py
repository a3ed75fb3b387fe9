"""`agor session`: start agents, talk to them, and look at the tree that grows."""

from __future__ import annotations

import click

from agor_cli.groups import LazyGroup

_HERE = "agor_cli.commands.session"

COMMANDS: dict[str, tuple[str, str, str]] = {
    "start": (f"{_HERE}.talking", "start", "Start an agent with a prompt, and watch it work."),
    "prompt": (f"{_HERE}.talking", "prompt", "Go on with a session."),
    "resume": (f"{_HERE}.resuming", "resume", "Go on with what was interrupted, failed or stopped."),
    "fork": (f"{_HERE}.branching", "fork", "Branch off a conversation: the fork remembers it."),
    "spawn": (f"{_HERE}.branching", "spawn", "Give a part of the work to a child with a fresh context."),
    "list": (f"{_HERE}.looking", "list_sessions", "List sessions, newest first."),
    "show": (f"{_HERE}.looking", "show_session", "Show one session and its last prompts."),
    "tree": (f"{_HERE}.looking", "tree", "Show where a session comes from and what came of it."),
    "watch": (f"{_HERE}.watching", "watch", "Watch a session live."),
    "queue": (f"{_HERE}.steering", "queue", "Show, reorder or resume the prompts that wait."),
    "stop": (f"{_HERE}.steering", "stop", "Stop what runs."),
    "archive": (f"{_HERE}.steering", "archive", "Hide a session from lists, or bring it back."),
    "rm": (f"{_HERE}.steering", "remove", "Delete a session and all that was said in it."),
    "load-claude": (f"{_HERE}.loading", "load_claude", "Import a Claude Code conversation."),
}


@click.group(cls=LazyGroup, commands_in=COMMANDS)
def session() -> None:
    """Start agents, talk to them; fork, spawn, watch."""
