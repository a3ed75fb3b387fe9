"""Agents run as process groups of their own, so that ending one ends all it started."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
from collections import deque
from collections.abc import Coroutine, Mapping, Sequence
from typing import Any

from agor_core.processes import child_identity, end_group, is_of_here, process_identity

# What a program says before it dies fits; a flood of warnings does not fill the memory.
STDERR_LINES = 50
STDERR_LINE_CHARS = 1_000

# asyncio stops reading a pipe once twice this much waits; a longer line has to be read in pieces.
PIPE_BUFFER_BYTES = 256 * 1024
LONGEST_LINE_BYTES = 64 * 1024 * 1024

# What an agent may write that is no message of its protocol: notes are normal, a stream of them is not.
MOST_NOISE_BYTES = 32 * 1024 * 1024

GRACE_S = 0.7

# Becomes the program, with the same number, when a line comes; and ends when whoever would send it is gone.
WAIT_FOR_A_LINE = ("/bin/sh", "-c", 'read -r _ && exec "$@"', "sh")


class Flood(Exception):
    """A program writes more than anyone can mean; the text says what of."""


class _Protocol(asyncio.subprocess.SubprocessStreamProtocol):
    """Tells when the process itself has ended; asyncio's own `wait` waits for everyone who holds its pipes."""

    def __init__(self, limit: int, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(limit=limit, loop=loop)
        self.exited = asyncio.Event()

    def process_exited(self) -> None:
        super().process_exited()
        self.exited.set()


class ChildProcess:
    """A program that leads a process group, with pipes for its input and output and the tail of its stderr."""

    def __init__(self, transport: asyncio.SubprocessTransport, protocol: _Protocol) -> None:
        self._transport = transport
        self._exited = protocol.exited
        self._process = asyncio.subprocess.Process(transport, protocol, asyncio.get_running_loop())
        self._stderr: deque[str] = deque(maxlen=STDERR_LINES)
        self._stderr_reader = asyncio.create_task(self._read_stderr(), name=f"stderr of {self.pid}")
        self.identity = child_identity(self.pid)

    @classmethod
    async def start(
        cls, command: Sequence[str], *, cwd: str, environment: Mapping[str, str], is_held: bool = False
    ) -> ChildProcess:
        """Start `command` with exactly `environment`. Raises FileNotFoundError, NotADirectoryError, PermissionError.

        `is_held`: it does nothing before `release`, and ends if we do: so its number can be written down first, and
        whenever this program is killed, what runs is known to the next one.
        """
        if is_held and not await asyncio.to_thread(os.access, command[0], os.X_OK):
            raise FileNotFoundError(errno.ENOENT, "there is no such program, or it may not be run", command[0])
        words = [*WAIT_FOR_A_LINE, *command] if is_held else command
        starting = asyncio.ensure_future(cls._start(words, cwd, environment))
        try:
            return await asyncio.shield(starting)
        except asyncio.CancelledError:
            # The program may run already: asyncio would kill it alone, and what it has started would live on.
            await _to_its_end(cls._undo(starting))
            raise

    @classmethod
    async def _undo(cls, starting: asyncio.Future[ChildProcess]) -> None:
        with contextlib.suppress(OSError):
            await (await starting).close()

    @classmethod
    async def _start(cls, command: Sequence[str], cwd: str, environment: Mapping[str, str]) -> ChildProcess:
        loop = asyncio.get_running_loop()
        transport, protocol = await loop.subprocess_exec(
            lambda: _Protocol(PIPE_BUFFER_BYTES, loop),
            *command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            cwd=cwd,
            env=dict(environment),
            start_new_session=True,
        )
        return cls(transport, protocol)

    def release(self) -> None:
        """Let a process that is held become its program."""
        self.stdin.write(b"\n")

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def stdin(self) -> asyncio.StreamWriter:
        assert self._process.stdin is not None
        return self._process.stdin

    @property
    def stdout(self) -> asyncio.StreamReader:
        assert self._process.stdout is not None
        return self._process.stdout

    @property
    def returncode(self) -> int | None:
        return self._process.returncode

    @property
    def stderr_tail(self) -> str:
        """The last lines of what the program said on stderr."""
        return "\n".join(self._stderr)

    async def wait(self) -> int:
        """Wait for the leader's end (not the group's) and give its exit code, negative for a signal."""
        await self._exited.wait()
        assert self.returncode is not None
        return self.returncode

    async def write(self, data: bytes) -> None:
        """Write and wait for room. Raises ConnectionError if nobody reads any more."""
        self.stdin.write(data)
        await self.stdin.drain()

    async def read_line(self) -> bytes:
        """The next line of stdout with its newline; at the end, what is left, then b"". Raises Flood."""
        parts: list[bytes] = []
        size = 0
        while True:
            try:
                part = await self.stdout.readuntil(b"\n")
                ended = True
            except asyncio.IncompleteReadError as error:
                part, ended = error.partial, True
            except asyncio.LimitOverrunError as error:
                part, ended = await self.stdout.readexactly(error.consumed), False
            if not parts and ended:
                return part
            parts.append(part)
            size += len(part)
            if size > LONGEST_LINE_BYTES:
                raise Flood(f"it wrote a line of more than {LONGEST_LINE_BYTES // 1024 // 1024} MB")
            if ended:
                return b"".join(parts)

    async def close(self, *, grace_s: float = GRACE_S) -> None:
        """End the whole group: end of input, then SIGTERM, then SIGKILL, `grace_s` apart. Safe to call twice.

        Runs to its end even if the caller is cancelled meanwhile: a group left behind would go on writing files.
        """
        await _to_its_end(self._close(grace_s))

    async def _close(self, grace_s: float) -> None:
        self.stdin.close()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._exited.wait(), grace_s)
        await end_group(self.pid, grace_s=grace_s, with_tools=True)
        await self._exited.wait()
        # A grandchild in a session of its own may hold our pipes for ever: do not wait for their end.
        self._stderr_reader.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._stderr_reader
        self._transport.close()

    async def _read_stderr(self) -> None:
        assert self._process.stderr is not None
        while True:
            try:
                line = await self._process.stderr.readuntil(b"\n")
            except asyncio.IncompleteReadError as error:
                self._remember(error.partial)
                return
            except asyncio.LimitOverrunError as error:
                line = await self._process.stderr.readexactly(error.consumed)
            self._remember(line)

    def _remember(self, line: bytes) -> None:
        text = line[:STDERR_LINE_CHARS].decode("utf-8", "replace").rstrip()
        if text:
            self._stderr.append(text)


async def _to_its_end(work: Coroutine[Any, Any, None]) -> None:
    """Await `work` to its end however often the caller is cancelled meanwhile; then let the cancellation through."""
    task, is_cancelled = asyncio.ensure_future(work), False
    while not task.done():
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError:
            is_cancelled = True
    task.result()
    if is_cancelled:
        raise asyncio.CancelledError


async def end_leftover(pid: int, identity: str, *, grace_s: float = GRACE_S) -> bool:
    """End what a daemon that was killed left of an agent; whether anything was still alive.

    `pid` and `identity` as in `AgentProcess`. Another process that has got the number since is left alone. If the
    leader is gone, the group's number cannot have been given away while members live, so these are ended. What ran on
    another machine, or on this one before it was started anew, is not here at all.
    """
    now = process_identity(pid)
    if not is_of_here(identity) or (now is not None and now != identity):
        return False
    return await end_group(pid, grace_s=grace_s, with_tools=True)
