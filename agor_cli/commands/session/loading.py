"""`agor session load-claude`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from agor_cli.connection import connected
from agor_cli.groups import Command, wants_json
from agor_cli.output import console, next_steps, one_line, say, show_json
from agor_cli.resolve import board_of
from agor_cli.since import Since
from agor_cli.words import short_id, title_of
from agor_core.errors import Conflict, Forbidden, NotAuthenticated, ServiceError, Unavailable

if TYPE_CHECKING:
    from agor_core.client import Client, Record

FAILED = 1
# In the terminal; with --json there are all.
MOST_SKIPPED_SHOWN = 10


@click.command(
    "load-claude",
    cls=Command,
    examples=[
        "session load-claude 5e1f2a3b-1111-4222-8333-444455556666",
        "session load-claude ~/.claude/projects/-home-me-shop/5e1f….jsonl",
        "session load-claude --since 7d",
        "session load-claude --all --board imported",
    ],
)
@click.argument("transcripts", nargs=-1, metavar="[TRANSCRIPT]...")
@click.option("--all", "takes_all", is_flag=True, help="All conversations of Claude Code on the daemon's machine.")
@click.option("--since", type=Since(), help="Those that changed since then: 7d, 12h, 2w, or a date.")
@click.option("--board", help="The board their cards are on.")
def load_claude(transcripts: tuple[str, ...], takes_all: bool, since: str | None, board: str | None) -> int:
    """Import conversations of Claude Code: by the path of a transcript, by id, or all there are.

    They can then be read, searched, continued and forked. Importing again adds only what is new. The daemon reads the
    files, so they have to be on its machine, where CLAUDE_CONFIG_DIR or ~/.claude of its environment says.
    """
    if bool(transcripts) == bool(takes_all or since):
        raise click.UsageError("name transcripts, or choose them with --all or --since")
    with connected() as client:
        board_id = board_of(client, board)["board_id"] if board else None
        wanted = _named(transcripts) if transcripts else _found(client, since)
        loaded = _load(client, wanted, board_id)
    if wants_json():
        show_json(loaded)
    elif not loaded:
        say("No conversations of Claude Code" + (f" since {since}" if since else "") + " on the daemon's machine.")
    else:
        _sum_up(loaded)
    return FAILED if any(one["outcome"] == "failed" for one in loaded) else 0


def _named(transcripts: Iterable[str]) -> list[Record]:
    """Each as `{path}` or `{uuid}`."""
    paths = [(text, Path(text).expanduser()) for text in transcripts]
    return [
        {"path": str(path.resolve())} if path.suffix == ".jsonl" or path.exists() else {"uuid": text}
        for text, path in paths
    ]


def _found(client: Client, since: str | None) -> list[Record]:
    found: list[Record] = client.service("transcripts").find({"since": since} if since else {})
    return found


def _load(client: Client, wanted: list[Record], board_id: str | None) -> list[Record]:
    """Per transcript `{transcript, outcome, session_id, title, messages, tasks, skipped, error}`, and each said."""
    loaded: list[Record] = []
    with _progress(len(wanted)) as advance:
        for one in wanted:
            loaded.append(_load_one(client, one, board_id))
            if not wants_json():
                _say_one(loaded[-1])
            advance()
    return loaded


def _load_one(client: Client, one: Record, board_id: str | None) -> Record:
    name = "path" if "path" in one else "uuid"
    told: Record = {"transcript": one[name]}
    request = {name: one[name], **({"board_id": board_id} if board_id is not None else {})}
    try:
        session = client.service("sessions").call("import", None, request)
    except (Unavailable, NotAuthenticated, Forbidden):
        raise  # as it would be with all the others
    except ServiceError as error:
        # A file without any talk, or a session that runs now, is no reason to leave out the others.
        data = error.data if isinstance(error.data, dict) else {}
        is_empty = data.get("reason") == "no-conversation" and "size_bytes" in one
        outcome = "empty" if is_empty else "busy" if isinstance(error, Conflict) else "failed"
        return {**told, "outcome": outcome, "error": error.message, "skipped": data.get("skipped", [])}
    ids = {"session_id": session["session_id"], "short_id": short_id(session, "session_id")}
    return {**told, **ids, "title": title_of(session), **session["imported"]}


def _say_one(loaded: Record) -> None:
    outcome = loaded["outcome"]
    match outcome:
        case "new":
            say(f"new        {loaded['short_id']}  {one_line(loaded['title'])}  ({_counts(loaded)})", "green")
        case "added":
            say(f"added      {loaded['short_id']}  {one_line(loaded['title'])}  (+{_counts(loaded)})", "cyan")
        case "unchanged":
            say(f"unchanged  {loaded['short_id']}  {one_line(loaded['title'])}", "dim")
        case "empty":
            say(f"empty      {loaded['transcript']}", "dim")
        case _:
            transcript, error = one_line(loaded["transcript"]), one_line(loaded["error"])
            click.echo(f"agor: {error}" if transcript in error else f"agor: {transcript}: {error}", err=True)
    for skipped in loaded["skipped"][:MOST_SKIPPED_SHOWN]:
        where = f"line {skipped['line']}" if skipped["line"] is not None else "…"
        say(f"           {where} skipped: {one_line(skipped['why'])}", "yellow")
    if (more := len(loaded["skipped"]) - MOST_SKIPPED_SHOWN) > 0:
        say(f"           … and {more} more; --json has them all", "yellow")


def _sum_up(loaded: list[Record]) -> None:
    if len(loaded) > 1:
        outcomes = ("new", "added", "unchanged", "empty", "busy", "failed")
        counts = {outcome: sum(one["outcome"] == outcome for one in loaded) for outcome in outcomes}
        skipped = sum(len(one["skipped"]) for one in loaded if one["outcome"] != "empty")
        said = ", ".join(f"{count} {outcome}" for outcome, count in counts.items() if count)
        say(f"{len(loaded)} conversations: {said}" + (f"; {_many(skipped, 'line')} skipped" if skipped else ""))
    ids = [one["short_id"] for one in loaded if one["outcome"] in ("new", "added", "unchanged")]
    if ids:
        id = ids[0]
        next_steps((f"agor message list {id}", "read it"), (f'agor session prompt {id} "…"', "go on with it"))


def _counts(loaded: Record) -> str:
    return f"{_many(loaded['messages'], 'message')}, {_many(loaded['tasks'], 'prompt')}"


def _many(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


@contextmanager
def _progress(files: int) -> Iterator[Callable[[], None]]:
    """Show how far it is, where somebody looks: call what is given for each file that is done."""
    if not sys.stdout.isatty() or wants_json() or not files:
        yield lambda: None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("Importing"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console(), transient=True) as progress:
        bar = progress.add_task("Importing", total=files)
        yield lambda: progress.advance(bar)
