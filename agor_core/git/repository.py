"""What a repository is: where it lives, its branches and worktrees, where its remote's work begins."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path

import pygit2

from agor_core.errors import BadRequest, Conflict, GitRefused, NotFound
from agor_core.git.names import scrub_url
from agor_core.git.program import run_git

_HEADS = "refs/heads/"
_USAGE = 129

# Partial clones lack objects, which we do not read here; without this, libgit2 will not open them at all.
pygit2.option(pygit2.enums.Option.SET_EXTENSIONS, ["partialclone"], 1)


@dataclass(frozen=True)
class WorktreeEntry:
    """One worktree as git has it on its list. `branch` is None where the head is detached (or the entry is bare).

    `locked`: the reason given, possibly empty; None when not locked. `is_missing`: its folder is gone or no longer
    belongs to this repository.
    """

    path: Path
    sha: str | None
    branch: str | None
    is_main: bool
    is_bare: bool
    locked: str | None
    is_missing: bool


@dataclass(frozen=True)
class RepositoryFacts:
    """A repository. `root`: the folder of its main worktree, or the bare repository itself.

    `remote_url` carries no credential. `head_ref` is the branch of the main worktree, None when detached; `head_sha` is
    None while there is no commit.
    """

    root: Path
    is_bare: bool
    default_branch: str | None
    remote_url: str | None
    branches: tuple[str, ...]
    worktrees: tuple[WorktreeEntry, ...]
    head_ref: str | None
    head_sha: str | None
    is_empty: bool
    is_shallow: bool


@dataclass(frozen=True)
class Checkout:
    """A worktree, main or linked. `repository`: the root of the one it belongs to, as in `RepositoryFacts`."""

    root: Path
    repository: Path


@dataclass(frozen=True)
class _Head:
    root: Path
    is_bare: bool
    default_branch: str | None
    remote_url: str | None
    branches: tuple[str, ...]
    ref: str | None
    sha: str | None
    is_empty: bool
    is_shallow: bool


async def inspect(path: Path | str) -> RepositoryFacts:
    """The repository that `path` (absolute) is in, or is. From a linked worktree, that is the repository it belongs to.

    Raises BadRequest for a path that is none, NotFound where there is no repository.
    """
    head = await asyncio.to_thread(_read_head, _absolute(path))
    return RepositoryFacts(
        root=head.root,
        is_bare=head.is_bare,
        default_branch=head.default_branch,
        remote_url=head.remote_url,
        branches=head.branches,
        worktrees=await worktrees(head.root),
        head_ref=head.ref,
        head_sha=head.sha,
        is_empty=head.is_empty,
        is_shallow=head.is_shallow,
    )


async def checkout_of(path: Path | str) -> Checkout | None:
    """The checkout that `path` is in; None outside of any."""
    return await asyncio.to_thread(_checkout, _absolute(path))


async def root_of(path: Path | str) -> Path | None:
    """The root of the worktree that `path` is in; None outside of any."""
    checkout = await checkout_of(path)
    return checkout.root if checkout is not None else None


async def worktrees(repository: Path | str) -> tuple[WorktreeEntry, ...]:
    """All worktrees git knows of, the main one (or the bare repository) first; whoever made them."""
    output = await run_git("worktree", "list", "--porcelain", "-z", cwd=repository, accept=(0, _USAGE))
    printed = output.stdout
    if output.code == _USAGE:  # git before 2.36 knows no -z here
        printed = (await run_git("worktree", "list", "--porcelain", cwd=repository)).stdout.replace(b"\n", b"\0")
    blocks = printed.decode("utf-8", "replace").split("\0\0")
    return await asyncio.to_thread(_entries, [block for block in blocks if block])


async def common_dir(repository: Path | str) -> Path:
    """The git directory that all worktrees of `repository` share."""
    output = await run_git("rev-parse", "--path-format=absolute", "--git-common-dir", cwd=repository)
    return Path(output.text)


async def refuse_inside(folder: Path) -> None:
    """Raise Conflict if `folder` would lie directly in a repository or a worktree, as `a/b` may where `a` is one."""
    if await asyncio.to_thread(_is_root, folder.parent):
        raise Conflict(f"{folder} would lie inside the repository at {folder.parent}", path=str(folder))


def _is_root(folder: Path) -> bool:
    return (folder / ".git").exists() or ((folder / "HEAD").is_file() and (folder / "objects").is_dir())


def _absolute(path: Path | str) -> Path:
    if "\0" in str(path) or not Path(path).is_absolute():
        raise BadRequest(f"{str(path)!r} is not an absolute path", path=str(path))
    return Path(path)


def _open(path: Path) -> pygit2.Repository:
    if not path.exists():
        raise NotFound(f"nothing at {path}", path=str(path))
    try:
        found = pygit2.discover_repository(str(path))
        if found is None:
            raise NotFound(f"no git repository at {path}", path=str(path))
        return pygit2.Repository(found)
    except pygit2.GitError as error:
        raise GitRefused(f"cannot open the repository at {path}: {error}", path=str(path)) from error


def _checkout(path: Path) -> Checkout | None:
    try:
        repository = _open(path)
    except NotFound:
        return None
    if not repository.workdir:
        return None
    return Checkout(Path(repository.workdir).resolve(), _root(_main_of(repository)))


def _root(main: pygit2.Repository) -> Path:
    return Path(main.workdir or main.path).resolve()


def _read_head(path: Path) -> _Head:
    repository = _main_of(_open(path))
    try:
        reference = repository.references.get("HEAD")
        target = reference.raw_target if reference is not None else b""
        ref = target.decode("utf-8", "replace").removeprefix(_HEADS) if isinstance(target, bytes) else None
        return _Head(
            root=_root(repository),
            is_bare=repository.is_bare,
            default_branch=_default_branch(repository, ref),
            remote_url=_remote_url(repository),
            branches=tuple(sorted(repository.branches.local)),
            ref=ref,
            sha=None if repository.head_is_unborn else str(repository.head.target),
            is_empty=_is_empty(repository),
            is_shallow=repository.is_shallow,
        )
    except (pygit2.GitError, KeyError, ValueError) as error:
        raise GitRefused(f"cannot read the repository at {path}: {error}", path=str(path)) from error


def _main_of(repository: pygit2.Repository) -> pygit2.Repository:
    """The repository a linked worktree belongs to; any other as it is."""
    pointer = Path(repository.path) / "commondir"
    if not pointer.is_file():
        return repository
    return _open((Path(repository.path) / pointer.read_text().strip()).resolve())


def _default_branch(repository: pygit2.Repository, head: str | None) -> str | None:
    for remote in _remotes(repository):
        reference = repository.references.get(f"refs/remotes/{remote}/HEAD")
        if reference is not None and isinstance(reference.target, str):
            return reference.target.removeprefix(f"refs/remotes/{remote}/")
    if head is not None:
        return head
    return next((name for name in ("main", "master") if name in repository.branches.local), None)


def _is_empty(repository: pygit2.Repository) -> bool:
    """Whether there is no branch at all: neither here nor fetched."""
    return not any(repository.branches.local) and not any(repository.branches.remote)


def _remote_url(repository: pygit2.Repository) -> str | None:
    return next((scrub_url(url) for name in _remotes(repository) if (url := repository.remotes[name].url)), None)


def _remotes(repository: pygit2.Repository) -> list[str]:
    """Names of remotes, `origin` first."""
    return sorted((name for name in repository.remotes.names() if name), key=lambda name: (name != "origin", name))


def _entries(blocks: list[str]) -> tuple[WorktreeEntry, ...]:
    return tuple(_entry(block, is_main=number == 0) for number, block in enumerate(blocks))


def _entry(block: str, *, is_main: bool) -> WorktreeEntry:
    facts = dict(line.partition(" ")[::2] for line in block.split("\0") if line)
    path = Path(facts["worktree"])
    branch = facts.get("branch")
    sha = facts.get("HEAD")
    return WorktreeEntry(
        path=path,
        sha=None if sha is None or set(sha) == {"0"} else sha,
        branch=branch.removeprefix(_HEADS) if branch else None,
        is_main=is_main,
        is_bare="bare" in facts,
        locked=facts.get("locked"),
        is_missing="prunable" in facts or not (path.is_dir() if is_main else (path / ".git").is_file()),
    )
