"""Power cuts for processes."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess


def kill(process: subprocess.Popen[bytes], *, with_children: bool) -> None:
    """End a process as a power cut would; with or without the programs it was running, each a group of its own."""
    process.send_signal(signal.SIGSTOP)
    listed = subprocess.run(
        ["ps", "-o", "pid=", "--ppid", str(process.pid)], capture_output=True, text=True, check=False
    )
    process.kill()
    process.wait()
    if with_children:
        for child in listed.stdout.split():
            with contextlib.suppress(ProcessLookupError):
                os.killpg(int(child), signal.SIGKILL)


def blobs_of(repository: str | os.PathLike[str]) -> set[bytes]:
    """The content of every blob that some ref of a repository leads to, once all that no ref leads to is gone."""

    def git(*arguments: str, given: bytes = b"") -> bytes:
        return subprocess.run(["git", *arguments], cwd=repository, input=given, capture_output=True, check=True).stdout

    git("reflog", "expire", "--expire=now", "--expire-unreachable=now", "--all")
    git("gc", "-q", "--prune=now")
    shas = b"".join(line.split()[0] + b"\n" for line in git("rev-list", "--objects", "--all").splitlines())
    found: set[bytes] = set()
    rest = git("cat-file", "--batch", given=shas)
    while rest:
        head, _, rest = rest.partition(b"\n")
        size = int(head.split()[2])
        if head.split()[1] == b"blob":
            found.add(rest[:size])
        rest = rest[size + 1 :]
    return found
