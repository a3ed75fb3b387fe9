"""What a person calls a board, a repo or a worktree, looked up: path, slug, `slug:worktree`, name, or short id."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from agor_cli.connection import data_of
from agor_core.errors import BadRequest, Conflict, NotFound
from agor_core.ids import prefix_of

if TYPE_CHECKING:
    from agor_core.client import Client, Record

MOST = 1000


def repo_of(client: Client, text: str) -> Record:
    """The registered repo that `text` means: a folder in it, its slug, `slug:worktree`, or its id."""
    if is_path(text):
        return _repo_at(client, Path(text).expanduser().resolve())
    if ":" in text:
        repo: Record = client.service("repos").get(worktree_of(client, text)["repo_id"])
        return repo
    try:
        found: Record = client.service("repos").get(text)
    except NotFound:
        if Path(text).is_dir():
            return _repo_at(client, Path(text).resolve())
        raise NotFound(f"no repo {text!r}; `agor repo list` shows them, `agor repo add <path>` adds one") from None
    return found


def board_of(client: Client, text: str) -> Record:
    """The board that `text` means: its slug, id or name."""
    try:
        board: Record = client.service("boards").get(text)
    except NotFound:
        named = client.service("boards").find({"name": text, "$limit": 1})["data"]
        if not named:
            raise NotFound(f"no board {text!r}; `agor board list` shows them") from None
        board = named[0]
    return board


def worktree_of(client: Client, text: str) -> Record:
    """The worktree that `text` means: `slug:name`, a path in it, a name that only one has, or its id."""
    if is_path(text):
        here = Path(text).expanduser().resolve()
        if (found := worktree_containing(client, here)) is None:
            raise NotFound(f"{here} is in no worktree; `agor worktree list` shows them")
        return found
    repo, separator, name = text.partition(":")
    query = {"repo_id": repo_of(client, repo)["repo_id"], "name": name} if separator else {"name": text}
    named = data_of(client.service("worktrees").find({**query, "$limit": MOST}))
    if len(named) > 1 and (at := _repo_here(client)) is not None:
        named = [one for one in named if one["repo_id"] == at["repo_id"]] or named
    if len(named) == 1:
        return named[0]
    if named:
        raise Conflict(f"{text!r} is a worktree of {len(named)} repos; say which one: `<slug>:{text}`")
    if not separator and prefix_of(text) is not None:
        by_id: Record = client.service("worktrees").get(text)
        return by_id
    raise NotFound(f"no worktree {text!r}; `agor worktree list` shows them")


def worktree_named(client: Client, repo: Record, name: str) -> Record | None:
    """The worktree of that name, unless it was removed."""
    found = data_of(client.service("worktrees").find({"repo_id": repo["repo_id"], "name": name, "$limit": 1}))
    return found[0] if found and found[0].get("status") != "removed" else None


def worktree_containing(client: Client, folder: Path) -> Record | None:
    """The known worktree that `folder`, a resolved path, lies in; the innermost if several do."""
    query = {"status": {"$ne": "removed"}, "$limit": MOST}
    around = [one for one in data_of(client.service("worktrees").find(query)) if _within(folder, one.get("path"))]
    return max(around, key=lambda one: len(one["path"]), default=None)


def is_path(text: str) -> bool:
    """Whether `text` is spelled as a path, so that it is never taken for a slug."""
    if not text:
        raise BadRequest("a name is missing")
    return text in (".", "..") or text.startswith(("/", "./", "../", "~"))


def top_of(folder: Path) -> Path | None:
    """The top folder of the git checkout that `folder` lies in."""
    return next((one for one in (folder, *folder.parents) if (one / ".git").exists()), None)


def _repo_here(client: Client) -> Record | None:
    try:
        return _repo_at(client, Path.cwd())
    except NotFound:
        return None


def _repo_at(client: Client, folder: Path) -> Record:
    """The repo that `folder` lies in, by its own checkout or by one of its worktrees."""
    if not folder.is_dir():
        raise NotFound(f"there is no folder {folder}")
    top = top_of(folder)
    for repo in data_of(client.service("repos").find({"$limit": MOST})):
        # Its own checkout or, for a bare one, the folder itself; not a checkout nested in another one.
        if not repo.get("managed_by_agor") and Path(repo["local_path"]).resolve() in (top, folder):
            return repo
    worktree = worktree_containing(client, folder)
    if worktree is not None:
        found: Record = client.service("repos").get(worktree["repo_id"])
        return found
    if top is None:
        raise NotFound(f"{folder} is not in a git repository; `git init` makes one")
    raise NotFound(f"{top} is not known yet; add it with `agor repo add {'.' if top == Path.cwd() else top}`")


def _within(folder: Path, top: object) -> bool:
    return isinstance(top, str) and bool(top) and folder.is_relative_to(Path(top).resolve())
