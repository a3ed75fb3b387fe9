"""The git program as an asyncio subprocess: never a shell, never a question, never left behind.

Long work and whatever needs the user's own set-up (credential helpers, ssh, hooks, filters) goes through here;
libgit2 holds the interpreter for seconds there.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from agor_core.errors import GitRefused, NotFound, Unavailable
from agor_core.git.refusals import refusal, without_credentials
from agor_core.processes import HAS_PROC, end_group, own_mark

READ_LIMIT_S = 60.0
WRITE_LIMIT_S = 600.0

# Time for git to take its lock files and half-made folders away again before it is killed.
TERMINATE_GRACE_S = 5.0

# Set by an outer git (we may run inside somebody's hook), these would aim us at another repository.
_REDIRECTING = frozenset(
    {
        "GIT_ALTERNATE_OBJECT_DIRECTORIES",
        "GIT_CEILING_DIRECTORIES",
        "GIT_COMMON_DIR",
        "GIT_DIR",
        "GIT_EXTERNAL_DIFF",
        "GIT_INDEX_FILE",
        "GIT_NAMESPACE",
        "GIT_OBJECT_DIRECTORY",
        "GIT_PREFIX",
        "GIT_QUARANTINE_PATH",
        "GIT_WORK_TREE",
    }
)

_OURS = {
    "LC_ALL": "C",  # refusals are told apart by git's English words
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_EDITOR": "true",
    "GIT_PAGER": "cat",
    "GIT_LITERAL_PATHSPECS": "1",  # a file may be called `*`
    # An allow-list, so that `ext::` and other transports that run programs do not exist for us, submodules included.
    "GIT_ALLOW_PROTOCOL": "file:git:http:https:ssh",
}

_CONFIG = (
    "core.fsmonitor=false",  # a program named by the repository's own configuration
    "gc.auto=0",  # collecting garbage is never our side effect
    "maintenance.auto=false",
    "color.ui=false",
    "core.quotePath=false",
    "core.ignoreStat=false",  # "assume unchanged" of everything
    "core.safecrlf=false",  # a warning for who commits; saving work must not fail over it
    "safe.bareRepository=all",  # we never look for a repository, we go to one we know
    "submodule.recurse=false",
    # A server that sends nothing for half a minute is gone.
    "http.lowSpeedLimit=100",
    "http.lowSpeedTime=30",
)

# How all we start begins, and hardly anything that others do.
_BEGINNING = ("git", *(part for setting in _CONFIG for part in ("-c", setting)))
# Tells by which daemon a git was started, after that has died, too. Whatever git starts inherits it.
_STARTED_BY = "AGOR_STARTED_BY"

ReadErrors = Callable[[asyncio.StreamReader], Awaitable[bytes]]


@dataclass(frozen=True)
class Output:
    """What git said, and its exit code."""

    code: int
    stdout: bytes
    stderr: str

    @property
    def text(self) -> str:
        """Standard output as text without the last line's end; bytes that are not UTF-8 are shown as U+FFFD."""
        return self.stdout.decode("utf-8", "replace").rstrip("\n")


async def run_git(
    *args: str,
    cwd: Path | str,
    timeout_s: float = READ_LIMIT_S,
    writes: bool = False,
    stdin: bytes | None = None,
    env: Mapping[str, str] | None = None,
    accept: Collection[int] = (0,),
    read_errors: ReadErrors | None = None,
) -> Output:
    """Run `git *args` in `cwd`, itself a repository or the root of a worktree: git never looks further up.

    `writes`: false also keeps git from refreshing the index in passing. `accept`: exit codes that are answers, any
    other raises what `refusal` makes of git's words. `read_errors` reads standard error in place of collecting it.
    A run that exceeds `timeout_s`, or whose caller is cancelled, is ended with all its children.
    """
    folder = Path(cwd)
    process = await _start(args, folder, _environment(folder, writes, env), stdin is not None)
    try:
        async with asyncio.timeout(timeout_s):
            code, stdout, stderr = await _talk(process, stdin, read_errors)
    except TimeoutError as error:
        raise GitRefused(
            f"git {_subcommand(args)} did not finish within {timeout_s:g} s in {folder}; is a disk or a server stuck?",
            timeout_s=timeout_s,
        ) from error
    finally:
        await _end(process)
    said = without_credentials(stderr.decode("utf-8", "replace"))
    if code not in accept:
        raise refusal(_subcommand(args), folder, code, said)
    return Output(code, stdout, said)


