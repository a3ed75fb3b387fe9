"""What a new worktree needs of a remote: its default branch, or a branch by name, fetched narrowly."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from agor_core.errors import ServiceError
from agor_core.git.program import run_git

# A person waits for the worktree: better to start from what we have, and say so.
FETCH_LIMIT_S = 60.0


@dataclass(frozen=True)
class RemoteBranch:
    """A remote, its default branch as far as known here, and whether it has the branch that was asked for."""

    remote: str
    default: str | None
    has_branch: bool


async def fetch_start(
    repository: Path | str, branch: str, *, online: bool = True
) -> tuple[RemoteBranch | None, list[str]]:
    """What the first remote (`origin` before others) has of `branch` and of its default branch, fetched if `online`.

    Only the one that a worktree would start from is fetched, to its remote-tracking branch, whatever the configured
    refspec says: nothing else moves. Without a remote: None. If it does not answer, what is known here counts, and a
    note says so.
    """
    remote = await first_remote(repository)
    if remote is None:
        return None, []
    if online:
        try:
            return await _fetch(repository, remote, branch), []
        except ServiceError as error:
            note = f"could not fetch from {remote}, so this starts from what was here: {error.message}"
            return await _known(repository, remote, branch), [note]
    return await _known(repository, remote, branch), []


async def first_remote(repository: Path | str) -> str | None:
    """The remote that counts: `origin`, else the first by name."""
    names = (await run_git("remote", cwd=repository)).text.split("\n")
    return min((name for name in names if name), key=lambda name: (name != "origin", name), default=None)


async def remote_head(folder: Path, address: str, timeout_s: float) -> str | None:
    """The default branch of the repository at `address`: what its HEAD is, else `main`, `master` or its first."""
    listed = await run_git(
        "ls-remote", "--symref", "--", address, "HEAD", "refs/heads/*", cwd=folder, timeout_s=timeout_s
    )
    default, offered = _offer(listed.text)
    return default or next((name for name in ("main", "master", *offered) if name in offered), None)


async def _fetch(repository: Path | str, remote: str, branch: str) -> RemoteBranch:
    """Ask the remote; fetch `branch` if it has it, else its default branch, unless that is here already."""
    listed = await run_git(
        *("ls-remote", "--symref", "--", remote, "HEAD", f"refs/heads/{branch}"),
        cwd=repository,
        timeout_s=FETCH_LIMIT_S,
    )
    default, offered = _offer(listed.text)
    has_branch = branch in offered
    wanted = branch if has_branch else default
    if wanted is not None and offered[wanted] != await _sha(repository, remote, wanted):
        await run_git(
            *("fetch", "--quiet", "--no-tags", "--no-prune", "--no-write-fetch-head", "--recurse-submodules=no"),
            *("--refmap=", "--", remote, f"+refs/heads/{wanted}:refs/remotes/{remote}/{wanted}"),
            cwd=repository,
            writes=True,
            timeout_s=FETCH_LIMIT_S,
        )
    return RemoteBranch(remote, default, has_branch)


def _offer(listed: str) -> tuple[str | None, dict[str, str]]:
    """The default branch, and the sha of each branch named, from `git ls-remote --symref`."""
    default: str | None = None
    offered: dict[str, str] = {}
    for what, ref in (line.split("\t") for line in listed.split("\n") if "\t" in line):
        if what.startswith("ref: refs/heads/") and ref == "HEAD":
            default = what.removeprefix("ref: refs/heads/")
        elif ref == "HEAD" and default is not None:
            offered[default] = what
        elif ref.startswith("refs/heads/"):
            offered[ref.removeprefix("refs/heads/")] = what
    return (default if default in offered else None), offered


async def _known(repository: Path | str, remote: str, branch: str) -> RemoteBranch:
    default = await _known_default(repository, remote)
    if default is not None and await _sha(repository, remote, default) is None:
        default = None
    return RemoteBranch(remote, default, await _sha(repository, remote, branch) is not None)


async def _known_default(repository: Path | str, remote: str) -> str | None:
    found = await run_git(
        "symbolic-ref", "--quiet", "--short", f"refs/remotes/{remote}/HEAD", cwd=repository, accept=(0, 1)
    )
    return found.text.removeprefix(f"{remote}/") or None


async def _sha(repository: Path | str, remote: str, branch: str) -> str | None:
    ref = f"refs/remotes/{remote}/{branch}"
    found = await run_git("rev-parse", "--verify", "--quiet", ref, cwd=repository, accept=(0, 1))
    return found.text or None
