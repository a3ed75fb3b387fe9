"""`agor repo`."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import click

from agor_cli.commands.worktree import add_worktree
from agor_cli.connection import connected, data_of, live
from agor_cli.groups import Group, wants_json
from agor_cli.natural import natural
from agor_cli.output import confirm, facts, next_steps, one_line, paged, say, show, table
from agor_cli.progress import cloning_progress
from agor_cli.resolve import repo_of, top_of
from agor_cli.words import ago, short_id
from agor_core.errors import BadRequest, NotFound, Unavailable

if TYPE_CHECKING:
    from rich.console import RenderableType

    from agor_core.client import Client, Record

SHOWN_BRANCHES = 10
URL = re.compile(r"[a-z][a-z0-9+.-]*://|[^/\s@]+@[^/\s:]+:")


@click.group(cls=Group)
def repo() -> None:
    """Register git repositories."""


@repo.command(
    "add", examples=["repo add .", "repo add ~/src/shop --slug shop", "repo add https://github.com/me/shop.git"]
)
@click.argument("source")
@click.option("--slug", help="What to call it. Default: the name of the folder or URL.")
def add(source: str, slug: str | None) -> None:
    """Make a repository known: SOURCE is a folder, which stays as it is, or a URL, which is cloned."""
    given = {"slug": slug} if slug else {}
    with connected() as client:
        if URL.match(source):
            added = _cloned(client, client.service("repos").call("clone", None, {"url": source, **given}))
        else:
            added = client.service("repos").create({"local_path": str(_top(source)), **given})
    show(added, lambda: f"Added {added['slug']} ({added['local_path']})")
    if not wants_json():
        next_steps(
            (f'agor session start --repo {added["slug"]} --worktree try-it "…"', "an agent in a worktree of its own"),
            (f"agor repo worktree add {added['slug']} <name>", "just a worktree"),
        )


@repo.command("list", examples=["repo list", "repo list --json"])
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 1000), help="How many.")
def list_repos(limit: int) -> None:
    """List the registered repositories."""
    with connected() as client:
        page = client.service("repos").find({"$limit": limit})
    show(page, lambda: _table(page))


@repo.command("show", examples=["repo show shop", "repo show ."])
@click.argument("repo")
def show_repo(repo: str) -> None:
    """Show one REPO (a slug, a folder, or an id) and its worktrees."""
    with connected() as client:
        found = repo_of(client, repo)
        query = {"repo_id": found["repo_id"], "status": {"$ne": "removed"}, "$limit": 1000}
        worktrees = sorted(data_of(client.service("worktrees").find(query)), key=lambda one: natural(one["name"]))
    show({**found, "worktrees": worktrees}, lambda: _page(found, worktrees))


@repo.command("rm", examples=["repo rm shop"])
@click.argument("repo")
@click.option("--yes", is_flag=True, help="Do not ask.")
def remove(repo: str, yes: bool) -> None:
    """Forget REPO. A folder that was registered in place stays as it is; a clone goes if all of it is pushed."""
    if ":" in repo:
        raise BadRequest(f"{repo} names a worktree; `agor worktree rm {repo}` removes that, and only that")
    with connected() as client:
        found = repo_of(client, repo)
        if not yes:
            confirm(f"Forget {found['slug']} ({found['local_path']})?")
        removed = client.service("repos").remove(found["repo_id"])
    show(removed, lambda: f"Forgot {found['slug']}")


@repo.group("worktree", cls=Group)
def worktree() -> None:
    """Worktrees of a repo, in short."""


worktree.add_command(add_worktree)


def _top(source: str) -> Path:
    folder = Path(source).expanduser().resolve()
    if not folder.is_dir():
        raise NotFound(f"there is no folder {folder}; to clone, give a URL like https://… or git@host:…")
    if (folder / "HEAD").is_file():  # a bare repository
        return folder
    top = top_of(folder)
    if top is None:
        raise NotFound(f"{folder} is not in a git repository; `git init` makes one")
    return top


def _cloned(client: Client, cloning: Record) -> Record:
    """The repo once it is there. Raises Unavailable with the reason if it could not be cloned."""
    from agor_cli.follow.cloning import until_cloned  # asyncio, for this one

    say(f"cloning {cloning['slug']}… (Ctrl-C cancels)", "dim")
    try:
        connection = live(client)
        with cloning_progress() as tell:
            found = until_cloned(connection, cloning["repo_id"], tell)
    except KeyboardInterrupt:
        client.service("repos").remove(cloning["repo_id"])
        say(f"cancelled; nothing of {cloning['slug']} is left", "yellow")
        raise click.Abort from None
    if found is None:
        raise Unavailable(f"{cloning['slug']} was removed while it was cloned")
    if found["status"] == "failed":
        error = found.get("error")
        raise Unavailable(one_line(error.get("message") if isinstance(error, dict) else error))
    return found


def _table(page: Record) -> RenderableType:
    columns = ("slug", "status", "id", "branch", "where", "changed")
    rows = (
        (
            one["slug"],
            one["status"],
            short_id(one, "repo_id"),
            one.get("default_branch") or "",
            one["local_path"],
            ago(one.get("last_updated")),
        )
        for one in page["data"]
    )
    return table(columns, rows, empty="No repos. `agor repo add .` adds the one you are in.", footer=paged(page))


def _branches(branches: list[Record]) -> str:
    """`main, topic, origin/old and 12 more`."""
    names = [f"{one['remote']}/{one['name']}" if one.get("remote") else one["name"] for one in branches]
    more = f" and {len(names) - SHOWN_BRANCHES} more" if len(names) > SHOWN_BRANCHES else ""
    return ", ".join(names[:SHOWN_BRANCHES]) + more


def _page(one: Record, worktrees: list[Record]) -> RenderableType:
    from rich.console import Group as Lines
    from rich.text import Text

    about = facts(
        {
            "slug": one["slug"],
            "repo": one["repo_id"],
            "status": one["status"],
            "where": one["local_path"],
            "remote": one.get("remote_url"),
            "branch": one.get("default_branch"),
            "branches": _branches(one.get("branches") or []),
            "clone": "made by Agor" if one.get("managed_by_agor") else None,
            "error": one.get("error"),
        }
    )
    rows = (
        (tree["name"], tree["status"], short_id(tree, "worktree_id"), tree.get("ref") or "", tree["path"])
        for tree in worktrees
    )
    return Lines(about, Text(), table(("worktree", "status", "id", "branch", "where"), rows, empty="No worktrees."))
