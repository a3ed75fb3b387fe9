"""`agor worktree`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from agor_cli.connection import connected
from agor_cli.groups import Command, Group, wants_json
from agor_cli.natural import natural
from agor_cli.output import (
    clean,
    confirm,
    facts,
    next_steps,
    one_line,
    page_through,
    paged,
    say,
    show,
    show_json,
    table,
)
from agor_cli.resolve import repo_of, worktree_of
from agor_cli.words import ago, count, reference, short_id
from agor_core.errors import Conflict, NotFound

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rich.console import RenderableType

    from agor_core.client import Client, Record

SHOWN_FILES = 5
DIFF_PAGE = 100
SHOWN_TASKS = 5


@click.group(cls=Group)
def worktree() -> None:
    """Make worktrees, look into them, remove them safely.

    A WORKTREE is named by its name, by `slug:name`, by a folder in it, or by its id.
    """


@click.command(
    "add",
    cls=Command,
    examples=["worktree add shop fix-login", "worktree add . hotfix --from v1.2", "repo worktree add shop feat-auth"],
)
@click.argument("repo")
@click.argument("name")
@click.option("--branch", help="The branch, if not its name. One that exists is checked out.")
@click.option(
    "--from", "ref", metavar="REF", help="Where a new branch starts. Default: the remote's default branch, or HEAD."
)
@click.option("--notes", help="What it is for.")
def add_worktree(repo: str, name: str, branch: str | None, ref: str | None, notes: str | None) -> None:
    """Make the worktree NAME of REPO, on a new branch of that name."""
    with connected() as client:
        found = repo_of(client, repo)
        wanted = {"name": name, "branch": branch, "ref": ref, "notes": notes}
        given = {key: value for key, value in wanted.items() if value is not None}
        made = client.service("worktrees").create({"repo_id": found["repo_id"], **given})
    show(made, lambda: f"Made {found['slug']}:{name} on branch {made['ref']}, in {made['path']}")
    if made.get("notes") and made["notes"] != notes:
        say(one_line(made["notes"]), "yellow")
    next_steps((f'agor session start --repo {found["slug"]}:{name} "…"', "an agent in it"))


worktree.add_command(add_worktree)


@worktree.command("list", examples=["worktree list", "worktree list --repo shop", "worktree list --json"])
@click.option("--repo", help="Only those of this repo.")
@click.option("--removed", is_flag=True, help="Those that were removed.")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 1000), help="How many.")
def list_worktrees(repo: str | None, removed: bool, limit: int) -> None:
    """List worktrees by repo and name; those that were removed, newest first.

    If there are more than --limit, it is the newest.
    """
    with connected() as client:
        query: dict[str, Any] = {"status": "removed" if removed else {"$ne": "removed"}, "$limit": limit}
        if repo:
            query["repo_id"] = repo_of(client, repo)["repo_id"]
        page = client.service("worktrees").find(query)
        repos = client.service("repos").find({"$limit": 1000})["data"]
    slugs = {one["repo_id"]: one["slug"] for one in repos}
    if not removed:
        page["data"].sort(key=lambda one: (natural(slugs.get(one["repo_id"], "")), natural(one["name"])))
    none_yet = "No worktrees. `agor worktree add <repo> <name>` makes one."
    show(page, lambda: _table(page, slugs, empty="No worktree was removed." if removed else none_yet))


@worktree.command("show", examples=["worktree show fix-login", "worktree show shop:fix-login"])
@click.argument("worktree")
def show_worktree(worktree: str) -> None:
    """Show one WORKTREE."""
    with connected() as client:
        found = client.service("worktrees").get(worktree_of(client, worktree)["worktree_id"])
    show(found, lambda: _page(found))


@worktree.command("status", examples=["worktree status fix-login", "worktree status ."])
@click.argument("worktree")
def show_status(worktree: str) -> None:
    """Show what git says of WORKTREE: its branch, and the files that changed."""
    with connected() as client:
        id = worktree_of(client, worktree)["worktree_id"]
        found = client.service("worktrees").read("status", id)
    show(found, lambda: _status(found))


@worktree.command(
    "diff", examples=["worktree diff fix-login", "worktree diff fix-login --against main --path src/login.py"]
)
@click.argument("worktree")
@click.option("--against", metavar="REF", help="Compare with this. Default: where the worktree began.")
@click.option("--path", help="Only this file.")
@click.option("--staged", is_flag=True, help="Only what is staged, compared with the last commit.")
@click.option("--stat", is_flag=True, help="Only the files and how many lines.")
def diff(worktree: str, against: str | None, path: str | None, staged: bool, stat: bool) -> None:
    """Show how WORKTREE differs from where it began."""
    wanted = {"against": against or ("HEAD" if staged else None), "path": path, "staged": staged or None}
    query = {name: value for name, value in wanted.items() if value}
    with connected() as client:
        id = worktree_of(client, worktree)["worktree_id"]
        found = _all_of_diff(client, id, query)
    if wants_json():
        show_json(found)
    elif not found["files"]:
        say("No differences.", "dim")
    elif stat:
        _show_stat(found)
    else:
        page_through("".join(_patches(found)))


@worktree.command(
    "rm",
    examples=["worktree rm fix-login", "worktree rm shop:fix-login --force", "worktree rm fix-login --delete-branch"],
)
@click.argument("worktree")
@click.option("--force", is_flag=True, help="Also with work that is not committed: it is snapshotted first.")
@click.option("--delete-branch", is_flag=True, help="Delete its branch too; it must be merged or pushed, or --force.")
def remove(worktree: str, force: bool, delete_branch: bool) -> None:
    """Remove the folder of WORKTREE. Its branch stays; work that is not committed is never lost."""
    query = {"branch": "delete"} if delete_branch else {}
    with connected() as client:
        found = worktree_of(client, worktree)
        service = client.service("worktrees")
        try:
            removed = service.remove(found["worktree_id"], query)
        except Conflict as error:
            data = error.data if isinstance(error.data, dict) else {}
            if not data.get("token"):
                raise
            if not force:
                lost = _in_words(data.get("report") or {})
                option = " --delete-branch" if delete_branch else ""
                way = f"`agor worktree rm {worktree}{option} --force` snapshots that and removes it"
                raise Conflict(f"{error.message}{f' ({lost})' if lost else ''}; {way}", data=data) from error
            removed = service.remove(found["worktree_id"], {**query, "force": data["token"]})
    branch = f", and its branch {removed['ref']}" if delete_branch else ""
    show(removed, lambda: f"Removed {found['name']} ({found['path']}){branch}")
    say(f"  agor worktree restore {worktree}   bring it back, with what was not committed", "dim")


@worktree.command(
    "restore", examples=["worktree restore fix-login", "worktree restore demo:fix-login --snapshot 0199a1b2c3d4"]
)
@click.argument("worktree")
@click.option("--snapshot", help="Which snapshot to bring back. Default: the one taken when it was removed.")
def restore(worktree: str, snapshot: str | None) -> None:
    """Bring a removed WORKTREE back, with what was not committed in it."""
    with connected() as client:
        found = worktree_of(client, worktree)
        data = {"snapshot_id": _snapshot_of(client, found, snapshot)["snapshot_id"]} if snapshot is not None else {}
        restored: Record = client.service("worktrees").call("restore", found["worktree_id"], data)
    show(restored, lambda: f"Restored {restored['name']} on branch {restored['ref']}, in {restored['path']}")


@worktree.command(
    "snapshots",
    examples=[
        "worktree snapshots fix-login",
        "worktree snapshots shop:fix-login --json",
        "worktree snapshots fix-login --drop 0199a1b2c3d4",
    ],
)
@click.argument("worktree")
@click.option("--drop", metavar="ID", help="Forget this one for good: nothing else ends a snapshot.")
@click.option("--force", is_flag=True, help="Also one that restoring a removed worktree, or a task's diff, needs.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def list_snapshots(worktree: str, drop: str | None, force: bool, yes: bool) -> None:
    """List what was saved of WORKTREE, newest first. `restore --snapshot` brings one back."""
    if drop is None and (force or yes):
        raise click.UsageError("--force and --yes go with --drop")
    with connected() as client:
        found_worktree = worktree_of(client, worktree)
        if drop is not None:
            saved = _snapshot_of(client, found_worktree, drop)
            _drop_snapshot(client, found_worktree, saved, force=force, yes=yes)
            return
        found = client.service("worktrees").read("snapshots", found_worktree["worktree_id"])
    columns = ("snapshot", "saved", "why", "branch")
    rows = [(one["snapshot_id"], ago(one["created_at"]), one["reason"], one.get("branch") or "") for one in found]
    show(found, lambda: table(columns, rows, empty="No snapshots: nothing uncommitted was ever taken away."))


def _snapshot_of(client: Client, worktree: Record, text: str) -> Record:
    """The one snapshot of a worktree whose id begins with `text`. Raises NotFound, or Conflict."""
    known: list[Record] = client.service("worktrees").read("snapshots", worktree["worktree_id"])
    digits = text.rstrip("…").replace("-", "").lower()
    found = [one for one in known if digits and one["snapshot_id"].replace("-", "").startswith(digits)]
    if len(found) == 1:
        return found[0]
    name = worktree["name"]
    if found:
        raise Conflict(f"{len(found)} snapshots of {name} begin like {text}; type more digits")
    raise NotFound(f"worktree {name!r} has no snapshot {text}; `agor worktree snapshots {name}` shows what there is")


def _drop_snapshot(client: Client, of: Record, one: Record, *, force: bool, yes: bool) -> None:
    id = one["snapshot_id"]
    if not yes:
        what = f"the snapshot of {of['name']} from {ago(one['created_at'])} ({one['reason']})"
        confirm(f"Forget {what}? What only it has is gone for good.")
    query = {"force": "true"} if force else {}
    try:
        dropped = client.service(f"worktrees/{of['worktree_id']}/snapshots").remove(id, query)
    except Conflict as error:
        tasks = error.data.get("tasks") if isinstance(error.data, dict) else None
        named = [one_line(task["description"]) or reference(task["task_id"]) for task in tasks or ()]
        which = f" (task: {', task: '.join(named[:SHOWN_TASKS])})" if named else ""
        message = error.message.replace("`force`", "--force")
        raise Conflict(f"{message}{which}", data=error.data) from error
    show(dropped, lambda: f"Dropped the snapshot {id} of {of['name']}")


@worktree.command("cd", examples=["worktree cd fix-login", 'cd "$(agor worktree cd fix-login)"'])
@click.argument("worktree")
def folder(worktree: str) -> None:
    """Print the folder of WORKTREE, for your shell to go to."""
    with connected() as client:
        found = worktree_of(client, worktree)
    if wants_json():
        show_json({"path": found["path"]})
    else:
        click.echo(found["path"])


def _all_of_diff(client: Client, id: str, query: Mapping[str, Any]) -> Record:
    """Every page of a diff as one."""
    service = client.service("worktrees")
    found: Record = service.read("diff", id, {**query, "$limit": DIFF_PAGE})
    while len(found["files"]) < found["total"]:
        more = service.read("diff", id, {**query, "$limit": DIFF_PAGE, "$skip": len(found["files"])})
        if not more["files"]:
            break
        found["files"] += more["files"]
    return found


def _table(page: Record, slugs: Mapping[str, str], *, empty: str) -> RenderableType:
    columns = ("name", "status", "id", "branch", "state", "where", "used")
    rows = (
        (
            f"{slugs.get(one['repo_id'], '?')}:{one['name']}",
            one["status"],
            short_id(one, "worktree_id"),
            one.get("ref") or "",
            _state(one),
            one["path"],
            ago(one.get("last_used") or one.get("last_updated")),
        )
        for one in page["data"]
    )
    return table(columns, rows, empty=empty, footer=paged(page))


def _state(one: Record) -> str:
    """`changed, 2 ahead, 1 behind`; empty for one that is not there."""
    if one.get("status", "ready") != "ready":
        return ""
    parts = ["changed" if one.get("dirty") else ""]
    parts += [f"{one[way]} {way}" if one.get(way) else "" for way in ("ahead", "behind")]
    return ", ".join(part for part in parts if part) or "clean"


def _page(one: Record) -> RenderableType:
    names = (
        "path",
        "ref",
        "base_ref",
        "base_sha",
        "last_commit_sha",
        "tracking_branch",
        "notes",
        "issue_url",
        "pull_request_url",
    )
    return facts(
        {
            "worktree": one["worktree_id"],
            "name": one["name"],
            "status": one["status"],
            "state": _state(one),
            "made by": "Agor" if one.get("managed_by_agor") else "plain git",
            **{name.replace("_", " "): one.get(name) for name in names},
            "sessions": ", ".join(str(id).replace("-", "")[:12] for id in one.get("sessions") or []),
            "made": ago(one.get("created_at")),
        }
    )


def _status(found: Record) -> RenderableType:
    from rich.console import Group as Lines
    from rich.text import Text

    head = f"On {found.get('branch') or 'no branch'}: {_state(found)}"
    rows = (
        (file["path"], file.get("kind") or "", file.get("staged") or "", file.get("unstaged") or "")
        for file in found.get("files", [])
    )
    return Lines(Text(head), table(("file", "change", "staged", "unstaged"), rows, empty="Nothing to commit."))


def _patches(found: Record) -> list[str]:
    """The patches as git prints them, so that a pager made for diffs knows them; a line for what has none."""
    colors = {"+": "green", "-": "red", "@": "cyan"}
    lines: list[str] = []
    for file in found["files"]:
        patch = file.get("patch")
        if not patch:
            why = file.get("omitted") or ("binary" if file.get("binary") else "no change of content")
            lines.append(click.style(f"{file['status']} {one_line(file['path'])} ({why})", bold=True) + "\n")
            continue
        is_head = True
        for line in clean(patch).splitlines():
            is_head = is_head and not line.startswith("@@")
            style: dict[str, Any] = {"bold": True} if is_head else {"fg": colors.get(line[:1])}
            lines.append(click.style(line, **style) + "\n")
    return lines


def _show_stat(found: Record) -> None:
    for file in found["files"]:
        click.echo(f"{clean(file['path'])}  +{file.get('insertions') or 0} -{file.get('deletions') or 0}")


def _in_words(report: Mapping[str, Any]) -> str:
    """What is in a worktree and in no commit that stays."""
    parts: list[str] = []
    for kind in ("changed", "untracked", "nested"):
        names = [one_line(name) for name in report.get(kind) or []]
        more = ", …" if len(names) > SHOWN_FILES else ""
        if names:
            number = report.get(f"{kind}_count") or len(names)
            parts.append(f"{number} {kind}: {', '.join(names[:SHOWN_FILES])}{more}")
    if report.get("detached_commits"):
        parts.append(f"{count(report['detached_commits'], 'commit')} on no branch")
    if report.get("operation"):
        parts.append(f"a {one_line(report['operation'])} under way")
    return "; ".join(parts)
