"""The fake Messages API beside tests that are not asynchronous, and what is left of agents after a run."""

from __future__ import annotations

import asyncio
import contextlib
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.fake_anthropic import FakeAnthropic


@contextlib.contextmanager
def claude_api(*rules: dict[str, Any], **script: Any) -> Iterator[FakeAnthropic]:
    """A fake API that answers from another thread."""
    fake = FakeAnthropic({"rules": list(rules), **script})
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="fake messages API")
    thread.start()
    try:
        asyncio.run_coroutine_threadsafe(fake.__aenter__(), loop).result()
        try:
            yield fake
        finally:
            asyncio.run_coroutine_threadsafe(fake.__aexit__(None, None, None), loop).result()
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


# The daemon's own: its git, which looks at what a run left, and what it has forked that is not yet that git.
DAEMONS = re.compile(r"git -c core\.fsmonitor=false |\S+ -m agor_daemon ")


def processes_in(folder: Path) -> dict[int, str]:
    """The command lines of what runs in a folder or below it, but for the daemon's own git, and for what has ended
    and only waits to be noticed."""
    found = {}
    for process in Path("/proc").iterdir():
        if not process.name.isdigit():
            continue
        with contextlib.suppress(OSError):
            state = (process / "stat").read_text().rpartition(")")[2].split()[0]
            if (process / "cwd").readlink().is_relative_to(folder) and state not in "ZX":
                found[int(process.name)] = (process / "cmdline").read_text().replace("\0", " ")
    return {pid: command for pid, command in found.items() if not DAEMONS.match(command)}
