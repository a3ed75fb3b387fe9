"""`agor search`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from agor_cli.connection import connected, data_of
from agor_cli.groups import Command, wants_json
from agor_cli.output import one_line, show, table
from agor_cli.resolve import board_of, repo_of
from agor_cli.since import Since
from agor_cli.words import ago, count, reference, short_id, title_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rich.console import RenderableType

    from agor_core.client import Client, Record

# Of a title, beside the passage.
TITLE_LENGTH = 40


# As in `agor_core.models.message`, which is not loaded for a command line.
ROLES = ("user", "assistant", "system")


@click.command(
    "search",
    cls=Command,
    examples=[
        "search login",
        "search \"race condition\" 'lock*'",
        "search login --repo shop --since 7d",
        "search login --agent codex --role assistant",
        "search login --session 0199a1b2 --json",
    ],
)
@click.argument("words", nargs=-1, required=True)
@click.option("--board", help="Only in sessions on this board.")
@click.option("--repo", help="Only in sessions in this repo, or a worktree of it.")
@click.option("--agent", help="Only in sessions of this agent.")
@click.option("--session", help="Only in this session.")
@click.option("--since", type=Since(), help="Only what was said, and sessions that changed, since then: 7d, or a date.")
@click.option("--role", type=click.Choice(ROLES), help="Only what was said in this role; no titles.")
@click.option(
    "--limit", default=20, show_default=True, type=click.IntRange(1, 1000), help="How many sessions and messages each."
)
def search(
    words: tuple[str, ...],
    board: str | None,
    repo: str | None,
    agent: str | None,
    session: str | None,
    since: str | None,
    role: str | None,
    limit: int,
) -> None:
    """Find sessions, and what was said in them, best first. All WORDS have to be there.

    Quoted words follow each other; `word*` is a beginning.
    """
    asked: Record = {"$search": " ".join(map(_term, words)), "$limit": limit}
    with connected() as client:
        where = _whereabouts(client, board, repo, agent)
        if session:
            asked["session_id"] = client.service("sessions").get(session)["session_id"]
        messages = client.service("messages").find(
            {
                **asked,
                **{f"session.{name}": value for name, value in where.items()},
                **({"timestamp": {"$gte": since}} if since else {}),
                **({"role": role} if role else {}),
            }
        )
        sessions: Record = {"total": 0, "limit": limit, "skip": 0, "data": []}
        if not role:  # nobody says a title
            changed = {"last_updated": {"$gte": since}} if since else {}
            sessions = client.service("sessions").find({**asked, **where, **changed})
        titles = _titles(client, messages) if not wants_json() else {}
    show({"sessions": sessions, "messages": messages}, lambda: _found(sessions, messages, titles, limit))


def _whereabouts(client: Client, board: str | None, repo: str | None, agent: str | None) -> Record:
    """The part of a query on sessions that says where these are, and whose. Raises NotFound for what there is not."""
    return {
        **({"board_id": board_of(client, board)["board_id"]} if board else {}),
        **({"repo.repo_id": repo_of(client, repo)["repo_id"]} if repo else {}),
        **({"agent": client.service("agents").get(agent)["name"]} if agent else {}),
    }


def _titles(client: Client, messages: Record) -> dict[str, str]:
    """What the sessions of messages are called, by their ids."""
    ids = sorted({one["session_id"] for one in messages["data"]})
    fields = ["session_id", "title", "description", "agent", "status"]
    query = {"session_id": {"$in": ids}, "$limit": len(ids), "$select": fields, "$total": False}
    homes = data_of(client.service("sessions").find(query)) if ids else []
    return {one["session_id"]: title_of(one) for one in homes}


def _found(sessions: Record, messages: Record, titles: Mapping[str, str], limit: int) -> RenderableType:
    rows = [
        *(
            (
                short_id(one, "session_id"),
                _short(title_of(one)),
                "title",
                _beyond(title_of(one), _passage(one["snippet"])),
                ago(one["last_updated"]),
            )
            for one in sessions["data"]
        ),
        *(
            (
                reference(one["session_id"]),
                _short(titles.get(one["session_id"], "")),
                one["role"],
                _passage(one["snippet"]),
                ago(one["timestamp"]),
            )
            for one in messages["data"]
        ),
    ]
    more = max(sessions["total"], messages["total"]) > limit
    found = f"{count(sessions['total'], 'session')} and {count(messages['total'], 'message')}"
    footer = f"of {found}; --limit shows more" if more else ""
    return table(("id", "session", "in", "found", "when"), rows, empty="Nothing was found.", footer=footer)


def _beyond(title: str, passage: str) -> str:
    """The passage, unless it says no more than the title does; a session's first prompt is often both."""
    return "" if passage.replace(one_line(title), "").strip() == "" else passage


def _short(title: str) -> str:
    shown = one_line(title)
    return shown if len(shown) <= TITLE_LENGTH else f"{shown[: TITLE_LENGTH - 1]}…"


def _term(word: str) -> str:
    """`word` as the service takes it: what the shell kept together stays together."""
    return f'"{word}"' if " " in word and '"' not in word else word


def _passage(snippet: Sequence[Record]) -> str:
    return one_line("".join(part["text"] for part in snippet))
