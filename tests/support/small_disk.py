"""A real file system of a few megabytes, which can be filled to its last block.

It is a tmpfs in a mount namespace of its own, which needs root, or a system that lets users make namespaces. Programs
that are to see it are started with `inside`; from outside its files are found with `seen`. Whatever happens, it goes
with the process that holds it, which goes with this one.
"""

from __future__ import annotations

import contextlib
import errno
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

WITHOUT_ROOT = ("--map-root-user",)
BLOCK_BYTES = 4096
BALLAST = "ballast"


@dataclass(frozen=True)
class SmallDisk:
    """One that is mounted at `path`, for those that run `inside`."""

    path: Path
    holder: int
    is_root: bool

    @property
    def inside(self) -> tuple[str, ...]:
        """What a command begins with whose program sees the disk; it keeps the pid it was started with."""
        into = ("nsenter", f"--target={self.holder}", "--mount")
        return into if self.is_root else (*into, "--user", "--preserve-credentials")

    def seen(self, path: Path) -> Path:
        """Where this process finds what is at `path` there. Not to be resolved: the way leads through a process."""
        return Path(f"/proc/{self.holder}/root{path}")

    def fill(self, *, but: int = 0) -> None:
        """Leave no block free but those of `but` bytes."""
        ballast = os.open(self.seen(self.path / BALLAST), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            with contextlib.suppress(OSError):
                while True:
                    os.write(ballast, bytes(64 * BLOCK_BYTES))
            with contextlib.suppress(OSError):
                while True:
                    os.write(ballast, bytes(BLOCK_BYTES))
            os.ftruncate(ballast, max(0, os.fstat(ballast).st_size - but))
        finally:
            os.close(ballast)

    def free(self) -> None:
        """Give back what `fill` has taken."""
        self.seen(self.path / BALLAST).unlink(missing_ok=True)

    def is_full(self) -> bool:
        """Whether there is not one more block."""
        probe = self.seen(self.path / ".probe")
        try:
            probe.write_bytes(bytes(BLOCK_BYTES))
        except OSError as error:
            return error.errno == errno.ENOSPC
        finally:
            probe.unlink(missing_ok=True)
        return False


@contextlib.contextmanager
def small_disk(path: Path, size_bytes: int) -> Iterator[SmallDisk]:
    """A disk at `path`, which is made. Raises LookupError with what is missing where none can be mounted."""
    path.mkdir(parents=True)
    is_root = os.geteuid() == 0
    own = () if is_root else WITHOUT_ROOT
    mounting = f'mount -t tmpfs -o size={size_bytes},mode=700 tmpfs "$0" && echo mounted && exec cat'
    try:
        holder = subprocess.Popen(
            ["unshare", "--mount", *own, "sh", "-c", mounting, str(path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
    except FileNotFoundError as error:
        raise LookupError("a disk of a test's own needs Linux with util-linux (unshare, nsenter, mount)") from error
    with holder:
        assert holder.stdout is not None
        if holder.stdout.readline() != "mounted\n":
            said = holder.communicate()[1].strip()
            raise LookupError(f"a disk of a test's own needs root, or user namespaces: {said}")
        yield SmallDisk(path, holder.pid, is_root)