async def _start(
    args: tuple[str, ...], folder: Path, environment: dict[str, str], has_input: bool
) -> asyncio.subprocess.Process:
    try:
        return await asyncio.create_subprocess_exec(
            *_BEGINNING,
            *args,
            cwd=folder,
            env=environment,
            stdin=asyncio.subprocess.PIPE if has_input else asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,  # no terminal to ask on, and one group to end
        )
    except (FileNotFoundError, NotADirectoryError) as error:
        if not await asyncio.to_thread(folder.is_dir):
            raise NotFound(f"no folder at {folder}", path=str(folder)) from error
        raise Unavailable("the git program is not on the PATH; install git") from error
    except PermissionError as error:
        raise GitRefused(f"may not enter {folder}: {error.strerror}", path=str(folder)) from error
    except ValueError as error:  # a NUL in an argument or in the path
        raise GitRefused(f"git cannot be given that: {error}") from error


async def _talk(
    process: asyncio.subprocess.Process, stdin: bytes | None, read_errors: ReadErrors | None
) -> tuple[int, bytes, bytes]:
    if read_errors is None:
        stdout, stderr = await process.communicate(stdin)
    else:
        assert process.stdout is not None
        assert process.stderr is not None
        reading = asyncio.create_task(process.stdout.read())
        try:
            stderr = await read_errors(process.stderr)
            stdout = await reading
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)
    return await process.wait(), stdout, stderr


async def _end(process: asyncio.subprocess.Process) -> None:
    """End what still runs of the group, politely first."""
    if process.returncode is not None:
        return
    _signal_group(process, signal.SIGTERM)
    try:
        async with asyncio.timeout(TERMINATE_GRACE_S):
            await process.communicate()
    except TimeoutError:
        pass
    finally:
        if process.returncode is None:
            _signal_group(process, signal.SIGKILL)
            await process.communicate()


async def end_leftovers(mark: str) -> int:
    """End what a daemon that is no more has left running of git, each with all its children; how many there were.

    `mark`: its `own_mark`, which each carries in its environment. Ended is only what we have started ourselves: what
    git itself puts in the background, like the master of an ssh connection, leads a session of its own and goes on.
    """
    if not mark or not HAS_PROC:
        return 0
    found = await asyncio.to_thread(_started_by, mark)
    return sum(await asyncio.gather(*(end_group(pid, grace_s=TERMINATE_GRACE_S) for pid in found)))


def _started_by(mark: str) -> list[int]:
    """The processes that lead what we have started."""
    said = f"{_STARTED_BY}={mark}".encode()
    beginning = "\0".join(_BEGINNING).encode() + b"\0"
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        # It may have ended meanwhile, or be somebody else's.
        with contextlib.suppress(OSError):
            pid = int(entry.name)
            is_ours = (entry / "cmdline").read_bytes().startswith(beginning)
            if is_ours and said in (entry / "environ").read_bytes().split(b"\0") and os.getsid(pid) == pid:
                found.append(pid)
    return found


def _signal_group(process: asyncio.subprocess.Process, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):  # it ended by itself in between
        os.killpg(process.pid, number)


def _environment(folder: Path, writes: bool, extra: Mapping[str, str] | None) -> dict[str, str]:
    inherited = {key: value for key, value in os.environ.items() if key not in _REDIRECTING}
    return {
        **inherited,
        **_OURS,
        _STARTED_BY: own_mark(),
        "GIT_OPTIONAL_LOCKS": "1" if writes else "0",
        # A worktree whose `.git` has vanished must not become the repository around it.
        "GIT_CEILING_DIRECTORIES": str(folder.resolve().parent),
        **(extra or {}),
    }


def _subcommand(args: tuple[str, ...]) -> str:
    """The `fetch` of `-c key=value fetch origin`."""
    return next((arg for before, arg in pairwise(("", *args)) if before != "-c" and not arg.startswith("-")), "")
