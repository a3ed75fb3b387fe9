"""`agor session start` and `prompt`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from agor_cli.commands.session.running import (
    PERMISSION_MODES,
    check_agent,
    given,
    prompt_data,
    run_prompt,
    text_of,
    tool_options,
)
from agor_cli.connection import connected
from agor_cli.groups import Command, wants_json
from agor_cli.output import next_steps, one_line, say, show_json
from agor_cli.resolve import board_of, is_path, repo_of, worktree_containing, worktree_named
from agor_cli.words import short_id
from agor_core.errors import BadRequest

if TYPE_CHECKING:
    from agor_core.client import Client, Record

DEFAULT_AGENT = "claude-code"


@click.command(
    "start",
    cls=Command,
    examples=[
        'session start --worktree try-it --agent scripted "add a README"',
        'session start --repo ~/src/shop --worktree fix-login "make the login test pass"',
        'session start --repo shop:fix-login --permission-mode plan "how would you do it?"',
        "git diff | agor session start -",
    ],
)
@click.argument("prompt", nargs=-1)
@click.option(
    "--repo",
    metavar="PATH|SLUG",
    help="The repo to work in: a folder, a slug, slug:worktree, or slug:./folder. Default: the folder you are in.",
)
@click.option("--worktree", metavar="NAME", help="Work in this worktree; made on a new branch if there is none.")
@click.option("--branch", help="The branch of a new worktree, if not its name.")
@click.option("--from", "ref", metavar="REF", help="Where a new worktree's branch starts.")
@click.option("--agent", default=DEFAULT_AGENT, show_default=True, help="Which agent; `agor agent list` shows them.")
@click.option("--model", help="The model it uses.")
@click.option(
    "--permission-mode",
    type=click.Choice(PERMISSION_MODES),
    help="What it may do without asking. Default: acceptEdits.",
)
@tool_options
@click.option("--board", help="The board its card is on: name, slug or id.")
@click.option("--title", help="What to call the session.")
@click.option("--private", is_flag=True, help="Show it to nobody else but admins.")
@click.option("--no-wait", is_flag=True, help="Return at once and let it work.")
def start(
    prompt: tuple[str, ...],
    repo: str | None,
    worktree: str | None,
    branch: str | None,
    ref: str | None,
    agent: str,
    model: str | None,
    permission_mode: str | None,
    thinking: int | None,
    allowed: tuple[str, ...],
    denied: tuple[str, ...],
    board: str | None,
    title: str | None,
    private: bool,
    no_wait: bool,
) -> int:
    """Start an agent with a PROMPT, and watch it work.

    Without --worktree it works in the folder itself. Without a PROMPT it waits for the first one. Ctrl-C lets the agent
    work on; a second one stops it.
    """
    text = text_of(prompt)
    with connected() as client:
        check_agent(client, agent)
        board_id = board_of(client, board)["board_id"] if board else None
        place = _place(client, repo, worktree, branch, ref)
        options: dict[str, Any] = {
            "board_id": board_id,
            "title": title,
            "description": text.splitlines()[0][:120] if text else None,
            "model_config": given(model=model, thinking_tokens=thinking) or None,
            "permission_config": given(mode=permission_mode, allowed_tools=allowed, denied_tools=denied) or None,
            "sharing": "private" if private else None,
        }
        session = client.service("sessions").create({"agent": agent, **place, **given(**options)})
        if text is None:
            _say_created(session)
            return 0
        say(f"Session {short_id(session, 'session_id')} · {agent}", "dim")
        return run_prompt(client, session, prompt_data(text), waits=not no_wait)


@click.command(
    "prompt",
    cls=Command,
    examples=[
        'session prompt 0199a1b2 "now the tests"',
        'session prompt 0199a1b2 --no-wait "and then the docs"',
        'session prompt 0199a1b2 --allow "Bash(npm test:*)" --deny WebFetch "run the tests"',
        "session prompt 0199a1b2 - < prompt.md",
    ],
)
@click.argument("session")
@click.argument("prompt", nargs=-1, required=True)
@click.option("--model", help="The model for this prompt.")
@click.option(
    "--permission-mode", type=click.Choice(PERMISSION_MODES), help="What it may do without asking, for this prompt."
)
@tool_options
@click.option(
    "--from-history",
    is_flag=True,
    help="Tell the agent what Agor has stored of the conversation; for when its own memory of it is gone.",
)
@click.option("--no-wait", is_flag=True, help="Return at once and let it work.")
def prompt(
    session: str,
    prompt: tuple[str, ...],
    model: str | None,
    permission_mode: str | None,
    thinking: int | None,
    allowed: tuple[str, ...],
    denied: tuple[str, ...],
    from_history: bool,
    no_wait: bool,
) -> int:
    """Go on with SESSION: send it a PROMPT, and watch it work. While it is busy, prompts wait their turn."""
    text = text_of(prompt)
    if text is None:
        raise BadRequest("the prompt is empty")
    with connected() as client:
        found = client.service("sessions").get(session)
        data = prompt_data(
            text,
            model=model,
            permission_mode=permission_mode,
            thinking_tokens=thinking,
            allowed_tools=allowed,
            denied_tools=denied,
            from_history=from_history,
        )
        return run_prompt(client, found, data, waits=not no_wait)


def _place(
    client: Client, repo: str | None, worktree: str | None, branch: str | None, ref: str | None
) -> dict[str, str]:
    """Where the session works: `{worktree_id}`, or `{cwd}`. Makes the worktree if there is none of that name."""
    where = repo or "."
    if ":" in where and not where.startswith((".", "/", "~")):
        where, _, named = where.partition(":")
        if named.startswith("./"):  # a folder of the repository's own, as lists show it
            where = str(Path(repo_of(client, where)["local_path"], named))
        else:
            worktree = worktree or named
    if worktree is None:
        if branch or ref:
            raise BadRequest("--branch and --from are for a new worktree; give it a name with --worktree")
        return _in_place(client, where)
    found = repo_of(client, where)
    existing = worktree_named(client, found, worktree)
    if existing is None:
        wanted = {"repo_id": found["repo_id"], "name": worktree, "branch": branch, "ref": ref}
        existing = client.service("worktrees").create(
            {key: value for key, value in wanted.items() if value is not None}
        )
        say(f"Worktree {found['slug']}:{worktree} on branch {existing['ref']}, in {existing['path']}", "dim")
        if existing.get("notes"):
            say(one_line(existing["notes"]), "yellow")
    elif branch or ref:
        raise BadRequest(f"there is a worktree {worktree!r} already; --branch and --from are for a new one")
    return {"worktree_id": existing["worktree_id"]}


def _in_place(client: Client, where: str) -> dict[str, str]:
    """Work where `where` is: in the worktree that has it, in that folder, or at the top of the repo of that name."""
    folder = Path(where).expanduser().resolve()
    if is_path(where) and (containing := worktree_containing(client, folder)) is not None:
        return {"worktree_id": containing["worktree_id"]}
    found = repo_of(client, where)
    if found.get("managed_by_agor"):
        raise BadRequest(f"{found['slug']} has no checkout of its own; say which worktree with --worktree")
    top = Path(found["local_path"])
    return {"cwd": str(folder if folder.is_dir() and folder.is_relative_to(top.resolve()) else top)}


def _say_created(session: Record) -> None:
    if wants_json():
        show_json({"session": session})
        return
    id = short_id(session, "session_id")
    say(f"Session {id} waits for its first prompt")
    next_steps((f'agor session prompt {id} "…"', "send it"))
    if not sys.stdin.isatty():
        say("(to read the prompt from standard input, give `-` as the prompt)", "dim")
