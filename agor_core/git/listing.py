"""The linked worktrees of a repository as git's own records have them: read as files, so that it can be asked often."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from agor_core.errors import NotFound

_POINTER = "gitdir: "


@dataclass(frozen=True)
class LinkedWorktree:
    """A worktree beside the main one.

    `identity` stays the same when it is moved, and differs from that of a later one of the same name. `is_there`: its
    folder exists and is still this worktree. `locked`: the reason given, possibly empty; None when not locked.
    """

    path: Path
    identity: str
    is_there: bool
    locked: str | None


async def linked_worktrees(repository: Path | str) -> tuple[LinkedWorktree, ...]:
    """All linked worktrees of the repository whose root is `repository`. Raises NotFound where there is none any more.

    Runs no program.
    """
    (found,) = await linked_worktrees_of([repository])
    if found is None:
        raise NotFound(f"no git repository at {repository}", path=str(repository))
    return found


async def linked_worktrees_of(repositories: Sequence[Path | str]) -> list[tuple[LinkedWorktree, ...] | None]:
    """The same of many repositories, in their order; None for one that is gone."""
    return await asyncio.to_thread(lambda: [_read(Path(root)) for root in repositories])


def _read(root: Path) -> tuple[LinkedWorktree, ...] | None:
    try:
        return tuple(_linked(git_dir_of(root)))
    except NotFound:
        return None


async def index_mark(path: Path | str) -> tuple[int, str]:
    """(size of the index in bytes, a mark that is another one once index or HEAD were written) of a worktree.

    The size tells what looking at the worktree costs: about 70 bytes and 2 µs for each file. (0, "") if there is none.
    """
    return await asyncio.to_thread(_index_mark, Path(path))


def _index_mark(path: Path) -> tuple[int, str]:
    own = _pointed_at(path / ".git") or path / ".git"
    try:
        index, head = (own / "index").stat(), (own / "HEAD").stat()
    except OSError:
        return 0, ""
    return index.st_size, f"{index.st_mtime_ns} {index.st_ino} {head.st_mtime_ns} {head.st_ino}"


def git_dir_of(root: Path) -> Path:
    """The git directory of the main worktree at `root`, or `root` itself where that is bare. Raises NotFound."""
    pointer = root / ".git"
    found = pointer if pointer.is_dir() else _pointed_at(pointer) or root
    if not ((found / "HEAD").is_file() and (found / "objects").is_dir()):
        raise NotFound(f"no git repository at {root}", path=str(root))
    return found


def _linked(git_dir: Path) -> Iterator[LinkedWorktree]:
    for own in sorted(git_dir.glob("worktrees/*")):
        # Somebody may be adding or removing it this very moment: what is not whole is not there.
        with contextlib.suppress(OSError, ValueError):
            link = (own / (own / "gitdir").read_text().rstrip("\n")).absolute()
            # Written once, when the worktree is added.
            made_at = (own / "commondir").stat().st_mtime_ns
            yield LinkedWorktree(
                path=link.parent,
                identity=f"{own.name}:{made_at}",
                is_there=_leads_to(link, own),
                locked=_reason(own / "locked"),
            )


def _leads_to(link: Path, own: Path) -> bool:
    target = _pointed_at(link)
    return target is not None and target.resolve() == own.resolve()


def _pointed_at(link: Path) -> Path | None:
    """Where a file called `.git` leads; None if it is no such file."""
    try:
        text = link.read_text()
    except (OSError, ValueError):
        return None
    return link.parent / text.removeprefix(_POINTER).rstrip("\n") if text.startswith(_POINTER) else None


def _reason(lock: Path) -> str | None:
    try:
        return lock.read_text(errors="replace").strip()
    except FileNotFoundError:
        return None
